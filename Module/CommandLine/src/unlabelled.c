#include "unlabelled.h"
#include "program.h"
#include "unlabelled_scan.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Only failures that no other scan can make up for are passed on. */
static fseg_status settle(unlabelled_data *data, const char *kind, fseg_status status,
                          const char *path, const fseg_error *error)
{
    const size_t number = data->used + data->left_out + 1;
    if (status == FSEG_OK) {
        size_t *numbers = realloc(data->scan_number, (data->used + 1) * sizeof *data->scan_number);
        if (!numbers) {
            return FSEG_ERROR_OUT_OF_MEMORY;
        }
        data->scan_number = numbers;
        numbers[data->used++] = number;
    } else if (status != FSEG_ERROR_OUT_OF_MEMORY && status != FSEG_ERROR_CANCELLED) {
        char reason[sizeof error->message];
        unlabelled_hide_path(error->message, path, reason, sizeof reason);
        data->left_out++;
        program_warn("%s %zu is left out: %s", kind, number, reason);
        status = FSEG_OK;
    }
    return status;
}

static double weight_of(const unlabelled_data *data)
{
    return data->weight > 0 ? data->weight : 1.0;
}

/* The contrast that the network sees, with the map over all of them as its labels. */
static fseg_status add_mapped(unlabelled_data *data, fseg_network_grid *const *grids, size_t count,
                              fseg_error *error)
{
    const fseg_network_grid *first = grids[0];
    const size_t voxels = (size_t)first->depth * (size_t)first->height * (size_t)first->width;
    for (size_t i = 1; i < count; i++) {
        if (!fseg_geometry_equal(&first->geometry, &grids[i]->geometry, 0.5)) {
            return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                  "contrast %zu does not lie on the grid of the first; resample "
                                  "the contrasts to one grid",
                                  i + 1);
        }
    }
    float *images = malloc(count * voxels * sizeof *images);
    uint8_t *labels = malloc(voxels);
    fseg_status status = images && labels
                             ? FSEG_OK
                             : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    if (status == FSEG_OK) {
        for (size_t i = 0; i < count; i++) {
            memcpy(images + i * voxels, grids[i]->slices, voxels * sizeof *images);
        }
        status = fseg_constraint_map(data->context, data->maps, images, (int)count, first->depth,
                                     first->height, first->width, labels, NULL, error);
    }
    if (status == FSEG_OK) {
        status = fseg_sampler_add(data->sampler, images + (size_t)data->network_contrast * voxels,
                                  labels, first->depth, first->height, first->width,
                                  weight_of(data), error);
        data->bytes += voxels * (sizeof *images + 1);
    }
    free(images);
    free(labels);
    return status;
}

static fseg_status add_plain(unlabelled_data *data, const fseg_network_grid *grid,
                             fseg_error *error)
{
    data->bytes += (size_t)grid->depth * (size_t)grid->height * (size_t)grid->width * sizeof(float);
    return fseg_sampler_add_unlabelled(data->sampler, grid->slices, grid->depth, grid->height,
                                       grid->width, weight_of(data), error);
}

/* One subject: `count` contrasts. */
static fseg_status add_subject(unlabelled_data *data, fseg_volume *const *volumes, size_t count,
                               fseg_error *error)
{
    if ((size_t)data->network_contrast >= count) {
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                              "it has %zu contrasts and the network is to see number %d", count,
                              data->network_contrast + 1);
    }
    fseg_network_grid **grids = calloc(count, sizeof *grids);
    if (!grids) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    fseg_status status = FSEG_OK;
    for (size_t i = 0; i < count && status == FSEG_OK; i++) {
        const bool needed = data->maps || i == (size_t)data->network_contrast;
        if (needed) {
            status = fseg_network_grid_create(volumes[i], NULL, data->spec, data->size_multiple,
                                              &grids[i], error);
        }
    }
    if (status == FSEG_OK) {
        status = data->maps ? add_mapped(data, grids, count, error)
                            : add_plain(data, grids[data->network_contrast], error);
    }
    if (status == FSEG_OK && count > data->most_contrasts) {
        data->most_contrasts = count;
    }
    for (size_t i = 0; i < count; i++) {
        fseg_network_grid_free(grids[i]);
    }
    free(grids);
    return status;
}

static fseg_status add_files(unlabelled_data *data, const unlabelled_scan *scan, fseg_error *error)
{
    fseg_volume **volumes = NULL;
    size_t count = 0;
    const char *path = scan->paths[0];
    fseg_status status = FSEG_OK;
    if (scan->count == 1) {
        status = fseg_volume_read_stack(path, &volumes, &count, error);
    } else {
        volumes = calloc(scan->count, sizeof *volumes);
        status = volumes ? FSEG_OK : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "No memory.");
        for (size_t i = 0; i < scan->count && status == FSEG_OK; i++) {
            path = scan->paths[i];
            status = fseg_volume_read(path, &volumes[i], error);
            count += status == FSEG_OK;
        }
    }
    if (status == FSEG_OK) {
        status = add_subject(data, volumes, count, error);
    }
    fseg_volume_free_stack(volumes, count);
    return settle(data, "Scan", status, path, error);
}

static fseg_status check_interrupt(fseg_error *error)
{
    return program_interrupted() ? fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.")
                                 : FSEG_OK;
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
            status = add_subject(data, &volume, 1, error);
        }
        fseg_volume_free(volume);
        status = settle(data, "Series", status, folder, error);
        if (status == FSEG_OK) {
            status = check_interrupt(error);
        }
    }
    fseg_series_list_free(list);
    return status;
}

fseg_status unlabelled_load(unlabelled_data *data, const char *folder, fseg_error *error)
{
    unlabelled_scans scans = {0};
    fseg_status status = unlabelled_find(folder, data->maps != NULL, &scans, error);
    for (size_t i = 0; i < scans.count && status == FSEG_OK; i++) {
        status = add_files(data, &scans.entries[i], error);
        if (status == FSEG_OK) {
            status = check_interrupt(error);
        }
    }
    unlabelled_scans_free(&scans);
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

void unlabelled_free(unlabelled_data *data)
{
    free(data->scan_number);
    data->scan_number = NULL;
}
