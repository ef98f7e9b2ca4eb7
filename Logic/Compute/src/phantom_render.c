/**
 * @file phantom_render.c
 * One row of tissue: organs painted over each other, back to front.
 *
 * Each organ is a signed distance f (mm, negative inside). It covers a sample to the share
 * clamp(1/2 - f / edge), which is the partial volume of a straight border within a pixel; through
 * the slice the caller samples. What is painted later hides what is below, in the signal and in
 * the truth alike, so that both always agree.
 */
#include "phantom_internal.h"

#include <math.h>
#include <string.h>

typedef struct canvas {
    const fseg_anatomy *a;
    const float *signals;
    fseg_row row;
    float inverse_edge;
    const float *rough, *fine; /* fields in about +-1 */
    float *torso;              /* distance to the skin */
    float *cavity;             /* distance to the wall of the abdominal and thoracic cavity */
    float *lung;               /* distance to the diaphragm: negative above it */
    float *liver;              /* distance to the liver's surface */
    float *work, *other, *value;
    float *signal;
    float *weight[FSEG_PHANTOM_LABELS];
} canvas;

/* Cover samples first..last-1 by the share that f says, with value[i], as `label` (-1: keep). */
static void paint(canvas *c, const float *f, const float *value, int first, int last, int label)
{
    float *signal = c->signal;
    for (int i = first; i < last; ++i) {
        float share = 0.5f - f[i] * c->inverse_edge;
        share = share > 0.0f ? share : 0.0f;
        share = share < 1.0f ? share : 1.0f;
        signal[i] += share * (value[i] - signal[i]);
        /* Kept for the labels, which are four more passes over the same samples. */
        c->other[i] = share;
    }
    if (label < 0)
        return;
    for (int k = 1; k < FSEG_PHANTOM_LABELS; ++k) {
        float *w = c->weight[k];
        const float target = k == label ? 1.0f : 0.0f;
        for (int i = first; i < last; ++i)
            w[i] += c->other[i] * (target - w[i]);
    }
}

/* value = signal of a tissue with texture of relative strength `rough` and `fine`. */
static void tissue_value(canvas *c, fseg_tissue tissue, float rough, float fine, int first,
                         int last)
{
    const float s = c->signals[tissue];
    for (int i = first; i < last; ++i)
        c->value[i] = s * (1.0f + rough * c->rough[i] + fine * c->fine[i]);
}

/* Elliptic cylinder along z. */
static void column_row(const canvas *c, float x, float y, float rx, float ry, int first, int last,
                       float *out)
{
    const float ix = 1.0f / rx, iy = 1.0f / ry;
    for (int i = first; i < last; ++i) {
        const float u = (c->row.x[i] - x) * ix, v = (c->row.y[i] - y) * iy;
        const float r = sqrtf(u * u + v * v);
        out[i] = r * (r - 1.0f) / sqrtf(u * u * ix * ix + v * v * iy * iy + 1e-12f);
    }
}

static int column_span(const canvas *c, float x, float y, float rx, float ry, int *first, int *last)
{
    const float low[3] = {x - rx, y - ry, -1e6f}, high[3] = {x + rx, y + ry, 1e6f};
    return fseg_row_span(&c->row, low, high, first, last);
}

static void paint_column(canvas *c, float x, float y, float rx, float ry, fseg_tissue tissue,
                         float texture)
{
    int first, last;
    if (!column_span(c, x, y, rx, ry, &first, &last))
        return;
    column_row(c, x, y, rx, ry, first, last, c->work);
    for (int i = first; i < last; ++i)
        c->work[i] = fseg_smooth_max(c->work[i], c->torso[i] + 2.2f + 0.8f * c->a->fat, 6.0f);
    tissue_value(c, tissue, texture, texture, first, last);
    paint(c, c->work, c->value, first, last, 0);
}

/* ---- The body ------------------------------------------------------------------------------ */

