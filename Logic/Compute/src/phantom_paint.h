/**
 * @file phantom_paint.h
 * Internal: the canvas on which one row of the phantom is painted, and its brushes.
 */
#ifndef FRUGALSEG_SRC_PHANTOM_PAINT_H
#define FRUGALSEG_SRC_PHANTOM_PAINT_H

#include "phantom_internal.h"

typedef struct fseg_canvas {
    const fseg_anatomy *a;
    const float *signals;
    fseg_row row;
    float inverse_edge;
    const float *rough, *fine; /* fields in about +-1 */
    float *torso;              /* distance to the skin */
    float *cavity;             /* distance to the wall of the abdominal and thoracic cavity */
    float *lung;               /* distance to the diaphragm: negative above it */
    float *liver;              /* distance to the liver's surface */
    float *work, *other, *value;
    float *signal;
    float *weight[FSEG_PHANTOM_LABELS];
} fseg_canvas;

/** Cover samples first..last-1 by the share that distance f says, with value[i], as `label`
 *  (-1: keep the labels). Overwrites c->other. */
void fseg_paint(fseg_canvas *c, const float *f, const float *value, int first, int last, int label);
/** c->value = signal of a tissue with texture of relative strength `rough` and `fine`. */
void fseg_paint_tissue(fseg_canvas *c, fseg_tissue tissue, float rough, float fine, int first,
                       int last);
/** Elliptic cylinder along z: its span, its distance, and its painting in one go. */
int fseg_paint_column_span(const fseg_canvas *c, float x, float y, float rx, float ry, int *first,
                           int *last);
void fseg_paint_column_distance(const fseg_canvas *c, float x, float y, float rx, float ry,
                                int first, int last, float *out);
void fseg_paint_column(fseg_canvas *c, float x, float y, float rx, float ry, fseg_tissue tissue,
                       float texture);

/** Skin, fat, muscle, ribs and cavity (phantom_body.c); fills c->torso and c->cavity. */
void fseg_paint_body(fseg_canvas *c);
/** Lungs and heart; fills c->lung. */
void fseg_paint_chest(fseg_canvas *c);
void fseg_paint_spine(fseg_canvas *c);

#endif
