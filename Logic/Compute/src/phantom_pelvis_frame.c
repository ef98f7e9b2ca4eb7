/**
 * @file phantom_pelvis_frame.c
 * Bones, muscles and great vessels of one patient.
 *
 * Places are given in a standard male pelvis: origin in the middle of a gland of 50 x 34 x 44 mm,
 * hip joints 88 mm from the midline. The patient's pelvis is that one scaled, and moved so that
 * the apex of the gland and its rear surface keep their places: a large gland grows forwards and
 * upwards.
 */
#include "phantom_pelvis_internal.h"

#include <math.h>
#include <string.h>

typedef struct builder {
    fseg_random *random;
    fseg_pelvis *p;
    fseg_pelvis_part *part;
    float scale[3], shift[3];
    float jitter; /* mm, of every point */
} builder;

static float vary(fseg_random *random, float mean, float spread)
{
    return mean + fseg_random_range(random, -spread, spread);
}

static void place(builder *b, float x, float y, float z, float out[3])
{
    const float at[3] = {x, y, z};
    for (int d = 0; d < 3; ++d)
        out[d] = at[d] * b->scale[d] + b->shift[d] + vary(b->random, 0.0f, b->jitter);
}

/* Begin a part; its shapes follow. */
static void begin(builder *b, fseg_pelvis_tissue tissue, float blend, float rough)
{
    fseg_pelvis_part *part = &b->p->parts[b->p->part_count++];
    memset(part, 0, sizeof *part);
    part->tissue = tissue;
    part->blend = blend;
    part->rough = rough;
    part->rim_tissue = FSEG_PELVIS_CORTICAL;
    part->gain = 1.0f;
    part->fibres[0] = 1.0f;
    for (int d = 0; d < 3; ++d) {
        part->low[d] = 1e6f;
        part->high[d] = -1e6f;
    }
    b->part = part;
}

static void cover(fseg_pelvis_part *part, const float low[3], const float high[3])
{
    for (int d = 0; d < 3; ++d) {
        part->low[d] = low[d] < part->low[d] ? low[d] : part->low[d];
        part->high[d] = high[d] > part->high[d] ? high[d] : part->high[d];
    }
}

/* From a to b, radii in the standard pelvis. */
static void rod(builder *b, float ax, float ay, float az, float bx, float by, float bz, float ra,
                float rb)
{
    float from[3], to[3];
    place(b, ax, ay, az, from);
    place(b, bx, by, bz, to);
    const float s = b->scale[0] * vary(b->random, 1.0f, 0.07f);
    fseg_rod *out = &b->part->rods[b->part->rod_count++];
    *out = fseg_rod_make(from, to, s * ra, s * rb);
    cover(b->part, out->low, out->high);
}

static void ellipsoid(builder *b, float x, float y, float z, float rx, float ry, float rz,
                      float turn_x, float turn_y, float turn_z)
{
    float centre[3];
    place(b, x, y, z, centre);
    const float radius[3] = {rx * b->scale[0] * vary(b->random, 1.0f, 0.08f),
                             ry * b->scale[1] * vary(b->random, 1.0f, 0.08f),
                             rz * b->scale[2] * vary(b->random, 1.0f, 0.08f)};
    const float degrees[3] = {vary(b->random, turn_x, 4.0f), vary(b->random, turn_y, 4.0f),
                              vary(b->random, turn_z, 4.0f)};
    fseg_ellipsoid *out = &b->part->ellipsoids[b->part->ellipsoid_count++];
    *out = fseg_ellipsoid_make(centre, radius, degrees);
    cover(b->part, out->low, out->high);
}

static void muscle(builder *b, float blend, float streaks, float fx, float fy)
{
    begin(b, FSEG_PELVIS_MUSCLE, blend, 1.2f);
    b->part->patches = 0.15f;
    b->part->gain = vary(b->random, 1.25f, 0.45f);
    b->part->streaks = streaks;
    b->part->fibres[0] = fx;
    b->part->fibres[1] = fy;
}