static void torso_distance(canvas *c)
{
    const fseg_anatomy *a = c->a;
    const float z = c->row.z0;
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

static void paint_body(canvas *c)
{
    const fseg_anatomy *a = c->a;
    const int n = c->row.n;
    torso_distance(c);
    tissue_value(c, FSEG_TISSUE_SKIN, 0.25f, 0.0f, 0, n);
    paint(c, c->torso, c->value, 0, n, 0);

    for (int i = 0; i < n; ++i)
        c->work[i] = c->torso[i] + 2.2f;
    tissue_value(c, FSEG_TISSUE_FAT, 0.15f, 0.2f, 0, n);
    paint(c, c->work, c->value, 0, n, 0);

    /* Fat is thicker at the back and the flanks than in front. */
    for (int i = 0; i < n; ++i) {
        const float y = c->row.y[i] / a->half_depth;
        c->work[i] = c->torso[i] + 2.2f + a->fat * (0.85f + 0.35f * y) + 1.2f * c->rough[i];
    }
    tissue_value(c, FSEG_TISSUE_MUSCLE, 0.2f, 0.2f, 0, n);
    paint(c, c->work, c->value, 0, n, 0);

    /* Ribs run down towards the front: in a cross-section, dark ovals within the wall. */
    for (int i = 0; i < n; ++i) {
        const float middle = c->work[i] + 0.5f * a->muscle;
        const float height = (c->row.z[i] + 60.0f + 0.45f * c->row.y[i]) * (1.0f / 27.0f);
        const float phase = height - floorf(height) - 0.5f;
        const float across = middle / (0.36f * a->muscle), along = phase / 0.24f;
        const float limit = c->row.z[i] > -70.0f && c->row.y[i] > -70.0f ? 0.0f : 1000.0f;
        c->other[i] = (sqrtf(across * across + along * along) - 1.0f) * 4.0f + limit;
        c->value[i] = c->signals[FSEG_TISSUE_BONE] * (0.55f + 0.2f * c->fine[i]);
    }
    /* `other` is paint's own scratch: move the ribs out of its way. */
    memcpy(c->lung, c->other, (size_t)n * sizeof *c->lung);
    paint(c, c->lung, c->value, 0, n, 0);

    for (int i = 0; i < n; ++i)
        c->cavity[i] = c->work[i] + a->muscle;
    /* A line of fat between the muscle sheets. */
    for (int i = 0; i < n; ++i) {
        const float sheet = c->cavity[i] - 2.5f - c->rough[i];
        c->work[i] = (sheet < 0.0f ? -sheet : sheet) - 0.5f;
        c->value[i] = c->signals[FSEG_TISSUE_FAT] * 0.6f;
    }
    paint(c, c->work, c->value, 0, n, 0);
    /* Muscles of the back close the cavity behind the spine. */
    for (int i = 0; i < n; ++i) {
        const float x = c->row.x[i];
        const float back = c->row.y[i] - 74.0f - 0.0016f * x * x;
        c->cavity[i] = fseg_smooth_max(c->cavity[i], back, 14.0f);
        /* Mesenteric vessels: the peaks of the fine field. */
        const float peak = c->fine[i] > 0.85f ? c->fine[i] - 0.85f : 0.0f;
        c->value[i] =
            c->signals[FSEG_TISSUE_FAT] * (0.8f + 0.3f * c->rough[i] + 0.4f * c->fine[i]) +
            c->signals[FSEG_TISSUE_VEIN] * 1.2f * peak;
    }
    paint(c, c->cavity, c->value, 0, n, 0);
}

/* Domes of the diaphragm: right over the liver, left lower, deep recesses behind and beside. */
static void diaphragm_distance(canvas *c)
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

static void paint_chest(canvas *c)
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
        c->value[i] = c->signals[FSEG_TISSUE_LUNG] * (0.7f + (ridge < 0.04f ? 3.0f : 0.0f));
    }
    paint(c, c->work, c->value, 0, n, 0);

    int first, last;
    if (!fseg_row_span(&c->row, c->a->heart.low, c->a->heart.high, &first, &last))
        return;
    fseg_ellipsoid_row(&c->a->heart, &c->row, first, last, c->work);
    for (int i = first; i < last; ++i)
        c->work[i] = fseg_smooth_max(
            fseg_smooth_max(c->work[i] + 2.0f * c->rough[i], c->lung[i] + 2.0f, 8.0f),
            c->cavity[i] + 2.0f, 6.0f);
    tissue_value(c, FSEG_TISSUE_HEART, 0.25f, 0.15f, first, last);
    paint(c, c->work, c->value, first, last, 0);
    fseg_ellipsoid_row(&c->a->heart_cavity, &c->row, first, last, c->work);
    for (int i = first; i < last; ++i) {
        c->work[i] = fseg_smooth_max(c->work[i] + 5.0f * c->rough[i], c->lung[i] + 9.0f, 8.0f);
        c->value[i] = c->signals[FSEG_TISSUE_HEART] * (0.45f + 0.4f * c->rough[i]);
    }
    paint(c, c->work, c->value, first, last, 0);
}

