/* frugalseg evaluate: a model against labelled cases. */
#include "case_images.h"
#include "evaluate_answer.h"
#include "input.h"
#include "program.h"
#include <stdio.h>
#include <string.h>

typedef struct evaluate_options {
    const char *model, *data, *only, *exclude;
    int label;
    answer_choice answer;
} evaluate_options;

/* Sums over the cases done. */
typedef struct evaluate_sums {
    size_t count;
    double dice, hd95_mm, volume_ml, truth_ml;
} evaluate_sums;

static void add_result(json_t *results, evaluate_sums *sums, const char *name,
                       const fseg_mask_agreement *agreement, double seconds, bool show)
{
    if (show) {
        if (sums->count == 0) {
            printf("%-24s %8s %9s %11s %11s %7s\n", "case", "Dice", "HD95 mm", "volume ml",
                   "truth ml", "s");
        }
        printf("%-24s %8.4f %9.1f %11.1f %11.1f %7.2f\n", name, agreement->dice, agreement->hd95_mm,
               agreement->volume_ml, agreement->truth_ml, seconds);
        fflush(stdout);
    }
    json_array_append_new(results, json_pack("{s:s, s:f, s:f, s:f, s:f, s:f}", "case", name, "dice",
                                             agreement->dice, "hd95_mm", agreement->hd95_mm,
                                             "volume_ml", agreement->volume_ml, "truth_ml",
                                             agreement->truth_ml, "seconds", seconds));
    sums->dice += agreement->dice;
    sums->hd95_mm += agreement->hd95_mm;
    sums->volume_ml += agreement->volume_ml;
    sums->truth_ml += agreement->truth_ml;
    sums->count++;
}

static json_t *mean_json(const evaluate_sums *sums)
{
    const double n = (double)sums->count;
    return sums->count == 0 ? json_null()
                            : json_pack("{s:f, s:f, s:f, s:f}", "dice", sums->dice / n, "hd95_mm",
                                        sums->hd95_mm / n, "volume_ml", sums->volume_ml / n,
                                        "truth_ml", sums->truth_ml / n);
}

/* Cases that cannot be used are named and give exit code 3 at the end: a mean over fewer cases
 * than expected must not pass unnoticed. */
static int show_result(const evaluate_options *options, const program_common *common,
                       const input_model *model, const evaluate_sums *sums, json_t *results,
                       json_t *failed)
{
    const bool complete = json_array_size(failed) == 0;
    if (common->json) {
        fseg_answer_options answer;
        fseg_error error;
        json_t *shown =
            json_pack("{s:s, s:{s:s, s:s, s:s}, s:O, s:o, s:O}", "notice", PROGRAM_NOTICE, "model",
                      "name", model->spec.name, "version", model->spec.version, "sha256",
                      model->sha256, "cases", results, "mean", mean_json(sums), "failed", failed);
        if (answer_is_chosen(&options->answer) &&
            answer_resolve(&options->answer, model->model, &answer, &error) == FSEG_OK) {
            json_object_set_new(shown, "answer", answer_json(&options->answer, &answer));
        }
        const int code = program_print_json(shown);
        return code != EXIT_OK ? code : complete ? EXIT_OK : EXIT_BAD_INPUT;
    }
    if (sums->count > 0) {
        const double n = (double)sums->count;
        printf("%-24s %8.4f %9.1f %11.1f %11.1f\n", "mean", sums->dice / n, sums->hd95_mm / n,
               sums->volume_ml / n, sums->truth_ml / n);
    }
    if (!complete) {
        fprintf(stderr, "frugalseg: %zu of the cases could not be evaluated; see above.\n",
                json_array_size(failed));
    }
    return complete ? EXIT_OK : EXIT_BAD_INPUT;
}

static bool is_wanted(const evaluate_options *options, const labelled_case *entry)
{
    return (!options->only || case_is_listed(options->only, entry)) &&
           !case_is_listed(options->exclude, entry);
}

