/**
 * @file phantom_pelvis.h
 * Pelvic T2-weighted MR phantom with known truth: the prostate and what surrounds it.
 *
 * A patient is drawn from a seed, or around a given label map of the gland (its zones), which is
 * placed into the pelvis: bladder, rectum and pelvic floor deform around it. A scan renders the
 * patient on any grid: axial, coronal, sagittal or oblique. Not a patient; see
 * docs/theory/phantom-pelvis.md for the anatomy, its published ranges and their sources.
 *
 * Coordinates are patient millimetres (LPS: x to the left, y to posterior, z to superior) with the
 * origin in the middle of the gland.
 */
#ifndef FRUGALSEG_PHANTOM_PELVIS_H
#define FRUGALSEG_PHANTOM_PELVIS_H

#include "context.h"
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Labels of the truth volume, those of the Medical Segmentation Decathlon. */
enum { FSEG_PELVIS_PERIPHERAL = 1, FSEG_PELVIS_TRANSITION = 2 };

/** A label map of a prostate: 1 peripheral zone, 2 transition zone; or one label, whole gland. */
typedef struct fseg_pelvis_map {
    const uint8_t *labels; /**< [size[2], size[1], size[0]], x fastest; not kept */
    int size[3];
    double ijk_to_lps[4][4]; /**< mm */
} fseg_pelvis_map;

typedef struct fseg_pelvis fseg_pelvis;

/**
 * Check that a label map can be a prostate: labels 0 to 2 only, not empty, one gland of plausible
 * volume (8 to 400 ml) and extent, slices thin enough to join (at most 6 mm), right-angled axes,
 * peripheral zone behind the transition zone, whole inside the map. The error's message says what
 * is wrong and what to do.
 */
fseg_status fseg_pelvis_map_check(const fseg_pelvis_map *map, fseg_error *error);

/**
 * Draw a patient. `map` null: the gland is parametric, else it has the map's shape (slices joined
 * by interpolating their signed distances), bent smoothly by `map_variation` (0 = as given, 1 =
 * widely: scale 0.85 to 1.18, mirrored, up to 4 mm). The caller frees the patient.
 */
fseg_status fseg_pelvis_create(uint64_t seed, const fseg_pelvis_map *map, double map_variation,
                               fseg_pelvis **out, fseg_error *error);
void fseg_pelvis_free(fseg_pelvis *pelvis);

/** Volumes in ml and extents in mm (left to right, front to back, top to bottom) of the gland. */
typedef struct fseg_pelvis_gland {
    double gland_ml, transition_ml, extent_mm[3];
} fseg_pelvis_gland;
fseg_pelvis_gland fseg_pelvis_describe(const fseg_pelvis *pelvis);

typedef struct fseg_pelvis_scan {
    int columns, rows, slices; /**< default 320 x 320 x 20 */
    double ijk_to_lps[4]
                     [4]; /**< default axial, 0.6 mm pixels, 3.6 mm slices, gland in the middle */
    double slice_fill;    /**< thickness as a fraction of the distance of slices; 0.9 */
    double noise;         /**< Rician sigma as a fraction of the bright signal; 0.02 */
    double bias;          /**< strength of coil shading; 0.5 */
    double contrast_variation; /**< 0 = published tissue values, 1 = randomized widely; 0.3 */
    double clutter;            /**< 0; up to 1: foreign masses outside the organs, for training */
    uint64_t seed;             /**< of contrast, shading and noise */
    int whole_gland;           /**< truth: 1 for the whole gland in place of the zones */
} fseg_pelvis_scan;

/** Plane of the slices of a scan. */
typedef enum fseg_pelvis_plane {
    FSEG_PELVIS_AXIAL,
    FSEG_PELVIS_CORONAL,
    FSEG_PELVIS_SAGITTAL
} fseg_pelvis_plane;

/** A scan of `plane`, tilted as prostate scans are by `tilt_degrees` about the left-right axis. */
fseg_pelvis_scan fseg_pelvis_default_scan(uint64_t seed, fseg_pelvis_plane plane, int size,
                                          int slices, double pixel_mm, double slice_mm,
                                          double tilt_degrees);

/**
 * A scan as training wants them, drawn from `seed` alone: plane (axial more often), tilt, field of
 * view, pixel and slice size, place, contrast, shading and noise all vary widely.
 */
fseg_pelvis_scan fseg_pelvis_random_scan(uint64_t seed);

/**
 * Fill image (0 to about 1000) and labels, both [slices, rows, columns], of the caller. Same
 * patient and scan, same bytes, for any number of threads.
 */
fseg_status fseg_pelvis_render(const fseg_pelvis *pelvis, fseg_context *context,
                               const fseg_pelvis_scan *scan, float *image, uint8_t *labels,
                               const fseg_progress *progress, fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
