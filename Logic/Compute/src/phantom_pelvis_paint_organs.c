/**
 * @file phantom_pelvis_paint_organs.c
 * Pelvic floor, bladder, bowel, seminal vesicles, veins and nerves around the gland.
 */
#include "phantom_pelvis_internal.h"

#include <math.h>
#include <string.h>

static float clamp01(float v)
{
    return v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v;
}

/* Keep an organ a little away from the gland. */
static void carve(fseg_pelvis_canvas *c, float *f, float gap)
{
    for (int i = 0; i < c->n; ++i)
        f[i] = f[i] > gap - c->gland[i] ? f[i] : gap - c->gland[i];
}

/* The funnel: ellipses whose size and place change with height; open in front of the gland. */
static void paint_levator(fseg_pelvis_canvas *c)
{
    const fseg_pelvis *p = c->p;
    int any = 0;
    for (int i = 0; i < c->n; ++i) {
        const float z = c->z[i];
        int k = 0;
        while (k < 3 && z > p->levator.z[k + 1])
            ++k;
        const float t = clamp01((z - p->levator.z[k]) / (p->levator.z[k + 1] - p->levator.z[k]));
        const float rx = p->levator.rx[k] + t * (p->levator.rx[k + 1] - p->levator.rx[k]);
        const float ry = p->levator.ry[k] + t * (p->levator.ry[k + 1] - p->levator.ry[k]);
        const float yc = p->levator.y[k] + t * (p->levator.y[k + 1] - p->levator.y[k]);
        /* Behind the gland the funnel narrows to a V around the rectum. */
        const float v = (c->y[i] - yc) / ry, behind = v > 0.0f ? v : 0.0f;
        const float wedge = p->levator.wedge * (behind < 1.0f ? behind : 1.0f);
        const float u = c->x[i] / rx * (1.0f + wedge);
        const float r = sqrtf(u * u + v * v);
        const float slope = sqrtf(u * u / (rx * rx) + v * v / (ry * ry)) + 1e-6f;
        const float f = r * (r - 1.0f) / slope + 0.8f * c->rough[i];
        /* Thicker below, where it becomes the sling and the outer sphincter. */
        const float low = clamp01((p->levator.z[2] - z) / 24.0f);
        const float half = 0.5f * p->levator.thickness * (1.0f + p->levator.sling * low);
        float sheet = (f + half < 0.0f ? -f - half : f + half) - half;
        sheet = fmaxf(sheet, yc - (0.45f + 0.35f * low) * ry - c->y[i]);
        sheet = fmaxf(sheet, z - p->levator.z[4]);
        sheet = fmaxf(sheet, p->levator.z[0] - z);
        c->work[i] = sheet;
        any |= sheet < 2.0f;
    }
    if (!any)
        return;
    fseg_pelvis_fill(c, FSEG_PELVIS_LEVATOR, 0.1f, 0.1f);
    fseg_pelvis_cover(c, c->work, c->value);
}

/* Veins before and beside the gland: bright and dark patches a few millimetres wide. */
static void fill_plexus(fseg_pelvis_canvas *c, float amount)
{
    const float fat = c->signals[FSEG_PELVIS_VISCERAL_FAT];
    const float vein = c->signals[FSEG_PELVIS_PLEXUS], wall = c->signals[FSEG_PELVIS_FASCIA];
    for (int i = 0; i < c->n; ++i) {
        const float n = c->fine[i] + 0.5f * c->hair[i];
        const float bright = amount * clamp01((n - 0.4f) * 1.6f);
        const float dark = 0.8f * amount * clamp01((-0.3f - n) * 1.6f);
        c->value[i] = fat + bright * (vein - fat) + dark * (wall - fat);
    }
}

static void paint_plexus(fseg_pelvis_canvas *c)
{
    const fseg_pelvis *p = c->p;
    int near = 0;
    for (int i = 0; i < c->n; ++i) {
        /* A shell around the gland, thin behind. */
        const float width =
            4.5f + 1.5f * c->rough[i] - (c->gy[i] > 0.5f * p->half[1] ? 2.5f : 0.0f);
        c->work[i] = c->gland[i] - width;
        near |= c->work[i] < 2.0f;
    }
    if (near) {
        fill_plexus(c, 0.75f);
        fseg_pelvis_cover(c, c->work, c->value);
    }
    if (fseg_pelvis_meets(c, p->plexus.low, p->plexus.high, 4.0f)) {
        fseg_pelvis_ellipsoid(c, &p->plexus, c->work);
        for (int i = 0; i < c->n; ++i)
            c->work[i] += 1.5f * c->rough[i];
        fill_plexus(c, 1.0f);
        fseg_pelvis_cover(c, c->work, c->value);
    }
}