static void bone(builder *b, float blend, float rim)
{
    begin(b, FSEG_PELVIS_MARROW, blend, 0.6f);
    b->part->rim = rim;
    b->part->gain = vary(b->random, 0.85f, 0.3f);
    b->part->patches = vary(b->random, 0.25f, 0.15f);
}

/* Muscles of thigh, hip and buttock: first, so that bones and the pelvis lie on them. */
static void draw_muscles(builder *b, float s, float lean)
{
    const float streaks = 0.35f + 1.3f * (1.0f - lean);
    muscle(b, 14.0f, 1.8f * streaks, 0.90f * s, 0.42f); /* gluteus maximus */
    b->part->gain *= vary(b->random, 1.5f, 0.5f);
    b->part->patches = vary(b->random, 0.25f, 0.15f);
    ellipsoid(b, s * 72.0f, 88.0f, 12.0f, 56.0f, 27.0f, 78.0f, 0.0f, 0.0f, s * 18.0f);
    ellipsoid(b, s * 104.0f, 74.0f, -10.0f, 40.0f, 30.0f, 60.0f, 0.0f, 0.0f, s * -10.0f);
    muscle(b, 10.0f, streaks, 0.5f, 0.86f); /* gluteus medius and minimus, tensor */
    ellipsoid(b, s * 128.0f, -6.0f, 48.0f, 20.0f, 50.0f, 50.0f, 0.0f, s * 8.0f, 0.0f);
    rod(b, s * 128.0f, -52.0f, 30.0f, s * 132.0f, -50.0f, -60.0f, 15.0f, 15.0f);
    muscle(b, 6.0f, 0.4f * streaks, 1.0f, 0.0f); /* sartorius, rectus femoris */
    rod(b, s * 104.0f, -68.0f, 40.0f, s * 92.0f, -84.0f, -60.0f, 9.0f, 10.0f);
    rod(b, s * 110.0f, -50.0f, 20.0f, s * 106.0f, -60.0f, -80.0f, 12.0f, 18.0f);
    muscle(b, 10.0f, 0.4f * streaks, 1.0f, 0.0f); /* iliopsoas */
    rod(b, s * 74.0f, -30.0f, 95.0f, s * 86.0f, -44.0f, 20.0f, 24.0f, 19.0f);
    rod(b, s * 86.0f, -44.0f, 20.0f, s * 104.0f, -12.0f, -50.0f, 17.0f, 14.0f);
    muscle(b, 9.0f, 0.6f * streaks, 0.8f * s, 0.6f); /* pectineus, adductors */
    rod(b, s * 24.0f, -60.0f, 2.0f, s * 82.0f, -34.0f, -52.0f, 12.0f, 15.0f);
    rod(b, s * 20.0f, -46.0f, -26.0f, s * 74.0f, -30.0f, -100.0f, 14.0f, 26.0f);
    rod(b, s * 16.0f, -34.0f, -40.0f, s * 46.0f, -14.0f, -110.0f, 10.0f, 24.0f);
    muscle(b, 9.0f, 0.5f * streaks, 0.7f * s, 0.7f); /* obturator externus, quadratus femoris */
    rod(b, s * 26.0f, -34.0f, -22.0f, s * 88.0f, 20.0f, -22.0f, 13.0f, 12.0f);
    rod(b, s * 30.0f, -22.0f, -44.0f, s * 84.0f, 26.0f, -44.0f, 14.0f, 15.0f);
    rod(b, s * 66.0f, 36.0f, -34.0f, s * 118.0f, 30.0f, -30.0f, 12.0f, 13.0f);
    rod(b, s * 60.0f, 4.0f, -48.0f, s * 92.0f, 10.0f, -90.0f, 18.0f, 28.0f);
    muscle(b, 6.0f, 0.5f * streaks, 0.8f, 0.6f); /* hamstrings below the tuberosity */
    rod(b, s * 62.0f, 46.0f, -56.0f, s * 70.0f, 44.0f, -120.0f, 11.0f, 20.0f);
    muscle(b, 5.0f, 0.4f * streaks, 1.0f, 0.4f * s); /* piriformis */
    rod(b, s * 34.0f, 78.0f, 48.0f, s * 116.0f, 34.0f, 26.0f, 14.0f, 7.0f);
}

