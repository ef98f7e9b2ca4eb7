/**
 * @file allocation.h
 * malloc and its relatives, replaced for a whole test program, libraries included: counts what is
 * asked for, and lets a chosen request fail. Works under the sanitizers of GCC (shared run-time
 * library).
 */
#ifndef FRUGALSEG_TESTING_ALLOCATION_H
#define FRUGALSEG_TESTING_ALLOCATION_H

#include <cstddef>

namespace allocation
{

/** What was asked for since the last reset, by all threads. */
struct Use {
    size_t largest; /**< bytes of the largest single request */
    size_t count;   /**< number of requests */
};
Use use();
void reset();

/** Let request number `nth` of this thread (from 1, counted from now) fail once; 0: none fails. */
void failAt(size_t nth);
/** Whether that has happened. */
bool failed();

} // namespace allocation
#endif
