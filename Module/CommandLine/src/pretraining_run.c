/* Pretraining: model, data, stages, steps, checkpoints. */
#include "frugalseg/model_locate.h"
#include "pretraining.h"
#include "run_plot.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_log(pretraining *run, json_t *object)
{
    if (run->log && object) {
        json_dumpf(object, run->log, JSON_COMPACT | JSON_REAL_PRECISION(8));
        fputc('\n', run->log);
        fflush(run->log);
    }
    json_decref(object);
}

static bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int last_stage(const pretraining *run)
{
    return run->options->then ? 1 : 0;
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

static bool stage_needs_maps(const pretrain_options *o, int stage)
{
    const fseg_pretrainer_options p = pretraining_stage_options(o, stage);
    return (p.loss & FSEG_PRETRAIN_CONTRASTIVE) && p.variant == FSEG_VARIANT_CONSTRAINED;
}

static fseg_status load_data(pretraining *run, fseg_error *error)
{
    const pretrain_options *o = run->options;
    fseg_sampler_options sampler = fseg_sampler_default_options(o->batch, o->size, o->size);
    sampler.context_slices = run->spec.context_slices;
    sampler.seed = o->seed;
    fseg_status status = fseg_sampler_create(&sampler, &run->data.sampler, error);
    status = program_processes_agree(&run->processes, status, error);
    if (status != FSEG_OK) {
        return status;
    }
    fseg_constraint_options maps = fseg_constraint_default_options();
    maps.clusters = o->clusters;
    maps.seed = o->seed;
    const bool mapped = stage_needs_maps(o, 0) || (o->then && stage_needs_maps(o, 1));
    run->data.maps = mapped ? &maps : NULL;
    run->data.context = run->context;
    run->data.spec = &run->spec;
    run->data.size_multiple = fseg_unet_size_multiple(fseg_model_config(run->model));
    run->data.network_contrast = o->network_contrast - 1;
    status = unlabelled_load(&run->data, o->data, error);
    run->data.maps = NULL;
    return status;
}

/* Only the first process writes. */
static bool is_first(const pretraining *run)
{
    return program_is_first(&run->processes);
}

static fseg_status open_log(pretraining *run, fseg_error *error)
{
    if (!run->options->log || !is_first(run)) {
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

/* The largest of the stages; they are never in memory together. */
static size_t predict_memory(const pretraining *run)
{
    size_t most = 0;
    for (int stage = 0; stage <= last_stage(run); stage++) {
        const fseg_pretrainer_options options = pretraining_stage_options(run->options, stage);
        const size_t bytes = fseg_pretrainer_predict_share(
            run->model, &options, fseg_communicator_size(run->processes.communicator));
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* Scans that each process has read, or tried to; collective. */
static json_t *scans_of_processes(const pretraining *run)
{
    fseg_communicator *communicator = run->processes.communicator;
    const int size = fseg_communicator_size(communicator);
    size_t *all = calloc((size_t)size, sizeof *all);
    json_t *list = json_array();
    const fseg_status status =
        fseg_communicator_agree(communicator, all ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY, NULL);
    if (status == FSEG_OK &&
        fseg_communicator_gather(communicator, &run->data.read, sizeof *all, all) == FSEG_OK) {
        for (int r = 0; r < size; r++) {
            json_array_append_new(list, json_integer((json_int_t)all[r]));
        }
    }
    free(all);
    return list;
}

static void say_data_and_memory(pretraining *run)
{
    const unlabelled_data *data = &run->data;
    json_t *read = scans_of_processes(run);
    const int processes = fseg_communicator_size(run->processes.communicator);
    const double network = (double)predict_memory(run) / 1e6, scans = (double)data->bytes / 1e6;
    if (!run->common->quiet) {
        fprintf(stderr,
                "Scans: %zu, left out %zu, contrasts each: up to %zu\n"
                "Memory at its peak: %.0f MB for the network and %.0f MB for the scans%s\n",
                data->used, data->left_out, data->most_contrasts, network, scans,
                processes > 1 ? ", in each process" : "");
    }
    const pretrain_options *o = run->options;
    write_log(run, json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s, s:i, s:i, s:i, s:I, s:f, s:i, s:o}",
                             "event", "start", "precision", o->precision, "loss", o->loss,
                             "contrast", o->contrast, "then", o->then, "corruption", o->corruption,
                             "steps", o->steps, "scans", (int)data->used, "left_out",
                             (int)data->left_out, "seed", (json_int_t)o->seed, "memory_mb",
                             network + scans, "processes", processes, "read_by_process", read));
}

/* What each process does by itself before they read the data together. */
static fseg_status prepare_alone(pretraining *run, fseg_error *error)
{
    const pretrain_options *o = run->options;
    for (int stage = 0; stage <= last_stage(run); stage++) {
        if (!o->resume && is_first(run) && file_exists(run->checkpoints[stage])) {
            return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                  "The checkpoint '%.300s' of an earlier run exists; give "
                                  "--resume to go on from it, or remove it.",
                                  run->checkpoints[stage]);
        }
    }
    fseg_status status = program_context(run->common, &run->context, error);
    if (status == FSEG_OK) {
        status = fseg_context_check_precision(run->context,
                                              pretraining_stage_options(o, 0).precision, error);
    }
    if (status == FSEG_OK) {
        fseg_context_set_communicator(run->context, run->processes.communicator);
        status = create_model(run, error);
    }
    return status == FSEG_OK ? open_log(run, error) : status;
}

static fseg_status prepare(pretraining *run, fseg_error *error)
{
    fseg_status status = program_processes_agree(&run->processes, prepare_alone(run, error), error);
    if (status == FSEG_OK) {
        status = load_data(run, error);
    }
    if (status == FSEG_OK) {
        say_data_and_memory(run);
    }
    return status;
}

static fseg_status save_checkpoint(pretraining *run, fseg_error *error)
{
    const fseg_status status =
        is_first(run) ? fseg_pretrainer_save(run->pretrainer, run->checkpoints[run->stage], error)
                      : FSEG_OK;
    return program_processes_agree(&run->processes, status, error);
}

/* Seconds that this process has spent in exchange with others. */
static double exchange_seconds(const pretraining *run)
{
    return run->processes.communicator ? run->processes.communicator->seconds : 0;
}

static void report(pretraining *run, int step, const fseg_pretrain_losses *mean, double seconds,
                   double exchange, int steps)
{
    run_progress_clear(&run->progress);
    if (!run->common->quiet) {
        fprintf(stderr,
                "step %6d/%d  loss %.4f (restoring %.4f, contrast %.4f)  %.3f s/step  "
                "%.0f min left\n",
                step, steps, mean->total, mean->regression, mean->contrast, seconds,
                seconds * (steps - step) / 60);
    }
    write_log(run, json_pack("{s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f}", "event", "steps", "stage",
                             run->stage + 1, "step", step, "loss", mean->total, "regression",
                             mean->regression, "contrast", mean->contrast, "seconds_per_step",
                             seconds, "exchange_seconds_per_step", exchange));
}

/* Say where the numbers went wrong: the step, the scan, and what is still good. */
static fseg_status name_culprit(const pretraining *run, fseg_error *error)
{
    fseg_slice_choice at;
    char where[80] = "";
    if (fseg_pretrainer_culprit(run->pretrainer, &at)) {
        snprintf(where, sizeof where, ", first on slice %d of scan %zu", at.slice + 1,
                 run->data.scan_number[at.subject]);
    }
    return fseg_error_set(error, FSEG_ERROR_NOT_FINITE,
                          "The loss or its gradient is not a finite number at step %d%s; the last "
                          "good checkpoint is '%.200s'. Look at that scan, or lower --lr.",
                          fseg_pretrainer_steps_done(run->pretrainer) + 1, where,
                          run->checkpoints[run->stage]);
}

static fseg_status run_steps(pretraining *run, int steps, fseg_error *error)
{
    const pretrain_options *o = run->options;
    fseg_pretrain_losses sum = {0};
    int window = 0, step = fseg_pretrainer_steps_done(run->pretrainer);
    double started = program_seconds(), exchanged = exchange_seconds(run);
    run_progress_start(&run->progress, run->common, step, steps);
    while (step < steps) {
        fseg_pretrain_losses now;
        fseg_status status = fseg_pretrainer_step(run->pretrainer, run->data.sampler, &now, error);
        if (status != FSEG_OK) {
            return status == FSEG_ERROR_NOT_FINITE ? name_culprit(run, error) : status;
        }
        step++;
        sum.total += now.total;
        sum.regression += now.regression;
        sum.contrast += now.contrast;
        window++;
        run_progress_show(&run->progress, step, now.total);
        if (step % o->report_every == 0 || step == steps) {
            const fseg_pretrain_losses mean = {sum.total / window, sum.regression / window,
                                               sum.contrast / window};
            report(run, step, &mean, (program_seconds() - started) / window,
                   (exchange_seconds(run) - exchanged) / window, steps);
            sum = (fseg_pretrain_losses){0};
            window = 0;
            started = program_seconds();
            exchanged = exchange_seconds(run);
        }
        const bool interrupted = program_processes_interrupted(&run->processes);
        if (interrupted || step % o->checkpoint_every == 0 || step == steps) {
            status = save_checkpoint(run, error);
        }
        if (status != FSEG_OK) {
            return status;
        }
        if (interrupted && !(step == steps && run->stage == last_stage(run))) {
            return fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.");
        }
    }
    return FSEG_OK;
}

static fseg_status run_stage(pretraining *run, fseg_error *error)
{
    const fseg_pretrainer_options options = pretraining_stage_options(run->options, run->stage);
    const char *checkpoint = run->checkpoints[run->stage];
    fseg_status status =
        fseg_pretrainer_create(run->context, run->model, &options, &run->pretrainer, error);
    if (status == FSEG_OK && run->options->resume && file_exists(checkpoint)) {
        status = fseg_pretrainer_restore(run->pretrainer, checkpoint, error);
    } else if (status == FSEG_OK && run->options->resume && run->stage == 0) {
        status = fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                                "There is no checkpoint '%.300s' to go on from; start without "
                                "--resume.",
                                checkpoint);
    }
    status = program_processes_agree(&run->processes, status, error);
    /* Whether the results can be written is found out before hours of work. */
    if (status == FSEG_OK) {
        status = save_checkpoint(run, error);
    }
    if (status == FSEG_OK && run->stage > 0 && is_first(run)) {
        (void)unlink(run->checkpoints[run->stage - 1]); /* the later one holds its weights */
    }
    if (status == FSEG_OK) {
        status = run_steps(run, options.steps, error);
        run_progress_clear(&run->progress);
        if (status != FSEG_OK && is_first(run)) {
            fprintf(stderr,
                    "frugalseg: Go on later with the same options and --resume; the "
                    "checkpoint is '%s'.\n",
                    checkpoint);
        }
    }
    fseg_pretrainer_free(run->pretrainer);
    run->pretrainer = NULL;
    return status;
}

fseg_status pretraining_run(pretraining *run, fseg_error *error)
{
    const pretrain_options *o = run->options;
    const bool named =
        (o->checkpoint ? asprintf(&run->checkpoints[0], "%s", o->checkpoint)
                       : asprintf(&run->checkpoints[0], "%s.checkpoint", o->out)) >= 0 &&
        asprintf(&run->checkpoints[1], "%s.stage2", run->checkpoints[0]) >= 0;
    if (!named) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    fseg_status status = prepare(run, error);
    /* A checkpoint of the second stage means that the first is done. */
    if (o->then && o->resume && file_exists(run->checkpoints[1])) {
        run->stage = 1;
    }
    for (; status == FSEG_OK && run->stage <= last_stage(run); run->stage++) {
        status = run_stage(run, error);
    }
    if (status == FSEG_OK && is_first(run)) {
        status = fseg_model_save(run->model, o->out, error);
    }
    status = program_processes_agree(&run->processes, status, error);
    if (status == FSEG_OK && is_first(run) && !o->checkpoint) {
        (void)unlink(run->checkpoints[last_stage(run)]); /* it has done its work */
    }
    if (run->log && o->plot) {
        run_plot_or_warn(o->log, o->plot);
    }
    return status;
}

void pretraining_free(pretraining *run)
{
    fseg_pretrainer_free(run->pretrainer);
    fseg_sampler_free(run->data.sampler);
    unlabelled_free(&run->data);
    fseg_model_free(run->model);
    fseg_context_free(run->context);
    free(run->checkpoints[0]);
    free(run->checkpoints[1]);
    if (run->log) {
        fclose(run->log);
    }
}
