/* A model in its file: architecture and card as metadata, weights as tensors. */
#include "model_file.h"
#include "frugalseg/replacement.h"
#include "json_memory.h"
#include "model_internal.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARCHITECTURE_TYPE "unet2d-groupnorm"

/* The double with the fewest decimal digits that is still the same float, so that 0.001f is
 * written as 0.001. */
static double shortest_double(float value)
{
    for (int digits = 6; digits < 9; digits++) {
        char text[32];
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        const double candidate = strtod(text, NULL);
        if ((float)candidate == value) {
            return candidate;
        }
    }
    return (double)value;
}

char *fseg_architecture_to_json(const fseg_unet_config *config)
{
    json_t *widths = json_array();
    for (int i = 0; i < config->levels; i++) {
        json_array_append_new(widths, json_integer(config->widths[i]));
    }
    json_t *object =
        json_pack("{s:s, s:i, s:i, s:o, s:i, s:f}", "type", ARCHITECTURE_TYPE, "in_channels",
                  config->in_channels, "classes", config->classes, "widths", widths, "group_size",
                  config->group_size, "norm_epsilon", shortest_double(config->norm_epsilon));
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

/* An integer member in the range of int; 0 (never valid here) when absent or anything else. */
static int integer_member(const json_t *object, const char *key)
{
    const json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 && value <= 1 << 20 ? (int)value : 0;
}

static fseg_status architecture_from_object(const json_t *object, fseg_unet_config *out,
                                            fseg_error *error)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    if (!type || strcmp(type, ARCHITECTURE_TYPE) != 0) {
        return fseg_error_set(error, FSEG_ERROR_FILE_ARCHITECTURE,
                              "The model file is of the unknown network type '%.40s'; this program "
                              "knows " ARCHITECTURE_TYPE ".",
                              type ? type : "");
    }
    const json_t *widths = json_object_get(object, "widths");
    const size_t levels = json_array_size(widths);
    /* A key that we do not know could change what the network computes. */
    if (json_object_size(object) != 6 || levels < 1 || levels > FSEG_MAX_LEVELS) {
        return fseg_error_set(error, FSEG_ERROR_FILE_ARCHITECTURE,
                              "The architecture in the model file needs type, in_channels, classes,"
                              " 2 to %d widths, group_size and norm_epsilon and nothing else; the "
                              "file is damaged or newer than this program.",
                              FSEG_MAX_LEVELS);
    }
    memset(out, 0, sizeof *out);
    out->in_channels = integer_member(object, "in_channels");
    out->classes = integer_member(object, "classes");
    out->group_size = integer_member(object, "group_size");
    out->norm_epsilon = (float)json_number_value(json_object_get(object, "norm_epsilon"));
    out->levels = (int)levels;
    for (size_t i = 0; i < levels; i++) {
        const json_int_t width = json_integer_value(json_array_get(widths, i));
        out->widths[i] = width > 0 && width <= 1 << 20 ? (int)width : 0;
    }
    return fseg_unet_config_check(out, error);
}

fseg_status fseg_architecture_from_json(const char *json, fseg_unet_config *out, fseg_error *error)
{
    json_error_t detail;
    json_t *object = json ? json_loads(json, JSON_REJECT_DUPLICATES, &detail) : NULL;
    if (json && !object && fseg_json_out_of_memory(&detail)) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    if (!json_is_object(object)) {
        json_decref(object);
        return fseg_error_set(error, FSEG_ERROR_FILE_ARCHITECTURE,
                              "The model file does not describe its network; it is damaged, get it "
                              "again.");
    }
    const fseg_status status = architecture_from_object(object, out, error);
    json_decref(object);
    return status;
}

/* Optimizer state that a checkpoint holds beside the weights. */
static int is_optimizer_state(const char *name)
{
    return strncmp(name, "adam.", 5) == 0;
}

static fseg_status check_kind(const fseg_tensor_file *file, int *checkpoint, fseg_error *error)
{
    const char *kind = fseg_tensor_file_metadata(file, FSEG_METADATA_KIND);
    *checkpoint = kind && strcmp(kind, "checkpoint") == 0;
    if (kind && !*checkpoint && strcmp(kind, "model") != 0) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "The file holds a '%.40s', not a model; choose a .fseg model file.",
                              kind);
    }
    return FSEG_OK;
}

/* The architecture may not need more values than the file has, so that building the model cannot
 * allocate more than the file's size; then the table must name exactly the tensors needed. */
static fseg_status check_counts(const fseg_tensor_file *file, const fseg_unet_config *config,
                                int checkpoint, fseg_error *error)
{
    size_t values = 0;
    for (size_t i = 0; i < fseg_tensor_file_count(file); i++) {
        const fseg_tensor *tensor = fseg_tensor_file_tensor(file, i);
        if (!checkpoint || !is_optimizer_state(tensor->name)) {
            values += tensor->count; /* the container's check keeps the sum below the file size */
        }
    }
    const size_t needed = fseg_unet_config_parameter_count(config);
    if (values != needed) {
        return fseg_error_set(error, FSEG_ERROR_FILE_SHAPE,
                              "The model file holds %zu weights but its architecture needs %zu; it "
                              "is damaged, get it again.",
                              values, needed);
    }
    return FSEG_OK;
}

