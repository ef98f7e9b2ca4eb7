/**
 * @file corrupt.h
 * Corruptions of an image that a network learns to undo: the input of regression pretraining.
 *
 * Image [channels, height, width] in the normalized range (about 0 to 1), changed in place; all
 * channels are treated alike. `mask` [height, width] (may be null) receives 1 at every pixel that
 * the corruption wrote, and is otherwise left as it was, so that masks of several corruptions add
 * up. Everything is drawn from the given stream alone: same stream, same bytes.
 * FSEG_ERROR_INVALID_ARGUMENT for sizes or options out of range, FSEG_ERROR_OUT_OF_MEMORY; in both
 * cases nothing was changed. Thread-safe. Sources: docs/theory/pretraining.md.
 */
#ifndef FRUGALSEG_CORRUPT_H
#define FRUGALSEG_CORRUPT_H

#include "random.h"
#include "status.h"
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Context restoration (Chen et al. 2019): swap up to `pairs` (0 = as many as find room) pairs of
 *  patch x patch squares that do not overlap, placed as a Poisson disc sample (Dominic et al. 2023:
 *  patch 32). The pixel values of each channel stay the same, only their places change. */
fseg_status fseg_corrupt_swap(int patch, int pairs, fseg_random *random, int channels, int height,
                              int width, float *image, uint8_t *mask);

/** Local pixel shuffling (Zhou et al. 2019): windows with sides of 1 to `side` pixels, each with
 * its pixels permuted, read from the original and overwriting earlier ones; so many that their
 * areas sum up to `coverage` images (1.9 in the source). side 0: a tenth of the shorter side. */
fseg_status fseg_corrupt_shuffle(double coverage, int side, fseg_random *random, int channels,
                                 int height, int width, float *image, uint8_t *mask);

/** Nonlinear intensity (Zhou et al. 2019): a random cubic Bezier curve, increasing or, half the
 *  time, decreasing, over the range of the image. */
fseg_status fseg_corrupt_intensity(fseg_random *random, int channels, int height, int width,
                                   float *image, uint8_t *mask);

/** In-painting (Zhou et al. 2019): one to five boxes of 1/6 to 1/3 of the sides become uniform
 * noise over the range of the image. Sides of at least 16 pixels. */
fseg_status fseg_corrupt_inpaint(fseg_random *random, int channels, int height, int width,
                                 float *image, uint8_t *mask);
/** Out-painting: everything becomes noise but one to five windows of 3/7 to 4/7 of the sides. */
fseg_status fseg_corrupt_outpaint(fseg_random *random, int channels, int height, int width,
                                  float *image, uint8_t *mask);

/** Masked patches: of the grid of patch x patch squares (those at the far edges may be cut), the
 *  share `ratio` (at least one square) is replaced by the mean of its channel, which is the 0 of
 *  z-scored data (de Mooij et al. 2024: patch 32, ratio 0.75). */
fseg_status fseg_corrupt_patches(int patch, double ratio, fseg_random *random, int channels,
                                 int height, int width, float *image, uint8_t *mask);

/** A composition, always in this order; each probability 0 switches that corruption off. */
typedef struct fseg_corrupt_options {
    double swap_probability;
    int swap_patch, swap_pairs;
    double shuffle_probability, shuffle_coverage;
    int shuffle_side;
    double intensity_probability;
    double paint_probability, paint_inner_share; /**< share of in- among in- and out-painting */
    double patches_probability, patches_ratio;
    int patches_size;
} fseg_corrupt_options;

/** All probabilities 0, the rest at the values of the sources. */
fseg_corrupt_options fseg_corrupt_no_options(void);
/** Swapped patches only: 32 pixels, as many as find room. */
fseg_corrupt_options fseg_corrupt_context_restoration(void);
/** Shuffling 0.5, intensity 0.9, painting 0.9 of which 0.2 inner. */
fseg_corrupt_options fseg_corrupt_models_genesis(void);
/** Masked patches only: 32 pixels, ratio 0.75. */
fseg_corrupt_options fseg_corrupt_masked_patches(void);

/** Apply a composition; `mask` is zeroed first. */
fseg_status fseg_corrupt_apply(const fseg_corrupt_options *options, fseg_random *random,
                               int channels, int height, int width, float *image, uint8_t *mask);

#ifdef __cplusplus
}
#endif
#endif
