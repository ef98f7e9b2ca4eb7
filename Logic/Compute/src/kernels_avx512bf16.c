/*
 * Kernels on bfloat16 tensors (AVX-512 BF16): two input channels a multiply-add, sums in float. A
 * bfloat16 is the upper half of a float; results are rounded to nearest even once when a
 * convolution writes and once when GroupNorm does.
 *
 * The tile is that of kernels_body.h: 12 pixels x 32 output channels, 24 accumulators. A weight
 * vector holds a pair of input channels for 16 output channels; the matching pair of input values
 * is 32 bits in memory and is broadcast as one. Backward passes: kernels_avx512bf16_back.c.
 */
#include "kernels_avx512bf16.h"

enum { TILE_BLOCKS = 2, TILE_PIXELS = 12 };

static void convert(const float *in, void *out, size_t count)
{
    for (size_t i = 0; i < count; i += FSEG_BLOCK) /* whole pixels only */
        store16((uint16_t *)out + i, _mm512_loadu_ps(in + i));
}

/* Blocks [16 ci][16 co] of floats become [8 pairs][16 co][2], half as long, from the front. */
static void convert_weights(float *packed, size_t count)
{
    uint16_t *out = (uint16_t *)(void *)packed;
    for (size_t i = 0; i < count; i += FSEG_BLOCK * FSEG_BLOCK) {
        uint16_t block[FSEG_BLOCK * FSEG_BLOCK];
        convert(packed + i, block, FSEG_BLOCK * FSEG_BLOCK);
        for (size_t ci = 0; ci < FSEG_BLOCK; ++ci)
            for (size_t co = 0; co < FSEG_BLOCK; ++co)
                out[i + (ci / 2 * FSEG_BLOCK + co) * 2 + ci % 2] = block[ci * FSEG_BLOCK + co];
    }
}

/* ---- convolution ------------------------------------------------------------------------- */

/* One tile of a row; `step` is in.pixel / 16. */
INLINE void conv_tile(const fseg_conv_rows *a, int h, int w0, const int pixels, const int blocks,
                      const int step, __m512 sums[2][TILE_BLOCKS])
{
    __m512 acc[TILE_PIXELS][TILE_BLOCKS];
    const size_t y = (size_t)a->out.origin + (size_t)h * a->out.row + (size_t)w0 * a->out.pixel;
    UNROLL for (int b = 0; b < blocks; ++b)
    {
        const __m512 bias =
            a->bias ? _mm512_loadu_ps(a->bias + b * FSEG_BLOCK) : _mm512_setzero_ps();
        const uint16_t *yb = (const uint16_t *)a->y + y + (size_t)b * a->out.plane;
        UNROLL for (int p = 0; p < pixels; ++p) acc[p][b] =
            a->accumulate ? _mm512_add_ps(load16(yb + (size_t)p * a->out.pixel), bias) : bias;
    }
    const uint16_t *weight = a->weight;
    const ptrdiff_t first = a->in.origin + (ptrdiff_t)((size_t)h * a->in.row) +
                            (ptrdiff_t)((size_t)w0 * (size_t)(step * FSEG_BLOCK));
    for (int s = 0; s < a->source_count; ++s) {
        const uint16_t *x = (const uint16_t *)a->sources[s].x + first;
        for (int left = a->sources[s].channels; left > 0; left -= FSEG_BLOCK, x += a->in.plane) {
            const int pairs = (left < FSEG_BLOCK ? left + 1 : FSEG_BLOCK) / 2;
            for (int tap = 0; tap < a->tap_count; ++tap) {
                const uint16_t *xt = x + a->taps[tap];
                for (int pair = 0; pair < pairs; ++pair) {
                    __m512bh w[TILE_BLOCKS];
                    UNROLL for (int b = 0; b < blocks; ++b) w[b] = (__m512bh)_mm512_loadu_si512(
                        weight + (size_t)b * a->weight_stride + (size_t)pair * 2 * FSEG_BLOCK);
                    UNROLL for (int p = 0; p < pixels; ++p)
                    {
                        const __m512bh xv = splat2(xt + p * step * FSEG_BLOCK + 2 * pair);
                        UNROLL for (int b = 0; b < blocks; ++b) acc[p][b] =
                            _mm512_dpbf16_ps(acc[p][b], w[b], xv);
                    }
                }
                weight += FSEG_BLOCK * FSEG_BLOCK;
            }
        }
    }
    UNROLL for (int b = 0; b < blocks; ++b) UNROLL for (int p = 0; p < pixels; ++p)
    {
        const size_t at = y + (size_t)b * a->out.plane + (size_t)p * a->out.pixel;
        if (a->y_is_float)
            _mm512_storeu_ps((float *)a->y + at, acc[p][b]);
        else
            store16((uint16_t *)a->y + at, acc[p][b]);
        sums[0][b] = _mm512_add_ps(sums[0][b], acc[p][b]);
        sums[1][b] = _mm512_fmadd_ps(acc[p][b], acc[p][b], sums[1][b]);
    }
}

#define CONV_CASE(P)                                                                               \
    case P:                                                                                        \
        conv_tile(a, h, w0, P, blocks, step, sums);                                                \
        break;

