/**
 * @file phantom_pelvis_organs.c
 * Bladder, rectum, bowel, vesicles, pelvic floor and the inside of the gland of one patient.
 */
#include "phantom_pelvis_internal.h"

#include <math.h>
#include <string.h>

static float vary(fseg_random *random, float mean, float spread)
{
    return mean + fseg_random_range(random, -spread, spread);
}

static int chance(fseg_random *random, float probability)
{
    return fseg_random_uniform(random) < probability;
}

static void tube_add(fseg_pelvis_tube *t, const float a[3], const float b[3], float ra, float rb)
{
    const fseg_rod rod = fseg_rod_make(a, b, ra, rb);
    for (int d = 0; d < 3; ++d) {
        t->low[d] = t->count && t->low[d] < rod.low[d] ? t->low[d] : rod.low[d];
        t->high[d] = t->count && t->high[d] > rod.high[d] ? t->high[d] : rod.high[d];
    }
    t->rods[t->count++] = rod;
}

/* Collapsed, stool, gas or gel; the empty rectum measures 15 to 25 mm, a full one up to 50. */
static void draw_rectum(fseg_random *random, fseg_pelvis *p)
{
    fseg_pelvis_tube *t = &p->tubes[p->tube_count++];
    memset(t, 0, sizeof *t);
    t->gas_above = -1000.0f;
    t->wall = vary(random, 3.6f, 1.2f);
    t->mucosa = vary(random, 1.5f, 0.7f);
    t->mottle = vary(random, 0.35f, 0.3f);
    const float what = fseg_random_uniform(random);
    float radius;
    if (what < 0.5f) { /* collapsed: mostly wall */
        radius = vary(random, 12.5f, 3.5f);
        t->wall = radius * vary(random, 0.6f, 0.25f);
        t->mucosa = vary(random, 2.0f, 1.5f);
        t->gel = vary(random, 0.2f, 0.2f);
    } else if (what < 0.7f) { /* stool, perhaps some gas */
        radius = vary(random, 17.0f, 5.0f);
        t->gel = vary(random, 0.15f, 0.15f);
        t->mottle += 0.3f;
        if (chance(random, 0.4f))
            t->gas_above = p->half[1] + vary(random, 14.0f, 8.0f);
    } else if (what < 0.88f) { /* gas */
        radius = vary(random, 17.0f, 5.0f);
        t->gas_above = 1000.0f;
        if (chance(random, 0.3f))
            t->gas_above = p->half[1] + vary(random, 20.0f, 6.0f);
    } else { /* gel */
        radius = vary(random, 18.0f, 4.0f);
        t->gel = vary(random, 0.9f, 0.1f);
        t->mottle = 0.05f;
    }
    const float back = p->half[1] - 17.0f, down = 22.0f - p->half[2];
    const float canal = vary(random, 13.5f, 3.0f); /* with the inner sphincter */
    const float slope = vary(random, 1.0f, 0.45f); /* how fast it leaves the gland backwards */
    t->closed_below = down + vary(random, -16.0f, 8.0f);
    const float aside = vary(random, 0.0f, 6.0f), near = vary(random, 0.0f, 3.5f);
    /* The front wall follows the gland's rear surface, which the deformation refines. */
    const float points[6][4] = {
        {0.0f, 32.0f, -64.0f, canal},
        {0.0f, 26.0f, -38.0f, canal},
        {0.2f * aside, 17.0f + near + radius * 0.85f, -16.0f, 0.7f * radius + 3.5f},
        {0.5f * aside, 15.5f + near + radius + 7.0f * (slope - 0.6f), 6.0f,
         radius + t->wall * 0.5f},
        {aside, 20.0f + near + radius + 22.0f * slope, 28.0f, radius + t->wall * 0.4f},
        {1.6f * aside, 26.0f + radius + 44.0f * slope, 46.0f, radius * 0.95f},
    };
    for (int i = 0; i < 5; ++i) {
        const float a[3] = {points[i][0], points[i][1] + back, points[i][2] + down};
        const float b[3] = {points[i + 1][0], points[i + 1][1] + back, points[i + 1][2] + down};
        tube_add(t, a, b, points[i][3], points[i + 1][3]);
    }
}

