/* Pelvic phantoms as images and label maps in patient space. */
#ifndef FRUGALSEG_SYNTH_PELVIS_CASES_H
#define FRUGALSEG_SYNTH_PELVIS_CASES_H

#include "frugalseg/imaging.h"
#include "frugalseg/phantom_pelvis.h"
#include "program.h"

typedef struct pelvis_request {
    const program_common *common;
    const char *map, *maps, *only_maps, *exclude_maps; /* a label map; a folder of them; names */
    double map_variation, parametric_share;
    uint64_t seed;
    bool whole_gland;
} pelvis_request;

/* Read a label map and check that it can be a prostate; the mask stays the map's owner. */
fseg_status pelvis_map_read(const char *path, fseg_mask **mask, fseg_pelvis_map *map,
                            fseg_error *error);

/* Render a scan; image and labels are the caller's. */
fseg_status pelvis_volume_create(const fseg_pelvis *pelvis, fseg_context *context,
                                 const fseg_pelvis_scan *scan, const fseg_progress *progress,
                                 fseg_volume **volume, fseg_mask **labels, fseg_error *error);

/* Write `count` cases NAME_image.nii.gz and NAME_label.nii.gz with random patients and scans into
 * `folder`; those that are there already are kept, so that a stopped run goes on. */
fseg_status pelvis_cases_write(const pelvis_request *request, const char *folder, int count,
                               fseg_context *context, fseg_error *error);

#endif
