/**
 * @file answering.h
 * The network's answer on the image's grid, and the mask from it: in one go, or in two steps, so
 * that ways of the second can be compared without running the network again.
 *
 * The rules of imaging.h: objects belong to the caller, functions are thread-safe on different
 * objects. Method: docs/theory/answer.md.
 */
#ifndef FRUGALSEG_ANSWERING_H
#define FRUGALSEG_ANSWERING_H

#include "frugalseg/answer.h"
#include "frugalseg/imaging.h"

#ifdef __cplusplus
extern "C" {
#endif

/** fseg_segment_volume_with, with `answer` in place of what the model's card says (null: that). */
fseg_status fseg_segment_volume_answer(fseg_context *context, const fseg_model *model,
                                       const fseg_volume *volume,
                                       const fseg_segment_options *options,
                                       const fseg_answer_options *answer,
                                       const fseg_progress *progress, fseg_mask **out,
                                       fseg_volume **entropy, fseg_segment_report *report,
                                       fseg_error *error);

/** fseg_segment_volume_memory, likewise. */
fseg_status fseg_segment_volume_answer_memory(const fseg_model *model,
                                              const fseg_geometry *geometry, int entropy,
                                              const fseg_answer_options *answer, size_t *bytes,
                                              fseg_error *error);

/** Foreground probabilities of one view (0 = the image as it is, else one bit FSEG_VIEW_...), seen
 *  from the image as it is, on the grid of `volume`. */
fseg_status fseg_segment_volume_view(fseg_context *context, const fseg_model *model,
                                     const fseg_volume *volume, unsigned view,
                                     const fseg_progress *progress, fseg_volume **probabilities,
                                     fseg_error *error);

/** The mask of (averaged) probabilities: smoothing, threshold, components, holes; `answer->views`
 *  does not matter. */
fseg_status fseg_segment_volume_mask(const fseg_volume *probabilities,
                                     const fseg_answer_options *answer, double threshold,
                                     fseg_mask **out, fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
