/**
 * @file phantom_pelvis_distance.c
 * Euclidean signed distances on grids, and smooth periodic noise.
 *
 * Exact distance transform in linear time: Felzenszwalb and Huttenlocher, Theory of Computing
 * 2012;8:415.
 */
#include "phantom_pelvis_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float far_away = 1e6f; /* mm; its square still leaves room in a float */

void fseg_field_release(fseg_field *field)
{
    free(field->values);
    field->values = NULL;
}

float fseg_field_at(const fseg_field *field, float x, float y, float z)
{
    const float at[3] = {x, y, z};
    int cell[3];
    float t[3], beyond = 0.0f;
    for (int d = 0; d < 3; ++d) {
        float p = (at[d] - field->origin[d]) / field->spacing;
        const float most = (float)(field->n[d] - 1);
        const float q = p < 0.0f ? 0.0f : p > most ? most : p;
        const float out = (p - q) * field->spacing;
        beyond += out * out;
        cell[d] = (int)q;
        cell[d] = cell[d] < field->n[d] - 1 ? cell[d] : field->n[d] - 2;
        t[d] = q - (float)cell[d];
    }
    const size_t nx = (size_t)field->n[0], plane = nx * (size_t)field->n[1];
    const float *v =
        field->values + (size_t)cell[2] * plane + (size_t)cell[1] * nx + (size_t)cell[0];
    float line[2];
    for (int k = 0; k < 2; ++k, v += plane) {
        const float a = v[0] + t[0] * (v[1] - v[0]);
        const float b = v[nx] + t[0] * (v[nx + 1] - v[nx]);
        line[k] = a + t[1] * (b - a);
    }
    const float value = line[0] + t[2] * (line[1] - line[0]);
    return beyond > 0.0f ? value + sqrtf(beyond) : value;
}

/* Lower envelope of parabolas over one line: out[i] = min over j of f[j] + (spacing (i - j))^2. */
static void transform_line(const float *f, int n, float spacing, float *out, int *apex,
                           float *border)
{
    const float square = spacing * spacing;
    int k = 0;
    apex[0] = 0;
    border[0] = -INFINITY;
    border[1] = INFINITY;
    for (int q = 1; q < n; ++q) {
        float s;
        for (;;) { /* ends at the first parabola at the latest: its border is -infinity */
            const int v = apex[k];
            s = (f[q] - f[v]) / (2.0f * square * (float)(q - v)) + 0.5f * (float)(q + v);
            if (s > border[k])
                break;
            --k;
        }
        apex[++k] = q;
        border[k] = s;
        border[k + 1] = INFINITY;
    }
    for (int q = 0, at = 0; q < n; ++q) {
        while (border[at + 1] < (float)q)
            ++at;
        const float d = (float)(q - apex[at]);
        out[q] = square * d * d + f[apex[at]];
    }
}

/* Squared distance to the nearest voxel whose inside flag equals `target`, in place over axes. */
static void transform(const uint8_t *inside, int target, const int n[3], const float spacing[3],
                      int axes, float *square, float *line, int *apex)
{
    const size_t count = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
    for (size_t i = 0; i < count; ++i)
        square[i] = (inside[i] != 0) == target ? 0.0f : far_away * far_away;
    const int longest = n[0] > n[1] ? (n[0] > n[2] ? n[0] : n[2]) : (n[1] > n[2] ? n[1] : n[2]);
    float *in = line, *out = line + longest, *border = line + 2 * longest;
    const size_t step[3] = {1, (size_t)n[0], (size_t)n[0] * (size_t)n[1]};
    for (int axis = 0; axis < axes; ++axis) {
        const int b = (axis + 1) % 3, c = (axis + 2) % 3;
        for (int j = 0; j < n[b]; ++j)
            for (int k = 0; k < n[c]; ++k) {
                float *at = square + (size_t)j * step[b] + (size_t)k * step[c];
                for (int i = 0; i < n[axis]; ++i)
                    in[i] = at[(size_t)i * step[axis]];
                transform_line(in, n[axis], spacing[axis], out, apex, border);
                for (int i = 0; i < n[axis]; ++i)
                    at[(size_t)i * step[axis]] = out[i];
            }
    }
}

fseg_status fseg_distance_signed(const uint8_t *inside, const int n[3], const float spacing[3],
                                 int planar, float *out)
{
    const size_t count = (size_t)n[0] * (size_t)n[1] * (size_t)n[2];
    const size_t longest =
        (size_t)(n[0] > n[1] ? (n[0] > n[2] ? n[0] : n[2]) : (n[1] > n[2] ? n[1] : n[2]));
    float *other = malloc((count + 3 * longest + 1) * sizeof *other);
    int *apex = malloc(longest * sizeof *apex);
    if (!other || !apex) {
        free(other);
        free(apex);
        return FSEG_ERROR_OUT_OF_MEMORY;
    }
    const int axes = planar ? 2 : 3;
    transform(inside, 1, n, spacing, axes, out, other + count, apex);
    transform(inside, 0, n, spacing, axes, other, other + count, apex);
    /* The border lies half a voxel from the centres on both sides. */
    const float half = 0.5f * (spacing[0] < spacing[1] ? spacing[0] : spacing[1]);
    for (size_t i = 0; i < count; ++i) {
        const float outside = sqrtf(out[i]), within = sqrtf(other[i]);
        const float d = inside[i] ? half - within : outside - half;
        out[i] = d > far_away ? far_away : d < -far_away ? -far_away : d;
    }
    free(other);
    free(apex);
    return FSEG_OK;
}

