/**
 * @file phantom_pelvis_paint.c
 * Samples prepared and the frame of the body painted: skin, fat, muscles, bones, vessels.
 *
 * Like the abdomen (phantom_body.c): a signed distance f covers a sample to the share
 * clamp(1/2 - f / edge); what is painted later hides what is below, in image and truth alike.
 * Samples may lie anywhere, so that any plane can be rendered; parts far from all of a chunk's
 * samples are skipped.
 */
#include "phantom_pelvis_internal.h"

#include <math.h>
#include <string.h>

enum { CHUNK = FSEG_PELVIS_CHUNK };

int fseg_pelvis_meets(const fseg_pelvis_canvas *c, const float low[3], const float high[3],
                      float margin)
{
    for (int d = 0; d < 3; ++d)
        if (c->high[d] < low[d] - margin || c->low[d] > high[d] + margin)
            return 0;
    return 1;
}

float fseg_pelvis_share(const fseg_pelvis_canvas *c, float f)
{
    const float share = 0.5f - f * c->inverse_edge;
    return share < 0.0f ? 0.0f : share > 1.0f ? 1.0f : share;
}

void fseg_pelvis_cover(fseg_pelvis_canvas *c, const float *f, const float *value)
{
    for (int i = 0; i < c->n; ++i) {
        float share = 0.5f - f[i] * c->inverse_edge;
        share = share > 0.0f ? share : 0.0f;
        share = share < 1.0f ? share : 1.0f;
        c->signal[i] += share * (value[i] - c->signal[i]);
    }
}

void fseg_pelvis_fill(fseg_pelvis_canvas *c, fseg_pelvis_tissue tissue, float patches, float grain)
{
    const float s = c->signals[tissue];
    for (int i = 0; i < c->n; ++i) {
        const float v = 1.0f + patches * c->rough[i] + grain * (0.6f * c->fine[i] + c->hair[i]);
        c->value[i] = s * (v > 0.1f ? v : 0.1f);
    }
}

static fseg_row row_of(const fseg_pelvis_canvas *c)
{
    const fseg_row row = {.n = c->n, .x = c->x, .y = c->y, .z = c->z};
    return row;
}

int fseg_pelvis_rods(const fseg_pelvis_canvas *c, const fseg_rod *rods, int count, float blend,
                     float margin, float *out)
{
    const fseg_row row = row_of(c);
    int any = 0;
    for (int n = 0; n < count; ++n) {
        if (!fseg_pelvis_meets(c, rods[n].low, rods[n].high, margin + blend))
            continue;
        if (!any)
            for (int i = 0; i < c->n; ++i)
                out[i] = 1e3f;
        any = 1;
        fseg_rod_row(&rods[n], &row, 0, c->n, blend, out);
    }
    return any;
}

void fseg_pelvis_ellipsoid(const fseg_pelvis_canvas *c, const fseg_ellipsoid *e, float *out)
{
    const fseg_row row = row_of(c);
    fseg_ellipsoid_row(e, &row, 0, c->n, out);
}

/* ---- Preparation --------------------------------------------------------------------------- */

/* Neighbours of the gland see a displaced space: a smooth random displacement that dies away at
   the gland, and one along the normals of the nominal gland that maps the true surface onto it, so
   that whatever was drawn around the nominal gland lies around the true one. */
static void displace(fseg_pelvis_canvas *c)
{
    const fseg_pelvis *p = c->p;
    const float reach = 22.0f;
    const fseg_ellipsoid *e = &p->nominal;
    for (int i = 0; i < c->n; ++i) {
        const float g[3] = {c->gx[i], c->gy[i], c->gz[i]};
        float at[3] = {g[0], g[1], g[2]};
        const float f = c->gland[i];
        float away = f * (1.0f / 30.0f);
        away = away < 0.0f ? 0.0f : away > 1.0f ? 1.0f : away;
        if (away > 0.0f)
            for (int d = 0; d < 3; ++d)
                at[d] +=
                    away * p->warp_mm *
                    fseg_texture_at(&p->texture, g[0] / 58.0f + p->phase[d][0],
                                    g[1] / 58.0f + p->phase[d][1], g[2] / 58.0f + p->phase[d][2]);
        if (f < 3.0f * reach) {
            float u[3], square = 0.0f, slope = 0.0f;
            for (int d = 0; d < 3; ++d) {
                const float q = (at[d] - e->centre[d]) / e->radius[d];
                square += q * q;
                u[d] = q / e->radius[d];
                slope += u[d] * u[d];
            }
            const float r = sqrtf(square), norm = sqrtf(slope + 1e-12f);
            const float nominal = r * (r - 1.0f) / norm;
            const float fall = expf(-f * f / (reach * reach));
            float move = (f - nominal) * fall;
            move = move > 18.0f ? 18.0f : move < -18.0f ? -18.0f : move;
            for (int d = 0; d < 3; ++d)
                at[d] += move * u[d] / norm;
        }
        c->x[i] = at[0];
        c->y[i] = at[1];
        c->z[i] = at[2];
        for (int d = 0; d < 3; ++d) {
            c->low[d] = at[d] < c->low[d] ? at[d] : c->low[d];
            c->high[d] = at[d] > c->high[d] ? at[d] : c->high[d];
        }
    }
}

void fseg_pelvis_paint(fseg_pelvis_canvas *c)
{
    const fseg_pelvis *p = c->p;
    for (int d = 0; d < 3; ++d) {
        c->low[d] = 1e6f;
        c->high[d] = -1e6f;
    }
    for (int i = 0; i < c->n; ++i) {
        const float x = c->gx[i], y = c->gy[i], z = c->gz[i];
        c->gland[i] = fseg_field_at(&p->gland, x, y, z);
        c->transition[i] =
            c->gland[i] < 4.0f ? fseg_field_at(&p->transition, x, y, z) : c->gland[i] + 2.0f;
        c->rough[i] = fseg_texture_at(&p->texture, x / 12.0f + p->phase[3][0],
                                      y / 12.0f + p->phase[3][1], z / 12.0f + p->phase[3][2]);
        c->fine[i] = fseg_texture_at(&p->texture, x / 4.3f + p->phase[4][0],
                                     y / 4.3f + p->phase[4][1], z / 4.3f + p->phase[4][2]);
        c->hair[i] = fseg_texture_at(&p->texture, x / 1.9f + p->phase[5][0],
                                     y / 1.9f + p->phase[5][1], z / 2.6f + p->phase[5][2]);
    }
    displace(c);
    memset(c->signal, 0, sizeof c->signal);
    memset(c->peripheral_share, 0, sizeof c->peripheral_share);
    memset(c->transition_share, 0, sizeof c->transition_share);
    fseg_pelvis_paint_frame(c);
    fseg_pelvis_paint_organs(c);
    fseg_pelvis_paint_gland(c);
}

/* ---- The frame ----------------------------------------------------------------------------- */

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
