/* What the model card says about how an answer becomes a mask. */
#include "frugalseg/answer.h"
#include <jansson.h>
#include <string.h>

/* In the order of the bits of FSEG_VIEW_... (imaging.h), from 1 on. */
static const char *const view_names[] = {"flip-columns", "flip-rows", "smaller", "larger"};
enum { VIEWS = sizeof view_names / sizeof *view_names };

/* The bit of a word of `length` bytes; 0 when it is none. */
static unsigned view_bit(const char *word, size_t length)
{
    for (unsigned i = 0; i < VIEWS; i++) {
        if (strlen(view_names[i]) == length && memcmp(view_names[i], word, length) == 0) {
            return 1U << i;
        }
    }
    return 0;
}

fseg_status fseg_answer_parse_views(const char *text, unsigned *views, fseg_error *error)
{
    if (!text || !views) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "fseg_answer_parse_views needs a text and a place for the views.");
    }
    unsigned bits = 0;
    if (*text && strcmp(text, "none") != 0) {
        for (const char *word = text; word; word = strchr(word, ',')) {
            word += *word == ',';
            const size_t length = strcspn(word, ",");
            const unsigned bit = view_bit(word, length);
            if (!bit) {
                return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                      "'%.*s' is no view; choose from flip-columns, flip-rows, "
                                      "smaller and larger, or none.",
                                      (int)(length < 40 ? length : 40), word);
            }
            bits |= bit;
        }
    }
    *views = bits;
    return FSEG_OK;
}

static fseg_status wrong(const char *key, const char *what, fseg_error *error)
{
    return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                          "The model card's \"%s\" must be %s; correct the card.", key, what);
}

static fseg_status read_views(const json_t *card, unsigned *views, fseg_error *error)
{
    static const char what[] =
        "a list of \"flip-columns\", \"flip-rows\", \"smaller\" and \"larger\"";
    const json_t *list = json_object_get(card, "average");
    if (list && !json_is_array(list)) {
        return wrong("average", what, error);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const unsigned bit = json_is_string(entry)
                                 ? view_bit(json_string_value(entry), json_string_length(entry))
                                 : 0;
        if (!bit) {
            return wrong("average", what, error);
        }
        *views |= bit;
    }
    return FSEG_OK;
}

static fseg_status read_millimetres(const json_t *card, const char *key, double high,
                                    const char *what, double *out, fseg_error *error)
{
    const json_t *value = json_object_get(card, key);
    if (!value) {
        return FSEG_OK;
    }
    const double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= 0 && number <= high)) {
        return wrong(key, what, error);
    }
    *out = number;
    return FSEG_OK;
}

static fseg_status read_answer(const json_t *card, fseg_answer_options *out, fseg_error *error)
{
    fseg_status status = read_views(card, &out->views, error);
    if (status == FSEG_OK) {
        status = read_millimetres(card, "smooth_mm", 20, "a number from 0 to 20", &out->smooth_mm,
                                  error);
    }
    if (status == FSEG_OK) {
        status = read_millimetres(card, "smooth_through_mm", 50, "a number from 0 to 50",
                                  &out->smooth_through_mm, error);
    }
    const json_t *holes = json_object_get(card, "fill_holes");
    if (status == FSEG_OK && holes && !json_is_boolean(holes)) {
        status = wrong("fill_holes", "true or false", error);
    }
    out->fill_holes = json_is_true(holes);
    const json_t *keep = json_object_get(card, "keep");
    const char *word = keep && json_is_string(keep) ? json_string_value(keep) : "";
    out->keep_all = strcmp(word, "all") == 0;
    if (status == FSEG_OK && keep && !out->keep_all && strcmp(word, "largest") != 0) {
        status = wrong("keep", "\"largest\" or \"all\"", error);
    }
    return status;
}

fseg_status fseg_model_read_answer(const fseg_model *model, fseg_answer_options *out,
                                   fseg_error *error)
{
    if (!model || !out) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "fseg_model_read_answer needs a model and a place for the options.");
    }
    json_t *card = json_loads(fseg_model_card(model), JSON_REJECT_DUPLICATES, NULL);
    if (!card) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    *out = (fseg_answer_options){.views = 0};
    const fseg_status status = read_answer(card, out, error);
    json_decref(card);
    return status;
}
