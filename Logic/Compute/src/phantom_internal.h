/**
 * @file phantom_internal.h
 * Internal: the parts of the abdominal phantom.
 *
 * phantom.c            options, threads, image formation (coil, noise)
 * phantom_anatomy.c    one patient drawn from a seed: places and sizes of organs, vessel trees
 * phantom_shapes.c     distances to ellipsoids and tubes along an image row
 * phantom_body.c       brushes; torso, chest and spine along a row
 * phantom_render.c     organs of the abdomen painted over each other along a row
 * phantom_signal.c     tissue relaxation times to signal
 * phantom_lattice.c    smooth random fields
 *
 * Anatomy lives in canonical millimetres: x to the left, y to posterior, z to superior, origin in
 * the body's axis at mid-liver, for a body of 296 mm by 224 mm. A patient is the canonical body
 * scaled along the three axes and bent by a smooth random displacement.
 */
#ifndef FRUGALSEG_SRC_PHANTOM_INTERNAL_H
#define FRUGALSEG_SRC_PHANTOM_INTERNAL_H

#include "frugalseg/phantom.h"
#include "frugalseg/random.h"

#include <stddef.h>
#include <stdint.h>

/* ---- Smooth random fields (phantom_lattice.c) --------------------------------------------- */

/** Cubic B-spline over a regular grid of independent uniform values in +-1, repeated beyond it. */
typedef struct fseg_lattice {
    float *values; /* n[2] x n[1] x n[0], owned */
    int n[3];
    float origin[3], spacing;
} fseg_lattice;

/** Cover the box low..high (mm) with a field whose details are about `spacing` wide. */
fseg_status fseg_lattice_create(fseg_random *random, const float low[3], const float high[3],
                                float spacing, fseg_lattice *out);
void fseg_lattice_release(fseg_lattice *lattice);
/** Floats of scratch for rows of the lattice. */
size_t fseg_lattice_scratch(const fseg_lattice *lattice);
/** Values at (x0 + i dx, y, z), i in 0..n-1. */
void fseg_lattice_row(const fseg_lattice *lattice, float x0, float dx, float y, float z, int n,
                      float *scratch, float *out);

/* ---- Tissues (phantom_signal.c) ------------------------------------------------------------ */

typedef enum fseg_tissue {
    FSEG_TISSUE_AIR,
    FSEG_TISSUE_SKIN,
    FSEG_TISSUE_FAT,
    FSEG_TISSUE_MUSCLE,
    FSEG_TISSUE_BONE, /* marrow with its fat suppressed */
    FSEG_TISSUE_DISC,
    FSEG_TISSUE_CORD,
    FSEG_TISSUE_FLUID, /* CSF, bile, urine, bowel fluid */
    FSEG_TISSUE_LUNG,
    FSEG_TISSUE_HEART,
    FSEG_TISSUE_LIVER,
    FSEG_TISSUE_SPLEEN,
    FSEG_TISSUE_KIDNEY_CORTEX,
    FSEG_TISSUE_KIDNEY_MEDULLA,
    FSEG_TISSUE_PANCREAS,
    FSEG_TISSUE_GUT_WALL,
    FSEG_TISSUE_GUT_CONTENT,
    FSEG_TISSUE_VEIN, /* slow blood */
    FSEG_TISSUE_FLOW, /* fast blood: signal void */
    FSEG_TISSUE_COUNT
} fseg_tissue;

/** Signal of every tissue, scaled so that the bright organs come to about 0.7. */
void fseg_phantom_signals(fseg_random *random, double variation, double echo,
                          float out[FSEG_TISSUE_COUNT]);

/* ---- Shapes (phantom_shapes.c) ------------------------------------------------------------- */

/** Smooth minimum and maximum with blending width k (quadratic polynomial). */
static inline float fseg_smooth_min(float a, float b, float k)
{
    const float d = a > b ? a - b : b - a;
    const float h = k > d ? (k - d) / k : 0.0f;
    return (a < b ? a : b) - h * h * k * 0.25f;
}
static inline float fseg_smooth_max(float a, float b, float k)
{
    return -fseg_smooth_min(-a, -b, k);
}

typedef struct fseg_ellipsoid {
    float centre[3], radius[3];
    float axis[3][3];      /* rows: the three axes */
    float low[3], high[3]; /* bounding box */
} fseg_ellipsoid;

