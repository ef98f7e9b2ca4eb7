/**
 * @file phantom_pelvis_paint_frame.c
 * The frame of the body painted: skin, fat, muscles, bones, vessels, masses.
 */
#include "phantom_pelvis_internal.h"

#include <math.h>
#include <string.h>

static void torso_distance(const fseg_pelvis_canvas *c, float *out)
{
    const fseg_pelvis *p = c->p;
    for (int i = 0; i < c->n; ++i) {
        const float x = c->x[i], y = c->y[i] - p->depth_shift;
        const float u = x / p->half_width, v = y / p->half_depth;
        const float u2 = u * u, v2 = v * v;
        const float circle = sqrtf(u2 + v2), square = sqrtf(sqrtf(u2 * u2 + v2 * v2));
        float r = circle + p->squareness * (square - circle);
        r = r > 1e-3f ? r : 1e-3f;
        out[i] = sqrtf(x * x + y * y) * (1.0f - 1.0f / r);
    }
}

/* Fat with its septa and small vessels: thin sheets where a texture crosses zero. */
static void fill_fat(fseg_pelvis_canvas *c, fseg_pelvis_tissue tissue, float septa, float vessels)
{
    fseg_pelvis_fill(c, tissue, 0.07f, 0.05f);
    const float dark = c->signals[FSEG_PELVIS_FASCIA], lumen = c->signals[FSEG_PELVIS_ARTERY];
    for (int i = 0; i < c->n; ++i) {
        const float sheet = (c->rough[i] + 0.12f * c->fine[i]) * 16.0f;
        const float line = septa * expf(-sheet * sheet);
        c->value[i] += line * (dark - c->value[i]);
        float knot = (c->fine[i] + 0.5f * c->hair[i] - 2.2f) * 1.6f;
        knot = vessels * (knot < 0.0f ? 0.0f : knot > 0.8f ? 0.8f : knot);
        c->value[i] += knot * (lumen - c->value[i]);
    }
}

static void paint_part(fseg_pelvis_canvas *c, const fseg_pelvis_part *part)
{
    const float margin = 3.0f * part->rough + part->blend + 2.0f;
    if (!fseg_pelvis_meets(c, part->low, part->high, margin))
        return;
    if (!fseg_pelvis_rods(c, part->rods, part->rod_count, part->blend, margin, c->work))
        for (int i = 0; i < c->n; ++i)
            c->work[i] = 1e3f;
    for (int e = 0; e < part->ellipsoid_count; ++e) {
        if (!fseg_pelvis_meets(c, part->ellipsoids[e].low, part->ellipsoids[e].high, margin))
            continue;
        fseg_pelvis_ellipsoid(c, &part->ellipsoids[e], c->other);
        for (int i = 0; i < c->n; ++i)
            c->work[i] = fseg_smooth_min(c->work[i], c->other[i], part->blend);
    }
    int any = 0;
    for (int i = 0; i < c->n; ++i) {
        c->work[i] += part->rough * (0.6f * c->rough[i] + 0.25f * c->fine[i]);
        any |= c->work[i] < 2.0f;
    }
    if (!any)
        return;
    if (part->rim > 0.0f) {
        fseg_pelvis_fill(c, part->rim_tissue, 0.0f, 0.05f);
        fseg_pelvis_cover(c, c->work, c->value);
        for (int i = 0; i < c->n; ++i)
            c->work[i] += part->rim * (1.0f + 0.3f * c->fine[i]);
    }
    fseg_pelvis_fill(c, part->tissue, part->patches, 0.06f);
    for (int i = 0; i < c->n; ++i)
        c->value[i] *= part->gain;
    if (part->streaks > 0.0f) {
        const fseg_pelvis *p = c->p;
        const float fat = c->signals[FSEG_PELVIS_FAT];
        for (int i = 0; i < c->n; ++i) {
            const float u = c->x[i] * part->fibres[0] + c->y[i] * part->fibres[1];
            const float v = c->y[i] * part->fibres[0] - c->x[i] * part->fibres[1];
            const float n =
                fseg_texture_at(&p->texture, u / 20.0f, v / 2.4f + p->phase[6][1], c->z[i] / 9.0f);
            const float over = n - 1.1f;
            if (over > 0.0f)
                c->value[i] += (over < 1.0f ? over : 1.0f) * part->streaks * 0.5f * fat;
        }
    }
    fseg_pelvis_cover(c, c->work, c->value);
}

