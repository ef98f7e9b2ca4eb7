/* The steps of a training run, its reports and checkpoints, and the validation. */
#include "training.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void training_log(training *run, json_t *object)
{
    if (run->log && object) {
        json_dumpf(object, run->log, JSON_COMPACT | JSON_REAL_PRECISION(8));
        fputc('\n', run->log);
        fflush(run->log);
    }
    json_decref(object);
}

static fseg_trainer_options trainer_options(const training *run)
{
    const training_options *options = run->options;
    fseg_trainer_options trainer =
        fseg_trainer_default_options(options->batch, options->size, options->size, options->steps);
    trainer.learning_rate = options->learning_rate;
    trainer.weight_decay = options->weight_decay;
    trainer.encoder_rate_factor = options->encoder_rate;
    trainer.freeze_encoder = options->freeze_encoder;
    trainer.average_decay = options->average_decay;
    trainer.deep_supervision = options->deep_supervision;
    (void)program_precision(options->precision, &trainer.precision); /* checked when parsed */
    if (options->warmup >= 0) {
        trainer.warmup_steps = options->warmup;
    }
    if (strcmp(options->loss, "tversky") == 0) {
        trainer.loss.dice_weight = 0;
        trainer.loss.cross_entropy_weight = 0;
        trainer.loss.tversky_weight = 1;
    }
    return trainer;
}

fseg_status training_start(training *run, fseg_error *error)
{
    const fseg_trainer_options options = trainer_options(run);
    fseg_status status =
        fseg_trainer_create(run->context, run->model, &options, &run->trainer, error);
    if (status == FSEG_OK && run->options->resume) {
        status = fseg_trainer_restore(run->trainer, run->checkpoint, error);
        run->step = status == FSEG_OK ? fseg_trainer_steps_done(run->trainer) : 0;
    }
    if (status == FSEG_OK) {
        run_progress_start(&run->progress, run->common, run->step, training_last_step(run));
        training_log(run,
                     json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:s, s:s, s:I}",
                               "event", "start", "step", run->step, "steps", run->options->steps,
                               "cases", (int)run->used_cases, "held_out", (int)run->held_out_cases,
                               "phantoms", run->options->phantoms, "batch", run->options->batch,
                               "size", run->options->size, "learning_rate",
                               run->options->learning_rate, "loss", run->options->loss, "precision",
                               run->options->precision, "seed", (json_int_t)run->options->seed));
    }
    return status;
}

static void report_steps(training *run, double mean_loss, double seconds_per_step)
{
    const fseg_trainer_options options = trainer_options(run);
    const double rate = fseg_trainer_learning_rate(&options, run->step - 1);
    const double left = seconds_per_step * (run->options->steps - run->step);
    run_progress_clear(&run->progress);
    if (!run->common->quiet) {
        fprintf(stderr, "step %6d/%d  loss %.4f  lr %.2e  %.3f s/step  %.0f min left  %.0f MB\n",
                run->step, run->options->steps, mean_loss, rate, seconds_per_step, left / 60,
                (double)program_peak_memory() / 1e6);
    }
    training_log(run,
                 json_pack("{s:s, s:i, s:f, s:f, s:f}", "event", "steps", "step", run->step, "loss",
                           mean_loss, "learning_rate", rate, "seconds_per_step", seconds_per_step));
}

static void report_validation(training *run, const training_validation *validation)
{
    const bool chooses = run->validation_cases > 0;
    run_progress_clear(&run->progress);
    if (!run->common->quiet) {
        fprintf(stderr, "step %6d  %s: Dice %.4f, HD95 %.1f mm (%zu cases)\n", run->step,
                chooses ? "validation" : "held out", validation->dice, validation->hd95_mm,
                validation->count);
    }
    training_log(run, json_pack("{s:s, s:s, s:i, s:f, s:f, s:O}", "event", "validation", "set",
                                chooses ? "validation" : "held_out", "step", run->step, "dice",
                                validation->dice, "hd95_mm", validation->hd95_mm, "cases",
                                validation->cases));
}

int training_last_step(const training *run)
{
    const training_options *options = run->options;
    return options->stop_at > 0 && options->stop_at < options->steps ? options->stop_at
                                                                     : options->steps;
}

static bool due(int step, int every)
{
    return every > 0 && step % every == 0;
}

/* Measure the validation cases, or the held-out ones where there are none; the validation cases
 * choose the weights. */
static fseg_status validate_now(training *run, fseg_error *error)
{
    const bool chooses = run->validation_cases > 0;
    training_validation validation;
    fseg_trainer_show_average(run->trainer, 1); /* the weights that the run would end with */
    fseg_status status =
        training_validate(run, chooses ? run->validates : run->held_out, &validation, error);
    if (status != FSEG_OK) {
        fseg_trainer_show_average(run->trainer, 0);
        return status;
    }
    if (chooses && validation.count == 0) {
        status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                "No validation case can be used; see the warnings above.");
    } else {
        report_validation(run, &validation);
    }
    json_decref(validation.cases);
    if (status == FSEG_OK && chooses) {
        status = fseg_trainer_note_score(run->trainer, validation.dice, error);
    }
    fseg_trainer_show_average(run->trainer, 0);
    return status;
}

