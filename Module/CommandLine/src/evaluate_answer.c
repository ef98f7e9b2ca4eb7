#include "evaluate_answer.h"
#include "frugalseg/files.h"
#include "frugalseg/recolour.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VIEW_BITS = 4 };
static const char *const view_names[VIEW_BITS + 1] = {"plain", "flip-columns", "flip-rows",
                                                      "smaller", "larger"};

answer_choice answer_choice_none(void)
{
    return (answer_choice){.smooth_mm = -1, .smooth_through_mm = -1};
}

void answer_option_table(answer_choice *c, program_option *table)
{
    const program_option options[ANSWER_OPTIONS] = {
        {"average", OPTION_TEXT, &c->average, 0, 0, "VIEW,...",
         "views averaged with the plain one: flip-columns, flip-rows, smaller, larger; or none"},
        {"smooth", OPTION_NUMBER, &c->smooth_mm, 0, 20, "MM",
         "Gaussian on the probabilities, in the slice"},
        {"smooth-through", OPTION_NUMBER, &c->smooth_through_mm, 0, 50, "MM", "across slices"},
        {"fill-holes", OPTION_TEXT, &c->fill_holes, 0, 0, "on|off", "of the mask, in 3D"},
        {"keep", OPTION_TEXT, &c->keep, 0, 0, "WHAT", "largest component or all"},
        {"shift", OPTION_TEXT, &c->shift, 0, 0, "KIND",
         "change the images first: dark, bright, bias or noise"},
        {"store", OPTION_TEXT, &c->store, 0, 0, "DIR",
         "keep the network's answers there and do not compute them twice"},
    };
    memcpy(table, options, sizeof options);
}

bool answer_is_chosen(const answer_choice *c)
{
    return c->average || c->fill_holes || c->keep || c->store || c->shift || c->smooth_mm >= 0 ||
           c->smooth_through_mm >= 0;
}

int answer_check_options(const program_command *command, const program_common *common,
                         const answer_choice *c)
{
    fseg_error error;
    unsigned views;
    if (c->average && fseg_answer_parse_views(c->average, &views, &error) != FSEG_OK) {
        return program_usage(command, common, "--average: %s", error.message);
    }
    if (c->shift && fseg_shift_from_name(c->shift) < 0) {
        return program_usage(command, common,
                             "--shift must be dark, bright, bias, noise or none, not '%.40s'.",
                             c->shift);
    }
    if (c->fill_holes && strcmp(c->fill_holes, "on") != 0 && strcmp(c->fill_holes, "off") != 0) {
        return program_usage(command, common, "--fill-holes must be on or off.");
    }
    if (c->keep && strcmp(c->keep, "largest") != 0 && strcmp(c->keep, "all") != 0) {
        return program_usage(command, common, "--keep must be largest or all.");
    }
    return EXIT_OK;
}

fseg_status answer_resolve(const answer_choice *c, const fseg_model *model,
                           fseg_answer_options *out, fseg_error *error)
{
    fseg_status status = fseg_model_read_answer(model, out, error);
    if (status == FSEG_OK && c->average) {
        status = fseg_answer_parse_views(c->average, &out->views, error);
    }
    out->smooth_mm = c->smooth_mm >= 0 ? c->smooth_mm : out->smooth_mm;
    out->smooth_through_mm =
        c->smooth_through_mm >= 0 ? c->smooth_through_mm : out->smooth_through_mm;
    out->fill_holes = c->fill_holes ? strcmp(c->fill_holes, "on") == 0 : out->fill_holes;
    out->keep_all = c->keep ? strcmp(c->keep, "all") == 0 : out->keep_all;
    return status;
}

json_t *answer_json(const answer_choice *choice, const fseg_answer_options *answer)
{
    json_t *views = json_array();
    for (unsigned i = 0; i < VIEW_BITS; i++) {
        if (answer->views & 1U << i) {
            json_array_append_new(views, json_string(view_names[i + 1]));
        }
    }
    return json_pack("{s:o, s:f, s:f, s:b, s:s, s:s}", "average", views, "smooth_mm",
                     answer->smooth_mm, "smooth_through_mm", answer->smooth_through_mm,
                     "fill_holes", answer->fill_holes, "keep", answer->keep_all ? "all" : "largest",
                     "shift", choice->shift ? choice->shift : "none");
}

/* ---- the store ---- */

/* Create the folder and note whose answers it holds, or find that they are another model's. */
static fseg_status open_store(const answer_choice *choice, const input_model *model,
                              fseg_error *error)
{
    if (mkdir(choice->store, 0777) != 0 && access(choice->store, W_OK) != 0) {
        return fseg_error_set(error, FSEG_ERROR_IO, "The folder '%.300s' cannot be written.",
                              choice->store);
    }
    char *path = NULL, known[65] = "";
    if (asprintf(&path, "%s/model.sha256", choice->store) < 0) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    fseg_status status = FSEG_OK;
    FILE *file = fopen(path, "r");
    if (file) {
        const bool read = fscanf(file, "%64s", known) == 1;
        fclose(file);
        if (!read || strcmp(known, model->sha256) != 0) {
            status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                    "The folder '%.300s' holds the answers of another model; "
                                    "choose another one.",
                                    choice->store);
        }
    } else {
        status = fseg_file_write(path, model->sha256, strlen(model->sha256), error);
    }
    free(path);
    return status;
}

static char *stored_path(const answer_choice *choice, const labelled_case *entry, unsigned view)
{
    char *path = NULL;
    const int length = asprintf(&path, "%s/%s-%s-%s.nrrd", choice->store, entry->name,
                                choice->shift ? choice->shift : "none", view_names[view]);
    return length < 0 ? NULL : path;
}

