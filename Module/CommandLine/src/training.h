/* Supervised training on a folder of cases: options, data, loop, validation. */
#ifndef FRUGALSEG_TRAINING_H
#define FRUGALSEG_TRAINING_H

#include "case_images.h"
#include "frugalseg/frugalseg.h"
#include "frugalseg/imaging.h"
#include "frugalseg/model_locate.h"
#include "program.h"
#include "run_progress.h"
#include <stdio.h>

typedef struct training_options {
    const char *data, *out, *card, *init, *transfer, *fold, *exclude, *checkpoint, *log, *loss;
    const char *validation, *plot, *precision;
    int label, steps, batch, size, context_slices, phantoms, report_every, checkpoint_every;
    int validate_every, warmup, patience, recolour, stop_at;
    double learning_rate, encoder_rate, weight_decay, spacing_mm, phantom_share, foreground;
    double recolour_share, average_decay, deep_supervision;
    uint64_t seed;
    bool resume, freeze_encoder;
} training_options;

/* Everything that a run holds; training_free releases it. */
typedef struct training {
    const training_options *options;
    const program_common *common;
    case_list cases;
    bool *held_out;  /* per case */
    bool *validates; /* per case: chooses the weights, is neither trained on nor held out */
    bool *unusable;  /* per case: could not be read, a warning was given */
    size_t used_cases, held_out_cases, validation_cases;
    fseg_context *context;
    fseg_model *model;
    fseg_input_spec spec;
    fseg_sampler *sampler;
    fseg_trainer *trainer;
    char *checkpoint;  /* path */
    FILE *log;         /* JSON lines; may be null */
    int step;          /* next to do */
    double started;    /* clock */
    case_cache *cache; /* of a study; may be null */
    run_progress progress;
} training;

typedef struct training_validation {
    size_t count;
    double dice, hd95_mm; /* means */
    json_t *cases;        /* array of {"case", "dice", "hd95_mm", "volume_ml", "truth_ml"} */
} training_validation;

/* training_model.c: a fresh or loaded model with the card that options and file give. */
fseg_status training_create_model(training *run, fseg_error *error);
/* Add what is known after training to the card. */
fseg_status training_finish_card(training *run, const training_validation *validation,
                                 fseg_error *error);

/* training_data.c: which cases are held out; cases and phantoms into the sampler. */
fseg_status training_split_cases(training *run, fseg_error *error);
fseg_status training_load_data(training *run, fseg_error *error);
/* training_subject.c: a labelled volume, of weight `weight` in all, and its recoloured copies into
 * the sampler; `number` tells subjects apart, `structure` is its value in `labels`. */
fseg_status training_add_subject(training *run, const fseg_volume *volume, const fseg_mask *labels,
                                 int structure, double weight, uint64_t number, fseg_error *error);

/* training_run.c: the steps, with reports and checkpoints (options->checkpoint_every 0: only when
 * interrupted). Interrupted: the checkpoint is saved and
 * FSEG_ERROR_CANCELLED returned. */
fseg_status training_start(training *run, fseg_error *error);
fseg_status training_steps(training *run, fseg_error *error);
/* Segment those cases of which[i] on their own grids. */
fseg_status training_validate(training *run, const bool *which, training_validation *out,
                              fseg_error *error);
/* Steps after which the run ends: all of the schedule's, or --stop-at. */
int training_last_step(const training *run);
/* Whether the validation Dice has not risen for as long as --patience allows. */
bool training_stopped_early(const training *run);
/* Write one JSON line to the log and release `object`. */
void training_log(training *run, json_t *object);

/* training_command.c: what train and finetune share. Options of both, for their tables; returns
 * their number. */
enum { TRAINING_OPTIONS_MAX = 40 };
training_options training_default_options(void);
size_t training_option_table(training_options *options, program_option *table);
/* Check the options of `command`; EXIT_OK, or the exit code after a message. */
int training_check_options(const program_command *command, const program_common *common,
                           const training_options *options);
/* The whole run; an exit code. */
int training_run_command(const training_options *options, const program_common *common);
void training_free(training *run);

#endif
