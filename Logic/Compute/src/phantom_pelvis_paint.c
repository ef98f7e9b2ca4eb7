/**
 * @file phantom_pelvis_paint.c
 * Samples prepared, then painted back to front: frame, organs, gland.
 */
#include "phantom_pelvis_internal.h"

#include <math.h>
#include <string.h>

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