/* Sigmoid and small bowel above the bladder. */
static void draw_bowel(fseg_random *random, fseg_pelvis *p, float roof)
{
    const int count = 4 + (int)fseg_random_below(random, 5);
    for (int n = 0; n < count && p->tube_count < FSEG_PELVIS_TUBES; ++n) {
        fseg_pelvis_tube *t = &p->tubes[p->tube_count++];
        memset(t, 0, sizeof *t);
        t->closed_below = -1000.0f;
        t->wall = vary(random, 2.2f, 0.8f);
        t->mucosa = 0.6f;
        t->gel = vary(random, 0.4f, 0.4f);
        t->mottle = vary(random, 0.4f, 0.4f);
        t->gas_above = chance(random, 0.25f) ? 1000.0f : -1000.0f;
        float at[3] = {vary(random, 0.0f, 40.0f), vary(random, 15.0f, 55.0f),
                       roof + fseg_random_range(random, 12.0f, 45.0f)};
        const float r = vary(random, 10.5f, 3.0f);
        for (int k = 0; k < 5; ++k) {
            float to[3];
            for (int d = 0; d < 3; ++d)
                to[d] = at[d] + vary(random, 0.0f, d == 2 ? 10.0f : 24.0f);
            to[2] = to[2] > roof + 10.0f ? to[2] : roof + 10.0f;
            tube_add(t, at, to, r, r * vary(random, 1.0f, 0.15f));
            memcpy(at, to, sizeof at);
        }
    }
}

/* 40 to 500 ml; thicker walls when little filled or outflow is obstructed. Returns its top. */
static float draw_bladder(fseg_random *random, fseg_pelvis *p)
{
    const float ml = 40.0f + 420.0f * powf(fseg_random_uniform(random), 1.6f);
    const float tall = vary(random, 0.80f, 0.22f), deep = vary(random, 0.78f, 0.16f);
    const float wide = cbrtf(1000.0f * ml / (4.18879f * tall * deep));
    const float half[3] = {wide, wide * deep, wide * tall};
    /* A small bladder lies low before the gland's base, a full one rises. */
    const float centre[3] = {vary(random, 0.0f, 4.0f), vary(random, -8.0f, 5.0f) - 0.12f * half[1],
                             0.80f * p->half[2] + 0.86f * half[2] + vary(random, 0.0f, 4.0f)};
    const float turn[3] = {vary(random, -18.0f, 18.0f), vary(random, 0.0f, 6.0f),
                           vary(random, 0.0f, 6.0f)};
    p->bladder = fseg_ellipsoid_make(centre, half, turn);
    p->bladder_flat = vary(random, 0.4f, 0.3f);
    p->bladder_wall = vary(random, 2.6f, 0.8f) + 3.0f * expf(-ml / 90.0f) +
                      (chance(random, 0.45f) ? fseg_random_range(random, 0.5f, 5.5f) : 0.0f);
    p->trabeculation = 0.5f * vary(random, 0.4f, 0.35f) * (p->bladder_wall > 4.0f ? 1.6f : 0.8f);
    const float neck[3] = {0.0f, vary(random, -3.0f, 3.0f), 0.92f * p->half[2]};
    const float size[3] = {vary(random, 18.0f, 7.0f), vary(random, 13.0f, 5.0f),
                           vary(random, 9.0f, 4.0f)};
    p->bladder_neck = fseg_ellipsoid_make(neck, size, turn);
    return centre[2] + half[2];
}

static void draw_floor(fseg_random *random, fseg_pelvis *p)
{
    static const float z[5] = {-60.0f, -36.0f, -16.0f, 4.0f, 24.0f};
    static const float rx[5] = {14.0f, 17.0f, 23.5f, 30.5f, 44.0f};
    static const float ry[5] = {14.0f, 20.0f, 28.0f, 36.0f, 50.0f};
    static const float y[5] = {29.0f, 19.0f, 14.0f, 14.0f, 16.0f};
    const float wide = vary(random, 1.03f, 0.12f), grow = p->half[0] - 25.0f;
    for (int i = 0; i < 5; ++i) {
        const float near = i == 0 ? 0.0f : i == 1 ? 0.2f : i == 4 ? 0.5f : 0.8f;
        p->levator.z[i] = z[i] + 22.0f - p->half[2];
        p->levator.rx[i] = wide * rx[i] + near * grow;
        p->levator.ry[i] = wide * ry[i];
        p->levator.y[i] = y[i] + p->half[1] - 17.0f;
    }
    p->levator.thickness = vary(random, 3.6f, 1.4f);
    p->levator.sling = fseg_random_range(random, 0.6f, 3.0f);
    p->levator.wedge = vary(random, 0.45f, 0.35f);
}

