/* frugalseg info: what a model, a DICOM folder or an image is. */
#include "frugalseg/frugalseg.h"
#include "input.h"
#include "program.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static int show_model(const program_common *common, const input_model *input)
{
    const fseg_unet_config *config = fseg_model_config(input->model);
    const size_t parameters = fseg_model_parameter_count(input->model);
    const fseg_input_spec *spec = &input->spec;
    if (common->json) {
        json_t *widths = json_array();
        for (int i = 0; i < config->levels; i++) {
            json_array_append_new(widths, json_integer(config->widths[i]));
        }
        return program_print_json(json_pack(
            "{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:{s:i, s:i, s:o, s:i, s:f}, s:{s:f, s:i, "
            "s:f, s:f, s:f}, s:o}",
            "kind", "model", "notice", PROGRAM_NOTICE, "name", spec->name, "version", spec->version,
            "structure", spec->structure, "sha256", input->sha256, "parameters",
            (json_int_t)parameters, "tensors", (json_int_t)fseg_model_tensor_count(input->model),
            "architecture", "in_channels", config->in_channels, "classes", config->classes,
            "widths", widths, "group_size", config->group_size, "norm_epsilon",
            (double)config->norm_epsilon, "input", "spacing_mm", spec->spacing_mm, "context_slices",
            spec->context_slices, "percentile_low", spec->percentile_low, "percentile_high",
            spec->percentile_high, "threshold", spec->threshold, "card",
            json_loads(fseg_model_card(input->model), 0, NULL)));
    }
    printf("model        %s %s (%s)\nsha256       %s\nnetwork      U-Net, %d input channel%s, %d "
           "classes, widths",
           spec->name, spec->version, spec->structure[0] ? spec->structure : "no structure",
           input->sha256, config->in_channels, config->in_channels == 1 ? "" : "s",
           config->classes);
    for (int i = 0; i < config->levels; i++) {
        printf(" %d", config->widths[i]);
    }
    printf("\nparameters   %zu\ninput        %s, %g mm, %d slice%s, %g to %g %%\ncard         %s\n"
           "%s\n",
           parameters, spec->modality[0] ? spec->modality : "any modality", spec->spacing_mm,
           spec->context_slices, spec->context_slices == 1 ? "" : "s", spec->percentile_low,
           spec->percentile_high, fseg_model_card(input->model), PROGRAM_NOTICE);
    return EXIT_OK;
}

static json_t *series_json(const fseg_series_info *info)
{
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:[I, I], s:[f, f, f], s:I, s:s, s:s, s:s, s:I, s:I, s:s}", "uid",
        info->uid, "description", info->description, "modality", info->modality, "body_part",
        info->body_part, "matrix", (json_int_t)info->columns, (json_int_t)info->rows, "spacing_mm",
        info->spacing_mm[0], info->spacing_mm[1], info->spacing_mm[2], "slices",
        (json_int_t)info->slices, "verdict", fseg_verdict_name(info->verdict), "reason_id",
        info->reason_id, "reason", info->reason, "volume", (json_int_t)info->volume, "volumes",
        (json_int_t)info->volumes, "label", info->label);
}

static int show_series(const program_common *common, const fseg_series_list *list)
{
    const size_t count = fseg_series_list_count(list);
    if (common->json) {
        json_t *series = json_array();
        for (size_t i = 0; i < count; i++) {
            json_array_append_new(series, series_json(fseg_series_list_info(list, i)));
        }
        return program_print_json(json_pack("{s:s, s:o}", "kind", "folder", "series", series));
    }
    for (size_t i = 0; i < count; i++) {
        const fseg_series_info *info = fseg_series_list_info(list, i);
        printf("%-9s %s %-28.28s %zu x %zu x %zu, %.3g x %.3g x %.3g mm  %s\n",
               fseg_verdict_name(info->verdict), info->modality, info->description, info->columns,
               info->rows, info->slices, info->spacing_mm[0], info->spacing_mm[1],
               info->spacing_mm[2], info->uid);
        if (info->volumes > 1) {
            printf("          volume %zu of %zu: %s\n", info->volume, info->volumes, info->label);
        }
        if (info->reason[0]) {
            printf("          %s\n", info->reason);
        }
    }
    return EXIT_OK;
}

