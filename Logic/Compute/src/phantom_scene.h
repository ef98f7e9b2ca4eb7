/**
 * @file phantom_scene.h
 * Internal: the renderer that all phantoms share. It knows no anatomy.
 *
 * A phantom (abdomen, pelvis) describes a subject as a `fseg_scene`: a function that paints the
 * tissue along one row of samples. Everything else is done here: grid and planes, supersampling
 * through the slice, echoes, coil, noise, artefacts, threads, truth, compositions.
 *
 *     phantom_scene.c       grid, threads, echoes, truth
 *     phantom_brush.c       painting tissue by distance or share
 *     phantom_artefact.c    what k-space does to a slice
 *     phantom_shapes.c      distances to ellipsoids and rods along a row
 *     phantom_lattice.c     smooth random fields along a row
 *
 * How to add a phantom: draw the subject from `fseg_random_create(seed, stream)`; fill a
 * fseg_scene; call fseg_scene_render. In `paint`, work back to front. For each organ compute its
 * signed distance f (mm, negative inside) at the samples, then
 *
 *     const fseg_ink ink = {.a = FSEG_TISSUE_MUSCLE, .texture = texture};
 *     fseg_brush(canvas, f, &ink, first, last, LABEL);
 *
 * What is painted later hides what is below, in the image and in the truth alike. An organ known as
 * shares of voxels (a label map) is painted with fseg_brush_share instead.
 */
#ifndef FRUGALSEG_SRC_PHANTOM_SCENE_H
#define FRUGALSEG_SRC_PHANTOM_SCENE_H

#include "frugalseg/acquisition.h"
#include "frugalseg/context.h"
#include "frugalseg/random.h"

#include <stddef.h>
#include <stdint.h>

/* ---- Smooth random fields (phantom_lattice.c) --------------------------------------------- */

/** Cubic B-spline over a regular grid of independent uniform values in +-1; ends repeat. Its values
 *  have an rms of about 0.2. */
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
/** Values at origin + i step, i in 0..n-1. Fast when only one component of step is not 0. */
void fseg_lattice_line(const fseg_lattice *lattice, const float origin[3], const float step[3],
                       int n, float *scratch, float *out);

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

/** The samples of one row, in the subject's own coordinates. */
typedef struct fseg_row {
    int n;
    const float *x, *y, *z;   /* [n] after any displacement */
    float origin[3], step[3]; /* before the displacement: origin + i step */
    float margin;             /* largest displacement plus the width of an edge, for spans */
} fseg_row;

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

/** Samples that the box low..high can touch: [*first, *last); 0 when none. */
int fseg_row_span(const fseg_row *row, const float low[3], const float high[3], int *first,
                  int *last);
/** Approximate signed distance (negative inside) at samples first..last-1. */
void fseg_ellipsoid_row(const fseg_ellipsoid *e, const fseg_row *row, int first, int last,
                        float *out);
/** out = smooth minimum of out and the distance to the rod, blended over `k` mm. */
void fseg_rod_row(const fseg_rod *rod, const fseg_row *row, int first, int last, float k,
                  float *out);

/* ---- Painting (phantom_brush.c) ------------------------------------------------------------ */

enum { FSEG_SCENE_LABELS_MAX = 16 };

/** One row to paint on. A plane is one of the images made at once: echo, or the fat's part of an
 *  echo, or (composition) the amount of one tissue. Painters use only n and inverse_edge. */
typedef struct fseg_canvas {
    int n;
    float inverse_edge;                   /* 1 / mm: a surface fades over this width */
    int labels;                           /* including 0 = anything else */
    float *weight[FSEG_SCENE_LABELS_MAX]; /* [n] share of each label from 1 on */
    /* the renderer's own */
    int planes;
    const float *signals;                /* [plane][FSEG_TISSUE_COUNT]; null: amounts of tissue */
    float *signal;                       /* [plane][n] */
    signed char slot[FSEG_TISSUE_COUNT]; /* amounts: plane of a tissue, -1 = not on this row */
    float *share, *value;                /* [n] scratch of the brush */
} fseg_canvas;

/**
 * What an organ is made of, sample by sample (all arrays [n], null = not used):
 *     (a + mix (scale_b b - a)) texture dim + scale_b b add
 */
typedef struct fseg_ink {
    fseg_tissue a, b;
    float scale_b, dim; /* 0 counts as 1 */
    const float *mix, *add, *texture;
} fseg_ink;

/** Cover samples first..last-1 by the share clamp(1/2 - f / edge) with the ink, as `label` (-1:
 *  keep the labels that are there). Arrays f and those of the ink must not be the canvas's own. */
void fseg_brush(fseg_canvas *canvas, const float *f, const fseg_ink *ink, int first, int last,
                int label);
/** The same with the shares (0 to 1) given. */
void fseg_brush_share(fseg_canvas *canvas, const float *share, const fseg_ink *ink, int first,
                      int last, int label);

/* ---- Scene (phantom_scene.c) --------------------------------------------------------------- */

/** Sensitivity of the receiver array: exp(bias c), c = rise (u^2 + v^2) - 0.3 - fall w^2 + a smooth
 *  random field, u = x / extent[0] and so on (from the stack's centre), c limited to -1.5..1. */
typedef struct fseg_coil {
    float extent[3];
    float rise, fall;
    const fseg_lattice *field;
} fseg_coil;

typedef struct fseg_scene {
    const void *subject; /* given to the functions; read-only while rendering */
    int labels;          /* including 0 */
    size_t (*scratch)(const void *subject, int n); /* floats that paint needs for n samples */
    /** Paint canvas->n samples at origin + i step (patient mm, LPS). The canvas starts as air. */
    void (*paint)(const void *subject, const float origin[3], const float step[3],
                  fseg_canvas *canvas, float *scratch);
    const fseg_coil *coil;
    const fseg_signals *signals;
    uint64_t seed; /* of noise and motion */
} fseg_scene;

/**
 * Render: images [echoes, slices, rows, columns] (bright tissue about 700), labels [slices, rows,
 * columns]; both belong to the caller, labels may be null. The acquisition has been checked; its
 * sequence is that of scene->signals. Same scene, same bytes, for any thread count.
 */
fseg_status fseg_scene_render(fseg_context *context, const fseg_scene *scene,
                              const fseg_acquisition *acquisition, float *images, uint8_t *labels,
                              const fseg_progress *progress, fseg_error *error);

/* ---- Artefacts of a slice (phantom_artefact.c) --------------------------------------------- */

/** Whether any artefact works on whole slices. */
int fseg_artefacts_any(const fseg_artefacts *artefacts);

/** One slice of one echo: shift of fat, folding, motion, complex noise, k-space truncation. */
typedef struct fseg_slice_job {
    const fseg_acquisition *acquisition;
    int rows; /* rendered: with `margin` rows before and after the image, for folding */
    int margin;
    float *water;     /* [rows][columns] without the fat's part, overwritten */
    const float *fat; /* [rows][columns], null: no chemical shift */
    float *image;     /* [acquisition->rows][columns] */
    uint8_t *labels;  /* null or [acquisition->rows][columns]: made 0 outside the acquired field */
    uint64_t motion_seed, noise_seed;
    int slice;
    float sigma; /* of noise in both channels */
    float *scratch;
} fseg_slice_job;
size_t fseg_slice_scratch(const fseg_acquisition *acquisition, int rows);
void fseg_slice_finish(const fseg_slice_job *job);

#endif
