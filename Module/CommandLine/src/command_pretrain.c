/* frugalseg pretrain: a model from unlabelled scans. */
#include "frugalseg/frugalseg.h"
#include "frugalseg/model_locate.h"
#include "frugalseg/pretrainer.h"
#include "program.h"
#include "unlabelled.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct pretrain_options {
    const char *data, *out, *init, *loss, *contrast, *checkpoint, *log;
    int steps, batch, volumes, partitions, size, context_slices, report_every, checkpoint_every;
    double learning_rate, temperature, weight, spacing_mm;
    uint64_t seed;
    bool all_pixels, no_skips, resume;
} pretrain_options;

typedef struct pretraining {
    const pretrain_options *options;
    const program_common *common;
    fseg_context *context;
    fseg_model *model;
    fseg_input_spec spec;
    unlabelled_data data;
    fseg_pretrainer *pretrainer;
    char *checkpoint;
    FILE *log;
} pretraining;

static const char *const losses[] = {"regression", "contrastive", "both"};
static const char *const contrasts[] = {"simclr", "partition", "partition-pairs", "position",
                                        "local"};

/* Index of `name` among `count` names, or -1. */
static int find_name(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}
#define FIND(names, name) find_name(names, sizeof(names) / sizeof *(names), name)

static void write_log(pretraining *run, json_t *object)
{
    if (run->log && object) {
        json_dumpf(object, run->log, JSON_COMPACT | JSON_REAL_PRECISION(8));
        fputc('\n', run->log);
        fflush(run->log);
    }
    json_decref(object);
}

static fseg_status create_model(pretraining *run, fseg_error *error)
{
    const pretrain_options *o = run->options;
    if (o->init) {
        char path[FSEG_PATH_LENGTH];
        fseg_status status = fseg_model_locate(o->init, path, sizeof path, error);
        if (status == FSEG_OK) {
            status = fseg_model_load(path, &run->model, error);
        }
        return status == FSEG_OK ? fseg_model_input_spec(run->model, &run->spec, error) : status;
    }
    const fseg_unet_config config = fseg_unet_default_config(o->context_slices, 2);
    fseg_status status = fseg_model_create(&config, o->seed, &run->model, error);
    if (status == FSEG_OK) {
        char card[160];
        snprintf(card, sizeof card,
                 "{\"name\": \"pretrained\", \"spacing_mm\": %.6g, \"context_slices\": %d}",
                 o->spacing_mm, o->context_slices);
        status = fseg_model_set_card(run->model, card, error);
    }
    return status == FSEG_OK ? fseg_model_input_spec(run->model, &run->spec, error) : status;
}

static fseg_pretrainer_options pretrainer_options(const pretrain_options *o)
{
    fseg_pretrainer_options p = fseg_pretrainer_default_options(
        (fseg_pretrain_loss)(FIND(losses, o->loss) + 1), o->size, o->size, o->steps);
    p.seed = o->seed;
    p.batch = o->batch;
    p.volumes = o->volumes;
    p.partitions = o->partitions;
    p.variant = (fseg_contrast_variant)FIND(contrasts, o->contrast);
    p.temperature = o->temperature;
    p.contrast_weight = o->weight;
    p.learning_rate = o->learning_rate;
    p.no_skips = o->no_skips;
    p.corrupted_only = !o->all_pixels;
    return p;
}

static fseg_status load_data(pretraining *run, fseg_error *error)
{
    const pretrain_options *o = run->options;
    fseg_sampler_options sampler = fseg_sampler_default_options(o->batch, o->size, o->size);
    sampler.context_slices = run->spec.context_slices;
    sampler.seed = o->seed;
    fseg_status status = fseg_sampler_create(&sampler, &run->data.sampler, error);
    if (status != FSEG_OK) {
        return status;
    }
    run->data.spec = &run->spec;
    run->data.size_multiple = fseg_unet_size_multiple(fseg_model_config(run->model));
    return unlabelled_load(&run->data, o->data, error);
}

static fseg_status open_log(pretraining *run, fseg_error *error)
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

static fseg_status prepare(pretraining *run, fseg_error *error)
{
    const pretrain_options *o = run->options;
    if (!o->resume && access(run->checkpoint, F_OK) == 0) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "The checkpoint '%.300s' of an earlier run exists; give --resume to "
                              "go on from it, or remove it.",
                              run->checkpoint);
    }
    fseg_status status = program_context(run->common, &run->context, error);
    if (status == FSEG_OK) {
        status = create_model(run, error);
    }
    const fseg_pretrainer_options options = pretrainer_options(o);
    if (status == FSEG_OK && !run->common->quiet) {
        fprintf(stderr, "Memory at its peak: %.0f MB and the scans\n",
                (double)fseg_pretrainer_predict_memory(run->model, &options) / 1e6);
    }
    if (status == FSEG_OK) {
        status = load_data(run, error);
    }
    if (status == FSEG_OK) {
        status =
            fseg_pretrainer_create(run->context, run->model, &options, &run->pretrainer, error);
    }
    if (status == FSEG_OK && o->resume) {
        status = fseg_pretrainer_restore(run->pretrainer, run->checkpoint, error);
    }
    /* Whether the results can be written is found out before hours of work. */
    if (status == FSEG_OK) {
        status = fseg_pretrainer_save(run->pretrainer, run->checkpoint, error);
    }
    return status == FSEG_OK ? open_log(run, error) : status;
}

