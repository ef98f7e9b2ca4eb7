/* Folders of labelled images: NAME_image.nii.gz beside NAME_label.nii.gz (also .nii, .nrrd). */
#ifndef FRUGALSEG_CASES_H
#define FRUGALSEG_CASES_H

#include "frugalseg/status.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct labelled_case {
    char *name;     /* from the file's name: for options, never for logs and reports */
    char shown[64]; /* what logs and reports call it: the name when it tells of nobody ("case_0007",
                     * "chaos-12"), else "case 7", its place in the order of names */
    char *image;
    char *label; /* null when there is no label file */
} labelled_case;

typedef struct case_list {
    labelled_case *cases; /* ordered by name */
    size_t count;
} case_list;

/* All cases of `folder`; without any: FSEG_ERROR_BAD_INPUT. */
fseg_status case_list_scan(const char *folder, case_list *out, fseg_error *error);
void case_list_free(case_list *list);

/* Whether `name` is one of the comma-separated `names` (null: no). */
bool case_is_named(const char *names, const char *name);
/* Whether the case is one of the comma-separated `names` (null: no), by either of its names. */
bool case_is_listed(const char *names, const labelled_case *entry);
/* `message` with the paths of the case's files taken out. */
void case_hide_paths(const labelled_case *entry, const char *message, char *out, size_t size);
/* Call every case what logs may call it, for a study, which keeps names. */
fseg_status case_list_use_shown(case_list *list, fseg_error *error);
/* Every one of the comma-separated `names` must be a case (null: fine); FSEG_ERROR_INVALID_ARGUMENT
 * names the first that is not. */
fseg_status case_list_check_names(const case_list *list, const char *names, fseg_error *error);

#endif