static void draw_wall(builder *b, float s, float front)
{
    muscle(b, 4.0f, 0.25f, 0.0f, 1.0f); /* rectus abdominis, to the pubic crest */
    ellipsoid(b, s * 20.0f, -82.0f - front, 62.0f, 20.0f, 9.0f, 66.0f, 0.0f, 0.0f, s * 6.0f);
    rod(b, s * 12.0f, -80.0f - front, 20.0f, s * 8.0f, -66.0f, 4.0f, 7.0f, 4.0f);
}

static void draw_bones(builder *b, float s)
{
    bone(b, 10.0f, 1.8f); /* hip bone around the joint, ilium, ischium */
    ellipsoid(b, s * 80.0f, 0.0f, 16.0f, 35.0f, 33.0f, 36.0f, 0.0f, 0.0f, 0.0f);
    rod(b, s * 80.0f, 8.0f, 36.0f, s * 96.0f, 26.0f, 95.0f, 16.0f, 10.0f);
    rod(b, s * 72.0f, 20.0f, 8.0f, s * 62.0f, 34.0f, -24.0f, 14.0f, 14.0f);
    rod(b, s * 62.0f, 34.0f, -24.0f, s * 56.0f, 36.0f, -46.0f, 16.0f, 13.0f);
    rod(b, s * 66.0f, 22.0f, 22.0f, s * 54.0f, 38.0f, 12.0f, 8.0f, 3.5f); /* spine */
    rod(b, s * 64.0f, -28.0f, 16.0f, s * 30.0f, -56.0f, 6.0f, 11.0f, 8.5f);
    bone(b, 8.0f, 1.6f); /* body of the pubis, inferior ramus */
    rod(b, s * 30.0f, -56.0f, 6.0f, s * 13.0f, -60.0f, 2.0f, 8.5f, 9.5f);
    rod(b, s * 12.0f, -58.0f, 2.0f, s * 12.0f, -30.0f, -23.0f, 10.0f, 8.0f);
    rod(b, s * 13.0f, -29.0f, -25.0f, s * 46.0f, 14.0f, -50.0f, 6.5f, 6.0f);
    begin(b, FSEG_PELVIS_CARTILAGE, 1.0f, 0.2f);
    ellipsoid(b, s * 90.0f, -6.0f, 10.0f, 25.4f, 25.4f, 25.4f, 0.0f, 0.0f, 0.0f);
    const float *centre = b->part->ellipsoids[0].centre;
    const float head[3] = {centre[0], centre[1], centre[2]};
    bone(b, 8.0f, 1.6f); /* femur */
    b->part->patches = 0.1f;
    ellipsoid(b, s * 90.0f, -6.0f, 10.0f, 24.0f, 24.0f, 24.0f, 0.0f, 0.0f, 0.0f);
    fseg_ellipsoid *ball = &b->part->ellipsoids[0];
    const float none[3] = {0.0f, 0.0f, 0.0f};
    *ball = fseg_ellipsoid_make(head, ball->radius, none);
    rod(b, s * 92.0f, -6.0f, 10.0f, s * 128.0f, 6.0f, -8.0f, 17.0f, 16.0f);
    rod(b, s * 132.0f, 10.0f, 4.0f, s * 134.0f, 4.0f, -110.0f, 20.0f, 15.0f);
    cover(b->part, ball->low, ball->high);
}