INLINE void conv_row(const fseg_conv_rows *a, int h, const int blocks, const int step)
{
    __m512 sums[2][TILE_BLOCKS];
    for (int b = 0; b < TILE_BLOCKS; ++b)
        sums[0][b] = sums[1][b] = _mm512_setzero_ps();
    const int tiles = (a->width + TILE_PIXELS - 1) / TILE_PIXELS;
    for (int t = 0, w0 = 0; t < tiles; ++t) {
        const int pixels = (a->width - w0) / (tiles - t) + ((a->width - w0) % (tiles - t) != 0);
        switch (pixels) {
            CONV_CASE(1)
            CONV_CASE(2)
            CONV_CASE(3)
            CONV_CASE(4)
            CONV_CASE(5)
            CONV_CASE(6)
            CONV_CASE(7)
            CONV_CASE(8)
            CONV_CASE(9)
            CONV_CASE(10)
            CONV_CASE(11)
            CONV_CASE(12)
        }
        w0 += pixels;
    }
    for (int b = 0; a->sums && b < blocks; ++b) {
        float *out = a->sums + (size_t)b * a->sums_stride + (size_t)h * 2 * FSEG_BLOCK;
        _mm512_storeu_ps(out, sums[0][b]);
        _mm512_storeu_ps(out + FSEG_BLOCK, sums[1][b]);
    }
}

INLINE void conv_rows_step(const fseg_conv_rows *a, const int step)
{
    for (int h = a->row0; h < a->row1; ++h) {
        if (a->blocks == TILE_BLOCKS)
            conv_row(a, h, TILE_BLOCKS, step);
        else
            conv_row(a, h, 1, step);
    }
}

static void conv_rows(const fseg_conv_rows *a)
{
    if (a->in.pixel == FSEG_BLOCK)
        conv_rows_step(a, 1);
    else
        conv_rows_step(a, 2);
}

/* ---- GroupNorm, pooling, upsampling --------------------------------------------------------- */

static void channel_sums(const void *x, int height, int width, double sum[16], double square[16])
{
    __m512d s[2], q[2];
    s[0] = s[1] = q[0] = q[1] = _mm512_setzero_pd();
    for (int h = 0; h < height; ++h) {
        const uint16_t *row = (const uint16_t *)x + row_start(h, width);
        for (int w = 0; w < width; ++w) {
            const __m512 v = load16(row + (size_t)w * FSEG_BLOCK);
            const __m512d halves[2] = {_mm512_cvtps_pd(_mm512_castps512_ps256(v)),
                                       _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1))};
            for (int i = 0; i < 2; ++i) {
                s[i] = _mm512_add_pd(s[i], halves[i]);
                q[i] = _mm512_fmadd_pd(halves[i], halves[i], q[i]);
            }
        }
    }
    for (int i = 0; i < 2; ++i) {
        _mm512_storeu_pd(sum + 8 * i, s[i]);
        _mm512_storeu_pd(square + 8 * i, q[i]);
    }
}

static void norm_relu(const void *x, fseg_norm_map map, void *y, int height, int width)
{
    const __m512 scale = _mm512_loadu_ps(map.scale), shift = _mm512_loadu_ps(map.shift);
    const __m512 floor = _mm512_set1_ps(map.floor);
    for (int h = 0; h < height; ++h) {
        const size_t start = row_start(h, width);
        for (int w = 0; w < width; ++w) {
            const size_t at = start + (size_t)w * FSEG_BLOCK;
            const __m512 v = _mm512_fmadd_ps(load16((const uint16_t *)x + at), scale, shift);
            store16((uint16_t *)y + at, _mm512_max_ps(v, floor));
        }
    }
}

static void max_pool(const void *x, void *y, int height, int width)
{
    const size_t row = (size_t)(2 * width + 2) * FSEG_BLOCK;
    for (int h = 0; h < height; ++h) {
        const uint16_t *in = (const uint16_t *)x + row_start(2 * h, 2 * width);
        uint16_t *out = (uint16_t *)y + row_start(h, width);
        for (int w = 0; w < width; ++w) {
            const uint16_t *p = in + (size_t)w * 2 * FSEG_BLOCK;
            const __m512 upper = _mm512_max_ps(load16(p), load16(p + FSEG_BLOCK));
            const __m512 lower = _mm512_max_ps(load16(p + row), load16(p + row + FSEG_BLOCK));
            store16(out + (size_t)w * FSEG_BLOCK, _mm512_max_ps(upper, lower));
        }
    }
}

static void upsample(const void *x, void *y, int height, int width)
{
    const size_t row = (size_t)(2 * width + 2) * FSEG_BLOCK;
    const size_t pixel = FSEG_BLOCK * sizeof(uint16_t);
    for (int h = 0; h < height; ++h) {
        const uint16_t *in = (const uint16_t *)x + row_start(h, width);
        uint16_t *out = (uint16_t *)y + row_start(2 * h, 2 * width);
        for (int w = 0; w < width; ++w)
            for (size_t i = 0; i < 4; ++i)
                memcpy(out + ((size_t)w * 2 + i % 2) * FSEG_BLOCK + i / 2 * row,
                       in + (size_t)w * FSEG_BLOCK, pixel);
    }
}

const fseg_kernels *fseg_kernels_avx512bf16(void)
{
    static const fseg_kernels table = {.name = "avx512bf16",
                                       .element_size = sizeof(uint16_t),
                                       .conv_blocks = TILE_BLOCKS,
                                       .conv_rows = conv_rows,
                                       .convert = convert,
                                       .convert_weights = convert_weights,
                                       .channel_sums = channel_sums,
                                       .norm_relu = norm_relu,
                                       .max_pool = max_pool,
                                       .upsample = upsample,
                                       .conv_weight_grad = fseg_bf16_conv_weight_grad,
                                       .norm_relu_grad_sums = fseg_bf16_norm_relu_grad_sums,
                                       .norm_relu_grad = fseg_bf16_norm_relu_grad,
                                       .max_pool_grad = fseg_bf16_max_pool_grad,
                                       .upsample_grad = fseg_bf16_upsample_grad};
    return &table;
}