static void report(pretraining *run, int step, const fseg_pretrain_losses *mean, double seconds)
{
    if (!run->common->quiet) {
        fprintf(stderr,
                "step %6d/%d  loss %.4f (restoring %.4f, contrast %.4f)  %.3f s/step  "
                "%.0f min left\n",
                step, run->options->steps, mean->total, mean->regression, mean->contrast, seconds,
                seconds * (run->options->steps - step) / 60);
    }
    write_log(run, json_pack("{s:s, s:i, s:f, s:f, s:f, s:f}", "event", "steps", "step", step,
                             "loss", mean->total, "regression", mean->regression, "contrast",
                             mean->contrast, "seconds_per_step", seconds));
}

static fseg_status run_steps(pretraining *run, fseg_error *error)
{
    const pretrain_options *o = run->options;
    fseg_pretrain_losses sum = {0};
    int window = 0;
    double started = program_seconds();
    for (int step = fseg_pretrainer_steps_done(run->pretrainer); step < o->steps;) {
        fseg_pretrain_losses now;
        fseg_status status = fseg_pretrainer_step(run->pretrainer, run->data.sampler, &now, error);
        if (status != FSEG_OK) {
            return status; /* the last checkpoint is good */
        }
        step++;
        sum.total += now.total;
        sum.regression += now.regression;
        sum.contrast += now.contrast;
        window++;
        if (step % o->report_every == 0 || step == o->steps) {
            const fseg_pretrain_losses mean = {sum.total / window, sum.regression / window,
                                               sum.contrast / window};
            report(run, step, &mean, (program_seconds() - started) / window);
            sum = (fseg_pretrain_losses){0};
            window = 0;
            started = program_seconds();
        }
        if (program_interrupted() || step % o->checkpoint_every == 0 || step == o->steps) {
            status = fseg_pretrainer_save(run->pretrainer, run->checkpoint, error);
        }
        if (status != FSEG_OK) {
            return status;
        }
        if (program_interrupted() && step < o->steps) {
            return fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.");
        }
    }
    return FSEG_OK;
}

static fseg_status pretrain_all(pretraining *run, fseg_error *error)
{
    fseg_status status = prepare(run, error);
    if (status == FSEG_OK) {
        write_log(run, json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:I}", "event", "start", "loss",
                                 run->options->loss, "contrast", run->options->contrast, "steps",
                                 run->options->steps, "scans", (int)run->data.used, "left_out",
                                 (int)run->data.left_out, "seed", (json_int_t)run->options->seed));
        status = run_steps(run, error);
        if (status != FSEG_OK) {
            fprintf(stderr,
                    "frugalseg: Go on later with the same options and --resume; the "
                    "checkpoint is '%s'.\n",
                    run->checkpoint);
        }
    }
    if (status == FSEG_OK) {
        status = fseg_model_save(run->model, run->options->out, error);
    }
    if (status == FSEG_OK && !run->options->checkpoint) {
        (void)unlink(run->checkpoint); /* it has done its work */
    }
    return status;
}

