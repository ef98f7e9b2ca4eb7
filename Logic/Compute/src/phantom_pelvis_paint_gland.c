/**
 * @file phantom_pelvis_paint_gland.c
 * The gland itself: peripheral zone with septa, transition zone with nodules, stroma, capsule.
 */
#include "phantom_pelvis_internal.h"

#include <math.h>
#include <string.h>

static float clamp01(float v)
{
    return v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v;
}

/* Blend c->value towards `target` by the share of ellipsoid e times `strength`, soft over 2 mm. */
static void tint(fseg_pelvis_canvas *c, const fseg_ellipsoid *e, float target, float strength)
{
    if (strength <= 0.0f || !fseg_pelvis_meets(c, e->low, e->high, 8.0f))
        return;
    fseg_row row = {.n = c->n, .x = c->gx, .y = c->gy, .z = c->gz};
    fseg_ellipsoid_row(e, &row, 0, c->n, c->other);
    for (int i = 0; i < c->n; ++i) {
        const float share = clamp01(0.5f - (c->other[i] + 1.2f * c->rough[i]) * 0.4f) * strength;
        c->value[i] += share * (target * (1.0f + 0.08f * c->hair[i]) - c->value[i]);
    }
}

static void fill_peripheral(fseg_pelvis_canvas *c)
{
    const fseg_pelvis *p = c->p;
    const float bright = c->signals[FSEG_PELVIS_PERIPHERAL_ZONE];
    const float dark = c->signals[FSEG_PELVIS_TRANSITION_STROMA];
    for (int i = 0; i < c->n; ++i) {
        /* Septa run from the capsule inwards: sheets where a texture stretched towards the middle
           crosses zero. */
        const float r = sqrtf(c->gx[i] * c->gx[i] + c->gy[i] * c->gy[i]) + 1.0f;
        const float angle = atan2f(c->gx[i], c->gy[i]);
        const float n = fseg_texture_at(&p->texture, angle * 7.0f + p->phase[1][0], r / 16.0f,
                                        c->gz[i] / 6.0f + p->phase[1][2]);
        const float sheet = n * 3.2f;
        float share = p->septa * expf(-sheet * sheet);
        share += p->peripheral_patches * clamp01(0.9f * c->rough[i] + 0.3f * c->fine[i] - 0.2f);
        c->value[i] = bright + clamp01(share) * (dark - bright);
        c->value[i] *= fmaxf(1.0f + p->grain * (0.6f * c->fine[i] + c->hair[i]), 0.2f);
    }
}

static void fill_transition(fseg_pelvis_canvas *c, float *out)
{
    const fseg_pelvis *p = c->p;
    const float stroma = c->signals[FSEG_PELVIS_TRANSITION_STROMA];
    const float dark = c->signals[FSEG_PELVIS_NODULE_STROMAL];
    const float bright = c->signals[FSEG_PELVIS_NODULE_GLANDULAR];
    const float rim = c->signals[FSEG_PELVIS_CAPSULE];
    for (int i = 0; i < c->n; ++i)
        out[i] = stroma * (1.0f + p->stroma_mottle * (0.4f * c->rough[i] + 0.6f * c->fine[i]) +
                           p->grain * c->hair[i]);
    for (int k = 0; k < p->nodule_count; ++k) {
        const fseg_pelvis_nodule *n = &p->nodules[k];
        const float reach = fmaxf(n->radius[0], fmaxf(n->radius[1], n->radius[2])) + 2.0f;
        const float low[3] = {n->centre[0] - reach, n->centre[1] - reach, n->centre[2] - reach};
        const float high[3] = {n->centre[0] + reach, n->centre[1] + reach, n->centre[2] + reach};
        if (!fseg_pelvis_meets(c, low, high, 10.0f))
            continue;
        for (int i = 0; i < c->n; ++i) {
            const float u = (c->gx[i] - n->centre[0]) / n->radius[0];
            const float v = (c->gy[i] - n->centre[1]) / n->radius[1];
            const float w = (c->gz[i] - n->centre[2]) / n->radius[2];
            const float square = u * u + v * v + w * w;
            if (square > 2.2f)
                continue;
            const float f = (sqrtf(square) - 1.0f) * n->radius[0] + 0.4f * c->fine[i];
            const float shell = fseg_pelvis_share(c, f);
            out[i] += shell * (rim - out[i]);
            const float value =
                (dark + n->value * (bright - dark)) *
                fmaxf(1.0f + n->mottle * (0.6f * c->fine[i] + 0.5f * c->hair[i]), 0.2f);
            const float inner = fseg_pelvis_share(c, f + n->rim);
            out[i] += inner * (value - out[i]);
        }
    }
}

static void paint_urethra(fseg_pelvis_canvas *c)
{
    const fseg_pelvis *p = c->p;
    if (p->verumontanum <= 0.0f || !fseg_pelvis_meets(c, p->urethra.low, p->urethra.high, 6.0f))
        return;
    fseg_row row = {.n = c->n, .x = c->gx, .y = c->gy, .z = c->gz};
    for (int i = 0; i < c->n; ++i)
        c->other[i] = 1e3f;
    fseg_rod_row(&p->urethra, &row, 0, c->n, 0.1f, c->other);
    const float bright = c->signals[FSEG_PELVIS_URETHRA];
    for (int i = 0; i < c->n; ++i) {
        const float share = p->verumontanum * fseg_pelvis_share(c, c->other[i] + 0.6f * c->fine[i]);
        c->value[i] += share * (bright - c->value[i]);
    }
}

void fseg_pelvis_paint_gland(fseg_pelvis_canvas *c)
{
    const fseg_pelvis *p = c->p;
    int any = 0;
    for (int i = 0; i < c->n; ++i)
        any |= c->gland[i] < 2.0f;
    if (!any)
        return;
    fill_peripheral(c);
    fill_transition(c, c->work);
    const float rim = c->signals[FSEG_PELVIS_CAPSULE];
    for (int i = 0; i < c->n; ++i) {
        const float share = fseg_pelvis_share(c, c->transition[i]);
        c->value[i] += share * (c->work[i] - c->value[i]);
        if (p->pseudo_capsule_mm > 0.0f) {
            const float f = c->transition[i] + 0.3f * c->fine[i];
            const float band =
                fseg_pelvis_share(c, (f < 0.0f ? -f : f) - 0.5f * p->pseudo_capsule_mm);
            c->value[i] += 0.8f * band * (rim - c->value[i]);
        }
    }
    tint(c, &p->central, c->signals[FSEG_PELVIS_TRANSITION_STROMA], p->central_strength);
    tint(c, &p->anterior, c->signals[FSEG_PELVIS_ANTERIOR_STROMA], p->anterior_strength);
    for (int n = 0; n < p->lesion_count; ++n)
        tint(c, &p->lesions[n], c->signals[FSEG_PELVIS_LESION], 0.9f);
    paint_urethra(c);
    for (int i = 0; i < c->n; ++i) {
        const float depth = -c->gland[i];
        const float band = clamp01((p->capsule_mm - depth) * c->inverse_edge + 0.5f);
        c->value[i] += p->capsule_strength * band * (rim - c->value[i]);
        const float share = fseg_pelvis_share(c, c->gland[i]);
        c->signal[i] += share * (c->value[i] - c->signal[i]);
        const float inner = fmaxf(c->transition[i], c->gland[i]);
        c->transition_share[i] = fseg_pelvis_share(c, inner);
        c->transition_share[i] = fminf(c->transition_share[i], share);
        c->peripheral_share[i] = share - c->transition_share[i];
    }
}
