/**
 * @file PolledWork.h
 * Long steps that cannot report progress themselves.
 */
#ifndef FRUGALSEG_IMAGING_POLLED_WORK_H
#define FRUGALSEG_IMAGING_POLLED_WORK_H

#include "Failure.h"
#include <chrono>
#include <exception>
#include <future>

namespace frugalseg
{

/**
 * Run `work` on another thread while this one reports `fraction` every 20 ms, so that the user's
 * program stays alive and a wish to cancel is heard. A cancelled step is still finished (it is a
 * matter of seconds on the largest images) and its result dropped.
 */
template <typename Work>
auto runPolled(const fseg_progress *progress, double fraction, const char *stage, Work &&work)
    -> decltype(work())
{
    reportProgress(progress, fraction, stage);
    if (!progress || !progress->callback) {
        return work();
    }
    auto result = std::async(std::launch::async, std::forward<Work>(work));
    while (result.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
        reportProgress(progress, fraction, stage); // when it throws, the future waits for the work
    }
    return result.get();
}

} // namespace frugalseg
#endif
