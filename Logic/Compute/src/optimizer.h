/* Adam (Kingma & Ba 2015) with decoupled weight decay (Loshchilov & Hutter 2019), the schedule, and
 * what they act on; shared by supervised training and pretraining. */
#ifndef FSEG_OPTIMIZER_H
#define FSEG_OPTIMIZER_H

#include "frugalseg/context.h"
#include "frugalseg/model.h"

typedef struct fseg_adam {
    double beta1, beta2, epsilon, weight_decay;
    int step; /* 1 for the first update */
} fseg_adam;

/* Update `count` values; the gradient is first multiplied by `clip`. */
void fseg_adam_update(const fseg_adam *adam, double rate, float clip, int decays, size_t count,
                      float *values, const float *gradient, float *first_moment,
                      float *second_moment);

/* Linear warm-up, then cosine from the peak to final * peak. */
double fseg_warmup_cosine(double peak, double final, int warmup, int steps, int step);

/* Squared L2 norm, summed in double, in an order that depends on `count` alone. */
double fseg_square_norm(fseg_context *context, const float *values, size_t count);

/* Whether a tensor of the network belongs to the encoder ("enc...") or the decoder ("dec..."). */
int fseg_is_encoder(const fseg_tensor *tensor);
int fseg_is_decoder(const fseg_tensor *tensor);

#endif