/* Gaussian of about 0.7 voxels along each axis, edges repeated. */
static void smooth(fseg_field *f, float *line)
{
    const size_t step[3] = {1, (size_t)f->n[0], (size_t)f->n[0] * (size_t)f->n[1]};
    for (int axis = 0; axis < 3; ++axis) {
        const int b = (axis + 1) % 3, c = (axis + 2) % 3, n = f->n[axis];
        for (int j = 0; j < f->n[b]; ++j)
            for (int k = 0; k < f->n[c]; ++k) {
                float *at = f->values + (size_t)j * step[b] + (size_t)k * step[c];
                for (int i = 0; i < n; ++i)
                    line[i] = at[(size_t)i * step[axis]];
                for (int i = 0; i < n; ++i)
                    at[(size_t)i * step[axis]] = 0.5f * line[i] + 0.25f * line[i > 0 ? i - 1 : 0] +
                                                 0.25f * line[i < n - 1 ? i + 1 : n - 1];
            }
    }
}

fseg_status fseg_field_to_distance(fseg_field *f)
{
    const size_t nx = (size_t)f->n[0], plane = nx * (size_t)f->n[1],
                 count = plane * (size_t)f->n[2];
    uint8_t *inside = malloc(count);
    float *distance = malloc((count + (size_t)(f->n[0] + f->n[1] + f->n[2])) * sizeof *distance);
    fseg_status status = inside && distance ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
    if (status == FSEG_OK) {
        for (size_t i = 0; i < count; ++i)
            inside[i] = f->values[i] < 0.0f;
        const float spacing[3] = {f->spacing, f->spacing, f->spacing};
        status = fseg_distance_signed(inside, f->n, spacing, 0, distance);
    }
    if (status == FSEG_OK) {
        /* Next to the border the function itself says where within the voxel it lies. */
        for (int k = 1; k < f->n[2] - 1; ++k)
            for (int j = 1; j < f->n[1] - 1; ++j)
                for (int i = 1; i < f->n[0] - 1; ++i) {
                    const size_t at = (size_t)k * plane + (size_t)j * nx + (size_t)i;
                    if (fabsf(distance[at]) > 1.2f * f->spacing)
                        continue;
                    const float *v = f->values + at;
                    const float dx = v[1] - v[-1], dy = v[nx] - v[-(ptrdiff_t)nx];
                    const float dz = v[plane] - v[-(ptrdiff_t)plane];
                    const float slope =
                        sqrtf(dx * dx + dy * dy + dz * dz) / (2.0f * f->spacing) + 1e-6f;
                    const float d = v[0] / slope;
                    const float most = 1.5f * f->spacing;
                    distance[at] = d > most ? most : d < -most ? -most : d;
                }
        memcpy(f->values, distance, count * sizeof *distance);
        smooth(f, distance + count);
    }
    free(inside);
    free(distance);
    return status;
}

/* ---- Textures ------------------------------------------------------------------------------ */

fseg_status fseg_texture_create(fseg_random *random, fseg_texture *out)
{
    enum { N = FSEG_TEXTURE_SIDE };
    const size_t count = (size_t)N * N * N;
    out->values = malloc(count * sizeof *out->values);
    if (!out->values)
        return FSEG_ERROR_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; ++i)
        out->values[i] = fseg_random_range(random, -1.0f, 1.0f);
    const size_t step[3] = {1, N, (size_t)N * N};
    for (int axis = 0; axis < 3; ++axis) {
        const int b = (axis + 1) % 3, c = (axis + 2) % 3;
        for (size_t j = 0; j < N; ++j)
            for (size_t k = 0; k < N; ++k) {
                float *at = out->values + j * step[b] + k * step[c], line[N];
                for (int pass = 0; pass < 3; ++pass) {
                    for (size_t i = 0; i < N; ++i)
                        line[i] = at[i * step[axis]];
                    for (size_t i = 0; i < N; ++i)
                        at[i * step[axis]] = 0.5f * line[i] + 0.25f * line[(i + 1) % N] +
                                             0.25f * line[(i + N - 1) % N];
                }
            }
    }
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < count; ++i) {
        sum += (double)out->values[i];
        squares += (double)out->values[i] * (double)out->values[i];
    }
    const double mean = sum / (double)count;
    const double scale = 1.0 / sqrt(squares / (double)count - mean * mean);
    for (size_t i = 0; i < count; ++i)
        out->values[i] = (float)(((double)out->values[i] - mean) * scale);
    return FSEG_OK;
}

float fseg_texture_at(const fseg_texture *texture, float x, float y, float z)
{
    enum { N = FSEG_TEXTURE_SIDE, MASK = FSEG_TEXTURE_SIDE - 1 };
    x *= (float)FSEG_TEXTURE_CELLS;
    y *= (float)FSEG_TEXTURE_CELLS;
    z *= (float)FSEG_TEXTURE_CELLS;
    const float fx = floorf(x), fy = floorf(y), fz = floorf(z);
    const float tx = x - fx, ty = y - fy, tz = z - fz;
    const int i = (int)fx & MASK, j = (int)fy & MASK, k = (int)fz & MASK;
    const int i1 = (i + 1) & MASK, j1 = (j + 1) & MASK, k1 = (k + 1) & MASK;
    const float *v = texture->values;
    const float *r00 = v + (k * N + j) * N, *r01 = v + (k * N + j1) * N;
    const float *r10 = v + (k1 * N + j) * N, *r11 = v + (k1 * N + j1) * N;
    const float a = r00[i] + tx * (r00[i1] - r00[i]), b = r01[i] + tx * (r01[i1] - r01[i]);
    const float c = r10[i] + tx * (r10[i1] - r10[i]), d = r11[i] + tx * (r11[i1] - r11[i]);
    const float low = a + ty * (b - a), high = c + ty * (d - c);
    return low + tz * (high - low);
}
