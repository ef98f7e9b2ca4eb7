/**
 * @file phantom_body.c
 * The frame of the body: torso, chest and spine, and brushes for the abdomen's shapes.
 */
#include "phantom_paint.h"

#include <math.h>

void fseg_paint_texture(fseg_abdomen *c, float rough, float fine, int first, int last)
{
    for (int i = first; i < last; ++i)
        c->texture[i] = 1.0f + rough * c->rough[i] + fine * c->fine[i];
}

void fseg_paint(fseg_abdomen *c, const float *f, fseg_tissue tissue, int first, int last, int label)
{
    const fseg_ink ink = {.a = tissue, .texture = c->texture};
    fseg_brush(c->canvas, f, &ink, first, last, label);
}

/* Elliptic cylinder along z. */
void fseg_paint_column_distance(const fseg_abdomen *c, float x, float y, float rx, float ry,
                                int first, int last, float *out)
{
    const float ix = 1.0f / rx, iy = 1.0f / ry;
    for (int i = first; i < last; ++i) {
        const float u = (c->row.x[i] - x) * ix, v = (c->row.y[i] - y) * iy;
        const float r = sqrtf(u * u + v * v);
        out[i] = r * (r - 1.0f) / sqrtf(u * u * ix * ix + v * v * iy * iy + 1e-12f);
    }
}

int fseg_paint_column_span(const fseg_abdomen *c, float x, float y, float rx, float ry, int *first,
                           int *last)
{
    const float low[3] = {x - rx, y - ry, -1e6f}, high[3] = {x + rx, y + ry, 1e6f};
    return fseg_row_span(&c->row, low, high, first, last);
}

void fseg_paint_column(fseg_abdomen *c, float x, float y, float rx, float ry, fseg_tissue tissue,
                       float texture)
{
    int first, last;
    if (!fseg_paint_column_span(c, x, y, rx, ry, &first, &last))
        return;
    fseg_paint_column_distance(c, x, y, rx, ry, first, last, c->work);
    for (int i = first; i < last; ++i)
        c->work[i] = fseg_smooth_max(c->work[i], c->torso[i] + 2.2f + 0.8f * c->a->fat, 6.0f);
    fseg_paint_texture(c, texture, texture, first, last);
    fseg_paint(c, c->work, tissue, first, last, 0);
}

/* ---- The body ------------------------------------------------------------------------------ */

static void torso_distance(fseg_abdomen *c)
{
    const fseg_anatomy *a = c->a;
    const float z = c->row.origin[2];
    /* A waist below the ribs, a deeper chest above. */
    const float waist = (z + 80.0f) / 45.0f;
    const float width = a->half_width * (1.0f - 0.045f * expf(-waist * waist));
    const float depth = a->half_depth * (1.0f + 0.09f * tanhf(z / 70.0f));
    for (int i = 0; i < c->row.n; ++i) {
        const float x = c->row.x[i], y = c->row.y[i];
        const float u = x / width, v = y / depth;
        const float u2 = u * u, v2 = v * v;
        const float circle = sqrtf(u2 + v2), square = sqrtf(sqrtf(u2 * u2 + v2 * v2));
        float r = circle + a->squareness * (square - circle);
        r = r > 1e-3f ? r : 1e-3f;
        float f = sqrtf(x * x + y * y) * (1.0f - 1.0f / r);
        /* Furrow of the back, and a flat front. */
        const float groove = 1.0f / (1.0f + x * x * (1.0f / 900.0f));
        f += (v > 0.0f ? 9.0f : 5.0f) * groove * v2;
        c->torso[i] = f;
    }
}

