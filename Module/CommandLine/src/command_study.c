/* frugalseg study: how many labels pretraining saves. */
#include "study.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct study_options {
    const char *config, *out;
    int jobs;
    double minutes;
    bool report;
} study_options;

static fseg_status run_all(const study_options *o, const program_common *common,
                           study_config *config, study_store *store, json_t **summary, int *failed,
                           fseg_error *error)
{
    fseg_status status = study_config_read(o->config, config, error);
    if (status == FSEG_OK) {
        status = study_store_open(o->out, !o->report, store, error);
    }
    fseg_status worked = FSEG_OK;
    if (status == FSEG_OK && !o->report) {
        worked = study_work(config, store, o->jobs, o->minutes * 60, common, failed, error);
    }
    /* The report of what is there is worth having even after an interruption. */
    if (status == FSEG_OK && (worked == FSEG_OK || worked == FSEG_ERROR_CANCELLED)) {
        fseg_error later = {0};
        *summary = study_summarize(config, store);
        status = *summary ? study_report(config, store, *summary, &later)
                          : fseg_error_set(&later, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
        if (status != FSEG_OK && worked == FSEG_OK) {
            *error = later;
        }
    }
    return worked != FSEG_OK ? worked : status;
}

static int study(const study_options *o, const program_common *common)
{
    study_config config = {0};
    study_store store = {.lock = -1};
    json_t *summary = NULL;
    int failed = 0, code = EXIT_OK;
    fseg_error error = {0};
    const fseg_status status = run_all(o, common, &config, &store, &summary, &failed, &error);
    const bool complete = json_is_true(json_object_get(summary, "complete"));
    if (status == FSEG_ERROR_CANCELLED) {
        code = program_fail_error(common, &error);
    } else if (status != FSEG_OK) {
        code = program_fail_error(common, &error);
    } else if (common->json) {
        code = program_print_json(json_incref(summary));
    } else {
        char *text = study_headline(&config, summary);
        fputs(text ? text : "", stdout);
        free(text);
    }
    if (summary && !complete) {
        fprintf(stderr,
                "frugalseg: The study is not finished; the same command goes on with it.\n");
    }
    if (code == EXIT_OK && failed > 0) {
        fprintf(stderr, "frugalseg: %d runs failed; see the warnings above.\n", failed);
        code = EXIT_BAD_INPUT;
    }
    json_decref(summary);
    study_store_free(&store);
    study_config_free(&config);
    return code;
}

static int run_study(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    study_options o = {.jobs = 2};
    const program_option options[] = {
        {"out", OPTION_TEXT, &o.out, 0, 0, "FOLDER", "results; a study that is there goes on"},
        {"jobs", OPTION_INTEGER, &o.jobs, 1, 64, "N",
         "runs side by side, each on one processor (default 2)"},
        {"minutes", OPTION_NUMBER, &o.minutes, 0, 1e6, "X",
         "begin no run after X minutes; 0 = no limit (default)"},
        {"report", OPTION_FLAG, &o.report, 0, 0, NULL, "run nothing, report what is there"},
    };
    int first = 0;
    const parse_result parsed = program_parse(self, options, sizeof options / sizeof *options, 1,
                                              argc, argv, &common, &first);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    if (first >= argc || !o.out) {
        return program_usage(self, &common, "study needs a configuration and --out FOLDER.");
    }
    o.config = argv[first];
    return study(&o, &common);
}

const program_command command_study = {
    "study",
    "measure how many labels pretraining saves",
    "CONFIG.json --out FOLDER [OPTION]...",
    "Trains every arm (from scratch, or from a pretraining) with every budget of labelled cases,\n"
    "subset, seed and fold of the configuration, measures 3D Dice on the test cases, and writes\n"
    "CSV files, a table, a plot and a headline. What an arm may choose (corruption, transfer,\n"
    "learning rate) it chooses on the validation case. Every finished run is kept: a study that "
    "was\n"
    "stopped, even by kill -9, goes on with the same command.",
    "  frugalseg study docs/study/liver.json --out build-study/liver --jobs 2\n"
    "  frugalseg study docs/study/liver.json --out build-study/liver --report",
    run_study,
};
