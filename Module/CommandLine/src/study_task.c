/* One task of a study: a pretraining with its measures, or a fine-tuning with its measurement. */
#include "study.h"
#include "study_json.h"
#include "training.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static fseg_status out_of_memory(fseg_error *error)
{
    return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
}

fseg_status study_worker_start(const study_config *config, const char *folder, study_worker *out,
                               fseg_error *error)
{
    /* One thread: two runs side by side use two processors better than one run does. */
    *out =
        (study_worker){.config = config, .folder = folder, .common = {.quiet = true, .threads = 1}};
    if (config->phantoms > 0) {
        out->phantoms = calloc((size_t)config->phantoms, sizeof *out->phantoms);
        if (!out->phantoms) {
            return out_of_memory(error);
        }
    }
    return program_context(&out->common, &out->context, error);
}

void study_worker_free(study_worker *worker)
{
    for (int i = 0; worker->phantoms && i < worker->config->phantoms; i++) {
        fseg_network_grid_free(worker->phantoms[i]);
    }
    free(worker->phantoms);
    case_cache_free(&worker->cache);
    fseg_context_free(worker->context);
    *worker = (study_worker){0};
}

/* ---- fine-tuning ---- */

/* Every case but those of the task, as the training code wants it: "a,b,c". */
static char *names_of_others(const study_config *config, const json_t *cases)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    if (!stream) {
        return NULL;
    }
    bool first = true;
    for (size_t i = 0; i < config->cases.count; i++) {
        const char *name = config->cases.cases[i].name;
        bool used = false;
        for (size_t k = 0; k < json_array_size(cases); k++) {
            used = used || strcmp(json_string_value(json_array_get(cases, k)), name) == 0;
        }
        if (!used) {
            fprintf(stream, "%s%s", first ? "" : ",", name);
            first = false;
        }
    }
    if (fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Dice and HD95 in 3D of the named cases; *mean is that of the Dice. */
static fseg_status measure(study_worker *worker, const fseg_model *model, const json_t *names,
                           json_t **out, double *mean, fseg_error *error)
{
    *out = json_array();
    *mean = 0;
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        fseg_mask_agreement a;
        const fseg_status status = case_measure(
            worker->context, model, &worker->cache, study_find_case(worker->config, name),
            worker->config->label, &worker->common, &a, NULL, error);
        if (status != FSEG_OK) {
            json_decref(*out);
            *out = NULL;
            return status;
        }
        json_array_append_new(*out, json_pack("{s:s, s:f, s:f, s:f, s:f}", "case", name, "dice",
                                              a.dice, "hd95_mm", a.hd95_mm, "volume_ml",
                                              a.volume_ml, "truth_ml", a.truth_ml));
        *mean += a.dice / (double)json_array_size(names);
    }
    return FSEG_OK;
}

static fseg_status train(training *run, size_t cases, fseg_error *error)
{
    fseg_status status = training_split_cases(run, error);
    if (status == FSEG_OK) {
        status = training_create_model(run, error);
    }
    if (status == FSEG_OK) {
        status = training_load_data(run, error);
    }
    if (status == FSEG_OK && run->used_cases != cases) {
        status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                "A labelled case cannot be read (see the warning above); a study "
                                "needs every case.");
    }
    if (status == FSEG_OK) {
        status = training_start(run, error);
    }
    return status == FSEG_OK ? training_steps(run, error) : status;
}

static fseg_status run_finetune(study_worker *worker, const json_t *task, const char *key,
                                json_t **result, fseg_error *error)
{
    const study_config *config = worker->config;
    const json_t *cases = json_object_get(task, "cases");
    const char *initial = text_of(task, "initial");
    char *exclude = names_of_others(config, cases);
    char *init = initial ? study_store_path(worker->folder, "models", initial, ".fseg") : NULL;
    training_options o = training_default_options();
    training run = {.options = &o, .common = &worker->common, .cache = &worker->cache};
    run.context = worker->context;
    run.checkpoint = study_store_path(worker->folder, "work", key, ".checkpoint");
    o.data = config->data;
    o.label = config->label;
    o.exclude = exclude;
    o.init = init;
    o.transfer = text_of(task, "transfer");
    o.steps = whole(task, "steps", 0);
    o.batch = whole(task, "batch", 0);
    o.size = whole(task, "size", 0);
    o.spacing_mm = real(task, "spacing_mm", 0);
    o.foreground = real(task, "foreground", 0);
    o.learning_rate = real(task, "learning_rate", 0);
    o.precision = text_of(task, "precision");
    o.seed = (uint64_t)json_integer_value(json_object_get(task, "seed"));
    o.report_every = o.steps > 20 ? o.steps / 10 : o.steps;
    o.checkpoint_every = 0; /* only when interrupted */
    o.resume = run.checkpoint && access(run.checkpoint, F_OK) == 0;
    fseg_status status =
        exclude && run.checkpoint && (init || !initial) ? FSEG_OK : out_of_memory(error);
    json_t *validation = NULL, *test = NULL;
    double validation_dice = 0, test_dice = 0;
    if (status == FSEG_OK) {
        status = train(&run, json_array_size(cases), error);
    }
    if (status == FSEG_OK) {
        status = measure(worker, run.model, json_object_get(task, "validation"), &validation,
                         &validation_dice, error);
    }
    if (status == FSEG_OK) {
        status =
            measure(worker, run.model, json_object_get(task, "test"), &test, &test_dice, error);
    }
    if (status == FSEG_OK) {
        *result = json_pack("{s:f, s:f, s:O, s:O}", "validation_dice", validation_dice, "test_dice",
                            test_dice, "validation", validation, "test", test);
    }
    json_decref(validation);
    json_decref(test);
    run.context = NULL; /* it is the worker's */
    training_free(&run);
    free(exclude);
    free(init);
    return status;
}

fseg_status study_task_run(study_worker *worker, const json_t *task, fseg_error *error)
{
    char *key = study_key(task);
    if (!key) {
        return out_of_memory(error);
    }
    json_t *result = NULL;
    fseg_status status = strcmp(text_of(task, "kind"), "finetune") == 0
                             ? run_finetune(worker, task, key, &result, error)
                             : study_run_pretraining(worker, task, key, &result, error);
    if (status == FSEG_OK) {
        status = study_store_write(worker->folder, task, json_incref(result), error);
    }
    if (status == FSEG_OK) {
        char *checkpoint = study_store_path(worker->folder, "work", key, ".checkpoint");
        if (checkpoint) {
            (void)unlink(checkpoint);
        }
        free(checkpoint);
    }
    json_decref(result);
    free(key);
    return status;
}
