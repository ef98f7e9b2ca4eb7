/**
 * @file phantom_anatomy.c
 * One patient: places, sizes and poses of organs, drawn from a random stream.
 *
 * Means and spreads follow the positions of organs relative to the body's axis and the lower end
 * of the liver in abdominal MR (docs/theory/phantom.md).
 */
#include "phantom_internal.h"

#include <math.h>
#include <string.h>

/* Uniform in mean +- spread. */
static float vary(fseg_random *random, float mean, float spread)
{
    return mean + fseg_random_range(random, -spread, spread);
}

static fseg_ellipsoid vary_ellipsoid(fseg_random *random, const float centre[3],
                                     const float radius[3], const float degrees[3], float move,
                                     float size, float turn)
{
    float c[3], r[3], a[3];
    const float common = 1.0f + fseg_random_range(random, -0.5f, 0.5f) * size;
    for (int d = 0; d < 3; ++d) {
        c[d] = vary(random, centre[d], move);
        r[d] = radius[d] * common * vary(random, 1.0f, 0.5f * size);
        a[d] = vary(random, degrees[d], turn);
    }
    return fseg_ellipsoid_make(c, r, a);
}

static void draw_body(fseg_random *random, fseg_anatomy *a)
{
    /* Liver size follows body size only loosely, so the axes vary on their own. */
    a->scale[0] = vary(random, 1.0f, 0.05f);
    a->scale[1] = vary(random, 1.0f, 0.08f);
    a->scale[2] = vary(random, 1.0f, 0.07f);
    a->shift[0] = vary(random, 0.0f, 6.0f);
    a->shift[1] = vary(random, 0.0f, 10.0f);
    a->shift[2] = vary(random, 3.0f, 7.0f);
    a->half_width = 148.0f;
    a->half_depth = vary(random, 110.0f, 6.0f);
    a->squareness = vary(random, 0.35f, 0.2f);
    /* Mostly slim, some stout. */
    const float stout = fseg_random_uniform(random);
    a->fat = 5.0f + 15.0f * stout * stout;
    a->muscle = vary(random, 11.0f, 3.0f);
    a->dome_right = vary(random, 88.0f, 4.0f);
    a->dome_left = a->dome_right - vary(random, 11.0f, 6.0f);
    a->vertebra_phase = fseg_random_uniform(random);
    a->aorta_bright_below = vary(random, -45.0f, 30.0f);
}

static void draw_liver(fseg_random *random, fseg_anatomy *a)
{
    const float right_centre[3] = {-76.0f, -2.0f, 2.0f}, right_radius[3] = {70.0f, 86.0f, 92.0f};
    const float left_centre[3] = {-4.0f, -44.0f, 34.0f}, left_radius[3] = {84.0f, 48.0f, 42.0f};
    const float left_turn[3] = {0.0f, 12.0f, -6.0f}, none[3] = {0.0f, 0.0f, 0.0f};
    const float cleft_centre[3] = {-14.0f, -66.0f, 6.0f}, cleft_radius[3] = {3.0f, 24.0f, 26.0f};
    const float cleft_turn[3] = {0.0f, 0.0f, -18.0f};
    a->liver_right = vary_ellipsoid(random, right_centre, right_radius, none, 4.0f, 0.08f, 6.0f);
    a->liver_left = vary_ellipsoid(random, left_centre, left_radius, left_turn, 7.0f, 0.25f, 8.0f);
    a->fissure = vary_ellipsoid(random, cleft_centre, cleft_radius, cleft_turn, 5.0f, 0.4f, 10.0f);
    a->visceral_offset = vary(random, 0.0f, 7.0f);
    const float bladder_centre[3] = {-62.0f, -52.0f, -28.0f};
    const float bladder_radius[3] = {13.0f, 15.0f, 27.0f};
    const float bladder_turn[3] = {-32.0f, -18.0f, 0.0f};
    a->has_gall_bladder = fseg_random_uniform(random) < 0.9f;
    a->gall_bladder =
        vary_ellipsoid(random, bladder_centre, bladder_radius, bladder_turn, 8.0f, 0.5f, 15.0f);
    const float hilum[3] = {-34.0f, 0.0f, -8.0f}, duct[3] = {-28.0f, 6.0f, -42.0f};
    const float fork[3] = {-46.0f, -8.0f, 8.0f};
    a->bile[0] = fseg_rod_make(hilum, duct, vary(random, 2.6f, 0.8f), 3.0f);
    a->bile[1] = fseg_rod_make(hilum, fork, 2.4f, 1.5f);
}

