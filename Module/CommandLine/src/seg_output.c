#include "seg_output.h"
#include "program.h"
#include <string.h>

fseg_status seg_output_apply(const seg_output_words *words, fseg_seg_options *options,
                             fseg_error *error)
{
    options->uid_root = words->uid_root;
    for (int i = 0; words->type && fseg_seg_type_name((fseg_seg_type)i); i++) {
        if (strcmp(words->type, fseg_seg_type_name((fseg_seg_type)i)) == 0) {
            options->type = (fseg_seg_type)i;
            return FSEG_OK;
        }
    }
    return words->type
               ? fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                "--seg-type is binary or labelmap, not '%.40s'.", words->type)
               : FSEG_OK;
}

fseg_status seg_output_require_kept(const char *path, fseg_error *error)
{
    fseg_seg_content content;
    if (fseg_seg_identify(path, &content, NULL) == FSEG_OK && content.edited) {
        return fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                              "'%.300s' holds a segmentation that a person corrected; it is kept: "
                              "give another folder.",
                              path);
    }
    return FSEG_OK;
}

json_t *seg_output_notes_json(const fseg_seg_report *report)
{
    json_t *notes = json_array();
    for (int i = 0; i < report->note_count; i++) {
        const fseg_seg_note *note = &report->notes[i];
        json_array_append_new(notes,
                              json_pack("{s:s, s:s, s:s}", "attribute", note->attribute, "what",
                                        fseg_seg_note_name(note->kind), "text", note->text));
    }
    return notes;
}

void seg_output_show_notes(const fseg_seg_report *report)
{
    for (int i = 0; i < report->note_count; i++) {
        program_warn("%s", report->notes[i].text);
    }
}
