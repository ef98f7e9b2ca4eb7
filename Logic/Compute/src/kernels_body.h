/*
 * The kernels of kernels.h, written once with vectors of VLEN floats and compiled once per
 * instruction set: the including file defines VLEN (4, 8 or 16), TILE_BLOCKS (co blocks per tile),
 * TILE_PIXELS (pixels per tile), TILE_CI (input channels per weight-gradient tile) and KERNELS_NAME
 * / KERNELS_FUNCTION.
 *
 * Register tiling of the convolution: TILE_PIXELS x (TILE_BLOCKS * 16 / VLEN) accumulators stay in
 * registers over all input channels and taps; each step loads the weight vectors once and
 * broadcasts one input value per pixel. AVX-512: 12 x 2 = 24 of 32 registers; AVX2: 6 x 2 = 12 of
 * 16 (Georganas et al., "Anatomy of high-performance deep learning convolutions", SC 2018).
 */
#include "vector.h"
#include <string.h>

/* ---- convolution ------------------------------------------------------------------------- */

/* One tile of a row. `step` is in.pixel / 16; `sums` collects the statistics of the row. */
INLINE void conv_tile(const fseg_conv_rows *a, int h, int w0, const int pixels, const int blocks,
                      const int step, vf sums[2][TILE_BLOCKS * VECTORS])
{
    const int vectors = blocks * VECTORS;
    vf acc[TILE_PIXELS][TILE_BLOCKS * VECTORS];
    float *y = (float *)a->y + a->out.origin + (size_t)h * a->out.row + (size_t)w0 * a->out.pixel;
    UNROLL for (int v = 0; v < vectors; ++v)
    {
        const float *yv = y + (size_t)(v / VECTORS) * a->out.plane + (size_t)(v % VECTORS) * VLEN;
        const vf b = a->bias ? load(a->bias + v * VLEN) : (vf){0};
        UNROLL for (int p = 0; p < pixels; ++p) acc[p][v] =
            a->accumulate ? load(yv + (size_t)p * a->out.pixel) + b : b;
    }
    const float *weight = (const float *)a->weight;
    const ptrdiff_t first = a->in.origin + (ptrdiff_t)((size_t)h * a->in.row) +
                            (ptrdiff_t)((size_t)w0 * (size_t)(step * FSEG_BLOCK));
    for (int s = 0; s < a->source_count; ++s) {
        const float *x = (const float *)a->sources[s].x + first;
        for (int left = a->sources[s].channels; left > 0; left -= FSEG_BLOCK, x += a->in.plane) {
            const int ci_count = left < FSEG_BLOCK ? left : FSEG_BLOCK;
            for (int tap = 0; tap < a->tap_count; ++tap) {
                const float *xt = x + a->taps[tap];
                for (int ci = 0; ci < ci_count; ++ci) {
                    vf w[TILE_BLOCKS * VECTORS];
                    UNROLL for (int v = 0; v < vectors; ++v) w[v] =
                        load(weight + (size_t)(v / VECTORS) * a->weight_stride +
                             (size_t)(ci * FSEG_BLOCK + (v % VECTORS) * VLEN));
                    UNROLL for (int p = 0; p < pixels; ++p)
                    {
                        const vf xv = splat(xt[p * step * FSEG_BLOCK + ci]);
                        UNROLL for (int v = 0; v < vectors; ++v) acc[p][v] += w[v] * xv;
                    }
                }
                weight += FSEG_BLOCK * FSEG_BLOCK;
            }
        }
    }
    UNROLL for (int v = 0; v < vectors; ++v)
    {
        float *yv = y + (size_t)(v / VECTORS) * a->out.plane + (size_t)(v % VECTORS) * VLEN;
        vf sum = {0}, square = {0};
        UNROLL for (int p = 0; p < pixels; ++p)
        {
            store(yv + (size_t)p * a->out.pixel, acc[p][v]);
            sum += acc[p][v];
            square += acc[p][v] * acc[p][v];
        }
        sums[0][v] += sum;
        sums[1][v] += square;
    }
}

#define CONV_CASE(P)                                                                               \
    case P:                                                                                        \
        conv_tile(a, h, w0, P < TILE_PIXELS ? P : TILE_PIXELS, blocks, step, sums);                \
        break;

