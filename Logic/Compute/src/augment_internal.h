/**
 * @file augment_internal.h
 * Internal: the transforms that fseg_augment_apply composes. No argument checks here; sizes and
 * ranges were checked by the caller.
 */
#ifndef FRUGALSEG_SRC_AUGMENT_INTERNAL_H
#define FRUGALSEG_SRC_AUGMENT_INTERNAL_H

#include "frugalseg/augment.h"

#include <stddef.h>
#include <stdint.h>

enum {
    FSEG_AUGMENT_GRID_MAX = 64,      /* control points per side */
    FSEG_AUGMENT_SIDE_MAX = 1 << 14, /* pixels; keeps every index within an int */
    FSEG_AUGMENT_CHANNELS_MAX = 256,
    FSEG_AUGMENT_BLUR_SIGMA_MAX = 16
};

/** FSEG_OK or FSEG_ERROR_INVALID_ARGUMENT. */
fseg_status fseg_augment_check(const fseg_augment_options *options);

/** Map from an output pixel to the place of the input it shows: p' = A (p - c) + c + t + d(p). */
typedef struct fseg_warp {
    float a[2][2];        /* x' = a[0][0] x + a[0][1] y, both about the centre */
    float translation[2]; /* x, y in pixels */
    int grid;             /* control points per side of d, 0 = no elastic part */
    float control_x[FSEG_AUGMENT_GRID_MAX * FSEG_AUGMENT_GRID_MAX];
    float control_y[FSEG_AUGMENT_GRID_MAX * FSEG_AUGMENT_GRID_MAX];
} fseg_warp;

/** Floats of scratch that the warp of one sample needs. */
size_t fseg_warp_scratch(int channels, int height, int width);
/** Resample image (linear, edges repeat) and label (nearest, 0 outside) in place. `label` may be
 *  null. `scratch` holds fseg_warp_scratch floats; its content does not matter. */
void fseg_warp_apply(const fseg_warp *warp, int channels, int height, int width, float *image,
                     uint8_t *label, float *scratch);

/** Smallest, largest and mean value of the finite pixels. */
typedef struct fseg_range {
    float low, high, mean;
} fseg_range;
fseg_range fseg_intensity_range(const float *image, size_t count);

enum { FSEG_CURVE_SIZE = 1024 };
/** A map of [low, high] onto itself, as FSEG_CURVE_SIZE + 1 equidistant values in [0, 1]. */
void fseg_curve_gamma(float exponent, float *curve);
/** Cubic Bezier through (0,0), p1, p2, (1,1); increasing when the points lie in the unit square. */
void fseg_curve_bezier(const float p1[2], const float p2[2], float *curve);
void fseg_curve_apply(const float *curve, fseg_range range, size_t count, float *image);

/** image = image * factor + offset. */
void fseg_intensity_linear(float factor, float offset, size_t count, float *image);
/** Add Gaussian noise. */
void fseg_intensity_noise(fseg_random *random, float sigma, size_t count, float *image);

/** Floats of scratch for the blur of one channel. */
size_t fseg_blur_scratch(int height, int width);
/** Gaussian blur of one channel, edges repeat. */
void fseg_intensity_blur(float sigma, int height, int width, float *image, float *scratch);

enum {
    FSEG_BIAS_ORDER = 4 /* cosine half-waves 0..3 along each side */
};
size_t fseg_bias_scratch(int height, int width);
/** Multiply all channels by exp(amplitude * f), f a smooth field that spans exactly [-1, 1]. */
void fseg_intensity_bias(const float coefficients[FSEG_BIAS_ORDER][FSEG_BIAS_ORDER],
                         float amplitude, int channels, int height, int width, float *image,
                         float *scratch);

#endif
