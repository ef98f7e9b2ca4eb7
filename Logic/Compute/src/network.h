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

/* Parts of the graph for pretraining. */
typedef struct fseg_network_scope {
    int last;     /* index of the last node that is run; the rest is neither planned nor held */
    int no_skips; /* training only: convolutions see zeros in place of the encoder's features */
    int direct;   /* training only: every convolution by definition, the yardstick of the others */
    fseg_precision precision; /* of activations and gradients; the context must support it */
    int keep[FSEG_MAX_LEVELS], keep_count; /* training only: nodes to be read after the forward
                                              pass, besides the last one */
} fseg_network_scope;

/* Index of the node `name`, or -1. */
int fseg_network_find_node(const fseg_model *model, const char *name);
/* A training network of the nodes up to scope->last. */
fseg_status fseg_network_create_scope(fseg_context *context, const fseg_model *model, int batch,
                                      int height, int width, const fseg_network_scope *scope,
                                      fseg_network **out, fseg_error *error);
/* Bytes that it would hold; allocates next to nothing. 0 when the sizes are impossible. */
size_t fseg_network_predict(const fseg_model *model, int batch, int height, int width,
                            const fseg_network_scope *scope);
/* The same for inference in single precision. */
size_t fseg_network_predict_inference(const fseg_model *model, int batch, int height, int width);
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

/* The pieces, for training networks: run the nodes; read the output of the last one as [count,
 * channels, h, w], before the backward pass; and go back from d loss / d output of several nodes.
 * Nodes that no gradient reaches are skipped, and their weights' gradients are zero. */
void fseg_network_run(fseg_network *network, const float *images, int count);
void fseg_network_read(fseg_network *network, int node, float *features);
typedef struct fseg_injection {
    int node;
    const float *gradient;
} fseg_injection;
/* Later backward passes end before the encoder: its gradients are zero, and cost nothing. */
void fseg_network_freeze_encoder(fseg_network *network);
/* Poll `progress` (copied; null: do not) between the nodes of later backward passes, fractions 0.33
 * to 1. When it asks to stop, the rest is skipped and the gradients are of no use. */
void fseg_network_set_progress(fseg_network *network, const fseg_progress *progress);
int fseg_network_cancelled(const fseg_network *network);
void fseg_network_backward_from(fseg_network *network, const fseg_injection *injections,
                                int injection_count, float *const *gradients);

#endif
