/* What a study found, in words, tables and a picture. */
#include "study.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double value(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* "0.812", or a dash for what is not there yet. */
static const char *show(double x, int digits, char *out, size_t size)
{
    if (isfinite(x)) {
        snprintf(out, size, "%.*f", digits, x);
    } else {
        snprintf(out, size, "-");
    }
    return out;
}
#define SHOW(x, digits) show(x, digits, (char[32]){0}, 32)

/* p-values of few subjects cannot be small; three digits are enough. */
static const char *show_p(double p, char *out, size_t size)
{
    if (!isfinite(p)) {
        return "-";
    }
    snprintf(out, size, p < 0.001 ? "< 0.001" : "%.3f", p);
    return out;
}
#define SHOW_P(p) show_p(p, (char[32]){0}, 32)

static void print_headline(FILE *out, const json_t *summary)
{
    const json_t *h = json_object_get(summary, "headline");
    const char *baseline = text_of(summary, "baseline");
    fprintf(out, "%d of %d runs are done%s.\n", (int)value(summary, "runs_done"),
            (int)value(summary, "runs"),
            json_is_true(json_object_get(summary, "complete"))
                ? ""
                : "; what follows counts only cells that every arm has finished");
    if (!json_is_object(h)) {
        fputs("There is no comparison yet.\n", out);
        return;
    }
    const json_t *d = json_object_get(h, "difference");
    const double gap = value(h, "dice") - value(h, "baseline");
    fprintf(
        out, "\n%s with %.0f labels: Dice %.3f. %s with all %.0f labels: %.3f; with %.0f: %.3f.\n",
        text_of(h, "arm"), value(h, "labels"), value(h, "dice"), baseline, value(h, "all_labels"),
        value(h, "baseline"), value(h, "labels"), value(h, "same_labels_baseline"));
    if (gap >= -0.01) {
        fprintf(out,
                "So %s with %.0f %% of the labels comes within 0.01 of, or exceeds, %s with all of "
                "them",
                text_of(h, "arm"), 100 * value(h, "labels") / value(h, "all_labels"), baseline);
    } else {
        fprintf(out,
                "So %s with %.0f %% of the labels stays %.3f below %s with all of them: the aim of "
                "equal Dice is missed",
                text_of(h, "arm"), 100 * value(h, "labels") / value(h, "all_labels"), -gap,
                baseline);
    }
    fprintf(out, " (paired over %.0f test subjects: mean difference %+.3f, Wilcoxon p %s).\n",
            value(d, "subjects"), value(d, "mean"), SHOW_P(value(d, "p")));
    if (gap >= -0.01 && value(h, "same_labels_baseline") >= value(h, "baseline") - 0.01) {
        fprintf(out,
                "So does %s itself with these labels: this is not what pretraining saves; compare "
                "the arms' savings.\n",
                baseline);
    }
    size_t i;
    json_t *arm;
    json_array_foreach(json_object_get(summary, "arms"), i, arm)
    {
        const double saving = value(arm, "label_saving");
        if (isfinite(saving)) {
            fprintf(out,
                    "%s: %.1f labels for the Dice of %s with all labels minus 0.01, a label "
                    "saving of %.0f %%.\n",
                    text_of(arm, "arm"), value(arm, "labels_needed"), baseline, 100 * saving);
        } else {
            fprintf(out, "%s: does not reach the Dice of %s with all labels minus 0.01.\n",
                    text_of(arm, "arm"), baseline);
        }
    }
}

char *study_headline(const study_config *config, const json_t *summary)
{
    (void)config;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out) {
        return NULL;
    }
    print_headline(out, summary);
    fprintf(out, "\n%s\n", PROGRAM_NOTICE);
    fclose(out);
    return text;
}

/* ---- results.md ---- */

static void print_budget_row(FILE *out, const json_t *summary)
{
    const json_t *arm = json_array_get(json_object_get(summary, "arms"), 0);
    size_t b;
    json_t *p;
    json_array_foreach(json_object_get(arm, "budgets"), b, p)
    {
        const char *name = text_of(p, "budget");
        if (strcmp(name, "all") == 0 && isfinite(value(p, "labels"))) {
            fprintf(out, " all (%.0f) |", value(p, "labels"));
        } else {
            fprintf(out, " %s |", name);
        }
    }
    fputs("\n|---|", out);
    for (size_t i = 0; i < json_array_size(json_object_get(arm, "budgets")); i++) {
        fputs("---|", out);
    }
}

