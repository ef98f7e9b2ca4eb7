/**
 * @file phantom_pathology.c
 * Findings of the abdomen along a row: fluid in the cavity, lesions of the liver.
 */
#include "phantom_paint.h"

#include <math.h>

void fseg_paint_ascites(fseg_abdomen *c)
{
    const float depth = c->a->ascites;
    if (!(depth > 0.0f))
        return;
    const int n = c->row.n;
    for (int i = 0; i < n; ++i) {
        /* Along the wall, deeper in the flanks; not behind the peritoneum nor above the
           diaphragm. */
        const float x = c->row.x[i] * (1.0f / 110.0f);
        const float here = depth * (0.6f + 0.7f * x * x) + 2.0f * c->rough[i];
        float f = fseg_smooth_max(c->cavity[i] + 1.5f, -(c->cavity[i] + 1.5f + here), 3.0f);
        f = fseg_smooth_max(f, c->row.y[i] - 48.0f, 8.0f);
        c->work[i] = fseg_smooth_max(f, 2.0f - c->lung[i], 4.0f);
    }
    fseg_paint_texture(c, 0.02f, 0.02f, 0, n);
    fseg_paint(c, c->work, FSEG_TISSUE_FLUID, 0, n, 0);
}

void fseg_paint_lesions(fseg_abdomen *c, int first, int last)
{
    const fseg_anatomy *a = c->a;
    for (int k = 0; k < a->lesion_count; ++k) {
        const fseg_lesion *lesion = &a->lesions[k];
        int from, to;
        if (!fseg_row_span(&c->row, lesion->shape.low, lesion->shape.high, &from, &to))
            continue;
        from = from > first ? from : first;
        to = to < last ? to : last;
        if (from >= to)
            continue;
        fseg_ellipsoid_row(&lesion->shape, &c->row, from, to, c->work);
        for (int i = from; i < to; ++i) {
            const float f = c->work[i] + lesion->rough * c->rough[i];
            c->work[i] = f > c->liver[i] + 1.5f ? f : c->liver[i] + 1.5f;
        }
        const int solid = lesion->tissue != FSEG_TISSUE_FLUID;
        fseg_paint_texture(c, solid ? 0.12f : 0.0f, solid ? 0.1f : 0.02f, from, to);
        /* They are part of the liver, as in the usual manual outlines. */
        fseg_paint(c, c->work, lesion->tissue, from, to, -1);
    }
}
