/* Checkpoints: model, optimizer moments and step count in one file, written atomically. */
#include "model_file.h"
#include "trainer_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const prefixes[3] = {"", "adam.m.", "adam.v."};

/* The tensors of a checkpoint: those of the model, then both moments under prefixed names. */
static fseg_tensor *list_tensors(const fseg_trainer *trainer)
{
    const fseg_model *model = trainer->model;
    fseg_tensor *list = calloc(3 * model->tensor_count, sizeof *list);
    float *const bases[3] = {model->storage, trainer->first_moment, trainer->second_moment};
    for (size_t k = 0; list && k < 3; ++k)
        for (size_t i = 0; i < model->tensor_count; ++i) {
            fseg_tensor *t = &list[k * model->tensor_count + i];
            *t = model->tensors[i];
            t->data = bases[k] + (model->tensors[i].data - model->storage);
            const int length =
                snprintf(t->name, sizeof t->name, "%s%s", prefixes[k], model->tensors[i].name);
            if (length < 0 || (size_t)length >= sizeof t->name) {
                free(list);
                return NULL;
            }
        }
    return list;
}

fseg_status fseg_trainer_save(const fseg_trainer *trainer, const char *path, fseg_error *error)
{
    if (!trainer || !path)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a checkpoint needs a trainer and a path");
    char done[32], *architecture = fseg_architecture_to_json(&trainer->model->config);
    snprintf(done, sizeof done, "%d", trainer->done);
    fseg_tensor *list = list_tensors(trainer);
    fseg_status status;
    if (!architecture || !list) {
        status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                                "not enough memory to write the checkpoint");
    } else {
        const fseg_metadata metadata[] = {{FSEG_METADATA_KIND, "checkpoint"},
                                          {FSEG_METADATA_ARCHITECTURE, architecture},
                                          {FSEG_METADATA_CARD, fseg_model_card(trainer->model)},
                                          {"steps_done", done}};
        status = fseg_tensor_file_write(path, metadata, sizeof metadata / sizeof metadata[0], list,
                                        3 * trainer->model->tensor_count, error);
    }
    free(list);
    free(architecture);
    return status;
}

/* Read everything into `buffer` (three times the parameters) before anything is changed. */
static fseg_status read_all(const fseg_trainer *trainer, const fseg_tensor_file *file,
                            float *buffer, fseg_error *error)
{
    fseg_tensor *list = list_tensors(trainer);
    if (!list)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                              "not enough memory to read the checkpoint");
    fseg_status status = FSEG_OK;
    const size_t count = 3 * trainer->model->tensor_count;
    for (size_t i = 0; status == FSEG_OK && i < count; ++i) {
        status = fseg_tensor_file_read(file, list[i].name, &list[i], buffer, error);
        buffer += list[i].count;
    }
    free(list);
    return status;
}

fseg_status fseg_trainer_restore(fseg_trainer *trainer, const char *path, fseg_error *error)
{
    if (!trainer || !path)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "restoring needs a trainer and the path of a checkpoint");
    fseg_tensor_file *file = NULL;
    fseg_status status = fseg_tensor_file_open(path, &file, error);
    if (status != FSEG_OK)
        return status;
    const char *kind = fseg_tensor_file_metadata(file, FSEG_METADATA_KIND);
    const char *text = fseg_tensor_file_metadata(file, "steps_done");
    char *end = NULL;
    const long done = text ? strtol(text, &end, 10) : -1;
    const size_t count = trainer->model->parameter_count;
    float *buffer = malloc(3 * count * sizeof *buffer);
    if (!kind || strcmp(kind, "checkpoint") != 0 || !text || *end || done < 0 ||
        done > trainer->options.steps)
        status = fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                                "the file is not a checkpoint of this run; start without it");
    else if (!buffer)
        status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                                "not enough memory to read the checkpoint");
    else
        status = read_all(trainer, file, buffer, error);
    if (status == FSEG_OK) {
        memcpy(trainer->model->storage, buffer, count * sizeof *buffer);
        memcpy(trainer->first_moment, buffer + count, count * sizeof *buffer);
        memcpy(trainer->second_moment, buffer + 2 * count, count * sizeof *buffer);
        trainer->done = (int)done;
        fseg_network_pack(trainer->network);
    }
    free(buffer);
    fseg_tensor_file_close(file);
    return status;
}