static void paint_spine(canvas *c)
{
    const fseg_anatomy *a = c->a;
    const float z = c->row.z0;
    for (int side = -1; side <= 1; side += 2)
        paint_column(c, (float)side * 36.0f, 84.0f, 33.0f, 22.0f, FSEG_TISSUE_MUSCLE, 0.22f);
    /* Psoas and quadratus grow downwards; the crura of the diaphragm lie above. */
    const float psoas = z < -20.0f ? fminf(7.0f + (-20.0f - z) * 0.16f, 24.0f) : 0.0f;
    for (int side = -1; side <= 1; side += 2) {
        if (psoas > 0.0f)
            paint_column(c, (float)side * (20.0f + 0.75f * psoas), 50.0f, psoas, 0.9f * psoas,
                         FSEG_TISSUE_MUSCLE, 0.15f);
        if (z < 0.0f)
            paint_column(c, (float)side * 60.0f, 66.0f, 20.0f, 11.0f, FSEG_TISSUE_MUSCLE, 0.15f);
        if (z > -60.0f && z < 70.0f)
            paint_column(c, (float)side * 11.0f, 27.0f, 10.0f, 8.0f, FSEG_TISSUE_MUSCLE, 0.1f);
    }
    /* Vertebral bodies and discs alternate every 34 mm. */
    const float height = z * (1.0f / 34.0f) + a->vertebra_phase;
    const float phase = height - floorf(height);
    if (phase < 0.24f) {
        paint_column(c, 0.0f, 46.0f, 23.0f, 17.0f, FSEG_TISSUE_MUSCLE, 0.1f);
        paint_column(c, 0.0f, 47.0f, 14.0f, 10.0f, FSEG_TISSUE_DISC, 0.1f);
    } else {
        paint_column(c, 0.0f, 46.0f, 22.0f, 16.0f, FSEG_TISSUE_BONE, 0.25f);
    }
    paint_column(c, 0.0f, 84.0f, 15.0f, 12.0f, FSEG_TISSUE_BONE, 0.3f);
    paint_column(c, 0.0f, 72.0f, 12.0f, 9.5f, FSEG_TISSUE_FAT, 0.2f);
    paint_column(c, 0.0f, 71.0f, 10.0f, 7.5f, FSEG_TISSUE_FLUID, 0.05f);
    if (z > -50.0f)
        paint_column(c, 0.0f, 71.0f, 5.0f, 3.8f, FSEG_TISSUE_CORD, 0.05f);
    else
        paint_column(c, 0.0f, 73.5f, 5.0f, 2.2f, FSEG_TISSUE_CORD, 0.1f);
}

/* ---- The abdomen --------------------------------------------------------------------------- */

/* Keep an organ inside the cavity and below the diaphragm. */
static void confine(canvas *c, float *f, int first, int last, float wall, float k)
{
    for (int i = first; i < last; ++i)
        f[i] = fseg_smooth_max(fseg_smooth_max(f[i], c->cavity[i] + wall, k), wall - c->lung[i], k);
}

