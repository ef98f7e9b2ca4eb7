#include "phantom_volume.h"
#include "frugalseg/random.h"
#include <math.h>
#include <string.h>

static fseg_geometry phantom_geometry(const fseg_phantom_options *options)
{
    fseg_geometry geometry;
    memset(&geometry, 0, sizeof geometry);
    const int size[3] = {options->columns, options->rows, options->slices};
    for (int axis = 0; axis < 3; axis++) {
        geometry.size[axis] = (size_t)size[axis];
        geometry.ijk_to_lps[axis][axis] = options->spacing_mm[axis];
        geometry.ijk_to_lps[axis][3] = -0.5 * (size[axis] - 1) * options->spacing_mm[axis];
    }
    geometry.ijk_to_lps[3][3] = 1;
    return geometry;
}

fseg_status phantom_volume_create(fseg_context *context, const fseg_phantom_options *options,
                                  const fseg_progress *progress, fseg_volume **volume,
                                  fseg_mask **labels, fseg_error *error)
{
    *volume = NULL;
    *labels = NULL;
    const fseg_geometry geometry = phantom_geometry(options);
    fseg_status status = fseg_volume_create(&geometry, volume, error);
    if (status == FSEG_OK) {
        status = fseg_mask_create(&geometry, labels, error);
    }
    if (status == FSEG_OK) {
        status = fseg_phantom_abdomen(context, options, (*volume)->voxels, (*labels)->voxels,
                                      progress, error);
    }
    if (status != FSEG_OK) {
        fseg_volume_free(*volume);
        fseg_mask_free(*labels);
        *volume = NULL;
        *labels = NULL;
        return status;
    }
    /* Whole numbers, as a scanner stores them: the DICOM series then holds the same values. */
    const size_t count = geometry.size[0] * geometry.size[1] * geometry.size[2];
    for (size_t i = 0; i < count; i++) {
        (*volume)->voxels[i] = roundf((*volume)->voxels[i]);
    }
    strcpy((*volume)->modality, "MR");
    return FSEG_OK;
}

fseg_phantom_options phantom_training_options(uint64_t seed, int index)
{
    /* Far from the seeds 1, 2, 3 that demos use. */
    const uint64_t phantom_seed = seed * 1000003u + 500000u + (uint64_t)index;
    fseg_phantom_options options = fseg_phantom_default_options(phantom_seed);
    fseg_random random = fseg_random_create(phantom_seed, 77);
    options.contrast_variation = index % 2 == 0 ? 0.0 : fseg_random_range(&random, 0.2f, 1.0f);
    options.noise = fseg_random_range(&random, 0.01f, 0.06f);
    options.bias = fseg_random_range(&random, 0.0f, 0.5f);
    return options;
}