static int show_image(const program_common *common, const fseg_volume *volume)
{
    const fseg_geometry *geometry = &volume->geometry;
    const size_t *size = geometry->size;
    double spacing[3], sum = 0, low = INFINITY, high = -INFINITY;
    fseg_geometry_spacing(geometry, spacing);
    const size_t count = size[0] * size[1] * size[2];
    for (size_t i = 0; i < count; i++) {
        const double value = (double)volume->voxels[i];
        sum += value;
        low = fmin(low, value);
        high = fmax(high, value);
    }
    if (common->json) {
        json_t *matrix = json_array();
        for (int row = 0; row < 4; row++) {
            const double *m = geometry->ijk_to_lps[row];
            json_array_append_new(matrix, json_pack("[f, f, f, f]", m[0], m[1], m[2], m[3]));
        }
        return program_print_json(json_pack(
            "{s:s, s:[I, I, I], s:[f, f, f], s:o, s:[o, o], s:o}", "kind", "image", "size",
            (json_int_t)size[0], (json_int_t)size[1], (json_int_t)size[2], "spacing_mm", spacing[0],
            spacing[1], spacing[2], "ijk_to_lps", matrix, "range", program_json_number(low),
            program_json_number(high), "mean", program_json_number(sum / (double)count)));
    }
    printf("image        %zu x %zu x %zu\nspacing      %.4g x %.4g x %.4g mm\nrange        %g to "
           "%g, mean %g\nvoxel to LPS\n",
           size[0], size[1], size[2], spacing[0], spacing[1], spacing[2], low, high,
           sum / (double)count);
    for (int row = 0; row < 3; row++) {
        const double *m = geometry->ijk_to_lps[row];
        printf("  %12.5f %12.5f %12.5f %12.5f\n", m[0], m[1], m[2], m[3]);
    }
    return EXIT_OK;
}

static bool ends_with(const char *text, const char *ending)
{
    const size_t a = strlen(text), b = strlen(ending);
    return a >= b && strcmp(text + a - b, ending) == 0;
}

static bool looks_like_image(const char *path)
{
    return ends_with(path, ".nii") || ends_with(path, ".nii.gz") || ends_with(path, ".nrrd");
}

static int info_model(const program_common *common, const char *path)
{
    input_model model;
    fseg_error error = {0};
    if (input_model_load(path, &model, &error) != FSEG_OK) {
        return program_fail_error(common, &error);
    }
    const int code = show_model(common, &model);
    input_model_free(&model);
    return code;
}

static int info_series(const program_common *common, const char *path, bool allow_uneven)
{
    fseg_series_list *list = NULL;
    fseg_error error = {0};
    program_progress progress;
    program_progress_start(&progress, common, "scan");
    const fseg_series_scan_options options = {.allow_uneven = allow_uneven};
    const fseg_status status =
        fseg_series_list_scan_with(path, &options, &progress.progress, &list, &error);
    program_progress_end(&progress);
    if (status != FSEG_OK) {
        return program_fail_error(common, &error);
    }
    const int code = show_series(common, list);
    fseg_series_list_free(list);
    return code;
}

static int info_image(const program_common *common, const char *path)
{
    fseg_volume *volume = NULL;
    fseg_error error = {0};
    if (fseg_volume_read(path, &volume, &error) != FSEG_OK) {
        return program_fail_error(common, &error);
    }
    const int code = show_image(common, volume);
    fseg_volume_free(volume);
    return code;
}

static int run_info(const program_command *self, int argc, char **argv)
{
    program_common common = {0};
    int operand = 0;
    bool allow_uneven = false;
    const program_option options[] = {
        {"allow-uneven", OPTION_FLAG, &allow_uneven, 0, 0, NULL,
         "list uneven slice distances as usable, as segment with this option does"},
    };
    const parse_result parsed = program_parse(self, options, 1, 1, argc, argv, &common, &operand);
    if (parsed != PARSE_GO_ON) {
        return program_parse_exit_code(parsed);
    }
    if (operand >= argc) {
        return program_usage(self, &common, "info needs a model, a DICOM folder or an image.");
    }
    const char *path = argv[operand];
    if (fseg_series_is_dicom_input(path)) {
        return info_series(&common, path, allow_uneven);
    }
    return looks_like_image(path) ? info_image(&common, path) : info_model(&common, path);
}

const program_command command_info = {
    "info",
    "describe a model, DICOM series or an image",
    "MODEL|DICOM|IMAGE",
    "A DICOM input (folder, file, DICOMDIR or ZIP) is searched for series; each of their volumes "
    "is\n"
    "listed with a verdict: ok, ok-regularized, ambiguous or refused (with the reason). The "
    "listing\n"
    "shows identifiers of the series: do not pass it on.",
    "  frugalseg info liver-t2\n"
    "  frugalseg info scan/ --json\n"
    "  frugalseg info t2.nii.gz",
    run_info,
};