static fseg_status read_weights(const fseg_tensor_file *file, fseg_model *model, int checkpoint,
                                fseg_error *error)
{
    size_t weights = 0;
    for (size_t i = 0; i < fseg_tensor_file_count(file); i++) {
        const fseg_tensor *tensor = fseg_tensor_file_tensor(file, i);
        if (checkpoint && is_optimizer_state(tensor->name)) {
            continue;
        }
        if (!fseg_model_find(model, tensor->name)) {
            return fseg_error_set(error, FSEG_ERROR_FILE_SHAPE,
                                  "The model file holds a tensor '%s' that its architecture does "
                                  "not have; it is damaged, get it again.",
                                  tensor->name);
        }
        weights++;
    }
    if (weights != model->tensor_count) {
        return fseg_error_set(error, FSEG_ERROR_FILE_SHAPE,
                              "The model file holds %zu tensors but its architecture needs %zu; it "
                              "is damaged, get it again.",
                              weights, model->tensor_count);
    }
    /* All shapes before the first value, and the checksum. */
    for (size_t i = 0; i < model->tensor_count; i++) {
        const fseg_tensor *tensor = &model->tensors[i];
        const fseg_status status = fseg_tensor_file_read(file, tensor->name, tensor, NULL, error);
        if (status != FSEG_OK) {
            return status;
        }
    }
    const fseg_status intact = fseg_tensor_file_verify(file, error);
    if (intact != FSEG_OK) {
        return intact;
    }
    for (size_t i = 0; i < model->tensor_count; i++) {
        const fseg_tensor *tensor = &model->tensors[i];
        const fseg_status status =
            fseg_tensor_file_read(file, tensor->name, tensor, tensor->data, error);
        if (status != FSEG_OK) {
            return status;
        }
    }
    return FSEG_OK;
}

static fseg_status load_from(const fseg_tensor_file *file, fseg_model **out, fseg_error *error)
{
    int checkpoint = 0;
    fseg_unet_config config;
    fseg_status status = check_kind(file, &checkpoint, error);
    if (status == FSEG_OK) {
        status = fseg_architecture_from_json(
            fseg_tensor_file_metadata(file, FSEG_METADATA_ARCHITECTURE), &config, error);
    }
    if (status == FSEG_OK) {
        status = check_counts(file, &config, checkpoint, error);
    }
    if (status == FSEG_OK) {
        status = fseg_model_create_empty(&config, out, error);
    }
    if (status == FSEG_OK) {
        status = read_weights(file, *out, checkpoint, error);
    }
    const char *card = fseg_tensor_file_metadata(file, FSEG_METADATA_CARD);
    if (status == FSEG_OK && card) {
        status = fseg_model_set_card(*out, card, error);
    }
    return status;
}

/* A save that was interrupted may have left the former model, which the user then wants to know. */
static fseg_status tell_of_backup(const char *path, fseg_status status, fseg_error *error)
{
    if (error && status != FSEG_ERROR_OUT_OF_MEMORY && fseg_replacement_has_backup(path)) {
        const size_t length = strlen(error->message);
        snprintf(error->message + length, sizeof error->message - length,
                 " The former model is beside it, with " FSEG_BACKUP_SUFFIX
                 " after its name: rename it to use it.");
    }
    return status;
}

fseg_status fseg_model_load(const char *path, fseg_model **out, fseg_error *error)
{
    if (out) {
        *out = NULL;
    }
    if (!path || !out) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "fseg_model_load needs a path and a place for the model.");
    }
    fseg_tensor_file *file = NULL;
    fseg_status status = fseg_tensor_file_open(path, &file, error);
    if (status == FSEG_OK) {
        status = load_from(file, out, error);
    }
    fseg_tensor_file_close(file);
    if (status != FSEG_OK) {
        fseg_model_free(*out);
        *out = NULL;
        return tell_of_backup(path, status, error);
    }
    fseg_replacement_forget_backup(path);
    return fseg_error_set(error, FSEG_OK, "%s", "");
}

fseg_status fseg_model_save(const fseg_model *model, const char *path, fseg_error *error)
{
    if (!model || !path) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "fseg_model_save needs a model and a path.");
    }
    char *architecture = fseg_architecture_to_json(&model->config);
    if (!architecture) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    const fseg_metadata metadata[] = {
        {FSEG_METADATA_KIND, "model"},
        {FSEG_METADATA_ARCHITECTURE, architecture},
        {FSEG_METADATA_CARD, fseg_model_card(model)},
    };
    const fseg_status status =
        fseg_tensor_file_write(path, metadata, sizeof metadata / sizeof *metadata, model->tensors,
                               model->tensor_count, error);
    free(architecture);
    return status;
}