static int rods_row(canvas *c, const fseg_rod *rods, int count, float k, float *out, int *first,
                    int *last)
{
    int any = 0;
    *first = *last = 0;
    for (int n = 0; n < count; ++n) {
        int from, to;
        if (!fseg_row_span(&c->row, rods[n].low, rods[n].high, &from, &to))
            continue;
        if (!any) {
            *first = from;
            *last = to;
            for (int i = from; i < to; ++i)
                out[i] = 1e3f;
        } else {
            for (int i = from; i < *first; ++i)
                out[i] = 1e3f;
            for (int i = *last; i < to; ++i)
                out[i] = 1e3f;
            *first = from < *first ? from : *first;
            *last = to > *last ? to : *last;
        }
        any = 1;
        fseg_rod_row(&rods[n], &c->row, from, to, k, out);
    }
    return any;
}

static void paint_tube(canvas *c, const fseg_tube *tube)
{
    int first, last;
    if (!rods_row(c, tube->rods, tube->count, 8.0f, c->work, &first, &last))
        return;
    for (int i = first; i < last; ++i)
        c->work[i] += 1.8f * c->rough[i] + 0.6f * c->fine[i];
    confine(c, c->work, first, last, 2.0f, 5.0f);
    tissue_value(c, FSEG_TISSUE_GUT_WALL, 0.2f, 0.12f, first, last);
    paint(c, c->work, c->value, first, last, 0);

    const float solid = c->signals[FSEG_TISSUE_GUT_CONTENT];
    const float fluid = c->signals[FSEG_TISSUE_FLUID];
    for (int i = first; i < last; ++i) {
        c->work[i] += tube->wall;
        float filled =
            tube->content + 0.8f * tube->mottle * (0.7f * c->rough[i] + 0.3f * c->fine[i]);
        filled = filled > 0.0f ? filled : 0.0f;
        filled = filled < 1.0f ? filled : 1.0f;
        float value = solid + filled * (fluid - solid);
        /* Gas collects in front; its surface is level. */
        float gas = 0.5f - (c->row.y[i] - tube->gas_above) * c->inverse_edge;
        gas = gas > 0.0f ? gas : 0.0f;
        gas = gas < 1.0f ? gas : 1.0f;
        c->value[i] = value * (1.0f - 0.97f * gas);
    }
    paint(c, c->work, c->value, first, last, 0);
}

static void paint_pancreas(canvas *c)
{
    int first, last;
    if (!rods_row(c, c->a->pancreas, 3, 8.0f, c->work, &first, &last))
        return;
    for (int i = first; i < last; ++i)
        c->work[i] += 2.0f * c->fine[i] + 1.5f * c->rough[i];
    tissue_value(c, FSEG_TISSUE_PANCREAS, 0.1f, 0.2f, first, last);
    paint(c, c->work, c->value, first, last, 0);
}

static void paint_kidney(canvas *c, int side)
{
    const fseg_ellipsoid *kidney = &c->a->kidney[side], *sinus = &c->a->sinus[side];
    int first, last;
    if (!fseg_row_span(&c->row, kidney->low, kidney->high, &first, &last))
        return;
    fseg_ellipsoid_row(sinus, &c->row, first, last, c->value);
    fseg_ellipsoid_row(kidney, &c->row, first, last, c->work);
    for (int i = first; i < last; ++i) {
        const float hollow = c->value[i] + 2.5f * c->fine[i];
        c->work[i] += 0.8f * c->rough[i];
        const float depth = -c->work[i];
        c->work[i] = fseg_smooth_max(c->work[i], -hollow, 4.0f);
        /* Pyramids under the cortex: patches of the rough field deeper than 6 mm. */
        float pyramid = (depth - 6.0f) * 0.3f;
        pyramid = pyramid > 0.0f ? pyramid : 0.0f;
        pyramid = pyramid < 1.0f ? pyramid : 1.0f;
        pyramid *= c->rough[i] > 0.0f ? 1.0f : 0.25f;
        const float cortex = c->signals[FSEG_TISSUE_KIDNEY_CORTEX];
        const float medulla = c->signals[FSEG_TISSUE_KIDNEY_MEDULLA];
        c->value[i] = (cortex + pyramid * (medulla - cortex)) *
                      (1.0f + 0.05f * c->rough[i] + 0.1f * c->fine[i]);
    }
    paint(c, c->work, c->value, first, last,
          side == 0 ? FSEG_PHANTOM_RIGHT_KIDNEY : FSEG_PHANTOM_LEFT_KIDNEY);

    /* Urine in the pelvis, in patches between fat and vessels of the sinus. */
    if (!fseg_row_span(&c->row, sinus->low, sinus->high, &first, &last))
        return;
    fseg_ellipsoid_row(sinus, &c->row, first, last, c->work);
    for (int i = first; i < last; ++i)
        c->work[i] = (c->work[i] + 3.0f) + 8.0f * (0.15f - c->fine[i]);
    tissue_value(c, FSEG_TISSUE_FLUID, 0.0f, 0.05f, first, last);
    for (int i = first; i < last; ++i)
        c->value[i] *= 0.85f;
    paint(c, c->work, c->value, first, last, 0);
}

