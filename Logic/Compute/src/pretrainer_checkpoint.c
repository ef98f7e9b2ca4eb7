/* Checkpoints of pretraining: model, heads, moments and step count in one file, written atomically.
 */
#include "model_file.h"
#include "pretrainer_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tensor of the model or of a head: number k of the `count` that all are. */
static const fseg_tensor *tensor_at(const fseg_pretrainer *p, size_t k)
{
    if (k < p->model->tensor_count)
        return &p->model->tensors[k];
    k -= p->model->tensor_count;
    const size_t restoring = fseg_head_tensor_count(p->restoring.head);
    return k < restoring ? fseg_head_tensor(p->restoring.head, k)
                         : fseg_head_tensor(p->contrast.head, k - restoring);
}

static size_t tensor_count(const fseg_pretrainer *p)
{
    return p->model->tensor_count + fseg_head_tensor_count(p->restoring.head) +
           fseg_head_tensor_count(p->contrast.head);
}

/* All weights, then all first, then all second moments, which lie in the order of the weights. */
static fseg_tensor *list_tensors(const fseg_pretrainer *p)
{
    static const char *const prefixes[3] = {"", "adam.m.", "adam.v."};
    const size_t count = tensor_count(p);
    fseg_tensor *list = calloc(3 * count, sizeof *list);
    for (size_t k = 0; list && k < 3; ++k) {
        float *moment = k == 1 ? p->first_moment : p->second_moment;
        for (size_t i = 0; i < count; ++i) {
            fseg_tensor *t = &list[k * count + i];
            *t = *tensor_at(p, i);
            const int length =
                snprintf(t->name, sizeof t->name, "%s%s", prefixes[k], tensor_at(p, i)->name);
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

fseg_status fseg_pretrainer_save(const fseg_pretrainer *pretrainer, const char *path,
                                 fseg_error *error)
{
    const fseg_pretrainer *p = pretrainer;
    if (!p || !path)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a checkpoint needs a pretrainer and a path");
    char done[32], *architecture = fseg_architecture_to_json(&p->model->config);
    snprintf(done, sizeof done, "%d", p->done);
    fseg_tensor *list = list_tensors(p);
    fseg_status status;
    if (!architecture || !list) {
        status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                                "not enough memory to write the checkpoint");
    } else {
        const fseg_metadata metadata[] = {{FSEG_METADATA_KIND, "pretraining"},
                                          {FSEG_METADATA_ARCHITECTURE, architecture},
                                          {FSEG_METADATA_CARD, fseg_model_card(p->model)},
                                          {"steps_done", done}};
        status = fseg_tensor_file_write(path, metadata, sizeof metadata / sizeof metadata[0], list,
                                        3 * tensor_count(p), error);
    }
    free(list);
    free(architecture);
    return status;
}

/* Everything is read into one buffer before anything is changed. */
static fseg_status read_all(const fseg_tensor *list, size_t count, const fseg_tensor_file *file,
                            float *buffer, fseg_error *error)
{
    fseg_status status = FSEG_OK;
    for (size_t i = 0; status == FSEG_OK && i < count; ++i) {
        status = fseg_tensor_file_read(file, list[i].name, &list[i], buffer, error);
        buffer += list[i].count;
    }
    return status;
}

fseg_status fseg_pretrainer_restore(fseg_pretrainer *pretrainer, const char *path,
                                    fseg_error *error)
{
    fseg_pretrainer *p = pretrainer;
    if (!p || !path)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "restoring needs a pretrainer and the path of a checkpoint");
    fseg_tensor_file *file = NULL;
    fseg_status status = fseg_tensor_file_open(path, &file, error);
    if (status != FSEG_OK)
        return status;
    const char *kind = fseg_tensor_file_metadata(file, FSEG_METADATA_KIND);
    const char *text = fseg_tensor_file_metadata(file, "steps_done");
    char *end = NULL;
    const long done = text ? strtol(text, &end, 10) : -1;
    const size_t count = 3 * tensor_count(p);
    fseg_tensor *list = list_tensors(p);
    float *buffer = malloc(3 * fseg_pretrainer_value_count(p) * sizeof *buffer);
    if (!kind || strcmp(kind, "pretraining") != 0 || !text || *end || done < 0 ||
        done > p->options.steps)
        status = fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                                "the file is not a checkpoint of this pretraining; start without "
                                "it");
    else if (!buffer || !list)
        status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                                "not enough memory to read the checkpoint");
    else
        status = read_all(list, count, file, buffer, error);
    if (status == FSEG_OK) {
        const float *from = buffer;
        for (size_t i = 0; i < count; ++i) {
            memcpy(list[i].data, from, list[i].count * sizeof *from);
            from += list[i].count;
        }
        p->done = (int)done;
        if (p->restoring.network)
            fseg_network_pack(p->restoring.network);
        if (p->contrast.network)
            fseg_network_pack(p->contrast.network);
    }
    free(buffer);
    free(list);
    fseg_tensor_file_close(file);
    return status;
}
