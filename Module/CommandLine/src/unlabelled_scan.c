#include "unlabelled_scan.h"
#include "program.h"
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 16, DIGITS = 4 };

static const char *const suffixes[] = {".nii.gz", ".nii", ".nrrd"};

static bool ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text), size = strlen(ending);
    return length >= size && strcmp(text + length - size, ending) == 0;
}

/* Length of the name without the suffix of an image file, or 0. */
static size_t stem_length(const char *name)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (ends_with(name, suffixes[i])) {
            return strlen(name) - strlen(suffixes[i]);
        }
    }
    return 0;
}

/* An image file that is not a label map by its name. */
static bool is_image_file(const char *name)
{
    static const char label[] = "_label";
    const size_t stem = stem_length(name), size = sizeof label - 1;
    return stem > 0 && (stem < size || strncmp(name + stem - size, label, size) != 0);
}

/* The number of NAME_0007.nii, or -1. */
static int contrast_number(const char *name)
{
    const size_t stem = stem_length(name);
    if (stem <= DIGITS + 1 || name[stem - DIGITS - 1] != '_') {
        return -1;
    }
    int number = 0;
    for (size_t i = stem - DIGITS; i < stem; i++) {
        if (!isdigit((unsigned char)name[i])) {
            return -1;
        }
        number = 10 * number + (name[i] - '0');
    }
    return number;
}

/* Whether `name` is the contrast that follows the `count` files of the scan. */
static bool continues(const unlabelled_scan *scan, const char *path)
{
    const char *first = strrchr(scan->paths[0], '/') + 1, *name = strrchr(path, '/') + 1;
    const size_t folder = (size_t)(name - path), same = stem_length(name) - DIGITS;
    return contrast_number(first) == 0 && contrast_number(name) == (int)scan->count &&
           strlen(scan->paths[0]) == strlen(path) &&
           strncmp(scan->paths[0], path, folder + same) == 0;
}

static fseg_status out_of_memory(fseg_error *error)
{
    return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
}

/* Takes over `path`. */
static fseg_status add(unlabelled_scans *scans, bool group, char *path, fseg_error *error)
{
    unlabelled_scan *scan = scans->count ? &scans->entries[scans->count - 1] : NULL;
    if (!group || !scan || !continues(scan, path)) {
        unlabelled_scan *entries =
            realloc(scans->entries, (scans->count + 1) * sizeof *scans->entries);
        if (!entries) {
            free(path);
            return out_of_memory(error);
        }
        scans->entries = entries;
        scan = &entries[scans->count++];
        *scan = (unlabelled_scan){0};
    }
    char **paths = realloc(scan->paths, (scan->count + 1) * sizeof *paths);
    if (!paths) {
        free(path);
        return out_of_memory(error);
    }
    scan->paths = paths;
    paths[scan->count++] = path;
    return FSEG_OK;
}

static fseg_status walk(unlabelled_scans *scans, bool group, const char *folder, int depth,
                        fseg_error *error)
{
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, NULL, alphasort);
    if (count < 0 && depth > 0) {
        program_warn("A folder below the data folder cannot be read and is left out.");
        return FSEG_OK;
    }
    if (count < 0) {
        return fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                              "The folder '%.300s' cannot be read; check the path.", folder);
    }
    fseg_status status = FSEG_OK;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        char *path = NULL;
        struct stat info;
        if (status == FSEG_OK && name[0] != '.') {
            if (asprintf(&path, "%s/%s", folder, name) < 0) {
                path = NULL;
                status = out_of_memory(error);
            } else if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode) && depth < MAX_DEPTH) {
                status = walk(scans, group, path, depth + 1, error);
            } else if (is_image_file(name)) {
                status = add(scans, group, path, error);
                path = NULL;
            }
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
    return status;
}

fseg_status unlabelled_find(const char *folder, bool group, unlabelled_scans *out,
                            fseg_error *error)
{
    *out = (unlabelled_scans){0};
    return walk(out, group, folder, 0, error);
}

void unlabelled_scans_free(unlabelled_scans *scans)
{
    for (size_t i = 0; i < scans->count; i++) {
        for (size_t k = 0; k < scans->entries[i].count; k++) {
            free(scans->entries[i].paths[k]);
        }
        free(scans->entries[i].paths);
    }
    free(scans->entries);
    *scans = (unlabelled_scans){0};
}

void unlabelled_hide_path(const char *message, const char *path, char *out, size_t size)
{
    const char *at = strstr(message, path);
    /* With the quotes around it, or the rest of a longer path that begins so. */
    if (!at || at == message) {
        snprintf(out, size, "%s", message);
        return;
    }
    const char *end = at + strlen(path);
    while (*end && *end != '"' && *end != '\'') {
        end++;
    }
    snprintf(out, size, "%.*sthe file%s", (int)(at - message - 1), message, *end ? end + 1 : "");
}
