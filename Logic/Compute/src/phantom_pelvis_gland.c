/**
 * @file phantom_pelvis_gland.c
 * The gland and its transition zone as signed distances, from a given map or from numbers.
 *
 * Slices of a map are joined by interpolating their planar signed distances (shape-based
 * interpolation: Raya and Udupa, IEEE TMI 1990;9:32), so that thick slices give a smooth gland.
 */
#include "phantom_pelvis_internal.h"
#include "phantom_pelvis_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float field_spacing = 1.25f, field_margin = 10.0f;

static float vary(fseg_random *random, float mean, float spread)
{
    return mean + fseg_random_range(random, -spread, spread);
}

fseg_status fseg_pelvis_field_cover(const float half[3], fseg_field *out)
{
    size_t count = 1;
    out->spacing = field_spacing;
    for (int d = 0; d < 3; ++d) {
        const int arm = (int)ceilf((half[d] + field_margin) / field_spacing);
        out->n[d] = 2 * arm + 1;
        out->origin[d] = -field_spacing * (float)arm;
        count *= (size_t)out->n[d];
    }
    out->values = malloc(count * sizeof *out->values);
    return out->values ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
}

/* ---- Parametric ---------------------------------------------------------------------------- */

typedef struct shape {
    float half[3], apex, back, hollow, rough; /* taper, flatness and midline groove behind */
    fseg_ellipsoid lobes[2], median;
    float has_median, gap;
} shape;

static float ellipsoid_at(const fseg_ellipsoid *e, const float at[3])
{
    float u[3], square = 0.0f, slope = 0.0f;
    for (int d = 0; d < 3; ++d) {
        u[d] = 0.0f;
        for (int i = 0; i < 3; ++i)
            u[d] += e->axis[d][i] * (at[i] - e->centre[i]);
        u[d] /= e->radius[d];
        square += u[d] * u[d];
        slope += u[d] * u[d] / (e->radius[d] * e->radius[d]);
    }
    const float r = sqrtf(square);
    return r * (r - 1.0f) / sqrtf(slope + 1e-12f);
}

