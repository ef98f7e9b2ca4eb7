/**
 * @file acquisition.h
 * How a phantom is scanned: grid, plane, slices, sequence, coil, noise, artefacts.
 *
 * Shared by all phantoms (phantom.h and others). Formulas of the artefacts: docs/theory/phantom.md.
 */
#ifndef FRUGALSEG_ACQUISITION_H
#define FRUGALSEG_ACQUISITION_H

#include "tissue.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fseg_plane {
    FSEG_PLANE_AXIAL = 0, /**< columns to the left, rows to posterior, slices to superior */
    FSEG_PLANE_CORONAL,   /**< columns to the left, rows to inferior, slices to posterior */
    FSEG_PLANE_SAGITTAL   /**< columns to posterior, rows to inferior, slices to the right */
} fseg_plane;

/** All 0: no artefact. Phase encoding runs along the rows' direction (down the image), readout
 *  along the columns' (across). */
typedef struct fseg_artefacts {
    double ghost;           /**< breathing: amplitude of the motion along phase encoding, mm */
    double ghost_period_ms; /**< of a breath; 0 = 4000 */
    double chemical_shift;  /**< readout bandwidth, Hz per pixel: fat lands 3.5 ppm away; 0 = off */
    double phase_fov;       /**< acquired field of view along phase encoding as a fraction of the
                                 image; what lies outside folds in; 0 = oversampled, no folding */
    double matrix;          /**< acquired matrix as a fraction of the image's, the rest of k-space
                                 is zero (zero filling, Gibbs ringing); 0 or 1 = all acquired */
    double cross_talk;      /**< 0 to 0.5: share of each slice's signal that its neighbours have
                                 saturated (slice profiles overlap) */
    double motion;          /**< rms of a sudden shift between two parts of k-space, mm */
} fseg_artefacts;

typedef struct fseg_acquisition {
    int columns, rows, slices;
    double spacing_mm[3]; /**< between columns, rows, slices */
    fseg_plane plane;
    double tilt_degrees;    /**< turn about the left-right axis, positive: posterior towards
                                 superior; -60 to 60; 0 for the abdomen */
    double centre_mm[3];    /**< of the stack, patient space LPS */
    double slice_thickness; /**< as a fraction of the slices' spacing: 0.85 = gaps of 15 % */
    int slice_samples;      /**< through a slice: supersampling, 1 to 32 */
    int gaussian_profile;   /**< slice profile: 0 = rectangle, 1 = Gaussian of that full width at
                                 half maximum */
    double point_spread;    /**< width over which an edge fades, pixels: partial volume, 1.35 */
    double noise;           /**< Rician, sigma as a fraction of bright signal (0.8) */
    double bias;            /**< coil shading exp(+-bias) */
    fseg_sequence sequence;
    fseg_artefacts artefacts;
} fseg_acquisition;

/** The default abdominal series: 256 x 256 x 30 of 1.4 x 1.4 x 7 mm, axial, liver sequence. */
fseg_acquisition fseg_acquisition_liver(void);
/** A prostate series: 320 x 320 x 20 of 0.6 x 0.6 x 3.3 mm, axial, prostate sequence. */
fseg_acquisition fseg_acquisition_prostate(void);

/** One sentence in `error` on what is out of range. */
fseg_status fseg_acquisition_check(const fseg_acquisition *acquisition, fseg_error *error);

/** Voxel (column, row, slice, 1) to patient millimetres (LPS), centres of voxels. Exactly where the
 *  phantom is rendered. */
void fseg_acquisition_matrix(const fseg_acquisition *acquisition, double ijk_to_lps[4][4]);

#ifdef __cplusplus
}
#endif
#endif