static void paint_spleen(canvas *c)
{
    const fseg_anatomy *a = c->a;
    int first, last;
    if (!fseg_row_span(&c->row, a->spleen.low, a->spleen.high, &first, &last))
        return;
    fseg_ellipsoid_row(&a->spleen, &c->row, first, last, c->work);
    fseg_ellipsoid_row(&a->spleen_hollow, &c->row, first, last, c->other);
    for (int i = first; i < last; ++i)
        c->work[i] = fseg_smooth_max(c->work[i] + 1.2f * c->rough[i], -c->other[i], 8.0f);
    fseg_ellipsoid_row(&a->kidney[1], &c->row, first, last, c->other);
    for (int i = first; i < last; ++i)
        c->work[i] = fseg_smooth_max(c->work[i], 3.0f - c->other[i], 6.0f);
    confine(c, c->work, first, last, 2.0f, 6.0f);
    tissue_value(c, FSEG_TISSUE_SPLEEN, 0.04f, 0.03f, first, last);
    paint(c, c->work, c->value, first, last, FSEG_PHANTOM_SPLEEN);
}

static void liver_distance(canvas *c, int first, int last)
{
    const fseg_anatomy *a = c->a;
    float *f = c->liver;
    fseg_ellipsoid_row(&a->liver_right, &c->row, first, last, f);
    fseg_ellipsoid_row(&a->liver_left, &c->row, first, last, c->other);
    for (int i = first; i < last; ++i) {
        const float x = c->row.x[i], y = c->row.y[i], z = c->row.z[i];
        /* Visceral surface of the right lobe: from its tip at the right flank up to the middle,
           where it leaves room for gut and spine. The left lobe lies on the stomach: a wedge,
           thin towards the left. */
        const float visceral = 0.74f * (x + 70.0f) - 0.66f * (z + 42.0f) + a->visceral_offset;
        const float under = 0.28f * (x + 30.0f) - 0.95f * (z - 2.0f) + 0.12f * (y + 40.0f);
        f[i] = fseg_smooth_max(f[i], visceral, 22.0f);
        f[i] = fseg_smooth_min(f[i], fseg_smooth_max(c->other[i], under, 12.0f), 26.0f);
        /* Bare area: the liver ends before the spine and the crura. */
        const float u = x * (1.0f / 40.0f), v = (y - 52.0f) * (1.0f / 44.0f);
        f[i] = fseg_smooth_max(f[i], 40.0f * (1.0f - sqrtf(u * u + v * v)), 10.0f);
    }
    fseg_ellipsoid_row(&a->kidney[0], &c->row, first, last, c->other);
    for (int i = first; i < last; ++i)
        f[i] = fseg_smooth_max(f[i], 4.0f - c->other[i], 8.0f);
    fseg_ellipsoid_row(&a->fissure, &c->row, first, last, c->other);
    for (int i = first; i < last; ++i)
        f[i] = fseg_smooth_max(f[i], -c->other[i], 3.0f) + 1.0f * c->rough[i];
    confine(c, f, first, last, 2.5f, 9.0f);
}

