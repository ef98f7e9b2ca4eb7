/* frugalseg card: show a model's card, or give a model another one. */
#include "frugalseg/frugalseg.h"
#include "input.h"
#include "program.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The card in `path`, with what training wrote into the old card. */
static fseg_status read_card(const char *path, const fseg_model *model, char **text,
                             fseg_error *error)
{
    json_error_t detail;
    json_t *card = json_load_file(path, JSON_REJECT_DUPLICATES, &detail);
    if (!json_is_object(card)) {
        json_decref(card);
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                              "The card cannot be used: %.200s; it must be a JSON object.",
                              card ? "it starts as something else" : detail.text);
    }
    json_t *old = json_loads(fseg_model_card(model), JSON_REJECT_DUPLICATES, NULL);
    json_t *training = json_object_get(old, "training");
    if (training) {
        json_object_set(card, "training", training);
    }
    json_decref(old);
    *text = json_dumps(card, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    json_decref(card);
    return *text ? FSEG_OK : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
}

static fseg_status replace_card(fseg_model *model, const char *path, const char *out,
                                fseg_error *error)
{
    char *text = NULL;
    fseg_input_spec spec;
    fseg_model_scope scope;
    fseg_status status = read_card(path, model, &text, error);
    if (status == FSEG_OK) {
        status = fseg_model_set_card(model, text, error);
    }
    if (status == FSEG_OK) { /* a card that contradicts the network is refused before writing */
        status = fseg_model_input_spec(model, &spec, error);
    }
    if (status == FSEG_OK) {
        status = fseg_model_read_scope(model, &scope, error);
    }
    if (status == FSEG_OK) {
        status = fseg_model_save(model, out, error);
    }
    free(text);
    return status;
}

static int run_card(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    const char *name = NULL, *card = NULL, *out = NULL;
    const program_option options[] = {
        {"model", OPTION_TEXT, &name, 0, 0, "MODEL", "a .fseg file or a name as liver-t2"},
        {"card", OPTION_TEXT, &card, 0, 0, "FILE", "the new card, JSON"},
        {"out", OPTION_TEXT, &out, 0, 0, "FILE", "the model with the new card"},
    };
    const parse_result parsed = program_parse(self, options, sizeof options / sizeof *options, 0,
                                              argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    if (!name || !card != !out) {
        return program_usage(self, &common, "card needs --model, and --card with --out.");
    }
    input_model input = {0};
    fseg_error error = {0};
    fseg_status status = input_model_load(name, &input, &error);
    if (status == FSEG_OK && card) {
        status = replace_card(input.model, card, out, &error);
    }
    int code = EXIT_OK;
    if (status != FSEG_OK) {
        code = program_fail_error(&common, &error);
    } else if (!card || common.json) {
        code = program_print_json(
            json_loads(fseg_model_card(input.model), JSON_REJECT_DUPLICATES, NULL));
    } else {
        printf("%s: card \"%s\" written\n", out, card);
    }
    input_model_free(&input);
    return code;
}

const program_command command_card = {
    "card",
    "show a model's card, or replace it",
    "--model MODEL [--card FILE --out FILE]",
    "Without --card the model's card is printed. With it a copy of the model is written that "
    "carries\n"
    "the new card; what training noted (key \"training\") is kept. Weights do not change.",
    "  frugalseg card --model liver-t2\n"
    "  frugalseg card --model mine.fseg --card mine.json --out mine-1.1.fseg",
    run_card,
};
