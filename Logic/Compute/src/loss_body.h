/*
 * The losses of loss.h for one floating-point type: the including file defines REAL and LOSS_NAME.
 *
 * With p = softmax(logits), each loss gives d loss / d p, and the softmax passes it on:
 *   d loss / d z_c = p_c (g_c - sum_k p_k g_k),  g = d loss / d p.
 * Cross-entropy adds (p_c - y_c) / pixels directly, which is exact where p underflows.
 * Sums are kept in double.
 */
#include "loss_sums.h"
#include <math.h>

/* Softmax of the K logits of one pixel (stride apart) into p; returns log sum exp. */
static inline double softmax_pixel(const REAL *logits, int classes, size_t stride, double *p)
{
    double top = (double)logits[0], sum = 0.0;
    for (int c = 1; c < classes; ++c)
        top = (double)logits[(size_t)c * stride] > top ? (double)logits[(size_t)c * stride] : top;
    for (int c = 0; c < classes; ++c) {
        p[c] = exp((double)logits[(size_t)c * stride] - top);
        sum += p[c];
    }
    for (int c = 0; c < classes; ++c)
        p[c] /= sum;
    return top + log(sum);
}

static int sum_classes(const REAL *logits, const uint8_t *labels, int batch, int classes,
                       size_t pixels, fseg_class_sums *sums)
{
    *sums = (fseg_class_sums){.cross_entropy = 0.0};
    double p[FSEG_LOSS_CLASSES];
    for (size_t n = 0; n < (size_t)batch; ++n)
        for (size_t i = 0; i < pixels; ++i) {
            const REAL *z = logits + n * (size_t)classes * pixels + i;
            const int label = labels[n * pixels + i];
            if (label >= classes)
                return 0;
            const double log_sum = softmax_pixel(z, classes, pixels, p);
            for (int c = 0; c < classes; ++c)
                sums->predicted[c] += p[c];
            sums->overlap[label] += p[label];
            sums->truth[label] += 1.0;
            sums->cross_entropy += log_sum - (double)z[(size_t)label * pixels];
        }
    return 1;
}

fseg_status LOSS_NAME(const fseg_loss_options *options, const REAL *logits, const uint8_t *labels,
                      int batch, int classes, size_t pixels, double *loss, REAL *gradient)
{
    if (!options || !logits || !labels || !loss || batch < 1 || classes < 2 ||
        classes > FSEG_LOSS_CLASSES || pixels < 1)
        return FSEG_ERROR_INVALID_ARGUMENT;
    fseg_class_sums sums;
    if (!sum_classes(logits, labels, batch, classes, pixels, &sums))
        return FSEG_ERROR_INVALID_ARGUMENT;
    double inside[FSEG_LOSS_CLASSES], outside[FSEG_LOSS_CLASSES], p[FSEG_LOSS_CLASSES],
        g[FSEG_LOSS_CLASSES];
    const double all = (double)batch * (double)pixels;
    *loss = fseg_overlap_losses(options, &sums, classes, inside, outside) +
            options->cross_entropy_weight * sums.cross_entropy / all;
    if (!isfinite(*loss))
        return FSEG_ERROR_NOT_FINITE;
    const double entropy = options->cross_entropy_weight / all;
    for (size_t n = 0; gradient && n < (size_t)batch; ++n)
        for (size_t i = 0; i < pixels; ++i) {
            const size_t at = n * (size_t)classes * pixels + i;
            const int label = labels[n * pixels + i];
            softmax_pixel(logits + at, classes, pixels, p);
            double mean = 0.0;
            for (int c = 0; c < classes; ++c) {
                g[c] = c == label ? inside[c] : outside[c];
                mean += p[c] * g[c];
            }
            for (int c = 0; c < classes; ++c)
                gradient[at + (size_t)c * pixels] =
                    (REAL)(p[c] * (g[c] - mean) + entropy * (p[c] - (c == label ? 1.0 : 0.0)));
        }
    return FSEG_OK;
}
