/* The configuration of a study: read, and checked before anything is done. */
#include "study.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct checker {
    const char *path;
    fseg_error *error;
    fseg_status status;
} checker;

__attribute__((format(printf, 2, 3))) static void wrong(checker *c, const char *format, ...)
{
    if (c->status != FSEG_OK) {
        return; /* the first mistake is the one to report */
    }
    char text[360];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->status =
        fseg_error_set(c->error, FSEG_ERROR_BAD_INPUT, "The study '%.120s': %s", c->path, text);
}

/* Every key of `object` must be one of the space-separated `known`. */
static void check_keys(checker *c, const json_t *object, const char *where, const char *known)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const size_t length = strlen(key);
        bool found = false;
        for (const char *at = known; *at && !found;) {
            const size_t part = strcspn(at, " ");
            found = part == length && strncmp(at, key, length) == 0;
            at += part + (at[part] == ' ');
        }
        if (!found) {
            wrong(c, "%s has no setting '%.40s'; there are: %s.", where, key, known);
        }
    }
}

static double number(checker *c, const json_t *object, const char *key, double otherwise,
                     double low, double high)
{
    const json_t *value = json_object_get(object, key);
    if (!value) {
        if (isnan(otherwise)) {
            wrong(c, "'%s' is missing.", key);
        }
        return otherwise;
    }
    const double x = json_number_value(value);
    if (!json_is_number(value) || !(x >= low) || !(x <= high)) {
        wrong(c, "'%s' must be a number from %g to %g.", key, low, high);
    }
    return x;
}

static int whole(checker *c, const json_t *object, const char *key, double otherwise, int low,
                 int high)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_integer(value)) {
        wrong(c, "'%s' must be a whole number from %d to %d.", key, low, high);
    }
    const double x = number(c, object, key, otherwise, low, high);
    return c->status == FSEG_OK ? (int)x : low;
}

static void one_of(checker *c, const json_t *value, const char *key, const char *names)
{
    const char *name = json_string_value(value);
    char list[256];
    snprintf(list, sizeof list, " %s ", names);
    char wanted[64];
    snprintf(wanted, sizeof wanted, " %.60s ", name ? name : "?");
    if (value && (!name || !strstr(list, wanted))) {
        wrong(c, "'%s' must be one of: %s.", key, names);
    }
}

static void check_cases(checker *c, const study_config *s, const json_t *names, const char *what)
{
    size_t i;
    json_t *name;
    if (!json_is_array(names) || json_array_size(names) == 0) {
        wrong(c, "every fold needs a list '%s' of at least one case.", what);
        return;
    }
    json_array_foreach((json_t *)(uintptr_t)names, i, name)
    {
        const labelled_case *entry =
            json_is_string(name) ? study_find_case(s, json_string_value(name)) : NULL;
        if (!entry || !entry->label) {
            wrong(c, "there is no labelled case '%.60s' in its data folder.",
                  json_is_string(name) ? json_string_value(name) : "?");
        }
    }
}

static bool has_name(const json_t *names, const char *name)
{
    size_t i;
    json_t *entry;
    json_array_foreach((json_t *)(uintptr_t)names, i, entry)
    {
        if (strcmp(json_string_value(entry), name) == 0) {
            return true;
        }
    }
    return false;
}

/* The folds call the cases what logs may call them. */
static void hide_names(const study_config *s)
{
    static const char *const keys[] = {"test", "validation"};
    size_t f;
    json_t *fold, *name;
    json_array_foreach(s->folds, f, fold)
    {
        for (size_t k = 0; k < 2; k++) {
            size_t i;
            json_array_foreach(json_object_get(fold, keys[k]), i, name)
            {
                const labelled_case *entry = study_find_case(s, json_string_value(name));
                if (entry) {
                    json_string_set(name, entry->shown);
                }
            }
        }
    }
}

static void check_folds(checker *c, const study_config *s)
{
    if (!json_is_array(s->folds) || json_array_size(s->folds) == 0) {
        wrong(c, "'folds' must be a list of {\"test\": [...], \"validation\": [...]}.");
        return;
    }
    for (size_t f = 0; f < json_array_size(s->folds) && c->status == FSEG_OK; f++) {
        const json_t *fold = json_array_get(s->folds, f);
        if (!json_is_object(fold)) {
            wrong(c, "'folds' must be a list of {\"test\": [...], \"validation\": [...]}.");
            return;
        }
        check_keys(c, fold, "a fold", "test validation");
        check_cases(c, s, json_object_get(fold, "test"), "test");
        check_cases(c, s, json_object_get(fold, "validation"), "validation");
        if (c->status != FSEG_OK) {
            return;
        }
        for (size_t i = 0; i < s->cases.count; i++) {
            const char *name = s->cases.cases[i].name;
            if (has_name(json_object_get(fold, "test"), name) &&
                has_name(json_object_get(fold, "validation"), name)) {
                wrong(c,
                      "case '%.60s' is a test and a validation case of fold %zu; a case that "
                      "chooses cannot measure.",
                      name, f + 1);
            }
        }
        json_t *train = study_training_cases(s, f);
        if (json_array_size(train) == 0) {
            wrong(c, "fold %zu leaves no case to train on.", f + 1);
        }
        json_decref(train);
    }
}

