/* frugalseg synth: an abdominal phantom with known truth. */
#include "frugalseg/acquisition.h"
#include "frugalseg/enhanced.h"
#include "output.h"
#include "phantom_volume.h"
#include "program.h"
#include "synth_pelvis.h"
#include "synth_torso.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const results[] = {"dicom", "image.nii.gz", "truth.nii.gz"};
enum { RESULT_COUNT = 3 };

/* How the series is to be written. */
typedef struct series_form {
    bool enhanced;      /* one Enhanced MR file instead of one file per slice */
    double second_echo; /* a further volume of it, as a multiple of the echo time; 0 = none */
} series_form;

/* One enhanced file with the image and, if wanted, another echo of the same patient. */
static fseg_status write_enhanced(fseg_context *context, const fseg_phantom_options *phantom,
                                  const series_form *form, const fseg_volume *volume,
                                  const fseg_series_write_options *options, const char *folder,
                                  fseg_error *error)
{
    const fseg_sequence sequence = fseg_acquisition_liver().sequence;
    fseg_enhanced_volume volumes[2] = {
        {.volume = volume, .echo_ms = sequence.te_ms[0] * phantom->echo},
        {.echo_ms = sequence.te_ms[0] * form->second_echo},
    };
    fseg_volume *second = NULL;
    fseg_mask *same = NULL;
    fseg_status status = FSEG_OK;
    if (form->second_echo > 0) {
        fseg_phantom_options later = *phantom;
        later.echo = form->second_echo;
        status = phantom_volume_create(context, &later, NULL, &second, &same, error);
        volumes[1].volume = second;
    }
    if (status == FSEG_OK) {
        status = fseg_series_write_enhanced(volumes, second ? 2 : 1, options, FSEG_FRAMES_SHUFFLED,
                                            folder, error);
    }
    fseg_volume_free(second);
    fseg_mask_free(same);
    return status;
}

