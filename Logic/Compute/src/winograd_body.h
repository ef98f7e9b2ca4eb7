/*
 * Winograd convolution F(4x4, 3x3) as three steps that blocked_winograd.c calls for one block of
 * tiles after the other (Lavin & Gray, "Fast algorithms for convolutional neural networks", CVPR
 * 2016): a tile of 4 x 4 outputs takes 36 products instead of 144. Included by tile_kernels_body.h.
 *
 * Interpolation points: 0, +-1/sqrt(2), +-sqrt(2), infinity. Powers of the points and of their
 * inverses are then equally large, and the rounding error is smaller than with the usual 0, +-1,
 * +-2 (Barabasz et al., "Error analysis and improving the accuracy of Winograd convolution for deep
 * neural networks", 2020, discuss the choice).
 */

enum { TILE = 4, SIDE = 6 };

/* B^T d of one row or column, 6 values to 6. */
INLINE void input_line(const vf d[SIDE], vf r[SIDE])
{
    const vf a = splat(0.70710678118654752f), b = splat(1.41421356237309505f);
    const vf two = splat(2.0f), half = splat(0.5f), mid = splat(2.5f);
    const vf even_a = d[4] - two * d[2], odd_a = d[3] - two * d[1];
    const vf even_b = d[4] - half * d[2], odd_b = d[3] - half * d[1];
    r[0] = (d[0] + d[4]) - mid * d[2];
    r[1] = even_a + a * odd_a;
    r[2] = even_a - a * odd_a;
    r[3] = even_b + b * odd_b;
    r[4] = even_b - b * odd_b;
    r[5] = (d[1] + d[5]) - mid * d[3];
}

/* A^T p of one row or column, 6 values to 4. */
INLINE void output_line(const vf p[SIDE], vf r[TILE])
{
    const vf a = splat(0.70710678118654752f), b = splat(1.41421356237309505f);
    const vf two = splat(2.0f), half = splat(0.5f);
    const vf sum_a = p[1] + p[2], sum_b = p[3] + p[4];
    const vf odd_a = a * (p[1] - p[2]), odd_b = b * (p[3] - p[4]);
    r[0] = p[0] + (sum_a + sum_b);
    r[1] = odd_a + odd_b;
    r[2] = half * sum_a + two * sum_b;
    r[3] = (half * odd_a + two * odd_b) + p[5];
}

/* ---- weights -------------------------------------------------------------------------------- */

/* G g of one row or column, 3 values to 6; a row of G is (1, p, p^2) / N(p) for the point p. */
INLINE void weight_line(const vf g[3], vf r[SIDE])
{
    const vf even_a = splat(-2.0f / 3.0f) * g[0] - splat(1.0f / 3.0f) * g[2];
    const vf even_b = splat(1.0f / 6.0f) * g[0] + splat(1.0f / 3.0f) * g[2];
    const vf odd_a = splat(-0.47140452079103168f) * g[1];
    const vf odd_b = splat(0.23570226039551584f) * g[1];
    r[0] = g[0];
    r[1] = even_a + odd_a;
    r[2] = even_a - odd_a;
    r[3] = even_b + odd_b;
    r[4] = even_b - odd_b;
    r[5] = g[2];
}

static void winograd_weights(const fseg_tile_weights *a)
{
    for (int k = 0; k < VECTORS; ++k) {
        vf t[SIDE][3];
        UNROLL for (int c = 0; c < 3; ++c)
        {
            vf g[3], r[SIDE];
            UNROLL for (int i = 0; i < 3; ++i) g[i] =
                load(a->taps + (i * 3 + c) * FSEG_BLOCK + k * VLEN);
            weight_line(g, r);
            UNROLL for (int i = 0; i < SIDE; ++i) t[i][c] = r[i];
        }
        UNROLL for (int i = 0; i < SIDE; ++i)
        {
            vf r[SIDE];
            weight_line(t[i], r);
            UNROLL for (int c = 0; c < SIDE; ++c)
                store(a->u + (size_t)(i * SIDE + c) * a->u_position + k * VLEN, r[c]);
        }
    }
}

/* ---- input ---------------------------------------------------------------------------------- */

/* One tile, one vector of channels; x at its upper left input pixel. */
INLINE void input_tile(const float *x, size_t row, float *v, size_t v_position, const int norm,
                       vf scale, vf shift, vf floor)
{
    float t[SIDE * SIDE * VLEN] __attribute__((aligned(64)));
    for (int c = 0; c < SIDE; ++c) {
        vf d[SIDE], r[SIDE];
        UNROLL for (int i = 0; i < SIDE; ++i)
        {
            d[i] = load(x + (size_t)i * row + (size_t)(c * FSEG_BLOCK));
            if (norm)
                d[i] = larger(d[i] * scale + shift, floor);
        }
        input_line(d, r);
        UNROLL for (int i = 0; i < SIDE; ++i) store(t + (i * SIDE + c) * VLEN, r[i]);
    }
    for (int i = 0; i < SIDE; ++i) {
        vf d[SIDE], r[SIDE];
        UNROLL for (int c = 0; c < SIDE; ++c) d[c] = load(t + (i * SIDE + c) * VLEN);
        input_line(d, r);
        UNROLL for (int c = 0; c < SIDE; ++c) store(v + (size_t)(i * SIDE + c) * v_position, r[c]);
    }
}