static void draw_pelvic_wall(builder *b, float s)
{
    muscle(b, 7.0f, 0.15f, 0.1f, 1.0f); /* obturator internus, around the ischium */
    const float thick = vary(b->random, 1.0f, 0.22f);
    ellipsoid(b, s * 44.0f, -2.0f, -12.0f, 8.5f * thick, 36.0f, 27.0f, 0.0f, s * 22.0f, s * -8.0f);
    ellipsoid(b, s * 53.0f, 4.0f, 14.0f, 6.0f * thick, 34.0f, 30.0f, 0.0f, s * 14.0f, s * -6.0f);
    rod(b, s * 50.0f, 26.0f, -12.0f, s * 58.0f, 48.0f, -8.0f, 8.0f * thick, 7.0f);
    rod(b, s * 58.0f, 48.0f, -8.0f, s * 92.0f, 46.0f, 0.0f, 7.0f, 6.0f);
    begin(b, FSEG_PELVIS_ARTERY, 1.0f, 0.2f);
    rod(b, s * 50.0f, -34.0f, 75.0f, s * 60.0f, -64.0f, 8.0f, 5.0f, 4.6f);
    rod(b, s * 60.0f, -64.0f, 8.0f, s * 66.0f, -70.0f, -90.0f, 4.6f, 4.2f);
    begin(b, FSEG_PELVIS_VEIN, 1.0f, 0.3f);
    rod(b, s * 46.0f, -24.0f, 75.0f, s * 50.0f, -56.0f, 8.0f, 6.0f, 5.5f);
    rod(b, s * 50.0f, -56.0f, 8.0f, s * 58.0f, -62.0f, -90.0f, 5.5f, 5.0f);
    begin(b, FSEG_PELVIS_ARTERY, 1.0f, 0.2f); /* branches of the internal iliac vessels */
    rod(b, s * 44.0f, 40.0f, 75.0f, s * 49.0f, 26.0f, 24.0f, 3.5f, 2.0f);
    rod(b, s * 52.0f, 30.0f, 40.0f, s * 46.0f, -12.0f, 26.0f, 2.2f, 1.4f);
    rod(b, s * 60.0f, 50.0f, 10.0f, s * 50.0f, 34.0f, -26.0f, 1.8f, 1.5f);
    begin(b, FSEG_PELVIS_PLEXUS, 1.0f, 0.8f);
    rod(b, s * 42.0f, 34.0f, 60.0f, s * 40.0f, 20.0f, 26.0f, 2.6f, 2.0f);
    rod(b, s * 38.0f, 26.0f, 34.0f, s * 42.0f, -8.0f, 22.0f, 2.0f, 1.8f);
}

static void draw_cord(builder *b, float s)
{
    begin(b, FSEG_PELVIS_PLEXUS, 5.0f, 1.6f); /* spermatic cord */
    b->part->rim = 1.6f;
    b->part->rim_tissue = FSEG_PELVIS_FASCIA;
    b->part->patches = 0.5f;
    const float side = vary(b->random, 0.0f, 5.0f);
    rod(b, s * (46.0f + side), -88.0f, 20.0f, s * 34.0f, -90.0f, -4.0f, 6.0f, 7.5f);
    rod(b, s * 34.0f, -90.0f, -4.0f, s * 20.0f, -80.0f, -70.0f, 7.5f, 9.0f);
    begin(b, FSEG_PELVIS_CAVERNOUS, 3.0f, 0.6f); /* crura of the penis */
    b->part->rim = vary(b->random, 2.2f, 1.4f);  /* ischiocavernosus */
    b->part->rim_tissue = FSEG_PELVIS_MUSCLE;
    rod(b, s * 33.0f, 8.0f, -50.0f, s * 12.0f, -26.0f, -48.0f, 5.5f, 6.5f);
    rod(b, s * 12.0f, -26.0f, -48.0f, s * 9.0f, -62.0f, -60.0f, 6.5f, 7.5f);
}

