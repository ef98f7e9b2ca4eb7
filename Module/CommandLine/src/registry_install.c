/* Putting models into the user's folder, and taking them out. */
#include "frugalseg/imaging.h"
#include "output.h"
#include "program.h"
#include "registry.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const part_names[REGISTRY_PARTS] = {"licence", "card", "record", "model"};

/* Whether `path` is a file; anything else of that name is in the way. */
static fseg_status find_file(const char *path, bool *found, fseg_error *error)
{
    struct stat info;
    *found = stat(path, &info) == 0;
    if (*found && !S_ISREG(info.st_mode)) {
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                              "'%.300s' is not a file and in the way; move it away.", path);
    }
    return FSEG_OK;
}

/* A name that works as a file's name, on a command line and in a message. */
static fseg_status check_name(const char *path, const char *name, fseg_error *error)
{
    const size_t length = strlen(path);
    bool good = length > 5 && strcmp(path + length - 5, ".fseg") == 0;
    if (!good) {
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                              "'%.300s' does not end in .fseg as the files of models do; rename it "
                              "if it is one.",
                              path);
    }
    good = name[0] && name[0] != '.' && name[0] != '-' && strlen(name) <= 200;
    for (const char *c = name; *c; c++) {
        good = good && !iscntrl((unsigned char)*c);
    }
    return good ? FSEG_OK
                : fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                 "'%.200s' is no name for a model: it must not start with a dot or "
                                 "dash, hold control characters or be longer than 200 bytes.",
                                 name);
}

/* How one part in place compares with what is offered. */
static fseg_status compare_part(int part, registry_plan *plan, fseg_error *error)
{
    char from[FSEG_PATH_LENGTH], to[FSEG_PATH_LENGTH], a[65], b[65];
    const char *suffix = registry_suffixes[part];
    fseg_status status = registry_join(from, plan->source_folder, plan->model.name, suffix, error);
    if (status == FSEG_OK) {
        status = registry_join(to, plan->folder, plan->model.name, suffix, error);
    }
    if (status == FSEG_OK) {
        status = find_file(from, &plan->offered[part], error);
    }
    if (status == FSEG_OK) {
        status = find_file(to, &plan->present[part], error);
    }
    if (status != FSEG_OK) {
        return status;
    }
    if (part == REGISTRY_RECORD) { /* written here, whether or not one came along */
        plan->offered[part] = true;
        plan->differs[part] =
            plan->present[part] && (registry_read_record(to, b, NULL) != FSEG_OK ||
                                    strcasecmp(plan->model.sha256, b) != 0);
    } else if (plan->offered[part] && plan->present[part]) {
        status = fseg_file_sha256(from, a, error);
        if (status == FSEG_OK) {
            status = fseg_file_sha256(to, b, error);
        }
        plan->differs[part] = status == FSEG_OK && strcmp(a, b) != 0;
    }
    return status;
}

/* The lowest number that no backup of this model has. */
static fseg_status choose_backup(registry_plan *plan, fseg_error *error)
{
    for (plan->backup = 1;; plan->backup++) {
        bool taken = false;
        for (int part = 0; part < REGISTRY_PARTS && !taken; part++) {
            char suffix[64], path[FSEG_PATH_LENGTH];
            snprintf(suffix, sizeof suffix, "%s.bak-%d", registry_suffixes[part], plan->backup);
            const fseg_status status =
                registry_join(path, plan->folder, plan->model.name, suffix, error);
            if (status != FSEG_OK) {
                return status;
            }
            taken = access(path, F_OK) == 0;
        }
        if (!taken) {
            return FSEG_OK;
        }
    }
}

fseg_status registry_plan_install(const char *path, bool force, registry_plan *out,
                                  fseg_error *error)
{
    memset(out, 0, sizeof *out);
    registry_check(path, "file", &out->model);
    fseg_status status = check_name(path, out->model.name, error);
    if (status == FSEG_OK && out->model.problem.status != FSEG_OK) {
        status = fseg_error_set(error, out->model.problem.status, "%.100s.fseg: %.400s",
                                out->model.name, out->model.problem.message);
    }
    if (status == FSEG_OK) {
        status = registry_user_folder(out->folder, error);
    }
    snprintf(out->source_folder, sizeof out->source_folder, "%s", path);
    char *slash = strrchr(out->source_folder, '/');
    if (slash) {
        slash[slash == out->source_folder] = '\0';
    } else {
        strcpy(out->source_folder, ".");
    }
    int other = -1;
    for (int part = 0; part < REGISTRY_PARTS && status == FSEG_OK; part++) {
        status = compare_part(part, out, error);
        out->change =
            out->change || (out->offered[part] && !out->present[part]) || out->differs[part];
        if (out->differs[part] && part != REGISTRY_RECORD) {
            other = part;
        }
    }
    if (status == FSEG_OK && other >= 0 && !force) {
        return fseg_error_set(error, FSEG_ERROR_REFUSED,
                              "Another %s of the name '%.100s' is in '%.200s'; --force replaces it "
                              "and keeps the old one as a backup.",
                              part_names[other], out->model.name, out->folder);
    }
    return status == FSEG_OK && other >= 0 ? choose_backup(out, error) : status;
}

