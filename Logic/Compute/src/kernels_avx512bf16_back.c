/*
 * Backward kernels on bfloat16 tensors (AVX-512 BF16), sums in float.
 *
 * Weight gradient: dw[ci][co] sums x[pixel, ci] dy[pixel, co] over pixels, and the instruction
 * multiplies and adds two neighbours of a sum at once. So two pixels of dy become one vector
 * [16 co][2 pixels], and two pixels of x become [16 ci][2 pixels], of which 32 bits are broadcast.
 * A tap to the right begins a pixel later: x is paired at every pixel, dy at every second. Both are
 * paired for a patch of the image that fits in the first-level cache, then all taps run over it.
 */
#include "kernels_avx512bf16.h"

enum {
    PATCH_PIXELS = 256,
    PATCH_WIDTH = 64,
    PATCH_ROWS = 32,
    TILE_CI = 8, /* x 3 taps: 24 accumulators */
    PAIR = 2 * FSEG_BLOCK,
    /* (rows + 2) (width + 2) and rows (width + 1) / 2 at most. */
    X_PAIRS = PATCH_PIXELS + 2 * PATCH_WIDTH + 2 * PATCH_ROWS + 4,
    DY_PAIRS = (PATCH_PIXELS + PATCH_ROWS) / 2
};

/* ---- weight gradient ---------------------------------------------------------------------- */

typedef struct patch {
    _Alignas(64) uint16_t x[X_PAIRS * PAIR], dy[DY_PAIRS * PAIR];
    int rows, pairs, x_row; /* of dy; pairs a row of dy and of x */
} patch;

/* [2 pixels][16] -> [16][2 pixels]. */
INLINE __m512i pair_up(__m512i pixels)
{
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(order, pixels);
}

INLINE __m512i two_pixels(const uint16_t *first, const uint16_t *second)
{
    const __m256i a = _mm256_loadu_si256((const void *)first);
    const __m256i b = second ? _mm256_loadu_si256((const void *)second) : _mm256_setzero_si256();
    return _mm512_inserti64x4(_mm512_castsi256_si512(a), b, 1);
}

/* `count` pixels of a row of dy, `step` elements apart; an odd last one is paired with zero. */
static void pair_dy(const uint16_t *dy, size_t step, int count, uint16_t *out)
{
    for (int w = 0; w < count; w += 2, dy += 2 * step, out += PAIR)
        _mm512_store_si512(out, pair_up(two_pixels(dy, w + 1 < count ? dy + step : NULL)));
}

/* Pairs that begin at each of `count` pixels; the last has no successor when `ends`. */
static void pair_x(const uint16_t *x, int count, int ends, uint16_t *out)
{
    const int whole = count - (ends != 0);
    for (int w = 0; w < whole; ++w)
        _mm512_store_si512(out + (size_t)w * PAIR,
                           pair_up(_mm512_loadu_si512(x + (size_t)w * FSEG_BLOCK)));
    if (ends)
        _mm512_store_si512(out + (size_t)whole * PAIR,
                           pair_up(two_pixels(x + (size_t)whole * FSEG_BLOCK, NULL)));
}

INLINE void weight_grad_tile(const patch *t, float *dw, int kh, int ci0, const int kernel_w)
{
    __m512 acc[3][TILE_CI];
    UNROLL for (int kw = 0; kw < kernel_w; ++kw) UNROLL for (int c = 0; c < TILE_CI; ++c)
        acc[kw][c] = _mm512_loadu_ps(dw + (kw * FSEG_BLOCK + ci0 + c) * FSEG_BLOCK);
    for (int h = 0; h < t->rows; ++h) {
        const uint16_t *dy = t->dy + (size_t)(h * t->pairs) * PAIR;
        const uint16_t *x = t->x + (size_t)((h + kh) * t->x_row) * PAIR + 2 * ci0;
        for (int i = 0; i < t->pairs; ++i, dy += PAIR, x += 2 * PAIR) {
            const __m512bh d = (__m512bh)_mm512_load_si512(dy);
            UNROLL for (int kw = 0; kw < kernel_w; ++kw) UNROLL for (int c = 0; c < TILE_CI; ++c)
                acc[kw][c] = _mm512_dpbf16_ps(acc[kw][c], d, splat2(x + kw * PAIR + 2 * c));
        }
    }
    UNROLL for (int kw = 0; kw < kernel_w; ++kw) UNROLL for (int c = 0; c < TILE_CI; ++c)
        _mm512_storeu_ps(dw + (kw * FSEG_BLOCK + ci0 + c) * FSEG_BLOCK, acc[kw][c]);
}

INLINE void weight_grad_patch(const fseg_conv_weight_grad *a, const patch *t, const int kernel_w)
{
    for (int kh = 0; kh < a->kernel_h; ++kh)
        for (int ci0 = 0; ci0 < a->ci_count; ci0 += TILE_CI)
            weight_grad_tile(t, a->dw + (size_t)(kh * kernel_w) * (FSEG_BLOCK * FSEG_BLOCK), kh,
                             ci0, kernel_w);
}

