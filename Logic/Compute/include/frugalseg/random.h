/**
 * @file random.h
 * Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011).
 *
 * A stream is a value: (seed, stream number, counter). The n-th number depends on nothing else, so
 * every thread, rank and resumed run draws the same. A stream belongs to its user; no globals.
 */
#ifndef FRUGALSEG_RANDOM_H
#define FRUGALSEG_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fseg_random {
    uint64_t seed;
    uint64_t stream;
    uint64_t counter;  /**< blocks of four drawn so far */
    uint32_t block[4]; /**< the current block */
    int used;          /**< numbers of the block already handed out, 4 = all */
} fseg_random;

/** The raw generator: 128-bit counter and 64-bit key to four 32-bit words. */
void fseg_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
/** A generator of its own for each stream of a seed, and 32 uniform bits of it (PCG). */
fseg_random fseg_random_create(uint64_t seed, uint64_t stream);
uint32_t fseg_random_u32(fseg_random *random);
/** Uniform in [0, 1), 24 bits. */
float fseg_random_uniform(fseg_random *random);
/** Uniform in [low, high). */
float fseg_random_range(fseg_random *random, float low, float high);
/** Uniform integer in 0..bound-1; bound > 0. */
uint32_t fseg_random_below(fseg_random *random, uint32_t bound);
/** Standard normal (Box-Muller). */
float fseg_random_normal(fseg_random *random);

#ifdef __cplusplus
}
#endif
#endif