/* Whether the validation of this step is still to be done; after an interruption the checkpoint
 * may be older than it. */
static bool validation_due(const training *run)
{
    const training_options *options = run->options;
    const bool last = run->step == training_last_step(run);
    if (run->step == 0 || options->validate_every == 0) {
        return false;
    }
    if (run->validation_cases > 0) {
        const int expected = run->step / options->validate_every +
                             (last && run->step % options->validate_every != 0);
        return fseg_trainer_best_score(run->trainer).scores < expected;
    }
    return due(run->step, options->validate_every) && !last && run->held_out_cases > 0;
}

bool training_stopped_early(const training *run)
{
    const int patience = run->options->patience;
    return patience > 0 && fseg_trainer_best_score(run->trainer).since_best >= patience;
}

/* What happens between steps: validation, checkpoints, interruption. */
static fseg_status after_step(training *run, fseg_error *error)
{
    const training_options *options = run->options;
    fseg_status status = FSEG_OK;
    if (!program_interrupted() && validation_due(run)) {
        status = validate_now(run, error);
        if (status != FSEG_OK && status != FSEG_ERROR_CANCELLED) {
            return status;
        }
    }
    const bool ends = run->step == training_last_step(run) || training_stopped_early(run);
    if (program_interrupted() || due(run->step, options->checkpoint_every) ||
        (ends && options->checkpoint_every > 0)) {
        status = fseg_trainer_save(run->trainer, run->checkpoint, error);
        if (status != FSEG_OK) {
            return status;
        }
    }
    return program_interrupted() ? fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.")
                                 : FSEG_OK;
}

fseg_status training_steps(training *run, fseg_error *error)
{
    const training_options *options = run->options;
    const size_t pixels = (size_t)options->size * (size_t)options->size;
    const size_t batch = (size_t)options->batch;
    float *images = malloc(batch * (size_t)run->spec.context_slices * pixels * sizeof *images);
    uint8_t *labels = malloc(batch * pixels);
    fseg_status status = FSEG_OK;
    if (!images || !labels) {
        status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    if (status == FSEG_OK && validation_due(run)) {
        status = validate_now(run, error);
    }
    double sum = 0, window_start = program_seconds();
    int window = 0;
    while (status == FSEG_OK && run->step < training_last_step(run) &&
           !training_stopped_early(run)) {
        double loss = 0;
        status = fseg_sampler_draw(run->sampler, run->context, run->step, images, labels);
        if (status != FSEG_OK) {
            fseg_error_set(error, status, "A training batch could not be drawn: %s.",
                           fseg_status_text(status));
            break;
        }
        status = fseg_trainer_step(run->trainer, images, labels, &loss, error);
        if (status != FSEG_OK) {
            break;
        }
        run->step++;
        sum += loss;
        window++;
        run_progress_show(&run->progress, run->step, loss);
        if (due(run->step, options->report_every) || run->step == training_last_step(run)) {
            report_steps(run, sum / window, (program_seconds() - window_start) / window);
        }
        status = after_step(run, error);
        if (due(run->step, options->report_every)) {
            sum = 0;
            window = 0;
            window_start = program_seconds();
        }
    }
    run_progress_clear(&run->progress);
    free(images);
    free(labels);
    return status;
}

fseg_status training_validate(training *run, const bool *which, training_validation *out,
                              fseg_error *error)
{
    memset(out, 0, sizeof *out);
    out->cases = json_array();
    for (size_t i = 0; i < run->cases.count; i++) {
        if (!which[i] || run->unusable[i]) {
            continue;
        }
        const labelled_case *entry = &run->cases.cases[i];
        fseg_mask_agreement agreement;
        const fseg_status status =
            case_measure(run->context, run->model, run->cache, entry, run->options->label,
                         run->common, &agreement, NULL, error);
        if (status == FSEG_ERROR_CANCELLED || status == FSEG_ERROR_OUT_OF_MEMORY) {
            json_decref(out->cases);
            out->cases = NULL;
            return status;
        }
        if (status != FSEG_OK) {
            run->unusable[i] = true;
            program_warn("Case '%s' is left out of the validation: %s", entry->shown,
                         error->message);
            continue;
        }
        json_array_append_new(out->cases,
                              json_pack("{s:s, s:f, s:f, s:f, s:f}", "case", entry->shown, "dice",
                                        agreement.dice, "hd95_mm", agreement.hd95_mm, "volume_ml",
                                        agreement.volume_ml, "truth_ml", agreement.truth_ml));
        out->dice += agreement.dice;
        out->hd95_mm += agreement.hd95_mm;
        out->count++;
    }
    if (out->count > 0) {
        out->dice /= (double)out->count;
        out->hd95_mm /= (double)out->count;
    }
    return FSEG_OK;
}