void fseg_paint_body(fseg_abdomen *c)
{
    const fseg_anatomy *a = c->a;
    const int n = c->row.n;
    torso_distance(c);
    fseg_paint_texture(c, 0.25f, 0.0f, 0, n);
    fseg_paint(c, c->torso, FSEG_TISSUE_SKIN, 0, n, 0);

    for (int i = 0; i < n; ++i)
        c->work[i] = c->torso[i] + 2.2f;
    fseg_paint_texture(c, 0.15f * a->mottle, 0.2f * a->mottle, 0, n);
    fseg_paint(c, c->work, FSEG_TISSUE_FAT, 0, n, 0);

    /* Fat is thicker at the back and the flanks than in front. */
    for (int i = 0; i < n; ++i) {
        const float y = c->row.y[i] / a->half_depth;
        c->work[i] = c->torso[i] + 2.2f + a->fat * (0.85f + 0.35f * y) + 1.2f * c->rough[i];
    }
    fseg_paint_texture(c, 0.2f, 0.2f, 0, n);
    fseg_paint(c, c->work, FSEG_TISSUE_MUSCLE, 0, n, 0);

    /* Ribs run down towards the front: in a cross-section, dark ovals within the wall. */
    for (int i = 0; i < n; ++i) {
        const float middle = c->work[i] + 0.5f * a->muscle;
        const float height = (c->row.z[i] + 60.0f + 0.45f * c->row.y[i]) * (1.0f / 27.0f);
        const float phase = height - floorf(height) - 0.5f;
        const float across = middle / (0.36f * a->muscle), along = phase / 0.24f;
        const float limit = c->row.z[i] > -70.0f && c->row.y[i] > -70.0f ? 0.0f : 1000.0f;
        c->other[i] = (sqrtf(across * across + along * along) - 1.0f) * 4.0f + limit;
        c->texture[i] = 0.55f + 0.2f * c->fine[i];
    }
    fseg_paint(c, c->other, FSEG_TISSUE_BONE, 0, n, 0);

    for (int i = 0; i < n; ++i)
        c->cavity[i] = c->work[i] + a->muscle;
    /* A line of fat between the muscle sheets. */
    for (int i = 0; i < n; ++i) {
        const float sheet = c->cavity[i] - 2.5f - c->rough[i];
        c->work[i] = (sheet < 0.0f ? -sheet : sheet) - 0.5f;
        c->texture[i] = 0.6f;
    }
    fseg_paint(c, c->work, FSEG_TISSUE_FAT, 0, n, 0);
    /* Muscles of the back close the cavity behind the spine. */
    for (int i = 0; i < n; ++i) {
        const float x = c->row.x[i];
        const float back = c->row.y[i] - 74.0f - 0.0016f * x * x;
        c->cavity[i] = fseg_smooth_max(c->cavity[i], back, 14.0f);
        /* Mesenteric vessels: the peaks of the fine field. */
        c->mix[i] = c->fine[i] > 0.85f ? c->fine[i] - 0.85f : 0.0f;
        c->texture[i] = 0.8f + 0.3f * a->mottle * c->rough[i] + 0.4f * a->mottle * c->fine[i];
    }
    const fseg_ink mesentery = {.a = FSEG_TISSUE_FAT,
                                .b = FSEG_TISSUE_VEIN,
                                .scale_b = 1.2f,
                                .add = c->mix,
                                .texture = c->texture};
    fseg_brush(c->canvas, c->cavity, &mesentery, 0, n, 0);
}

/* Domes of the diaphragm: right over the liver, left lower, deep recesses behind and beside. */
static void diaphragm_distance(fseg_abdomen *c)
{
    const fseg_anatomy *a = c->a;
    for (int i = 0; i < c->row.n; ++i) {
        const float x = c->row.x[i], y = c->row.y[i] + 14.0f;
        const float xr = (x + 62.0f) * (1.0f / 78.0f), xl = (x - 62.0f) * (1.0f / 76.0f);
        const float fall = y * y * (1.0f / (96.0f * 96.0f)) * (y > 0.0f ? 72.0f : 44.0f);
        const float right = a->dome_right - 46.0f * xr * xr;
        const float left = a->dome_left - 46.0f * xl * xl;
        const float top = fseg_smooth_max(right, left, 14.0f) - fall;
        c->lung[i] = (top - c->row.z[i]) * 0.72f + 1.5f * c->rough[i];
    }
}