INLINE void conv_row(const fseg_conv_rows *a, int h, const int blocks, const int step)
{
    vf sums[2][TILE_BLOCKS * VECTORS] = {{{0}}};
    /* Tiles of nearly equal width: no thin tile at the end of a row. */
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
#if TILE_PIXELS > 6
            CONV_CASE(7)
            CONV_CASE(8)
            CONV_CASE(9)
            CONV_CASE(10)
            CONV_CASE(11)
            CONV_CASE(12)
#endif
        }
        w0 += pixels;
    }
    for (int v = 0; a->sums && v < blocks * VECTORS; ++v) {
        float *out = a->sums + (size_t)(v / VECTORS) * a->sums_stride + (size_t)h * 2 * FSEG_BLOCK +
                     (size_t)(v % VECTORS) * VLEN;
        store(out, sums[0][v]);
        store(out + FSEG_BLOCK, sums[1][v]);
    }
}

INLINE void conv_rows_step(const fseg_conv_rows *a, const int step)
{
    for (int h = a->row0; h < a->row1; ++h) {
#if TILE_BLOCKS > 1
        if (a->blocks == TILE_BLOCKS) {
            conv_row(a, h, TILE_BLOCKS, step);
            continue;
        }
#endif
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

/* ---- weight gradient ---------------------------------------------------------------------- */

/* Accumulators [kernel_w][TILE_CI] of one output vector stay in registers over a row. */
INLINE void weight_grad_tile(const fseg_conv_weight_grad *a, int kh, int v, int ci0,
                             const int kernel_w)
{
    vf acc[3][TILE_CI];
    float *dw = a->dw + (size_t)(kh * kernel_w) * (FSEG_BLOCK * FSEG_BLOCK) + v * VLEN;
    UNROLL for (int kw = 0; kw < kernel_w; ++kw) UNROLL for (int c = 0; c < TILE_CI; ++c)
        acc[kw][c] = load(dw + (kw * FSEG_BLOCK + ci0 + c) * FSEG_BLOCK);
    for (int h = a->row0; h < a->row1; ++h) {
        const float *dy = (const float *)a->dy + (size_t)h * a->dy_row + v * VLEN;
        const float *x = (const float *)a->x + (size_t)(h + kh) * a->x_row + ci0;
        for (int w = 0; w < a->width; ++w) {
            const vf d = load(dy);
            UNROLL for (int kw = 0; kw < kernel_w; ++kw) UNROLL for (int c = 0; c < TILE_CI; ++c)
                acc[kw][c] += d * splat(x[kw * FSEG_BLOCK + c]);
            dy += a->dy_pixel;
            x += FSEG_BLOCK;
        }
    }
    UNROLL for (int kw = 0; kw < kernel_w; ++kw) UNROLL for (int c = 0; c < TILE_CI; ++c)
        store(dw + (kw * FSEG_BLOCK + ci0 + c) * FSEG_BLOCK, acc[kw][c]);
}

INLINE void weight_grad(const fseg_conv_weight_grad *a, const int kernel_w)
{
    for (int kh = 0; kh < a->kernel_h; ++kh)
        for (int v = 0; v < VECTORS; ++v)
            for (int ci0 = 0; ci0 < a->ci_count; ci0 += TILE_CI)
                weight_grad_tile(a, kh, v, ci0, kernel_w);
}

static void conv_weight_grad(const fseg_conv_weight_grad *a)
{
    /* A few rows at a time, so that x and dy stay in the first-level cache over the passes. */
    fseg_conv_weight_grad part = *a;
    const int step = a->width >= 64 ? 1 : 64 / a->width;
    for (int h = a->row0; h < a->row1; h += step) {
        part.row0 = h;
        part.row1 = h + step < a->row1 ? h + step : a->row1;
        switch (a->kernel_w) {
        case 1:
            weight_grad(&part, 1);
            break;
        case 2:
            weight_grad(&part, 2);
            break;
        default:
            weight_grad(&part, 3);
        }
    }
}

static void convert(const float *in, void *out, size_t count)
{
    memcpy(out, in, count * sizeof(float));
}

static void convert_weights(float *packed, size_t count)
{
    (void)packed; /* floats already */
    (void)count;
}

/* ---- GroupNorm and ReLU ------------------------------------------------------------------- */

/* Row sums in float, sums of rows in double: exact enough for any image size. */
INLINE void add_row_sums(const vf part[VECTORS], double sum[16])
{
    UNROLL for (int v = 0; v < VECTORS; ++v) for (int i = 0; i < VLEN; ++i) sum[v * VLEN + i] +=
        (double)part[v][i];
}

static void channel_sums(const void *input, int height, int width, double sum[16],
                         double square[16])
{
    const float *x = (const float *)input;
    for (int c = 0; c < FSEG_BLOCK; ++c)
        sum[c] = square[c] = 0.0;
    for (int h = 0; h < height; ++h) {
        const float *row = x + row_start(h, width);
        vf s[VECTORS] = {{0}}, q[VECTORS] = {{0}};
        for (int w = 0; w < width; ++w)
            UNROLL for (int v = 0; v < VECTORS; ++v)
            {
                const vf a = load(row + (size_t)w * FSEG_BLOCK + v * VLEN);
                s[v] += a;
                q[v] += a * a;
            }
        add_row_sums(s, sum);
        add_row_sums(q, square);
    }
}

static void norm_relu(const void *input, fseg_norm_map map, void *output, int height, int width)
{
    const float *x = (const float *)input;
    float *y = (float *)output;
    vf scale[VECTORS], shift[VECTORS];
    memcpy(scale, map.scale, sizeof scale);
    memcpy(shift, map.shift, sizeof shift);
    const vf floor = splat(map.floor);
    for (int h = 0; h < height; ++h) {
        const size_t start = row_start(h, width);
        for (int w = 0; w < width; ++w)
            UNROLL for (int v = 0; v < VECTORS; ++v)
            {
                const size_t at = start + (size_t)w * FSEG_BLOCK + (size_t)(v * VLEN);
                const vf a = load(x + at) * scale[v] + shift[v];
                store(y + at, larger(a, floor));
            }
    }
}

static void norm_relu_grad_sums(const void *input, const void *gradient, fseg_norm_map map,
                                int height, int width, double sum[16], double product[16])
{
    const float *x = (const float *)input, *dy = (const float *)gradient;
    vf scale[VECTORS], shift[VECTORS];
    memcpy(scale, map.scale, sizeof scale);
    memcpy(shift, map.shift, sizeof shift);
    const vf floor = splat(map.floor);
    for (int c = 0; c < FSEG_BLOCK; ++c)
        sum[c] = product[c] = 0.0;
    for (int h = 0; h < height; ++h) {
        const size_t start = row_start(h, width);
        vf s[VECTORS] = {{0}}, q[VECTORS] = {{0}};
        for (int w = 0; w < width; ++w)
            UNROLL for (int v = 0; v < VECTORS; ++v)
            {
                const size_t at = start + (size_t)w * FSEG_BLOCK + (size_t)(v * VLEN);
                const vf a = load(x + at);
                const vf g = pick(a * scale[v] + shift[v] > floor, load(dy + at), (vf){0});
                s[v] += g;
                q[v] += g * a;
            }
        add_row_sums(s, sum);
        add_row_sums(q, product);
    }
}

static void norm_relu_grad(const void *input, const void *gradient, fseg_norm_map map,
                           const float p[16], const float q[16], const float r[16], void *output,
                           int height, int width, double sum[16])
{
    const float *x = (const float *)input, *dy = (const float *)gradient;
    float *dx = (float *)output;
    vf scale[VECTORS], shift[VECTORS], pv[VECTORS], qv[VECTORS], rv[VECTORS];
    memcpy(scale, map.scale, sizeof scale);
    memcpy(shift, map.shift, sizeof shift);
    const vf floor = splat(map.floor);
    memcpy(pv, p, sizeof pv);
    memcpy(qv, q, sizeof qv);
    memcpy(rv, r, sizeof rv);
    for (int c = 0; c < FSEG_BLOCK; ++c)
        sum[c] = 0.0;
    for (int h = 0; h < height; ++h) {
        const size_t start = row_start(h, width);
        vf s[VECTORS] = {{0}};
        for (int w = 0; w < width; ++w)
            UNROLL for (int v = 0; v < VECTORS; ++v)
            {
                const size_t at = start + (size_t)w * FSEG_BLOCK + (size_t)(v * VLEN);
                const vf a = load(x + at);
                const vf g = pick(a * scale[v] + shift[v] > floor, load(dy + at), (vf){0});
                const vf d = g * pv[v] + a * qv[v] + rv[v];
                s[v] += d;
                store(dx + at, d);
            }
        add_row_sums(s, sum);
    }
}

/* ---- pooling and upsampling --------------------------------------------------------------- */

static void max_pool(const void *input, void *output, int height, int width)
{
    const float *x = (const float *)input;
    float *y = (float *)output;
    const size_t row = (size_t)(2 * width + 2) * FSEG_BLOCK;
    for (int h = 0; h < height; ++h) {
        const float *in = x + row_start(2 * h, 2 * width);
        float *out = y + row_start(h, width);
        for (int w = 0; w < width; ++w)
            UNROLL for (int v = 0; v < VECTORS; ++v)
            {
                const float *p = in + (size_t)w * 2 * FSEG_BLOCK + v * VLEN;
                const vf a = load(p), b = load(p + FSEG_BLOCK);
                const vf c = load(p + row), d = load(p + row + FSEG_BLOCK);
                store(out + (size_t)w * FSEG_BLOCK + v * VLEN, larger(larger(a, b), larger(c, d)));
            }
    }
}

static void max_pool_grad(const void *input, const void *gradient, void *output, int height,
                          int width)
{
    const float *x = (const float *)input, *dy = (const float *)gradient;
    float *dx = (float *)output;
    const size_t row = (size_t)(2 * width + 2) * FSEG_BLOCK;
    for (int h = 0; h < height; ++h) {
        const size_t start = row_start(2 * h, 2 * width);
        const float *grad = dy + row_start(h, width);
        for (int w = 0; w < width; ++w)
            UNROLL for (int v = 0; v < VECTORS; ++v)
            {
                const size_t at = start + (size_t)w * 2 * FSEG_BLOCK + (size_t)(v * VLEN);
                const vf g = load(grad + (size_t)w * FSEG_BLOCK + v * VLEN);
                const vf a = load(x + at), b = load(x + at + FSEG_BLOCK);
                const vf c = load(x + at + row), d = load(x + at + row + FSEG_BLOCK);
                const vi use_b = b > a, use_d = d > c;
                const vf ab = pick(use_b, b, a), cd = pick(use_d, d, c);
                const vi lower = cd > ab;
                const vf zero = {0};
                const vf up = pick(lower, zero, g), down = pick(lower, g, zero);
                float *o = dx + at;
                store(o, load(o) + pick(use_b, zero, up));
                store(o + FSEG_BLOCK, load(o + FSEG_BLOCK) + pick(use_b, up, zero));
                o += row;
                store(o, load(o) + pick(use_d, zero, down));
                store(o + FSEG_BLOCK, load(o + FSEG_BLOCK) + pick(use_d, down, zero));
            }
    }
}

static void upsample(const void *input, void *output, int height, int width)
{
    const float *x = (const float *)input;
    float *y = (float *)output;
    const size_t row = (size_t)(2 * width + 2) * FSEG_BLOCK;
    for (int h = 0; h < height; ++h) {
        const float *in = x + row_start(h, width);
        float *out = y + row_start(2 * h, 2 * width);
        for (int w = 0; w < width; ++w)
            UNROLL for (int v = 0; v < VECTORS; ++v)
            {
                const vf a = load(in + (size_t)w * FSEG_BLOCK + v * VLEN);
                float *o = out + (size_t)w * 2 * FSEG_BLOCK + v * VLEN;
                store(o, a);
                store(o + FSEG_BLOCK, a);
                store(o + row, a);
                store(o + row + FSEG_BLOCK, a);
            }
    }
}

static void upsample_grad(const void *gradient, void *output, int height, int width)
{
    const float *dy = (const float *)gradient;
    float *dx = (float *)output;
    const size_t row = (size_t)(2 * width + 2) * FSEG_BLOCK;
    for (int h = 0; h < height; ++h) {
        const float *in = dy + row_start(2 * h, 2 * width);
        float *out = dx + row_start(h, width);
        for (int w = 0; w < width; ++w)
            UNROLL for (int v = 0; v < VECTORS; ++v)
            {
                const float *p = in + (size_t)w * 2 * FSEG_BLOCK + v * VLEN;
                store(out + (size_t)w * FSEG_BLOCK + v * VLEN,
                      (load(p) + load(p + FSEG_BLOCK)) +
                          (load(p + row) + load(p + row + FSEG_BLOCK)));
            }
    }
}

const fseg_kernels *KERNELS_FUNCTION(void)
{
    static const fseg_kernels table = {.name = KERNELS_NAME,
                                       .element_size = sizeof(float),
                                       .conv_blocks = TILE_BLOCKS,
                                       .convert = convert,
                                       .convert_weights = convert_weights,
                                       .conv_rows = conv_rows,
                                       .conv_weight_grad = conv_weight_grad,
                                       .channel_sums = channel_sums,
                                       .norm_relu = norm_relu,
                                       .norm_relu_grad_sums = norm_relu_grad_sums,
                                       .norm_relu_grad = norm_relu_grad,
                                       .max_pool = max_pool,
                                       .max_pool_grad = max_pool_grad,
                                       .upsample = upsample,
                                       .upsample_grad = upsample_grad};
    return &table;
}