static float gland_at(const shape *s, const float at[3], float noise)
{
    const float u = at[2] / s->half[2];
    /* Narrower towards the apex, broadest above the middle. */
    const float taper = 1.0f / (1.0f + s->apex * u);
    const float groove = s->hollow * expf(-at[0] * at[0] * (1.0f / 64.0f));
    const float rear = at[1] > 0.0f ? s->back : 1.0f;
    const float q[3] = {at[0] * taper, (at[1] + (at[1] > 0.0f ? groove : 0.0f)) * taper * rear,
                        at[2]};
    const fseg_ellipsoid e = {.centre = {0.0f, 0.0f, 0.0f},
                              .radius = {s->half[0], s->half[1], s->half[2]},
                              .axis = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    float f = ellipsoid_at(&e, q) + s->rough * noise;
    if (s->has_median > 0.0f)
        f = fseg_smooth_min(f, ellipsoid_at(&s->median, at), 5.0f);
    return f;
}

static float transition_at(const shape *s, const float at[3], float gland, float noise)
{
    float f = fseg_smooth_min(ellipsoid_at(&s->lobes[0], at), ellipsoid_at(&s->lobes[1], at), 7.0f);
    if (s->has_median > 0.0f)
        f = fseg_smooth_min(f, ellipsoid_at(&s->median, at) + 1.5f, 5.0f);
    return fseg_smooth_max(f + s->rough * noise, gland + s->gap, 3.0f);
}

/* Volume: mostly 20 to 100 ml, median 45; proportions of the sonographic literature. */
static void draw_shape(fseg_random *random, shape *s)
{
    const float ml = 45.0f * expf(0.5f * fseg_random_normal(random));
    const float volume = 1000.0f * (ml < 16.0f ? 16.0f : ml > 180.0f ? 180.0f : ml);
    const float flat = vary(random, 0.72f, 0.12f), tall = vary(random, 0.86f, 0.16f);
    const float width = cbrtf(volume / (4.18879f * flat * tall));
    s->half[0] = width;
    s->half[1] = width * flat * 1.06f;
    s->half[2] = width * tall;
    s->apex = vary(random, 0.16f, 0.12f);
    s->back = vary(random, 1.12f, 0.1f);
    s->hollow = vary(random, 1.5f, 1.5f);
    s->rough = vary(random, 0.7f, 0.4f);
    /* The transition zone makes up a quarter of a small gland and most of a large one. */
    const float grown = (cbrtf(ml) - 2.5f) / 2.6f;
    const float part = vary(random,
                            0.62f + 0.22f * (grown < 0.0f   ? 0.0f
                                             : grown > 1.0f ? 1.0f
                                                            : grown),
                            0.09f);
    s->gap = vary(random, 1.8f, 0.8f);
    for (int side = 0; side < 2; ++side) {
        const float sign = side == 0 ? -1.0f : 1.0f, uneven = vary(random, 1.0f, 0.1f);
        const float centre[3] = {sign * 0.30f * part * s->half[0],
                                 vary(random, -0.30f, 0.08f) * s->half[1] * (1.3f - 0.8f * part),
                                 vary(random, 0.14f, 0.08f) * s->half[2]};
        const float radius[3] = {0.72f * part * uneven * s->half[0],
                                 0.95f * part * uneven * s->half[1],
                                 0.98f * part * uneven * s->half[2]};
        const float turn[3] = {vary(random, 0.0f, 8.0f), vary(random, 0.0f, 8.0f),
                               vary(random, 0.0f, 12.0f)};
        s->lobes[side] = fseg_ellipsoid_make(centre, radius, turn);
    }
    s->has_median = fseg_random_uniform(random) < 0.25f * part ? 1.0f : 0.0f;
    const float knob = vary(random, 0.32f, 0.1f);
    const float centre[3] = {vary(random, 0.0f, 2.0f), 0.05f * s->half[1], 0.9f * s->half[2]};
    const float radius[3] = {knob * s->half[0], 1.1f * knob * s->half[1], knob * s->half[2] + 3.0f};
    const float none[3] = {0.0f, 0.0f, 0.0f};
    s->median = fseg_ellipsoid_make(centre, radius, none);
}

fseg_status fseg_pelvis_gland_parametric(fseg_random *random, fseg_pelvis *p)
{
    shape s;
    draw_shape(random, &s);
    const float cover[3] = {s.half[0] + 4.0f, s.half[1] + 4.0f, s.half[2] + 10.0f};
    fseg_status status = fseg_pelvis_field_cover(cover, &p->gland);
    if (status == FSEG_OK)
        status = fseg_pelvis_field_cover(cover, &p->transition);
    if (status != FSEG_OK)
        return status;
    const fseg_field *f = &p->gland;
    size_t at = 0;
    for (int k = 0; k < f->n[2]; ++k)
        for (int j = 0; j < f->n[1]; ++j)
            for (int i = 0; i < f->n[0]; ++i, ++at) {
                const float x[3] = {f->origin[0] + (float)i * f->spacing,
                                    f->origin[1] + (float)j * f->spacing,
                                    f->origin[2] + (float)k * f->spacing};
                const float n0 = fseg_texture_at(&p->texture, x[0] / 13.0f + p->phase[0][0],
                                                 x[1] / 13.0f, x[2] / 13.0f);
                const float n1 = fseg_texture_at(&p->texture, x[0] / 11.0f,
                                                 x[1] / 11.0f + p->phase[0][1], x[2] / 11.0f);
                f->values[at] = gland_at(&s, x, n0);
                p->transition.values[at] = transition_at(&s, x, f->values[at], n1);
            }
    memcpy(p->half, s.half, sizeof s.half);
    return FSEG_OK;
}

/* ---- A given map --------------------------------------------------------------------------- */

/* Planar signed distances of the crop of the map around the gland, thick axis last. */
typedef struct stack {
    float *values;
    int n[3], axis[3];                       /* the map's axis that became the stack's */
    double spacing[3], unit[3][3], first[3]; /* mm; place of voxel 0 relative to the middle */
} stack;

static fseg_status stack_create(const fseg_pelvis_map *map, const fseg_map_facts *facts, int zone,
                                stack *out)
{
    int thick = 0;
    for (int d = 1; d < 3; ++d)
        thick = facts->spacing[d] > facts->spacing[thick] * 1.001 ? d : thick;
    if (facts->spacing[2] >= facts->spacing[thick] * 0.999)
        thick = 2;
    const int order[3] = {(thick + 1) % 3, (thick + 2) % 3, thick};
    int low[3];
    memcpy(out->first,
           (double[3]){map->ijk_to_lps[0][3] - facts->centre[0],
                       map->ijk_to_lps[1][3] - facts->centre[1],
                       map->ijk_to_lps[2][3] - facts->centre[2]},
           sizeof out->first);
    size_t count = 1;
    for (int d = 0; d < 3; ++d) {
        const int axis = order[d], margin = d < 2 ? 8 : 2;
        out->axis[d] = axis;
        out->spacing[d] = fseg_map_column(map, axis, out->unit[d]);
        low[d] = facts->low[axis] - margin;
        out->n[d] = facts->high[axis] - facts->low[axis] + 1 + 2 * margin;
        for (int e = 0; e < 3; ++e)
            out->first[e] += map->ijk_to_lps[e][axis] * low[d];
        count *= (size_t)out->n[d];
    }
    uint8_t *inside = calloc(count, 1);
    out->values = malloc(count * sizeof *out->values);
    if (!inside || !out->values) {
        free(inside);
        return FSEG_ERROR_OUT_OF_MEMORY;
    }
    size_t at = 0;
    for (int k = 0; k < out->n[2]; ++k)
        for (int j = 0; j < out->n[1]; ++j)
            for (int i = 0; i < out->n[0]; ++i, ++at) {
                int voxel[3];
                voxel[order[0]] = low[0] + i;
                voxel[order[1]] = low[1] + j;
                voxel[order[2]] = low[2] + k;
                if (voxel[0] < 0 || voxel[1] < 0 || voxel[2] < 0 || voxel[0] >= map->size[0] ||
                    voxel[1] >= map->size[1] || voxel[2] >= map->size[2])
                    continue;
                const uint8_t label =
                    map->labels[((size_t)voxel[2] * (size_t)map->size[1] + (size_t)voxel[1]) *
                                    (size_t)map->size[0] +
                                (size_t)voxel[0]];
                inside[at] = zone ? label == FSEG_PELVIS_TRANSITION : label != 0;
            }
    const float spacing[3] = {(float)out->spacing[0], (float)out->spacing[1],
                              (float)out->spacing[2]};
    const fseg_status status = fseg_distance_signed(inside, out->n, spacing, 1, out->values);
    free(inside);
    return status;
}

/* Beyond its last slice the gland closes half a slice further: empty slices get the distances of
   the nearest slice of the gland, raised by twice its depth for each slice. */
static void stack_close(stack *s)
{
    const size_t plane = (size_t)s->n[0] * (size_t)s->n[1];
    for (int k = 0; k < s->n[2]; ++k) {
        float *slice = s->values + (size_t)k * plane;
        if (slice[0] < 1e5f)
            continue;
        int near = -1;
        for (int reach = 1; near < 0 && reach < s->n[2]; ++reach)
            for (int sign = -1; sign <= 1; sign += 2) {
                const int other = k + sign * reach;
                if (other >= 0 && other < s->n[2] && s->values[(size_t)other * plane] < 1e5f)
                    near = other;
            }
        if (near < 0)
            continue;
        const float *source = s->values + (size_t)near * plane;
        float depth = 0.0f;
        for (size_t i = 0; i < plane; ++i)
            depth = source[i] < -depth ? -source[i] : depth;
        const float raise = 2.0f * depth * (float)abs(k - near);
        /* Marked below 1e5 only after the loop: stays usable as "empty" for its neighbours. */
        for (size_t i = 0; i < plane; ++i)
            slice[i] = 2e5f + source[i] + raise;
    }
    for (size_t i = 0; i < plane * (size_t)s->n[2]; ++i)
        if (s->values[i] >= 1e5f)
            s->values[i] -= 2e5f;
}

static float stack_at(const stack *s, const float at[3])
{
    int cell[3];
    float t[3];
    for (int d = 0; d < 3; ++d) {
        double q = 0.0;
        for (int e = 0; e < 3; ++e)
            q += ((double)at[e] - s->first[e]) * s->unit[d][e];
        q /= s->spacing[d];
        const double most = (double)(s->n[d] - 1);
        q = q < 0.0 ? 0.0 : q > most ? most : q;
        cell[d] = (int)q < s->n[d] - 1 ? (int)q : s->n[d] - 2;
        t[d] = (float)(q - (double)cell[d]);
    }
    const size_t nx = (size_t)s->n[0], plane = nx * (size_t)s->n[1];
    const float *v = s->values + (size_t)cell[2] * plane + (size_t)cell[1] * nx + (size_t)cell[0];
    float line[2];
    for (int k = 0; k < 2; ++k, v += plane) {
        const float a = v[0] + t[0] * (v[1] - v[0]);
        const float b = v[nx] + t[0] * (v[nx + 1] - v[nx]);
        line[k] = a + t[1] * (b - a);
    }
    return line[0] + t[2] * (line[1] - line[0]);
}

/* How the given shape is varied: place in the map of a place in the patient. */
typedef struct bend {
    float matrix[3][3], wave_mm, phase[3][3];
    const fseg_texture *texture;
} bend;

static void bend_draw(fseg_random *random, float variation, const fseg_pelvis *p, bend *b)
{
    memset(b, 0, sizeof *b);
    b->texture = &p->texture;
    const float common = fseg_random_range(random, -0.165f, 0.165f);
    const float angle = 0.14f * variation * fseg_random_range(random, -1.0f, 1.0f);
    for (int d = 0; d < 3; ++d) {
        const float own = fseg_random_range(random, -0.05f, 0.05f);
        b->matrix[d][d] = expf(-variation * (common + own));
        for (int e = 0; e < 3; ++e)
            b->phase[d][e] = fseg_random_range(random, 0.0f, 16.0f);
    }
    if (fseg_random_uniform(random) < 0.5f && variation > 0.0f)
        b->matrix[0][0] = -b->matrix[0][0];
    /* Tilt about the left-right axis, as the pose of the patient and of the slices has it. */
    const float c = cosf(angle), s = sinf(angle), y = b->matrix[1][1], z = b->matrix[2][2];
    b->matrix[1][1] = c * y;
    b->matrix[1][2] = -s * y;
    b->matrix[2][1] = s * z;
    b->matrix[2][2] = c * z;
    b->wave_mm = 1.6f * variation;
}

static void bend_at(const bend *b, const float at[3], float out[3])
{
    for (int d = 0; d < 3; ++d) {
        out[d] = 0.0f;
        for (int e = 0; e < 3; ++e)
            out[d] += b->matrix[d][e] * at[e];
        if (b->wave_mm > 0.0f)
            out[d] += b->wave_mm * fseg_texture_at(b->texture, at[0] / 26.0f + b->phase[d][0],
                                                   at[1] / 26.0f + b->phase[d][1],
                                                   at[2] / 26.0f + b->phase[d][2]);
    }
}

static fseg_status field_from_map(const fseg_pelvis_map *map, const fseg_map_facts *facts, int zone,
                                  const bend *b, const float half[3], fseg_field *out)
{
    stack s = {0};
    fseg_status status = stack_create(map, facts, zone, &s);
    if (status == FSEG_OK)
        status = fseg_pelvis_field_cover(half, out);
    if (status == FSEG_OK) {
        stack_close(&s);
        size_t i = 0;
        for (int z = 0; z < out->n[2]; ++z)
            for (int y = 0; y < out->n[1]; ++y)
                for (int x = 0; x < out->n[0]; ++x) {
                    const float at[3] = {out->origin[0] + (float)x * out->spacing,
                                         out->origin[1] + (float)y * out->spacing,
                                         out->origin[2] + (float)z * out->spacing};
                    float source[3];
                    bend_at(b, at, source);
                    out->values[i++] = stack_at(&s, source);
                }
    }
    free(s.values);
    return status;
}

/* A map without zones: its transition zone is the gland shrunk towards a point in front. */
static fseg_status invent_zone(fseg_random *random, const float half[3], const fseg_field *gland,
                               fseg_field *out)
{
    const fseg_status status = fseg_pelvis_field_cover(half, out);
    if (status != FSEG_OK)
        return status;
    const float part = fseg_random_range(random, 0.6f, 0.82f);
    const float front = -0.22f * half[1], up = 0.12f * half[2];
    size_t i = 0;
    for (int z = 0; z < out->n[2]; ++z)
        for (int y = 0; y < out->n[1]; ++y)
            for (int x = 0; x < out->n[0]; ++x, ++i) {
                const float at[3] = {out->origin[0] + (float)x * out->spacing,
                                     out->origin[1] + (float)y * out->spacing,
                                     out->origin[2] + (float)z * out->spacing};
                const float f = part * fseg_field_at(gland, at[0] / part, (at[1] - front) / part,
                                                     (at[2] - up) / part);
                out->values[i] = fseg_smooth_max(f, gland->values[i] + 2.0f, 3.0f);
            }
    return FSEG_OK;
}

fseg_status fseg_pelvis_gland_given(fseg_random *random, const fseg_pelvis_map *map,
                                    double variation, fseg_pelvis *p)
{
    fseg_map_facts facts;
    fseg_status status = fseg_map_measure(map, &facts, NULL);
    if (status != FSEG_OK)
        return status;
    bend b;
    bend_draw(random, (float)variation, p, &b);
    /* Half extents along the patient's axes, with room for the variation. */
    float half[3] = {0.0f, 0.0f, 0.0f}, cover[3];
    for (int corner = 0; corner < 8; ++corner)
        for (int e = 0; e < 3; ++e) {
            double at = map->ijk_to_lps[e][3] - facts.centre[e];
            for (int d = 0; d < 3; ++d)
                at += map->ijk_to_lps[e][d] * ((corner >> d & 1) ? (double)facts.high[d] + 0.5
                                                                 : (double)facts.low[d] - 0.5);
            half[e] = fmaxf(half[e], (float)fabs(at));
        }
    for (int d = 0; d < 3; ++d)
        cover[d] = half[d] * (1.0f + 0.28f * (float)variation) + 3.0f * (float)variation;
    status = field_from_map(map, &facts, 0, &b, cover, &p->gland);
    if (status == FSEG_OK)
        status = facts.voxels[2] && facts.voxels[1]
                     ? field_from_map(map, &facts, 1, &b, cover, &p->transition)
                     : invent_zone(random, cover, &p->gland, &p->transition);
    return status;
}