static void print_dice(FILE *out, const json_t *summary)
{
    size_t i, b;
    json_t *arm, *p;
    fputs("\n## Dice on the test cases\n\nMean and standard deviation over runs; each run is the "
          "mean of its fold's test cases, in 3D on\ntheir own grids.\n\n| labelled cases |",
          out);
    print_budget_row(out, summary);
    json_array_foreach(json_object_get(summary, "arms"), i, arm)
    {
        fprintf(out, "\n| %s |", text_of(arm, "arm"));
        json_array_foreach(json_object_get(arm, "budgets"), b, p)
        {
            fprintf(out, " %s", SHOW(value(p, "dice"), 3));
            if (isfinite(value(p, "sd"))) { /* not of a single run */
                fprintf(out, " ± %s", SHOW(value(p, "sd"), 3));
            }
            fputs(" |", out);
        }
    }
    const json_t *first = json_array_get(json_object_get(summary, "arms"), 0);
    fputs("\n| runs |", out);
    json_array_foreach(json_object_get(first, "budgets"), b, p)
    {
        fprintf(out, " %d |", (int)value(p, "runs"));
    }
    fputs("\n", out);
}

static void print_differences(FILE *out, const json_t *summary)
{
    size_t i, b;
    json_t *arm, *p;
    fprintf(out,
            "\n## Against %s with as many labels\n\nMean difference of Dice over the test "
            "subjects, each averaged over its runs, and the exact two-sided\np of Wilcoxon's "
            "signed-rank test. No correction for the number of comparisons.\n\n| labelled cases |",
            text_of(summary, "baseline"));
    print_budget_row(out, summary);
    json_array_foreach(json_object_get(summary, "arms"), i, arm)
    {
        if (strcmp(text_of(arm, "arm"), text_of(summary, "baseline")) == 0) {
            continue;
        }
        fprintf(out, "\n| %s |", text_of(arm, "arm"));
        json_array_foreach(json_object_get(arm, "budgets"), b, p)
        {
            const json_t *d = json_object_get(p, "against_baseline");
            if (json_is_object(d)) {
                fprintf(out, " %+.3f (p %s) |", value(d, "mean"), SHOW_P(value(d, "p")));
            } else {
                fputs(" - |", out);
            }
        }
    }
    fputs("\n", out);
}

static void print_distances(FILE *out, const json_t *summary)
{
    size_t i, b;
    json_t *arm, *p;
    fputs("\n## Surface distance (HD95, mm)\n\n| labelled cases |", out);
    print_budget_row(out, summary);
    json_array_foreach(json_object_get(summary, "arms"), i, arm)
    {
        fprintf(out, "\n| %s |", text_of(arm, "arm"));
        json_array_foreach(json_object_get(arm, "budgets"), b, p)
        {
            fprintf(out, " %s |", SHOW(value(p, "hd95_mm"), 1));
        }
    }
    fputs("\n", out);
}

static void print_choices(FILE *out, const json_t *summary)
{
    size_t i;
    json_t *c;
    fputs(
        "\n## What each arm chose on the validation case\n\n| fold | arm | pretraining | transfer "
        "| learning rate | validation Dice |\n|---|---|---|---|---|---|\n",
        out);
    json_array_foreach(json_object_get(summary, "choices"), i, c)
    {
        fprintf(out, "| %d | %s | %s | %s | %g | %s |\n", (int)value(c, "fold"), text_of(c, "arm"),
                *text_of(c, "pretraining") ? text_of(c, "pretraining") : "none",
                *text_of(c, "transfer") ? text_of(c, "transfer") : "none",
                value(c, "learning_rate"), SHOW(value(c, "validation_dice"), 3));
    }
}

