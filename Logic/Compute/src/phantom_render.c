/**
 * @file phantom_render.c
 * One row of tissue: the body's frame, then the organs of the abdomen, back to front.
 */
#include "phantom_paint.h"

#include <math.h>
#include <string.h>

/* ---- The abdomen --------------------------------------------------------------------------- */

/* Keep an organ inside the cavity and below the diaphragm. */
static void confine(fseg_canvas *c, float *f, int first, int last, float wall, float k)
{
    for (int i = first; i < last; ++i)
        f[i] = fseg_smooth_max(fseg_smooth_max(f[i], c->cavity[i] + wall, k), wall - c->lung[i], k);
}

static int rods_row(fseg_canvas *c, const fseg_rod *rods, int count, float k, float *out,
                    int *first, int *last)
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

static void paint_tube(fseg_canvas *c, const fseg_tube *tube)
{
    int first, last;
    if (!rods_row(c, tube->rods, tube->count, 8.0f, c->work, &first, &last))
        return;
    for (int i = first; i < last; ++i)
        c->work[i] += 1.8f * c->rough[i] + 0.6f * c->fine[i];
    confine(c, c->work, first, last, 2.0f, 5.0f);
    fseg_paint_tissue(c, FSEG_TISSUE_GUT_WALL, 0.2f, 0.12f, first, last);
    fseg_paint(c, c->work, c->value, first, last, 0);

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
    fseg_paint(c, c->work, c->value, first, last, 0);
}

static void paint_pancreas(fseg_canvas *c)
{
    int first, last;
    if (!rods_row(c, c->a->pancreas, 3, 8.0f, c->work, &first, &last))
        return;
    for (int i = first; i < last; ++i)
        c->work[i] += 2.0f * c->fine[i] + 1.5f * c->rough[i];
    fseg_paint_tissue(c, FSEG_TISSUE_PANCREAS, 0.1f, 0.2f, first, last);
    fseg_paint(c, c->work, c->value, first, last, 0);
}

static void paint_kidney(fseg_canvas *c, int side)
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
    fseg_paint(c, c->work, c->value, first, last,
               side == 0 ? FSEG_PHANTOM_RIGHT_KIDNEY : FSEG_PHANTOM_LEFT_KIDNEY);

    /* Urine in the pelvis, in patches between fat and vessels of the sinus. */
    if (!fseg_row_span(&c->row, sinus->low, sinus->high, &first, &last))
        return;
    fseg_ellipsoid_row(sinus, &c->row, first, last, c->work);
    for (int i = first; i < last; ++i)
        c->work[i] = (c->work[i] + 3.0f) + 8.0f * (0.15f - c->fine[i]);
    fseg_paint_tissue(c, FSEG_TISSUE_FLUID, 0.0f, 0.05f, first, last);
    for (int i = first; i < last; ++i)
        c->value[i] *= 0.85f;
    fseg_paint(c, c->work, c->value, first, last, 0);
}

static void paint_spleen(fseg_canvas *c)
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
    fseg_paint_tissue(c, FSEG_TISSUE_SPLEEN, 0.04f, 0.03f, first, last);
    fseg_paint(c, c->work, c->value, first, last, FSEG_PHANTOM_SPLEEN);
}

static void liver_distance(fseg_canvas *c, int first, int last)
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
        const float under = 0.24f * (x + 30.0f) - 0.96f * (z + 4.0f) + 0.12f * (y + 40.0f);
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

static void paint_liver(fseg_canvas *c)
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
    fseg_paint_tissue(c, FSEG_TISSUE_LIVER, 0.05f, 0.06f, first, last);
    fseg_paint(c, c->liver, c->value, first, last, FSEG_PHANTOM_LIVER);

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
        fseg_paint(c, c->work, c->value, from, to, -1);
    }
}

static void paint_bile(fseg_canvas *c)
{
    int first, last;
    if (rods_row(c, c->a->bile, 2, 1.0f, c->work, &first, &last)) {
        fseg_paint_tissue(c, FSEG_TISSUE_FLUID, 0.0f, 0.0f, first, last);
        fseg_paint(c, c->work, c->value, first, last, -1);
    }
    const fseg_ellipsoid *bladder = &c->a->gall_bladder;
    if (!c->a->has_gall_bladder ||
        !fseg_row_span(&c->row, bladder->low, bladder->high, &first, &last))
        return;
    fseg_ellipsoid_row(bladder, &c->row, first, last, c->work);
    for (int i = first; i < last; ++i)
        c->work[i] -= 1.2f;
    confine(c, c->work, first, last, 2.0f, 4.0f);
    fseg_paint_tissue(c, FSEG_TISSUE_GUT_WALL, 0.0f, 0.1f, first, last);
    fseg_paint(c, c->work, c->value, first, last, 0);
    for (int i = first; i < last; ++i)
        c->work[i] += 1.6f;
    fseg_paint_tissue(c, FSEG_TISSUE_FLUID, 0.02f, 0.02f, first, last);
    fseg_paint(c, c->work, c->value, first, last, 0);
}

static void paint_great_vessels(fseg_canvas *c)
{
    const float z = c->row.z0;
    /* The vena cava moves to the right and forward towards the liver. */
    const float up = z > 0.0f ? z / 80.0f : 0.0f;
    const float inflow = 0.5f + 0.5f * tanhf((c->a->aorta_bright_below - z) / 12.0f);
    const float x = -21.0f - 5.0f * up, y = 24.0f - 8.0f * up;
    int first, last;
    if (fseg_paint_column_span(c, x, y, 11.0f, 9.0f, &first, &last)) {
        fseg_paint_column_distance(c, x, y, 11.0f, 8.5f, first, last, c->work);
        for (int i = first; i < last; ++i)
            c->value[i] =
                c->signals[FSEG_TISSUE_FLOW] +
                0.5f * inflow * (c->signals[FSEG_TISSUE_VEIN] - c->signals[FSEG_TISSUE_FLOW]);
        fseg_paint(c, c->work, c->value, first, last, 0);
    }
    fseg_paint_column(c, 10.0f, 21.0f, 10.5f, 10.5f, FSEG_TISSUE_GUT_WALL, 0.05f);
    if (fseg_paint_column_span(c, 10.0f, 21.0f, 9.0f, 9.0f, &first, &last)) {
        fseg_paint_column_distance(c, 10.0f, 21.0f, 8.6f, 8.6f, first, last, c->work);
        for (int i = first; i < last; ++i)
            c->value[i] =
                c->signals[FSEG_TISSUE_FLOW] +
                inflow * (1.2f * c->signals[FSEG_TISSUE_VEIN] - c->signals[FSEG_TISSUE_FLOW]);
        fseg_paint(c, c->work, c->value, first, last, 0);
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

    fseg_canvas c;
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

    fseg_paint_body(&c);
    fseg_paint_chest(&c);
    fseg_paint_spine(&c);
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
