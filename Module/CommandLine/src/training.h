/* Supervised training on a folder of cases: options, data, loop, validation. */
#ifndef FRUGALSEG_TRAINING_H
#define FRUGALSEG_TRAINING_H

#include "cases.h"
#include "frugalseg/frugalseg.h"
#include "frugalseg/imaging.h"
#include "frugalseg/model_locate.h"
#include "program.h"
#include <stdio.h>

typedef struct training_options {
    const char *data, *out, *card, *init, *transfer, *fold, *exclude, *checkpoint, *log, *loss;
    int label, steps, batch, size, context_slices, phantoms, report_every, checkpoint_every;
    int validate_every, warmup;
    double learning_rate, encoder_rate, weight_decay, spacing_mm, phantom_share, foreground;
    uint64_t seed;
    bool resume, freeze_encoder;
} training_options;

/* Everything that a run holds; training_free releases it. */
typedef struct training {
    const training_options *options;
    const program_common *common;
    case_list cases;
    bool *held_out; /* per case */
    bool *unusable; /* per case: could not be read, a warning was given */
    size_t used_cases, held_out_cases;
    fseg_context *context;
    fseg_model *model;
    fseg_input_spec spec;
    fseg_sampler *sampler;
    fseg_trainer *trainer;
    char *checkpoint; /* path */
    FILE *log;        /* JSON lines; may be null */
    int step;         /* next to do */
    double started;   /* clock */
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

/* training_run.c: the steps, with reports and checkpoints. Interrupted: the checkpoint is saved and
 * FSEG_ERROR_CANCELLED returned. */
fseg_status training_start(training *run, fseg_error *error);
fseg_status training_steps(training *run, fseg_error *error);
/* Segment the held-out cases on their own grids. */
fseg_status training_validate(training *run, training_validation *out, fseg_error *error);
/* Write one JSON line to the log and release `object`. */
void training_log(training *run, json_t *object);

#endif
