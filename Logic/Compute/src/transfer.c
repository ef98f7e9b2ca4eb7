/* Weights of a pretrained model into one that is to be fine-tuned. */
#include "frugalseg/trainer.h"
#include "model_internal.h"
#include "optimizer.h"
#include <string.h>

static int is_wanted(const fseg_tensor *tensor, fseg_transfer scope)
{
    return fseg_is_encoder(tensor) ||
           (scope == FSEG_TRANSFER_ENCODER_DECODER && fseg_is_decoder(tensor));
}

fseg_status fseg_model_transfer(fseg_model *model, const fseg_model *from, fseg_transfer scope,
                                fseg_error *error)
{
    if (!model || !from ||
        (scope != FSEG_TRANSFER_ENCODER && scope != FSEG_TRANSFER_ENCODER_DECODER))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a transfer needs two models and encoder or encoder and decoder");
    for (size_t i = 0; i < model->tensor_count; ++i) {
        const fseg_tensor *t = &model->tensors[i];
        if (!is_wanted(t, scope))
            continue;
        const fseg_tensor *source = fseg_model_find(from, t->name);
        if (!source || source->rank != t->rank ||
            memcmp(source->shape, t->shape, sizeof t->shape) != 0)
            return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                  "the initial model's tensor %s is missing or of another shape; "
                                  "use a model with the same levels, widths and input channels",
                                  t->name);
    }
    for (size_t i = 0; i < model->tensor_count; ++i) {
        const fseg_tensor *t = &model->tensors[i];
        if (is_wanted(t, scope))
            memcpy(t->data, fseg_model_find(from, t->name)->data, t->count * sizeof(float));
    }
    return FSEG_OK;
}
