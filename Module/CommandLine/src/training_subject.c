/* A subject of a training run: the image as it is, and copies with other grey values. */
#include "training.h"
#include <stdlib.h>
#include <string.h>

/* Keeps the draws of copies apart from other users of the run's seed. */
static const uint64_t recolour_stream = (uint64_t)0x43 << 56;

static size_t voxel_count(const fseg_geometry *geometry)
{
    return geometry->size[0] * geometry->size[1] * geometry->size[2];
}

static fseg_status add(training *run, const fseg_volume *volume, const fseg_mask *structure,
                       double weight, fseg_error *error)
{
    fseg_network_grid *grid = NULL;
    const int multiple = fseg_unet_size_multiple(fseg_model_config(run->model));
    fseg_status status =
        fseg_network_grid_create(volume, structure, &run->spec, multiple, &grid, error);
    if (status == FSEG_OK) {
        status = fseg_sampler_add(run->sampler, grid->slices, grid->labels, grid->depth,
                                  grid->height, grid->width, weight, error);
    }
    fseg_network_grid_free(grid);
    return status;
}

/* Copy number `index` on the image's own grid, so that everything after it sees what a scan of that
 * contrast would give. */
static fseg_status add_copy(training *run, const fseg_volume *volume, const fseg_mask *labels,
                            const fseg_mask *structure, uint64_t number, int index, double weight,
                            fseg_error *error)
{
    const fseg_recolour_options options = fseg_recolour_default_options();
    fseg_random random =
        fseg_random_create(run->options->seed, recolour_stream | number << 10 | (uint64_t)index);
    fseg_volume *copy = NULL;
    fseg_status status = fseg_volume_create(&volume->geometry, &copy, error);
    if (status != FSEG_OK) {
        return status;
    }
    memcpy(copy->voxels, volume->voxels, voxel_count(&volume->geometry) * sizeof(float));
    memcpy(copy->modality, volume->modality, sizeof copy->modality);
    const size_t *size = volume->geometry.size;
    status = fseg_recolour(&options, &random, copy->voxels, labels->voxels, (int)size[2],
                           (int)size[1], (int)size[0]);
    status = status == FSEG_OK ? add(run, copy, structure, weight, error)
                               : fseg_error_set(error, status,
                                                "The image could not be given "
                                                "other grey values.");
    fseg_volume_free(copy);
    return status;
}

fseg_status training_add_subject(training *run, const fseg_volume *volume, const fseg_mask *labels,
                                 int structure, double weight, uint64_t number, fseg_error *error)
{
    const int copies = run->options->recolour;
    const double share = copies > 0 ? run->options->recolour_share : 0;
    fseg_mask *mask = NULL;
    fseg_status status = fseg_mask_create(&labels->geometry, &mask, error);
    for (size_t i = 0; status == FSEG_OK && i < voxel_count(&labels->geometry); i++) {
        mask->voxels[i] = labels->voxels[i] == structure;
    }
    if (status == FSEG_OK && share < 1) {
        status = add(run, volume, mask, weight * (1 - share), error);
    }
    for (int i = 0; status == FSEG_OK && i < copies && share > 0; i++) {
        status = add_copy(run, volume, labels, mask, number, i, weight * share / copies, error);
    }
    fseg_mask_free(mask);
    return status;
}
