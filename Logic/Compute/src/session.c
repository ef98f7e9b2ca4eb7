#include "frugalseg/session.h"
#include "blocked.h"
#include "network.h"
#include "softmax.h"
#include <stdlib.h>

struct fseg_session {
    fseg_context *context;
    fseg_network *network;
    int batch, channels, classes, height, width;
};

/*
 * Slices that go through the network together. Those of a larger batch go one after the other,
 * because the tensors of one slice at full size stay in the last-level cache from one layer to the
 * next and those of many do not (measured at 256 x 256: 7.5 ms a slice instead of 9.5).
 */
enum { TOGETHER_BYTES = 5 * 1024 * 1024 };

static int slices_together(const fseg_context *context, const fseg_model *model, int batch,
                           int height, int width)
{
    if (batch <= 1 || height < 1 || width < 1)
        return batch;
    const size_t size = fseg_context_inference_kernels(context)->element_size;
    const size_t bytes =
        fseg_blocked_elements(1, fseg_model_config(model)->widths[0], height, width) * size;
    const size_t most = bytes < TOGETHER_BYTES ? TOGETHER_BYTES / bytes : 1;
    if ((size_t)batch <= most)
        return batch;
    const size_t passes = ((size_t)batch + most - 1) / most;
    return (int)(((size_t)batch + passes - 1) / passes);
}

fseg_status fseg_session_create(fseg_context *context, const fseg_model *model, int batch,
                                int height, int width, fseg_session **out, fseg_error *error)
{
    if (!out)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "no place for the session given");
    *out = NULL;
    if (!context || !model)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a session needs a context and a model");
    fseg_session *session = calloc(1, sizeof *session);
    if (!session)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a session");
    const fseg_unet_config *config = fseg_model_config(model);
    session->context = context;
    session->batch = slices_together(context, model, batch, height, width);
    session->channels = config->in_channels;
    session->classes = config->classes;
    session->height = height;
    session->width = width;
    const fseg_status status = fseg_network_create(context, model, session->batch, height, width, 0,
                                                   &session->network, error);
    if (status != FSEG_OK) {
        free(session);
        return status;
    }
    *out = session;
    return FSEG_OK;
}

void fseg_session_free(fseg_session *session)
{
    if (!session)
        return;
    fseg_network_free(session->network);
    free(session);
}

size_t fseg_session_memory(const fseg_session *session)
{
    return session ? fseg_network_memory(session->network) : 0;
}

size_t fseg_session_predict_memory(const fseg_model *model, int batch, int height, int width)
{
    if (!model)
        return 0;
    return fseg_network_predict_inference(model, slices_together(NULL, model, batch, height, width),
                                          height, width);
}

fseg_status fseg_session_logits(fseg_session *session, const float *images, size_t count,
                                float *logits, const fseg_progress *progress, fseg_error *error)
{
    if (!session || !images || !logits)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "inference needs a session, images and a place for the result");
    const size_t pixels = (size_t)session->height * (size_t)session->width;
    for (size_t i = 0; i < count; i += (size_t)session->batch) {
        const size_t left = count - i;
        const int batch = left < (size_t)session->batch ? (int)left : session->batch;
        const fseg_status status =
            fseg_network_forward(session->network, images + i * (size_t)session->channels * pixels,
                                 batch, logits + i * (size_t)session->classes * pixels, progress,
                                 (double)i / (double)count, (double)batch / (double)count);
        if (status != FSEG_OK)
            return fseg_error_set(error, status, "the segmentation was cancelled");
    }
    return FSEG_OK;
}

fseg_status fseg_session_probabilities(fseg_session *session, const float *images, size_t count,
                                       float *probabilities, const fseg_progress *progress,
                                       fseg_error *error)
{
    const fseg_status status =
        fseg_session_logits(session, images, count, probabilities, progress, error);
    if (status == FSEG_OK)
        fseg_softmax_inplace(session->context, probabilities, count, session->classes,
                             (size_t)session->height * (size_t)session->width);
    return status;
}