/* ---- carrying it out ---- */

static fseg_status copy_file(const char *from, const char *to, fseg_error *error)
{
    FILE *file = fopen(from, "rb");
    struct stat info;
    char *bytes = NULL;
    size_t size = 0;
    if (file && fstat(fileno(file), &info) == 0 && info.st_size >= 0) {
        size = (size_t)info.st_size;
        bytes = malloc(size + 1); /* one more: a file that grows meanwhile is noticed */
        if (!bytes) {
            fclose(file);
            return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
        }
    }
    const bool whole = bytes && fread(bytes, 1, size + 1, file) == size && !ferror(file);
    if (file) {
        fclose(file);
    }
    const fseg_status status =
        whole ? output_write_file(to, bytes, size, error)
              : fseg_error_set(error, FSEG_ERROR_IO,
                               "'%.300s' cannot be read whole; check it and try again.", from);
    free(bytes);
    return status;
}

/* Copies a file under the same or another name into the staging folder and notes the name. */
typedef struct staged {
    char names[REGISTRY_PARTS][300];
    const char *list[REGISTRY_PARTS];
    size_t count;
} staged;

static fseg_status stage(const output_folder *folder, staged *files, const char *from,
                         const char *name, const char *suffix, fseg_error *error)
{
    char *name_here = files->names[files->count];
    snprintf(name_here, sizeof files->names[0], "%.200s%s", name, suffix);
    char *to = output_folder_staged(folder, name_here);
    if (!to) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    const fseg_status status = copy_file(from, to, error);
    free(to);
    files->list[files->count] = name_here;
    files->count++;
    return status;
}

static fseg_status stage_record(const output_folder *folder, staged *files,
                                const registry_plan *plan, fseg_error *error)
{
    char *name = files->names[files->count], text[400];
    snprintf(name, sizeof files->names[0], "%.200s%s", plan->model.name,
             registry_suffixes[REGISTRY_RECORD]);
    const int length =
        snprintf(text, sizeof text, "%s  %.200s.fseg\n", plan->model.sha256, plan->model.name);
    char *to = output_folder_staged(folder, name);
    if (!to) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    const fseg_status status = output_write_file(to, text, (size_t)length, error);
    free(to);
    files->list[files->count] = name;
    files->count++;
    return status;
}

/* The copy must be what was checked: the source may change at any time. */
static fseg_status check_copy(const output_folder *folder, const registry_plan *plan,
                              fseg_error *error)
{
    char path[FSEG_PATH_LENGTH], sha256[65];
    fseg_status status = registry_join(path, folder->staging, plan->model.name, ".fseg", error);
    if (status == FSEG_OK) {
        status = fseg_file_sha256(path, sha256, error);
    }
    if (status == FSEG_OK && strcmp(sha256, plan->model.sha256) != 0) {
        status = fseg_error_set(error, FSEG_ERROR_IO,
                                "'%.300s' changed while it was copied; install it again when "
                                "nothing writes to it.",
                                plan->model.path);
    }
    return status;
}

/* Whether a part in place gives way: it differs, or belongs to a model that does. */
static bool gives_way(const registry_plan *plan, int part)
{
    return plan->backup > 0 && plan->present[part] &&
           (plan->differs[part] || plan->differs[REGISTRY_WEIGHTS]);
}

