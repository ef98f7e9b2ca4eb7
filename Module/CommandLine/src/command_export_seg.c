/* frugalseg export --seg and --nifti: masks as DICOM segmentations, and back. */
#include "command_export.h"
#include "frugalseg/frugalseg.h"
#include "input.h"
#include "output.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One export to DICOM; seg_free releases what it holds. */
typedef struct seg_job {
    const export_options *o;
    input_image image;
    input_model model;
    bool has_model;
    fseg_mask *mask;
    fseg_seg_content predecessor;
    char *words; /* the structures, taken apart in place */
    fseg_seg_segment segments[FSEG_MAX_SEGMENTS];
    size_t segment_count;
    fseg_seg_report report;
} seg_job;

static void seg_free(seg_job *job)
{
    free(job->words);
    fseg_mask_free(job->mask);
    input_image_free(&job->image);
    if (job->has_model) {
        input_model_free(&job->model);
    }
}

/* "liver", or "1=prostate-peripheral-zone,2=prostate-transition-zone". */
static fseg_status parse_structures(seg_job *job, bool edited, fseg_error *error)
{
    job->words = strdup(job->o->structures);
    if (!job->words) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    char *rest = NULL;
    for (char *word = strtok_r(job->words, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        char *end = NULL;
        const long value = strtol(word, &end, 10);
        if (end == word || *end != '=' || value < 1 || value > 255 ||
            job->segment_count == FSEG_MAX_SEGMENTS) {
            return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                  "--structures is one name, or VALUE=NAME,VALUE=NAME,... with "
                                  "values of the mask from 1 to 255, not '%.60s'.",
                                  job->o->structures);
        }
        job->segments[job->segment_count++] =
            (fseg_seg_segment){.structure = end + 1, .value = (int)value, .edited = edited};
    }
    return FSEG_OK;
}

/* Who made the mask: the model given, or what the predecessor says. */
static fseg_status fill_origin(seg_job *job, fseg_seg_options *options, fseg_error *error)
{
    const export_options *o = job->o;
    if (o->predecessor) {
        const fseg_status status = fseg_seg_identify(o->predecessor, &job->predecessor, error);
        if (status != FSEG_OK) {
            return status;
        }
        options->predecessor_instance_uid = job->predecessor.instance_uid;
        options->predecessor_series_uid = job->predecessor.series_uid;
        options->predecessor_class_uid = job->predecessor.class_uid;
        options->structure = job->predecessor.structure;
        options->model_name = job->predecessor.model_name;
        options->model_version = job->predecessor.model_version;
        options->model_sha256 = job->predecessor.model_sha256;
    }
    if (o->model) {
        const fseg_status status = input_model_load(o->model, &job->model, error);
        if (status != FSEG_OK) {
            return status;
        }
        job->has_model = true;
        options->structure = job->model.spec.structure;
        options->model_name = job->model.spec.name;
        options->model_version = job->model.spec.version;
        options->model_sha256 = job->model.sha256;
    } else if (!job->predecessor.ours) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "A segmentation names the model that it comes from: give --model, or "
                              "as --predecessor a segmentation of FrugalSeg.");
    }
    return FSEG_OK;
}

static fseg_status write_seg(seg_job *job, fseg_error *error)
{
    const export_options *o = job->o;
    fseg_seg_options options = {.edited = o->edited || o->predecessor, .creator = o->editor};
    fseg_status status = seg_output_apply(&o->seg, &options, error);
    if (status == FSEG_OK) {
        status = fill_origin(job, &options, error);
    }
    if (status == FSEG_OK && o->structures && strchr(o->structures, '=')) {
        status = parse_structures(job, options.edited, error);
        options.segments = job->segments;
        options.segment_count = job->segment_count;
    } else if (o->structures) {
        options.structure = o->structures;
    }
    if (status == FSEG_OK) {
        status = fseg_mask_read(o->mask, -1, &job->mask, error);
    }
    if (status == FSEG_OK) {
        status = input_image_read(o->in, &o->choice, NULL, &job->image, error);
    }
    if (status == FSEG_OK && !job->image.series) {
        status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                "A DICOM segmentation refers to a DICOM series: give its folder as "
                                "--in, not '%.300s'.",
                                o->in);
    }
    if (status == FSEG_OK) {
        status = fseg_seg_write_with(job->image.series, job->image.index, job->mask, &options,
                                     o->out, &job->report, error);
    }
    return status;
}

