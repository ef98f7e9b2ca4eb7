/**
 * @file augment.h
 * Augmentation of one training sample: geometry (image and label), then intensity (image only).
 *
 * Image [C, H, W] in the normalized range (about 0 to 1), label [H, W] or null. Every transform is
 * drawn from the given random stream alone. Source of the ranges: docs/theory/augmentation.md.
 */
#ifndef FRUGALSEG_AUGMENT_H
#define FRUGALSEG_AUGMENT_H

#include "random.h"
#include "status.h"
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Each probability 0 switches that transform off. */
typedef struct fseg_augment_options {
    double affine_probability;
    double rotation_degrees; /**< uniform in +- */
    double scale_low, scale_high;
    double shear;                       /**< uniform in +- */
    double translation;                 /**< uniform in +-, as a fraction of the size */
    double flip_horizontal_probability; /**< 0 by default: left and right differ in the body */
    double elastic_probability;
    double elastic_sigma_px; /**< displacement of the control points */
    int elastic_grid;        /**< control points per side, cubic interpolation */
    double gamma_probability;
    double gamma_low, gamma_high; /**< exponent, drawn log-uniformly */
    double curve_probability;     /**< random monotone intensity curve (cubic Bezier) */
    double brightness_probability, brightness;                /**< additive, uniform in +- */
    double contrast_probability, contrast_low, contrast_high; /**< about the mean */
    double noise_probability, noise_sigma; /**< Gaussian, sigma uniform in 0..noise_sigma */
    double blur_probability, blur_sigma_low, blur_sigma_high; /**< pixels */
    double bias_probability, bias_strength; /**< smooth multiplicative field exp(+-strength) */
} fseg_augment_options;

/** The defaults used for the shipped models. */
fseg_augment_options fseg_augment_default_options(void);
/** All probabilities 0. */
fseg_augment_options fseg_augment_no_options(void);

/**
 * Apply to `image` [channels, height, width] and `label` [height, width] (may be null) in place.
 * Geometry: one resampling with the composed affine and elastic map, linear for the image (edge
 * values repeat outside), nearest for the label (0 outside). All channels share geometry and
 * intensity draws except noise. Labels stay label values that were there.
 */
fseg_status fseg_augment_apply(const fseg_augment_options *options, fseg_random *random,
                               int channels, int height, int width, float *image, uint8_t *label);

#ifdef __cplusplus
}
#endif
#endif
