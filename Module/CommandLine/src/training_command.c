/* What train and finetune share: options, preparation, result. */
#include "processes.h"
#include "run_plot.h"
#include "training.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void training_free(training *run)
{
    fseg_trainer_free(run->trainer);
    fseg_sampler_free(run->sampler);
    fseg_model_free(run->model);
    fseg_context_free(run->context);
    case_list_free(&run->cases);
    free(run->held_out);
    free(run->unusable);
    free(run->validates);
    free(run->checkpoint);
    if (run->log) {
        fclose(run->log);
    }
}

static fseg_status open_log(training *run, fseg_error *error)
{
    if (!run->options->log) {
        return FSEG_OK;
    }
    run->log = fopen(run->options->log, run->options->resume ? "a" : "w");
    if (!run->log) {
        return fseg_error_set(error, errno == EACCES ? FSEG_ERROR_PERMISSION : FSEG_ERROR_IO,
                              "The log '%.300s' cannot be written; check its folder.",
                              run->options->log);
    }
    return FSEG_OK;
}

/* Find out before hours of work whether the results can be written, and never overwrite the
 * checkpoint of an earlier run. */
static fseg_status check_output(const training *run, fseg_error *error)
{
    if (!run->options->resume && access(run->checkpoint, F_OK) == 0) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "The checkpoint '%.300s' of an earlier run exists; give --resume to "
                              "go on from it, or remove it.",
                              run->checkpoint);
    }
    const char *paths[] = {run->options->out, run->checkpoint};
    for (size_t i = 0; i < 2; i++) {
        /* A trial beside the result, so that a model that is there already stays untouched. */
        char *trial = NULL;
        if (asprintf(&trial, "%s.trial-%ld", paths[i], (long)getpid()) < 0) {
            return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
        }
        const fseg_status status = fseg_model_save(run->model, trial, error);
        (void)unlink(trial);
        free(trial);
        if (status != FSEG_OK) {
            return status;
        }
    }
    return FSEG_OK;
}

static fseg_status prepare(training *run, fseg_error *error)
{
    fseg_status status = training_split_cases(run, error);
    if (status == FSEG_OK) {
        status = program_context(run->common, &run->context, error);
    }
    fseg_precision precision;
    if (status == FSEG_OK && program_precision(run->options->precision, &precision)) {
        status = fseg_context_check_precision(run->context, precision, error);
    }
    if (status == FSEG_OK) {
        status = training_create_model(run, error);
    }
    if (status == FSEG_OK && run->options->phantoms > 0 && run->spec.structure[0] &&
        strcmp(run->spec.structure, "liver") != 0) {
        status = fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                "The phantom has a liver and the card's structure is '%s'; train "
                                "without --phantoms.",
                                run->spec.structure);
    }
    if (status == FSEG_OK) {
        status = check_output(run, error);
    }
    /* Only now, so that a run that cannot start leaves the log of an earlier one alone. */
    if (status == FSEG_OK) {
        status = open_log(run, error);
    }
    if (status == FSEG_OK) {
        status = training_load_data(run, error);
    }
    if (status == FSEG_OK) {
        status = training_start(run, error);
    }
    return status;
}

static fseg_status finish(training *run, training_validation *validation, fseg_error *error)
{
    fseg_trainer_use_average(run->trainer); /* unless a score has chosen weights */
    fseg_trainer_use_best(run->trainer);
    fseg_status status = training_validate(run, run->held_out, validation, error);
    if (status == FSEG_OK) {
        status = training_finish_card(run, validation, error);
    }
    if (status == FSEG_OK) {
        status = fseg_model_save(run->model, run->options->out, error);
    }
    if (status == FSEG_OK && !run->options->checkpoint) {
        (void)unlink(run->checkpoint); /* it has done its work */
    }
    return status;
}