/* The answer of view number `view` (0: plain): from the store, or computed and stored. */
static fseg_status find_answer(fseg_context *context, const input_model *model,
                               const labelled_case *entry, const answer_choice *choice,
                               const fseg_volume *volume, unsigned view,
                               const fseg_progress *progress, fseg_volume **out, fseg_error *error)
{
    const unsigned bit = view == 0 ? 0 : 1U << (view - 1);
    if (!choice->store) {
        return fseg_segment_volume_view(context, model->model, volume, bit, progress, out, error);
    }
    char *path = stored_path(choice, entry, view);
    if (!path) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    fseg_status status;
    if (access(path, R_OK) == 0) {
        status = fseg_volume_read(path, out, error);
        if (status == FSEG_OK && !fseg_geometry_equal(&(*out)->geometry, &volume->geometry, 0.01)) {
            status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                    "The stored answer does not lie on the grid of the image; "
                                    "choose another --store folder.");
        }
    } else {
        status = fseg_segment_volume_view(context, model->model, volume, bit, progress, out, error);
        if (status == FSEG_OK) {
            status = fseg_volume_write(*out, path, error);
        }
    }
    free(path);
    return status;
}

/* ---- one case ---- */

/* Same case, same field and noise, in every run. */
static uint64_t case_seed(const char *name)
{
    uint64_t hash = 1469598103934665603U; /* FNV-1a */
    for (; *name; name++) {
        hash = (hash ^ (unsigned char)*name) * 1099511628211U;
    }
    return hash;
}

static size_t voxel_count(const fseg_geometry *geometry)
{
    return geometry->size[0] * geometry->size[1] * geometry->size[2];
}

/* The image, changed as --shift says, and the mask of the structure. */
static fseg_status read_case(const answer_choice *choice, const labelled_case *entry, int label,
                             case_images *images, fseg_error *error)
{
    const int shift = choice->shift ? fseg_shift_from_name(choice->shift) : FSEG_SHIFT_NONE;
    if (shift == FSEG_SHIFT_NONE) {
        return case_images_read(NULL, entry, label, images, error);
    }
    fseg_status status = case_images_read(NULL, entry, -1, images, error);
    if (status != FSEG_OK) {
        return status;
    }
    const size_t *size = images->volume->geometry.size;
    if (voxel_count(&images->truth->geometry) != voxel_count(&images->volume->geometry)) {
        status = fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                                "Image and label map have different sizes.");
    } else {
        status = fseg_shift_apply((fseg_shift)shift, case_seed(entry->name), images->volume->voxels,
                                  images->truth->voxels, (int)size[2], (int)size[1], (int)size[0],
                                  label);
        if (status != FSEG_OK) {
            fseg_error_set(error, status, "The image could not be changed: %s.",
                           fseg_status_text(status));
        }
    }
    for (size_t i = 0; status == FSEG_OK && i < voxel_count(&images->truth->geometry); i++) {
        images->truth->voxels[i] = images->truth->voxels[i] == label;
    }
    if (status != FSEG_OK) {
        case_images_free(images);
    }
    return status;
}

static fseg_status average_answers(fseg_context *context, const input_model *model,
                                   const labelled_case *entry, const answer_choice *choice,
                                   const fseg_answer_options *answer, const fseg_volume *volume,
                                   const fseg_progress *progress, fseg_volume **out,
                                   fseg_error *error)
{
    const size_t count = voxel_count(&volume->geometry);
    unsigned runs = 0;
    *out = NULL;
    fseg_status status = FSEG_OK;
    for (unsigned view = 0; view <= VIEW_BITS && status == FSEG_OK; view++) {
        if (view > 0 && !(answer->views & 1U << (view - 1))) {
            continue;
        }
        fseg_volume *one = NULL;
        status = find_answer(context, model, entry, choice, volume, view, progress, &one, error);
        for (size_t i = 0; status == FSEG_OK && *out && i < count; i++) {
            (*out)->voxels[i] += one->voxels[i];
        }
        runs++;
        if (status == FSEG_OK && !*out) {
            *out = one;
        } else {
            fseg_volume_free(one);
        }
    }
    for (size_t i = 0; status == FSEG_OK && i < count; i++) {
        (*out)->voxels[i] /= (float)runs;
    }
    if (status != FSEG_OK) {
        fseg_volume_free(*out);
        *out = NULL;
    }
    return status;
}

fseg_status answer_measure(fseg_context *context, const input_model *model,
                           const labelled_case *entry, int label, const answer_choice *choice,
                           const program_common *common, fseg_mask_agreement *agreement,
                           double *seconds, fseg_error *error)
{
    case_images images = {0};
    fseg_volume *probabilities = NULL;
    fseg_mask *mask = NULL;
    fseg_answer_options answer;
    program_progress progress;
    program_progress_start(&progress, common, entry->shown);
    fseg_status status = answer_resolve(choice, model->model, &answer, error);
    if (status == FSEG_OK && choice->store) {
        status = open_store(choice, model, error);
    }
    if (status == FSEG_OK) {
        status = read_case(choice, entry, label, &images, error);
    }
    const double start = program_seconds();
    if (status == FSEG_OK) {
        status = average_answers(context, model, entry, choice, &answer, images.volume,
                                 &progress.progress, &probabilities, error);
    }
    if (status == FSEG_OK) {
        status =
            fseg_segment_volume_mask(probabilities, &answer, model->spec.threshold, &mask, error);
    }
    *seconds = program_seconds() - start;
    if (status == FSEG_OK) {
        status = fseg_mask_compare(mask, images.truth, agreement, error);
    }
    program_progress_end(&progress);
    fseg_mask_free(mask);
    fseg_volume_free(probabilities);
    case_images_free(&images);
    return status;
}
