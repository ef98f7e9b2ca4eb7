/**
 * @file phantom_brush.c
 * Painting tissue on a row of samples.
 *
 * Each organ is a signed distance f (mm, negative inside). It covers a sample to the share
 * clamp(1/2 - f / edge), which is the partial volume of a straight border within a pixel; through
 * the slice the renderer samples.
 */
#include "phantom_scene.h"

#include <string.h>

/* The plane that holds the amount of a tissue, empty at its first use in the row. */
static float *amount_of(fseg_canvas *c, fseg_tissue tissue)
{
    if (c->slot[tissue] < 0) {
        c->slot[tissue] = (signed char)c->planes++;
        memset(c->signal + (size_t)c->slot[tissue] * (size_t)c->n, 0, (size_t)c->n * sizeof(float));
    }
    return c->signal + (size_t)c->slot[tissue] * (size_t)c->n;
}

static void cover_amounts(fseg_canvas *c, const float *share, const fseg_ink *ink, int first,
                          int last)
{
    const float scale = ink->scale_b != 0.0f ? ink->scale_b : 1.0f;
    const float dim = ink->dim != 0.0f ? ink->dim : 1.0f;
    float *a = amount_of(c, ink->a);
    float *b = ink->mix || ink->add ? amount_of(c, ink->b) : NULL;
    for (int p = 0; p < c->planes; ++p) {
        float *plane = c->signal + (size_t)p * (size_t)c->n;
        for (int i = first; i < last; ++i)
            plane[i] -= share[i] * plane[i];
    }
    for (int i = first; i < last; ++i) {
        const float texture = dim * (ink->texture ? ink->texture[i] : 1.0f);
        const float mix = ink->mix ? ink->mix[i] : 0.0f;
        a[i] += share[i] * texture * (1.0f - mix);
        if (b)
            b[i] += share[i] * scale * (texture * mix + (ink->add ? ink->add[i] : 0.0f));
    }
}

static void cover_signal(fseg_canvas *c, const float *share, const fseg_ink *ink, int first,
                         int last)
{
    const float scale = ink->scale_b != 0.0f ? ink->scale_b : 1.0f;
    float *value = c->value;
    for (int p = 0; p < c->planes; ++p) {
        const float *signals = c->signals + (size_t)p * FSEG_TISSUE_COUNT;
        const float a = signals[ink->a];
        if (ink->mix) {
            const float more = scale * signals[ink->b] - a;
            for (int i = first; i < last; ++i)
                value[i] = a + ink->mix[i] * more;
        } else {
            for (int i = first; i < last; ++i)
                value[i] = a;
        }
        if (ink->texture)
            for (int i = first; i < last; ++i)
                value[i] *= ink->texture[i];
        if (ink->dim != 0.0f)
            for (int i = first; i < last; ++i)
                value[i] *= ink->dim;
        if (ink->add) {
            const float b = signals[ink->b] * scale;
            for (int i = first; i < last; ++i)
                value[i] += b * ink->add[i];
        }
        float *plane = c->signal + (size_t)p * (size_t)c->n;
        for (int i = first; i < last; ++i)
            plane[i] += share[i] * (value[i] - plane[i]);
    }
}

void fseg_brush_share(fseg_canvas *c, const float *share, const fseg_ink *ink, int first, int last,
                      int label)
{
    if (first >= last)
        return;
    if (c->signals)
        cover_signal(c, share, ink, first, last);
    else
        cover_amounts(c, share, ink, first, last);
    if (label < 0)
        return;
    for (int k = 1; k < c->labels; ++k) {
        float *w = c->weight[k];
        const float target = k == label ? 1.0f : 0.0f;
        for (int i = first; i < last; ++i)
            w[i] += share[i] * (target - w[i]);
    }
}

void fseg_brush(fseg_canvas *c, const float *f, const fseg_ink *ink, int first, int last, int label)
{
    float *share = c->share;
    for (int i = first; i < last; ++i) {
        float s = 0.5f - f[i] * c->inverse_edge;
        s = s > 0.0f ? s : 0.0f;
        share[i] = s < 1.0f ? s : 1.0f;
    }
    fseg_brush_share(c, share, ink, first, last, label);
}
