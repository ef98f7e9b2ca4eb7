/* The trainer as its own files see it. */
#ifndef FSEG_TRAINER_INTERNAL_H
#define FSEG_TRAINER_INTERNAL_H

#include "frugalseg/trainer.h"
#include "network.h"

struct fseg_trainer {
    fseg_context *context;
    fseg_communicator *communicator; /* null: one process */
    int share;                       /* of the batch, that this process works on */
    fseg_model *model;
    fseg_trainer_options options;
    fseg_network *network;
    /* One value a parameter, in the order of the model's storage. */
    float *gradient, *first_moment, *second_moment;
    float **gradients; /* per tensor, into `gradient` */
    float *logits, *dlogits;
    fseg_progress progress;
    float *best; /* the weights of the best score, one value a parameter; null before any */
    fseg_trainer_best best_score;
    int done;
    size_t bytes;
};

#endif
