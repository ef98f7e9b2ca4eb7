/* Checkpoints of training and pretraining: weights, optimizer moments and step count in one file,
 * written atomically and read whole before anything is changed. */
#ifndef FSEG_CHECKPOINT_H
#define FSEG_CHECKPOINT_H

#include "frugalseg/model.h"

/* What a checkpoint holds. Tensors named "x" bring "adam.m.x" and "adam.v.x"; the moments lie in
 * the order of the tensors, without gaps. */
typedef struct fseg_checkpoint {
    const char *kind;        /* tells the runs apart: "checkpoint", "pretraining" */
    const fseg_model *model; /* its architecture and card go along */
    const fseg_tensor *tensors;
    size_t tensor_count;
    float *first_moment, *second_moment;
    /* Early stopping; both null or both given. `best` holds the best weights so far, tensors
     * "best.x", in the order of the moments. `early_stop` is a line of text: "" when there is no
     * best yet, and then `best` is neither written nor read. */
    float *best;
    /* The moving average of the weights, in the same order, tensors "average.x"; or null. */
    float *average;
    char *early_stop; /* [FSEG_EARLY_STOP_LENGTH]; reading fills it */
} fseg_checkpoint;

enum { FSEG_EARLY_STOP_LENGTH = 96 };

fseg_status fseg_checkpoint_write(const fseg_checkpoint *checkpoint, int steps_done,
                                  const char *path, fseg_error *error);
/* Into the tensors and moments; FSEG_ERROR_FILE_FORMAT for another kind or more than `steps` steps.
 * On failure nothing is changed. */
fseg_status fseg_checkpoint_read(const fseg_checkpoint *checkpoint, int steps, const char *path,
                                 int *steps_done, fseg_error *error);

#endif
