/**
 * @file phantom_pelvis.c
 * One patient of the pelvic phantom: creation, description, release.
 */
#include "phantom_pelvis_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Streams of the seed: each purpose its own. */
static const uint64_t texture_stream = (uint64_t)0x60 << 56;
static const uint64_t gland_stream = (uint64_t)0x61 << 56;
static const uint64_t frame_stream = (uint64_t)0x62 << 56;
static const uint64_t organ_stream = (uint64_t)0x63 << 56;

void fseg_pelvis_free(fseg_pelvis *p)
{
    if (!p)
        return;
    fseg_field_release(&p->gland);
    fseg_field_release(&p->transition);
    free(p->texture.values);
    free(p);
}

/* Share of a cell inside, from the distance at its middle. */
static double inside_share(float f, float spacing)
{
    const double share = 0.5 - (double)f / (double)spacing;
    return share < 0.0 ? 0.0 : share > 1.0 ? 1.0 : share;
}

/* Distances from the implicit functions; extents, volumes, and the origin into the middle. */
static fseg_status finish_gland(fseg_pelvis *p)
{
    fseg_status status = fseg_field_to_distance(&p->gland);
    if (status == FSEG_OK)
        status = fseg_field_to_distance(&p->transition);
    if (status != FSEG_OK)
        return status;
    fseg_field *f = &p->gland;
    float low[3] = {1e6f, 1e6f, 1e6f}, high[3] = {-1e6f, -1e6f, -1e6f};
    double gland = 0.0, transition = 0.0;
    size_t i = 0;
    for (int z = 0; z < f->n[2]; ++z)
        for (int y = 0; y < f->n[1]; ++y)
            for (int x = 0; x < f->n[0]; ++x, ++i) {
                const float d = f->values[i];
                gland += inside_share(d, f->spacing);
                transition += inside_share(fmaxf(d, p->transition.values[i]), f->spacing);
                if (d >= 0.0f)
                    continue;
                const int at[3] = {x, y, z};
                for (int a = 0; a < 3; ++a) {
                    const float centre = f->origin[a] + (float)at[a] * f->spacing;
                    low[a] = fminf(low[a], centre + fmaxf(d, -f->spacing));
                    high[a] = fmaxf(high[a], centre - fmaxf(d, -f->spacing));
                }
            }
    const double cell = pow((double)f->spacing, 3.0) / 1000.0;
    p->described.gland_ml = gland * cell;
    p->described.transition_ml = transition * cell;
    for (int a = 0; a < 3; ++a) {
        p->half[a] = 0.5f * (high[a] - low[a]);
        p->described.extent_mm[a] = (double)(high[a] - low[a]);
        const float middle = 0.5f * (high[a] + low[a]);
        p->gland.origin[a] -= middle;
        p->transition.origin[a] -= middle;
    }
    const float zero[3] = {0.0f, 0.0f, 0.0f};
    p->nominal = fseg_ellipsoid_make(zero, p->half, zero);
    return FSEG_OK;
}

fseg_status fseg_pelvis_create(uint64_t seed, const fseg_pelvis_map *map, double map_variation,
                               fseg_pelvis **out, fseg_error *error)
{
    if (!out)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "no place for the pelvis given");
    *out = NULL;
    if (!(map_variation >= 0.0 && map_variation <= 1.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "variation of the label map %g; choose 0 to 1", map_variation);
    if (map) {
        const fseg_status checked = fseg_pelvis_map_check(map, error);
        if (checked != FSEG_OK)
            return checked;
    }
    fseg_pelvis *p = calloc(1, sizeof *p);
    if (!p)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a pelvis");
    p->seed = seed;
    fseg_random random = fseg_random_create(seed, texture_stream);
    fseg_status status = fseg_texture_create(&random, &p->texture);
    for (int use = 0; use < 8; ++use)
        for (int d = 0; d < 3; ++d)
            p->phase[use][d] = fseg_random_range(&random, 0.0f, 16.0f);
    p->warp_mm = fseg_random_range(&random, 0.5f, 3.0f);
    random = fseg_random_create(seed, gland_stream);
    if (status == FSEG_OK)
        status = map ? fseg_pelvis_gland_given(&random, map, map_variation, p)
                     : fseg_pelvis_gland_parametric(&random, p);
    if (status == FSEG_OK)
        status = finish_gland(p);
    if (status != FSEG_OK) {
        fseg_pelvis_free(p);
        return fseg_error_set(error, status, "not enough memory for a pelvis");
    }
    random = fseg_random_create(seed, frame_stream);
    fseg_pelvis_draw_frame(&random, p);
    random = fseg_random_create(seed, organ_stream);
    fseg_pelvis_draw_organs(&random, p);
    *out = p;
    return FSEG_OK;
}

fseg_pelvis_gland fseg_pelvis_describe(const fseg_pelvis *pelvis)
{
    const fseg_pelvis_gland nothing = {0};
    return pelvis ? pelvis->described : nothing;
}