/** Ellipsoid turned by the angles (degrees) about x, then y, then z. */
fseg_ellipsoid fseg_ellipsoid_make(const float centre[3], const float radius[3],
                                   const float degrees[3]);

/** A round rod whose radius changes linearly from a to b. */
typedef struct fseg_rod {
    float a[3], b[3], radius_a, radius_b;
    float low[3], high[3];
} fseg_rod;
fseg_rod fseg_rod_make(const float a[3], const float b[3], float radius_a, float radius_b);

/** Canonical coordinates of the samples of one image row. */
typedef struct fseg_row {
    int n;
    const float *x, *y, *z; /* displaced */
    float x0, dx, y0, z0;   /* before the displacement: x0 + i dx */
    float margin;           /* largest displacement plus the width of an edge */
} fseg_row;

/** Samples that the box low..high can touch: [*first, *last); empty when not. */
int fseg_row_span(const fseg_row *row, const float low[3], const float high[3], int *first,
                  int *last);
/** Approximate signed distance (negative inside) at samples first..last-1. */
void fseg_ellipsoid_row(const fseg_ellipsoid *e, const fseg_row *row, int first, int last,
                        float *out);
/** out = smooth minimum of out and the distance to the rod, blended over `k` mm. */
void fseg_rod_row(const fseg_rod *rod, const fseg_row *row, int first, int last, float k,
                  float *out);

/* ---- Anatomy (phantom_anatomy.c) ----------------------------------------------------------- */

enum { FSEG_TUBES_MAX = 32, FSEG_TUBE_RODS_MAX = 16, FSEG_VESSELS_MAX = 1600 };

/** A piece of gut: a chain of rods with a wall and content. */
typedef struct fseg_tube {
    fseg_rod rods[FSEG_TUBE_RODS_MAX];
    int count;
    float wall;      /* mm */
    float content;   /* 0 = collapsed (all wall), 1 = fluid, between = mixed */
    float gas_above; /* y in front of which gas lies, -1000 = none */
    float mottle;    /* 0 to 1, strength of the content's texture */
} fseg_tube;

typedef struct fseg_anatomy {
    float scale[3]; /* patient mm = canonical mm * scale */
    float shift[3]; /* of the body in the field of view, mm */
    float half_width, half_depth, squareness;
    float fat, muscle; /* thickness, mm */
    float dome_right, dome_left;
    float visceral_offset; /* of the liver's lower surface, mm */
    float vertebra_phase;
    float aorta_bright_below; /* z under which inflowing blood shines */
    int has_gall_bladder;
    fseg_ellipsoid liver_right, liver_left, fissure, gall_bladder;
    fseg_ellipsoid kidney[2], sinus[2]; /* right, left */
    fseg_ellipsoid spleen, spleen_hollow, heart, heart_cavity;
    fseg_rod pancreas[3];
    fseg_tube tubes[FSEG_TUBES_MAX]; /* the first is the stomach */
    int tube_count;
    fseg_rod vessels[FSEG_VESSELS_MAX]; /* inside the liver */
    int vessel_count;
    fseg_rod bile[2];
} fseg_anatomy;

void fseg_anatomy_draw(fseg_random *random, fseg_anatomy *out);

/* ---- Rendering (phantom_render.c) ---------------------------------------------------------- */

enum {
    FSEG_PHANTOM_LABELS = 5 /* 0 = anything else */
};

typedef struct fseg_fields {
    fseg_lattice warp[3]; /* displacement, in units of warp_mm */
    fseg_lattice rough;   /* about 14 mm: surfaces, mottling */
    fseg_lattice fine;    /* about 4 mm: texture */
    float warp_mm;
} fseg_fields;

typedef struct fseg_painter {
    const fseg_anatomy *anatomy;
    const fseg_fields *fields;
    const float *signals;
    float edge; /* mm, width over which a surface fades: one pixel and the point spread */
} fseg_painter;

size_t fseg_painter_scratch(const fseg_painter *painter, int n);
/**
 * Paint n samples from (x0, y, z) on in steps dx (patient mm, body at the origin): adds the signal
 * to signal[n] and the share of each label to weight[label][n].
 */
void fseg_painter_row(const fseg_painter *painter, float x0, float dx, float y, float z, int n,
                      float *scratch, float *signal, float *const weight[FSEG_PHANTOM_LABELS]);

#endif
