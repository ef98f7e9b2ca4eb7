/**
 * @file system_calls.h
 * The calls that write files, replaced for a whole test program: a chosen one fails, as on a full
 * disk.
 */
#ifndef FRUGALSEG_TESTING_SYSTEM_CALLS_H
#define FRUGALSEG_TESTING_SYSTEM_CALLS_H

#include <cstddef>

namespace system_calls
{

/** Let call number `nth` (from 1, counted from now) among open for writing, write, fsync, link,
 *  rename, mkstemp, fchmod, ftruncate and mkdir fail once with errno `code`; 0: none fails. */
void failAt(size_t nth, int code);
/** Whether that has happened, and in which call. */
const char *failed();

} // namespace system_calls
#endif
