/**
 * @file Sender.h
 * The process that sends segmentations to the peer.
 */
#ifndef FRUGALSEG_NODE_SENDER_H
#define FRUGALSEG_NODE_SENDER_H

#include "Queue.h"
#include "Settings.h"

namespace frugalseg
{
namespace node
{

/** Send what is segmented until the node ends. Does not throw. */
void runSender(const Settings &settings, Shared &shared, Queue &queue) noexcept;

/** Seconds until the next attempt after `attempts` unsuccessful ones: 1, 2, 4 ... 300. */
double backoff(int attempts);

} // namespace node
} // namespace frugalseg
#endif
