/* What a study has to do next: the grid, the choices on validation cases, what depends on what. */
#include "study.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Raised when the meaning of a task changes: results of older studies then no longer count. */
#define STUDY_VERSION "0.1.0"

/* A text or a list of texts. */
static size_t list_size(const json_t *value)
{
    return json_is_string(value) ? 1 : json_array_size(value);
}

static const char *list_entry(const json_t *value, size_t i)
{
    return json_string_value(json_is_string(value) ? value : json_array_get(value, i));
}

static json_t *copy_of(const json_t *object, const char *key)
{
    return json_deep_copy(json_object_get(object, key));
}

static void set(json_t *task, const char *key, json_t *value)
{
    if (value) {
        json_object_set_new(task, key, value);
    }
}

/* Append `task` to `wanted` (may be null) unless it is there. */
static void want(json_t *wanted, json_t *task)
{
    size_t i;
    json_t *other;
    json_array_foreach(wanted, i, other)
    {
        if (json_equal(other, task)) {
            return;
        }
    }
    json_array_append(wanted, task);
}

/* What every task of the study shares. */
static json_t *new_task(const study_config *config, const char *kind, size_t fold)
{
    const json_t *spec = json_array_get(config->folds, fold);
    return json_pack("{s:s, s:s, s:s, s:i, s:f, s:o, s:o}", "kind", kind, "precision",
                     config->precision, "version", STUDY_VERSION, "size", config->size,
                     "spacing_mm", config->spacing_mm, "test", copy_of(spec, "test"), "validation",
                     copy_of(spec, "validation"));
}

/* ---- pretraining ---- */

json_t *study_pretraining_task(const study_config *config, const study_store *store, size_t fold,
                               const char *recipe, json_t *wanted)
{
    const json_t *r = json_object_get(config->pretraining, recipe);
    const char *after = json_string_value(json_object_get(r, "after"));
    const char *of = json_string_value(json_object_get(r, "corruption_of"));
    char *previous = NULL;
    study_choice chosen = {0};
    if (of && !study_choose(config, store, fold, of, wanted, &chosen)) {
        return NULL;
    }
    if (after) {
        json_t *first = study_pretraining_task(config, store, fold, after, wanted);
        previous = first ? study_key(first) : NULL;
        json_decref(first);
        if (!previous) {
            return NULL;
        }
    }
    json_t *task = new_task(config, "pretraining", fold);
    json_t *train = study_training_cases(config, fold);
    set(task, "recipe", json_deep_copy(r));
    json_object_del(json_object_get(task, "recipe"), "corruption_of");
    if (of) {
        const json_t *from = json_object_get(config->pretraining, chosen.recipe);
        set(json_object_get(task, "recipe"), "corruption", copy_of(from, "corruption"));
        set(json_object_get(task, "recipe"), "patch", copy_of(from, "patch"));
    }
    if (previous) {
        set(json_object_get(task, "recipe"), "after", json_string(previous));
    }
    free(previous);
    set(task, "cases", train);
    set(task, "label", json_integer(config->label));
    set(task, "unlabelled", json_deep_copy(config->unlabelled));
    set(task, "phantoms", json_integer(config->phantoms));
    set(task, "phantom_share", json_real(config->phantom_share));
    /* One pretraining serves all seeds of a fold. */
    set(task, "seed", json_integer(json_integer_value(json_array_get(config->seeds, 0))));
    return task;
}

/* Whether the model of a recipe is there; if not, it is wanted, or what comes before it. A result
 * without its model, as a study leaves it that was moved without its models, is made once more. */
static bool has_pretraining(const study_config *config, const study_store *store, size_t fold,
                            const char *recipe, json_t *wanted)
{
    const json_t *r = json_object_get(config->pretraining, recipe);
    const char *after = json_string_value(json_object_get(r, "after"));
    json_t *task = study_pretraining_task(config, store, fold, recipe, wanted);
    if (!task) {
        return false;
    }
    const bool there = study_store_result(store, task) && study_store_has_model(store, task);
    if (!there && (!after || has_pretraining(config, store, fold, after, wanted))) {
        want(wanted, task);
    }
    json_decref(task);
    return there;
}

/* ---- fine-tuning ---- */

typedef struct finetuning {
    size_t fold, count;
    int subset;
    json_int_t seed;
    const char *recipe, *transfer; /* null: from scratch */
    double rate;
} finetuning;

/* New, or null while it is not known what its pretraining will be. */
static json_t *finetune_task(const study_config *config, const study_store *store,
                             const finetuning *f, json_t *wanted)
{
    char *initial = NULL;
    if (f->recipe) {
        json_t *first = study_pretraining_task(config, store, f->fold, f->recipe, wanted);
        initial = first ? study_key(first) : NULL;
        json_decref(first);
        if (!initial) {
            return NULL;
        }
    }
    json_t *task = new_task(config, "finetune", f->fold);
    set(task, "cases", study_subset(config, f->fold, f->count, f->subset));
    set(task, "label", json_integer(config->label));
    set(task, "steps", json_integer(config->steps));
    set(task, "batch", json_integer(config->batch));
    set(task, "foreground", json_real(config->foreground));
    set(task, "learning_rate", json_real(f->rate));
    /* Arms meet the same batches: the seed is that of the cell. */
    set(task, "seed",
        json_integer(f->seed * 1000003 + (json_int_t)f->fold * 1009 + (json_int_t)f->subset));
    if (initial) {
        set(task, "initial", json_string(initial));
        set(task, "transfer", json_string(f->transfer));
    }
    free(initial);
    return task;
}