static void check_budgets(checker *c, const study_config *s)
{
    if (!json_is_array(s->budgets) || json_array_size(s->budgets) == 0) {
        wrong(c, "'budgets' must be a list of numbers of labelled cases, and \"all\".");
    }
    for (size_t b = 0; b < json_array_size(s->budgets) && c->status == FSEG_OK; b++) {
        const json_t *budget = json_array_get(s->budgets, b);
        const char *text = json_string_value(budget);
        if (!(text && strcmp(text, "all") == 0) && !(json_integer_value(budget) >= 1)) {
            wrong(c, "'budgets' must be a list of numbers of labelled cases, and \"all\".");
        }
        for (size_t f = 0; f < json_array_size(s->folds) && c->status == FSEG_OK; f++) {
            json_t *train = study_training_cases(s, f);
            if (json_integer_value(budget) > (json_int_t)json_array_size(train)) {
                wrong(c, "a budget of %d labels is more than the %zu training cases of fold %zu.",
                      (int)json_integer_value(budget), json_array_size(train), f + 1);
            }
            json_decref(train);
        }
    }
}

static void check_numbers(checker *c, const json_t *list, const char *key, double low, double high)
{
    if (!json_is_array(list) || json_array_size(list) == 0) {
        wrong(c, "'%s' must be a list of numbers.", key);
    }
    size_t i;
    json_t *value;
    json_array_foreach((json_t *)(uintptr_t)list, i, value)
    {
        const double x = json_number_value(value);
        if (!json_is_number(value) || !(x >= low) || !(x <= high)) {
            wrong(c, "'%s' must hold numbers from %g to %g.", key, low, high);
        }
    }
}

static void check_recipes(checker *c, const study_config *s)
{
    const char *name;
    json_t *r;
    json_object_foreach((json_t *)(uintptr_t)s->pretraining, name, r)
    {
        if (!json_is_object(r)) {
            wrong(c, "the pretraining '%.40s' must be an object.", name);
            return;
        }
        check_keys(c, r, "a pretraining",
                   "loss corruption corruption_of patch contrast steps batch volumes partitions "
                   "temperature weight learning_rate after freeze_encoder");
        if (!json_object_get(r, "loss")) {
            wrong(c, "the pretraining '%.40s' needs 'loss'.", name);
        }
        one_of(c, json_object_get(r, "loss"), "loss", "regression contrastive both");
        one_of(c, json_object_get(r, "corruption"), "corruption",
               "masked-patches context-restoration models-genesis");
        one_of(c, json_object_get(r, "contrast"), "contrast",
               "simclr partition partition-pairs position local");
        (void)whole(c, r, "steps", 1000, 1, 10000000);
        (void)whole(c, r, "batch", 8, 1, 1024);
        (void)whole(c, r, "patch", 32, 2, s->size);
        (void)whole(c, r, "volumes", 3, 1, 256);
        (void)whole(c, r, "partitions", 4, 2, 64);
        (void)number(c, r, "temperature", 0.1, 0.001, 100);
        (void)number(c, r, "weight", 0.01, 0, 1000);
        (void)number(c, r, "learning_rate", 1e-3, 1e-8, 1);
        const json_t *after = json_object_get(r, "after");
        const json_t *of = json_object_get(r, "corruption_of");
        const char *previous = json_string_value(after);
        /* One level, so that there are no circles. */
        if (after && (!previous || !json_object_get(s->pretraining, previous) ||
                      json_object_get(json_object_get(s->pretraining, previous), "after"))) {
            wrong(c,
                  "the pretraining '%.40s' goes on after one that is not there, or that is "
                  "itself a second stage.",
                  name);
        }
        const json_t *arm =
            json_object_get(s->arms, json_is_string(of) ? json_string_value(of) : "");
        if (of && !json_object_get(arm, "pretraining")) {
            wrong(c, "'corruption_of' of '%.40s' must name an arm with a pretraining.", name);
        }
    }
}

/* A text or a list of texts. */
static size_t list_size(const json_t *value)
{
    return json_is_string(value) ? 1 : json_array_size(value);
}

static const char *list_entry(const json_t *value, size_t i)
{
    return json_string_value(json_is_string(value) ? value : json_array_get(value, i));
}