static fseg_status evaluate_all(const evaluate_options *options, const program_common *common,
                                fseg_context *context, const input_model *model,
                                const case_list *cases, evaluate_sums *sums, json_t *results,
                                json_t *failed, fseg_error *error)
{
    for (size_t i = 0; i < cases->count; i++) {
        const labelled_case *entry = &cases->cases[i];
        if (!is_wanted(options, entry)) {
            continue;
        }
        if (program_interrupted()) {
            return fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.");
        }
        fseg_mask_agreement agreement;
        double seconds = 0;
        const fseg_status status =
            answer_is_chosen(&options->answer)
                ? answer_measure(context, model, entry, options->label, &options->answer, common,
                                 &agreement, &seconds, error)
                : case_measure(context, model->model, NULL, entry, options->label, common,
                               &agreement, &seconds, error);
        if (status == FSEG_ERROR_CANCELLED || status == FSEG_ERROR_OUT_OF_MEMORY) {
            return status;
        }
        if (status == FSEG_OK) {
            add_result(results, sums, entry->shown, &agreement, seconds, !common->json);
        } else {
            program_warn("Case '%s': %s", entry->shown, error->message);
            json_array_append_new(failed,
                                  json_pack("{s:s, s:s, s:s}", "case", entry->shown, "status",
                                            program_status_key(status), "message", error->message));
        }
    }
    return FSEG_OK;
}

static int evaluate(const evaluate_options *options, const program_common *common)
{
    fseg_context *context = NULL;
    input_model model = {0};
    case_list cases = {0};
    evaluate_sums sums = {0};
    json_t *results = json_array(), *failed = json_array();
    fseg_error error = {0};
    fseg_status status = case_list_scan(options->data, &cases, &error);
    if (status == FSEG_OK) {
        status = case_list_check_names(&cases, options->only, &error);
    }
    if (status == FSEG_OK) {
        status = case_list_check_names(&cases, options->exclude, &error);
    }
    if (status == FSEG_OK) {
        status = input_model_load(options->model, &model, &error);
    }
    if (status == FSEG_OK) {
        status = program_context(common, &context, &error);
    }
    if (status == FSEG_OK) {
        status =
            evaluate_all(options, common, context, &model, &cases, &sums, results, failed, &error);
    }
    const int code = status == FSEG_OK
                         ? show_result(options, common, &model, &sums, results, failed)
                         : program_fail_error(common, &error);
    json_decref(results);
    json_decref(failed);
    case_list_free(&cases);
    input_model_free(&model);
    fseg_context_free(context);
    return code;
}

static int run_evaluate(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    evaluate_options o = {.label = 1, .answer = answer_choice_none()};
    const program_option own[] = {
        {"model", OPTION_TEXT, &o.model, 0, 0, "MODEL", "a .fseg file or a name as liver-t2"},
        {"data", OPTION_TEXT, &o.data, 0, 0, "FOLDER", "NAME_image.nii.gz and NAME_label.nii.gz"},
        {"label", OPTION_INTEGER, &o.label, 1, 255, "N", "value of the structure (default 1)"},
        {"only", OPTION_TEXT, &o.only, 0, 0, "NAME,...", "just these cases"},
        {"exclude", OPTION_TEXT, &o.exclude, 0, 0, "NAME,...", "all but these cases"},
    };
    enum { OWN = sizeof own / sizeof *own };
    program_option options[OWN + ANSWER_OPTIONS];
    memcpy(options, own, sizeof own);
    answer_option_table(&o.answer, options + OWN);
    const parse_result parsed =
        program_parse(self, options, OWN + ANSWER_OPTIONS, 0, argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    if (!o.model || !o.data) {
        return program_usage(self, &common, "evaluate needs --model and --data.");
    }
    const int code = answer_check_options(self, &common, &o.answer);
    if (code != EXIT_OK) {
        return code;
    }
    return evaluate(&o, &common);
}

const program_command command_evaluate = {
    "evaluate",
    "compare a model with labelled cases: Dice, HD95",
    "--model MODEL --data FOLDER [--label N] [OPTION]...",
    "Dice and the 95th percentile of the surface distances are taken in 3D on the image's own "
    "grid.\n"
    "A case that cannot be used is named, and the exit code is then 3.\n"
    "How the network's answer becomes a mask is what the model's card says, unless an option says\n"
    "otherwise; with --store, comparing such ways runs the network once.",
    "  frugalseg evaluate --model liver-t2 --data cases --label 1\n"
    "  frugalseg evaluate --model liver-t2 --data cases --label 1 --json > result.json\n"
    "  frugalseg evaluate --model my.fseg --data cases --average smaller,larger --store answers\n"
    "  frugalseg evaluate --model my.fseg --data cases --shift dark",
    run_evaluate,
};