/* The result of the task, or null; then it is wanted, or what comes before it. */
static const json_t *finetune_result(const study_config *config, const study_store *store,
                                     const finetuning *f, json_t *task, json_t *wanted)
{
    const json_t *result = study_store_result(store, task);
    if (!result && wanted &&
        (!f->recipe || has_pretraining(config, store, f->fold, f->recipe, wanted))) {
        want(wanted, task);
    }
    return result;
}

/* The validation Dice of a candidate, or false while it is not there. */
static bool candidate_dice(const study_config *config, const study_store *store, size_t fold,
                           const study_choice *candidate, json_t *wanted, double *dice)
{
    const finetuning f = {
        .fold = fold,
        .count = (size_t)json_integer_value(json_object_get(config->choose, "budget")),
        .subset = json_object_get(config->choose, "subset")
                      ? (int)json_integer_value(json_object_get(config->choose, "subset")) - 1
                      : 0,
        .seed = json_integer_value(json_array_get(config->seeds, 0)),
        .recipe = candidate->recipe,
        .transfer = candidate->transfer,
        .rate = candidate->rate};
    json_t *task = finetune_task(config, store, &f, wanted);
    const json_t *result = task ? finetune_result(config, store, &f, task, wanted) : NULL;
    *dice = json_number_value(json_object_get(result, "validation_dice"));
    json_decref(task);
    return result != NULL;
}

bool study_choose(const study_config *config, const study_store *store, size_t fold,
                  const char *arm, json_t *wanted, study_choice *out)
{
    const json_t *spec = json_object_get(config->arms, arm);
    const json_t *recipes = json_object_get(spec, "pretraining");
    const json_t *transfers = json_object_get(spec, "transfer");
    const size_t recipe_count = recipes ? list_size(recipes) : 1;
    const size_t transfer_count = recipes && transfers ? list_size(transfers) : 1;
    const size_t rate_count = json_array_size(config->rates);
    bool decided = true;
    study_choice best = {.validation_dice = -1};
    /* First what to start from, at the first learning rate; then the rate of that start. */
    for (size_t i = 0; i < recipe_count * transfer_count; i++) {
        study_choice c = {.rate = json_number_value(json_array_get(config->rates, 0))};
        if (recipes) {
            c.recipe = list_entry(recipes, i / transfer_count);
            c.transfer = transfers ? list_entry(transfers, i % transfer_count) : "encoder";
        }
        const bool alone = recipe_count * transfer_count == 1 && rate_count == 1;
        if (alone) {
            best = c;
        } else if (!candidate_dice(config, store, fold, &c, wanted, &c.validation_dice)) {
            decided = false;
        } else if (c.validation_dice > best.validation_dice) {
            best = c;
        }
    }
    const study_choice start = best;
    for (size_t r = 1; decided && r < rate_count; r++) {
        study_choice c = start;
        c.rate = json_number_value(json_array_get(config->rates, r));
        if (!candidate_dice(config, store, fold, &c, wanted, &c.validation_dice)) {
            decided = false;
            /* The remaining rates may run at the same time. */
            for (size_t more = r + 1; more < rate_count; more++) {
                double unused;
                c.rate = json_number_value(json_array_get(config->rates, more));
                (void)candidate_dice(config, store, fold, &c, wanted, &unused);
            }
        } else if (c.validation_dice > best.validation_dice) {
            best = c;
        }
    }
    *out = best;
    return decided;
}

/* ---- the grid ---- */

void study_walk(const study_config *config, const study_store *store, json_t *wanted,
                study_visit *visit, void *user)
{
    for (size_t fold = 0; fold < json_array_size(config->folds); fold++) {
        for (int subset = 0; subset < config->subsets; subset++) {
            for (size_t seed = 0; seed < json_array_size(config->seeds); seed++) {
                for (size_t budget = 0; budget < json_array_size(config->budgets); budget++) {
                    if (subset > 0 && study_budget_is_all(config, fold, budget)) {
                        continue;
                    }
                    const char *arm;
                    json_t *spec;
                    json_object_foreach((json_t *)(uintptr_t)config->arms, arm, spec)
                    {
                        study_cell cell = {fold, budget, subset, seed, arm, {0}, NULL};
                        json_t *task = NULL;
                        if (study_choose(config, store, fold, arm, wanted, &cell.choice)) {
                            const finetuning f = {
                                fold,
                                study_budget(config, fold, budget),
                                subset,
                                json_integer_value(json_array_get(config->seeds, seed)),
                                cell.choice.recipe,
                                cell.choice.transfer,
                                cell.choice.rate};
                            task = finetune_task(config, store, &f, wanted);
                            if (task) {
                                (void)finetune_result(config, store, &f, task, wanted);
                            }
                        }
                        cell.task = task;
                        if (visit) {
                            visit(user, &cell);
                        }
                        json_decref(task);
                    }
                }
            }
        }
    }
}
