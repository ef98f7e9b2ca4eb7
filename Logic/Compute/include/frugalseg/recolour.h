/**
 * @file recolour.h
 * Labelled organs of a volume in other grey values: for training that must not rely on a contrast,
 * and for tests of how far a model does. See docs/theory/recolouring.md.
 *
 * A volume is image [depth, height, width] with labels of the same shape (0 = no organ). Its
 * `range` are the percentiles 0.5 and 99 of the voxels; grey values below are given as fractions of
 * it, 0 its lower and 1 its upper end. All functions are pure; different volumes may be worked on
 * by different threads.
 */
#ifndef FRUGALSEG_RECOLOUR_H
#define FRUGALSEG_RECOLOUR_H

#include "random.h"
#include "status.h"
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What is drawn for each organ. */
typedef struct fseg_recolour_options {
    double probability;         /**< that an organ changes; default 0.7 */
    double mean_low, mean_high; /**< of the organ afterwards, uniform; default 0.03 to 1.2 */
    double gain_low, gain_high; /**< of what varies within it; default 0.5 to 1.5 */
    double edge_pixels;         /**< blur of the organ's border in plane; default 0.8 */
} fseg_recolour_options;
/** The ranges that training uses; see each member. */
fseg_recolour_options fseg_recolour_default_options(void);

/** Percentiles 0.5 and 99 of the finite voxels, from at most 65,536 of them, evenly spaced. */
void fseg_volume_range(const float *image, size_t count, double *low, double *high);

/** Mean of the finite voxels of `label`; NaN when there are none. */
double fseg_label_mean(const float *image, const uint8_t *labels, size_t count, int label);

/**
 * Give the organ `label` the mean `mean` (in the image's own units) and multiply what varies within
 * it by `gain`; the change fades over the border as a Gaussian of `edge_pixels` in plane. Values
 * stay at or above the smallest one of the image. An organ that is not there: nothing happens.
 * FSEG_ERROR_OUT_OF_MEMORY leaves the image as it was.
 */
fseg_status fseg_recolour_label(float *image, const uint8_t *labels, int depth, int height,
                                int width, int label, double mean, double gain, double edge_pixels);

/** Draw new grey values for every organ that there is. */
fseg_status fseg_recolour(const fseg_recolour_options *options, fseg_random *random, float *image,
                          const uint8_t *labels, int depth, int height, int width);

/** Changes of contrast and quality that a robust model survives; the figures are fixed. */
typedef enum fseg_shift {
    FSEG_SHIFT_NONE = 0,
    FSEG_SHIFT_DARK,   /**< "dark": the structure nearly black: mean 0.05, half its texture */
    FSEG_SHIFT_BRIGHT, /**< "bright": its mean 1.2 times that of the brightest other organ, of
                            the upper end of the range when there is no other */
    FSEG_SHIFT_BIAS,   /**< "bias": a smooth field from exp(-0.5) to exp(0.5) */
    FSEG_SHIFT_NOISE   /**< "noise": Rician noise of sigma 0.06 */
} fseg_shift;

/** The word above; "none" for another number. */
const char *fseg_shift_name(fseg_shift shift);
/** Its number, -1 for a word that is none of them. */
int fseg_shift_from_name(const char *name);

/** Change the volume so, in place; `structure` is the label of the model's structure, `seed` draws
 *  field and noise. Same arguments, same bytes. */
fseg_status fseg_shift_apply(fseg_shift shift, uint64_t seed, float *image, const uint8_t *labels,
                             int depth, int height, int width, int structure);

#ifdef __cplusplus
}
#endif
#endif
