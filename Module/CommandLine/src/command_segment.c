/* frugalseg segment: a mask, a DICOM SEG and a report from an image. */
#include "evaluate_answer.h"
#include "frugalseg/frugalseg.h"
#include "input.h"
#include "output.h"
#include "program.h"
#include "seg_output.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MASK_NAME "mask.nii.gz"
#define SEG_NAME "segmentation.dcm"
#define REPORT_NAME "report.json"

typedef struct segment_options {
    const char *model, *in, *out, *truth;
    input_choice choice;
    int truth_label;
    answer_choice answer;
    seg_output_words seg;
} segment_options;

/* One run; segment_free releases what it holds. */
typedef struct segment_run {
    const segment_options *options;
    const program_common *common;
    fseg_context *context;
    input_model model;
    input_image image;
    fseg_mask *truth; /* null unless given */
    fseg_mask *mask;
    fseg_answer_options answer; /* the card's, or what was chosen */
    fseg_segment_report report;
    fseg_seg_report seg_report;
    size_t predicted; /* bytes besides the image */
    bool compared;
    fseg_mask_agreement agreement;
    output_folder folder;
    const char *results[3]; /* names of the files written */
    size_t result_count;
    double started, read_s, write_s;
} segment_run;

static void segment_free(segment_run *run)
{
    output_folder_close(&run->folder);
    fseg_mask_free(run->mask);
    fseg_mask_free(run->truth);
    input_image_free(&run->image);
    input_model_free(&run->model);
    fseg_context_free(run->context);
}

static json_t *warnings_json(const fseg_segment_report *report)
{
    json_t *warnings = json_array();
    for (int i = 0; i < report->warning_count; i++) {
        json_array_append_new(warnings, json_string(report->warnings[i]));
    }
    return warnings;
}

static json_t *input_json(const input_image *image)
{
    const fseg_geometry *geometry = &image->volume->geometry;
    double spacing[3];
    fseg_geometry_spacing(geometry, spacing);
    const fseg_series_info *series =
        image->series ? fseg_series_list_info(image->series, image->index) : NULL;
    json_t *input =
        json_pack("{s:s, s:s, s:s, s:[I, I, I], s:[f, f, f]}", "kind", series ? "dicom" : "file",
                  "id_sha256", image->id, "modality", image->volume->modality, "size",
                  (json_int_t)geometry->size[0], (json_int_t)geometry->size[1],
                  (json_int_t)geometry->size[2], "spacing_mm", spacing[0], spacing[1], spacing[2]);
    if (input && series && series->volumes > 1) {
        json_object_set_new(input, "volume", json_integer((json_int_t)series->volume));
        json_object_set_new(input, "volumes", json_integer((json_int_t)series->volumes));
        json_object_set_new(input, "volume_label", json_string(series->label));
    }
    return input;
}

