/**
 * @file random_fill.h
 * Internal: many normal numbers at once, for noise on whole images.
 */
#ifndef FRUGALSEG_SRC_RANDOM_FILL_H
#define FRUGALSEG_SRC_RANDOM_FILL_H

#include "frugalseg/random.h"

/**
 * Fill out[0..count-1] with standard normals (Box-Muller, both numbers of each pair used), in
 * whole groups of 64: the stream moves on by a multiple of 16 blocks. A function of the stream's
 * state alone, but not the sequence that repeated fseg_random_normal calls would give.
 */
void fseg_random_fill_normal(fseg_random *random, size_t count, float *out);

#endif
