/* Results of a study on disk. */
#include "output.h"
#include "study.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_PATIENCE_S = 10 };

static fseg_status out_of_memory(fseg_error *error)
{
    return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
}

char *study_store_path(const char *folder, const char *part, const char *key, const char *ending)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s/%s%s", folder, part, key, ending) < 0 ? NULL : path;
}

char *study_key(const json_t *task)
{
    char *text = json_dumps(task, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(12));
    char hash[65], *key = NULL;
    if (text) {
        program_text_sha256(text, hash);
        if (asprintf(&key, "%s-%.16s", json_string_value(json_object_get(task, "kind")), hash) <
            0) {
            key = NULL;
        }
    }
    free(text);
    return key;
}

static fseg_status make_folder(const char *path, fseg_error *error)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST) {
        return FSEG_OK;
    }
    return fseg_error_set(error, errno == EACCES ? FSEG_ERROR_PERMISSION : FSEG_ERROR_IO,
                          "The folder '%.300s' cannot be made; check the path given with --out.",
                          path);
}

static fseg_status take_lock(study_store *store, fseg_error *error)
{
    char *path = study_store_path(store->folder, ".", "lock", "");
    store->lock = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    free(path);
    if (store->lock < 0) {
        return fseg_error_set(error, FSEG_ERROR_PERMISSION,
                              "The folder '%.300s' cannot be written; check --out.", store->folder);
    }
    /* Workers hold the lock, too; those of a study that was killed need a moment to end. */
    const double start = program_seconds();
    while (flock(store->lock, LOCK_EX | LOCK_NB) != 0) {
        const struct timespec pause = {.tv_nsec = 100000000};
        if (program_seconds() - start < LOCK_PATIENCE_S && !program_interrupted()) {
            nanosleep(&pause, NULL);
            continue;
        }
        return fseg_error_set(error, FSEG_ERROR_REFUSED,
                              "A study is running in '%.300s'; wait for it, or look at its "
                              "results with --report.",
                              store->folder);
    }
    return FSEG_OK;
}

static fseg_status read_results(study_store *store, fseg_error *error)
{
    char *runs = study_store_path(store->folder, "", "runs", "");
    DIR *dir = runs ? opendir(runs) : NULL;
    free(runs);
    if (!dir) {
        return fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                              "There is no study in '%.300s'; check the path given with --out.",
                              store->folder);
    }
    fseg_status status = FSEG_OK;
    for (const struct dirent *entry; status == FSEG_OK && (entry = readdir(dir));) {
        const size_t length = strlen(entry->d_name);
        if (length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0) {
            char *key = strndup(entry->d_name, length - 5);
            status = key ? study_store_add(store, key, error) : out_of_memory(error);
            free(key);
        }
    }
    closedir(dir);
    return status;
}

fseg_status study_store_open(const char *folder, bool lock, study_store *out, fseg_error *error)
{
    *out = (study_store){.lock = -1};
    out->folder = strdup(folder);
    out->results = json_object();
    if (!out->folder || !out->results) {
        study_store_free(out);
        return out_of_memory(error);
    }
    fseg_status status = FSEG_OK;
    if (lock) {
        static const char *const parts[] = {"runs", "models", "work"};
        status = make_folder(folder, error);
        for (size_t i = 0; status == FSEG_OK && i < sizeof parts / sizeof *parts; i++) {
            char *path = study_store_path(folder, parts[i], "", "");
            status = path ? make_folder(path, error) : out_of_memory(error);
            free(path);
        }
        if (status == FSEG_OK) {
            status = take_lock(out, error);
        }
    }
    if (status == FSEG_OK) {
        status = read_results(out, error);
    }
    if (status != FSEG_OK) {
        study_store_free(out);
    }
    return status;
}

void study_store_free(study_store *store)
{
    free(store->folder);
    json_decref(store->results);
    if (store->lock >= 0) {
        close(store->lock);
    }
    *store = (study_store){.lock = -1};
}

fseg_status study_store_write(const char *folder, const json_t *task, json_t *result,
                              fseg_error *error)
{
    char *key = study_key(task);
    char *path = key ? study_store_path(folder, "runs", key, ".json") : NULL;
    json_t *both = json_pack("{s:O, s:o}", "task", (json_t *)(uintptr_t)task, "result", result);
    const fseg_status status =
        path ? output_write_json(path, both, error) : (json_decref(both), out_of_memory(error));
    free(key);
    free(path);
    return status;
}

fseg_status study_store_add(study_store *store, const char *key, fseg_error *error)
{
    char *path = study_store_path(store->folder, "runs", key, ".json");
    if (!path) {
        return out_of_memory(error);
    }
    json_t *both = json_load_file(path, 0, NULL);
    fseg_status status = FSEG_OK;
    if (!json_is_object(json_object_get(both, "task")) ||
        !json_is_object(json_object_get(both, "result"))) {
        status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                "The result '%.300s' is damaged; remove it, and the study does it "
                                "again.",
                                path);
    } else if (json_object_set(store->results, key, both) != 0) {
        status = out_of_memory(error);
    }
    json_decref(both);
    free(path);
    return status;
}

const json_t *study_store_result(const study_store *store, const json_t *task)
{
    char *key = study_key(task);
    const json_t *both = key ? json_object_get(store->results, key) : NULL;
    free(key);
    return json_object_get(both, "result");
}

bool study_store_has_model(const study_store *store, const json_t *task)
{
    char *key = study_key(task);
    char *path = key ? study_store_path(store->folder, "models", key, ".fseg") : NULL;
    const bool there = path && access(path, F_OK) == 0;
    free(key);
    free(path);
    return there;
}