static void paint_bladder(fseg_pelvis_canvas *c)
{
    const fseg_pelvis *p = c->p;
    if (fseg_pelvis_meets(c, p->bladder_neck.low, p->bladder_neck.high, 4.0f)) {
        fseg_pelvis_ellipsoid(c, &p->bladder_neck, c->work);
        for (int i = 0; i < c->n; ++i)
            c->work[i] += 1.2f * c->rough[i];
        fseg_pelvis_fill(c, FSEG_PELVIS_DETRUSOR, 0.1f, 0.12f);
        fseg_pelvis_cover(c, c->work, c->value);
    }
    if (!fseg_pelvis_meets(c, p->bladder.low, p->bladder.high, 12.0f))
        return;
    const fseg_ellipsoid *e = &p->bladder;
    for (int i = 0; i < c->n; ++i) {
        const float d[3] = {c->x[i] - e->centre[0], c->y[i] - e->centre[1], c->z[i] - e->centre[2]};
        float u[3], square = 0.0f, fourth = 0.0f, slope = 0.0f;
        for (int a = 0; a < 3; ++a) {
            u[a] =
                (e->axis[a][0] * d[0] + e->axis[a][1] * d[1] + e->axis[a][2] * d[2]) / e->radius[a];
            square += u[a] * u[a];
            fourth += u[a] * u[a] * u[a] * u[a];
            slope += u[a] * u[a] / (e->radius[a] * e->radius[a]);
        }
        const float round = sqrtf(square), boxy = sqrtf(sqrtf(fourth));
        const float r = round + p->bladder_flat * (boxy - round);
        c->work[i] = round * (r - 1.0f) / sqrtf(slope + 1e-12f) + 1.6f * c->rough[i];
    }
    carve(c, c->work, 0.6f);
    fseg_pelvis_fill(c, FSEG_PELVIS_DETRUSOR, 0.08f, 0.1f);
    fseg_pelvis_cover(c, c->work, c->value);
    for (int i = 0; i < c->n; ++i)
        c->work[i] += p->bladder_wall + p->trabeculation * c->fine[i];
    fseg_pelvis_fill(c, FSEG_PELVIS_URINE, 0.02f, 0.01f);
    fseg_pelvis_cover(c, c->work, c->value);
}

static void paint_tube(fseg_pelvis_canvas *c, const fseg_pelvis_tube *t)
{
    if (!fseg_pelvis_meets(c, t->low, t->high, 8.0f) ||
        !fseg_pelvis_rods(c, t->rods, t->count, 9.0f, 8.0f, c->work))
        return;
    for (int i = 0; i < c->n; ++i)
        c->work[i] += 1.3f * c->rough[i];
    carve(c, c->work, 0.8f);
    fseg_pelvis_fill(c, FSEG_PELVIS_RECTAL_WALL, 0.12f, 0.12f);
    fseg_pelvis_cover(c, c->work, c->value);
    for (int i = 0; i < c->n; ++i) /* the anal canal is closed */
        c->work[i] += t->wall + 9.0f * clamp01((t->closed_below - c->z[i]) * 0.06f);
    fseg_pelvis_fill(c, FSEG_PELVIS_MUCOSA, 0.1f, 0.15f);
    fseg_pelvis_cover(c, c->work, c->value);
    const float stool = c->signals[FSEG_PELVIS_STOOL], gel = c->signals[FSEG_PELVIS_GEL];
    for (int i = 0; i < c->n; ++i) {
        c->work[i] += t->mucosa + 0.5f * c->fine[i];
        const float filled = clamp01(t->gel + t->mottle * (0.5f * c->rough[i] + 0.5f * c->fine[i]));
        const float value = stool + filled * (gel - stool);
        float gas = fseg_pelvis_share(c, c->y[i] - t->gas_above);
        /* Bubbles in stool. */
        const float bubble = clamp01((c->fine[i] - 1.2f - 2.0f * (1.0f - t->mottle)) * 3.0f);
        gas = gas > bubble ? gas : bubble;
        c->value[i] = value * (1.0f - 0.97f * gas);
    }
    fseg_pelvis_cover(c, c->work, c->value);
}

