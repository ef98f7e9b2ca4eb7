/* The planned network as its own files see it. */
#ifndef FSEG_NETWORK_INTERNAL_H
#define FSEG_NETWORK_INTERNAL_H

#include "blocked.h"
#include "network.h"

/* Algorithm of a convolution (network_fast.h). */
typedef enum fseg_conv_method {
    FSEG_CONV_DIRECT,
    FSEG_CONV_WINOGRAD,
    FSEG_CONV_ENLARGE, /* upsampling and 2x2 in nested form */
    FSEG_CONV_FIRST,   /* reads the plain image */
    FSEG_CONV_LAST     /* writes plain logits */
} fseg_conv_method;

/* What a node needs at run time. */
typedef struct fseg_step {
    fseg_node node;
    int is_view;           /* never computed: a concatenation, or an upsampling that the following
                              convolution does itself */
    fseg_blocked out;      /* data null for a view */
    fseg_blocked gradient; /* training only; shared with the input of a NORM_RELU */
    int has_gradient;      /* during a backward pass */
    /* convolution */
    fseg_conv_method method;
    fseg_conv_shape shape;
    int sources[2]; /* nodes behind the view, if there is one */
    float *packed, *packed_back[2], *bias;
    /* GroupNorm: statistics [batch * groups] */
    float *mean, *inverse_deviation;
    float *norm_map;  /* scale and shift, when the readers normalize by themselves; else null */
    int needs_border; /* somebody reads the border of `out`: it must be zero */
    int norm_follows; /* index of the NORM_RELU that consumes this convolution, or -1 */
    /* training, network_memory.c */
    void *place[2];  /* of `out` in the forward and in the backward pass */
    int keep;        /* `out` can be read until the backward pass of its first reader */
    int revived_by;  /* the step before whose backward pass `out` is computed again; or -1 */
    int gradient_by; /* the step whose backward pass writes `gradient` first */
} fseg_step;

struct fseg_network {
    fseg_context *context;
    const fseg_model *model;
    const fseg_kernels *kernels;
    size_t element_size; /* of all tensors but the logits, which are float */
    int batch, height, width, training, count;
    fseg_step *steps;
    size_t step_count;
    float *arena; /* one block behind all tensors */
    float *map;   /* scratch of GroupNorm */
    float *tile_scratch;
    const float *images; /* of the current pass */
    float *logits;       /* of the current pass, when the last node writes them itself */
    float *conv_sums;    /* statistics that a convolution leaves for the GroupNorm after it */
    double *sums;
    float *weight_scratch;
    float *zeros; /* in place of the encoder's features, when there are no skips */
    int no_skips, direct;
    int first_trained;      /* nodes before it get no gradient: 0, or the first after the encoder */
    fseg_progress progress; /* polled in backward passes */
    int cancelled;          /* it asked to stop in the last backward pass */
    int dry;                /* nothing is allocated, bytes are only counted */
    size_t bytes;
};

/* Aligned zeros that count as memory of the network; in a dry run they are only counted. */
float *fseg_network_take(fseg_network *network, size_t floats);

/* network_memory.c: give every tensor of a network whose steps are known its place. */
fseg_status fseg_network_place(fseg_network *network);
/* Training. Before a forward pass; and before the backward pass of step i: tensors that were given
 * up are computed again, borders of gradients that begin are zeroed. */
void fseg_network_rewind(fseg_network *network);
void fseg_network_revive(fseg_network *network, int i);

#endif