static void paint_liver(canvas *c)
{
    const fseg_anatomy *a = c->a;
    float low[3], high[3];
    for (int d = 0; d < 3; ++d) {
        low[d] = fminf(a->liver_right.low[d], a->liver_left.low[d]) - 8.0f;
        high[d] = fmaxf(a->liver_right.high[d], a->liver_left.high[d]) + 8.0f;
    }
    int first, last;
    if (!fseg_row_span(&c->row, low, high, &first, &last))
        return;
    liver_distance(c, first, last);
    tissue_value(c, FSEG_TISSUE_LIVER, 0.05f, 0.06f, first, last);
    paint(c, c->liver, c->value, first, last, FSEG_PHANTOM_LIVER);

    /* Vessels belong to the liver, as in the usual manual outlines. */
    const float vein = c->signals[FSEG_TISSUE_VEIN];
    for (int n = 0; n < a->vessel_count; ++n) {
        const fseg_rod *rod = &a->vessels[n];
        int from, to;
        if (!fseg_row_span(&c->row, rod->low, rod->high, &from, &to))
            continue;
        from = from > first ? from : first;
        to = to < last ? to : last;
        for (int i = from; i < to; ++i) {
            c->work[i] = 1e3f;
            c->value[i] = vein;
        }
        fseg_rod_row(rod, &c->row, from, to, 0.01f, c->work);
        for (int i = from; i < to; ++i)
            c->work[i] = c->work[i] > c->liver[i] + 3.0f ? c->work[i] : c->liver[i] + 3.0f;
        paint(c, c->work, c->value, from, to, -1);
    }
}

static void paint_bile(canvas *c)
{
    int first, last;
    if (rods_row(c, c->a->bile, 2, 1.0f, c->work, &first, &last)) {
        tissue_value(c, FSEG_TISSUE_FLUID, 0.0f, 0.0f, first, last);
        paint(c, c->work, c->value, first, last, -1);
    }
    const fseg_ellipsoid *bladder = &c->a->gall_bladder;
    if (!c->a->has_gall_bladder ||
        !fseg_row_span(&c->row, bladder->low, bladder->high, &first, &last))
        return;
    fseg_ellipsoid_row(bladder, &c->row, first, last, c->work);
    for (int i = first; i < last; ++i)
        c->work[i] -= 1.2f;
    confine(c, c->work, first, last, 2.0f, 4.0f);
    tissue_value(c, FSEG_TISSUE_GUT_WALL, 0.0f, 0.1f, first, last);
    paint(c, c->work, c->value, first, last, 0);
    for (int i = first; i < last; ++i)
        c->work[i] += 1.6f;
    tissue_value(c, FSEG_TISSUE_FLUID, 0.02f, 0.02f, first, last);
    paint(c, c->work, c->value, first, last, 0);
}

static void paint_great_vessels(canvas *c)
{
    const float z = c->row.z0;
    /* The vena cava moves to the right and forward towards the liver. */
    const float up = z > 0.0f ? z / 80.0f : 0.0f;
    const float inflow = 0.5f + 0.5f * tanhf((c->a->aorta_bright_below - z) / 12.0f);
    const float x = -21.0f - 5.0f * up, y = 24.0f - 8.0f * up;
    int first, last;
    if (column_span(c, x, y, 11.0f, 9.0f, &first, &last)) {
        column_row(c, x, y, 11.0f, 8.5f, first, last, c->work);
        for (int i = first; i < last; ++i)
            c->value[i] =
                c->signals[FSEG_TISSUE_FLOW] +
                0.5f * inflow * (c->signals[FSEG_TISSUE_VEIN] - c->signals[FSEG_TISSUE_FLOW]);
        paint(c, c->work, c->value, first, last, 0);
    }
    paint_column(c, 10.0f, 21.0f, 10.5f, 10.5f, FSEG_TISSUE_GUT_WALL, 0.05f);
    if (column_span(c, 10.0f, 21.0f, 9.0f, 9.0f, &first, &last)) {
        column_row(c, 10.0f, 21.0f, 8.6f, 8.6f, first, last, c->work);
        for (int i = first; i < last; ++i)
            c->value[i] =
                c->signals[FSEG_TISSUE_FLOW] +
                inflow * (1.2f * c->signals[FSEG_TISSUE_VEIN] - c->signals[FSEG_TISSUE_FLOW]);
        paint(c, c->work, c->value, first, last, 0);
    }
}

/* ---- The row ------------------------------------------------------------------------------- */

enum { ROW_BUFFERS = 13 + FSEG_PHANTOM_LABELS };