static void print_pretraining(FILE *out, const json_t *summary)
{
    size_t i;
    json_t *p;
    fputs(
        "\n## What pretraining learned, on the test cases' images (never in its pool)\n\n"
        "Restoration: mean squared error on the corrupted pixels, against the corrupted image and "
        "the best of\n20 Gaussian smoothings. Retrieval: share of slices whose most similar "
        "slice of another subject lies in\nthe same quarter of the volume, against an untrained "
        "encoder and chance.\n\n| fold | pretraining | restored | corrupted | best smoothing | "
        "retrieval | untrained | chance |\n|---|---|---|---|---|---|---|---|\n",
        out);
    json_array_foreach(json_object_get(summary, "pretraining"), i, p)
    {
        const json_t *r = json_object_get(p, "restoration"), *t = json_object_get(p, "retrieval");
        fprintf(out, "| %d | %s | %s | %s | %s | %s | %s | %s |\n", (int)value(p, "fold"),
                text_of(p, "pretraining"), SHOW(value(r, "network"), 4),
                SHOW(value(r, "corrupted"), 4), SHOW(value(r, "smoothing"), 4),
                SHOW(value(t, "top1"), 3), SHOW(value(t, "untrained"), 3),
                SHOW(value(t, "chance"), 2));
    }
}

char *study_results_text(const study_config *config, const json_t *summary)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out) {
        return NULL;
    }
    fputs("# Results\n\nWritten by `frugalseg study`; not edited by hand. " PROGRAM_NOTICE "\n\n",
          out);
    print_headline(out, summary);
    print_dice(out, summary);
    print_differences(out, summary);
    print_distances(out, summary);
    print_choices(out, summary);
    print_pretraining(out, summary);
    fprintf(out,
            "\nSettings: %d steps of %d slices of %d x %d pixels at %.2f mm, %zu folds, %d "
            "subsets.\n",
            config->steps, config->batch, config->size, config->size, config->spacing_mm,
            json_array_size(config->folds), config->subsets);
    fclose(out);
    return text;
}

/* ---- the plot ---- */

char *study_plot_script(const study_config *config, const json_t *summary)
{
    static const char *const colours[] = {"#000000", "#1f77b4", "#ff7f0e", "#2ca02c",
                                          "#d62728", "#9467bd", "#8c564b", "#e377c2"};
    const size_t arms = json_object_size(config->arms);
    char *text = NULL;
    size_t length = 0, i, b, drawn = 0;
    FILE *out = open_memstream(&text, &length);
    json_t *arm, *p;
    if (!out) {
        return NULL;
    }
    double least = 1;
    json_array_foreach(json_object_get(summary, "arms"), i, arm)
    {
        fprintf(out, "$arm%zu << EOD\n", i);
        json_array_foreach(json_object_get(arm, "budgets"), b, p)
        {
            const double labels = value(p, "labels"), dice = value(p, "dice"),
                         sd = isfinite(value(p, "sd")) ? value(p, "sd") : 0;
            if (isfinite(dice)) {
                /* Side by side, so that bars can be told apart. */
                const double shift = 1 + 0.012 * ((double)i - 0.5 * (double)(arms - 1));
                fprintf(out, "%.5f %.6f %.6f\n", labels * shift, dice, sd);
                least = fmin(least, dice - sd);
                drawn++;
            }
        }
        fputs("EOD\n", out);
    }
    fprintf(out,
            "set logscale x 2\nset xlabel 'labelled cases'\nset ylabel 'Dice on the test cases'\n"
            "set grid\nset key bottom right\nset yrange [%.2f:1]\nset xtics (",
            floor(fmax(least, 0) * 10) / 10);
    const json_t *first = json_array_get(json_object_get(summary, "arms"), 0);
    double widest = 1;
    bool comma = false;
    json_array_foreach(json_object_get(first, "budgets"), b, p)
    {
        const double labels = value(p, "labels");
        if (isfinite(labels)) {
            const bool all = strcmp(text_of(p, "budget"), "all") == 0;
            fprintf(out, "%s\"%s%.0f\" %.3f", comma ? ", " : "", all ? "\\n" : "", labels, labels);
            widest = fmax(widest, labels);
            comma = true;
        }
    }
    fprintf(out, ")\nset xrange [0.9:%.2f]\nplot ", widest * 1.15);
    for (i = 0; i < arms; i++) {
        arm = json_array_get(json_object_get(summary, "arms"), i);
        fprintf(out,
                "%s$arm%zu using 1:2:3 with yerrorbars lw 1.5 pt 7 ps 0.6 lc rgb '%s' notitle, "
                "$arm%zu using 1:2 with lines lw 2 lc rgb '%s' title '%s'",
                i ? ", " : "", i, colours[i % 8], i, colours[i % 8], text_of(arm, "arm"));
    }
    fputs("\n", out);
    fclose(out);
    if (drawn == 0) {
        free(text);
        return NULL;
    }
    return text;
}
