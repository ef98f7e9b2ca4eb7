/* Segmentation losses in single precision, and their defaults. */
#define REAL float
#define LOSS_NAME fseg_loss_f32
#include "loss_body.h"

fseg_loss_options fseg_loss_default_options(void)
{
    fseg_loss_options options = {.dice_weight = 0.5,
                                 .cross_entropy_weight = 0.5,
                                 .tversky_weight = 0.0,
                                 .tversky_alpha = 0.3,
                                 .tversky_beta = 0.7,
                                 .smooth = 1e-5,
                                 .include_background = 1};
    return options;
}