/* Convoluted tubules: fluid between dark walls. */
static void paint_vesicles(fseg_pelvis_canvas *c)
{
    const fseg_pelvis *p = c->p;
    const float fluid = c->signals[FSEG_PELVIS_VESICLE_FLUID];
    const float wall = c->signals[FSEG_PELVIS_VESICLE_WALL];
    for (int side = 0; side < 2; ++side) {
        if (fseg_pelvis_rods(c, &p->ampullae[side], 1, 0.1f, 4.0f, c->work)) {
            carve(c, c->work, 0.2f);
            fseg_pelvis_fill(c, FSEG_PELVIS_VESICLE_WALL, 0.1f, 0.1f);
            fseg_pelvis_cover(c, c->work, c->value);
            for (int i = 0; i < c->n; ++i) {
                c->work[i] += 1.9f;
                c->value[i] = 0.5f * (fluid + wall);
            }
            fseg_pelvis_cover(c, c->work, c->value);
        }
        if (!fseg_pelvis_rods(c, p->vesicles[side], 4, 4.0f, 6.0f, c->work))
            continue;
        const float cell = 1.0f / p->vesicle_cell;
        for (int i = 0; i < c->n; ++i) {
            c->work[i] += 0.9f * c->rough[i] + 0.7f * c->fine[i];
            const float n =
                fseg_texture_at(&p->texture, c->x[i] * cell + p->phase[7][0],
                                c->y[i] * cell + p->phase[7][1], c->z[i] * cell + p->phase[7][2]);
            const float lumen = clamp01((n + p->vesicle_fluid) * 2.0f + 0.5f);
            c->value[i] = wall + lumen * (fluid - wall);
        }
        carve(c, c->work, 0.2f);
        fseg_pelvis_cover(c, c->work, c->value);
    }
}

static void paint_bundles(fseg_pelvis_canvas *c)
{
    const fseg_pelvis *p = c->p;
    for (int side = 0; side < 2; ++side) {
        if (!fseg_pelvis_rods(c, p->bundles[side], 2, 2.0f, 4.0f, c->work))
            continue;
        for (int i = 0; i < c->n; ++i) {
            const float n = c->fine[i] + 0.7f * c->hair[i];
            const float fat = c->signals[FSEG_PELVIS_VISCERAL_FAT];
            const float dark = c->signals[FSEG_PELVIS_FASCIA];
            c->value[i] = fat + 0.9f * clamp01(n) * (dark - fat);
        }
        fseg_pelvis_cover(c, c->work, c->value);
    }
}

/* Below the apex: sphincter, and the urethra brighter within. */
static void paint_membranous(fseg_pelvis_canvas *c)
{
    const fseg_pelvis *p = c->p;
    if (!fseg_pelvis_rods(c, &p->membranous, 1, 0.1f, 4.0f, c->work))
        return;
    for (int i = 0; i < c->n; ++i)
        c->work[i] += 0.7f * c->rough[i];
    fseg_pelvis_fill(c, FSEG_PELVIS_SPHINCTER, 0.1f, 0.1f);
    fseg_pelvis_cover(c, c->work, c->value);
    for (int i = 0; i < c->n; ++i)
        c->work[i] += p->membranous_wall;
    fseg_pelvis_fill(c, FSEG_PELVIS_URETHRA, 0.05f, 0.1f);
    fseg_pelvis_cover(c, c->work, c->value);
}

void fseg_pelvis_paint_organs(fseg_pelvis_canvas *c)
{
    const fseg_pelvis *p = c->p;
    paint_levator(c);
    for (int t = p->tube_count - 1; t > 0; --t)
        paint_tube(c, &p->tubes[t]);
    paint_plexus(c);
    paint_bladder(c);
    paint_vesicles(c);
    paint_tube(c, &p->tubes[0]);
    paint_bundles(c);
    paint_membranous(c);
}
