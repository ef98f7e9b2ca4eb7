/* The losses as functions of sums over all pixels; what every version of them shares. */
#ifndef FSEG_LOSS_SUMS_H
#define FSEG_LOSS_SUMS_H

#include "frugalseg/loss.h"

enum { FSEG_LOSS_CLASSES = 64 }; /* at most */

/* Per class: sum of p y, of p and of y. */
typedef struct fseg_class_sums {
    double overlap[FSEG_LOSS_CLASSES], predicted[FSEG_LOSS_CLASSES], truth[FSEG_LOSS_CLASSES];
    double cross_entropy;
} fseg_class_sums;

/* The value, and d loss / d p for a pixel of the class (`inside`) or not, from the sums alone:
 * both Dice and Tversky are functions of the three sums. */
double fseg_overlap_losses(const fseg_loss_options *options, const fseg_class_sums *sums,
                           int classes, double inside[FSEG_LOSS_CLASSES],
                           double outside[FSEG_LOSS_CLASSES]);

#endif