/* The report: no names, identifiers, dates or paths. */
static json_t *report_json(const segment_run *run)
{
    json_t *outputs = json_array();
    for (size_t i = 0; i < run->result_count; i++) {
        json_array_append_new(outputs, json_string(run->results[i]));
    }
    const fseg_verdict verdict =
        run->image.series ? fseg_series_list_info(run->image.series, run->image.index)->verdict
                          : FSEG_VERDICT_OK;
    json_t *report = json_pack(
        "{s:s, s:s, s:{s:s, s:s, s:s, s:s}, s:o, s:s, s:{s:f, s:o}, s:{s:f, s:f, s:f, s:f, s:f, "
        "s:f}, s:{s:I, s:I, s:I}, s:{s:i, s:s}, s:o, s:o}",
        "program", "frugalseg " FSEG_VERSION, "notice", PROGRAM_NOTICE, "model", "name",
        run->model.spec.name, "version", run->model.spec.version, "structure",
        run->model.spec.structure, "sha256", run->model.sha256, "input", input_json(&run->image),
        "verdict", fseg_verdict_name(verdict), "result", "volume_ml", run->report.volume_ml,
        "mean_entropy_bits", program_json_number(run->report.mean_entropy), "seconds", "read",
        run->read_s, "prepare", run->report.prepare_s, "network", run->report.network_s, "restore",
        run->report.restore_s, "write", run->write_s, "total", program_seconds() - run->started,
        "memory_bytes", "network", (json_int_t)run->report.network_bytes, "predicted",
        (json_int_t)run->predicted, "peak", (json_int_t)program_peak_memory(), "processor",
        "threads", fseg_context_threads(run->context), "kernels",
        fseg_isa_name(fseg_context_isa(run->context)), "warnings", warnings_json(&run->report),
        "outputs", outputs);
    if (report && run->answer.views) {
        json_object_set_new(report, "answer", answer_json(&run->options->answer, &run->answer));
    }
    if (report && run->compared) {
        json_object_set_new(report, "agreement",
                            json_pack("{s:f, s:f, s:f}", "dice", run->agreement.dice, "hd95_mm",
                                      run->agreement.hd95_mm, "truth_ml", run->agreement.truth_ml));
    }
    if (report) {
        json_object_set_new(report, "source_notes", seg_output_notes_json(&run->seg_report));
    }
    if (report && verdict != FSEG_VERDICT_OK) {
        json_object_set_new(
            report, "verdict_reason",
            json_string(fseg_series_list_info(run->image.series, run->image.index)->reason));
    }
    return report;
}

/* What the segmentation will take besides the image; said when it is not a matter of course. */
static fseg_status announce_memory(segment_run *run, fseg_error *error)
{
    const size_t worth_saying = (size_t)512 << 20;
    const fseg_status status = fseg_segment_volume_answer_memory(
        run->model.model, &run->image.volume->geometry, 0, &run->answer, &run->predicted, error);
    if (status == FSEG_OK && run->predicted >= worth_saying && !run->common->quiet) {
        fprintf(stderr, "frugalseg: up to %zu MB of memory are needed besides the image\n",
                run->predicted >> 20);
    }
    return status;
}

/* Results of an earlier run are replaced, but not what a person corrected of them; and options are
 * checked before the long part. */
static fseg_status require_correction_kept(segment_run *run, fseg_error *error)
{
    fseg_seg_options unused = {0};
    char *path = NULL;
    fseg_status status = seg_output_apply(&run->options->seg, &unused, error);
    if (status == FSEG_OK && asprintf(&path, "%s/" SEG_NAME, run->folder.path) < 0) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    if (status == FSEG_OK) {
        status = seg_output_require_kept(path, error);
    }
    free(path);
    return status;
}

static void add_warning(segment_run *run, const char *text)
{
    const int room = (int)(sizeof run->report.warnings / sizeof *run->report.warnings);
    if (run->report.warning_count < room) {
        snprintf(run->report.warnings[run->report.warning_count++], sizeof *run->report.warnings,
                 "%s", text);
    }
}

/* That something was done to the geometry must not be overlooked. */
static void warn_of_geometry(segment_run *run)
{
    const fseg_series_info *series =
        run->image.series ? fseg_series_list_info(run->image.series, run->image.index) : NULL;
    if (series && series->verdict == FSEG_VERDICT_REGULARIZED) {
        char sentence[sizeof *run->report.warnings];
        snprintf(sentence, sizeof sentence, "The geometry was made regular: %.*s.",
                 (int)sizeof sentence - 40, series->reason);
        add_warning(run, sentence);
    }
}

