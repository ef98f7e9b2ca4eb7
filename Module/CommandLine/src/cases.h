/* Folders of labelled images: NAME_image.nii.gz beside NAME_label.nii.gz (also .nii, .nrrd). */
#ifndef FRUGALSEG_CASES_H
#define FRUGALSEG_CASES_H

#include "frugalseg/status.h"
#include <stdbool.h>
#include <stddef.h>

typedef struct labelled_case {
    char *name;
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
/* Every one of the comma-separated `names` must be a case (null: fine); FSEG_ERROR_INVALID_ARGUMENT
 * names the first that is not. */
fseg_status case_list_check_names(const case_list *list, const char *names, fseg_error *error);

#endif
