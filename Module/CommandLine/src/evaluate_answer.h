/* Ways of making a mask from a model's answer, and changed images, for `frugalseg evaluate`. */
#ifndef FRUGALSEG_EVALUATE_ANSWER_H
#define FRUGALSEG_EVALUATE_ANSWER_H

#include "case_images.h"
#include "frugalseg/answering.h"
#include "input.h"
#include "program.h"

/* What the command line says; null or negative: as the model's card says. */
typedef struct answer_choice {
    const char *average, *fill_holes, *keep, *store, *shift;
    double smooth_mm, smooth_through_mm;
} answer_choice;

enum { ANSWER_OPTIONS = 7 };
answer_choice answer_choice_none(void);
/* Its options, for the command's table [ANSWER_OPTIONS]. */
void answer_option_table(answer_choice *choice, program_option *table);
/* Whether anything was chosen. */
bool answer_is_chosen(const answer_choice *choice);
/* EXIT_OK, or the exit code after a message. */
int answer_check_options(const program_command *command, const program_common *common,
                         const answer_choice *choice);

/* The card's options with what was chosen in place of them. */
fseg_status answer_resolve(const answer_choice *choice, const fseg_model *model,
                           fseg_answer_options *out, fseg_error *error);
/* The same as JSON, the shift included. */
json_t *answer_json(const answer_choice *choice, const fseg_answer_options *answer);

/* As case_measure; answers of the network lie in the folder choice->store, and are used again. */
fseg_status answer_measure(fseg_context *context, const input_model *model,
                           const labelled_case *entry, int label, const answer_choice *choice,
                           const program_common *common, fseg_mask_agreement *agreement,
                           double *seconds, fseg_error *error);

#endif
