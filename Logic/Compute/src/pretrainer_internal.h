/* The pretrainer as its own files see it. */
#ifndef FSEG_PRETRAINER_INTERNAL_H
#define FSEG_PRETRAINER_INTERNAL_H

#include "frugalseg/pretrainer.h"
#include "head.h"
#include "network.h"

/* One loss: images through part of the network to the features of a node, then a head. */
typedef struct fseg_branch {
    fseg_network *network;
    fseg_head *head;
    int node, images;
    float *x;        /* [images, C, H, W] */
    float *features; /* of the node */
    float *dy;       /* d loss / d head output */
} fseg_branch;

/* What a branch needs, before anything is allocated. */
typedef struct fseg_branch_plan {
    int images;
    fseg_network_scope scope;
    fseg_head_config head;
    size_t x_count, feature_count;
} fseg_branch_plan;

struct fseg_pretrainer {
    fseg_context *context;
    fseg_communicator *communicator; /* null: one process */
    int ranks, rank;
    fseg_model *model;
    fseg_pretrainer_options options;
    fseg_branch restoring, contrast; /* network null: not trained */
    float *target;                   /* of the restoring branch */
    uint8_t *mask;
    float *windows;             /* of this rank's slices of a contrastive batch, unchanged */
    uint8_t *labels;            /* and their constraint maps */
    fseg_slice_choice *choices; /* of the whole batch, on every rank */
    double *positions;
    /* In the order of the model's storage; gradients[i] points into branch_gradient. */
    float *gradient, *branch_gradient, **gradients;
    /* Model, restoring head, contrast head. */
    float *first_moment, *second_moment;
    int done;
    size_t bytes;
    int has_culprit; /* the slice whose output was not finite */
    fseg_slice_choice culprit;
};

/* Values of all moments. */
size_t fseg_pretrainer_value_count(const fseg_pretrainer *p);
/* Slices of a contrastive batch. */
static inline int fseg_pretrainer_slices(const fseg_pretrainer_options *o)
{
    return o->volumes * o->partitions;
}

/* Images of a restoring batch and slices of a contrastive one that this rank works on; the first of
 * them in the whole batch is rank times that. */
static inline int fseg_pretrainer_own_batch(const fseg_pretrainer *p)
{
    return p->options.batch / p->ranks;
}
static inline int fseg_pretrainer_own_slices(const fseg_pretrainer *p)
{
    return fseg_pretrainer_slices(&p->options) / p->ranks;
}

/* Loss and gradients (added to p->gradient with `weight`, written in the head) of one batch. */
fseg_status fseg_pretrainer_restoring(fseg_pretrainer *p, const fseg_sampler *sampler, int step,
                                      double *loss);
fseg_status fseg_pretrainer_contrast(fseg_pretrainer *p, const fseg_sampler *sampler, int step,
                                     double weight, double *loss);
/* The common ends of both: images -> head output, and back from branch->dy. */
fseg_status fseg_branch_forward(fseg_pretrainer *p, fseg_branch *branch, const float **y);
fseg_status fseg_branch_backward(fseg_pretrainer *p, fseg_branch *branch);
/* Remember the slice of the first of `images` outputs y [images, dim] that is not finite; image i
 * shows the slice i % slices of this rank's. */
void fseg_pretrainer_note_culprit(fseg_pretrainer *p, const float *y, size_t images, size_t dim,
                                  size_t slices);

/* pretrainer_share.c: what couples the ranks. All are collective and give all ranks one status. */

/* Loss and its gradient of vectors z [images, rows, dim] of this rank (images = views x its slices)
 * and those of all ranks; `make` makes the pairs of the whole batch. */
fseg_status fseg_pretrainer_shared_contrast(fseg_pretrainer *p,
                                            const fseg_contrast_options *options,
                                            fseg_status (*make)(fseg_pretrainer *, fseg_pair_set *),
                                            const float *z, float *dz, double *loss);
/* A mean over `values` of this rank becomes the mean over all ranks'; *scale is what its gradient
 * is to be multiplied with. */
fseg_status fseg_pretrainer_shared_mean(fseg_pretrainer *p, fseg_status status, double values,
                                        double *mean, double *scale);
/* Sum the gradients of model and heads; make losses and culprit those of all ranks. */
fseg_status fseg_pretrainer_sum_gradients(fseg_pretrainer *p);
void fseg_pretrainer_share_culprit(fseg_pretrainer *p);

#endif