int export_seg_file(const export_options *options, const program_common *common)
{
    seg_job job = {.o = options};
    fseg_error error = {0};
    int code;
    if (write_seg(&job, &error) != FSEG_OK) {
        code = program_fail_error(common, &error);
    } else {
        seg_output_show_notes(&job.report);
        if (common->json) {
            code = program_print_json(json_pack("{s:s, s:s, s:s, s:o}", "out", options->out,
                                                "format", "dicom-seg", "notice", PROGRAM_NOTICE,
                                                "notes", seg_output_notes_json(&job.report)));
        } else {
            printf("%s: DICOM Segmentation\n%s\n", options->out, PROGRAM_NOTICE);
            code = EXIT_OK;
        }
    }
    seg_free(&job);
    return code;
}

/* ---- and back ---- */

static json_t *segments_json(const fseg_seg_file *file, int only)
{
    json_t *segments = json_array();
    const fseg_seg_segment_info *info;
    for (size_t i = 0; (info = fseg_seg_file_segment(file, i)) != NULL; i++) {
        if (only == 0 || only == (int)i + 1) {
            json_array_append_new(segments,
                                  json_pack("{s:i, s:s, s:s, s:s}", "value", only ? 1 : (int)i + 1,
                                            "structure", info->structure, "label", info->label,
                                            "algorithm_type", info->algorithm_type));
        }
    }
    return segments;
}

static fseg_status read_seg(const export_options *o, const input_image *image,
                            const fseg_seg_file *file, fseg_mask **mask, fseg_error *error)
{
    const fseg_seg_content *content = fseg_seg_file_content(file);
    const fseg_geometry *grid = &image->volume->geometry;
    if (o->segment > (int)content->segment_count) {
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "The segmentation has %zu segment%s, not %d.", content->segment_count,
                              content->segment_count == 1 ? "" : "s", o->segment);
    }
    return o->segment > 0
               ? fseg_seg_file_read(file, (size_t)o->segment - 1, grid, o->threshold, mask, error)
               : fseg_seg_file_read_labels(file, grid, o->threshold, mask, error);
}

int export_mask_file(const export_options *options, const program_common *common)
{
    input_image image = {0};
    fseg_seg_file *file = NULL;
    fseg_mask *mask = NULL;
    fseg_error error = {0};
    fseg_status status = fseg_seg_file_open(options->segmentation, &file, &error);
    if (status == FSEG_OK) {
        status = input_image_read(options->in, &options->choice, NULL, &image, &error);
    }
    if (status == FSEG_OK) {
        status = read_seg(options, &image, file, &mask, &error);
    }
    if (status == FSEG_OK) {
        status = fseg_mask_write(mask, options->out, &error);
    }
    int code;
    if (status != FSEG_OK) {
        code = program_fail_error(common, &error);
    } else if (common->json) {
        code = program_print_json(json_pack("{s:s, s:s, s:s, s:o}", "out", options->out, "format",
                                            "mask", "notice", PROGRAM_NOTICE, "segments",
                                            segments_json(file, options->segment)));
    } else {
        printf("%s: mask of %s\n%s\n", options->out, options->segmentation, PROGRAM_NOTICE);
        code = EXIT_OK;
    }
    fseg_mask_free(mask);
    fseg_seg_file_free(file);
    input_image_free(&image);
    return code;
}
