/* Which image files of a folder make up which unlabelled scan. */
#ifndef FRUGALSEG_UNLABELLED_SCAN_H
#define FRUGALSEG_UNLABELLED_SCAN_H

#include "frugalseg/status.h"
#include <stdbool.h>

/* Files of one subject, one a contrast. */
typedef struct unlabelled_scan {
    char **paths;
    size_t count;
} unlabelled_scan;

typedef struct unlabelled_scans {
    unlabelled_scan *entries;
    size_t count;
} unlabelled_scans;

/*
 * NIfTI and NRRD files below `folder` in the order of their names, but those named NAME_label. With
 * `group`, files NAME_0000, NAME_0001 ... of one folder are one scan; else each file is one. Free
 * also after a failure.
 */
fseg_status unlabelled_find(const char *folder, bool group, unlabelled_scans *out,
                            fseg_error *error);
void unlabelled_scans_free(unlabelled_scans *scans);

/* Copy a message without the path in quotes that it may hold: names may identify a patient. */
void unlabelled_hide_path(const char *message, const char *path, char *out, size_t size);

#endif
