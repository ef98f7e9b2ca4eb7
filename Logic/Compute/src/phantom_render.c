/**
 * @file phantom_render.c
 * One row of tissue: the body's frame, then the organs of the abdomen, back to front.
 */
#include "phantom_paint.h"

#include <math.h>
#include <string.h>

/* ---- The abdomen --------------------------------------------------------------------------- */

/* Keep an organ inside the cavity and below the diaphragm. */
static void confine(fseg_abdomen *c, float *f, int first, int last, float wall, float k)
{
    for (int i = first; i < last; ++i)
        f[i] = fseg_smooth_max(fseg_smooth_max(f[i], c->cavity[i] + wall, k), wall - c->lung[i], k);
}

static int rods_row(fseg_abdomen *c, const fseg_rod *rods, int count, float k, float *out,
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

static void paint_tube(fseg_abdomen *c, const fseg_tube *tube)
{
    int first, last;
    if (!rods_row(c, tube->rods, tube->count, 8.0f, c->work, &first, &last))
        return;
    for (int i = first; i < last; ++i)
        c->work[i] += 1.8f * c->rough[i] + 0.6f * c->fine[i];
    confine(c, c->work, first, last, 2.0f, 5.0f);
    fseg_paint_texture(c, 0.2f, 0.12f, first, last);
    fseg_paint(c, c->work, FSEG_TISSUE_GUT_WALL, first, last, 0);

    for (int i = first; i < last; ++i) {
        c->work[i] += tube->wall;
        float filled =
            tube->content + 0.8f * tube->mottle * (0.7f * c->rough[i] + 0.3f * c->fine[i]);
        filled = filled > 0.0f ? filled : 0.0f;
        c->mix[i] = filled < 1.0f ? filled : 1.0f;
        /* Gas collects in front; its surface is level. */
        float gas = 0.5f - (c->row.y[i] - tube->gas_above) * c->canvas->inverse_edge;
        gas = gas > 0.0f ? gas : 0.0f;
        gas = gas < 1.0f ? gas : 1.0f;
        c->texture[i] = 1.0f - 0.97f * gas;
    }
    const fseg_ink content = {
        .a = FSEG_TISSUE_GUT_CONTENT, .b = FSEG_TISSUE_FLUID, .mix = c->mix, .texture = c->texture};
    fseg_brush(c->canvas, c->work, &content, first, last, 0);
}

static void paint_pancreas(fseg_abdomen *c)
{
    int first, last;
    if (!rods_row(c, c->a->pancreas, 3, 8.0f, c->work, &first, &last))
        return;
    for (int i = first; i < last; ++i)
        c->work[i] += 2.0f * c->fine[i] + 1.5f * c->rough[i];
    fseg_paint_texture(c, 0.1f, 0.2f, first, last);
    fseg_paint(c, c->work, FSEG_TISSUE_PANCREAS, first, last, 0);
}

static void paint_kidney(fseg_abdomen *c, int side)
{
    const fseg_ellipsoid *kidney = &c->a->kidney[side], *sinus = &c->a->sinus[side];
    int first, last;
    if (!fseg_row_span(&c->row, kidney->low, kidney->high, &first, &last))
        return;
    fseg_ellipsoid_row(sinus, &c->row, first, last, c->other);
    fseg_ellipsoid_row(kidney, &c->row, first, last, c->work);
    for (int i = first; i < last; ++i) {
        const float hollow = c->other[i] + 2.5f * c->fine[i];
        c->work[i] += 0.8f * c->rough[i];
        const float depth = -c->work[i];
        c->work[i] = fseg_smooth_max(c->work[i], -hollow, 4.0f);
        /* Pyramids under the cortex: patches of the rough field deeper than 6 mm. */
        float pyramid = (depth - 6.0f) * 0.3f;
        pyramid = pyramid > 0.0f ? pyramid : 0.0f;
        pyramid = pyramid < 1.0f ? pyramid : 1.0f;
        c->mix[i] = pyramid * (c->rough[i] > 0.0f ? 1.0f : 0.25f);
    }
    fseg_paint_texture(c, 0.05f, 0.1f, first, last);
    const fseg_ink parenchyma = {.a = FSEG_TISSUE_KIDNEY_CORTEX,
                                 .b = FSEG_TISSUE_KIDNEY_MEDULLA,
                                 .mix = c->mix,
                                 .texture = c->texture};
    fseg_brush(c->canvas, c->work, &parenchyma, first, last,
               side == 0 ? FSEG_PHANTOM_RIGHT_KIDNEY : FSEG_PHANTOM_LEFT_KIDNEY);

    /* Urine in the pelvis, in patches between fat and vessels of the sinus. */
    if (!fseg_row_span(&c->row, sinus->low, sinus->high, &first, &last))
        return;
    fseg_ellipsoid_row(sinus, &c->row, first, last, c->work);
    for (int i = first; i < last; ++i)
        c->work[i] = (c->work[i] + 3.0f) + 8.0f * (0.15f - c->fine[i]);
    fseg_paint_texture(c, 0.0f, 0.05f, first, last);
    const fseg_ink urine = {.a = FSEG_TISSUE_FLUID, .dim = 0.85f, .texture = c->texture};
    fseg_brush(c->canvas, c->work, &urine, first, last, 0);
}

static void paint_spleen(fseg_abdomen *c)
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
    confine(c, c->work, first, last, 2.0f + 0.5f * a->ascites, 6.0f);
    fseg_paint_texture(c, 0.04f, 0.03f, first, last);
    fseg_paint(c, c->work, FSEG_TISSUE_SPLEEN, first, last, FSEG_PHANTOM_SPLEEN);
}

