/* What a study found: means, tests, label saving; and its files. */
#include "gnuplot.h"
#include "output.h"
#include "study.h"
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Mean and standard deviation over runs. */
typedef struct moments {
    double n, sum, squares;
} moments;

static void add(moments *m, double x)
{
    m->n += 1;
    m->sum += x;
    m->squares += x * x;
}

static double mean_of(const moments *m)
{
    return m->n > 0 ? m->sum / m->n : NAN;
}

static double sd_of(const moments *m)
{
    const double variance = m->n > 1 ? (m->squares - m->sum * m->sum / m->n) / (m->n - 1) : NAN;
    return variance < 0 ? 0 : sqrt(variance); /* rounding */
}

/* An arm at a budget. */
typedef struct point {
    moments dice, hd95, validation, labels;
    moments *subjects; /* Dice of each case of the study over the runs that tested it */
} point;

typedef struct collection {
    const study_config *config;
    const study_store *store;
    size_t arms, budgets, cases;
    int *finished; /* arms that have finished each group of cells */
    point *points; /* [arms][budgets] */
    int done, all;
    FILE *csv;
} collection;

/* Cells that differ in the arm only. */
static size_t group_of(const collection *c, const study_cell *cell)
{
    const size_t subsets = (size_t)c->config->subsets;
    const size_t seeds = json_array_size(c->config->seeds);
    return ((cell->fold * subsets + (size_t)cell->subset) * seeds + cell->seed) * c->budgets +
           cell->budget;
}

static size_t arm_index(const study_config *config, const char *name)
{
    size_t index = 0;
    const char *arm;
    json_t *spec;
    json_object_foreach((json_t *)(uintptr_t)config->arms, arm, spec)
    {
        if (strcmp(arm, name) == 0) {
            break;
        }
        index++;
    }
    return index;
}

static size_t case_index(const study_config *config, const char *name)
{
    return (size_t)(study_find_case(config, name) - config->cases.cases);
}

static void count_cell(void *user, const study_cell *cell)
{
    collection *c = user;
    c->all++;
    if (cell->task && study_store_result(c->store, cell->task)) {
        c->done++;
        c->finished[group_of(c, cell)]++;
    }
}

