/* What the forward and backward kernels on bfloat16 tensors share. */
#ifndef FSEG_KERNELS_AVX512BF16_H
#define FSEG_KERNELS_AVX512BF16_H

#include "kernels.h"
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 32")

/* First interior pixel of row h. */
INLINE size_t row_start(int h, int width)
{
    return ((size_t)(h + 1) * (size_t)(width + 2) + 1) * FSEG_BLOCK;
}

/* The 16 channels of a pixel as floats, and back, rounded to nearest even. */
INLINE __m512 load16(const uint16_t *p)
{
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

INLINE void store16(uint16_t *p, __m512 v)
{
    _mm256_storeu_si256((void *)p, (__m256i)_mm512_cvtneps_pbh(v));
}

/* Two neighbouring bfloat16 values, broadcast. */
INLINE __m512bh splat2(const uint16_t *p)
{
    return (__m512bh)_mm512_broadcastd_epi32(_mm_loadu_si32(p));
}

/* kernels_avx512bf16_back.c: see fseg_kernels. */
void fseg_bf16_conv_weight_grad(const fseg_conv_weight_grad *args);
void fseg_bf16_norm_relu_grad_sums(const void *x, const void *dy, fseg_norm_map map, int height,
                                   int width, double sum[16], double product[16]);
void fseg_bf16_norm_relu_grad(const void *x, const void *dy, fseg_norm_map map, const float p[16],
                              const float q[16], const float r[16], void *dx, int height, int width,
                              double sum[16]);
void fseg_bf16_max_pool_grad(const void *x, const void *dy, void *dx, int height, int width);
void fseg_bf16_upsample_grad(const void *dy, void *dx, int height, int width);

#endif
