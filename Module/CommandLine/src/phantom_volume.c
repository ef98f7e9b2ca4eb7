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

fseg_status phantom_volume_render(const fseg_geometry *geometry, phantom_renderer *render,
                                  const void *scene, fseg_volume **volume, fseg_mask **labels,
                                  fseg_error *error)
{
    *volume = NULL;
    *labels = NULL;
    fseg_status status = fseg_volume_create(geometry, volume, error);
    if (status == FSEG_OK) {
        status = fseg_mask_create(geometry, labels, error);
    }
    if (status == FSEG_OK) {
        status = render(scene, (*volume)->voxels, (*labels)->voxels, error);
    }
    if (status != FSEG_OK) {
        fseg_volume_free(*volume);
        fseg_mask_free(*labels);
        *volume = NULL;
        *labels = NULL;
        return status;
    }
    phantom_volume_finish(*volume);
    return FSEG_OK;
}

void phantom_volume_finish(fseg_volume *volume)
{
    const size_t *size = volume->geometry.size;
    const size_t count = size[0] * size[1] * size[2];
    for (size_t i = 0; i < count; i++) {
        volume->voxels[i] = roundf(volume->voxels[i]);
    }
    strcpy(volume->modality, "MR");
}

typedef struct abdomen {
    fseg_context *context;
    const fseg_phantom_options *options;
    const fseg_progress *progress;
} abdomen;

static fseg_status render_abdomen(const void *scene, float *image, uint8_t *labels,
                                  fseg_error *error)
{
    const abdomen *a = scene;
    return fseg_phantom_abdomen(a->context, a->options, image, labels, a->progress, error);
}

fseg_status phantom_volume_create(fseg_context *context, const fseg_phantom_options *options,
                                  const fseg_progress *progress, fseg_volume **volume,
                                  fseg_mask **labels, fseg_error *error)
{
    const fseg_geometry geometry = phantom_geometry(options);
    const abdomen scene = {context, options, progress};
    return phantom_volume_render(&geometry, render_abdomen, &scene, volume, labels, error);
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
