/* Folders of unlabelled scans for pretraining: DICOM series and NIfTI or NRRD files, recursively.
 */
#ifndef FRUGALSEG_UNLABELLED_H
#define FRUGALSEG_UNLABELLED_H

#include "frugalseg/imaging.h"
#include "frugalseg/sampler.h"

typedef struct unlabelled_data {
    fseg_sampler *sampler;
    const fseg_input_spec *spec; /* how the network sees an image */
    int size_multiple;
    size_t used, left_out;
} unlabelled_data;

/*
 * Add every usable scan below `folder` to the sampler. Files NAME_label.* are skipped. A scan that
 * cannot be read is left out with a warning; none at all: FSEG_ERROR_BAD_INPUT.
 */
fseg_status unlabelled_load(unlabelled_data *data, const char *folder, fseg_error *error);

#endif