static void draw_vesicles(fseg_random *random, fseg_pelvis *p)
{
    const float *r = p->half;
    const float base = 0.86f * r[2], rear = 0.46f * r[1] + vary(random, 5.0f, 2.0f);
    const float thick = vary(random, 5.6f, 2.0f), rise = vary(random, 9.0f, 7.0f);
    for (int side = 0; side < 2; ++side) {
        const float s = side == 0 ? -1.0f : 1.0f;
        float at[5][3] = {{s * 4.0f, rear, base - 3.0f},
                          {s * 11.0f, rear + 2.0f, base + 0.35f * rise},
                          {s * 19.0f, rear + 3.0f, base + 0.7f * rise},
                          {s * 28.0f, rear + 2.0f, base + 1.0f * rise},
                          {s * 36.0f, rear - 1.0f, base + 1.25f * rise}};
        for (int i = 1; i < 5; ++i)
            for (int d = 0; d < 3; ++d)
                at[i][d] += vary(random, 0.0f, 2.0f);
        const float size[5] = {0.5f, 0.8f, 1.0f, 1.05f, 0.7f};
        const float own = thick * vary(random, 1.0f, 0.15f);
        for (int i = 0; i < 4; ++i)
            p->vesicles[side][i] =
                fseg_rod_make(at[i], at[i + 1], own * size[i], own * size[i + 1]);
        const float low[3] = {s * 3.0f, rear - 1.0f, base - 2.0f};
        const float high[3] = {s * vary(random, 14.0f, 3.0f), rear - 3.0f, base + 26.0f};
        p->ampullae[side] = fseg_rod_make(low, high, 2.4f, 3.4f);
        /* Neurovascular bundles: behind and beside, from base to apex. */
        const float top[3] = {s * 0.86f * r[0], 0.72f * r[1], 0.7f * r[2]};
        const float mid[3] = {s * 0.82f * r[0], 0.86f * r[1], -0.2f * r[2]};
        const float end[3] = {s * 0.5f * r[0], 0.8f * r[1], -1.0f * r[2]};
        const float size_b = vary(random, 3.6f, 0.8f);
        p->bundles[side][0] = fseg_rod_make(top, mid, size_b * 1.2f, size_b);
        p->bundles[side][1] = fseg_rod_make(mid, end, size_b, size_b * 0.7f);
    }
    p->vesicle_fluid = vary(random, 0.0f, 0.5f);
    p->vesicle_cell = vary(random, 3.4f, 0.9f);
    const float plexus[3] = {0.0f, -r[1] - 4.0f, vary(random, -6.0f, 4.0f)};
    const float extent[3] = {vary(random, 19.0f, 5.0f), vary(random, 8.0f, 3.0f),
                             0.8f * r[2] + vary(random, 2.0f, 4.0f)};
    const float none[3] = {0.0f, 0.0f, 0.0f};
    p->plexus = fseg_ellipsoid_make(plexus, extent, none);
}

/* Nodules fill the transition zone, larger ones in larger glands; some grow in very small ones
   too. */
static void draw_nodules(fseg_random *random, fseg_pelvis *p)
{
    const float volume = (float)p->described.transition_ml;
    const float plenty = fseg_random_uniform(random);
    int wanted = (int)(plenty * (4.0f + 0.5f * volume));
    wanted = wanted < FSEG_PELVIS_NODULES ? wanted : FSEG_PELVIS_NODULES;
    const float most = 0.36f * p->half[0] * vary(random, 1.0f, 0.3f);
    const float glandular = fseg_random_uniform(random);
    for (int tries = 0; tries < 20 * wanted && p->nodule_count < wanted; ++tries) {
        const float shrink = 1.0f - (float)tries / (float)(20 * wanted + 1);
        const float r = 2.0f + (most - 2.0f) * shrink * fseg_random_uniform(random);
        float at[3];
        for (int d = 0; d < 3; ++d)
            at[d] = fseg_random_range(random, -p->half[d], p->half[d]);
        if (fseg_field_at(&p->transition, at[0], at[1], at[2]) > -0.75f * r)
            continue;
        int free_place = 1;
        for (int n = 0; n < p->nodule_count && free_place; ++n) {
            const fseg_pelvis_nodule *o = &p->nodules[n];
            float square = 0.0f;
            for (int d = 0; d < 3; ++d)
                square += (at[d] - o->centre[d]) * (at[d] - o->centre[d]);
            free_place = sqrtf(square) > 0.8f * (r + o->radius[0]);
        }
        if (!free_place)
            continue;
        fseg_pelvis_nodule *n = &p->nodules[p->nodule_count++];
        for (int d = 0; d < 3; ++d) {
            n->centre[d] = at[d];
            n->radius[d] = r * vary(random, 1.0f, 0.18f);
        }
        n->rim = vary(random, 0.8f, 0.5f);
        n->value = chance(random, glandular) ? fseg_random_range(random, 0.5f, 1.1f)
                                             : fseg_random_range(random, -0.1f, 0.4f);
        n->mottle = fseg_random_range(random, 0.05f, 0.45f);
    }
}