/* The input pixels of a tile at the image's edge, normalized, zero outside of the image. */
INLINE void gather_tile(const fseg_tile_input *a, int h0, int w0, float *out)
{
    const size_t row = (size_t)(a->width + 2) * FSEG_BLOCK;
    for (int i = 0; i < SIDE; ++i)
        for (int c = 0; c < SIDE; ++c) {
            const int h = h0 + i, w = w0 + c;
            const int inside = h >= 0 && h < a->height && w >= 0 && w < a->width;
            const float *x =
                a->x + (inside ? (size_t)(h + 1) * row + (size_t)(w + 1) * FSEG_BLOCK : 0);
            UNROLL for (int k = 0; k < VECTORS; ++k)
            {
                vf d = inside ? load(x + k * VLEN) : (vf){0};
                if (inside && a->norm)
                    d = larger(d * load(a->norm->scale + k * VLEN) +
                                   load(a->norm->shift + k * VLEN),
                               splat(a->norm->floor));
                store(out + (i * SIDE + c) * FSEG_BLOCK + k * VLEN, d);
            }
        }
}

static void winograd_input(const fseg_tile_input *a)
{
    const int tiles = (a->width + TILE - 1) / TILE, h0 = a->tile_row * TILE - 1;
    const size_t row = (size_t)(a->width + 2) * FSEG_BLOCK;
    const int inner_rows = h0 >= 0 && h0 + SIDE <= a->height;
    for (int tile = 0; tile < tiles; ++tile) {
        const int w0 = tile * TILE - 1;
        float *v = a->v + tile * FSEG_BLOCK;
        if (!inner_rows || w0 < 0 || w0 + SIDE > a->width) {
            float edge[SIDE * SIDE * FSEG_BLOCK] __attribute__((aligned(64)));
            gather_tile(a, h0, w0, edge);
            UNROLL for (int k = 0; k < VECTORS; ++k)
                input_tile(edge + k * VLEN, (size_t)(SIDE * FSEG_BLOCK), v + k * VLEN,
                           a->v_position, 0, (vf){0}, (vf){0}, (vf){0});
            continue;
        }
        const float *x = a->x + (size_t)(h0 + 1) * row + (size_t)(w0 + 1) * FSEG_BLOCK;
        UNROLL for (int k = 0; k < VECTORS; ++k)
        {
            if (a->norm)
                input_tile(x + k * VLEN, row, v + k * VLEN, a->v_position, 1,
                           load(a->norm->scale + k * VLEN), load(a->norm->shift + k * VLEN),
                           splat(a->norm->floor));
            else
                input_tile(x + k * VLEN, row, v + k * VLEN, a->v_position, 0, (vf){0}, (vf){0},
                           (vf){0});
        }
    }
}

/* ---- output --------------------------------------------------------------------------------- */

/* One tile, one vector of channels, to y [4][4] with the given strides; adds to the statistics. */
INLINE void output_tile(const float *p, size_t p_position, vf bias, float *y, size_t row,
                        const int accumulate, vf sums[2])
{
    vf t[TILE][SIDE];
    UNROLL for (int c = 0; c < SIDE; ++c)
    {
        vf d[SIDE], r[TILE];
        UNROLL for (int i = 0; i < SIDE; ++i) d[i] = load(p + (size_t)(i * SIDE + c) * p_position);
        output_line(d, r);
        UNROLL for (int i = 0; i < TILE; ++i) t[i][c] = r[i];
    }
    vf sum = {0}, square = {0};
    UNROLL for (int i = 0; i < TILE; ++i)
    {
        vf r[TILE];
        output_line(t[i], r);
        UNROLL for (int c = 0; c < TILE; ++c)
        {
            float *to = y + (size_t)i * row + (size_t)(c * FSEG_BLOCK);
            const vf value = r[c] + (accumulate ? load(to) : bias);
            store(to, value);
            sum += value;
            square += value * value;
        }
    }
    sums[0] += sum;
    sums[1] += square;
}

/* A tile that hangs over the image's edge: only its pixels inside count. */
INLINE void output_edge(const fseg_tile_output *a, int h0, int w0, const float *p, vf bias,
                        int vector, vf sums[2])
{
    float edge[TILE * TILE * FSEG_BLOCK] __attribute__((aligned(64)));
    vf ignored[2] = {{0}, {0}};
    output_tile(p, a->m_position, bias, edge, (size_t)(TILE * FSEG_BLOCK), 0, ignored);
    for (int i = 0; i < TILE && h0 + i < a->height; ++i)
        for (int c = 0; c < TILE && w0 + c < a->width; ++c) {
            float *to =
                a->y + row_start(h0 + i, a->width) + (size_t)((w0 + c) * FSEG_BLOCK + vector);
            vf value = load(edge + (i * TILE + c) * FSEG_BLOCK);
            if (a->accumulate)
                value += load(to);
            store(to, value);
            sums[0] += value;
            sums[1] += value * value;
        }
}

static void winograd_output(const fseg_tile_output *a)
{
    const int tiles = (a->width + TILE - 1) / TILE, h0 = a->tile_row * TILE;
    const size_t row = (size_t)(a->width + 2) * FSEG_BLOCK;
    UNROLL for (int k = 0; k < VECTORS; ++k)
    {
        const vf bias = a->bias ? load(a->bias + k * VLEN) : (vf){0};
        vf sums[2] = {{0}, {0}};
        for (int tile = 0; tile < tiles; ++tile) {
            const float *p = a->m + tile * FSEG_BLOCK + k * VLEN;
            float *y =
                a->y + row_start(h0, a->width) + (size_t)(tile * TILE * FSEG_BLOCK + k * VLEN);
            if (h0 + TILE > a->height || tile * TILE + TILE > a->width)
                output_edge(a, h0, tile * TILE, p, bias, k * VLEN, sums);
            else if (a->accumulate)
                output_tile(p, a->m_position, bias, y, row, 1, sums);
            else
                output_tile(p, a->m_position, bias, y, row, 0, sums);
        }
        if (a->sums) {
            store(a->sums + k * VLEN, sums[0]);
            store(a->sums + FSEG_BLOCK + k * VLEN, sums[1]);
        }
    }
}
