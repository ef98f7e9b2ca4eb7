/* The trainer as its own files see it. */
#ifndef FSEG_TRAINER_INTERNAL_H
#define FSEG_TRAINER_INTERNAL_H

#include "frugalseg/trainer.h"
#include "head.h"
#include "network.h"

/* A head on a lower level of the decoder, for the loss alone. */
typedef struct fseg_supervision {
    fseg_head *head;
    int node, height, width;
    double weight;
    float *features, *dlogits; /* [share, channels or classes, height, width] */
    uint8_t *labels;           /* [share, height, width] */
} fseg_supervision;

enum { FSEG_SUPERVISIONS = 2 }; /* at most: half and quarter size */

struct fseg_trainer {
    fseg_context *context;
    fseg_communicator *communicator; /* null: one process */
    int share;                       /* of the batch, that this process works on */
    fseg_model *model;
    fseg_trainer_options options;
    fseg_network *network;
    fseg_supervision supervisions[FSEG_SUPERVISIONS];
    int supervision_count;
    fseg_tensor *tensors; /* the model's, then the heads' */
    size_t tensor_count, parameter_count;
    /* One value a parameter, in the order of the tensors. */
    float *gradient, *first_moment, *second_moment;
    float **gradients; /* per tensor, into `gradient` */
    float *logits, *dlogits;
    fseg_progress progress;
    float *average; /* of the weights; null when there is none. While shown: the weights */
    int average_shown;
    float *best; /* the weights of the best score, one value a parameter; null before any */
    fseg_trainer_best best_score;
    int done;
    size_t bytes;
};

/* trainer_supervision.c */

/* The nodes that the heads read, for the plan of the network; 0 of them without heads. */
int fseg_supervision_nodes(const fseg_model *model, const fseg_trainer_options *options,
                           int nodes[FSEG_SUPERVISIONS]);
/* The heads of `count` nodes. */
fseg_status fseg_supervision_create(fseg_trainer *trainer, const int *nodes, int count,
                                    fseg_error *error);
void fseg_supervision_free(fseg_trainer *trainer);
/* After a forward pass: add the heads' losses to *loss, their gradients to the trainer's, and give
 * what goes back into the network. */
fseg_status fseg_supervision_run(fseg_trainer *trainer, const uint8_t *labels, double *loss,
                                 fseg_injection injections[FSEG_SUPERVISIONS]);

/* trainer_average.c: after a step. */
void fseg_average_update(fseg_trainer *trainer);

#endif
