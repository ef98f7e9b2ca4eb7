/**
 * @file Association.h
 * One association that a peer opened, served by a process of its own: a fault in it, or in the
 * toolkit's parsers, ends this process and costs this association.
 */
#ifndef FRUGALSEG_NODE_ASSOCIATION_H
#define FRUGALSEG_NODE_ASSOCIATION_H

#include "Queue.h"
#include "Settings.h"

#include <string>

namespace frugalseg
{
namespace node
{

/** Whether `text` is a UID (PS3.5 section 9.1: digits and dots, at most 64). */
bool isUid(const std::string &text);

/**
 * Serve the connection `socket` to its end. `name` tells this association from all others, of
 * earlier runs too; `slot` is this connection's. Does not throw.
 */
void serveAssociation(const Settings &settings, Shared &shared, Slot &slot, Queue &queue,
                      int socket, const std::string &name) noexcept;

} // namespace node
} // namespace frugalseg
#endif