static void draw_lesions(fseg_random *random, fseg_pelvis *p)
{
    const int wanted = chance(random, 0.45f) ? 1 + (int)fseg_random_below(random, 3) : 0;
    for (int tries = 0; tries < 200 && p->lesion_count < wanted; ++tries) {
        float at[3], radius[3], turn[3];
        const float size = fseg_random_range(random, 3.0f, 9.0f);
        for (int d = 0; d < 3; ++d) {
            at[d] = fseg_random_range(random, -p->half[d], p->half[d]);
            radius[d] = size * vary(random, 1.0f, 0.35f);
            turn[d] = fseg_random_range(random, -60.0f, 60.0f);
        }
        const float inside = fseg_field_at(&p->gland, at[0], at[1], at[2]);
        const float zone = fseg_field_at(&p->transition, at[0], at[1], at[2]);
        /* Seven of ten cancers arise in the peripheral zone (McNeal 1988). */
        if (inside > -2.0f || (zone < 0.0f && chance(random, 0.8f)))
            continue;
        p->lesions[p->lesion_count++] = fseg_ellipsoid_make(at, radius, turn);
    }
}

static void draw_inside(fseg_random *random, fseg_pelvis *p)
{
    const float *r = p->half;
    const float none[3] = {0.0f, 0.0f, 0.0f};
    const float front[3] = {0.0f, -0.86f * r[1], vary(random, 0.1f, 0.15f) * r[2]};
    const float apron[3] = {vary(random, 0.42f, 0.12f) * r[0], vary(random, 0.32f, 0.14f) * r[1],
                            0.85f * r[2]};
    p->anterior = fseg_ellipsoid_make(front, apron, none);
    p->anterior_strength = chance(random, 0.85f) ? fseg_random_range(random, 0.4f, 1.0f) : 0.0f;
    const float rear[3] = {0.0f, 0.38f * r[1], 0.72f * r[2]};
    const float cone[3] = {0.36f * r[0], 0.30f * r[1], 0.42f * r[2]};
    p->central = fseg_ellipsoid_make(rear, cone, none);
    p->central_strength = chance(random, 0.7f) ? fseg_random_range(random, 0.2f, 0.9f) : 0.0f;
    p->verumontanum = fseg_random_range(random, -0.1f, 0.7f);
    const float mid[3] = {0.0f, 0.05f * r[1], 0.0f};
    const float end[3] = {0.0f, -0.05f * r[1], -r[2] + 2.0f};
    const float out[3] = {0.0f, -0.05f * r[1] - 2.0f, -r[2] - 22.0f};
    p->urethra = fseg_rod_make(mid, end, 3.6f, 3.0f);
    const float ring = vary(random, 8.5f, 2.5f);
    p->membranous = fseg_rod_make(end, out, ring, ring + 1.0f);
    p->membranous_wall = ring - vary(random, 3.0f, 1.0f);
    p->septa = fseg_random_range(random, 0.1f, 0.95f);
    p->grain = fseg_random_range(random, 0.03f, 0.2f);
    p->peripheral_patches = fseg_random_range(random, 0.05f, 0.45f);
    p->capsule_mm = fseg_random_range(random, 0.2f, 1.1f);
    p->capsule_strength = fseg_random_range(random, 0.0f, 0.7f);
    p->pseudo_capsule_mm = chance(random, 0.75f) ? fseg_random_range(random, 0.4f, 1.4f) : 0.0f;
    p->stroma_mottle = fseg_random_range(random, 0.1f, 0.4f);
}

void fseg_pelvis_draw_organs(fseg_random *random, fseg_pelvis *p)
{
    p->tube_count = 0;
    draw_rectum(random, p);
    const float roof = draw_bladder(random, p);
    draw_bowel(random, p, roof);
    draw_floor(random, p);
    draw_vesicles(random, p);
    draw_inside(random, p);
    draw_nodules(random, p);
    draw_lesions(random, p);
}