static void check_arms(checker *c, study_config *s)
{
    const char *name;
    json_t *arm;
    if (!json_is_object(s->arms)) {
        wrong(c, "'arms' must be an object: a name and what it does.");
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)s->arms, name, arm)
    {
        if (!json_is_object(arm)) {
            wrong(c, "the arm '%.40s' must be an object, {} for training from scratch.", name);
            return;
        }
        check_keys(c, arm, "an arm", "pretraining transfer");
        const json_t *recipes = json_object_get(arm, "pretraining");
        const json_t *transfer = json_object_get(arm, "transfer");
        if (!recipes && !s->baseline) {
            s->baseline = name;
        }
        if ((recipes && list_size(recipes) == 0) || (transfer && list_size(transfer) == 0)) {
            wrong(c, "'pretraining' and 'transfer' of the arm '%.40s' must be names.", name);
        }
        for (size_t i = 0; recipes && i < list_size(recipes); i++) {
            const char *recipe = list_entry(recipes, i);
            const json_t *spec = recipe ? json_object_get(s->pretraining, recipe) : NULL;
            const char *of = json_string_value(json_object_get(spec, "corruption_of"));
            if (!spec) {
                wrong(c, "the arm '%.40s' names the pretraining '%.40s', which is not there.", name,
                      recipe ? recipe : "?");
            } else if (of && strcmp(of, name) == 0) {
                wrong(c, "the arm '%.40s' takes its corruption from itself.", name);
            }
        }
        for (size_t i = 0; transfer && i < list_size(transfer); i++) {
            const char *what = list_entry(transfer, i);
            if (!what || (strcmp(what, "encoder") != 0 && strcmp(what, "encoder+decoder") != 0)) {
                wrong(c, "'transfer' must be encoder or encoder+decoder.");
            }
        }
    }
    if (!s->baseline) {
        wrong(c, "one arm must be {}: training from scratch is what the others are compared with.");
    }
}

static void check_unlabelled(checker *c, const study_config *s)
{
    if (s->unlabelled && !json_is_array(s->unlabelled)) {
        wrong(c, "'unlabelled' must be a list of {\"path\", \"weight\"}.");
    }
    for (size_t i = 0; i < json_array_size(s->unlabelled); i++) {
        const json_t *entry = json_array_get(s->unlabelled, i);
        if (!json_is_string(json_object_get(entry, "path"))) {
            wrong(c, "'unlabelled' must be a list of {\"path\", \"weight\"}.");
            return;
        }
        check_keys(c, entry, "an unlabelled folder", "path weight");
        (void)number(c, entry, "weight", 1, 1e-6, 1e6);
    }
}

static void check_choose(checker *c, const study_config *s)
{
    if (!json_is_object(s->choose)) {
        wrong(c, "'choose' must be an object: the budget and subset on which the validation case "
                 "chooses.");
        return;
    }
    check_keys(c, s->choose, "'choose'", "budget subset");
    const int budget = whole(c, s->choose, "budget", NAN, 1, 100000);
    (void)whole(c, s->choose, "subset", 1, 1, s->subsets);
    bool there = false;
    for (size_t b = 0; b < json_array_size(s->budgets); b++) {
        there = there || json_integer_value(json_array_get(s->budgets, b)) == budget;
    }
    if (!there) {
        wrong(c, "the budget of 'choose' must be one of 'budgets'.");
    }
}

static void read_settings(checker *c, study_config *s)
{
    check_keys(
        c, s->root, "a study",
        "data label unlabelled phantoms phantom_share size spacing_mm steps batch "
        "foreground precision learning_rates folds budgets subsets seeds choose pretraining arms");
    s->label = whole(c, s->root, "label", 1, 1, 255);
    s->size = whole(c, s->root, "size", NAN, 32, 2048);
    s->batch = whole(c, s->root, "batch", 8, 1, 1024);
    s->steps = whole(c, s->root, "steps", NAN, 1, 10000000);
    s->subsets = whole(c, s->root, "subsets", NAN, 1, 1000);
    s->phantoms = whole(c, s->root, "phantoms", 0, 0, 10000);
    s->spacing_mm = number(c, s->root, "spacing_mm", NAN, 0.05, 50);
    s->phantom_share = number(c, s->root, "phantom_share", 0.2, 0, 0.99);
    s->foreground = number(c, s->root, "foreground", 0.67, 0, 1);
    one_of(c, json_object_get(s->root, "precision"), "precision", "float32 bfloat16");
    s->precision = json_string_value(json_object_get(s->root, "precision"));
    s->precision = s->precision ? s->precision : "float32";
    s->folds = json_object_get(s->root, "folds");
    s->budgets = json_object_get(s->root, "budgets");
    s->seeds = json_object_get(s->root, "seeds");
    s->rates = json_object_get(s->root, "learning_rates");
    s->unlabelled = json_object_get(s->root, "unlabelled");
    s->choose = json_object_get(s->root, "choose");
    s->pretraining = json_object_get(s->root, "pretraining");
    s->arms = json_object_get(s->root, "arms");
    if (s->size % 32 != 0) {
        wrong(c, "'size' must be a multiple of 32.");
    }
    check_numbers(c, s->seeds, "seeds", 0, 1e9);
    check_numbers(c, s->rates, "learning_rates", 1e-8, 1);
}