static void draw_kidneys_and_spleen(fseg_random *random, fseg_anatomy *a)
{
    const float level = vary(random, 0.0f, 16.0f);
    for (int side = 0; side < 2; ++side) {
        const float sign = side == 0 ? -1.0f : 1.0f;
        const float centre[3] = {sign * 64.0f, 34.0f, (side == 0 ? -56.0f : -46.0f) + level};
        const float radius[3] = {30.0f, 24.0f, 54.0f};
        const float turn[3] = {-10.0f, sign * -13.0f, sign * -28.0f};
        fseg_ellipsoid *kidney = &a->kidney[side];
        *kidney = vary_ellipsoid(random, centre, radius, turn, 7.0f, 0.18f, 7.0f);
        /* The sinus opens to the middle and the front. */
        float sinus_centre[3], sinus_radius[3], degrees[3];
        for (int d = 0; d < 3; ++d) {
            sinus_centre[d] =
                kidney->centre[d] - sign * 0.62f * kidney->radius[0] * kidney->axis[0][d];
            degrees[d] = vary(random, turn[d], 8.0f);
        }
        sinus_radius[0] = 0.52f * kidney->radius[0];
        sinus_radius[1] = 0.34f * kidney->radius[1];
        sinus_radius[2] = 0.42f * kidney->radius[2];
        a->sinus[side] = fseg_ellipsoid_make(sinus_centre, sinus_radius, degrees);
    }
    const float centre[3] = {90.0f, 40.0f, 0.0f}, radius[3] = {46.0f, 54.0f, 58.0f};
    const float turn[3] = {10.0f, -8.0f, -10.0f}, none[3] = {0.0f, 0.0f, 0.0f};
    a->spleen = vary_ellipsoid(random, centre, radius, turn, 8.0f, 0.35f, 10.0f);
    const float hollow_centre[3] = {50.0f, -10.0f, 4.0f}, hollow_radius[3] = {54.0f, 58.0f, 86.0f};
    a->spleen_hollow = vary_ellipsoid(random, hollow_centre, hollow_radius, none, 5.0f, 0.1f, 5.0f);
    const float heart_centre[3] = {24.0f, -42.0f, 104.0f}, heart_radius[3] = {56.0f, 42.0f, 44.0f};
    const float heart_turn[3] = {0.0f, 0.0f, 25.0f};
    a->heart = vary_ellipsoid(random, heart_centre, heart_radius, heart_turn, 6.0f, 0.2f, 12.0f);
    float inner[3], degrees[3] = {0.0f, 0.0f, 25.0f};
    for (int d = 0; d < 3; ++d)
        inner[d] = a->heart.radius[d] - 13.0f;
    a->heart_cavity = fseg_ellipsoid_make(a->heart.centre, inner, degrees);
}

/* Chain rods through `points` (x, y, z, radius), each moved a little. */
static fseg_tube make_tube(fseg_random *random, const float (*points)[4], int count, float move)
{
    fseg_tube tube;
    memset(&tube, 0, sizeof tube);
    float before[3] = {0}, radius_before = 0.0f;
    for (int i = 0; i < count; ++i) {
        float at[3];
        for (int d = 0; d < 3; ++d)
            at[d] = vary(random, points[i][d], move);
        const float radius = points[i][3] * vary(random, 1.0f, 0.2f);
        if (i > 0 && tube.count < FSEG_TUBE_RODS_MAX)
            tube.rods[tube.count++] = fseg_rod_make(before, at, radius_before, radius);
        memcpy(before, at, sizeof before);
        radius_before = radius;
    }
    tube.wall = vary(random, 3.0f, 1.0f);
    tube.gas_above = -1000.0f;
    return tube;
}

static void draw_stomach(fseg_random *random, fseg_anatomy *a)
{
    const float full = vary(random, 0.95f, 0.25f);
    const float points[][4] = {
        {52.0f, 14.0f, 54.0f, 36.0f * full},  {58.0f, -8.0f, 38.0f, 38.0f * full},
        {58.0f, -32.0f, 14.0f, 32.0f * full}, {40.0f, -54.0f, -14.0f, 22.0f * full},
        {6.0f, -54.0f, -28.0f, 17.0f * full}, {-24.0f, -36.0f, -24.0f, 13.0f}};
    fseg_tube *stomach = &a->tubes[a->tube_count++];
    *stomach = make_tube(random, points, 6, 6.0f);
    stomach->wall = vary(random, 5.0f, 1.5f);
    stomach->content = fseg_random_range(random, 0.1f, 1.0f);
    stomach->gas_above =
        fseg_random_uniform(random) < 0.6f ? vary(random, -48.0f, 14.0f) : -1000.0f;
    stomach->mottle = fseg_random_range(random, 0.3f, 1.0f);
}

