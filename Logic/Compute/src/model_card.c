/* The model card: JSON text kept with the weights, and what it says about input and output. */
#include "json_memory.h"
#include "model_internal.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Leaves most of the model file's header to the tensor table. */
#define MAX_CARD_BYTES ((size_t)1 << 18)

const char *fseg_model_card(const fseg_model *model)
{
    return model && model->card ? model->card : "{}";
}

fseg_status fseg_model_set_card(fseg_model *model, const char *json, fseg_error *error)
{
    if (!model || !json) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "fseg_model_set_card needs a model and a text.");
    }
    const size_t length = strlen(json);
    if (length > MAX_CARD_BYTES) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "The model card has %zu bytes and at most %zu are possible; shorten "
                              "it.",
                              length, MAX_CARD_BYTES);
    }
    json_error_t detail;
    json_t *card = json_loads(json, JSON_REJECT_DUPLICATES, &detail);
    if (!card && fseg_json_out_of_memory(&detail)) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    if (!json_is_object(card)) {
        const fseg_status status = fseg_error_set(
            error, FSEG_ERROR_FILE_FORMAT,
            "The model card is not a JSON object (%s, line %d); correct it.",
            card ? "it starts as something else" : detail.text, card ? 1 : detail.line);
        json_decref(card);
        return status;
    }
    json_decref(card);
    char *copy = malloc(length + 1);
    if (!copy) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    memcpy(copy, json, length + 1);
    free(model->card);
    model->card = copy;
    return FSEG_OK;
}

static fseg_status read_text(const json_t *card, const char *key, char out[FSEG_NAME_LENGTH],
                             fseg_error *error)
{
    const json_t *value = json_object_get(card, key);
    if (!value) {
        return FSEG_OK;
    }
    if (!json_is_string(value) || json_string_length(value) >= FSEG_NAME_LENGTH) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "The model card's \"%s\" must be a text of less than %d bytes; "
                              "correct the card.",
                              key, FSEG_NAME_LENGTH);
    }
    strcpy(out, json_string_value(value));
    return FSEG_OK;
}

static fseg_status read_number(const json_t *card, const char *key, double low, double high,
                               double *out, fseg_error *error)
{
    const json_t *value = json_object_get(card, key);
    if (!value) {
        return FSEG_OK;
    }
    const double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= low && number <= high)) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "The model card's \"%s\" must be a number from %g to %g; correct the "
                              "card.",
                              key, low, high);
    }
    *out = number;
    return FSEG_OK;
}

static fseg_status read_spec(const json_t *card, int in_channels, fseg_input_spec *out,
                             fseg_error *error)
{
    double slices = out->context_slices;
    const struct {
        const char *key;
        char *to;
    } texts[] = {{"name", out->name},
                 {"version", out->version},
                 {"structure", out->structure},
                 {"modality", out->modality}};
    const struct {
        const char *key;
        double low, high;
        double *to;
    } numbers[] = {{"spacing_mm", 0.05, 50, &out->spacing_mm},
                   {"context_slices", 1, 63, &slices},
                   {"percentile_low", 0, 100, &out->percentile_low},
                   {"percentile_high", 0, 100, &out->percentile_high},
                   {"threshold", 0, 1, &out->threshold},
                   {"volume_ml_low", 0, 1e6, &out->volume_ml_low},
                   {"volume_ml_high", 0, 1e6, &out->volume_ml_high}};
    fseg_status status = FSEG_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && status == FSEG_OK; i++) {
        status = read_text(card, texts[i].key, texts[i].to, error);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && status == FSEG_OK; i++) {
        status = read_number(card, numbers[i].key, numbers[i].low, numbers[i].high, numbers[i].to,
                             error);
    }
    if (status != FSEG_OK) {
        return status;
    }
    out->context_slices = (int)slices;
    if (out->context_slices != slices || out->context_slices % 2 == 0 ||
        out->context_slices != in_channels) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "The model card asks for %g slices at a time and the network takes "
                              "%d; they must be the same odd number, correct the card.",
                              slices, in_channels);
    }
    if (out->percentile_low >= out->percentile_high) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "The model card's \"percentile_low\" must be below "
                              "\"percentile_high\"; correct the card.");
    }
    if (out->volume_ml_high > 0 && out->volume_ml_low > out->volume_ml_high) {
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "The model card's \"volume_ml_low\" must not exceed "
                              "\"volume_ml_high\"; correct the card.");
    }
    return FSEG_OK;
}