static fseg_status compute(segment_run *run, fseg_error *error)
{
    const segment_options *options = run->options;
    program_progress progress;
    program_progress_start(&progress, run->common, "segment");
    fseg_status status = input_model_load(options->model, &run->model, error);
    if (status == FSEG_OK) {
        status = program_context(run->common, &run->context, error);
    }
    const double read_start = program_seconds();
    if (status == FSEG_OK) {
        status =
            input_image_read(options->in, &options->choice, &progress.progress, &run->image, error);
    }
    run->read_s = program_seconds() - read_start;
    /* Truth and output folder before the long part: a wrong one is found at once. */
    if (status == FSEG_OK && options->truth) {
        status = fseg_mask_read(options->truth, options->truth_label, &run->truth, error);
    }
    if (status == FSEG_OK) {
        status = output_folder_open(options->out, &run->folder, error);
    }
    if (status == FSEG_OK) {
        status = require_correction_kept(run, error);
    }
    if (status == FSEG_OK) {
        status = answer_resolve(&options->answer, run->model.model, &run->answer, error);
    }
    if (status == FSEG_OK) {
        status = announce_memory(run, error);
    }
    if (status == FSEG_OK) {
        fseg_segment_options how = {0};
        if (run->image.series)
            how.series = fseg_series_list_info(run->image.series, run->image.index);
        status = fseg_segment_volume_answer(run->context, run->model.model, run->image.volume, &how,
                                            &run->answer, &progress.progress, &run->mask, NULL,
                                            &run->report, error);
    }
    if (status == FSEG_OK) {
        warn_of_geometry(run);
    }
    if (status == FSEG_OK && options->truth) {
        status = fseg_mask_compare(run->mask, run->truth, &run->agreement, error);
        run->compared = status == FSEG_OK;
    }
    program_progress_end(&progress);
    return status;
}

static fseg_status write_mask(segment_run *run, fseg_error *error)
{
    char *path = output_folder_staged(&run->folder, MASK_NAME);
    const fseg_status status =
        path ? fseg_mask_write(run->mask, path, error)
             : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    free(path);
    run->results[run->result_count++] = MASK_NAME;
    return status;
}

/* A DICOM SEG cannot be empty, and needs a series to refer to and a coded structure. */
static fseg_status write_seg(segment_run *run, fseg_error *error)
{
    if (!run->image.series || run->report.volume_ml <= 0) {
        return FSEG_OK;
    }
    char *path = output_folder_staged(&run->folder, SEG_NAME);
    if (!path) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    fseg_seg_options options = {.structure = run->model.spec.structure,
                                .model_name = run->model.spec.name,
                                .model_version = run->model.spec.version,
                                .model_sha256 = run->model.sha256,
                                .edited = 0};
    fseg_status status = seg_output_apply(&run->options->seg, &options, error);
    if (status == FSEG_OK) {
        status = fseg_seg_write_with(run->image.series, run->image.index, run->mask, &options, path,
                                     &run->seg_report, error);
    }
    free(path);
    if (status == FSEG_OK) {
        run->results[run->result_count++] = SEG_NAME;
    } else if (status == FSEG_ERROR_UNSUPPORTED) {
        /* The mask is good; only there is no code to call it by, and none is made up. */
        add_warning(run, "No DICOM SEG was written: the model's structure has no DICOM code.");
        return FSEG_OK;
    }
    return status;
}

static fseg_status write_results(segment_run *run, fseg_error *error)
{
    const double start = program_seconds();
    fseg_status status = write_mask(run, error);
    if (status == FSEG_OK) {
        status = write_seg(run, error);
    }
    run->write_s = program_seconds() - start;
    if (status == FSEG_OK) {
        char *path = output_folder_staged(&run->folder, REPORT_NAME);
        run->results[run->result_count++] = REPORT_NAME;
        status = path ? output_write_json(path, report_json(run), error)
                      : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
        free(path);
    }
    if (status == FSEG_OK && program_interrupted()) {
        status = fseg_error_set(error, FSEG_ERROR_CANCELLED, "Interrupted.");
    }
    if (status == FSEG_OK) {
        /* A SEG of an earlier run would not belong to this mask. */
        run->folder.stale = run->result_count < 3 ? SEG_NAME : NULL;
        status = output_folder_commit(&run->folder, run->results, run->result_count, error);
    }
    return status;
}