static void liver_distance(fseg_abdomen *c, int first, int last)
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
    confine(c, f, first, last, 2.5f + 0.6f * a->ascites, 9.0f);
}

static void paint_liver(fseg_abdomen *c)
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
    fseg_paint_texture(c, 0.05f, 0.06f, first, last);
    fseg_paint(c, c->liver, FSEG_TISSUE_LIVER, first, last, FSEG_PHANTOM_LIVER);

    /* Vessels belong to the liver, as in the usual manual outlines. */
    const fseg_ink blood = {.a = FSEG_TISSUE_VEIN};
    for (int n = 0; n < a->vessel_count; ++n) {
        const fseg_rod *rod = &a->vessels[n];
        int from, to;
        if (!fseg_row_span(&c->row, rod->low, rod->high, &from, &to))
            continue;
        from = from > first ? from : first;
        to = to < last ? to : last;
        for (int i = from; i < to; ++i)
            c->work[i] = 1e3f;
        fseg_rod_row(rod, &c->row, from, to, 0.01f, c->work);
        for (int i = from; i < to; ++i)
            c->work[i] = c->work[i] > c->liver[i] + 3.0f ? c->work[i] : c->liver[i] + 3.0f;
        fseg_brush(c->canvas, c->work, &blood, from, to, -1);
    }
    fseg_paint_lesions(c, first, last);
}

static void paint_bile(fseg_abdomen *c)
{
    int first, last;
    if (rods_row(c, c->a->bile, 2, 1.0f, c->work, &first, &last)) {
        fseg_paint_texture(c, 0.0f, 0.0f, first, last);
        fseg_paint(c, c->work, FSEG_TISSUE_FLUID, first, last, -1);
    }
    const fseg_ellipsoid *bladder = &c->a->gall_bladder;
    if (!c->a->has_gall_bladder ||
        !fseg_row_span(&c->row, bladder->low, bladder->high, &first, &last))
        return;
    fseg_ellipsoid_row(bladder, &c->row, first, last, c->work);
    for (int i = first; i < last; ++i)
        c->work[i] -= 1.2f;
    confine(c, c->work, first, last, 2.0f, 4.0f);
    fseg_paint_texture(c, 0.0f, 0.1f, first, last);
    fseg_paint(c, c->work, FSEG_TISSUE_GUT_WALL, first, last, 0);
    for (int i = first; i < last; ++i)
        c->work[i] += 1.6f;
    fseg_paint_texture(c, 0.02f, 0.02f, first, last);
    fseg_paint(c, c->work, FSEG_TISSUE_FLUID, first, last, 0);
}

