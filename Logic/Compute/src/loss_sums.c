/* Dice and Tversky from their sums. */
#include "loss_sums.h"

double fseg_overlap_losses(const fseg_loss_options *o, const fseg_class_sums *s, int classes,
                           double inside[FSEG_LOSS_CLASSES], double outside[FSEG_LOSS_CLASSES])
{
    const int first = o->include_background ? 0 : 1;
    const double share = 1.0 / (double)(classes - first);
    double loss = 0.0;
    for (int c = 0; c < classes; ++c)
        inside[c] = outside[c] = 0.0;
    for (int c = first; c < classes; ++c) {
        const double tp = s->overlap[c], fp = s->predicted[c] - tp, fn = s->truth[c] - tp;
        const double top = 2.0 * tp + o->smooth, bottom = s->predicted[c] + s->truth[c] + o->smooth;
        loss += o->dice_weight * share * (1.0 - top / bottom);
        /* d top / d p = 2 y, d bottom / d p = 1 */
        const double d_bottom = o->dice_weight * share * top / (bottom * bottom);
        outside[c] += d_bottom;
        inside[c] += d_bottom - o->dice_weight * share * 2.0 / bottom;
        /* d tp / d p = y; d fp / d p = 1 - y; d fn / d p = -y */
        const double a = o->tversky_alpha, b = o->tversky_beta;
        const double t = tp + o->smooth, u = tp + a * fp + b * fn + o->smooth;
        loss += o->tversky_weight * share * (1.0 - t / u);
        outside[c] += o->tversky_weight * share * a * t / (u * u);
        inside[c] += o->tversky_weight * share * ((1.0 - b) * t / (u * u) - 1.0 / u);
    }
    return loss;
}