static int show_result(const segment_run *run)
{
    for (int i = 0; i < run->report.warning_count; i++) {
        program_warn("%s", run->report.warnings[i]);
    }
    seg_output_show_notes(&run->seg_report);
    if (run->common->json) {
        return program_print_json(report_json(run));
    }
    char volume[32];
    printf("%s: %s ml in %.2f s (read %.2f, prepare %.2f, network %.2f, restore %.2f, write "
           "%.2f)\n",
           run->model.spec.structure[0] ? run->model.spec.structure : "structure",
           fseg_imaging_format_number(run->report.volume_ml, volume),
           program_seconds() - run->started, run->read_s, run->report.prepare_s,
           run->report.network_s, run->report.restore_s, run->write_s);
    if (run->compared) {
        printf("Dice %.4f, HD95 %.1f mm, truth %s ml\n", run->agreement.dice,
               run->agreement.hd95_mm, fseg_imaging_format_number(run->agreement.truth_ml, volume));
    }
    printf("%s:", run->options->out);
    for (size_t i = 0; i < run->result_count; i++) {
        printf(" %s", run->results[i]);
    }
    printf("\n%s\n", PROGRAM_NOTICE);
    return EXIT_OK;
}

static int run_segment(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    segment_options o = {.truth_label = 1, .answer = answer_choice_none()};
    const program_option options[] = {
        {"model", OPTION_TEXT, &o.model, 0, 0, "MODEL", "a .fseg file or a name as liver-t2"},
        {"in", OPTION_TEXT, &o.in, 0, 0, "INPUT",
         "DICOM folder, file, DICOMDIR or ZIP; NIfTI or NRRD file"},
        {"out", OPTION_TEXT, &o.out, 0, 0, "DIR", "folder for the results"},
        {"series", OPTION_TEXT, &o.choice.uid, 0, 0, "UID", "DICOM series to use, if several"},
        {"volume", OPTION_INTEGER, &o.choice.volume, 1, 65535, "N",
         "which of a series' volumes (echo, time, stack, ...), if several"},
        {"allow-uneven", OPTION_FLAG, &o.choice.allow_uneven, 0, 0, NULL,
         "take uneven slice distances as even; the report says so"},
        {"average", OPTION_TEXT, &o.answer.average, 0, 0, "VIEW,...",
         "average views with the plain one (flip-columns, flip-rows, smaller, larger), each at "
         "the cost of one more run; none = plain (default: the model's card)"},
        {"truth", OPTION_TEXT, &o.truth, 0, 0, "FILE", "label map to compare with"},
        {"truth-label", OPTION_INTEGER, &o.truth_label, 1, 255, "N",
         "value of the structure there (default 1)"},
        {"seg-type", OPTION_TEXT, &o.seg.type, 0, 0, "TYPE", "of the SEG: binary or labelmap"},
        {"uid-root", OPTION_TEXT, &o.seg.uid_root, 0, 0, "ROOT",
         "own root for UIDs (default $FRUGALSEG_UID_ROOT, else 2.25)"},
    };
    const parse_result parsed = program_parse(self, options, sizeof options / sizeof *options, 0,
                                              argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    if (!o.model || !o.in || !o.out) {
        return program_usage(self, &common, "segment needs --model, --in and --out.");
    }
    const int wrong = answer_check_options(self, &common, &o.answer);
    if (wrong != EXIT_OK) {
        return wrong;
    }
    segment_run run = {.options = &o, .common = &common, .started = program_seconds()};
    fseg_error error = {0};
    fseg_status status = compute(&run, &error);
    if (status == FSEG_OK) {
        status = write_results(&run, &error);
    }
    const int code = status == FSEG_OK ? show_result(&run) : program_fail_error(&common, &error);
    segment_free(&run);
    return code;
}

const program_command command_segment = {
    "segment",
    "segment an image: mask, DICOM SEG, report",
    "--model MODEL --in INPUT --out DIR [OPTION]...",
    "Writes DIR/mask.nii.gz on the image's own grid, DIR/segmentation.dcm for DICOM input and\n"
    "DIR/report.json, all or nothing. The report holds no names, identifiers, dates or paths.",
    "  frugalseg segment --model liver-t2 --in scan/ --out result\n"
    "  frugalseg segment --model liver-t2 --in scan/ --series 1.2.840.1 --out result --json\n"
    "  frugalseg segment --model prostate-t2 --in enhanced.dcm --volume 2 --out result\n"
    "  frugalseg segment --model my.fseg --in t2.nii.gz --out result --truth t2_label.nii.gz",
    run_segment,
};
