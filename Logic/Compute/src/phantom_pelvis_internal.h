/**
 * @file phantom_pelvis_internal.h
 * Internal: the parts of the pelvic phantom.
 *
 * phantom_pelvis.c           a patient: creation, description, release
 * phantom_pelvis_map.c       checks of a given label map and its placement
 * phantom_pelvis_gland.c     the gland: given or parametric, as signed distances on a small grid
 * phantom_pelvis_distance.c  Euclidean signed distances, sampling
 * phantom_pelvis_frame.c     one body drawn from a seed: bones, muscles, vessels, skin
 * phantom_pelvis_organs.c    one drawn set of organs: bladder, rectum, vesicles, floor, nodules
 * phantom_pelvis_paint.c     brushes, frame of the body
 * phantom_pelvis_paint_organs.c  organs painted around the gland
 * phantom_pelvis_paint_gland.c     the gland painted: zones, nodules, capsule, urethra
 * phantom_pelvis_signal.c    tissues to signal
 * phantom_pelvis_scan.c      grids, threads, shading and noise
 *
 * Everything is in millimetres around the gland: x to the left, y to posterior, z to superior.
 */
#ifndef FRUGALSEG_SRC_PHANTOM_PELVIS_INTERNAL_H
#define FRUGALSEG_SRC_PHANTOM_PELVIS_INTERNAL_H

#include "frugalseg/phantom_pelvis.h"
#include "phantom_internal.h"

#include <stddef.h>
#include <stdint.h>

/* ---- Signed distances on a grid (phantom_pelvis_distance.c) -------------------------------- */

/** Values on a regular grid; between them linear, beyond them the border's plus the way there. */
typedef struct fseg_field {
    float *values; /* n[2] x n[1] x n[0], owned */
    int n[3];
    float origin[3], spacing;
} fseg_field;

void fseg_field_release(fseg_field *field);
float fseg_field_at(const fseg_field *field, float x, float y, float z);

/** Exact signed distances (negative inside), mm, of the voxels where inside is not 0; `planar`:
 *  in each slice by itself. A slice or volume without a border has +-1e6. out [n2, n1, n0]. */
fseg_status fseg_distance_signed(const uint8_t *inside, const int n[3], const float spacing[3],
                                 int planar, float *out);
/** Turn an implicit function (negative inside, any slope) into signed distances, in place. */
fseg_status fseg_field_to_distance(fseg_field *field);

/* ---- Textures ------------------------------------------------------------------------------ */

enum { FSEG_TEXTURE_SIDE = 64, FSEG_TEXTURE_CELLS = 4 };

/** Periodic smooth noise of mean 0 and deviation 1; a feature is FSEG_TEXTURE_CELLS wide. */
typedef struct fseg_texture {
    float *values;
} fseg_texture;

fseg_status fseg_texture_create(fseg_random *random, fseg_texture *out);
/** At a place given in features. */
float fseg_texture_at(const fseg_texture *texture, float x, float y, float z);

/* ---- Tissues (phantom_pelvis_signal.c) ----------------------------------------------------- */

typedef enum fseg_pelvis_tissue {
    FSEG_PELVIS_AIR,
    FSEG_PELVIS_SKIN,
    FSEG_PELVIS_FAT,          /* subcutaneous, ischioanal */
    FSEG_PELVIS_VISCERAL_FAT, /* mesorectal, periprostatic */
    FSEG_PELVIS_FASCIA,
    FSEG_PELVIS_MUSCLE,
    FSEG_PELVIS_LEVATOR,
    FSEG_PELVIS_SPHINCTER,
    FSEG_PELVIS_CORTICAL,
    FSEG_PELVIS_MARROW,
    FSEG_PELVIS_CARTILAGE,
    FSEG_PELVIS_DETRUSOR,
    FSEG_PELVIS_URINE,
    FSEG_PELVIS_RECTAL_WALL,
    FSEG_PELVIS_MUCOSA,
    FSEG_PELVIS_STOOL,
    FSEG_PELVIS_GEL,
    FSEG_PELVIS_VESICLE_FLUID,
    FSEG_PELVIS_VESICLE_WALL,
    FSEG_PELVIS_PERIPHERAL_ZONE,
    FSEG_PELVIS_TRANSITION_STROMA,
    FSEG_PELVIS_NODULE_GLANDULAR,
    FSEG_PELVIS_NODULE_STROMAL,
    FSEG_PELVIS_ANTERIOR_STROMA,
    FSEG_PELVIS_CAPSULE,
    FSEG_PELVIS_URETHRA,
    FSEG_PELVIS_LESION,
    FSEG_PELVIS_CAVERNOUS, /* penile bulb, crura */
    FSEG_PELVIS_PLEXUS,    /* slow veins around the gland */
    FSEG_PELVIS_VEIN,
    FSEG_PELVIS_ARTERY,
    FSEG_PELVIS_BONE_SOFT, /* symphysis, disc */
    FSEG_PELVIS_TISSUES
} fseg_pelvis_tissue;

