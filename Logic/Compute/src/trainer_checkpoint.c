/* Saving and restoring a trainer, and the best weights so far. */
#include "checkpoint.h"
#include "trainer_internal.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `early_stop` [FSEG_EARLY_STOP_LENGTH] */
static fseg_checkpoint describe(const fseg_trainer *trainer, char *early_stop)
{
    return (fseg_checkpoint){.kind = "checkpoint",
                             .model = trainer->model,
                             .tensors = trainer->tensors,
                             .tensor_count = trainer->tensor_count,
                             .first_moment = trainer->first_moment,
                             .second_moment = trainer->second_moment,
                             .best = trainer->best,
                             .average = trainer->average,
                             .early_stop = early_stop};
}

static fseg_status reserve_best(fseg_trainer *trainer, fseg_error *error)
{
    if (!trainer->best) {
        trainer->best = calloc(trainer->parameter_count, sizeof(float)); /* heads: zeros */
        trainer->bytes += trainer->best ? trainer->parameter_count * sizeof(float) : 0;
    }
    return trainer->best ? FSEG_OK
                         : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                                          "not enough memory to keep the best weights");
}

fseg_status fseg_trainer_note_score(fseg_trainer *trainer, double score, fseg_error *error)
{
    if (!trainer || !isfinite(score))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a score needs a trainer and a finite number");
    const fseg_status status = reserve_best(trainer, error);
    if (status != FSEG_OK)
        return status;
    fseg_trainer_best *best = &trainer->best_score;
    if (best->scores == 0 || score > best->score) {
        memcpy(trainer->best, trainer->model->storage,
               trainer->model->parameter_count * sizeof(float));
        best->score = score;
        best->step = trainer->done;
        best->since_best = 0;
    } else {
        ++best->since_best;
    }
    ++best->scores;
    return FSEG_OK;
}

fseg_trainer_best fseg_trainer_best_score(const fseg_trainer *trainer)
{
    return trainer ? trainer->best_score : (fseg_trainer_best){.scores = 0};
}

void fseg_trainer_use_best(fseg_trainer *trainer)
{
    if (!trainer || trainer->best_score.scores == 0)
        return;
    memcpy(trainer->model->storage, trainer->best, trainer->model->parameter_count * sizeof(float));
    fseg_network_pack(trainer->network);
}

fseg_status fseg_trainer_save(const fseg_trainer *trainer, const char *path, fseg_error *error)
{
    if (!trainer || !path)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a checkpoint needs a trainer and a path");
    char early_stop[FSEG_EARLY_STOP_LENGTH] = "";
    const fseg_trainer_best *best = &trainer->best_score;
    if (best->scores > 0)
        snprintf(early_stop, sizeof early_stop, "%d %d %d %.17g", best->scores, best->since_best,
                 best->step, best->score);
    const fseg_checkpoint checkpoint = describe(trainer, early_stop);
    return fseg_checkpoint_write(&checkpoint, trainer->done, path, error);
}

fseg_status fseg_trainer_restore(fseg_trainer *trainer, const char *path, fseg_error *error)
{
    if (!trainer || !path)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "restoring needs a trainer and the path of a checkpoint");
    fseg_status status = reserve_best(trainer, error);
    if (status != FSEG_OK)
        return status;
    char early_stop[FSEG_EARLY_STOP_LENGTH];
    const fseg_checkpoint checkpoint = describe(trainer, early_stop);
    status = fseg_checkpoint_read(&checkpoint, trainer->options.steps, path, &trainer->done, error);
    if (status != FSEG_OK)
        return status;
    fseg_trainer_best best = {.scores = 0};
    if (sscanf(early_stop, "%d %d %d %lg", &best.scores, &best.since_best, &best.step,
               &best.score) != 4)
        best = (fseg_trainer_best){.scores = 0};
    trainer->best_score = best;
    fseg_network_pack(trainer->network);
    return FSEG_OK;
}