/* The part of the image that a patch covers. */
typedef struct area {
    int row, column, rows, columns;
} area;

static const uint16_t *dy_at(const fseg_conv_weight_grad *a, const area *part, int row)
{
    return (const uint16_t *)a->dy + (size_t)(part->row + row) * a->dy_row +
           (size_t)part->column * a->dy_pixel;
}

static const uint16_t *x_at(const fseg_conv_weight_grad *a, const area *part, int row)
{
    return (const uint16_t *)a->x + (size_t)(part->row + row) * a->x_row +
           (size_t)part->column * FSEG_BLOCK;
}

static void load_patch(const fseg_conv_weight_grad *a, const area *part, patch *t)
{
    t->rows = part->rows;
    t->pairs = (part->columns + 1) / 2;
    t->x_row = 2 * (t->pairs - 1) + a->kernel_w;
    for (int h = 0; h < t->rows; ++h)
        pair_dy(dy_at(a, part, h), a->dy_pixel, part->columns,
                t->dy + (size_t)(h * t->pairs) * PAIR);
    for (int h = 0; h < t->rows + a->kernel_h - 1; ++h)
        pair_x(x_at(a, part, h), t->x_row, part->columns % 2, t->x + (size_t)(h * t->x_row) * PAIR);
}

/* Have the second-level cache fetch what the next patch needs while this one is computed: rows of a
 * patch are too short for the processor to foresee them. */
static void prefetch_patch(const fseg_conv_weight_grad *a, const area *part)
{
    const size_t line = 32; /* elements */
    for (int h = 0; h < part->rows; ++h)
        for (size_t i = 0; i < (size_t)part->columns * a->dy_pixel; i += line)
            _mm_prefetch((const void *)(dy_at(a, part, h) + i), _MM_HINT_T1);
    for (int h = a->kernel_h - 1; h < part->rows + a->kernel_h - 1; ++h)
        for (size_t i = 0; i < (size_t)part->columns * FSEG_BLOCK; i += line)
            _mm_prefetch((const void *)(x_at(a, part, h) + i), _MM_HINT_T1);
}

/* The area after `part`, to the right and then below; without rows at the end. */
static area next_area(const fseg_conv_weight_grad *a, const area *part, int rows, int columns)
{
    area next = *part;
    next.column += columns;
    if (next.column >= a->width) {
        next.column = 0;
        next.row += rows;
    }
    next.rows = a->row1 - next.row < rows ? a->row1 - next.row : rows;
    next.columns = a->width - next.column < columns ? a->width - next.column : columns;
    return next;
}

void fseg_bf16_conv_weight_grad(const fseg_conv_weight_grad *a)
{
    patch t;
    const int chunks = (a->width + PATCH_WIDTH - 1) / PATCH_WIDTH;
    const int columns = (a->width + chunks - 1) / chunks;
    const int fitting = PATCH_PIXELS / columns, rows = fitting < PATCH_ROWS ? fitting : PATCH_ROWS;
    const area before = {.row = a->row0, .column = -columns};
    for (area part = next_area(a, &before, rows, columns); part.rows > 0;) {
        load_patch(a, &part, &t);
        part = next_area(a, &part, rows, columns);
        prefetch_patch(a, &part);
        switch (a->kernel_w) {
        case 1:
            weight_grad_patch(a, &t, 1);
            break;
        case 2:
            weight_grad_patch(a, &t, 2);
            break;
        default:
            weight_grad_patch(a, &t, 3);
        }
    }
}

/* ---- GroupNorm and ReLU ------------------------------------------------------------------- */

/* Row sums in float, sums of rows in double. */
INLINE void add_row_sums(__m512 part, double sum[16])
{
    const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(part));
    const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(part, 1));
    _mm512_storeu_pd(sum, _mm512_add_pd(_mm512_loadu_pd(sum), low));
    _mm512_storeu_pd(sum + 8, _mm512_add_pd(_mm512_loadu_pd(sum + 8), high));
}

/* dy where the output was above the floor, else 0. */
INLINE __m512 passed(__m512 x, __m512 dy, __m512 scale, __m512 shift, __m512 floor)
{
    const __mmask16 above = _mm512_cmp_ps_mask(_mm512_fmadd_ps(x, scale, shift), floor, _CMP_GT_OQ);
    return _mm512_maskz_mov_ps(above, dy);
}

