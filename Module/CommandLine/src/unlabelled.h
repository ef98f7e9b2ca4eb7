/* Folders of unlabelled scans for pretraining: DICOM series and NIfTI or NRRD files, recursively.
 */
#ifndef FRUGALSEG_UNLABELLED_H
#define FRUGALSEG_UNLABELLED_H

#include "frugalseg/constraint_map.h"
#include "frugalseg/imaging.h"
#include "frugalseg/sampler.h"
#include <stdbool.h>

typedef struct unlabelled_data {
    fseg_sampler *sampler;
    fseg_context *context;       /* computes the maps */
    const fseg_input_spec *spec; /* how the network sees an image */
    int size_multiple;
    double weight; /* relative chance of each scan; 0 = 1 */
    /* Maps over all contrasts of a subject; null: none are made, and every file is a subject. */
    const fseg_constraint_options *maps;
    int network_contrast; /* which contrast of several the network sees, 0 for the first */
    /* Results. Scans are numbered from 1 in the order of the folder, those left out included: names
     * may identify a patient and are never shown. */
    size_t used, left_out, most_contrasts; /* of all processes */
    size_t bytes;                          /* that the sampler of this process holds */
    size_t read;                           /* scans that this process read, or tried to */
    size_t *scan_number; /* of each subject of the sampler; free with unlabelled_free */
} unlabelled_data;

/*
 * Add every usable scan below `folder` to the sampler. Files NAME_label.* are skipped. With maps,
 * the files NAME_0000.*, NAME_0001.* ... are the contrasts of one subject, and so are the volumes
 * of a 4D file. A scan that cannot be read is left out with a warning; none at all:
 * FSEG_ERROR_BAD_INPUT.
 *
 * With a communicator in the context, each process reads every size-th scan, and the sampler is
 * shared (fseg_sampler_share): collective, and all give one status.
 */
fseg_status unlabelled_load(unlabelled_data *data, const char *folder, fseg_error *error);
void unlabelled_free(unlabelled_data *data);

#endif