static void draw_colon(fseg_random *random, fseg_anatomy *a)
{
    const float ascending[][4] = {{-92.0f, -6.0f, -160.0f, 22.0f},
                                  {-96.0f, -4.0f, -125.0f, 22.0f},
                                  {-92.0f, -18.0f, -96.0f, 20.0f},
                                  {-74.0f, -50.0f, -76.0f, 18.0f}};
    const float transverse[][4] = {{-74.0f, -62.0f, -76.0f, 17.0f}, {-30.0f, -72.0f, -84.0f, 16.0f},
                                   {20.0f, -74.0f, -74.0f, 16.0f},  {66.0f, -62.0f, -48.0f, 16.0f},
                                   {100.0f, -26.0f, -16.0f, 16.0f}, {108.0f, 4.0f, -8.0f, 15.0f}};
    const float descending[][4] = {{108.0f, 6.0f, -14.0f, 15.0f},
                                   {108.0f, 22.0f, -60.0f, 14.0f},
                                   {104.0f, 20.0f, -110.0f, 14.0f},
                                   {98.0f, 8.0f, -160.0f, 14.0f}};
    const struct {
        const float (*points)[4];
        int count;
    } parts[] = {{ascending, 4}, {transverse, 6}, {descending, 4}};
    for (int i = 0; i < 3; ++i) {
        fseg_tube *tube = &a->tubes[a->tube_count++];
        *tube = make_tube(random, parts[i].points, parts[i].count, 7.0f);
        tube->content = fseg_random_range(random, 0.0f, 0.6f);
        tube->mottle = 1.0f;
        tube->gas_above = fseg_random_uniform(random) < 0.7f
                              ? vary(random, tube->rods[0].a[1] - 2.0f, 8.0f)
                              : -1000.0f;
    }
}

static void draw_small_bowel(fseg_random *random, fseg_anatomy *a)
{
    const float duodenum[][4] = {{-30.0f, -34.0f, -26.0f, 11.0f}, {-44.0f, -14.0f, -40.0f, 12.0f},
                                 {-42.0f, -4.0f, -84.0f, 12.0f},  {-10.0f, -6.0f, -98.0f, 10.0f},
                                 {28.0f, -6.0f, -84.0f, 10.0f},   {40.0f, -26.0f, -56.0f, 11.0f}};
    fseg_tube *tube = &a->tubes[a->tube_count++];
    *tube = make_tube(random, duodenum, 6, 4.0f);
    tube->content = fseg_random_range(random, 0.2f, 1.0f);
    tube->mottle = 0.5f;

    const int loops = 18 + (int)fseg_random_below(random, 8);
    for (int n = 0; n < loops && a->tube_count < FSEG_TUBES_MAX; ++n) {
        /* A random walk that turns back at the borders of the region of the small bowel: the
           jejunum in the left upper part, the ileum below. */
        const int upper = n < 7;
        const float low[3] = {upper ? 20.0f : -84.0f, -70.0f, upper ? -76.0f : -140.0f};
        const float high[3] = {86.0f, upper ? 6.0f : 2.0f, upper ? -4.0f : -84.0f};
        float points[9][4];
        float direction[3];
        for (int d = 0; d < 3; ++d) {
            points[0][d] = fseg_random_range(random, low[d], high[d]);
            direction[d] = fseg_random_normal(random);
        }
        const float radius = fseg_random_range(random, 9.0f, 14.0f);
        for (int i = 0; i < 9; ++i) {
            points[i][3] = radius * vary(random, 1.0f, 0.15f);
            if (i == 0)
                continue;
            float length = 1e-6f;
            for (int d = 0; d < 3; ++d) {
                direction[d] += 0.9f * fseg_random_normal(random);
                length += direction[d] * direction[d];
            }
            length = sqrtf(length);
            for (int d = 0; d < 3; ++d) {
                direction[d] /= length;
                float next = points[i - 1][d] + 20.0f * direction[d];
                if (next < low[d] || next > high[d]) {
                    direction[d] = -direction[d];
                    next = points[i - 1][d] + 20.0f * direction[d];
                }
                points[i][d] = next;
            }
        }
        tube = &a->tubes[a->tube_count++];
        *tube = make_tube(random, (const float(*)[4])points, 9, 0.0f);
        const float kind = fseg_random_uniform(random);
        tube->content = kind < 0.65f  ? fseg_random_range(random, 0.0f, 0.25f)
                        : kind < 0.9f ? fseg_random_range(random, 0.3f, 0.6f)
                                      : fseg_random_range(random, 0.8f, 1.0f);
        tube->mottle = fseg_random_range(random, 0.3f, 1.0f);
    }
}