void fseg_paint_chest(fseg_abdomen *c)
{
    const int n = c->row.n;
    diaphragm_distance(c);
    int any = 0;
    for (int i = 0; i < n; ++i)
        any |= c->lung[i] < 2.0f;
    if (!any)
        return;
    for (int i = 0; i < n; ++i) {
        c->work[i] = fseg_smooth_max(c->cavity[i] + 1.0f, c->lung[i], 6.0f);
        /* Vessels of the lung: the ridges of the fine field. */
        const float ridge = c->fine[i] < 0.0f ? -c->fine[i] : c->fine[i];
        c->texture[i] = 0.7f + (ridge < 0.04f ? 3.0f : 0.0f);
    }
    fseg_paint(c, c->work, FSEG_TISSUE_LUNG, 0, n, 0);

    int first, last;
    if (!fseg_row_span(&c->row, c->a->heart.low, c->a->heart.high, &first, &last))
        return;
    fseg_ellipsoid_row(&c->a->heart, &c->row, first, last, c->work);
    for (int i = first; i < last; ++i)
        c->work[i] = fseg_smooth_max(
            fseg_smooth_max(c->work[i] + 2.0f * c->rough[i], c->lung[i] + 2.0f, 8.0f),
            c->cavity[i] + 2.0f, 6.0f);
    fseg_paint_texture(c, 0.25f, 0.15f, first, last);
    fseg_paint(c, c->work, FSEG_TISSUE_HEART, first, last, 0);
    fseg_ellipsoid_row(&c->a->heart_cavity, &c->row, first, last, c->work);
    for (int i = first; i < last; ++i) {
        c->work[i] = fseg_smooth_max(c->work[i] + 5.0f * c->rough[i], c->lung[i] + 9.0f, 8.0f);
        c->texture[i] = 0.45f + 0.4f * c->rough[i];
    }
    fseg_paint(c, c->work, FSEG_TISSUE_HEART, first, last, 0);
}

void fseg_paint_spine(fseg_abdomen *c)
{
    const fseg_anatomy *a = c->a;
    const float z = c->row.origin[2];
    for (int side = -1; side <= 1; side += 2)
        fseg_paint_column(c, (float)side * 36.0f, 84.0f, 33.0f, 22.0f, FSEG_TISSUE_MUSCLE, 0.22f);
    /* Psoas and quadratus grow downwards; the crura of the diaphragm lie above. */
    const float psoas = z < -20.0f ? fminf(7.0f + (-20.0f - z) * 0.16f, 24.0f) : 0.0f;
    for (int side = -1; side <= 1; side += 2) {
        if (psoas > 0.0f)
            fseg_paint_column(c, (float)side * (20.0f + 0.75f * psoas), 50.0f, psoas, 0.9f * psoas,
                              FSEG_TISSUE_MUSCLE, 0.15f);
        if (z < 0.0f)
            fseg_paint_column(c, (float)side * 60.0f, 66.0f, 20.0f, 11.0f, FSEG_TISSUE_MUSCLE,
                              0.15f);
        if (z > -60.0f && z < 70.0f)
            fseg_paint_column(c, (float)side * 11.0f, 27.0f, 10.0f, 8.0f, FSEG_TISSUE_MUSCLE, 0.1f);
    }
    /* Vertebral bodies and discs alternate every 34 mm. */
    const float height = z * (1.0f / 34.0f) + a->vertebra_phase;
    const float phase = height - floorf(height);
    if (phase < 0.24f) {
        fseg_paint_column(c, 0.0f, 46.0f, 23.0f, 17.0f, FSEG_TISSUE_MUSCLE, 0.1f);
        fseg_paint_column(c, 0.0f, 47.0f, 14.0f, 10.0f, FSEG_TISSUE_DISC, 0.1f);
    } else {
        fseg_paint_column(c, 0.0f, 46.0f, 22.0f, 16.0f, FSEG_TISSUE_BONE, 0.25f);
    }
    fseg_paint_column(c, 0.0f, 84.0f, 15.0f, 12.0f, FSEG_TISSUE_BONE, 0.3f);
    fseg_paint_column(c, 0.0f, 72.0f, 12.0f, 9.5f, FSEG_TISSUE_FAT, 0.2f);
    fseg_paint_column(c, 0.0f, 71.0f, 10.0f, 7.5f, FSEG_TISSUE_FLUID, 0.05f);
    if (z > -50.0f)
        fseg_paint_column(c, 0.0f, 71.0f, 5.0f, 3.8f, FSEG_TISSUE_CORD, 0.05f);
    else
        fseg_paint_column(c, 0.0f, 73.5f, 5.0f, 2.2f, FSEG_TISSUE_CORD, 0.1f);
}
