/**
 * @file loss.h
 * Segmentation losses with gradients, in float and double.
 *
 * logits [N, K, H, W], labels [N, H, W] with values 0..K-1, pixels = H*W. The softmax is part of
 * every loss. Sums run over batch and space per class ("batch" Dice), the mean over classes.
 *  - soft Dice: 1 - mean_c (2 sum p_c y_c + e) / (sum p_c + sum y_c + e)   (Milletari et al. 2016)
 *  - cross-entropy: mean over pixels of -log p_label
 *  - Tversky: 1 - mean_c (TP + e) / (TP + alpha FP + beta FN + e)          (Salehi et al. 2017)
 * All functions are pure; those without a context are thread-safe, and the oracle of the other.
 */
#ifndef FRUGALSEG_LOSS_H
#define FRUGALSEG_LOSS_H

#include "context.h"
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fseg_loss_options {
    double dice_weight;
    double cross_entropy_weight;
    double tversky_weight;
    double tversky_alpha;   /**< weight of false positives, default 0.3 */
    double tversky_beta;    /**< weight of false negatives, default 0.7 */
    double smooth;          /**< e above, default 1e-5 */
    int include_background; /**< class 0 takes part in Dice and Tversky, default 1 */
} fseg_loss_options;

/** 0.5 soft Dice + 0.5 cross-entropy. */
fseg_loss_options fseg_loss_default_options(void);

/**
 * Weighted sum of the losses; when `gradient` [N, K, H, W] is not null, it receives d loss / d
 * logits. FSEG_ERROR_INVALID_ARGUMENT for a label >= K, FSEG_ERROR_NOT_FINITE for a loss that is.
 */
fseg_status fseg_loss_f32(const fseg_loss_options *options, const float *logits,
                          const uint8_t *labels, int batch, int classes, size_t pixels,
                          double *loss, float *gradient);
fseg_status fseg_loss_f64(const fseg_loss_options *options, const double *logits,
                          const uint8_t *labels, int batch, int classes, size_t pixels,
                          double *loss, double *gradient);

/**
 * fseg_loss_f32 on the threads of `context`, for training: logarithms and exponentials in single
 * precision, sums in double over fixed parts, so that the result does not depend on the number of
 * threads. `gradient` is required, and of no use after a failure; FSEG_ERROR_OUT_OF_MEMORY is
 * possible.
 */
fseg_status fseg_loss_parallel(fseg_context *context, const fseg_loss_options *options,
                               const float *logits, const uint8_t *labels, int batch, int classes,
                               size_t pixels, double *loss, float *gradient);

#ifdef __cplusplus
}
#endif
#endif
