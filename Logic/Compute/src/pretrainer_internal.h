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
    fseg_model *model;
    fseg_pretrainer_options options;
    fseg_branch restoring, contrast; /* network null: not trained */
    float *target;                   /* of the restoring branch */
    uint8_t *mask;
    uint8_t *labels; /* constraint maps */
    fseg_slice_choice *choices;
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

/* Loss and gradients (added to p->gradient with `weight`, written in the head) of one batch. */
fseg_status fseg_pretrainer_restoring(fseg_pretrainer *p, const fseg_sampler *sampler, int step,
                                      double *loss);
fseg_status fseg_pretrainer_contrast(fseg_pretrainer *p, const fseg_sampler *sampler, int step,
                                     double weight, double *loss);
/* The common ends of both: images -> head output, and back from branch->dy. */
fseg_status fseg_branch_forward(fseg_pretrainer *p, fseg_branch *branch, const float **y);
fseg_status fseg_branch_backward(fseg_pretrainer *p, fseg_branch *branch);
/* Remember the slice of the first of `images` outputs y [images, dim] that is not finite; image i
 * shows choices[i % slices]. */
void fseg_pretrainer_note_culprit(fseg_pretrainer *p, const float *y, size_t images, size_t dim,
                                  size_t slices);

#endif
