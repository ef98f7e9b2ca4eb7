/*
 * Heads: small networks on the features of one node, used while pretraining and then dropped. A
 * head is a chain of operators of the table on plain tensors and owns its weights.
 */
#ifndef FSEG_HEAD_H
#define FSEG_HEAD_H

#include "frugalseg/context.h"
#include "frugalseg/model.h"

typedef enum fseg_head_kind {
    FSEG_HEAD_POOLED,    /* average pool -> dense 128 -> ReLU -> dense 128; any image size */
    FSEG_HEAD_FLATTENED, /* dense 1024 -> ReLU -> dense 128 on all values; one image size */
    FSEG_HEAD_LOCAL,     /* conv1x1 64 -> GroupNorm, ReLU -> conv1x1 64 */
    FSEG_HEAD_REGIONS,   /* local, then 13 regions of 3 x 3 flattened -> dense 128 */
    FSEG_HEAD_RESTORING  /* conv1x1 with bias to the image's channels */
} fseg_head_kind;

typedef struct fseg_head_config {
    fseg_head_kind kind;
    int batch, channels, height, width; /* of the features */
    int image_channels;                 /* restoring head */
    float norm_epsilon;
    uint64_t seed;
} fseg_head_config;

typedef struct fseg_head fseg_head;

/* He-normal weights; projection heads have no biases. */
fseg_status fseg_head_create(const fseg_head_config *config, fseg_head **out, fseg_error *error);
void fseg_head_free(fseg_head *head);
/* Bytes that a head of this configuration holds. */
size_t fseg_head_predict(const fseg_head_config *config);

/* Rows and length of the vectors, or the channels and pixels of the image, that the head gives. */
size_t fseg_head_output_count(const fseg_head *head);
size_t fseg_head_output_dim(const fseg_head *head);

/* Weights: `storage` behind all tensors in order, `gradient` of the same layout. */
size_t fseg_head_tensor_count(const fseg_head *head);
const fseg_tensor *fseg_head_tensor(const fseg_head *head, size_t index);
size_t fseg_head_parameter_count(const fseg_head *head);
float *fseg_head_storage(fseg_head *head);
float *fseg_head_gradient(fseg_head *head);

/* Features [batch, channels, height, width] -> *y, which the head owns. x must stay until the
 * backward pass. */
fseg_status fseg_head_forward(fseg_head *head, fseg_context *context, const float *x,
                              const float **y);
/* d loss / d y -> gradients of the weights and *dx, which the head owns. */
fseg_status fseg_head_backward(fseg_head *head, fseg_context *context, const float *x,
                               const float *dy, const float **dx);

#endif
