/* Pretraining on a folder of unlabelled scans: options, data, stages, loop. */
#ifndef FRUGALSEG_PRETRAINING_H
#define FRUGALSEG_PRETRAINING_H

#include "frugalseg/frugalseg.h"
#include "frugalseg/pretrainer.h"
#include "processes.h"
#include "program.h"
#include "run_progress.h"
#include "unlabelled.h"
#include <stdio.h>

typedef struct pretrain_options {
    const char *data, *out, *init, *loss, *contrast, *then, *corruption, *error, *pixels;
    const char *checkpoint, *log, *plot, *precision;
    int steps, then_steps, batch, volumes, partitions, size, context_slices;
    int report_every, checkpoint_every, patch, queries, neighbours, clusters, network_contrast;
    double learning_rate, epsilon, temperature, weight, spacing_mm, mask_ratio, position_threshold;
    double zoom, shift, rotation, brightness, contrast_range;
    uint64_t seed;
    bool no_skips, resume, freeze_encoder, flatten_head, partial_decoder, set_wise;
} pretrain_options;

/* Everything that a run holds; pretraining_free releases it. */
typedef struct pretraining {
    const pretrain_options *options;
    const program_common *common;
    program_processes processes;
    fseg_context *context;
    fseg_model *model;
    fseg_input_spec spec;
    unlabelled_data data;
    fseg_pretrainer *pretrainer;
    int stage;            /* 0, or 1 for the stage after it */
    char *checkpoints[2]; /* of the stages */
    FILE *log;
    run_progress progress;
} pretraining;

/* pretraining_options.c. The table has room for PRETRAINING_OPTIONS_MAX entries; the number of
 * options is returned. */
enum { PRETRAINING_OPTIONS_MAX = 56 };
pretrain_options pretraining_default_options(void);
size_t pretraining_option_table(pretrain_options *options, program_option *table);
/* Check them for `command`: EXIT_OK, or an exit code after a message. */
int pretraining_check_options(const program_command *command, const program_common *common,
                              const pretrain_options *options);
/* What the pretrainer is to do in a stage; the options have been checked. */
fseg_pretrainer_options pretraining_stage_options(const pretrain_options *options, int stage);
/* "patches" or "shuffle,intensity,painting=0.5" -> a composition; false with a message for an
 * unknown name or chance. */
bool pretraining_parse_corruption(const char *text, const pretrain_options *options,
                                  fseg_corrupt_options *out, char *message, size_t size);

/* pretraining_run.c: model, data and all stages, up to the written model. */
fseg_status pretraining_run(pretraining *run, fseg_error *error);
void pretraining_free(pretraining *run);

#endif