fseg_status fseg_model_input_spec(const fseg_model *model, fseg_input_spec *out, fseg_error *error)
{
    if (!model || !out) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "fseg_model_input_spec needs a model and a place for the spec.");
    }
    const fseg_input_spec defaults = {.spacing_mm = 2,
                                      .context_slices = model->config.in_channels,
                                      .percentile_low = 1,
                                      .percentile_high = 99,
                                      .threshold = 0.5};
    json_t *card = json_loads(fseg_model_card(model), JSON_REJECT_DUPLICATES, NULL);
    if (!card) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    *out = defaults;
    const fseg_status status = read_spec(card, model->config.in_channels, out, error);
    json_decref(card);
    return status;
}

static fseg_status read_body_parts(const json_t *card, fseg_model_scope *out, fseg_error *error)
{
    const json_t *parts = json_object_get(card, "body_parts");
    if (!parts) {
        return FSEG_OK;
    }
    int good = json_is_array(parts) && json_array_size(parts) <= FSEG_MAX_BODY_PARTS;
    for (size_t i = 0; good && i < json_array_size(parts); i++) {
        const json_t *part = json_array_get(parts, i);
        good = json_is_string(part) && json_string_length(part) < FSEG_NAME_LENGTH;
        if (good) {
            strcpy(out->body_parts[out->body_part_count++], json_string_value(part));
        }
    }
    return good ? FSEG_OK
                : fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                                 "The model card's \"body_parts\" must be a list of at most %d "
                                 "texts of less than %d bytes; correct the card.",
                                 FSEG_MAX_BODY_PARTS, FSEG_NAME_LENGTH);
}

static fseg_status read_scope(const json_t *card, fseg_model_scope *out, fseg_error *error)
{
    const struct {
        const char *key;
        double low, high;
        double *to;
    } numbers[] = {{"pixel_mm_low", 0, 1000, &out->pixel_mm_low},
                   {"pixel_mm_high", 0, 1000, &out->pixel_mm_high},
                   {"slice_mm_low", 0, 1000, &out->slice_mm_low},
                   {"slice_mm_high", 0, 1000, &out->slice_mm_high},
                   {"field_mm_low", 0, 10000, &out->field_mm_low},
                   {"field_mm_high", 0, 10000, &out->field_mm_high},
                   {"entropy_high", 0, 1, &out->entropy_high},
                   {"island_share", 0, 1, &out->island_share}};
    fseg_status status = read_text(card, "contrast", out->contrast, error);
    if (status == FSEG_OK) {
        status = read_text(card, "orientation", out->orientation, error);
    }
    if (status == FSEG_OK) {
        status = read_body_parts(card, out, error);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && status == FSEG_OK; i++) {
        status = read_number(card, numbers[i].key, numbers[i].low, numbers[i].high, numbers[i].to,
                             error);
    }
    const char *orientation = out->orientation;
    if (status == FSEG_OK && *orientation && strcmp(orientation, "axial") != 0 &&
        strcmp(orientation, "coronal") != 0 && strcmp(orientation, "sagittal") != 0) {
        status = fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                                "The model card's \"orientation\" must be axial, coronal or "
                                "sagittal; correct the card.");
    }
    return status;
}

fseg_status fseg_model_read_scope(const fseg_model *model, fseg_model_scope *out, fseg_error *error)
{
    if (!model || !out) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "fseg_model_read_scope needs a model and a place for the scope.");
    }
    const fseg_model_scope defaults = {.entropy_high = 0.6, .island_share = 0.1};
    json_t *card = json_loads(fseg_model_card(model), JSON_REJECT_DUPLICATES, NULL);
    if (!card) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    *out = defaults;
    const fseg_status status = read_scope(card, out, error);
    json_decref(card);
    return status;
}
