/*
 * Nearest upsampling by two followed by a 2x2 convolution, with four products per small pixel
 * instead of the nine of the folded form (blocked.h). Included by tile_kernels_body.h.
 *
 * In one dimension the enlarged row is x0 x0 x1 x1 ..., so the outputs are y[2j] = (w0 + w1) x[j]
 * and y[2j+1] = w0 x[j] + w1 x[j+1]. With P[j] = (w0 + w1) x[j] and Q[j] = w0 (x[j] - x[j+1]) this
 * is y[2j] = P[j] and y[2j+1] = Q[j] + P[j+1]: two products instead of three. Nested over rows and
 * columns: positions 0 to 3 are x, its difference to the right, down, and both.
 */

/* One vector of channels of one row: position p goes to v + p * a->v_position. */
INLINE void enlarge_input_row(const fseg_tile_input *a, int k, const int norm)
{
    const size_t row = (size_t)(a->width + 2) * FSEG_BLOCK;
    const float *x = a->x + row_start(a->tile_row, a->width) + k * VLEN;
    const int last_row = a->tile_row + 1 == a->height;
    vf scale = {0}, shift = {0}, floor = {0};
    if (norm) {
        scale = load(a->norm->scale + k * VLEN);
        shift = load(a->norm->shift + k * VLEN);
        floor = splat(a->norm->floor);
    }
    vf here = {0}, below = {0};
    for (int w = a->width - 1; w >= 0; --w) {
        const vf right = here, diagonal = below;
        here = load(x + (size_t)w * FSEG_BLOCK);
        below = last_row ? (vf){0} : load(x + row + (size_t)w * FSEG_BLOCK);
        if (norm) {
            here = larger(here * scale + shift, floor);
            below = last_row ? (vf){0} : larger(below * scale + shift, floor);
        }
        float *v = a->v + (size_t)w * FSEG_BLOCK + k * VLEN;
        store(v, here);
        store(v + a->v_position, here - right);
        store(v + 2 * a->v_position, here - below);
        store(v + 3 * a->v_position, (here - right) - (below - diagonal));
    }
}

static void enlarge_input(const fseg_tile_input *a)
{
    for (int k = 0; k < VECTORS; ++k) {
        if (a->norm)
            enlarge_input_row(a, k, 1);
        else
            enlarge_input_row(a, k, 0);
    }
}

/* Two rows of y from row tile_row of the products, and the row after it unless that is outside. */
static void enlarge_output(const fseg_tile_output *a)
{
    const int small = a->width / 2;
    const int last_row = 2 * (a->tile_row + 1) == a->height;
    const size_t row = (size_t)(a->width + 2) * FSEG_BLOCK;
    const float *next = a->m + (size_t)small * FSEG_BLOCK;
    UNROLL for (int k = 0; k < VECTORS; ++k)
    {
        const float *m = a->m + k * VLEN, *n = next + k * VLEN;
        const vf bias = a->bias ? load(a->bias + k * VLEN) : (vf){0};
        vf sum = {0}, square = {0}, right[3] = {{0}, {0}, {0}}; /* P00, P10, P00 of the next row */
        float *y = a->y + row_start(2 * a->tile_row, a->width) + k * VLEN;
        for (int w = small - 1; w >= 0; --w) {
            const size_t at = (size_t)w * FSEG_BLOCK;
            const vf p00 = load(m + at), p10 = load(m + 2 * a->m_position + at);
            vf out[4] = {p00, load(m + a->m_position + at) + right[0], p10,
                         load(m + 3 * a->m_position + at) + right[1]};
            right[0] = p00;
            right[1] = p10;
            if (!last_row) {
                const vf below = load(n + at);
                out[2] += below;
                out[3] += load(n + a->m_position + at) + right[2];
                right[2] = below;
            }
            UNROLL for (int i = 0; i < 4; ++i)
            {
                const vf value = out[i] + bias;
                store(y + (size_t)(i / 2) * row + 2 * at + (size_t)(i % 2 * FSEG_BLOCK), value);
                sum += value;
                square += value * value;
            }
        }
        if (a->sums) {
            store(a->sums + k * VLEN, sum);
            store(a->sums + FSEG_BLOCK + k * VLEN, square);
        }
    }
}
