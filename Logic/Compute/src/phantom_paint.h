/**
 * @file phantom_paint.h
 * Internal: one row of the abdomen while it is painted, and brushes for its shapes.
 */
#ifndef FRUGALSEG_SRC_PHANTOM_PAINT_H
#define FRUGALSEG_SRC_PHANTOM_PAINT_H

#include "phantom_internal.h"

typedef struct fseg_abdomen {
    fseg_canvas *canvas;
    const fseg_anatomy *a;
    fseg_row row;
    const float *rough, *fine; /* fields in about +-1 */
    float *torso;              /* distance to the skin */
    float *cavity;             /* distance to the wall of the abdominal and thoracic cavity */
    float *lung;               /* distance to the diaphragm: negative above it */
    float *liver;              /* distance to the liver's surface */
    float *work, *other;       /* distances */
    float *texture, *mix;      /* of the ink */
} fseg_abdomen;

/** c->texture = 1 + `rough` times the rough field + `fine` times the fine one. */
void fseg_paint_texture(fseg_abdomen *c, float rough, float fine, int first, int last);
/** Cover first..last-1 by distance f with one tissue and c->texture, as `label` (-1: keep). */
void fseg_paint(fseg_abdomen *c, const float *f, fseg_tissue tissue, int first, int last,
                int label);
/** Elliptic cylinder along z: its span, its distance, and its painting in one go. */
int fseg_paint_column_span(const fseg_abdomen *c, float x, float y, float rx, float ry, int *first,
                           int *last);
void fseg_paint_column_distance(const fseg_abdomen *c, float x, float y, float rx, float ry,
                                int first, int last, float *out);
void fseg_paint_column(fseg_abdomen *c, float x, float y, float rx, float ry, fseg_tissue tissue,
                       float texture);

/** Skin, fat, muscle, ribs and cavity (phantom_body.c); fills c->torso and c->cavity. */
void fseg_paint_body(fseg_abdomen *c);
/** Lungs and heart; fills c->lung. */
void fseg_paint_chest(fseg_abdomen *c);
void fseg_paint_spine(fseg_abdomen *c);
/** Fluid along the wall of the cavity, before the organs (phantom_pathology.c). */
void fseg_paint_ascites(fseg_abdomen *c);
/** Lesions within c->liver at samples first..last-1. */
void fseg_paint_lesions(fseg_abdomen *c, int first, int last);

#endif
