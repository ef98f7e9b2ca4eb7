/* frugalseg synth --anatomy pelvis */
#include "synth_pelvis.h"
#include "output.h"
#include "synth_pelvis_cases.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const results[] = {"dicom", "image.nii.gz", "truth.nii.gz"};
enum { RESULT_COUNT = 3 };

bool synth_wants_pelvis(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--anatomy=pelvis") == 0 ||
            (strcmp(argv[i], "--anatomy") == 0 && i + 1 < argc &&
             strcmp(argv[i + 1], "pelvis") == 0)) {
            return true;
        }
    }
    return false;
}

static fseg_status write_results(const output_folder *folder, const fseg_volume *volume,
                                 const fseg_mask *labels, uint64_t seed, fseg_error *error)
{
    char *paths[RESULT_COUNT];
    bool complete = true;
    for (size_t i = 0; i < RESULT_COUNT; i++) {
        paths[i] = output_folder_staged(folder, results[i]);
        complete = complete && paths[i];
    }
    fseg_status status =
        complete ? FSEG_OK : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    char pseudonym[48];
    snprintf(pseudonym, sizeof pseudonym, "PHANTOM-PELVIS-%llu", (unsigned long long)seed);
    const fseg_series_write_options options = {.description = "FrugalSeg pelvic phantom T2",
                                               .patient_id = pseudonym,
                                               .body_part = "PROSTATE",
                                               .seed = seed};
    if (status == FSEG_OK) {
        status = fseg_series_write(volume, &options, paths[0], error);
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

static int show_scan(const program_common *common, const char *out, const fseg_pelvis_scan *scan,
                     uint64_t seed, fseg_pelvis_gland gland)
{
    if (common->json) {
        return program_print_json(json_pack(
            "{s:s, s:s, s:I, s:[i, i, i], s:f, s:f, s:[f, f, f], s:[s, s, s]}", "out", out,
            "notice", PROGRAM_NOTICE, "seed", (json_int_t)seed, "size", scan->columns, scan->rows,
            scan->slices, "gland_ml", gland.gland_ml, "transition_zone_ml", gland.transition_ml,
            "gland_mm", gland.extent_mm[0], gland.extent_mm[1], gland.extent_mm[2], "outputs",
            results[0], results[1], results[2]));
    }
    printf("Pelvic phantom %llu, %d x %d x %d, gland %.0f ml: %s/dicom, image.nii.gz, "
           "truth.nii.gz\n",
           (unsigned long long)seed, scan->columns, scan->rows, scan->slices, gland.gland_ml, out);
    return EXIT_OK;
}

static int make_scan(const pelvis_request *request, const char *out, const fseg_pelvis_scan *scan)
{
    fseg_context *context = NULL;
    fseg_volume *volume = NULL;
    fseg_mask *labels = NULL, *mask = NULL;
    fseg_pelvis *pelvis = NULL;
    fseg_pelvis_map map = {0};
    output_folder folder = {0};
    fseg_error error = {0};
    program_progress progress;
    program_progress_start(&progress, request->common, "phantom");
    fseg_status status = program_context(request->common, &context, &error);
    if (status == FSEG_OK && request->map) {
        status = pelvis_map_read(request->map, &mask, &map, &error);
    }
    if (status == FSEG_OK) {
        status = output_folder_open(out, &folder, &error);
    }
    if (status == FSEG_OK) {
        status = fseg_pelvis_create(request->seed, request->map ? &map : NULL,
                                    request->map_variation, &pelvis, &error);
    }
    if (status == FSEG_OK) {
        status = pelvis_volume_create(pelvis, context, scan, &progress.progress, &volume, &labels,
                                      &error);
    }
    if (status == FSEG_OK) {
        status = write_results(&folder, volume, labels, request->seed, &error);
    }
    if (status == FSEG_OK && program_interrupted()) {
        status = fseg_error_set(&error, FSEG_ERROR_CANCELLED, "Interrupted.");
    }
    if (status == FSEG_OK) {
        status = output_folder_commit(&folder, results, RESULT_COUNT, &error);
    }
    program_progress_end(&progress);
    const int code = status == FSEG_OK ? show_scan(request->common, out, scan, request->seed,
                                                   fseg_pelvis_describe(pelvis))
                                       : program_fail_error(request->common, &error);
    output_folder_close(&folder);
    fseg_pelvis_free(pelvis);
    fseg_volume_free(volume);
    fseg_mask_free(labels);
    fseg_mask_free(mask);
    fseg_context_free(context);
    return code;
}

static int make_cases(const pelvis_request *request, const char *out, int count)
{
    fseg_context *context = NULL;
    fseg_error error = {0};
    fseg_status status = program_context(request->common, &context, &error);
    if (status == FSEG_OK) {
        status = pelvis_cases_write(request, out, count, context, &error);
    }
    fseg_context_free(context);
    if (status != FSEG_OK) {
        return program_fail_error(request->common, &error);
    }
    if (request->common->json) {
        return program_print_json(json_pack("{s:s, s:s, s:I, s:i}", "out", out, "notice",
                                            PROGRAM_NOTICE, "seed", (json_int_t)request->seed,
                                            "cases", count));
    }
    printf("%d cases: %s/pelvis_*_image.nii.gz, pelvis_*_label.nii.gz\n", count, out);
    return EXIT_OK;
}

static const program_command command_pelvis = {
    "synth",
    "make a pelvic phantom with known truth",
    "--anatomy pelvis --out DIR [OPTION]...",
    "Writes DIR/dicom (a series), DIR/image.nii.gz and DIR/truth.nii.gz, whose labels are 1\n"
    "peripheral zone, 2 transition zone. With --map the gland has the shape of a given label map,\n"
    "and what surrounds it is deformed to fit. With --cases, DIR/pelvis_NNNN_image.nii.gz and\n"
    "_label.nii.gz of many random patients and scans, for training. Not a patient.",
    "  frugalseg synth --anatomy pelvis --out phantom --seed 7 --plane sagittal\n"
    "  frugalseg synth --anatomy pelvis --out cases --cases 200 --maps labels --whole-gland",
    NULL,
};

int synth_pelvis_run(int argc, char **argv)
{
    program_common common = {0};
    pelvis_request request = {
        .common = &common, .seed = 1, .map_variation = -1, .parametric_share = 0.25};
    const char *anatomy = NULL, *out = NULL, *plane = "axial";
    int size = 320, slices = 20, cases = 0;
    double pixel = 0.6, slice = 3.6, tilt = 12, noise = 0.02, bias = 0.5, contrast = 0.3;
    const program_option options[] = {
        {"anatomy", OPTION_TEXT, &anatomy, 0, 0, "pelvis", "this anatomy"},
        {"out", OPTION_TEXT, &out, 0, 0, "DIR", "folder for the results"},
        {"seed", OPTION_SEED, &request.seed, 0, 0, "N", "anatomy, contrast and noise (default 1)"},
        {"plane", OPTION_TEXT, &plane, 0, 0, "NAME", "axial (default), coronal or sagittal"},
        {"size", OPTION_INTEGER, &size, 32, 1024, "N", "pixels per side (default 320)"},
        {"slices", OPTION_INTEGER, &slices, 3, 512, "N", "slices (default 20)"},
        {"spacing", OPTION_NUMBER, &pixel, 0.2, 20, "MM", "pixel size (default 0.6)"},
        {"slice-spacing", OPTION_NUMBER, &slice, 0.2, 50, "MM", "between slices (default 3.6)"},
        {"tilt", OPTION_NUMBER, &tilt, -60, 60, "DEG",
         "of the slices about the left-right axis (default 12)"},
        {"noise", OPTION_NUMBER, &noise, 0, 1, "X", "fraction of bright signal (default 0.02)"},
        {"bias", OPTION_NUMBER, &bias, 0, 2, "X", "coil shading (default 0.5)"},
        {"contrast-variation", OPTION_NUMBER, &contrast, 0, 1, "X",
         "0 = published tissue values (default 0.3)"},
        {"map", OPTION_TEXT, &request.map, 0, 0, "FILE",
         "label map whose gland is placed (1 peripheral, 2 transition zone)"},
        {"map-variation", OPTION_NUMBER, &request.map_variation, 0, 1, "X",
         "how much its shape is varied (default 0; with --cases 1)"},
        {"whole-gland", OPTION_FLAG, &request.whole_gland, 0, 0, NULL,
         "truth: 1 for the whole gland"},
        {"cases", OPTION_INTEGER, &cases, 1, 100000, "N",
         "write a set of N random cases instead of one scan"},
        {"maps", OPTION_TEXT, &request.maps, 0, 0, "DIR", "with --cases: folder of label maps"},
        {"only-maps", OPTION_TEXT, &request.only_maps, 0, 0, "NAME,...", "use these maps alone"},
        {"exclude-maps", OPTION_TEXT, &request.exclude_maps, 0, 0, "NAME,...",
         "do not use these maps"},
        {"parametric-share", OPTION_NUMBER, &request.parametric_share, 0, 1, "X",
         "share of cases with a gland from formulas (default 0.25)"},
    };
    const parse_result parsed = program_parse(
        &command_pelvis, options, sizeof options / sizeof *options, 0, argc, argv, &common, NULL);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    if (!out) {
        return program_usage(&command_pelvis, &common, "synth needs --out.");
    }
    static const char *const planes[] = {"axial", "coronal", "sagittal"};
    int chosen = 0;
    while (chosen < 3 && strcmp(planes[chosen], plane) != 0) {
        chosen++;
    }
    if (chosen == 3) {
        return program_usage(&command_pelvis, &common,
                             "--plane is axial, coronal or sagittal, not '%.40s'.", plane);
    }
    if (cases == 0 && (request.maps || request.only_maps || request.exclude_maps)) {
        return program_usage(&command_pelvis, &common,
                             "--maps, --only-maps and --exclude-maps go with --cases; give one "
                             "label map with --map.");
    }
    if (cases > 0 && request.map) {
        return program_usage(&command_pelvis, &common,
                             "--map goes with one scan; give a folder with --maps.");
    }
    if (request.map_variation < 0) {
        request.map_variation = cases > 0 ? 1 : 0;
    }
    if (cases > 0) {
        return make_cases(&request, out, cases);
    }
    fseg_pelvis_scan scan = fseg_pelvis_default_scan(request.seed, (fseg_pelvis_plane)chosen, size,
                                                     slices, pixel, slice, tilt);
    scan.noise = noise;
    scan.bias = bias;
    scan.contrast_variation = contrast;
    scan.whole_gland = request.whole_gland;
    return make_scan(&request, out, &scan);
}