static int pretrain(const pretrain_options *options, const program_common *common)
{
    pretraining run = {.options = options, .common = common};
    fseg_error error = {0};
    const bool named = options->checkpoint
                           ? (run.checkpoint = strdup(options->checkpoint)) != NULL
                           : asprintf(&run.checkpoint, "%s.checkpoint", options->out) >= 0;
    const fseg_status status =
        named ? pretrain_all(&run, &error)
              : fseg_error_set(&error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    int code = EXIT_OK;
    if (status != FSEG_OK) {
        code = program_fail_error(common, &error);
    } else if (common->json) {
        code = program_print_json(json_pack(
            "{s:s, s:s, s:i, s:i, s:i}", "model", options->out, "notice", PROGRAM_NOTICE, "steps",
            options->steps, "scans", (int)run.data.used, "left_out", (int)run.data.left_out));
    } else {
        printf("Pretrained on %zu scans for %d steps: %s\n", run.data.used, options->steps,
               options->out);
    }
    fseg_pretrainer_free(run.pretrainer);
    fseg_sampler_free(run.data.sampler);
    fseg_model_free(run.model);
    fseg_context_free(run.context);
    free(run.checkpoint);
    if (run.log) {
        fclose(run.log);
    }
    return code;
}

static int run_pretrain(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    pretrain_options o = {.loss = "regression",
                          .contrast = "partition",
                          .steps = 10000,
                          .batch = 16,
                          .volumes = 3,
                          .partitions = 4,
                          .size = 160,
                          .context_slices = 1,
                          .report_every = 50,
                          .checkpoint_every = 500,
                          .learning_rate = 1e-3,
                          .temperature = 0.1,
                          .weight = 0.01,
                          .spacing_mm = 2,
                          .seed = 1};
    const program_option options[] = {
        {"data", OPTION_TEXT, &o.data, 0, 0, "FOLDER", "DICOM series, NIfTI or NRRD files"},
        {"out", OPTION_TEXT, &o.out, 0, 0, "FILE", "the model to write"},
        {"loss", OPTION_TEXT, &o.loss, 0, 0, "NAME", "regression (default), contrastive or both"},
        {"contrast", OPTION_TEXT, &o.contrast, 0, 0, "NAME",
         "simclr, partition (default), partition-pairs, position, local"},
        {"init", OPTION_TEXT, &o.init, 0, 0, "MODEL", "start from this model"},
        {"steps", OPTION_INTEGER, &o.steps, 1, 10000000, "N", "optimizer steps (default 10000)"},
        {"batch", OPTION_INTEGER, &o.batch, 1, 1024, "B", "regression: slices (default 16)"},
        {"volumes", OPTION_INTEGER, &o.volumes, 1, 256, "M", "contrast: volumes (default 3)"},
        {"partitions", OPTION_INTEGER, &o.partitions, 2, 64, "S",
         "contrast: slices of each, one a partition (default 4)"},
        {"temperature", OPTION_NUMBER, &o.temperature, 0.001, 100, "X", "default 0.1"},
        {"weight", OPTION_NUMBER, &o.weight, 0, 1000, "X", "of contrast, with both (default 0.01)"},
        {"all-pixels", OPTION_FLAG, &o.all_pixels, 0, 0, NULL,
         "regression on all pixels, not the masked ones alone"},
        {"no-skips", OPTION_FLAG, &o.no_skips, 0, 0, NULL, "regression without skip connections"},
        {"size", OPTION_INTEGER, &o.size, 32, 2048, "S", "pixels per side (default 160)"},
        {"context-slices", OPTION_INTEGER, &o.context_slices, 1, 63, "N",
         "slice and neighbours, odd (default 1)"},
        {"spacing", OPTION_NUMBER, &o.spacing_mm, 0.05, 50, "MM",
         "pixel size for the network (default 2)"},
        {"lr", OPTION_NUMBER, &o.learning_rate, 1e-8, 1, "X", "peak learning rate (default 1e-3)"},
        {"seed", OPTION_SEED, &o.seed, 0, 0, "N", "of weights and batches (default 1)"},
        {"report-every", OPTION_INTEGER, &o.report_every, 1, 1000000, "N", "steps (default 50)"},
        {"checkpoint", OPTION_TEXT, &o.checkpoint, 0, 0, "FILE",
         "kept at the end (default OUT.checkpoint, removed)"},
        {"checkpoint-every", OPTION_INTEGER, &o.checkpoint_every, 1, 10000000, "N",
         "steps (default 500)"},
        {"resume", OPTION_FLAG, &o.resume, 0, 0, NULL, "go on from the checkpoint"},
        {"log", OPTION_TEXT, &o.log, 0, 0, "FILE", "one JSON object per line"},
    };
    const parse_result parsed = program_parse(self, options, sizeof options / sizeof *options, 0,
                                              argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    if (!o.data || !o.out) {
        return program_usage(self, &common, "pretrain needs --data and --out.");
    }
    if (FIND(losses, o.loss) < 0 || FIND(contrasts, o.contrast) < 0) {
        return program_usage(self, &common,
                             "--loss or --contrast has an unknown name; see --help.");
    }
    if (o.size % 32 != 0 || o.context_slices % 2 == 0) {
        return program_usage(self, &common,
                             "--size must be a multiple of 32 and --context-slices odd.");
    }
    return pretrain(&o, &common);
}

const program_command command_pretrain = {
    "pretrain",
    "pretrain a model on unlabelled scans",
    "--data FOLDER --out FILE [OPTION]...",
    "Restores images whose patches were masked (regression), tells slices of different body "
    "regions\n"
    "apart (contrastive), or both. Fine-tune the result with 'frugalseg train --init ... \n"
    "--transfer encoder|all'. A scan that cannot be read is left out with a warning.",
    "  frugalseg pretrain --data scans --loss contrastive --out pretrained.fseg\n"
    "  frugalseg train --data cases --init pretrained.fseg --transfer encoder --out liver.fseg",
    run_pretrain,
};
