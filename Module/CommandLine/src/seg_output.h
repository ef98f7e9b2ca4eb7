/* What commands that write DICOM segmentations share: their options, and the notes on the source.
 */
#ifndef FRUGALSEG_SEG_OUTPUT_H
#define FRUGALSEG_SEG_OUTPUT_H

#include "frugalseg/imaging.h"
#include <jansson.h>

/* Words of the command line. */
typedef struct seg_output_words {
    const char *type, *uid_root;
} seg_output_words;

/* Put the words into `options`; an unknown type is FSEG_ERROR_INVALID_ARGUMENT. */
fseg_status seg_output_apply(const seg_output_words *words, fseg_seg_options *options,
                             fseg_error *error);

/* FSEG_ERROR_BAD_INPUT when `path` is a segmentation that a person corrected: it is not replaced.
 */
fseg_status seg_output_require_kept(const char *path, fseg_error *error);

/* What was repaired or left out of the source: [{"attribute", "what", "text"}]; one line each. */
json_t *seg_output_notes_json(const fseg_seg_report *report);
void seg_output_show_notes(const fseg_seg_report *report);

#endif