static fseg_status write_results(fseg_context *context, const fseg_phantom_options *phantom,
                                 const series_form *form, const output_folder *folder,
                                 const fseg_volume *volume, const fseg_mask *labels,
                                 fseg_error *error)
{
    const uint64_t seed = phantom->seed;
    char *paths[RESULT_COUNT];
    bool complete = true;
    for (size_t i = 0; i < RESULT_COUNT; i++) {
        paths[i] = output_folder_staged(folder, results[i]);
        complete = complete && paths[i];
    }
    fseg_status status = FSEG_OK;
    if (!complete) {
        status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    char pseudonym[48];
    snprintf(pseudonym, sizeof pseudonym, "PHANTOM-%llu", (unsigned long long)seed);
    const fseg_series_write_options options = {.description = "FrugalSeg abdominal phantom T2",
                                               .patient_id = pseudonym,
                                               .body_part = "ABDOMEN",
                                               .seed = seed};
    if (status == FSEG_OK) {
        status = form->enhanced
                     ? write_enhanced(context, phantom, form, volume, &options, paths[0], error)
                     : fseg_series_write(volume, &options, paths[0], error);
    }
    if (status == FSEG_OK) {
        status = fseg_volume_write(volume, paths[1], error);
    }
    if (status == FSEG_OK) {
        status = fseg_mask_write(labels, paths[2], error);
    }
    for (size_t i = 0; i < RESULT_COUNT; i++) {
        free(paths[i]);
    }
    return status;
}

static double liver_volume_ml(const fseg_mask *labels)
{
    double spacing[3];
    fseg_geometry_spacing(&labels->geometry, spacing);
    const size_t *size = labels->geometry.size;
    size_t voxels = 0;
    for (size_t i = 0; i < size[0] * size[1] * size[2]; i++) {
        voxels += labels->voxels[i] == FSEG_PHANTOM_LIVER;
    }
    return (double)voxels * spacing[0] * spacing[1] * spacing[2] / 1000;
}

static int show_result(const program_common *common, const char *out,
                       const fseg_phantom_options *options, const fseg_mask *labels)
{
    const double liver_ml = liver_volume_ml(labels);
    if (common->json) {
        return program_print_json(
            json_pack("{s:s, s:s, s:I, s:[i, i, i], s:[f, f, f], s:f, s:[s, s, s]}", "out", out,
                      "notice", PROGRAM_NOTICE, "seed", (json_int_t)options->seed, "size",
                      options->columns, options->rows, options->slices, "spacing_mm",
                      options->spacing_mm[0], options->spacing_mm[1], options->spacing_mm[2],
                      "liver_ml", liver_ml, "outputs", results[0], results[1], results[2]));
    }
    printf("Phantom %llu, %d x %d x %d, liver %.0f ml: %s/dicom, image.nii.gz, truth.nii.gz\n",
           (unsigned long long)options->seed, options->columns, options->rows, options->slices,
           liver_ml, out);
    return EXIT_OK;
}

static int synthesize(const program_common *common, const char *out,
                      const fseg_phantom_options *options, const series_form *form)
{
    fseg_context *context = NULL;
    fseg_volume *volume = NULL;
    fseg_mask *labels = NULL;
    output_folder folder = {0};
    fseg_error error = {0};
    program_progress progress;
    program_progress_start(&progress, common, "phantom");
    fseg_status status = program_context(common, &context, &error);
    if (status == FSEG_OK) {
        status = output_folder_open(out, &folder, &error);
    }
    if (status == FSEG_OK) {
        status =
            phantom_volume_create(context, options, &progress.progress, &volume, &labels, &error);
    }
    if (status == FSEG_OK) {
        status = write_results(context, options, form, &folder, volume, labels, &error);
    }
    if (status == FSEG_OK && program_interrupted()) {
        status = fseg_error_set(&error, FSEG_ERROR_CANCELLED, "Interrupted.");
    }
    if (status == FSEG_OK) {
        status = output_folder_commit(&folder, results, RESULT_COUNT, &error);
    }
    program_progress_end(&progress);
    const int code = status == FSEG_OK ? show_result(common, out, options, labels)
                                       : program_fail_error(common, &error);
    output_folder_close(&folder);
    fseg_volume_free(volume);
    fseg_mask_free(labels);
    fseg_context_free(context);
    return code;
}

static int run_synth(const program_command *self, int argc, char **argv)
{
    if (synth_wants_pelvis(argc, argv)) {
        return synth_pelvis_run(argc, argv);
    }
    if (synth_wants_torso(argc, argv)) {
        return synth_torso_run(argc, argv);
    }
    program_common common = {0};
    const char *out = NULL;
    series_form form = {0};
    fseg_phantom_options o = fseg_phantom_default_options(1);
    double in_plane = o.spacing_mm[0];
    int size = o.columns;
    const program_option options[] = {
        {"out", OPTION_TEXT, &out, 0, 0, "DIR", "folder for the results"},
        {"seed", OPTION_SEED, &o.seed, 0, 0, "N", "anatomy, contrast and noise (default 1)"},
        {"size", OPTION_INTEGER, &size, 32, 1024, "N", "pixels per side (default 256)"},
        {"slices", OPTION_INTEGER, &o.slices, 3, 512, "N", "slices (default 30)"},
        {"spacing", OPTION_NUMBER, &in_plane, 0.2, 20, "MM", "pixel size (default 1.4)"},
        {"slice-spacing", OPTION_NUMBER, &o.spacing_mm[2], 0.2, 50, "MM",
         "between slices (default 7)"},
        {"noise", OPTION_NUMBER, &o.noise, 0, 1, "X", "fraction of bright signal (default 0.03)"},
        {"bias", OPTION_NUMBER, &o.bias, 0, 2, "X", "coil shading (default 0.3)"},
        {"echo", OPTION_NUMBER, &o.echo, 0, 20, "X",
         "echo time, as a multiple: the same seed gives the same patient (default 1)"},
        {"enhanced", OPTION_FLAG, &form.enhanced, 0, 0, NULL,
         "DIR/dicom is one Enhanced MR file instead of one file per slice"},
        {"second-echo", OPTION_NUMBER, &form.second_echo, 0, 20, "X",
         "another volume in that file, at this multiple of the echo time (default none)"},
        {"contrast-variation", OPTION_NUMBER, &o.contrast_variation, 0, 1, "X",
         "0 = published tissue values"},
    };
    const parse_result parsed = program_parse(self, options, sizeof options / sizeof *options, 0,
                                              argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    if (!out) {
        return program_usage(self, &common, "synth needs --out.");
    }
    if (form.second_echo > 0 && !form.enhanced) {
        return program_usage(self, &common, "--second-echo needs --enhanced.");
    }
    o.columns = o.rows = size;
    o.spacing_mm[0] = o.spacing_mm[1] = in_plane;
    return synthesize(&common, out, &o, &form);
}

const program_command command_synth = {
    "synth",
    "make an abdominal phantom with known truth",
    "--out DIR [OPTION]...",
    "Writes DIR/dicom (a series), DIR/image.nii.gz and DIR/truth.nii.gz, whose labels are 1 "
    "liver,\n"
    "2 right kidney, 3 left kidney, 4 spleen. Not a patient. The same seed gives the same images.",
    "  frugalseg synth --out phantom --seed 7\n"
    "  frugalseg segment --model liver-t2 --in phantom/dicom --out result \\\n"
    "      --truth phantom/truth.nii.gz --truth-label 1",
    run_synth,
};
