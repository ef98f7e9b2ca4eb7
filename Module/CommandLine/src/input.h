/* Inputs of the commands: models, and images from a DICOM folder or a file. */
#ifndef FRUGALSEG_INPUT_H
#define FRUGALSEG_INPUT_H

#include "frugalseg/imaging.h"
#include "frugalseg/model.h"
#include "program.h"

/* A model from a file or by its name in Resources/Models. */
typedef struct input_model {
    fseg_model *model;
    fseg_input_spec spec;
    char sha256[65];
} input_model;

fseg_status input_model_load(const char *name_or_path, input_model *out, fseg_error *error);
void input_model_free(input_model *input);

/* An image; `series` is null unless it came from a DICOM input. */
typedef struct input_image {
    fseg_series_list *series;
    size_t index; /* of the volume used */
    fseg_volume *volume;
    char id[65]; /* SHA-256 of the series UID or of the file's content: tells inputs apart in
                    reports without naming them */
} input_image;

/* Which volume of a DICOM input, and what it may be like; all zero: the only one, regular. */
typedef struct input_choice {
    const char *uid; /* of the series, or null */
    int volume;      /* number in the series from 1, 0 = the only one */
    bool allow_uneven;
} input_choice;

/* Read a volume of a DICOM input (folder, DICOMDIR, ZIP archive, file) or a NIfTI or NRRD file, for
 * which there is nothing to choose. */
fseg_status input_image_read(const char *path, const input_choice *choice,
                             const fseg_progress *progress, input_image *out, fseg_error *error);
void input_image_free(input_image *input);

bool input_is_folder(const char *path);

#endif
