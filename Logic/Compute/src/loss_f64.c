/* Segmentation losses in double precision: the oracle of finite differences. */
#define REAL double
#define LOSS_NAME fseg_loss_f64
#include "loss_body.h"