fseg_status study_config_read(const char *path, study_config *out, fseg_error *error)
{
    *out = (study_config){0};
    checker c = {path, error, FSEG_OK};
    json_error_t detail;
    out->root = json_load_file(path, JSON_REJECT_DUPLICATES, &detail);
    const char *slash = strrchr(path, '/');
    out->folder = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
    if (!json_is_object(out->root)) {
        wrong(&c, "cannot be used: %.160s (line %d).",
              out->root ? "it is not a JSON object" : detail.text, detail.line);
    }
    const char *data = json_string_value(json_object_get(out->root, "data"));
    if (!data) {
        wrong(&c, "'data' must name the folder of the labelled cases.");
    }
    if (c.status == FSEG_OK) {
        read_settings(&c, out);
    }
    if (c.status == FSEG_OK) {
        out->data = study_config_path(out, data);
        c.status = out->data ? case_list_scan(out->data, &out->cases, error)
                             : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    if (c.status == FSEG_OK) {
        check_folds(&c, out);
        check_budgets(&c, out);
        check_arms(&c, out);
        check_recipes(&c, out);
        check_unlabelled(&c, out);
        check_choose(&c, out);
    }
    if (c.status == FSEG_OK) {
        hide_names(out);
        c.status = case_list_use_shown(&out->cases, error);
    }
    if (c.status != FSEG_OK) {
        study_config_free(out);
    }
    return c.status;
}

void study_config_free(study_config *config)
{
    json_decref(config->root);
    free(config->folder);
    free(config->data);
    case_list_free(&config->cases);
    *config = (study_config){0};
}

char *study_config_path(const study_config *config, const char *path)
{
    char *out = NULL;
    if (path[0] == '/') {
        return strdup(path);
    }
    return asprintf(&out, "%s/%s", config->folder, path) < 0 ? NULL : out;
}

const labelled_case *study_find_case(const study_config *config, const char *name)
{
    for (size_t i = 0; i < config->cases.count; i++) {
        if (strcmp(config->cases.cases[i].name, name) == 0) {
            return &config->cases.cases[i];
        }
    }
    return NULL;
}

json_t *study_training_cases(const study_config *config, size_t fold)
{
    const json_t *spec = json_array_get(config->folds, fold);
    json_t *names = json_array();
    for (size_t i = 0; i < config->cases.count; i++) {
        const labelled_case *entry = &config->cases.cases[i];
        if (entry->label && !has_name(json_object_get(spec, "test"), entry->name) &&
            !has_name(json_object_get(spec, "validation"), entry->name)) {
            json_array_append_new(names, json_string(entry->name));
        }
    }
    /* Fisher-Yates, of the fold alone. */
    fseg_random random = fseg_random_create(fold + 1, 0x535542);
    for (size_t i = json_array_size(names); i > 1; i--) {
        const size_t j = fseg_random_below(&random, (uint32_t)i);
        json_t *a = json_incref(json_array_get(names, i - 1));
        json_t *b = json_incref(json_array_get(names, j));
        json_array_set_new(names, i - 1, b);
        json_array_set_new(names, j, a);
    }
    return names;
}

json_t *study_subset(const study_config *config, size_t fold, size_t count, int subset)
{
    json_t *order = study_training_cases(config, fold);
    const size_t all = json_array_size(order);
    const size_t first = all * (size_t)subset / (size_t)config->subsets;
    json_t *out = json_array();
    for (size_t i = 0; i < count && i < all; i++) {
        json_array_append(out, json_array_get(order, (first + i) % all));
    }
    json_decref(order);
    return out;
}

size_t study_budget(const study_config *config, size_t fold, size_t index)
{
    const json_t *budget = json_array_get(config->budgets, index);
    json_t *order = study_training_cases(config, fold);
    const size_t all = json_array_size(order);
    json_decref(order);
    return json_is_string(budget) ? all : (size_t)json_integer_value(budget);
}

bool study_budget_is_all(const study_config *config, size_t fold, size_t index)
{
    (void)fold;
    return json_is_string(json_array_get(config->budgets, index));
}
