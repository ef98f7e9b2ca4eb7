/**
 * @file phantom_lattice.c
 * Smooth random fields: cubic B-splines over grids of independent values.
 */
#include "phantom_internal.h"

#include <math.h>
#include <stdlib.h>

static void weights_at(float t, float w[4])
{
    const float u = 1.0f - t, t2 = t * t;
    w[0] = u * u * u * (1.0f / 6.0f);
    w[1] = (4.0f + t2 * (3.0f * t - 6.0f)) * (1.0f / 6.0f);
    w[2] = (1.0f + 3.0f * (t + t2 - t2 * t)) * (1.0f / 6.0f);
    w[3] = t2 * t * (1.0f / 6.0f);
}

fseg_status fseg_lattice_create(fseg_random *random, const float low[3], const float high[3],
                                float spacing, fseg_lattice *out)
{
    size_t count = 1;
    out->spacing = spacing;
    for (int d = 0; d < 3; ++d) {
        out->origin[d] = low[d];
        out->n[d] = (int)ceilf((high[d] - low[d]) / spacing) + 4;
        count *= (size_t)out->n[d];
    }
    out->values = malloc(count * sizeof *out->values);
    if (!out->values)
        return FSEG_ERROR_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; ++i)
        out->values[i] = fseg_random_range(random, -1.0f, 1.0f);
    return FSEG_OK;
}

void fseg_lattice_release(fseg_lattice *lattice)
{
    free(lattice->values);
    lattice->values = NULL;
}

size_t fseg_lattice_scratch(const fseg_lattice *lattice)
{
    return (size_t)lattice->n[0];
}

/* The cell of a coordinate, kept so that four values from it exist, and the place in the cell. */
static int cell_at(const fseg_lattice *lattice, int axis, float at, float *t)
{
    const float limit = (float)(lattice->n[axis] - 3) - 1e-3f;
    float p = (at - lattice->origin[axis]) / lattice->spacing;
    p = p > 0.0f ? p : 0.0f;
    p = p < limit ? p : limit;
    const int cell = (int)p;
    *t = p - (float)cell;
    return cell;
}

void fseg_lattice_row(const fseg_lattice *lattice, float x0, float dx, float y, float z, int n,
                      float *scratch, float *out)
{
    float t, wy[4], wz[4];
    const int cy = cell_at(lattice, 1, y, &t);
    weights_at(t, wy);
    const int cz = cell_at(lattice, 2, z, &t);
    weights_at(t, wz);
    const int nx = lattice->n[0];
    for (int i = 0; i < nx; ++i)
        scratch[i] = 0.0f;
    for (int c = 0; c < 4; ++c)
        for (int b = 0; b < 4; ++b) {
            const size_t line = (size_t)(cz + c) * (size_t)lattice->n[1] + (size_t)(cy + b);
            const float *values = lattice->values + line * (size_t)nx;
            const float w = wz[c] * wy[b];
            for (int i = 0; i < nx; ++i)
                scratch[i] += w * values[i];
        }
    for (int i = 0; i < n; ++i) {
        float w[4];
        const float *v = scratch + cell_at(lattice, 0, x0 + (float)i * dx, &t);
        weights_at(t, w);
        out[i] = w[0] * v[0] + w[1] * v[1] + w[2] * v[2] + w[3] * v[3];
    }
}
