/**
 * @file Segmenter.h
 * The process that segments, one series after the other.
 */
#ifndef FRUGALSEG_NODE_SEGMENTER_H
#define FRUGALSEG_NODE_SEGMENTER_H

#include "Queue.h"
#include "Settings.h"

namespace frugalseg
{
namespace node
{

/** Segment what is ready until the node ends. Does not throw. */
void runSegmenter(const Settings &settings, Shared &shared, Queue &queue) noexcept;

/** The segmenting process ended by itself: what it worked on is tried once more, then fails. */
void afterCrash(const Settings &settings, Queue &queue, const char *how);

} // namespace node
} // namespace frugalseg
#endif
