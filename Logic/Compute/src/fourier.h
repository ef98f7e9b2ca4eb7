/**
 * @file fourier.h
 * Internal: discrete Fourier transform of one row of any length (mixed radix).
 */
#ifndef FRUGALSEG_SRC_FOURIER_H
#define FRUGALSEG_SRC_FOURIER_H

#include <stddef.h>

typedef struct fseg_complex {
    float re, im;
} fseg_complex;

/** Complex numbers of table that a length needs. */
size_t fseg_fourier_table(int n);
/** Fill `table` for length n. */
void fseg_fourier_prepare(int n, fseg_complex *table);
/** out[k] = sum_j in[j stride] exp(-+2 pi i j k / n), minus for inverse = 0, plus (and times 1 / n)
 *  for 1. in and out differ. Time n times the sum of n's prime factors. */
void fseg_fourier(int n, const fseg_complex *table, int inverse, const fseg_complex *in,
                  size_t stride, fseg_complex *out);

#endif