/** Signal of every tissue, fat at about 0.5; `variation` as in the scan. */
void fseg_pelvis_signals(fseg_random *random, double variation, float out[FSEG_PELVIS_TISSUES]);

/* ---- Anatomy ------------------------------------------------------------------------------- */

enum {
    FSEG_PART_RODS = 8,
    FSEG_PART_ELLIPSOIDS = 2,
    FSEG_PARTS_MAX = 96,
    FSEG_PELVIS_TUBES = 10,
    FSEG_PELVIS_NODULES = 48,
    FSEG_PELVIS_LESIONS = 3
};

/** A muscle, bone or vessel: a smooth union of rods and ellipsoids with a rim. */
typedef struct fseg_pelvis_part {
    fseg_rod rods[FSEG_PART_RODS];
    fseg_ellipsoid ellipsoids[FSEG_PART_ELLIPSOIDS];
    int rod_count, ellipsoid_count;
    float blend, rough; /* mm: of the union; surface roughness */
    fseg_pelvis_tissue tissue, rim_tissue;
    float rim;       /* mm, 0 = none */
    float gain;      /* of the tissue's signal */
    float patches;   /* relative strength of 12 mm patches */
    float streaks;   /* amount of fat streaks between fibres */
    float fibres[2]; /* direction of the fibres in the transverse plane */
    float low[3], high[3];
} fseg_pelvis_part;

/** Bowel: a chain of rods; what is inside. */
typedef struct fseg_pelvis_tube {
    fseg_rod rods[FSEG_PART_RODS];
    int count;
    float wall, gas_above; /* mm; y in front of which gas lies, -1000 none, 1000 all gas */
    float gel;             /* 0 stool, 1 gel or fluid */
    float mottle;          /* texture of the content */
    float mucosa;          /* mm */
    float closed_below;    /* z under which the lumen closes */
    float low[3], high[3];
} fseg_pelvis_tube;

typedef struct fseg_pelvis_nodule {
    float centre[3], radius[3], rim, value, mottle; /* value: 0 stromal, 1 glandular */
} fseg_pelvis_nodule;

struct fseg_pelvis {
    uint64_t seed;
    fseg_field gland, transition; /* signed distances around the gland's middle */
    float half[3];                /* half extents of the gland */
    fseg_ellipsoid nominal;       /* the smooth gland that the organs were drawn around */
    fseg_pelvis_gland described;

    fseg_texture texture;
    float phase[8][3]; /* each use of the texture has its own place in it */
    float warp_mm;

    float half_width, half_depth, squareness, fat, depth_shift; /* of the body */
    float cleft_above;                                          /* z below which buttocks part */
    fseg_pelvis_part parts[FSEG_PARTS_MAX];
    int part_count;
    int wall_first; /* parts before it lie outside the pelvic cavity */

    struct {
        float z[5], rx[5], ry[5], y[5], thickness, wedge, sling;
    } levator;
    fseg_pelvis_tube tubes[FSEG_PELVIS_TUBES]; /* the first is the rectum */
    int tube_count;
    fseg_ellipsoid bladder, bladder_neck;
    float bladder_wall, trabeculation; /* mm */
    float bladder_flat;                /* 0 ellipsoid to 1 boxy */
    fseg_rod vesicles[2][4];
    float vesicle_fluid, vesicle_cell; /* share of lumen; mm */
    fseg_rod ampullae[2], urethra, membranous;
    float membranous_wall;
    fseg_rod bundles[2][2];
    fseg_ellipsoid plexus;