static double value(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void write_rows(const collection *c, const study_cell *cell, const json_t *result)
{
    const json_t *budget = json_array_get(c->config->budgets, cell->budget);
    char name[24] = "all";
    if (json_is_integer(budget)) {
        snprintf(name, sizeof name, "%d", (int)json_integer_value(budget));
    }
    size_t i;
    json_t *test;
    json_array_foreach(json_object_get(result, "test"), i, test)
    {
        fprintf(c->csv, "%zu,%s,%s,%zu,%d,%d,%s,%s,%g,%.6f,%s,%.6f,%.3f,%.2f,%.2f\n",
                cell->fold + 1, cell->arm, name,
                json_array_size(json_object_get(cell->task, "cases")), cell->subset + 1,
                (int)json_integer_value(json_array_get(c->config->seeds, cell->seed)),
                cell->choice.recipe ? cell->choice.recipe : "",
                cell->choice.transfer ? cell->choice.transfer : "", cell->choice.rate,
                value(result, "validation_dice"), json_string_value(json_object_get(test, "case")),
                value(test, "dice"), value(test, "hd95_mm"), value(test, "volume_ml"),
                value(test, "truth_ml"));
    }
}

/* Only cells that every arm has finished count, so that arms are compared on the same ground. */
static void add_cell(void *user, const study_cell *cell)
{
    collection *c = user;
    const json_t *result = cell->task ? study_store_result(c->store, cell->task) : NULL;
    if (!result) {
        return;
    }
    if (c->csv) {
        write_rows(c, cell, result);
        return;
    }
    if (c->finished[group_of(c, cell)] != (int)c->arms) {
        return;
    }
    point *p = &c->points[arm_index(c->config, cell->arm) * c->budgets + cell->budget];
    moments dice = {0}, hd95 = {0};
    size_t i;
    json_t *test;
    json_array_foreach(json_object_get(result, "test"), i, test)
    {
        const char *name = json_string_value(json_object_get(test, "case"));
        add(&dice, value(test, "dice"));
        add(&hd95, value(test, "hd95_mm"));
        add(&p->subjects[case_index(c->config, name)], value(test, "dice"));
    }
    add(&p->dice, mean_of(&dice));
    add(&p->hd95, mean_of(&hd95));
    add(&p->validation, value(result, "validation_dice"));
    add(&p->labels, (double)json_array_size(json_object_get(cell->task, "cases")));
}

static bool collection_create(const study_config *config, const study_store *store, collection *out)
{
    *out = (collection){.config = config,
                        .store = store,
                        .arms = json_object_size(config->arms),
                        .budgets = json_array_size(config->budgets),
                        .cases = config->cases.count};
    const size_t groups = json_array_size(config->folds) * (size_t)config->subsets *
                          json_array_size(config->seeds) * out->budgets;
    out->finished = calloc(groups, sizeof *out->finished);
    out->points = calloc(out->arms * out->budgets, sizeof *out->points);
    bool ok = out->finished && out->points;
    for (size_t i = 0; ok && i < out->arms * out->budgets; i++) {
        out->points[i].subjects = calloc(out->cases, sizeof(moments));
        ok = out->points[i].subjects != NULL;
    }
    return ok;
}

static void collection_free(collection *c)
{
    for (size_t i = 0; c->points && i < c->arms * c->budgets; i++) {
        free(c->points[i].subjects);
    }
    free(c->points);
    free(c->finished);
}

/* ---- comparisons ---- */

/* Paired over the test subjects that both have: mean difference a - b, and Wilcoxon's test. */
static json_t *compare(const collection *c, const point *a, const point *b)
{
    double differences[FSEG_WILCOXON_MAX];
    size_t count = 0;
    moments all = {0};
    for (size_t i = 0; i < c->cases && count < FSEG_WILCOXON_MAX; i++) {
        if (a->subjects[i].n > 0 && b->subjects[i].n > 0) {
            differences[count] = mean_of(&a->subjects[i]) - mean_of(&b->subjects[i]);
            add(&all, differences[count++]);
        }
    }
    fseg_wilcoxon_result w;
    if (count == 0 || fseg_wilcoxon(differences, count, &w) != FSEG_OK) {
        return json_null();
    }
    return json_pack("{s:i, s:f, s:f, s:f, s:f}", "subjects", (int)count, "mean", mean_of(&all),
                     "median", w.median, "rank_sum", w.rank_sum, "p", w.p_two_sided);
}

/* Smallest number of labels, interpolated, at which the curve of the arm reaches `goal`; NAN when
 * it does not. */
static double labels_needed(const collection *c, const point *curve, double goal)
{
    double n = NAN, d = NAN;
    for (size_t b = 0; b < c->budgets; b++) {
        const point *p = &curve[b];
        if (!(p->dice.n > 0)) {
            continue;
        }
        const double labels = mean_of(&p->labels), dice = mean_of(&p->dice);
        if (dice >= goal) {
            return isnan(d) ? labels : n + (goal - d) / (dice - d) * (labels - n);
        }
        n = labels;
        d = dice;
    }
    return NAN;
}

static json_t *budget_name(const study_config *config, size_t index)
{
    const json_t *budget = json_array_get(config->budgets, index);
    char text[24];
    snprintf(text, sizeof text, "%d", (int)json_integer_value(budget));
    return json_string(json_is_string(budget) ? "all" : text);
}

static json_t *summarize_arm(const collection *c, const char *name, double goal, double all)
{
    const point *curve = &c->points[arm_index(c->config, name) * c->budgets];
    const point *baseline = &c->points[arm_index(c->config, c->config->baseline) * c->budgets];
    json_t *budgets = json_array();
    for (size_t b = 0; b < c->budgets; b++) {
        const point *p = &curve[b];
        json_array_append_new(budgets,
                              json_pack("{s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "budget",
                                        budget_name(c->config, b), "runs", (int)p->dice.n, "labels",
                                        program_json_number(mean_of(&p->labels)), "dice",
                                        program_json_number(mean_of(&p->dice)), "sd",
                                        program_json_number(sd_of(&p->dice)), "hd95_mm",
                                        program_json_number(mean_of(&p->hd95)), "validation_dice",
                                        program_json_number(mean_of(&p->validation)),
                                        "against_baseline", compare(c, p, &baseline[b])));
    }
    const double needed = labels_needed(c, curve, goal);
    return json_pack("{s:s, s:o, s:o, s:o}", "arm", name, "budgets", budgets, "labels_needed",
                     program_json_number(needed), "label_saving",
                     program_json_number(1 - needed / all));
}

/* The pretrained arm that the validation cases prefer at the budget of the choices, against the
 * baseline with all labels. */
static json_t *headline(const collection *c)
{
    const json_int_t wanted = json_integer_value(json_object_get(c->config->choose, "budget"));
    const size_t last = c->budgets - 1;
    size_t budget = 0;
    while (budget < last &&
           json_integer_value(json_array_get(c->config->budgets, budget)) != wanted) {
        budget++;
    }
    const point *baseline = &c->points[arm_index(c->config, c->config->baseline) * c->budgets];
    const char *arm, *best = NULL;
    json_t *spec;
    double highest = -1;
    json_object_foreach((json_t *)(uintptr_t)c->config->arms, arm, spec)
    {
        const point *p = &c->points[arm_index(c->config, arm) * c->budgets + budget];
        if (json_object_get(spec, "pretraining") && p->validation.n > 0 &&
            mean_of(&p->validation) > highest) {
            highest = mean_of(&p->validation);
            best = arm;
        }
    }
    if (!best || !(baseline[last].dice.n > 0)) {
        return json_null();
    }
    const point *p = &c->points[arm_index(c->config, best) * c->budgets + budget];
    return json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:o}", "arm", best, "labels",
                     mean_of(&p->labels), "dice", mean_of(&p->dice), "same_labels_baseline",
                     mean_of(&baseline[budget].dice), "all_labels", mean_of(&baseline[last].labels),
                     "baseline", mean_of(&baseline[last].dice), "difference",
                     compare(c, p, &baseline[last]));
}

