/**
 * @file phantom_pelvis_brush.c
 * What every part of the pelvis is painted with: shares, covering, tissue with texture, distances.
 *
 * Like the abdomen (phantom_body.c): a signed distance f covers a sample to the share
 * clamp(1/2 - f / edge); what is painted later hides what is below, in image and truth alike.
 * Samples may lie anywhere, so that any plane can be rendered; parts far from all of a chunk's
 * samples are skipped.
 */
#include "phantom_pelvis_internal.h"

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