static void paint_great_vessels(fseg_abdomen *c)
{
    const float z = c->row.origin[2];
    /* The vena cava moves to the right and forward towards the liver. */
    const float up = z > 0.0f ? z / 80.0f : 0.0f;
    const float inflow = 0.5f + 0.5f * tanhf((c->a->aorta_bright_below - z) / 12.0f);
    const float x = -21.0f - 5.0f * up, y = 24.0f - 8.0f * up;
    fseg_ink blood = {.a = FSEG_TISSUE_FLOW, .b = FSEG_TISSUE_VEIN, .mix = c->mix};
    int first, last;
    if (fseg_paint_column_span(c, x, y, 11.0f, 9.0f, &first, &last)) {
        fseg_paint_column_distance(c, x, y, 11.0f, 8.5f, first, last, c->work);
        for (int i = first; i < last; ++i)
            c->mix[i] = 0.5f * inflow;
        fseg_brush(c->canvas, c->work, &blood, first, last, 0);
    }
    fseg_paint_column(c, 10.0f, 21.0f, 10.5f, 10.5f, FSEG_TISSUE_GUT_WALL, 0.05f);
    if (fseg_paint_column_span(c, 10.0f, 21.0f, 9.0f, 9.0f, &first, &last)) {
        fseg_paint_column_distance(c, 10.0f, 21.0f, 8.6f, 8.6f, first, last, c->work);
        for (int i = first; i < last; ++i)
            c->mix[i] = inflow;
        blood.scale_b = 1.2f;
        fseg_brush(c->canvas, c->work, &blood, first, last, 0);
    }
}

/* ---- The row ------------------------------------------------------------------------------- */

enum { ROW_BUFFERS = 13 };

size_t fseg_abdomen_scratch(const void *subject, int n)
{
    size_t most = 0;
    const fseg_fields *f = &((const fseg_abdomen_subject *)subject)->fields;
    const fseg_lattice *lattices[] = {&f->warp[0], &f->warp[1], &f->warp[2], &f->rough, &f->fine};
    for (size_t i = 0; i < sizeof lattices / sizeof *lattices; ++i) {
        const size_t need = fseg_lattice_scratch(lattices[i]);
        most = need > most ? need : most;
    }
    return most + (size_t)ROW_BUFFERS * (size_t)n;
}

void fseg_abdomen_paint(const void *user, const float origin[3], const float step[3],
                        fseg_canvas *canvas, float *scratch)
{
    const fseg_abdomen_subject *subject = user;
    const fseg_anatomy *a = &subject->anatomy;
    const fseg_fields *fields = &subject->fields;
    const int n = canvas->n;
    float *buffers[ROW_BUFFERS];
    for (int b = 0; b < ROW_BUFFERS; ++b)
        buffers[b] = scratch + (size_t)b * (size_t)n;
    float *line = scratch + (size_t)ROW_BUFFERS * (size_t)n;

    fseg_abdomen c;
    memset(&c, 0, sizeof c);
    c.canvas = canvas;
    c.a = a;
    c.row.n = n;
    for (int d = 0; d < 3; ++d) {
        c.row.origin[d] = (origin[d] - a->shift[d]) / a->scale[d];
        c.row.step[d] = step[d] / a->scale[d];
    }
    c.row.margin = fields->warp_mm + 1.0f / canvas->inverse_edge + 10.0f;

    float *position[3] = {buffers[0], buffers[1], buffers[2]};
    for (int d = 0; d < 3; ++d) {
        fseg_lattice_line(&fields->warp[d], c.row.origin, c.row.step, n, line, position[d]);
        for (int i = 0; i < n; ++i)
            position[d][i] =
                c.row.origin[d] + (float)i * c.row.step[d] + fields->warp_mm * position[d][i];
    }
    c.row.x = position[0];
    c.row.y = position[1];
    c.row.z = position[2];
    /* The splines average their values down to about a fifth: bring them back to about +-1. */
    float *rough = buffers[3], *fine = buffers[4];
    fseg_lattice_line(&fields->rough, c.row.origin, c.row.step, n, line, rough);
    fseg_lattice_line(&fields->fine, c.row.origin, c.row.step, n, line, fine);
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
    c.texture = buffers[11];
    c.mix = buffers[12];

    fseg_paint_body(&c);
    fseg_paint_chest(&c);
    fseg_paint_spine(&c);
    fseg_paint_ascites(&c);
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
}
