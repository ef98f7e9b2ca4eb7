/**
 * @file constraint_map.h
 * Constraint maps for the constrained contrastive loss: which voxels of one subject look alike over
 * several co-registered contrasts or echoes (Umapathy et al. 2024).
 *
 * Per contrast: range of the foreground's percentiles to 0..1. Then principal components over
 * voxels, one joint scaling to 0..1, total variation denoising of each component slice by slice,
 * k-means. Labels have meaning inside the subject only. Deterministic. Differences from the
 * authors' code: docs/theory/pretraining.md.
 */
#ifndef FRUGALSEG_CONSTRAINT_MAP_H
#define FRUGALSEG_CONSTRAINT_MAP_H

#include "context.h"
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fseg_constraint_options {
    int components;         /**< kept; default 4, or the number of contrasts if that is less */
    int clusters;           /**< 2 to 255; default 20 */
    double denoise_weight;  /**< split Bregman; larger = lighter smoothing; default 40; 0 = none */
    int denoise_iterations; /**< default 30 */
    double percentile_low;  /**< of the voxels above the minimum; defaults 0.01 and 99.9 */
    double percentile_high;
    uint64_t seed; /**< of k-means */
} fseg_constraint_options;
/** The values of the paper; see each member. */
fseg_constraint_options fseg_constraint_default_options(void);

/**
 * images [contrasts, depth, height, width] -> labels [depth, height, width], 0 to clusters - 1;
 * both belong to the caller. Fewer different voxels than clusters give fewer labels.
 * FSEG_ERROR_INVALID_ARGUMENT, FSEG_ERROR_NOT_FINITE, FSEG_ERROR_OUT_OF_MEMORY,
 * FSEG_ERROR_CANCELLED.
 */
fseg_status fseg_constraint_map(fseg_context *context, const fseg_constraint_options *options,
                                const float *images, int contrasts, int depth, int height,
                                int width, uint8_t *labels, const fseg_progress *progress,
                                fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
