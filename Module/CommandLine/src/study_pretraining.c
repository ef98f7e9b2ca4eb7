/* A pretraining of a study: the pool of unlabelled scans, the steps, what was learned. */
#include "input.h"
#include "phantom_volume.h"
#include "study.h"
#include "study_json.h"
#include "unlabelled.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static fseg_status out_of_memory(fseg_error *error)
{
    return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
}

fseg_input_spec study_input_spec(const study_config *config)
{
    return (fseg_input_spec){.spacing_mm = config->spacing_mm,
                             .context_slices = 1,
                             .percentile_low = 1,
                             .percentile_high = 99,
                             .threshold = 0.5};
}

static fseg_status make_grid(study_worker *worker, const fseg_volume *volume,
                             fseg_network_grid **out, fseg_error *error)
{
    const fseg_unet_config network = fseg_unet_default_config(1, 2);
    const fseg_input_spec spec = study_input_spec(worker->config);
    return fseg_network_grid_create(volume, NULL, &spec, fseg_unet_size_multiple(&network), out,
                                    error);
}

static fseg_status add_case(study_worker *worker, fseg_sampler *sampler, const char *name,
                            fseg_error *error)
{
    case_images images;
    fseg_network_grid *grid = NULL;
    fseg_status status = case_images_read(&worker->cache, study_find_case(worker->config, name),
                                          worker->config->label, &images, error);
    if (status == FSEG_OK) {
        status = make_grid(worker, images.volume, &grid, error);
        case_images_free(&images);
    }
    if (status == FSEG_OK) {
        status = fseg_sampler_add_unlabelled(sampler, grid->slices, grid->depth, grid->height,
                                             grid->width, 1.0, error);
    }
    fseg_network_grid_free(grid);
    return status;
}

static fseg_status add_phantoms(study_worker *worker, fseg_sampler *sampler, const json_t *task,
                                double real_weight, fseg_error *error)
{
    const int count = whole(task, "phantoms", 0);
    const double share = real(task, "phantom_share", 0);
    for (int i = 0; i < count && share > 0; i++) {
        if (!worker->phantoms[i]) {
            const fseg_phantom_options options = phantom_training_options(1, i);
            fseg_volume *volume = NULL;
            fseg_mask *labels = NULL;
            program_progress progress; /* passes interruptions on */
            program_progress_start(&progress, &worker->common, "phantom");
            fseg_status status = phantom_volume_create(worker->context, &options,
                                                       &progress.progress, &volume, &labels, error);
            if (status == FSEG_OK) {
                status = make_grid(worker, volume, &worker->phantoms[i], error);
            }
            fseg_volume_free(volume);
            fseg_mask_free(labels);
            if (status != FSEG_OK) {
                return status;
            }
        }
        const fseg_network_grid *grid = worker->phantoms[i];
        const fseg_status status = fseg_sampler_add_unlabelled(
            sampler, grid->slices, grid->depth, grid->height, grid->width,
            share / (1 - share) * real_weight / count, error);
        if (status != FSEG_OK) {
            return status;
        }
    }
    return FSEG_OK;
}

/* A folder of scans, or one file. */
static fseg_status add_others(study_worker *worker, fseg_sampler *sampler, const char *path,
                              double weight, size_t *used, fseg_error *error)
{
    const fseg_unet_config network = fseg_unet_default_config(1, 2);
    const fseg_input_spec spec = study_input_spec(worker->config);
    if (input_is_folder(path)) {
        unlabelled_data data = {.sampler = sampler,
                                .context = worker->context,
                                .spec = &spec,
                                .size_multiple = fseg_unet_size_multiple(&network),
                                .weight = weight};
        const fseg_status status = unlabelled_load(&data, path, error);
        *used = data.used;
        unlabelled_free(&data);
        return status;
    }
    fseg_volume *volume = NULL;
    fseg_network_grid *grid = NULL;
    fseg_status status = fseg_volume_read(path, &volume, error);
    if (status == FSEG_OK) {
        status = make_grid(worker, volume, &grid, error);
    }
    if (status == FSEG_OK) {
        status = fseg_sampler_add_unlabelled(sampler, grid->slices, grid->depth, grid->height,
                                             grid->width, weight, error);
        *used = 1;
    }
    fseg_volume_free(volume);
    fseg_network_grid_free(grid);
    return status;
}