static fseg_status stage_all(const registry_plan *plan, const output_folder *folder,
                             staged *backups, staged *files, fseg_error *error)
{
    fseg_status status = FSEG_OK;
    for (int part = 0; part < REGISTRY_PARTS && status == FSEG_OK; part++) {
        char path[FSEG_PATH_LENGTH], suffix[64];
        if (gives_way(plan, part)) {
            snprintf(suffix, sizeof suffix, "%s.bak-%d", registry_suffixes[part], plan->backup);
            status =
                registry_join(path, plan->folder, plan->model.name, registry_suffixes[part], error);
            if (status == FSEG_OK) {
                status = stage(folder, backups, path, plan->model.name, suffix, error);
            }
        }
        if (status != FSEG_OK || !plan->offered[part] ||
            (plan->present[part] && !plan->differs[part])) {
            continue;
        }
        if (part == REGISTRY_RECORD) {
            status = stage_record(folder, files, plan, error);
            continue;
        }
        status = registry_join(path, plan->source_folder, plan->model.name, registry_suffixes[part],
                               error);
        if (status == FSEG_OK) {
            status = stage(folder, files, path, plan->model.name, registry_suffixes[part], error);
        }
        if (status == FSEG_OK && part == REGISTRY_WEIGHTS) {
            status = check_copy(folder, plan, error);
        }
    }
    return status;
}

/* A card or licence of the model that was replaced says nothing about the new one. */
static void remove_stale(const registry_plan *plan)
{
    for (int part = 0; part < REGISTRY_PARTS; part++) {
        char path[FSEG_PATH_LENGTH];
        if (gives_way(plan, part) && !plan->offered[part] &&
            registry_join(path, plan->folder, plan->model.name, registry_suffixes[part], NULL) ==
                FSEG_OK) {
            (void)unlink(path);
        }
    }
}

fseg_status registry_install(const registry_plan *plan, fseg_error *error)
{
    if (!plan->change) {
        return FSEG_OK;
    }
    output_folder folder;
    staged backups = {.count = 0}, files = {.count = 0};
    fseg_status status = output_folder_open(plan->folder, &folder, error);
    if (status != FSEG_OK) {
        return status;
    }
    status = stage_all(plan, &folder, &backups, &files, error);
    if (status == FSEG_OK && program_interrupted()) {
        status = fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.");
    }
    if (status == FSEG_OK) {
        status = output_folder_commit(&folder, backups.list, backups.count, error);
    }
    if (status == FSEG_OK) {
        remove_stale(plan);
        status = output_folder_commit(&folder, files.list, files.count, error);
    }
    output_folder_close(&folder);
    return status;
}

/* ---- removing ---- */

static fseg_status not_in_user_folder(const char *name, const char *folder, fseg_error *error)
{
    char path[FSEG_PATH_LENGTH];
    registry list;
    fseg_status status = registry_read_folders(&list, error);
    for (size_t i = 0; i < list.folder_count && status == FSEG_OK; i++) {
        if (registry_join(path, list.folders[i].path, name, ".fseg", NULL) == FSEG_OK &&
            access(path, F_OK) == 0) {
            status = fseg_error_set(error, FSEG_ERROR_REFUSED,
                                    "The model '%.100s' lies in '%.150s'; only models in your own "
                                    "folder '%.150s' are removed.",
                                    name, list.folders[i].path, folder);
        }
    }
    registry_free(&list);
    return status != FSEG_OK ? status
                             : fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                                              "There is no model '%.100s' in '%.300s'; 'frugalseg "
                                              "models list' shows what there is.",
                                              name, folder);
}

fseg_status registry_remove(const char *name, char path[FSEG_PATH_LENGTH], fseg_error *error)
{
    char folder[FSEG_PATH_LENGTH], stem[256], beside[FSEG_PATH_LENGTH];
    const size_t length = strlen(name);
    const bool suffixed = length > 5 && strcmp(name + length - 5, ".fseg") == 0;
    if (strchr(name, '/') || length >= sizeof stem) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "remove needs the name of a model, not the path '%.200s'.", name);
    }
    snprintf(stem, sizeof stem, "%.*s", (int)(suffixed ? length - 5 : length), name);
    struct stat info;
    fseg_status status = registry_user_folder(folder, error);
    if (status == FSEG_OK) {
        status = registry_join(path, folder, stem, ".fseg", error);
    }
    if (status == FSEG_OK && (lstat(path, &info) != 0 || S_ISDIR(info.st_mode))) {
        status = not_in_user_folder(stem, folder, error);
    }
    if (status == FSEG_OK && unlink(path) != 0) {
        status = fseg_error_set(error, FSEG_ERROR_PERMISSION, "'%.300s' cannot be removed (%.60s).",
                                path, strerror(errno));
    }
    for (int part = 0; part < REGISTRY_WEIGHTS && status == FSEG_OK; part++) {
        status = registry_join(beside, folder, stem, registry_suffixes[part], error);
        if (status == FSEG_OK) {
            (void)unlink(beside);
        }
    }
    return status;
}
