/*
 * Execution of a model's graph for one batch size and image size: forward for inference (memory
 * reused between nodes), forward and backward for training (everything kept).
 */
#ifndef FSEG_NETWORK_H
#define FSEG_NETWORK_H

#include "context_internal.h"
#include "model_internal.h"

typedef struct fseg_network fseg_network;

fseg_status fseg_network_create(fseg_context *context, const fseg_model *model, int batch,
                                int height, int width, int training, fseg_network **out,
                                fseg_error *error);
void fseg_network_free(fseg_network *network);

/* Bytes of activations, gradients, packed weights and scratch. */
size_t fseg_network_memory(const fseg_network *network);

/* Take over the model's current weights; done once by create. */
void fseg_network_pack(fseg_network *network);

/* images [count, C, H, W] -> logits [count, K, H, W], count <= batch; progress is polled between
 * nodes, mapped to first..first + share of the whole call. */
fseg_status fseg_network_forward(fseg_network *network, const float *images, int count,
                                 float *logits, const fseg_progress *progress, double first,
                                 double share);

/* Gradients of all tensors (gradients[i] of tensor i, same shape) from d loss / d logits, after a
 * forward pass of the same count in a training network. */
void fseg_network_backward(fseg_network *network, const float *dlogits, float *const *gradients);

#endif