/* The pool of a fold: its training cases without their labels, other scans, phantoms. */
static fseg_status load_pool(study_worker *worker, fseg_sampler *sampler, const json_t *task,
                             fseg_error *error)
{
    const json_t *cases = json_object_get(task, "cases");
    const json_t *others = json_object_get(task, "unlabelled");
    double total = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const fseg_status status =
            add_case(worker, sampler, json_string_value(json_array_get(cases, i)), error);
        if (status != FSEG_OK) {
            return status;
        }
        total += 1;
    }
    for (size_t i = 0; i < json_array_size(others); i++) {
        const json_t *entry = json_array_get(others, i);
        const double weight = real(entry, "weight", 1);
        size_t used = 0;
        char *path = study_config_path(worker->config, text_of(entry, "path"));
        const fseg_status status =
            path ? add_others(worker, sampler, path, weight, &used, error) : out_of_memory(error);
        free(path);
        if (status != FSEG_OK) {
            return status;
        }
        total += weight * (double)used;
    }
    return add_phantoms(worker, sampler, task, total, error);
}

static fseg_status create_sampler(const json_t *task, fseg_sampler **out, fseg_error *error)
{
    const int size = whole(task, "size", 0);
    fseg_sampler_options options = fseg_sampler_default_options(1, size, size);
    options.seed = (uint64_t)json_integer_value(json_object_get(task, "seed"));
    return fseg_sampler_create(&options, out, error);
}

static fseg_corrupt_options corruption(const json_t *recipe)
{
    const char *name = text_of(recipe, "corruption");
    fseg_corrupt_options c = fseg_corrupt_masked_patches();
    if (name && strcmp(name, "context-restoration") == 0) {
        c = fseg_corrupt_context_restoration();
    } else if (name && strcmp(name, "models-genesis") == 0) {
        c = fseg_corrupt_models_genesis();
    }
    const int patch = whole(recipe, "patch", 32);
    c.patches_size = patch;
    c.swap_patch = patch;
    return c;
}

static fseg_contrast_variant contrast(const json_t *recipe)
{
    static const char *const names[] = {"simclr", "partition", "partition-pairs", "position",
                                        "local"};
    const char *name = text_of(recipe, "contrast");
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) {
            return (fseg_contrast_variant)i;
        }
    }
    return FSEG_VARIANT_PARTITION;
}

static fseg_pretrainer_options pretrainer_options(const json_t *task)
{
    const json_t *recipe = json_object_get(task, "recipe");
    const char *loss = text_of(recipe, "loss");
    const fseg_pretrain_loss kind = strcmp(loss, "regression") == 0    ? FSEG_PRETRAIN_REGRESSION
                                    : strcmp(loss, "contrastive") == 0 ? FSEG_PRETRAIN_CONTRASTIVE
                                                                       : FSEG_PRETRAIN_BOTH;
    const int size = whole(task, "size", 0);
    fseg_pretrainer_options o =
        fseg_pretrainer_default_options(kind, size, size, whole(recipe, "steps", 1000));
    o.seed = (uint64_t)json_integer_value(json_object_get(task, "seed"));
    o.batch = whole(recipe, "batch", 8);
    o.corruption = corruption(recipe);
    /* Masks are to be filled in; the other corruptions are learned on whole images, as their
     * sources do. */
    o.corrupted_only = o.corruption.patches_probability > 0;
    o.variant = contrast(recipe);
    o.volumes = whole(recipe, "volumes", o.volumes);
    o.partitions = whole(recipe, "partitions", o.partitions);
    o.temperature = real(recipe, "temperature", o.temperature);
    o.contrast_weight = real(recipe, "weight", o.contrast_weight);
    o.learning_rate = real(recipe, "learning_rate", o.learning_rate);
    (void)program_precision(text_of(task, "precision"), &o.precision); /* checked */
    o.freeze_encoder = json_is_true(json_object_get(recipe, "freeze_encoder"));
    return o;
}

static fseg_status create_model(study_worker *worker, const json_t *task, fseg_model **out,
                                fseg_error *error)
{
    const char *after = text_of(json_object_get(task, "recipe"), "after");
    if (after) {
        char *path = study_store_path(worker->folder, "models", after, ".fseg");
        const fseg_status status = path ? fseg_model_load(path, out, error) : out_of_memory(error);
        free(path);
        return status;
    }
    const fseg_unet_config network = fseg_unet_default_config(1, 2);
    const uint64_t seed = (uint64_t)json_integer_value(json_object_get(task, "seed"));
    fseg_status status = fseg_model_create(&network, seed, out, error);
    if (status == FSEG_OK) {
        char card[128];
        snprintf(card, sizeof card,
                 "{\"name\": \"pretrained\", \"spacing_mm\": %.6g, \"context_slices\": 1}",
                 worker->config->spacing_mm);
        status = fseg_model_set_card(*out, card, error);
    }
    return status;
}

