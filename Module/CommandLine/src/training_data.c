/* The cases of a training run: which train, which are held out, and into the sampler. */
#include "phantom_volume.h"
#include "training.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "2/5" -> 2 of 5. */
static bool parse_fold(const char *text, int *fold, int *folds)
{
    char rest;
    return sscanf(text, "%d/%d%c", fold, folds, &rest) == 2 && *folds >= 2 && *folds <= 1000 &&
           *fold >= 1 && *fold <= *folds;
}

fseg_status training_split_cases(training *run, fseg_error *error)
{
    const training_options *options = run->options;
    fseg_status status =
        options->data ? case_list_scan(options->data, &run->cases, error) : FSEG_OK;
    if (status == FSEG_OK) {
        status = case_list_check_names(&run->cases, options->exclude, error);
    }
    if (status == FSEG_OK) {
        status = case_list_check_names(&run->cases, options->validation, error);
    }
    if (status != FSEG_OK) {
        return status;
    }
    int fold = 0, folds = 0;
    if (options->fold && !parse_fold(options->fold, &fold, &folds)) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "--fold needs k/K with k from 1 to K, as in 2/5, not '%.40s'.",
                              options->fold);
    }
    run->held_out = calloc(run->cases.count + 1, sizeof *run->held_out);
    run->unusable = calloc(run->cases.count + 1, sizeof *run->unusable);
    run->validates = calloc(run->cases.count + 1, sizeof *run->validates);
    if (!run->held_out || !run->unusable || !run->validates) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    for (size_t i = 0; i < run->cases.count; i++) {
        run->held_out[i] = case_is_listed(options->exclude, &run->cases.cases[i]) ||
                           (folds > 0 && i % (size_t)folds == (size_t)fold - 1);
        run->held_out_cases += run->held_out[i];
        run->validates[i] = case_is_listed(options->validation, &run->cases.cases[i]);
        run->validation_cases += run->validates[i];
        if (run->held_out[i] && run->validates[i]) {
            return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                  "Case '%.100s' is both held out and named by --validation; a "
                                  "case that chooses the model cannot measure it.",
                                  run->cases.cases[i].shown);
        }
    }
    return FSEG_OK;
}

static fseg_status add_case(training *run, const labelled_case *entry, fseg_error *error)
{
    const bool recolours = run->options->recolour > 0; /* then all organs of the file count */
    const int structure = recolours ? run->options->label : 1;
    case_images images;
    fseg_status status =
        recolours ? case_images_read(NULL, entry, -1, &images, error)
                  : case_images_read(run->cache, entry, run->options->label, &images, error);
    if (status == FSEG_OK) {
        status = training_add_subject(run, images.volume, images.truth, structure, 1.0,
                                      (uint64_t)(entry - run->cases.cases), error);
        case_images_free(&images);
    }
    return status;
}

/* Numbers of phantoms begin where no case's reach. */
static const uint64_t phantom_numbers = (uint64_t)1 << 32;

static fseg_status add_phantom(training *run, int index, double weight, fseg_error *error)
{
    const fseg_phantom_options options = phantom_training_options(run->options->seed, index);
    fseg_volume *volume = NULL;
    fseg_mask *labels = NULL;
    fseg_status status =
        phantom_volume_create(run->context, &options, NULL, &volume, &labels, error);
    if (status == FSEG_OK) {
        status = training_add_subject(run, volume, labels, FSEG_PHANTOM_LIVER, weight,
                                      phantom_numbers + (uint64_t)index, error);
    }
    fseg_volume_free(volume);
    fseg_mask_free(labels);
    return status;
}

static fseg_status create_sampler(training *run, fseg_error *error)
{
    const training_options *options = run->options;
    fseg_sampler_options sampler =
        fseg_sampler_default_options(options->batch, options->size, options->size);
    sampler.context_slices = run->spec.context_slices;
    sampler.foreground_fraction = options->foreground;
    sampler.seed = options->seed;
    return fseg_sampler_create(&sampler, &run->sampler, error);
}

fseg_status training_load_data(training *run, fseg_error *error)
{
    const training_options *options = run->options;
    fseg_status status = create_sampler(run, error);
    if (status != FSEG_OK) {
        return status;
    }
    for (size_t i = 0; i < run->cases.count; i++) {
        if (program_interrupted()) {
            return fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.");
        }
        if (run->held_out[i] || run->validates[i]) {
            continue;
        }
        status = add_case(run, &run->cases.cases[i], error);
        if (status == FSEG_ERROR_OUT_OF_MEMORY) {
            return status;
        }
        if (status == FSEG_OK) {
            run->used_cases++;
        } else {
            run->unusable[i] = true;
            program_warn("Case '%s' is left out: %s", run->cases.cases[i].shown, error->message);
            training_log(run, json_pack("{s:s, s:s, s:s}", "event", "left_out", "case",
                                        run->cases.cases[i].shown, "reason", error->message));
        }
    }
    if (run->used_cases == 0 && run->held_out_cases + run->validation_cases < run->cases.count) {
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                              "No case of the data folder can be used for training; see the "
                              "warnings above.");
    }
    if (run->used_cases == 0 && options->phantoms == 0) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "All cases are held out, so nothing is left to train on.");
    }
    /* Together the phantoms are drawn with probability phantom_share. */
    const double share = run->used_cases == 0 ? 0.5 : options->phantom_share;
    const double real = run->used_cases == 0 ? 1.0 : (double)run->used_cases;
    const double weight =
        options->phantoms > 0 ? share / (1 - share) * real / options->phantoms : 0;
    for (int i = 0; i < options->phantoms && weight > 0; i++) {
        if (program_interrupted()) {
            return fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.");
        }
        status = add_phantom(run, i, weight, error);
        if (status != FSEG_OK) {
            return status;
        }
    }
    return FSEG_OK;
}