void fseg_bf16_norm_relu_grad_sums(const void *x, const void *dy, fseg_norm_map map, int height,
                                   int width, double sum[16], double product[16])
{
    const __m512 scale = _mm512_loadu_ps(map.scale), shift = _mm512_loadu_ps(map.shift);
    const __m512 floor = _mm512_set1_ps(map.floor);
    memset(sum, 0, 16 * sizeof *sum);
    memset(product, 0, 16 * sizeof *product);
    for (int h = 0; h < height; ++h) {
        const size_t start = row_start(h, width);
        __m512 s = _mm512_setzero_ps(), q = _mm512_setzero_ps();
        for (int w = 0; w < width; ++w) {
            const size_t at = start + (size_t)w * FSEG_BLOCK;
            const __m512 a = load16((const uint16_t *)x + at);
            const __m512 g = passed(a, load16((const uint16_t *)dy + at), scale, shift, floor);
            s = _mm512_add_ps(s, g);
            q = _mm512_fmadd_ps(g, a, q);
        }
        add_row_sums(s, sum);
        add_row_sums(q, product);
    }
}

void fseg_bf16_norm_relu_grad(const void *x, const void *dy, fseg_norm_map map, const float p[16],
                              const float q[16], const float r[16], void *dx, int height, int width,
                              double sum[16])
{
    const __m512 scale = _mm512_loadu_ps(map.scale), shift = _mm512_loadu_ps(map.shift);
    const __m512 floor = _mm512_set1_ps(map.floor);
    const __m512 pv = _mm512_loadu_ps(p), qv = _mm512_loadu_ps(q), rv = _mm512_loadu_ps(r);
    memset(sum, 0, 16 * sizeof *sum);
    for (int h = 0; h < height; ++h) {
        const size_t start = row_start(h, width);
        __m512 s = _mm512_setzero_ps();
        for (int w = 0; w < width; ++w) {
            const size_t at = start + (size_t)w * FSEG_BLOCK;
            const __m512 a = load16((const uint16_t *)x + at);
            const __m512 g = passed(a, load16((const uint16_t *)dy + at), scale, shift, floor);
            const __m512 d = _mm512_fmadd_ps(g, pv, _mm512_fmadd_ps(a, qv, rv));
            s = _mm512_add_ps(s, d);
            store16((uint16_t *)dx + at, d);
        }
        add_row_sums(s, sum);
    }
}

/* ---- pooling and upsampling --------------------------------------------------------------- */

INLINE void add16(uint16_t *p, __mmask16 where, __m512 v)
{
    store16(p, _mm512_add_ps(load16(p), _mm512_maskz_mov_ps(where, v)));
}

void fseg_bf16_max_pool_grad(const void *x, const void *dy, void *dx, int height, int width)
{
    const size_t row = (size_t)(2 * width + 2) * FSEG_BLOCK;
    for (int h = 0; h < height; ++h) {
        const size_t start = row_start(2 * h, 2 * width);
        const uint16_t *gradient = (const uint16_t *)dy + row_start(h, width);
        for (int w = 0; w < width; ++w) {
            const size_t at = start + (size_t)w * 2 * FSEG_BLOCK;
            const uint16_t *in = (const uint16_t *)x + at;
            uint16_t *out = (uint16_t *)dx + at;
            const __m512 g = load16(gradient + (size_t)w * FSEG_BLOCK);
            const __m512 a = load16(in), b = load16(in + FSEG_BLOCK);
            const __m512 c = load16(in + row), d = load16(in + row + FSEG_BLOCK);
            /* The first of the largest wins. */
            const __mmask16 right_above = _mm512_cmp_ps_mask(b, a, _CMP_GT_OQ);
            const __mmask16 right_below = _mm512_cmp_ps_mask(d, c, _CMP_GT_OQ);
            const __mmask16 below =
                _mm512_cmp_ps_mask(_mm512_mask_mov_ps(c, right_below, d),
                                   _mm512_mask_mov_ps(a, right_above, b), _CMP_GT_OQ);
            add16(out, (__mmask16)(~below & ~right_above), g);
            add16(out + FSEG_BLOCK, (__mmask16)(~below & right_above), g);
            add16(out + row, (__mmask16)(below & ~right_below), g);
            add16(out + row + FSEG_BLOCK, (__mmask16)(below & right_below), g);
        }
    }
}

void fseg_bf16_upsample_grad(const void *dy, void *dx, int height, int width)
{
    const size_t row = (size_t)(2 * width + 2) * FSEG_BLOCK;
    for (int h = 0; h < height; ++h) {
        const uint16_t *in = (const uint16_t *)dy + row_start(2 * h, 2 * width);
        uint16_t *out = (uint16_t *)dx + row_start(h, width);
        for (int w = 0; w < width; ++w) {
            const uint16_t *p = in + (size_t)w * 2 * FSEG_BLOCK;
            const __m512 upper = _mm512_add_ps(load16(p), load16(p + FSEG_BLOCK));
            const __m512 lower = _mm512_add_ps(load16(p + row), load16(p + row + FSEG_BLOCK));
            store16(out + (size_t)w * FSEG_BLOCK, _mm512_add_ps(upper, lower));
        }
    }
}
