/**
 * @file session.h
 * Inference: an execution plan of one model for one input size, with all memory planned up front.
 */
#ifndef FRUGALSEG_SESSION_H
#define FRUGALSEG_SESSION_H

#include "context.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fseg_session fseg_session;

/**
 * Plan inference of up to `batch` slices of height x width (multiples of fseg_unet_size_multiple).
 * More slices than the processor's cache holds go through the network one after the other, whatever
 * the batch: a larger one costs no more memory then.
 * Context and model must outlive the session; the weights are packed here, so later changes of the
 * model's tensors do not reach the session.
 */
fseg_status fseg_session_create(fseg_context *context, const fseg_model *model, int batch,
                                int height, int width, fseg_session **out, fseg_error *error);
void fseg_session_free(fseg_session *session);

/** Bytes that the session holds: activations and packed weights. */
size_t fseg_session_memory(const fseg_session *session);

/** The same before there is one, for a context that is created without saying how many threads;
 *  allocates next to nothing. 0 when the sizes are impossible. */
size_t fseg_session_predict_memory(const fseg_model *model, int batch, int height, int width);

/**
 * images [count, C_in, H, W] -> logits [count, K, H, W], count any number; processed in batches.
 * Both buffers belong to the caller and may not overlap. Cancelled: logits are partly written.
 */
fseg_status fseg_session_logits(fseg_session *session, const float *images, size_t count,
                                float *logits, const fseg_progress *progress, fseg_error *error);

/** The same, with softmax over the K classes: probabilities [count, K, H, W]. */
fseg_status fseg_session_probabilities(fseg_session *session, const float *images, size_t count,
                                       float *probabilities, const fseg_progress *progress,
                                       fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
