/**
 * @file answer.h
 * How the network's answer becomes a mask: views that are averaged, smoothing, holes, components.
 *
 * Card keys, all optional (docs/theory/answer.md):
 *   "average": ["smaller", "larger", "flip-columns", "flip-rows"]   views besides the plain one
 *   "smooth_mm", "smooth_through_mm"   standard deviation of a Gaussian in and across slices
 *   "fill_holes": true                 background that the mask encloses in 3D becomes foreground
 *   "keep": "largest" or "all"         6-connected components; default "largest"
 */
#ifndef FRUGALSEG_ANSWER_H
#define FRUGALSEG_ANSWER_H

#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** All zero: the plain answer, its largest component. */
typedef struct fseg_answer_options {
    unsigned views;   /**< bits FSEG_VIEW_... of imaging.h, each averaged with the plain answer with
                           the same weight and at the cost of one more run of the network */
    double smooth_mm; /**< of the probabilities, in the slice; 0 to 20 */
    double smooth_through_mm; /**< across the slices; 0 to 50 */
    int fill_holes;
    int keep_all; /**< all components, not the largest alone */
} fseg_answer_options;

/** What the model's card says; FSEG_ERROR_FILE_FORMAT for a wrong type, range or word. */
fseg_status fseg_model_read_answer(const fseg_model *model, fseg_answer_options *out,
                                   fseg_error *error);

/** The bits of comma-separated views as in the card; "none" or "" for none.
 *  FSEG_ERROR_INVALID_ARGUMENT names a word that is none of them. */
fseg_status fseg_answer_parse_views(const char *text, unsigned *views, fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