static fseg_status pretrain_steps(fseg_pretrainer *pretrainer, const fseg_sampler *pool, int steps,
                                  const char *checkpoint, fseg_error *error)
{
    fseg_status status = access(checkpoint, F_OK) == 0
                             ? fseg_pretrainer_restore(pretrainer, checkpoint, error)
                             : FSEG_OK;
    while (status == FSEG_OK && fseg_pretrainer_steps_done(pretrainer) < steps) {
        fseg_pretrain_losses losses;
        status = fseg_pretrainer_step(pretrainer, pool, &losses, error);
        if (status == FSEG_OK && program_interrupted()) {
            status = fseg_pretrainer_save(pretrainer, checkpoint, error);
            return status == FSEG_OK ? fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.")
                                     : status;
        }
    }
    return status;
}

static fseg_status measure_restoration(study_worker *worker, const json_t *task,
                                       const json_t *held_out, fseg_pretrainer *pretrainer,
                                       json_t *result, fseg_error *error)
{
    enum { BATCHES = 12 };
    fseg_sampler *sampler = NULL;
    fseg_restoration r;
    fseg_status status = create_sampler(task, &sampler, error);
    for (size_t i = 0; status == FSEG_OK && i < json_array_size(held_out); i++) {
        status = add_case(worker, sampler, json_string_value(json_array_get(held_out, i)), error);
    }
    if (status == FSEG_OK) {
        status = fseg_pretrainer_restoration(pretrainer, sampler, BATCHES, &r, error);
    }
    if (status == FSEG_OK) {
        json_object_set_new(result, "restoration",
                            json_pack("{s:f, s:f, s:f, s:f}", "network", r.network, "corrupted",
                                      r.corrupted, "smoothing", r.smoothing, "sigma_px",
                                      r.smoothing_sigma));
    }
    fseg_sampler_free(sampler);
    return status;
}

/* How well held-out images are restored and their place in the body is found. */
static fseg_status measure_pretraining(study_worker *worker, const json_t *task,
                                       fseg_pretrainer *pretrainer, const fseg_model *model,
                                       json_t *result, fseg_error *error)
{
    enum { PARTITIONS = 4 };
    /* Neither lies in the pool. */
    json_t *held_out = json_deep_copy(json_object_get(task, "test"));
    json_array_extend(held_out, json_object_get(task, "validation"));
    const char *loss = text_of(json_object_get(task, "recipe"), "loss");
    double retrieval = 0, untrained = 0;
    fseg_status status = study_retrieval(worker, model, held_out, PARTITIONS, &retrieval, error);
    fseg_model *fresh = NULL;
    if (status == FSEG_OK) {
        const uint64_t seed = (uint64_t)json_integer_value(json_object_get(task, "seed"));
        status = fseg_model_create(fseg_model_config(model), seed, &fresh, error);
    }
    if (status == FSEG_OK) {
        status = study_retrieval(worker, fresh, held_out, PARTITIONS, &untrained, error);
    }
    fseg_model_free(fresh);
    if (status == FSEG_OK) {
        json_object_set_new(result, "retrieval",
                            json_pack("{s:f, s:f, s:f}", "top1", retrieval, "untrained", untrained,
                                      "chance", 1.0 / PARTITIONS));
    }
    if (status == FSEG_OK && strcmp(loss, "contrastive") != 0) {
        status = measure_restoration(worker, task, held_out, pretrainer, result, error);
    }
    json_decref(held_out);
    return status;
}

fseg_status study_run_pretraining(study_worker *worker, const json_t *task, const char *key,
                                  json_t **result, fseg_error *error)
{
    const fseg_pretrainer_options options = pretrainer_options(task);
    char *checkpoint = study_store_path(worker->folder, "work", key, ".checkpoint");
    char *path = study_store_path(worker->folder, "models", key, ".fseg");
    fseg_sampler *pool = NULL;
    fseg_model *model = NULL;
    fseg_pretrainer *pretrainer = NULL;
    fseg_status status = checkpoint && path ? FSEG_OK : out_of_memory(error);
    if (status == FSEG_OK) {
        status = create_sampler(task, &pool, error);
    }
    if (status == FSEG_OK) {
        status = load_pool(worker, pool, task, error);
    }
    if (status == FSEG_OK) {
        status = create_model(worker, task, &model, error);
    }
    if (status == FSEG_OK) {
        status = fseg_pretrainer_create(worker->context, model, &options, &pretrainer, error);
    }
    if (status == FSEG_OK) {
        status = pretrain_steps(pretrainer, pool, options.steps, checkpoint, error);
    }
    if (status == FSEG_OK) {
        /* Nothing that a resumed run would not know, as the losses of its first part. */
        *result = json_pack("{s:i}", "scans", (int)fseg_sampler_count(pool));
        status = measure_pretraining(worker, task, pretrainer, model, *result, error);
    }
    if (status == FSEG_OK) {
        status = fseg_model_save(model, path, error);
    }
    fseg_pretrainer_free(pretrainer);
    fseg_model_free(model);
    fseg_sampler_free(pool);
    free(checkpoint);
    free(path);
    return status;
}
