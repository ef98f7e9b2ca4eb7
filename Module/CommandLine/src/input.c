#include "input.h"
#include "frugalseg/model_locate.h"
#include <string.h>
#include <sys/stat.h>

bool input_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

fseg_status input_model_load(const char *name_or_path, input_model *out, fseg_error *error)
{
    memset(out, 0, sizeof *out);
    char path[FSEG_PATH_LENGTH];
    fseg_status status = fseg_model_locate(name_or_path, path, sizeof path, error);
    if (status == FSEG_OK) {
        status = fseg_model_load(path, &out->model, error);
    }
    if (status == FSEG_OK) {
        status = fseg_model_input_spec(out->model, &out->spec, error);
    }
    if (status == FSEG_OK) {
        status = fseg_file_sha256(path, out->sha256, error);
    }
    if (status != FSEG_OK) {
        input_model_free(out);
    }
    return status;
}

void input_model_free(input_model *input)
{
    fseg_model_free(input->model);
    input->model = NULL;
}

static fseg_status read_series(const char *path, const input_choice *choice,
                               const fseg_progress *progress, input_image *out, fseg_error *error)
{
    const fseg_series_scan_options options = {.allow_uneven = choice->allow_uneven};
    fseg_status status = fseg_series_list_scan_with(path, &options, progress, &out->series, error);
    if (status == FSEG_OK) {
        status = fseg_series_list_choose_volume(out->series, choice->uid, (size_t)choice->volume,
                                                &out->index, error);
    }
    if (status == FSEG_OK) {
        (void)program_salted_sha256(fseg_series_list_info(out->series, out->index)->uid, out->id);
        status = fseg_series_read(out->series, out->index, progress, &out->volume, error);
    }
    return status;
}

fseg_status input_image_read(const char *path, const input_choice *choice,
                             const fseg_progress *progress, input_image *out, fseg_error *error)
{
    memset(out, 0, sizeof *out);
    struct stat info;
    if (stat(path, &info) != 0) {
        return fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                              "The image '%.300s' does not exist; check the path.", path);
    }
    fseg_status status;
    if (fseg_series_is_dicom_input(path)) {
        status = read_series(path, choice, progress, out, error);
    } else if (choice->uid || choice->volume || choice->allow_uneven) {
        status = fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                "--series, --volume and --allow-uneven are for DICOM, but '%.300s' "
                                "is another kind of file.",
                                path);
    } else {
        status = fseg_volume_read(path, &out->volume, error);
        char content[65];
        if (status == FSEG_OK) {
            status = fseg_file_sha256(path, content, error);
        }
        if (status == FSEG_OK) {
            (void)program_salted_sha256(content, out->id);
        }
    }
    if (status != FSEG_OK) {
        input_image_free(out);
    }
    return status;
}

void input_image_free(input_image *input)
{
    fseg_volume_free(input->volume);
    fseg_series_list_free(input->series);
    input->volume = NULL;
    input->series = NULL;
}
