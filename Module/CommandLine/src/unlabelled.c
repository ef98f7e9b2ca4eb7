#include "unlabelled.h"
#include "program.h"
#include "unlabelled_scan.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Only failures that no other scan can make up for are passed on. */
static fseg_status settle(unlabelled_data *data, const char *kind, size_t number,
                          fseg_status status, const char *path, const fseg_error *error)
{
    data->read++;
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

static fseg_status add_files(unlabelled_data *data, const unlabelled_scan *scan, size_t number,
                             fseg_error *error)
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
    return settle(data, "Scan", number, status, path, error);
}

static fseg_status check_interrupt(fseg_error *error)
{
    return program_interrupted() ? fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.")
                                 : FSEG_OK;
}

/* Whether this process is to read scan `number`. */
static bool is_own(const unlabelled_data *data, size_t number)
{
    const fseg_communicator *communicator = fseg_context_communicator(data->context);
    return (number - 1) % (size_t)fseg_communicator_size(communicator) ==
           (size_t)fseg_communicator_rank(communicator);
}

/* All series of the folder; a folder without DICOM is fine, the files may do. They are numbered
 * after the `before` files. */
static fseg_status add_series(unlabelled_data *data, const char *folder, size_t before,
                              fseg_error *error)
{
    fseg_series_list *list = NULL;
    fseg_status status = fseg_series_list_scan(folder, NULL, &list, error);
    if (status == FSEG_ERROR_BAD_INPUT) {
        return FSEG_OK;
    }
    for (size_t i = 0; status == FSEG_OK && i < fseg_series_list_count(list); i++) {
        const size_t number = before + i + 1;
        if (!is_own(data, number)) {
            continue;
        }
        fseg_volume *volume = NULL;
        status = fseg_series_read(list, i, NULL, &volume, error);
        if (status == FSEG_OK) {
            status = add_subject(data, &volume, 1, error);
        }
        fseg_volume_free(volume);
        status = settle(data, "Series", number, status, folder, error);
        if (status == FSEG_OK) {
            status = check_interrupt(error);
        }
    }
    fseg_series_list_free(list);
    return status;
}

/* What the processes tell each other after reading. */
typedef struct reading {
    size_t used, left_out, most_contrasts;
} reading;

/* Numbers of the subjects of all processes, ascending as the shared sampler has them. */
static fseg_status gather_numbers(unlabelled_data *data, fseg_communicator *communicator,
                                  const reading *all, size_t most, fseg_error *error)
{
    const size_t size = (size_t)fseg_communicator_size(communicator);
    size_t *mine = calloc(most + 1, sizeof *mine);
    size_t *theirs = calloc(size * (most + 1), sizeof *theirs);
    size_t *sorted = calloc(data->used + 1, sizeof *sorted), count = 0;
    fseg_status status = mine && theirs && sorted ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
    status = fseg_communicator_agree(communicator, status, NULL);
    if (status == FSEG_OK) {
        for (size_t i = 0; i < all[fseg_communicator_rank(communicator)].used; i++) {
            mine[i] = data->scan_number[i];
        }
        status = fseg_communicator_gather(communicator, mine, (most + 1) * sizeof *mine, theirs);
    }
    for (size_t r = 0; r < size && status == FSEG_OK; r++) {
        for (size_t i = 0; i < all[r].used; i++) {
            size_t at = count++;
            const size_t number = theirs[r * (most + 1) + i];
            for (; at > 0 && sorted[at - 1] > number; at--) {
                sorted[at] = sorted[at - 1];
            }
            sorted[at] = number;
        }
    }
    free(mine);
    free(theirs);
    if (status != FSEG_OK) {
        free(sorted);
        return fseg_error_set(error, status, "The processes could not compare what they read: %s.",
                              fseg_status_text(status));
    }
    free(data->scan_number);
    data->scan_number = sorted;
    return FSEG_OK;
}

/* One sampler and one account of what was read, over all processes. */
static fseg_status share(unlabelled_data *data, fseg_status status, fseg_error *error)
{
    fseg_communicator *communicator = fseg_context_communicator(data->context);
    const size_t size = (size_t)fseg_communicator_size(communicator);
    if (size == 1) {
        return status;
    }
    const reading mine = {data->used, data->left_out, data->most_contrasts};
    reading *all = calloc(size, sizeof *all);
    size_t most = 0;
    int rank;
    status = status == FSEG_OK && !all ? FSEG_ERROR_OUT_OF_MEMORY : status;
    const fseg_status agreed = fseg_communicator_agree(communicator, status, &rank);
    if (agreed != FSEG_OK && status == FSEG_OK) {
        fseg_error_set(error, agreed, "Process %d could not read its scans: %s.", rank + 1,
                       fseg_status_text(agreed));
    }
    status = agreed;
    if (status == FSEG_OK) {
        status = fseg_communicator_gather(communicator, &mine, sizeof mine, all);
    }
    if (status == FSEG_OK) {
        data->used = data->left_out = 0;
        for (size_t r = 0; r < size; r++) {
            data->used += all[r].used;
            data->left_out += all[r].left_out;
            most = all[r].used > most ? all[r].used : most;
            data->most_contrasts = all[r].most_contrasts > data->most_contrasts
                                       ? all[r].most_contrasts
                                       : data->most_contrasts;
        }
        status = fseg_sampler_share(data->sampler, data->context, data->scan_number, error);
    }
    if (status == FSEG_OK) {
        status = gather_numbers(data, communicator, all, most, error);
    }
    free(all);
    return status;
}

fseg_status unlabelled_load(unlabelled_data *data, const char *folder, fseg_error *error)
{
    unlabelled_scans scans = {0};
    fseg_status status = unlabelled_find(folder, data->maps != NULL, &scans, error);
    for (size_t i = 0; i < scans.count && status == FSEG_OK; i++) {
        if (is_own(data, i + 1)) {
            status = add_files(data, &scans.entries[i], i + 1, error);
        }
        if (status == FSEG_OK) {
            status = check_interrupt(error);
        }
    }
    if (status == FSEG_OK) {
        status = add_series(data, folder, scans.count, error);
    }
    unlabelled_scans_free(&scans);
    status = share(data, status, error);
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
