/* Saving and restoring a pretrainer: the model's tensors, then those of its heads. */
#include "checkpoint.h"
#include "pretrainer_internal.h"
#include <stdlib.h>

/* Copies of all tensors' entries, in the order of the moments; null when out of memory. */
static fseg_tensor *list_tensors(const fseg_pretrainer *p, size_t *count)
{
    const size_t model = p->model->tensor_count;
    const size_t restoring = fseg_head_tensor_count(p->restoring.head);
    *count = model + restoring + fseg_head_tensor_count(p->contrast.head);
    fseg_tensor *list = calloc(*count, sizeof *list);
    for (size_t i = 0; list && i < *count; ++i)
        list[i] = i < model ? p->model->tensors[i]
                  : i < model + restoring
                      ? *fseg_head_tensor(p->restoring.head, i - model)
                      : *fseg_head_tensor(p->contrast.head, i - model - restoring);
    return list;
}

static fseg_checkpoint describe(const fseg_pretrainer *p, const fseg_tensor *tensors, size_t count)
{
    return (fseg_checkpoint){.kind = "pretraining",
                             .model = p->model,
                             .tensors = tensors,
                             .tensor_count = count,
                             .first_moment = p->first_moment,
                             .second_moment = p->second_moment};
}

static fseg_status out_of_memory(fseg_error *error)
{
    return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a checkpoint");
}

fseg_status fseg_pretrainer_save(const fseg_pretrainer *pretrainer, const char *path,
                                 fseg_error *error)
{
    if (!pretrainer || !path)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a checkpoint needs a pretrainer and a path");
    size_t count;
    fseg_tensor *tensors = list_tensors(pretrainer, &count);
    if (!tensors)
        return out_of_memory(error);
    const fseg_checkpoint checkpoint = describe(pretrainer, tensors, count);
    const fseg_status status = fseg_checkpoint_write(&checkpoint, pretrainer->done, path, error);
    free(tensors);
    return status;
}

fseg_status fseg_pretrainer_restore(fseg_pretrainer *pretrainer, const char *path,
                                    fseg_error *error)
{
    fseg_pretrainer *p = pretrainer;
    if (!p || !path)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "restoring needs a pretrainer and the path of a checkpoint");
    size_t count;
    fseg_tensor *tensors = list_tensors(p, &count);
    if (!tensors)
        return out_of_memory(error);
    const fseg_checkpoint checkpoint = describe(p, tensors, count);
    const fseg_status status =
        fseg_checkpoint_read(&checkpoint, p->options.steps, path, &p->done, error);
    free(tensors);
    if (status == FSEG_OK) {
        if (p->restoring.network)
            fseg_network_pack(p->restoring.network);
        if (p->contrast.network)
            fseg_network_pack(p->contrast.network);
    }
    return status;
}
