/*
 * Vectors of VLEN floats (4, 8 or 16, defined by the including file) by the compiler's vector
 * extension: what all kernels written once for every instruction set are made of.
 */
#ifndef FSEG_VECTOR_H
#define FSEG_VECTOR_H

#include "kernels.h"
#if defined(__SSE__)
#include <immintrin.h>
#endif

typedef float vf __attribute__((vector_size(VLEN * 4), aligned(VLEN * 4)));
typedef int vi __attribute__((vector_size(VLEN * 4), aligned(VLEN * 4)));

#define INLINE static inline __attribute__((always_inline))
#define VECTORS (FSEG_BLOCK / VLEN) /* vectors per 16 channels */
#define UNROLL _Pragma("GCC unroll 32")

INLINE vf load(const float *p)
{
    return *(const vf *)p;
}

INLINE void store(float *p, vf v)
{
    *(vf *)p = v;
}

INLINE vf splat(float x)
{
    return x - (vf){0};
}

/* Per lane: mask ? a : b. */
INLINE vf pick(vi mask, vf a, vf b)
{
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

/* b > a ? b : a, per lane. */
INLINE vf larger(vf a, vf b)
{
#if VLEN == 16 && defined(__AVX512F__)
    return (vf)_mm512_max_ps((__m512)b, (__m512)a);
#elif VLEN == 8 && defined(__AVX__)
    return (vf)_mm256_max_ps((__m256)b, (__m256)a);
#elif VLEN == 4 && defined(__SSE__)
    return (vf)_mm_max_ps((__m128)b, (__m128)a);
#else
    return pick(b > a, b, a);
#endif
}

/* First interior pixel of row h. */
INLINE size_t row_start(int h, int width)
{
    return ((size_t)(h + 1) * (size_t)(width + 2) + 1) * FSEG_BLOCK;
}

#endif
