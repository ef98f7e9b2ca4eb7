/* The models that are found, and whether they can be used. */
#include "registry.h"
#include "frugalseg/imaging.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".fseg"

const char *const registry_suffixes[REGISTRY_PARTS] = {".LICENSE.txt", ".json", SUFFIX ".sha256",
                                                       SUFFIX};

const char *registry_source_name(fseg_model_source source)
{
    return source == FSEG_MODEL_ENVIRONMENT ? "environment"
           : source == FSEG_MODEL_USER      ? "user"
                                            : "shipped";
}

fseg_status registry_join(char out[FSEG_PATH_LENGTH], const char *folder, const char *name,
                          const char *suffix, fseg_error *error)
{
    const int length = snprintf(out, FSEG_PATH_LENGTH, "%s/%s%s", folder, name, suffix);
    if (length < 0 || length >= FSEG_PATH_LENGTH) {
        out[0] = '\0';
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "The path of '%.100s' in '%.200s' is too long.", name, folder);
    }
    return FSEG_OK;
}

/* ---- one model ---- */

fseg_status registry_read_record(const char *path, char sha256[65], fseg_error *error)
{
    sha256[0] = '\0';
    FILE *file = fopen(path, "r");
    if (!file && errno == ENOENT) {
        return FSEG_OK;
    }
    char text[66] = "";
    const size_t count = file ? fread(text, 1, 65, file) : 0;
    if (file) {
        fclose(file);
    }
    size_t digits = 0;
    while (digits < count && isxdigit((unsigned char)text[digits])) {
        digits++;
    }
    if (digits != 64 || (count == 65 && !isspace((unsigned char)text[64]))) {
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                              "The record '%.300s' cannot be read as a SHA-256; get it again from "
                              "where the model came from, or remove it.",
                              path);
    }
    memcpy(sha256, text, 64);
    sha256[64] = '\0';
    return FSEG_OK;
}

/* Copy a text of a card that may be under either spelling of its key. */
static void copy_licence(const json_t *card, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(card, "licence"));
    if (!text) {
        text = json_string_value(json_object_get(card, "license"));
    }
    if (text) {
        snprintf(out, size, "%s", text);
    }
}

/* The card beside the model must be about it; it may hold the hash that the model's own card
 * cannot. */
static fseg_status check_card_beside(const char *path, registry_model *out, fseg_error *error)
{
    json_error_t detail;
    json_t *card = json_load_file(path, JSON_REJECT_DUPLICATES, &detail);
    if (!json_is_object(card)) {
        json_decref(card);
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                              "The card '%.200s' beside the model cannot be used: %.100s; correct "
                              "or remove it.",
                              path, card ? "it is not a JSON object" : detail.text);
    }
    const struct {
        const char *key, *inside;
    } texts[] = {{"name", out->spec.name},
                 {"version", out->spec.version},
                 {"structure", out->spec.structure}};
    fseg_status status = FSEG_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && status == FSEG_OK; i++) {
        const char *beside = json_string_value(json_object_get(card, texts[i].key));
        if (beside && strcmp(beside, texts[i].inside) != 0) {
            status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                    "The card '%.200s' says %s \"%.40s\" and the model itself "
                                    "\"%.40s\"; they do not belong together.",
                                    path, texts[i].key, beside, texts[i].inside);
        }
    }
    const json_t *hash = json_object_get(card, "sha256");
    if (status == FSEG_OK && hash && !out->recorded[0]) {
        if (json_string_length(hash) != 64) {
            status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                    "\"sha256\" in the card '%.300s' is not a text of 64 hex "
                                    "digits; correct the card.",
                                    path);
        } else {
            snprintf(out->recorded, sizeof out->recorded, "%s", json_string_value(hash));
        }
    }
    json_decref(card);
    return status;
}

static fseg_status check_beside(const char *folder, registry_model *out, fseg_error *error)
{
    char path[FSEG_PATH_LENGTH];
    fseg_status status =
        registry_join(path, folder, out->name, registry_suffixes[REGISTRY_RECORD], error);
    if (status == FSEG_OK) {
        status = registry_read_record(path, out->recorded, error);
    }
    if (status == FSEG_OK) {
        status = registry_join(path, folder, out->name, registry_suffixes[REGISTRY_CARD], error);
    }
    if (status == FSEG_OK && access(path, F_OK) == 0) {
        status = check_card_beside(path, out, error);
    }
    if (status == FSEG_OK) {
        status = registry_join(path, folder, out->name, registry_suffixes[REGISTRY_LICENCE], error);
    }
    if (status == FSEG_OK && !out->licence[0] && access(path, F_OK) == 0) {
        snprintf(out->licence, sizeof out->licence, "see %.150s%s", out->name,
                 registry_suffixes[REGISTRY_LICENCE]);
    }
    if (status == FSEG_OK && out->recorded[0] && strcasecmp(out->recorded, out->sha256) != 0) {
        status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                "The model '%.200s' is not the one recorded: its SHA-256 is "
                                "%.16s..., the record says %.16s...; get it again.",
                                out->path, out->sha256, out->recorded);
    }
    return status;
}

