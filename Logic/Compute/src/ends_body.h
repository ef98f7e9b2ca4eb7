/*
 * The ends of the network, and pooling: the first convolution reads the plain image, the last one
 * writes plain logits, and pooling normalizes what it reads. Included by tile_kernels_body.h.
 */

/* ---- first 3x3 convolution ------------------------------------------------------------------ */

INLINE void first_tile(const fseg_first_row *a, int w0, const int pixels, vf sums[2][VECTORS])
{
    vf acc[LONG_TILES][VECTORS];
    UNROLL for (int k = 0; k < VECTORS; ++k)
    {
        const vf bias = a->bias ? load(a->bias + k * VLEN) : (vf){0};
        UNROLL for (int p = 0; p < pixels; ++p) acc[p][k] = bias;
    }
    const float *weight = a->weight;
    for (int c = 0; c < a->channels; ++c)
        for (int h = 0; h < 3; ++h) {
            const float *x = a->x + (size_t)c * a->x_plane + (size_t)h * a->x_row + w0;
            UNROLL for (int tap = 0; tap < 3; ++tap, weight += FSEG_BLOCK)
            {
                vf w[VECTORS];
                UNROLL for (int k = 0; k < VECTORS; ++k) w[k] = load(weight + k * VLEN);
                UNROLL for (int p = 0; p < pixels; ++p)
                {
                    const vf value = splat(x[p + tap]);
                    UNROLL for (int k = 0; k < VECTORS; ++k) acc[p][k] += w[k] * value;
                }
            }
        }
    UNROLL for (int k = 0; k < VECTORS; ++k) UNROLL for (int p = 0; p < pixels; ++p)
    {
        store(a->y + (size_t)(w0 + p) * FSEG_BLOCK + k * VLEN, acc[p][k]);
        sums[0][k] += acc[p][k];
        sums[1][k] += acc[p][k] * acc[p][k];
    }
}

static void first_row(const fseg_first_row *a)
{
    vf sums[2][VECTORS] = {{{0}}};
    int w = 0;
    for (; w + LONG_TILES <= a->width; w += LONG_TILES)
        first_tile(a, w, LONG_TILES, sums);
    for (; LONG_TILES > 8 && w + 8 <= a->width; w += 8)
        first_tile(a, w, LONG_TILES > 8 ? 8 : 1, sums);
    for (; w < a->width; ++w)
        first_tile(a, w, 1, sums);
    for (int k = 0; a->sums && k < VECTORS; ++k) {
        store(a->sums + k * VLEN, sums[0][k]);
        store(a->sums + FSEG_BLOCK + k * VLEN, sums[1][k]);
    }
}

/* ---- last 1x1 convolution ------------------------------------------------------------------- */

INLINE void last_tile(const fseg_last_row *a, int w0, const int pixels)
{
    float logits[LONG_TILES * FSEG_BLOCK] __attribute__((aligned(64)));
    float x[LONG_TILES * FSEG_BLOCK] __attribute__((aligned(64)));
    vf acc[LONG_TILES][VECTORS];
    UNROLL for (int k = 0; k < VECTORS; ++k) UNROLL for (int p = 0; p < pixels; ++p) acc[p][k] =
        a->bias ? load(a->bias + k * VLEN) : (vf){0};
    for (int block = 0; block < a->blocks; ++block) {
        const float *in = a->x + (size_t)block * a->x_plane + (size_t)w0 * FSEG_BLOCK;
        UNROLL for (int k = 0; k < VECTORS; ++k)
        {
            const size_t at = (size_t)(block * FSEG_BLOCK + k * VLEN);
            const vf scale = a->scale ? load(a->scale + at) : splat(1.0f);
            const vf shift = a->scale ? load(a->shift + at) : (vf){0};
            UNROLL for (int p = 0; p < pixels; ++p)
            {
                vf d = load(in + p * FSEG_BLOCK + k * VLEN);
                if (a->scale)
                    d = larger(d * scale + shift, (vf){0});
                store(x + p * FSEG_BLOCK + k * VLEN, d);
            }
        }
        const float *weight = a->weight + (size_t)block * FSEG_BLOCK * FSEG_BLOCK;
        for (int ci = 0; ci < FSEG_BLOCK; ++ci, weight += FSEG_BLOCK) {
            vf w[VECTORS];
            UNROLL for (int k = 0; k < VECTORS; ++k) w[k] = load(weight + k * VLEN);
            UNROLL for (int p = 0; p < pixels; ++p)
            {
                const vf value = splat(x[p * FSEG_BLOCK + ci]);
                UNROLL for (int k = 0; k < VECTORS; ++k) acc[p][k] += w[k] * value;
            }
        }
    }
    UNROLL for (int k = 0; k < VECTORS; ++k) UNROLL for (int p = 0; p < pixels; ++p)
        store(logits + p * FSEG_BLOCK + k * VLEN, acc[p][k]);
    for (int c = 0; c < a->classes; ++c)
        for (int p = 0; p < pixels; ++p)
            a->y[(size_t)c * a->y_plane + (size_t)(w0 + p)] = logits[p * FSEG_BLOCK + c];
}

static void last_row(const fseg_last_row *a)
{
    int w = 0;
    for (; w + LONG_TILES <= a->width; w += LONG_TILES)
        last_tile(a, w, LONG_TILES);
    for (; LONG_TILES > 8 && w + 8 <= a->width; w += 8)
        last_tile(a, w, LONG_TILES > 8 ? 8 : 1);
    for (; w < a->width; ++w)
        last_tile(a, w, 1);
}

/* ---- pooling of what a GroupNorm with ReLU makes -------------------------------------------- */

static void norm_max_pool(const float *x, fseg_norm_map map, float *y, int width, int row0,
                          int row1)
{
    const size_t row = (size_t)(2 * width + 2) * FSEG_BLOCK;
    UNROLL for (int k = 0; k < VECTORS; ++k)
    {
        const vf scale = load(map.scale + k * VLEN), shift = load(map.shift + k * VLEN);
        const vf floor = splat(map.floor);
        for (int h = row0; h < row1; ++h) {
            const float *in = x + row_start(2 * h, 2 * width) + k * VLEN;
            float *out = y + row_start(h, width) + k * VLEN;
            for (int w = 0; w < width; ++w) {
                const float *p = in + (size_t)w * 2 * FSEG_BLOCK;
                const vf a = load(p) * scale + shift, b = load(p + FSEG_BLOCK) * scale + shift;
                const vf c = load(p + row) * scale + shift;
                const vf d = load(p + row + FSEG_BLOCK) * scale + shift;
                store(out + (size_t)w * FSEG_BLOCK,
                      larger(larger(larger(a, b), larger(c, d)), floor));
            }
        }
    }
}
