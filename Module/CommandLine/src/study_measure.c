/* What a pretrained encoder knows about slices that it never saw. */
#include "study.h"
#include <stdlib.h>
#include <string.h>

typedef struct slice_features {
    float *vectors;
    int *classes, *groups;
    size_t count, dim;
} slice_features;

static fseg_status add_features(study_worker *worker, const fseg_model *model,
                                const fseg_volume *volume, int group, int partitions,
                                slice_features *f, fseg_error *error)
{
    const fseg_input_spec spec = study_input_spec(worker->config);
    fseg_network_grid *grid = NULL;
    fseg_status status = fseg_network_grid_create(
        volume, NULL, &spec, fseg_unet_size_multiple(fseg_model_config(model)), &grid, error);
    if (status != FSEG_OK) {
        return status;
    }
    const size_t depth = (size_t)grid->depth, count = f->count + depth;
    float *vectors = realloc(f->vectors, count * f->dim * sizeof *vectors);
    f->vectors = vectors ? vectors : f->vectors;
    int *classes = realloc(f->classes, count * sizeof *classes);
    f->classes = classes ? classes : f->classes;
    int *groups = realloc(f->groups, count * sizeof *groups);
    f->groups = groups ? groups : f->groups;
    if (!vectors || !classes || !groups) {
        status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    } else {
        status = fseg_model_features(worker->context, model, grid->slices, depth, grid->height,
                                     grid->width, vectors + f->count * f->dim, error);
    }
    if (status == FSEG_OK) {
        for (size_t k = 0; k < depth; k++) {
            classes[f->count + k] = (int)(k * (size_t)partitions / depth);
            groups[f->count + k] = group;
        }
        f->count = count;
    }
    fseg_network_grid_free(grid);
    return status;
}

fseg_status study_retrieval(study_worker *worker, const fseg_model *model, const json_t *names,
                            int partitions, double *out, fseg_error *error)
{
    slice_features f = {.dim = fseg_model_feature_count(model)};
    fseg_status status = FSEG_OK;
    for (size_t i = 0; status == FSEG_OK && i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        case_images images;
        status = case_images_read(&worker->cache, study_find_case(worker->config, name),
                                  worker->config->label, &images, error);
        if (status == FSEG_OK) {
            status = add_features(worker, model, images.volume, (int)i, partitions, &f, error);
            case_images_free(&images);
        }
    }
    if (status == FSEG_OK) {
        *out = fseg_retrieval_top1(f.vectors, f.count, f.dim, f.classes, f.groups);
    }
    free(f.vectors);
    free(f.classes);
    free(f.groups);
    return status;
}
