/* The model of a training run and its card. */
#include "training.h"
#include <stdlib.h>
#include <string.h>

/* The card file, or the card of the initial model, as an object. */
static fseg_status initial_card(const training_options *options, const fseg_model *initial,
                                json_t **out, fseg_error *error)
{
    json_error_t detail;
    if (options->card) {
        *out = json_load_file(options->card, JSON_REJECT_DUPLICATES, &detail);
    } else {
        *out = json_loads(fseg_model_card(initial), JSON_REJECT_DUPLICATES, &detail);
    }
    if (!json_is_object(*out)) {
        const char *text = *out ? "it is not an object" : detail.text;
        const fseg_status status =
            fseg_error_set(error, FSEG_ERROR_BAD_INPUT, "The card '%.200s' cannot be used: %.200s.",
                           options->card ? options->card : "of the initial model", text);
        json_decref(*out);
        *out = NULL;
        return status;
    }
    return FSEG_OK;
}

static fseg_status set_card(fseg_model *model, json_t *card, fseg_error *error)
{
    char *text = json_dumps(card, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    const fseg_status status =
        text ? fseg_model_set_card(model, text, error)
             : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    free(text);
    return status;
}

/* Replace the initial model by a fresh one that has only what --transfer names of it, and its card.
 */
static fseg_status transfer_weights(training *run, fseg_error *error)
{
    const training_options *options = run->options;
    if (!options->transfer || strcmp(options->transfer, "all") == 0) {
        return FSEG_OK;
    }
    const fseg_transfer scope = strcmp(options->transfer, "encoder") == 0
                                    ? FSEG_TRANSFER_ENCODER
                                    : FSEG_TRANSFER_ENCODER_DECODER;
    fseg_unet_config config = *fseg_model_config(run->model);
    config.classes = 2;
    fseg_model *fresh = NULL;
    fseg_status status = fseg_model_create(&config, options->seed, &fresh, error);
    if (status == FSEG_OK) {
        status = fseg_model_transfer(fresh, run->model, scope, error);
    }
    if (status == FSEG_OK) {
        status = fseg_model_set_card(fresh, fseg_model_card(run->model), error);
    }
    if (status != FSEG_OK) {
        fseg_model_free(fresh);
        return status;
    }
    fseg_model_free(run->model);
    run->model = fresh;
    return FSEG_OK;
}

fseg_status training_create_model(training *run, fseg_error *error)
{
    const training_options *options = run->options;
    fseg_status status = FSEG_OK;
    json_t *card = NULL;
    if (options->init) {
        char path[FSEG_PATH_LENGTH];
        status = fseg_model_locate(options->init, path, sizeof path, error);
        if (status == FSEG_OK) {
            status = fseg_model_load(path, &run->model, error);
        }
        if (status == FSEG_OK) {
            status = transfer_weights(run, error);
        }
    }
    if (status == FSEG_OK) {
        status = initial_card(options, run->model, &card, error);
    }
    if (status != FSEG_OK) {
        return status;
    }
    /* Options win over the card; without either the card's defaults are written out. */
    int slices = options->context_slices;
    if (slices == 0) {
        const json_int_t given = json_integer_value(json_object_get(card, "context_slices"));
        slices = given >= 1 && given <= 63 ? (int)given : 1;
    }
    if (options->init) {
        slices = fseg_model_config(run->model)->in_channels;
        if (options->context_slices != 0 && options->context_slices != slices) {
            json_decref(card);
            return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                  "--context-slices %d contradicts the initial model, which takes "
                                  "%d slices; leave the option out.",
                                  options->context_slices, slices);
        }
    } else {
        const fseg_unet_config config = fseg_unet_default_config(slices, 2);
        status = fseg_model_create(&config, options->seed, &run->model, error);
    }
    if (status == FSEG_OK) {
        json_object_set_new(card, "context_slices", json_integer(slices));
        if (options->spacing_mm > 0) {
            json_object_set_new(card, "spacing_mm", json_real(options->spacing_mm));
        }
        status = set_card(run->model, card, error);
    }
    json_decref(card);
    if (status == FSEG_OK) {
        status = fseg_model_input_spec(run->model, &run->spec, error);
    }
    if (status == FSEG_OK && fseg_model_config(run->model)->classes != 2) {
        status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                "The initial model has %d classes and training needs 2 (background "
                                "and one structure).",
                                fseg_model_config(run->model)->classes);
    }
    return status;
}

fseg_status training_finish_card(training *run, const training_validation *validation,
                                 fseg_error *error)
{
    const training_options *options = run->options;
    json_t *card = json_loads(fseg_model_card(run->model), JSON_REJECT_DUPLICATES, NULL);
    /* Counts and settings only: no case names, paths or dates. */
    json_t *how = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:s, s:s, s:I}", "program",
                            "frugalseg " FSEG_VERSION, "cases", (int)run->used_cases, "phantoms",
                            options->phantoms, "steps", run->step, "batch", options->batch, "size",
                            options->size, "learning_rate", options->learning_rate, "weight_decay",
                            options->weight_decay, "loss", options->loss, "precision",
                            options->precision, "seed", (json_int_t)options->seed);
    json_object_update_new(
        how, json_pack("{s:i, s:f, s:i, s:f, s:f, s:f}", "schedule_steps", options->steps,
                       "phantom_share", options->phantom_share, "recolour", options->recolour,
                       "recolour_share", options->recolour_share, "average_decay",
                       options->average_decay, "deep_supervision", options->deep_supervision));
    json_object_set_new(card, "training", how);
    if (validation->count > 0) {
        json_object_set_new(card, "held_out_validation",
                            json_pack("{s:i, s:f, s:f}", "cases", (int)validation->count, "dice",
                                      validation->dice, "hd95_mm", validation->hd95_mm));
    } else {
        json_object_del(card, "held_out_validation");
    }
    const fseg_status status = set_card(run->model, card, error);
    json_decref(card);
    return status;
}