static fseg_status look_into(registry_model *out, fseg_error *error)
{
    fseg_model *model = NULL;
    fseg_status status = fseg_model_load(out->path, &model, error);
    if (status == FSEG_OK) {
        out->parameters = fseg_model_parameter_count(model);
        json_t *card = json_loads(fseg_model_card(model), 0, NULL);
        copy_licence(card, out->licence, sizeof out->licence);
        json_decref(card);
        status = fseg_model_input_spec(model, &out->spec, error);
    }
    if (status == FSEG_OK) {
        status = fseg_model_read_scope(model, &out->scope, error);
    }
    if (status == FSEG_OK) {
        status = fseg_file_sha256(out->path, out->sha256, error);
    }
    fseg_model_free(model);
    return status;
}

void registry_check(const char *path, const char *source, registry_model *out)
{
    memset(out, 0, sizeof *out);
    out->source = source;
    snprintf(out->path, sizeof out->path, "%s", path);
    char folder[FSEG_PATH_LENGTH];
    snprintf(folder, sizeof folder, "%s", out->path);
    char *slash = strrchr(folder, '/');
    snprintf(out->name, sizeof out->name, "%.255s", slash ? slash + 1 : folder);
    if (!slash) {
        strcpy(folder, ".");
    } else {
        slash[slash == folder] = '\0'; /* "/x" lies in "/" */
    }
    const size_t length = strlen(out->name), suffix = strlen(SUFFIX);
    const bool named = length > suffix && strcmp(out->name + length - suffix, SUFFIX) == 0;
    if (named) {
        out->name[length - suffix] = '\0';
    }
    fseg_error error = {0};
    fseg_status status = look_into(out, &error);
    if (status == FSEG_OK && named) {
        status = check_beside(folder, out, &error);
    }
    if (status != FSEG_OK) {
        out->problem = error;
        out->problem.status = status;
    }
}

/* ---- all ---- */

static fseg_status out_of_memory(fseg_error *error)
{
    return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
}

static bool same_folder(const registry_folder *a, const registry_folder *b)
{
    struct stat one, other;
    if (stat(a->path, &one) != 0 || stat(b->path, &other) != 0) {
        return strcmp(a->path, b->path) == 0;
    }
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

fseg_status registry_read_folders(registry *out, fseg_error *error)
{
    memset(out, 0, sizeof *out);
    registry_folder folder;
    for (size_t i = 0;
         fseg_model_folder(i, folder.path, sizeof folder.path, &folder.source, NULL) == FSEG_OK;
         i++) {
        folder.exists = access(folder.path, F_OK) == 0;
        /* The program and its library may lie under the same folders. */
        bool known = false;
        for (size_t j = 0; j < out->folder_count && !known; j++) {
            known = same_folder(&out->folders[j], &folder);
        }
        if (known) {
            continue;
        }
        registry_folder *more =
            realloc(out->folders, (out->folder_count + 1) * sizeof *out->folders);
        if (!more) {
            registry_free(out);
            return out_of_memory(error);
        }
        out->folders = more;
        out->folders[out->folder_count++] = folder;
    }
    return FSEG_OK;
}

static int has_suffix(const struct dirent *entry)
{
    const size_t length = strlen(entry->d_name), suffix = strlen(SUFFIX);
    return length > suffix && strcmp(entry->d_name + length - suffix, SUFFIX) == 0;
}

/* Adds the model file `name` of the folder, if it is one. */
static fseg_status add_model(registry *out, const registry_folder *folder, const char *name,
                             fseg_error *error)
{
    char path[FSEG_PATH_LENGTH];
    struct stat info;
    if (registry_join(path, folder->path, name, "", NULL) != FSEG_OK || stat(path, &info) != 0 ||
        !S_ISREG(info.st_mode)) {
        return FSEG_OK;
    }
    registry_model *more = realloc(out->models, (out->model_count + 1) * sizeof *out->models);
    if (!more) {
        return out_of_memory(error);
    }
    out->models = more;
    registry_model *model = &out->models[out->model_count];
    registry_check(path, registry_source_name(folder->source), model);
    model->used = true;
    for (size_t i = 0; i < out->model_count; i++) {
        model->used = model->used && strcmp(out->models[i].name, model->name) != 0;
    }
    out->model_count++;
    return FSEG_OK;
}

fseg_status registry_read(registry *out, fseg_error *error)
{
    fseg_status status = registry_read_folders(out, error);
    for (size_t i = 0; i < out->folder_count && status == FSEG_OK; i++) {
        struct dirent **names = NULL;
        const int count = scandir(out->folders[i].path, &names, has_suffix, alphasort);
        for (int j = 0; j < count; j++) {
            if (status == FSEG_OK) {
                status = add_model(out, &out->folders[i], names[j]->d_name, error);
            }
            free(names[j]);
        }
        free(names);
    }
    if (status != FSEG_OK) {
        registry_free(out);
    }
    return status;
}

void registry_free(registry *list)
{
    free(list->folders);
    free(list->models);
    memset(list, 0, sizeof *list);
}

fseg_status registry_user_folder(char out[FSEG_PATH_LENGTH], fseg_error *error)
{
    fseg_model_source source;
    for (size_t i = 0; fseg_model_folder(i, out, FSEG_PATH_LENGTH, &source, NULL) == FSEG_OK; i++) {
        if (source == FSEG_MODEL_USER) {
            return FSEG_OK;
        }
    }
    return fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                          "You have no folder for models: set HOME or XDG_DATA_HOME.");
}