static int show_result(training *run, training_validation *validation)
{
    const double seconds = program_seconds() - run->started;
    json_t *mean = validation->count > 0 ? json_pack("{s:f, s:f}", "dice", validation->dice,
                                                     "hd95_mm", validation->hd95_mm)
                                         : json_null();
    json_t *result =
        json_pack("{s:s, s:s, s:i, s:i, s:i, s:f, s:{s:O, s:o}}", "model", run->options->out,
                  "notice", PROGRAM_NOTICE, "steps", run->step, "cases", (int)run->used_cases,
                  "phantoms", run->options->phantoms, "seconds", seconds, "validation", "cases",
                  validation->cases, "mean", mean);
    const fseg_trainer_best best = fseg_trainer_best_score(run->trainer);
    if (best.scores > 0) {
        json_object_set_new(result, "best",
                            json_pack("{s:i, s:f, s:b}", "step", best.step, "validation_dice",
                                      best.score, "stopped_early", training_stopped_early(run)));
    }
    json_t *entry = json_deep_copy(result);
    json_object_del(entry, "model"); /* logs carry no paths */
    json_object_set_new(entry, "event", json_string("end"));
    training_log(run, entry);
    if (run->common->json) {
        return program_print_json(result);
    }
    json_decref(result);
    printf("Trained on %zu cases and %d phantoms for %d steps: %s\n", run->used_cases,
           run->options->phantoms, run->step, run->options->out);
    if (best.scores > 0) {
        printf("  the weights of step %d, validation Dice %.4f%s\n", best.step, best.score,
               training_stopped_early(run) ? "; stopped early" : "");
    }
    size_t i;
    json_t *entry_case;
    json_array_foreach(validation->cases, i, entry_case)
    {
        printf("  held out %-24s Dice %.4f  HD95 %6.1f mm\n",
               json_string_value(json_object_get(entry_case, "case")),
               json_real_value(json_object_get(entry_case, "dice")),
               json_real_value(json_object_get(entry_case, "hd95_mm")));
    }
    if (validation->count > 0) {
        printf("  mean              %-14s Dice %.4f  HD95 %6.1f mm\n", "", validation->dice,
               validation->hd95_mm);
    }
    return EXIT_OK;
}