void fseg_pelvis_draw_frame(fseg_random *random, fseg_pelvis *p)
{
    builder b = {.random = random, .p = p, .jitter = 1.5f};
    const float size = vary(random, 1.0f, 0.07f);
    const float own[3] = {vary(random, 1.0f, 0.04f), vary(random, 1.0f, 0.05f),
                          vary(random, 1.0f, 0.05f)};
    for (int d = 0; d < 3; ++d)
        b.scale[d] = size * own[d];
    b.shift[0] = vary(random, 0.0f, 2.5f);
    b.shift[1] = p->half[1] - 17.0f * b.scale[1] + vary(random, 0.0f, 4.0f);
    b.shift[2] = 22.0f * b.scale[2] - p->half[2] + vary(random, 0.0f, 5.0f);

    const float stout = fseg_random_uniform(random), lean = fseg_random_uniform(random);
    p->fat = 10.0f + 34.0f * stout * stout;
    p->half_width = 168.0f * b.scale[0] + 0.7f * p->fat;
    p->half_depth = 96.0f * b.scale[1] + 0.75f * p->fat;
    p->depth_shift = b.shift[1] + vary(random, 6.0f, 4.0f);
    p->squareness = vary(random, 0.45f, 0.25f);
    p->cleft_above = b.shift[2] + vary(random, 45.0f, 15.0f);
    p->part_count = 0;
    const float front = vary(random, 0.0f, 5.0f);
    for (int side = -1; side <= 1; side += 2)
        draw_muscles(&b, (float)side, lean);
    for (int side = -1; side <= 1; side += 2)
        draw_wall(&b, (float)side, front);
    for (int side = -1; side <= 1; side += 2)
        draw_bones(&b, (float)side);
    begin(&b, FSEG_PELVIS_BONE_SOFT, 2.0f, 0.5f); /* symphysis: a disc in the midline */
    ellipsoid(&b, 0.0f, -44.0f, -11.0f, 2.6f, 22.0f, 9.0f, 42.0f, 0.0f, 0.0f);
    bone(&b, 6.0f, 1.2f); /* coccyx and sacrum */
    const float curl = vary(random, 0.0f, 6.0f);
    rod(&b, 0.0f, 64.0f + curl, 4.0f, 0.0f, 76.0f + curl, 26.0f, 4.0f, 6.5f);
    rod(&b, 0.0f, 76.0f + curl, 26.0f, 0.0f, 98.0f + curl, 62.0f, 7.5f, 13.0f);
    rod(&b, -22.0f, 98.0f + curl, 66.0f, 22.0f, 98.0f + curl, 66.0f, 12.0f, 12.0f);
    p->wall_first = p->part_count;
    for (int side = -1; side <= 1; side += 2)
        draw_pelvic_wall(&b, (float)side);
    for (int side = -1; side <= 1; side += 2)
        draw_cord(&b, (float)side);
    begin(&b, FSEG_PELVIS_CAVERNOUS, 5.0f, 0.6f); /* bulb of the penis and spongy body */
    b.part->rim = vary(random, 3.0f, 2.0f);       /* bulbospongiosus */
    b.part->rim_tissue = FSEG_PELVIS_SPHINCTER;
    ellipsoid(&b, 0.0f, 2.0f, -46.0f, 12.0f, 15.0f, 9.0f, -20.0f, 0.0f, 0.0f);
    rod(&b, 0.0f, -10.0f, -52.0f, 0.0f, -66.0f, -68.0f, 8.0f, 7.0f);
    begin(&b, FSEG_PELVIS_SPHINCTER, 6.0f, 1.2f); /* outer anal sphincter, anorectal sling */
    b.part->patches = 0.15f;
    const float strong = vary(random, 1.0f, 0.3f);
    ellipsoid(&b, 0.0f, 28.0f, -50.0f, 19.0f * strong, 21.0f * strong, 20.0f, -20.0f, 0.0f, 0.0f);
    rod(&b, 0.0f, 40.0f, -34.0f, 0.0f, 66.0f, 2.0f, 7.0f * strong, 3.5f);
    begin(&b, FSEG_PELVIS_SPHINCTER, 6.0f, 1.2f); /* perineal body and diaphragm */
    b.part->patches = 0.15f;
    ellipsoid(&b, 0.0f, 3.0f, -35.0f, 17.0f, 14.0f * strong, 9.0f * strong, 0.0f, 0.0f, 0.0f);
    rod(&b, -26.0f, 16.0f, -46.0f, 26.0f, 16.0f, -46.0f, 4.0f, 4.0f);
    rod(&b, 0.0f, 10.0f, -36.0f, 0.0f, 22.0f, -50.0f, 6.0f, 7.0f);
}
