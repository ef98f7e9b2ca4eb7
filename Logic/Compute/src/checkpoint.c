#include "checkpoint.h"
#include "frugalseg/replacement.h"
#include "model_file.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS = 5 };

/* All weights, then all first, then all second moments, then the best weights and the average,
 * where there are any. */
static fseg_tensor *list_tensors(const fseg_checkpoint *c, bool has_best, size_t *count)
{
    static const char *const prefixes[GROUPS] = {"", "adam.m.", "adam.v.", "best.", "average."};
    float *const values[GROUPS] = {NULL, c->first_moment, c->second_moment,
                                   has_best ? c->best : NULL, c->average};
    fseg_tensor *list = calloc(GROUPS * c->tensor_count, sizeof *list);
    *count = 0;
    for (size_t k = 0; list && k < GROUPS; ++k) {
        float *moment = values[k];
        for (size_t i = 0; i < c->tensor_count && (k == 0 || values[k]); ++i) {
            fseg_tensor *t = &list[(*count)++];
            *t = c->tensors[i];
            const int length =
                snprintf(t->name, sizeof t->name, "%s%s", prefixes[k], c->tensors[i].name);
            if (length < 0 || (size_t)length >= sizeof t->name) {
                free(list);
                return NULL;
            }
            if (k > 0) {
                t->data = moment;
                moment += t->count;
            }
        }
    }
    return list;
}

fseg_status fseg_checkpoint_write(const fseg_checkpoint *checkpoint, int steps_done,
                                  const char *path, fseg_error *error)
{
    char done[32], *architecture = fseg_architecture_to_json(fseg_model_config(checkpoint->model));
    snprintf(done, sizeof done, "%d", steps_done);
    const bool has_best = checkpoint->best && checkpoint->early_stop && *checkpoint->early_stop;
    size_t count;
    fseg_tensor *list = list_tensors(checkpoint, has_best, &count);
    fseg_status status;
    if (!architecture || !list) {
        status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                                "not enough memory to write the checkpoint");
    } else {
        const fseg_metadata metadata[] = {{FSEG_METADATA_KIND, checkpoint->kind},
                                          {FSEG_METADATA_ARCHITECTURE, architecture},
                                          {FSEG_METADATA_CARD, fseg_model_card(checkpoint->model)},
                                          {"steps_done", done},
                                          {"early_stop", has_best ? checkpoint->early_stop : ""}};
        status = fseg_tensor_file_write(path, metadata, has_best ? 5 : 4, list, count, error);
    }
    free(list);
    free(architecture);
    return status;
}

/* Read everything into `buffer`, and only then copy it. */
static fseg_status read_tensors(const fseg_tensor_file *file, const fseg_tensor *list, size_t count,
                                float *buffer, fseg_error *error)
{
    float *to = buffer;
    for (size_t i = 0; i < count; to += list[i++].count) {
        const fseg_status status = fseg_tensor_file_read(file, list[i].name, &list[i], to, error);
        if (status != FSEG_OK)
            return status;
    }
    const float *from = buffer;
    for (size_t i = 0; i < count; from += list[i++].count)
        memcpy(list[i].data, from, list[i].count * sizeof *from);
    return FSEG_OK;
}

static fseg_status read_from(const fseg_checkpoint *checkpoint, int steps, const char *path,
                             int *steps_done, fseg_error *error)
{
    fseg_tensor_file *file = NULL;
    fseg_status status = fseg_tensor_file_open(path, &file, error);
    if (status != FSEG_OK)
        return status;
    const char *kind = fseg_tensor_file_metadata(file, FSEG_METADATA_KIND);
    const char *text = fseg_tensor_file_metadata(file, "steps_done");
    char *end = NULL;
    const long done = text ? strtol(text, &end, 10) : -1;
    size_t values = 0;
    for (size_t i = 0; i < checkpoint->tensor_count; ++i)
        values += checkpoint->tensors[i].count;
    const char *early_stop = fseg_tensor_file_metadata(file, "early_stop");
    const bool has_best = early_stop && checkpoint->best && checkpoint->early_stop &&
                          strlen(early_stop) < FSEG_EARLY_STOP_LENGTH;
    size_t count;
    fseg_tensor *list = list_tensors(checkpoint, has_best, &count);
    float *buffer = malloc(GROUPS * values * sizeof *buffer);
    if (!kind || strcmp(kind, checkpoint->kind) != 0 || !text || *end || done < 0 || done > steps)
        status = fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                                "the file is not a checkpoint of this run; start without it");
    else if (!buffer || !list)
        status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                                "not enough memory to read the checkpoint");
    else
        status = fseg_tensor_file_verify(file, error);
    if (status == FSEG_OK)
        status = read_tensors(file, list, count, buffer, error);
    if (status == FSEG_OK) {
        *steps_done = (int)done;
        if (checkpoint->early_stop)
            strcpy(checkpoint->early_stop, has_best ? early_stop : "");
    }
    free(buffer);
    free(list);
    fseg_tensor_file_close(file);
    return status;
}

/* A process that was killed while it saved may have left the former checkpoint, which then serves.
 */
fseg_status fseg_checkpoint_read(const fseg_checkpoint *checkpoint, int steps, const char *path,
                                 int *steps_done, fseg_error *error)
{
    fseg_status status = read_from(checkpoint, steps, path, steps_done, error);
    if (status == FSEG_OK) {
        fseg_replacement_forget_backup(path);
    } else if (status != FSEG_ERROR_OUT_OF_MEMORY && fseg_replacement_has_backup(path)) {
        const size_t room = strlen(path) + sizeof FSEG_BACKUP_SUFFIX;
        char *backup = malloc(room);
        if (!backup)
            return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
        snprintf(backup, room, "%s" FSEG_BACKUP_SUFFIX, path);
        fseg_error ignored;
        if (read_from(checkpoint, steps, backup, steps_done, &ignored) == FSEG_OK)
            status = fseg_error_set(error, FSEG_OK, "%s", "");
        free(backup);
    }
    return status;
}
