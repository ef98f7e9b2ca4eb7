/**
 * @file Answer.h
 * From the network's probabilities on its own grid to a mask on the image's.
 */
#ifndef FRUGALSEG_IMAGING_ANSWER_H
#define FRUGALSEG_IMAGING_ANSWER_H

#include "frugalseg/answer.h"

#include "CanonicalAxes.h"
#include "Geometry.h"
#include "Prediction.h"
#include <vector>

namespace frugalseg
{

/** Throws for options out of range. */
void requireAnswer(const fseg_answer_options &answer);

/** Gaussian smoothing of [slices, rows, columns] in place; borders keep their weight. */
void smoothProbabilities(std::vector<float> &values, const CanonicalAxes &axes, double inPlaneMm,
                         double throughMm);

/** Voxels 0 that no path of face neighbours leads from to the border of the volume become 1. */
void fillHoles(uint8_t *voxels, const std::array<size_t, 3> &size);

/** The answers of the further views of `answer`, averaged with `probabilities` (of the plain view,
 *  in canonical order of the source), in place. */
void averageViews(fseg_context *context, const fseg_model *model, const fseg_volume &volume,
                  const fseg_input_spec &spec, unsigned views, const ProgressPart &part,
                  std::vector<float> &probabilities);

/** The mask of `probabilities`, which are smoothed in place, on the grid of `source`. `components`
 *  (may be null) as for maskFromGrid. */
MaskPointer maskFromAnswer(const fseg_geometry &source, std::vector<float> &probabilities,
                           const fseg_answer_options &answer, double threshold,
                           std::vector<size_t> *components);

/** Number of bits. */
unsigned viewCount(unsigned views);

} // namespace frugalseg
#endif