int training_run_command(const training_options *options, const program_common *common)
{
    training run = {.options = options, .common = common, .started = program_seconds()};
    training_validation validation = {0};
    fseg_error error = {0};
    int code = EXIT_OK;
    const bool named = options->checkpoint
                           ? (run.checkpoint = strdup(options->checkpoint)) != NULL
                           : asprintf(&run.checkpoint, "%s.checkpoint", options->out) >= 0;
    fseg_status status = named ? prepare(&run, &error)
                               : fseg_error_set(&error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    const bool started = status == FSEG_OK;
    if (status == FSEG_OK) {
        status = training_steps(&run, &error);
    }
    if (status == FSEG_OK) {
        status = finish(&run, &validation, &error);
    }
    if (status == FSEG_OK) {
        code = show_result(&run, &validation);
    } else {
        code = program_fail_error(common, &error);
        if (started && run.step > 0) {
            fprintf(stderr,
                    "frugalseg: Go on later with the same options and --resume; the "
                    "checkpoint is '%s'.\n",
                    run.checkpoint);
        }
    }
    json_decref(validation.cases);
    if (started && options->plot) {
        run_plot_or_warn(options->log, options->plot);
    }
    training_free(&run);
    return code;
}

training_options training_default_options(void)
{
    return (training_options){.label = 1,
                              .steps = 10000,
                              .batch = 8,
                              .size = 192,
                              .report_every = 50,
                              .checkpoint_every = 500,
                              .warmup = -1,
                              .learning_rate = 1e-3,
                              .encoder_rate = 1,
                              .phantom_share = 0.2,
                              .foreground = 0.67,
                              .recolour_share = 0.5,
                              .seed = 1,
                              .loss = "dice-ce",
                              .precision = "float32"};
}

size_t training_option_table(training_options *o, program_option *table)
{
    const program_option options[] = {
        {"data", OPTION_TEXT, &o->data, 0, 0, "FOLDER",
         "NAME_image.nii.gz and NAME_label.nii.gz; may be left out with --phantoms"},
        {"label", OPTION_INTEGER, &o->label, 1, 255, "N", "value of the structure (default 1)"},
        {"out", OPTION_TEXT, &o->out, 0, 0, "FILE", "the model to write"},
        {"card", OPTION_TEXT, &o->card, 0, 0, "FILE", "model card, JSON"},
        {"init", OPTION_TEXT, &o->init, 0, 0, "MODEL", "start from this model"},
        {"transfer", OPTION_TEXT, &o->transfer, 0, 0, "WHAT",
         "of --init: encoder, encoder+decoder (not the head) or all"},
        {"encoder-rate", OPTION_NUMBER, &o->encoder_rate, 0.0001, 1, "X",
         "the encoder's learning rate as a fraction (default 1)"},
        {"freeze-encoder", OPTION_FLAG, &o->freeze_encoder, 0, 0, NULL,
         "leave the encoder as it is"},
        {"fold", OPTION_TEXT, &o->fold, 0, 0, "k/K", "hold out every K-th case, from the k-th"},
        {"exclude", OPTION_TEXT, &o->exclude, 0, 0, "NAME,...", "hold out these cases"},
        {"steps", OPTION_INTEGER, &o->steps, 1, 10000000, "N", "optimizer steps (default 10000)"},
        {"stop-at", OPTION_INTEGER, &o->stop_at, 0, 10000000, "N",
         "end after N steps of that schedule (default all)"},
        {"batch", OPTION_INTEGER, &o->batch, 1, 1024, "B", "slices per step (default 8)"},
        {"size", OPTION_INTEGER, &o->size, 32, 2048, "S", "pixels per side (default 192)"},
        {"lr", OPTION_NUMBER, &o->learning_rate, 1e-8, 1, "X", "peak learning rate (default 1e-3)"},
        {"weight-decay", OPTION_NUMBER, &o->weight_decay, 0, 1, "X", "AdamW (default 0 = Adam)"},
        {"warmup", OPTION_INTEGER, &o->warmup, 0, 10000000, "N", "steps (default 5 % of all)"},
        {"loss", OPTION_TEXT, &o->loss, 0, 0, "NAME", "dice-ce (default) or tversky"},
        {"precision", OPTION_TEXT, &o->precision, 0, 0, "NAME",
         "of activations: float32 (default) or bfloat16 (faster; AVX-512 BF16)"},
        {"foreground", OPTION_NUMBER, &o->foreground, 0, 1, "X",
         "share of slices with the structure (default 0.67)"},
        {"context-slices", OPTION_INTEGER, &o->context_slices, 1, 63, "N",
         "slice and neighbours, odd (default: card, 1)"},
        {"spacing", OPTION_NUMBER, &o->spacing_mm, 0.05, 50, "MM",
         "pixel size for the network (default: card, 2)"},
        {"phantoms", OPTION_INTEGER, &o->phantoms, 0, 100000, "N", "add N phantoms (default 0)"},
        {"phantom-share", OPTION_NUMBER, &o->phantom_share, 0, 0.99, "X",
         "share of samples from phantoms (default 0.2)"},
        {"recolour", OPTION_INTEGER, &o->recolour, 0, 1000, "N",
         "N copies of each image with its labelled organs in other grey values (default 0)"},
        {"recolour-share", OPTION_NUMBER, &o->recolour_share, 0, 1, "X",
         "share of samples from the copies (default 0.5)"},
        {"average", OPTION_NUMBER, &o->average_decay, 0, 0.99999, "D",
         "keep a moving average of the weights of decay D, as 0.99 (default 0 = the last weights)"},
        {"deep-supervision", OPTION_NUMBER, &o->deep_supervision, 0, 10, "W",
         "weight of losses at half and quarter size (default 0 = none)"},
        {"seed", OPTION_SEED, &o->seed, 0, 0, "N", "of weights, batches, phantoms (default 1)"},
        {"report-every", OPTION_INTEGER, &o->report_every, 1, 1000000, "N", "steps (default 50)"},
        {"validate-every", OPTION_INTEGER, &o->validate_every, 0, 10000000, "N",
         "steps; 0 = at the end only (default)"},
        {"validation", OPTION_TEXT, &o->validation, 0, 0, "NAME,...",
         "cases that choose the best weights, not trained on"},
        {"patience", OPTION_INTEGER, &o->patience, 0, 100000, "N",
         "stop after N validations without a better Dice; 0 = never (default)"},
        {"checkpoint", OPTION_TEXT, &o->checkpoint, 0, 0, "FILE",
         "kept at the end (default OUT.checkpoint, removed)"},
        {"checkpoint-every", OPTION_INTEGER, &o->checkpoint_every, 1, 10000000, "N",
         "steps (default 500)"},
        {"resume", OPTION_FLAG, &o->resume, 0, 0, NULL, "go on from the checkpoint"},
        {"log", OPTION_TEXT, &o->log, 0, 0, "FILE", "one JSON object per line"},
        {"plot", OPTION_TEXT, &o->plot, 0, 0, "NAME", "draw the log: NAME.png and NAME.svg"},
    };
    const size_t count = sizeof options / sizeof *options;
    _Static_assert(sizeof options / sizeof *options <= TRAINING_OPTIONS_MAX, "a larger table");
    memcpy(table, options, sizeof options);
    return count;
}

static bool is_transfer(const char *name)
{
    /* "decoder" is the older name of encoder+decoder. */
    static const char *const names[] = {"encoder", "encoder+decoder", "decoder", "all"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

int training_check_options(const program_command *command, const program_common *common,
                           const training_options *o)
{
    if (!o->out || (!o->data && o->phantoms == 0)) {
        return program_usage(command, common, "%s needs --data and --out.", command->name);
    }
    if (!o->data && (o->fold || o->exclude || o->validation)) {
        return program_usage(command, common,
                             "Without --data there are no cases for --fold, --exclude or "
                             "--validation to choose from.");
    }
    if (program_is_launched_together()) { /* each would write the same files */
        return program_usage(command, common,
                             "%s runs as one process; start it without mpirun (pretrain is the "
                             "command that takes several).",
                             command->name);
    }
    if (strcmp(o->loss, "dice-ce") != 0 && strcmp(o->loss, "tversky") != 0) {
        return program_usage(command, common, "--loss must be dice-ce or tversky, not '%.40s'.",
                             o->loss);
    }
    fseg_precision precision;
    if (!program_precision(o->precision, &precision)) {
        return program_usage(command, common,
                             "--precision must be float32 or bfloat16, not '%.40s'.", o->precision);
    }
    if (o->transfer && (!o->init || !is_transfer(o->transfer))) {
        return program_usage(command, common,
                             "--transfer needs --init, and is encoder, encoder+decoder or all.");
    }
    if (o->size % 32 != 0) {
        return program_usage(command, common, "--size must be a multiple of 32, not %d.", o->size);
    }
    if (o->context_slices != 0 && o->context_slices % 2 == 0) {
        return program_usage(command, common, "--context-slices must be odd, not %d.",
                             o->context_slices);
    }
    if (o->patience > 0 && (!o->validation || o->validate_every == 0)) {
        return program_usage(command, common,
                             "--patience needs --validation NAME,... and --validate-every N.");
    }
    if (o->plot && !o->log) {
        return program_usage(command, common, "--plot draws the log; give --log FILE, too.");
    }
    return EXIT_OK;
}