size_t fseg_painter_scratch(const fseg_painter *painter, int n)
{
    size_t most = 0;
    const fseg_fields *f = painter->fields;
    const fseg_lattice *lattices[] = {&f->warp[0], &f->warp[1], &f->warp[2], &f->rough, &f->fine};
    for (size_t i = 0; i < sizeof lattices / sizeof *lattices; ++i) {
        const size_t need = fseg_lattice_scratch(lattices[i]);
        most = need > most ? need : most;
    }
    return most + (size_t)ROW_BUFFERS * (size_t)n;
}

void fseg_painter_row(const fseg_painter *painter, float x0, float dx, float y, float z, int n,
                      float *scratch, float *signal, float *const weight[FSEG_PHANTOM_LABELS])
{
    const fseg_anatomy *a = painter->anatomy;
    const fseg_fields *fields = painter->fields;
    float *buffers[ROW_BUFFERS];
    for (int b = 0; b < ROW_BUFFERS; ++b)
        buffers[b] = scratch + (size_t)b * (size_t)n;
    float *line = scratch + (size_t)ROW_BUFFERS * (size_t)n;

    canvas c;
    memset(&c, 0, sizeof c);
    c.a = a;
    c.signals = painter->signals;
    c.row.n = n;
    c.row.x0 = (x0 - a->shift[0]) / a->scale[0];
    c.row.dx = dx / a->scale[0];
    c.row.y0 = (y - a->shift[1]) / a->scale[1];
    c.row.z0 = (z - a->shift[2]) / a->scale[2];
    c.row.margin = fields->warp_mm + painter->edge + 10.0f;
    c.inverse_edge = 1.0f / painter->edge;

    float *position[3] = {buffers[0], buffers[1], buffers[2]};
    for (int d = 0; d < 3; ++d) {
        fseg_lattice_row(&fields->warp[d], c.row.x0, c.row.dx, c.row.y0, c.row.z0, n, line,
                         position[d]);
        for (int i = 0; i < n; ++i) {
            const float at = d == 0 ? c.row.x0 + (float)i * c.row.dx : d == 1 ? c.row.y0 : c.row.z0;
            position[d][i] = at + fields->warp_mm * position[d][i];
        }
    }
    c.row.x = position[0];
    c.row.y = position[1];
    c.row.z = position[2];
    /* The splines average their values down to about a fifth: bring them back to about +-1. */
    float *rough = buffers[3], *fine = buffers[4];
    fseg_lattice_row(&fields->rough, c.row.x0, c.row.dx, c.row.y0, c.row.z0, n, line, rough);
    fseg_lattice_row(&fields->fine, c.row.x0, c.row.dx, c.row.y0, c.row.z0, n, line, fine);
    for (int i = 0; i < n; ++i) {
        rough[i] *= 2.5f;
        fine[i] *= 2.5f;
    }
    c.rough = rough;
    c.fine = fine;
    c.torso = buffers[5];
    c.cavity = buffers[6];
    c.lung = buffers[7];
    c.liver = buffers[8];
    c.work = buffers[9];
    c.other = buffers[10];
    c.value = buffers[11];
    c.signal = buffers[12];
    for (int k = 0; k < FSEG_PHANTOM_LABELS; ++k)
        c.weight[k] = buffers[13 + k];
    memset(c.signal, 0, (size_t)n * sizeof(float) * (1 + FSEG_PHANTOM_LABELS));

    paint_body(&c);
    paint_chest(&c);
    paint_spine(&c);
    for (int t = a->tube_count - 1; t > 0; --t)
        paint_tube(&c, &a->tubes[t]);
    paint_pancreas(&c);
    paint_tube(&c, &a->tubes[0]);
    paint_kidney(&c, 0);
    paint_kidney(&c, 1);
    paint_spleen(&c);
    paint_liver(&c);
    paint_bile(&c);
    paint_great_vessels(&c);

    for (int i = 0; i < n; ++i)
        signal[i] += c.signal[i];
    for (int k = 1; k < FSEG_PHANTOM_LABELS; ++k)
        for (int i = 0; i < n; ++i)
            weight[k][i] += c.weight[k][i];
}
