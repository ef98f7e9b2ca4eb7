/**
 * @file regression.h
 * Regression loss of restored images, with gradient, in float and double.
 *
 * L = mean over M of (prediction - target)^2, or of the absolute error; M = all pixels, or those of
 * a mask that all channels share. Sums are kept in double. Pure and thread-safe.
 */
#ifndef FRUGALSEG_REGRESSION_H
#define FRUGALSEG_REGRESSION_H

#include "status.h"
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fseg_regression_error {
    FSEG_REGRESSION_SQUARED = 0, /**< as the cited restoration methods do */
    FSEG_REGRESSION_ABSOLUTE
} fseg_regression_error;

/**
 * prediction and target [batch, channels, pixels]; mask [batch, pixels] or null for all pixels.
 * `gradient` [batch, channels, pixels] (may be null) receives d loss / d prediction. An empty mask
 * gives loss and gradient 0. The absolute error has gradient 0 where it is 0.
 * FSEG_ERROR_NOT_FINITE for a loss that is.
 */
fseg_status fseg_regression_f32(fseg_regression_error kind, const float *prediction,
                                const float *target, const uint8_t *mask, int batch, int channels,
                                size_t pixels, double *loss, float *gradient);
fseg_status fseg_regression_f64(fseg_regression_error kind, const double *prediction,
                                const double *target, const uint8_t *mask, int batch, int channels,
                                size_t pixels, double *loss, double *gradient);

#ifdef __cplusplus
}
#endif
#endif
