/*
 * Products of transformed inputs and weights, one small matrix product per position. Included by
 * tile_kernels_body.h.
 *
 * As in kernels_body.h, the results of a few tiles stay in registers over all input channels: two
 * co blocks of TILE_PIXELS tiles, or one of LONG_TILES.
 */

INLINE void product_tile(const fseg_tile_products *a, const float *v, const float *u, float *m,
                         const int tiles, const int blocks)
{
    vf acc[LONG_TILES][TILE_BLOCKS * VECTORS];
    UNROLL for (int t = 0; t < tiles; ++t) UNROLL for (int k = 0; k < blocks * VECTORS; ++k)
        acc[t][k] = (vf){0};
    for (int block = 0; block < a->in_blocks; ++block, v += a->v_block)
        for (int ci = 0; ci < FSEG_BLOCK; ++ci, u += FSEG_BLOCK) {
            vf w[TILE_BLOCKS * VECTORS];
            UNROLL for (int k = 0; k < blocks * VECTORS; ++k) w[k] =
                load(u + (size_t)(k / VECTORS) * a->u_block + (size_t)(k % VECTORS * VLEN));
            UNROLL for (int t = 0; t < tiles; ++t)
            {
                const vf x = splat(v[t * FSEG_BLOCK + ci]);
                UNROLL for (int k = 0; k < blocks * VECTORS; ++k) acc[t][k] += w[k] * x;
            }
        }
    UNROLL for (int k = 0; k < blocks * VECTORS; ++k) UNROLL for (int t = 0; t < tiles; ++t) store(
        m + (size_t)(k / VECTORS) * a->m_block + (size_t)(k % VECTORS * VLEN) + t * FSEG_BLOCK,
        acc[t][k]);
}

#define PRODUCT_CASE(T)                                                                            \
    case T:                                                                                        \
        product_tile(a, v, u, m, T < most ? T : most, blocks);                                     \
        break;

/* One position, `blocks` co blocks, all tiles. */
INLINE void product_tiles(const fseg_tile_products *a, const float *v, const float *u, float *m,
                          const int blocks)
{
    const int most = LONG_TILES / blocks;
    const int runs = (a->tiles + most - 1) / most;
    for (int r = 0, left = a->tiles; r < runs; ++r) {
        const int tiles = (left + runs - r - 1) / (runs - r);
        switch (tiles) {
            PRODUCT_CASE(1)
            PRODUCT_CASE(2)
#if LONG_TILES > 2
            PRODUCT_CASE(3)
            PRODUCT_CASE(4)
            PRODUCT_CASE(5)
            PRODUCT_CASE(6)
#endif
#if LONG_TILES > 6
            PRODUCT_CASE(7)
            PRODUCT_CASE(8)
            PRODUCT_CASE(9)
            PRODUCT_CASE(10)
            PRODUCT_CASE(11)
            PRODUCT_CASE(12)
            PRODUCT_CASE(13)
            PRODUCT_CASE(14)
            PRODUCT_CASE(15)
            PRODUCT_CASE(16)
            PRODUCT_CASE(17)
            PRODUCT_CASE(18)
            PRODUCT_CASE(19)
            PRODUCT_CASE(20)
            PRODUCT_CASE(21)
            PRODUCT_CASE(22)
            PRODUCT_CASE(23)
            PRODUCT_CASE(24)
#endif
        }
        v += tiles * FSEG_BLOCK;
        m += tiles * FSEG_BLOCK;
        left -= tiles;
    }
}

static void tile_products(const fseg_tile_products *a)
{
    for (int position = 0; position < a->positions; ++position) {
        const float *v = a->v + (size_t)position * a->v_position;
        const float *u = a->u + (size_t)position * a->u_position;
        float *m = a->m + (size_t)position * a->m_position;
        int left = a->out_blocks;
#if TILE_BLOCKS > 1
        for (; left >= TILE_BLOCKS; left -= TILE_BLOCKS) {
            product_tiles(a, v, u, m, TILE_BLOCKS);
            u += TILE_BLOCKS * a->u_block;
            m += TILE_BLOCKS * a->m_block;
        }
#endif
        for (; left > 0; --left, u += a->u_block, m += a->m_block)
            product_tiles(a, v, u, m, 1);
    }
}