    fseg_pelvis_nodule nodules[FSEG_PELVIS_NODULES];
    int nodule_count;
    fseg_ellipsoid lesions[FSEG_PELVIS_LESIONS];
    int lesion_count;
    fseg_ellipsoid anterior, central;
    float septa, grain, peripheral_patches, capsule_mm, capsule_strength, pseudo_capsule_mm,
        stroma_mottle;
    float anterior_strength, central_strength, verumontanum;
};

/** The gland's fields from a map or from `random` alone (phantom_pelvis_gland.c). */
fseg_status fseg_pelvis_gland_parametric(fseg_random *random, fseg_pelvis *pelvis);
fseg_status fseg_pelvis_gland_given(fseg_random *random, const fseg_pelvis_map *map,
                                    double variation, fseg_pelvis *pelvis);
/** Grid of 1.25 mm that covers +-half plus a margin; values not set. */
fseg_status fseg_pelvis_field_cover(const float half[3], fseg_field *out);

void fseg_pelvis_draw_frame(fseg_random *random, fseg_pelvis *pelvis);
void fseg_pelvis_draw_organs(fseg_random *random, fseg_pelvis *pelvis);

/** Something foreign: no anatomy, but a reason not to trust signal alone. */
typedef struct fseg_pelvis_mass {
    fseg_ellipsoid shape;
    float value, mottle, streak;
} fseg_pelvis_mass;

/* ---- Painting ------------------------------------------------------------------------------ */

enum { FSEG_PELVIS_CHUNK = 64 };

/** A few neighbouring samples of an image row while they are painted. */
typedef struct fseg_pelvis_canvas {
    const fseg_pelvis *p;
    const float *signals;
    const fseg_pelvis_mass *masses; /* of the scan */
    int mass_count;
    int n;
    float inverse_edge;
    float low[3], high[3]; /* of the samples, as the neighbours see them */
    float x[FSEG_PELVIS_CHUNK], y[FSEG_PELVIS_CHUNK], z[FSEG_PELVIS_CHUNK];    /* displaced */
    float gx[FSEG_PELVIS_CHUNK], gy[FSEG_PELVIS_CHUNK], gz[FSEG_PELVIS_CHUNK]; /* gland's */
    float gland[FSEG_PELVIS_CHUNK], transition[FSEG_PELVIS_CHUNK];
    float rough[FSEG_PELVIS_CHUNK], fine[FSEG_PELVIS_CHUNK], hair[FSEG_PELVIS_CHUNK];
    float work[FSEG_PELVIS_CHUNK], other[FSEG_PELVIS_CHUNK], value[FSEG_PELVIS_CHUNK];
    float signal[FSEG_PELVIS_CHUNK];
    float peripheral_share[FSEG_PELVIS_CHUNK], transition_share[FSEG_PELVIS_CHUNK];
} fseg_pelvis_canvas;

/** Whether the box, widened by `margin`, meets the samples. */
int fseg_pelvis_meets(const fseg_pelvis_canvas *c, const float low[3], const float high[3],
                      float margin);
/** Cover by the share that distance f says with value[i]. */
void fseg_pelvis_cover(fseg_pelvis_canvas *c, const float *f, const float *value);
/** Share of a sample that lies within f < 0. */
float fseg_pelvis_share(const fseg_pelvis_canvas *c, float f);
/** c->value = a tissue's signal with patches and grain of the given relative strength. */
void fseg_pelvis_fill(fseg_pelvis_canvas *c, fseg_pelvis_tissue tissue, float patches, float grain);
/** out = distance to a chain of rods; 0 if none is near (out then untouched). */
int fseg_pelvis_rods(const fseg_pelvis_canvas *c, const fseg_rod *rods, int count, float blend,
                     float margin, float *out);
void fseg_pelvis_ellipsoid(const fseg_pelvis_canvas *c, const fseg_ellipsoid *e, float *out);

void fseg_pelvis_paint_frame(fseg_pelvis_canvas *c);
void fseg_pelvis_paint_organs(fseg_pelvis_canvas *c);
void fseg_pelvis_paint_gland(fseg_pelvis_canvas *c);
/** Prepare the samples at c->gx.. (set by the caller, c->n of them) and paint everything. */
void fseg_pelvis_paint(fseg_pelvis_canvas *c);

#endif
