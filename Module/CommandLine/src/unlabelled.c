#include "unlabelled.h"
#include "program.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 16 };

static bool ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text), size = strlen(ending);
    return length >= size && strcmp(text + length - size, ending) == 0;
}

/* An image file that is not a label map by its name. */
static bool is_image_file(const char *name)
{
    static const char *const suffixes[] = {".nii.gz", ".nii", ".nrrd"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char label[32];
        snprintf(label, sizeof label, "_label%s", suffixes[i]);
        if (ends_with(name, suffixes[i])) {
            return !ends_with(name, label);
        }
    }
    return false;
}

/* Only failures that no other scan can make up for are passed on. */
static fseg_status settle(unlabelled_data *data, const char *what, fseg_status status,
                          const fseg_error *error)
{
    if (status == FSEG_OK) {
        data->used++;
    } else if (status != FSEG_ERROR_OUT_OF_MEMORY && status != FSEG_ERROR_CANCELLED) {
        data->left_out++;
        program_warn("%s is left out: %s", what, error->message);
        status = FSEG_OK;
    }
    return status;
}

static fseg_status add_volume(unlabelled_data *data, const fseg_volume *volume, fseg_error *error)
{
    fseg_network_grid *grid = NULL;
    fseg_status status =
        fseg_network_grid_create(volume, NULL, data->spec, data->size_multiple, &grid, error);
    if (status == FSEG_OK) {
        status = fseg_sampler_add_unlabelled(data->sampler, grid->slices, grid->depth, grid->height,
                                             grid->width, 1.0, error);
    }
    fseg_network_grid_free(grid);
    return status;
}

static fseg_status add_file(unlabelled_data *data, const char *path, const char *name,
                            fseg_error *error)
{
    fseg_volume *volume = NULL;
    fseg_status status = fseg_volume_read(path, &volume, error);
    if (status == FSEG_OK) {
        status = add_volume(data, volume, error);
    }
    fseg_volume_free(volume);
    char what[160];
    snprintf(what, sizeof what, "Scan '%.120s'", name);
    return settle(data, what, status, error);
}

static fseg_status walk(unlabelled_data *data, const char *folder, int depth, fseg_error *error)
{
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, NULL, alphasort);
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
            if (program_interrupted()) {
                status = fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.");
            } else if (asprintf(&path, "%s/%s", folder, name) < 0) {
                path = NULL;
                status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
            } else if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode) && depth < MAX_DEPTH) {
                status = walk(data, path, depth + 1, error);
            } else if (is_image_file(name)) {
                status = add_file(data, path, name, error);
            }
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
    return status;
}

/* All series of the folder; a folder without DICOM is fine, the files may do. */
static fseg_status add_series(unlabelled_data *data, const char *folder, fseg_error *error)
{
    fseg_series_list *list = NULL;
    fseg_status status = fseg_series_list_scan(folder, NULL, &list, error);
    if (status == FSEG_ERROR_BAD_INPUT) {
        return FSEG_OK;
    }
    for (size_t i = 0; status == FSEG_OK && i < fseg_series_list_count(list); i++) {
        fseg_volume *volume = NULL;
        status = fseg_series_read(list, i, NULL, &volume, error);
        if (status == FSEG_OK) {
            status = add_volume(data, volume, error);
        }
        fseg_volume_free(volume);
        char what[32];
        snprintf(what, sizeof what, "Series %zu", i + 1); /* no identifiers in messages */
        status = settle(data, what, status, error);
        if (status == FSEG_OK && program_interrupted()) {
            status = fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.");
        }
    }
    fseg_series_list_free(list);
    return status;
}

fseg_status unlabelled_load(unlabelled_data *data, const char *folder, fseg_error *error)
{
    fseg_status status = walk(data, folder, 0, error);
    if (status == FSEG_OK) {
        status = add_series(data, folder, error);
    }
    if (status == FSEG_OK && data->used == 0) {
        status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                "No scan below '%.300s' can be used%s; give a folder of DICOM "
                                "series, NIfTI or NRRD files.",
                                folder, data->left_out > 0 ? " (see the warnings above)" : "");
    }
    return status;
}