static void add_vessel(fseg_anatomy *a, const float from[3], const float to[3], float radius_from,
                       float radius_to)
{
    if (a->vessel_count < FSEG_VESSELS_MAX)
        a->vessels[a->vessel_count++] = fseg_rod_make(from, to, radius_from, radius_to);
}

/* Grow a branch and, from its end, two thinner ones; the fork's radii obey Murray's law. */
static void grow(fseg_random *random, fseg_anatomy *a, const float from[3],
                 const float direction[3], float radius, float length, int depth)
{
    if (depth == 0 || radius < 0.8f)
        return;
    float at[3], heading[3];
    memcpy(at, from, sizeof at);
    memcpy(heading, direction, sizeof heading);
    /* Two pieces, so that branches bend. */
    for (int piece = 0; piece < 2; ++piece) {
        float next[3], norm = 1e-6f;
        for (int d = 0; d < 3; ++d) {
            heading[d] += 0.18f * fseg_random_normal(random);
            norm += heading[d] * heading[d];
        }
        norm = sqrtf(norm);
        for (int d = 0; d < 3; ++d) {
            heading[d] /= norm;
            next[d] = at[d] + 0.5f * length * heading[d];
        }
        const float thin = radius * (piece == 0 ? 1.0f : 0.93f);
        add_vessel(a, at, next, thin, radius * (piece == 0 ? 0.93f : 0.85f));
        memcpy(at, next, sizeof at);
    }
    const float share = fseg_random_range(random, 0.3f, 0.7f);
    float side[3], norm = 1e-6f;
    float along = 0.0f;
    for (int d = 0; d < 3; ++d) {
        side[d] = fseg_random_normal(random);
        along += side[d] * heading[d];
    }
    for (int d = 0; d < 3; ++d) {
        side[d] -= along * heading[d];
        norm += side[d] * side[d];
    }
    norm = sqrtf(norm);
    for (int child = 0; child < 2; ++child) {
        const float part = child == 0 ? share : 1.0f - share;
        const float turn = (child == 0 ? 1.0f : -1.0f) * (1.1f - part);
        float to[3];
        for (int d = 0; d < 3; ++d)
            to[d] = heading[d] + turn * side[d] / norm;
        grow(random, a, at, to, radius * cbrtf(part), length * vary(random, 0.86f, 0.12f),
             depth - 1);
    }
}

static void draw_vessels(fseg_random *random, fseg_anatomy *a)
{
    /* Portal vein: trunk from behind the pancreas to the hilum, then a right and a left branch. */
    const float splenic[3] = {-4.0f, 4.0f, -36.0f}, hilum[3] = {-40.0f, 0.0f, -2.0f};
    add_vessel(a, splenic, hilum, 5.5f, 5.0f);
    const float right[3] = {-1.0f, 0.15f, 0.15f}, right_up[3] = {-0.8f, -0.2f, 0.7f};
    const float left[3] = {0.55f, -0.75f, 0.75f};
    const float thick = vary(random, 1.0f, 0.2f);
    grow(random, a, hilum, right, 3.6f * thick, 27.0f, 8);
    grow(random, a, hilum, right_up, 3.2f * thick, 28.0f, 7);
    grow(random, a, hilum, left, 3.0f * thick, 32.0f, 7);
    /* Hepatic veins: from the vena cava under the dome outwards. */
    const float cava[3] = {-24.0f, 18.0f, 60.0f};
    const float veins[][3] = {{-0.85f, 0.1f, -0.5f}, {-0.6f, -0.7f, -0.35f}, {0.25f, -0.9f, -0.2f}};
    for (int i = 0; i < 3; ++i)
        grow(random, a, cava, veins[i], 3.3f * thick, 36.0f, 7);
}

void fseg_anatomy_draw(fseg_random *random, fseg_anatomy *out)
{
    memset(out, 0, sizeof *out);
    out->mottle = 1.0f;
    draw_body(random, out);
    draw_liver(random, out);
    draw_kidneys_and_spleen(random, out);
    const float head[3] = {-30.0f, -16.0f, -42.0f}, neck[3] = {0.0f, -24.0f, -26.0f};
    const float body[3] = {34.0f, -10.0f, -14.0f}, tail[3] = {72.0f, 12.0f, 2.0f};
    out->pancreas[0] = fseg_rod_make(head, neck, vary(random, 15.0f, 2.0f), 9.0f);
    out->pancreas[1] = fseg_rod_make(neck, body, 9.0f, vary(random, 11.0f, 2.0f));
    out->pancreas[2] = fseg_rod_make(body, tail, 11.0f, vary(random, 9.0f, 2.0f));
    draw_stomach(random, out);
    draw_colon(random, out);
    draw_small_bowel(random, out);
    draw_vessels(random, out);
}