/* Fat inside the funnel of the pelvic floor and between the walls above it. */
static void paint_cavity(fseg_pelvis_canvas *c)
{
    const fseg_pelvis *p = c->p;
    for (int i = 0; i < c->n; ++i) {
        const float bottom = p->levator.z[1] - c->z[i];
        const float rise = (c->z[i] - p->levator.z[1]) / (p->levator.z[4] - p->levator.z[1]);
        const float share = rise < 0.0f ? 0.0f : rise > 1.0f ? 1.0f : rise;
        const float rx = p->levator.rx[1] + share * (p->levator.rx[4] - p->levator.rx[1]) + 2.0f;
        const float ry = p->levator.ry[1] + share * (p->levator.ry[4] - p->levator.ry[1]) + 4.0f;
        const float u = c->x[i] / rx, v = (c->y[i] - p->levator.y[2]) / ry;
        const float r = sqrtf(u * u + v * v);
        const float f = (r - 1.0f) * (rx < ry ? rx : ry);
        c->work[i] = fseg_smooth_max(f, bottom, 6.0f);
    }
    fill_fat(c, FSEG_PELVIS_VISCERAL_FAT, 0.4f, 1.0f);
    fseg_pelvis_cover(c, c->work, c->value);
}

static void paint_masses(fseg_pelvis_canvas *c)
{
    for (int n = 0; n < c->mass_count; ++n) {
        const fseg_pelvis_mass *m = &c->masses[n];
        if (!fseg_pelvis_meets(c, m->shape.low, m->shape.high, 5.0f))
            continue;
        fseg_pelvis_ellipsoid(c, &m->shape, c->work);
        for (int i = 0; i < c->n; ++i) {
            c->work[i] += 1.5f * c->rough[i];
            const float v = 1.0f + m->mottle * (c->fine[i] + 0.5f * c->hair[i]) +
                            m->streak * (c->rough[i] > 0.8f ? 1.0f : 0.0f);
            c->value[i] = m->value * (v > 0.1f ? v : 0.1f);
        }
        fseg_pelvis_cover(c, c->work, c->value);
    }
}

void fseg_pelvis_paint_frame(fseg_pelvis_canvas *c)
{
    const fseg_pelvis *p = c->p;
    torso_distance(c, c->work);
    fseg_pelvis_fill(c, FSEG_PELVIS_SKIN, 0.0f, 0.1f);
    fseg_pelvis_cover(c, c->work, c->value);
    for (int i = 0; i < c->n; ++i)
        c->work[i] += 2.0f;
    fill_fat(c, FSEG_PELVIS_FAT, 0.4f, 0.6f);
    fseg_pelvis_cover(c, c->work, c->value);
    for (int n = 0; n < p->wall_first; ++n)
        paint_part(c, &p->parts[n]);
    paint_cavity(c);
    for (int n = p->wall_first; n < p->part_count; ++n)
        paint_part(c, &p->parts[n]);
    paint_masses(c);
    /* The buttocks part behind, below the sacrum. */
    const float from = p->half[1] + 48.0f;
    int any = 0;
    for (int i = 0; i < c->n; ++i) {
        const float depth = c->y[i] - from - 0.5f * fmaxf(c->z[i] - p->cleft_above + 25.0f, 0.0f);
        const float x = c->x[i] < 0.0f ? -c->x[i] : c->x[i];
        const float width = 1.2f + 0.04f * (depth > 0.0f ? depth : 0.0f);
        c->work[i] = fseg_smooth_max(x - width, -depth, 3.0f);
        c->other[i] = fseg_smooth_max(c->work[i] + 2.0f, c->z[i] - p->cleft_above, 3.0f);
        c->work[i] = fseg_smooth_max(c->work[i], c->z[i] - p->cleft_above, 3.0f);
        any |= c->work[i] < 2.0f;
    }
    if (!any)
        return;
    fseg_pelvis_fill(c, FSEG_PELVIS_SKIN, 0.0f, 0.1f);
    fseg_pelvis_cover(c, c->work, c->value);
    memcpy(c->work, c->other, sizeof c->work);
    fseg_pelvis_fill(c, FSEG_PELVIS_AIR, 0.0f, 0.0f);
    fseg_pelvis_cover(c, c->work, c->value);
}
