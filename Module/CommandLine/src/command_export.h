/* The forms of `frugalseg export`, one file each. */
#ifndef FRUGALSEG_COMMAND_EXPORT_H
#define FRUGALSEG_COMMAND_EXPORT_H

#include "input.h"
#include "program.h"
#include "seg_output.h"

typedef struct export_options {
    const char *model, *out;
    /* DICOM segmentations */
    const char *in, *mask, *structures, *predecessor, *editor, *segmentation;
    input_choice choice;
    seg_output_words seg;
    bool edited;
    int segment;      /* 0: all of them */
    double threshold; /* for probabilities; 0: refuse them */
} export_options;

/* Each returns the exit code. */
int export_onnx_file(const export_options *options, const program_common *common);
int export_seg_file(const export_options *options, const program_common *common);
int export_mask_file(const export_options *options, const program_common *common);

#endif