/* ---- what was chosen and what pretraining learned ---- */

static json_t *list_choices(const study_config *config, const study_store *store)
{
    json_t *list = json_array();
    for (size_t fold = 0; fold < json_array_size(config->folds); fold++) {
        const char *arm;
        json_t *spec;
        json_object_foreach((json_t *)(uintptr_t)config->arms, arm, spec)
        {
            study_choice c;
            if (study_choose(config, store, fold, arm, NULL, &c)) {
                json_array_append_new(
                    list, json_pack("{s:i, s:s, s:s, s:s, s:f, s:f}", "fold", (int)fold + 1, "arm",
                                    arm, "pretraining", c.recipe ? c.recipe : "", "transfer",
                                    c.transfer ? c.transfer : "", "learning_rate", c.rate,
                                    "validation_dice", c.validation_dice));
            }
        }
    }
    return list;
}

static json_t *list_pretraining(const study_config *config, const study_store *store)
{
    json_t *list = json_array();
    for (size_t fold = 0; fold < json_array_size(config->folds); fold++) {
        const char *recipe;
        json_t *spec;
        json_object_foreach((json_t *)(uintptr_t)config->pretraining, recipe, spec)
        {
            json_t *task = study_pretraining_task(config, store, fold, recipe, NULL);
            const json_t *result = task ? study_store_result(store, task) : NULL;
            if (result) {
                json_array_append_new(list,
                                      json_pack("{s:i, s:s, s:O, s:O, s:O*}", "fold", (int)fold + 1,
                                                "pretraining", recipe, "scans",
                                                json_object_get(result, "scans"), "retrieval",
                                                json_object_get(result, "retrieval"), "restoration",
                                                json_object_get(result, "restoration")));
            }
            json_decref(task);
        }
    }
    return list;
}

json_t *study_summarize(const study_config *config, const study_store *store)
{
    collection c;
    json_t *summary = NULL;
    if (collection_create(config, store, &c)) {
        study_walk(config, store, NULL, count_cell, &c);
        study_walk(config, store, NULL, add_cell, &c);
        const point *full =
            &c.points[arm_index(config, config->baseline) * c.budgets + c.budgets - 1];
        const double goal = mean_of(&full->dice) - 0.01;
        json_t *arms = json_array();
        const char *arm;
        json_t *spec;
        json_object_foreach((json_t *)(uintptr_t)config->arms, arm, spec)
        {
            json_array_append_new(arms, summarize_arm(&c, arm, goal, mean_of(&full->labels)));
        }
        summary =
            json_pack("{s:s, s:b, s:i, s:i, s:s, s:o, s:o, s:o, s:o, s:o}", "notice",
                      PROGRAM_NOTICE, "complete", c.done == c.all, "runs_done", c.done, "runs",
                      c.all, "baseline", config->baseline, "goal", program_json_number(goal),
                      "arms", arms, "headline", headline(&c), "choices",
                      list_choices(config, store), "pretraining", list_pretraining(config, store));
    }
    collection_free(&c);
    return summary;
}

