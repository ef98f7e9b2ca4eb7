/**
 * @file phantom_lattice.c
 * Smooth random fields: cubic B-splines over grids of independent values.
 */
#include "phantom_scene.h"

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
    int most = lattice->n[0] > lattice->n[1] ? lattice->n[0] : lattice->n[1];
    most = most > lattice->n[2] ? most : lattice->n[2];
    return (size_t)most;
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

/* Rows along one axis: the other two axes are summed once for the whole row. */
static void line_along(const fseg_lattice *lattice, int axis, const float origin[3], float step,
                       int n, float *scratch, float *out)
{
    const size_t stride[3] = {1, (size_t)lattice->n[0],
                              (size_t)lattice->n[0] * (size_t)lattice->n[1]};
    const int inner = axis == 0 ? 1 : 0, outer = axis == 2 ? 1 : 2;
    float t, wi[4], wo[4];
    const int ci = cell_at(lattice, inner, origin[inner], &t);
    weights_at(t, wi);
    const int co = cell_at(lattice, outer, origin[outer], &t);
    weights_at(t, wo);
    const int count = lattice->n[axis];
    for (int i = 0; i < count; ++i)
        scratch[i] = 0.0f;
    for (int c = 0; c < 4; ++c)
        for (int b = 0; b < 4; ++b) {
            const float *values = lattice->values + (size_t)(co + c) * stride[outer] +
                                  (size_t)(ci + b) * stride[inner];
            const float w = wo[c] * wi[b];
            if (axis == 0)
                for (int i = 0; i < count; ++i)
                    scratch[i] += w * values[i];
            else
                for (int i = 0; i < count; ++i)
                    scratch[i] += w * values[(size_t)i * stride[axis]];
        }
    for (int i = 0; i < n; ++i) {
        float w[4];
        const float *v = scratch + cell_at(lattice, axis, origin[axis] + (float)i * step, &t);
        weights_at(t, w);
        out[i] = w[0] * v[0] + w[1] * v[1] + w[2] * v[2] + w[3] * v[3];
    }
}

void fseg_lattice_line(const fseg_lattice *lattice, const float origin[3], const float step[3],
                       int n, float *scratch, float *out)
{
    for (int axis = 0; axis < 3; ++axis)
        if (step[(axis + 1) % 3] == 0.0f && step[(axis + 2) % 3] == 0.0f) {
            line_along(lattice, axis, origin, step[axis], n, scratch, out);
            return;
        }
    const size_t row = (size_t)lattice->n[0], plane = row * (size_t)lattice->n[1];
    for (int i = 0; i < n; ++i) {
        float w[3][4], t;
        size_t cell[3];
        for (int d = 0; d < 3; ++d) {
            cell[d] = (size_t)cell_at(lattice, d, origin[d] + (float)i * step[d], &t);
            weights_at(t, w[d]);
        }
        const float *values = lattice->values + cell[2] * plane + cell[1] * row + cell[0];
        float sum = 0.0f;
        for (size_t c = 0; c < 4; ++c)
            for (size_t b = 0; b < 4; ++b) {
                const float *v = values + c * plane + b * row;
                sum += w[2][c] * w[1][b] *
                       (w[0][0] * v[0] + w[0][1] * v[1] + w[0][2] * v[2] + w[0][3] * v[3]);
            }
        out[i] = sum;
    }
}
