/*
 * frugalseg study: a grid of arms x label budgets x subsets x seeds x folds.
 *
 * A task (one pretraining, or one fine-tuning with its measurement) is a JSON object that holds
 * everything its result depends on; its key is a hash of that. Results lie in a folder, one file a
 * key, written whole. What has to be done next follows from the configuration and the results that
 * are there, so a study that was stopped anywhere goes on, and a result never depends on the order
 * of the tasks or on how many run side by side.
 */
#ifndef FRUGALSEG_STUDY_H
#define FRUGALSEG_STUDY_H

#include "case_images.h"
#include "cases.h"
#include "frugalseg/frugalseg.h"
#include "program.h"

/* ---- study_config.c ---- */

typedef struct study_config {
    json_t *root; /* the file, checked: every key is known and of the right kind */
    char *folder; /* of the file; its relative paths begin there */
    char *data;   /* folder of the labelled cases */
    case_list cases;
    int label, size, batch, steps, subsets, phantoms;
    double spacing_mm, phantom_share, foreground;
    const char *precision; /* of training: float32 or bfloat16 */
    const char *baseline;  /* the arm without pretraining */
    /* Borrowed from root */
    const json_t *folds, *budgets, *seeds, *rates, *unlabelled, *choose, *pretraining, *arms;
} study_config;

fseg_status study_config_read(const char *path, study_config *out, fseg_error *error);
void study_config_free(study_config *config);
/* A path of the configuration, relative to its file; malloc'ed. */
char *study_config_path(const study_config *config, const char *path);
/* Names of the cases of fold `fold` that may be trained on, in a fixed random order; new. */
json_t *study_training_cases(const study_config *config, size_t fold);
/* The `count` labelled cases of subset `subset`: the order turned by a share for each subset, so
 * that subsets overlap as little as they can and smaller budgets lie within larger ones; new. */
json_t *study_subset(const study_config *config, size_t fold, size_t count, int subset);
/* Labels of budget `index` in a fold ("all": every training case). */
size_t study_budget(const study_config *config, size_t fold, size_t index);
/* Whether the budget means all, so that there is one subset only. */
bool study_budget_is_all(const study_config *config, size_t fold, size_t index);

/* ---- study_store.c ---- */

typedef struct study_store {
    char *folder;
    json_t *results; /* key -> {"task", "result"} */
    int lock;        /* descriptor, or -1 */
} study_store;

/* Open or make the folder and read every finished result; `lock`: be the only one who adds. */
fseg_status study_store_open(const char *folder, bool lock, study_store *out, fseg_error *error);
void study_store_free(study_store *store);
/* "finetune-0123456789abcdef" from the task; malloc'ed. */
char *study_key(const json_t *task);
/* Path of a file of the task: "runs/KEY.json", "models/KEY.fseg"; malloc'ed. */
char *study_store_path(const char *folder, const char *part, const char *key, const char *ending);
/* Write a result; takes `result`. */
fseg_status study_store_write(const char *folder, const json_t *task, json_t *result,
                              fseg_error *error);
/* Read the result of a task that a worker has finished. */
fseg_status study_store_add(study_store *store, const char *key, fseg_error *error);
/* "result" of a task, or null when there is none yet. */
const json_t *study_store_result(const study_store *store, const json_t *task);
/* Whether the model of a pretraining is there. */
bool study_store_has_model(const study_store *store, const json_t *task);

/* ---- study_plan.c ---- */

/* What an arm trains with in a fold: chosen on the validation case. */
typedef struct study_choice {
    const char *recipe; /* null: no pretraining */
    const char *transfer;
    double rate;
    double validation_dice;
} study_choice;

/* Called for every cell of the grid; `task` is null while choices are open. */
typedef struct study_cell {
    size_t fold, budget; /* indices */
    int subset;          /* 0-based */
    size_t seed;         /* index */
    const char *arm;
    study_choice choice;
    const json_t *task;
} study_cell;
typedef void study_visit(void *user, const study_cell *cell);
/* Walk the grid, fold by fold, subset by subset, all arms in turn. Tasks that are missing and can
 * be done now are appended to `wanted` (may be null), each once, in the order of need. */
void study_walk(const study_config *config, const study_store *store, json_t *wanted,
                study_visit *visit, void *user);
/* The choice of an arm, or false while it is open. */
bool study_choose(const study_config *config, const study_store *store, size_t fold,
                  const char *arm, json_t *wanted, study_choice *out);
/* The pretraining task of a recipe in a fold, when every choice before it is made; new or null. */
json_t *study_pretraining_task(const study_config *config, const study_store *store, size_t fold,
                               const char *recipe, json_t *wanted);

/* ---- study_task.c, study_pretraining.c, study_measure.c ---- */

/* One worker: it keeps images in memory between tasks. */
typedef struct study_worker {
    const study_config *config;
    const char *folder; /* of the store */
    program_common common;
    fseg_context *context;
    case_cache cache;
    fseg_network_grid **phantoms; /* [config->phantoms], made when first needed */
} study_worker;

fseg_status study_worker_start(const study_config *config, const char *folder, study_worker *out,
                               fseg_error *error);
void study_worker_free(study_worker *worker);
/* Do the task and store its result. Interrupted: FSEG_ERROR_CANCELLED, with a checkpoint. */
fseg_status study_task_run(study_worker *worker, const json_t *task, fseg_error *error);

/* A pretraining task: *result is new, the model is stored as that of `key`. */
fseg_status study_run_pretraining(study_worker *worker, const json_t *task, const char *key,
                                  json_t **result, fseg_error *error);
/* A labelled case by name. */
const labelled_case *study_find_case(const study_config *config, const char *name);
fseg_input_spec study_input_spec(const study_config *config);
/* Top-1 retrieval of the partition of every slice of the named cases. */
fseg_status study_retrieval(study_worker *worker, const fseg_model *model, const json_t *names,
                            int partitions, double *out, fseg_error *error);

/* ---- study_work.c ---- */

/* Do what is missing on `jobs` processes until all is done, `seconds` are over (0: no limit) or
 * the user interrupts. Returns FSEG_ERROR_CANCELLED when interrupted; a task that fails is warned
 * about, left out and counted in *failed. */
fseg_status study_work(const study_config *config, study_store *store, int jobs, double seconds,
                       const program_common *common, int *failed, fseg_error *error);

/* ---- study_report.c, study_report_text.c ---- */

/* Everything that the report says, from the cells that all arms have finished. */
json_t *study_summarize(const study_config *config, const study_store *store);
/* Write results.csv, pretraining.csv, choices.csv, summary.json, results.md and plot.png, .svg. */
fseg_status study_report(const study_config *config, const study_store *store, json_t *summary,
                         fseg_error *error);
/* The lines of the headline, for the screen and results.md; malloc'ed. */
char *study_headline(const study_config *config, const json_t *summary);
/* results.md and the gnuplot script; malloc'ed. */
char *study_results_text(const study_config *config, const json_t *summary);
char *study_plot_script(const study_config *config, const json_t *summary);

#endif
