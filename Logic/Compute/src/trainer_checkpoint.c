/* Saving and restoring a trainer. */
#include "checkpoint.h"
#include "trainer_internal.h"

static fseg_checkpoint describe(const fseg_trainer *trainer)
{
    return (fseg_checkpoint){.kind = "checkpoint",
                             .model = trainer->model,
                             .tensors = trainer->model->tensors,
                             .tensor_count = trainer->model->tensor_count,
                             .first_moment = trainer->first_moment,
                             .second_moment = trainer->second_moment};
}

fseg_status fseg_trainer_save(const fseg_trainer *trainer, const char *path, fseg_error *error)
{
    if (!trainer || !path)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a checkpoint needs a trainer and a path");
    const fseg_checkpoint checkpoint = describe(trainer);
    return fseg_checkpoint_write(&checkpoint, trainer->done, path, error);
}

fseg_status fseg_trainer_restore(fseg_trainer *trainer, const char *path, fseg_error *error)
{
    if (!trainer || !path)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "restoring needs a trainer and the path of a checkpoint");
    const fseg_checkpoint checkpoint = describe(trainer);
    const fseg_status status =
        fseg_checkpoint_read(&checkpoint, trainer->options.steps, path, &trainer->done, error);
    if (status == FSEG_OK)
        fseg_network_pack(trainer->network);
    return status;
}
