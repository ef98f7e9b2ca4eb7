/**
 * @file phantom_internal.h
 * Internal: the parts of the abdominal phantom.
 *
 * phantom.c            options of the abdomen; scene, fields, coil
 * phantom_anatomy.c    one patient drawn from a seed: places and sizes of organs, vessel trees
 * phantom_person.c     a person with sex, age, habitus and findings, and the anatomy fitted to it
 * phantom_pathology.c  what the findings look like along a row
 * phantom_body.c       torso, chest and spine along a row
 * phantom_render.c     organs of the abdomen painted over each other along a row
 *
 * What is not about the abdomen is in phantom_scene.h.
 *
 * Anatomy lives in canonical millimetres: x to the left, y to posterior, z to superior, origin in
 * the body's axis at mid-liver, for a body of 296 mm by 224 mm. A patient is the canonical body
 * scaled along the three axes and bent by a smooth random displacement.
 */
#ifndef FRUGALSEG_SRC_PHANTOM_INTERNAL_H
#define FRUGALSEG_SRC_PHANTOM_INTERNAL_H

#include "frugalseg/phantom.h"
#include "frugalseg/phantom_torso.h"
#include "phantom_scene.h"

/* ---- Anatomy (phantom_anatomy.c) ----------------------------------------------------------- */

enum {
    FSEG_TUBES_MAX = 32,
    FSEG_TUBE_RODS_MAX = 16,
    FSEG_VESSELS_MAX = 1600,
    FSEG_LESIONS_MAX = 32
};

typedef struct fseg_lesion {
    fseg_ellipsoid shape;
    fseg_tissue tissue;
    float rough; /* mm, of its surface */
} fseg_lesion;

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
    fseg_lesion lesions[FSEG_LESIONS_MAX]; /* in the liver */
    int lesion_count;
    float ascites; /* mm of fluid along the wall of the cavity */
    float mottle;  /* 1: fat as mottled as suppression leaves it; less without */
} fseg_anatomy;

void fseg_anatomy_draw(fseg_random *random, fseg_anatomy *out);
/** Fit a drawn anatomy to a person (phantom_person.c). */
void fseg_anatomy_fit(fseg_random *random, const fseg_person *person, fseg_anatomy *anatomy);
/** How the person's tissues differ from the table; returns their number. */
int fseg_person_tissues(const fseg_person *person, fseg_tissue_change out[1]);

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

/** The subject of the scene. */
typedef struct fseg_abdomen_subject {
    fseg_anatomy anatomy;
    fseg_fields fields;
    fseg_lattice coil_field;
    fseg_coil coil;
    fseg_signals signals;
} fseg_abdomen_subject;

size_t fseg_abdomen_scratch(const void *subject, int n);
void fseg_abdomen_paint(const void *subject, const float origin[3], const float step[3],
                        fseg_canvas *canvas, float *scratch);

#endif
