/**
 * @file NetworkGrid.h
 * Mask from the network's probabilities, with what the warnings need to know.
 */
#ifndef FRUGALSEG_IMAGING_NETWORK_GRID_H
#define FRUGALSEG_IMAGING_NETWORK_GRID_H

#include "Geometry.h"
#include <vector>

namespace frugalseg
{

/** The probabilities of a grid on the grid of its source: [slices, rows, columns] in the canonical
 *  order of CanonicalAxes. Throws when they are not finite. */
std::vector<float> sourceProbabilities(const fseg_network_grid &grid, const float *probabilities);

/** fseg_network_grid_mask. */
MaskPointer maskFromGrid(const fseg_network_grid &grid, const float *probabilities,
                         double threshold);

/** Map of entropy in bits of probabilities in canonical order, which it replaces. */
VolumePointer entropyOf(const fseg_geometry &source, std::vector<float> &probabilities);

/** Entropy in bits of a yes-or-no answer of probability `p`. */
double binaryEntropy(double p);

} // namespace frugalseg
#endif