/* ---- files ---- */

static fseg_status write_text(const char *folder, const char *name, char *text, fseg_error *error)
{
    char *path = study_store_path(folder, ".", name, "");
    const fseg_status status =
        text && path ? output_write_file(path, text, strlen(text), error)
                     : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    free(path);
    free(text);
    return status;
}

static char *results_csv(const study_config *config, const study_store *store)
{
    char *text = NULL;
    size_t length = 0;
    collection c = {.config = config, .store = store, .csv = open_memstream(&text, &length)};
    if (!c.csv) {
        return NULL;
    }
    fputs("fold,arm,budget,labels,subset,seed,pretraining,transfer,learning_rate,validation_dice,"
          "test_case,dice,hd95_mm,volume_ml,truth_ml\n",
          c.csv);
    study_walk(config, store, NULL, add_cell, &c);
    fclose(c.csv);
    return text;
}

static char *choices_csv(const json_t *summary)
{
    char *text = NULL;
    size_t length = 0, i;
    FILE *csv = open_memstream(&text, &length);
    if (!csv) {
        return NULL;
    }
    fputs("fold,arm,pretraining,transfer,learning_rate,validation_dice\n", csv);
    json_t *c;
    json_array_foreach(json_object_get(summary, "choices"), i, c)
    {
        fprintf(csv, "%d,%s,%s,%s,%g,%.6f\n", (int)value(c, "fold"),
                json_string_value(json_object_get(c, "arm")),
                json_string_value(json_object_get(c, "pretraining")),
                json_string_value(json_object_get(c, "transfer")), value(c, "learning_rate"),
                value(c, "validation_dice"));
    }
    fclose(csv);
    return text;
}

static char *pretraining_csv(const json_t *summary)
{
    char *text = NULL;
    size_t length = 0, i;
    FILE *csv = open_memstream(&text, &length);
    if (!csv) {
        return NULL;
    }
    fputs("fold,pretraining,scans,restoration_error,corrupted_error,smoothing_error,"
          "smoothing_sigma_px,retrieval_top1,untrained_top1,chance\n",
          csv);
    json_t *p;
    json_array_foreach(json_object_get(summary, "pretraining"), i, p)
    {
        const json_t *restoration = json_object_get(p, "restoration");
        const json_t *retrieval = json_object_get(p, "retrieval");
        fprintf(csv, "%d,%s,%d,", (int)value(p, "fold"),
                json_string_value(json_object_get(p, "pretraining")), (int)value(p, "scans"));
        if (restoration) {
            fprintf(csv, "%.6f,%.6f,%.6f,%.2f,", value(restoration, "network"),
                    value(restoration, "corrupted"), value(restoration, "smoothing"),
                    value(restoration, "sigma_px"));
        } else {
            fputs(",,,,", csv);
        }
        fprintf(csv, "%.4f,%.4f,%.4f\n", value(retrieval, "top1"), value(retrieval, "untrained"),
                value(retrieval, "chance"));
    }
    fclose(csv);
    return text;
}

fseg_status study_report(const study_config *config, const study_store *store, json_t *summary,
                         fseg_error *error)
{
    const char *folder = store->folder;
    char *path = study_store_path(folder, ".", "summary", ".json");
    fseg_status status = path ? output_write_json(path, json_incref(summary), error)
                              : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    free(path);
    if (status == FSEG_OK) {
        status = write_text(folder, "results.csv", results_csv(config, store), error);
    }
    if (status == FSEG_OK) {
        status = write_text(folder, "choices.csv", choices_csv(summary), error);
    }
    if (status == FSEG_OK) {
        status = write_text(folder, "pretraining.csv", pretraining_csv(summary), error);
    }
    if (status == FSEG_OK) {
        status = write_text(folder, "results.md", study_results_text(config, summary), error);
    }
    char *script = status == FSEG_OK ? study_plot_script(config, summary) : NULL;
    path = study_store_path(folder, ".", "plot", "");
    if (script && path && gnuplot_draw(script, path, error) != FSEG_OK) {
        program_warn("%s", error->message); /* tables are there, and --report draws later */
    }
    free(script);
    free(path);
    return status;
}
