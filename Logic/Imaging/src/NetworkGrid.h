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

/** fseg_network_grid_mask; `components` (may be null) receives the voxel counts of all connected
 *  components above the threshold, in descending order; `entropy` (may be null) the entropy in bits
 *  of the probability at each voxel of the source. */
MaskPointer maskFromGrid(const fseg_network_grid &grid, const float *probabilities,
                         double threshold, std::vector<size_t> *components,
                         VolumePointer *entropy = nullptr);

/** Entropy in bits of a yes-or-no answer of probability `p`. */
double binaryEntropy(double p);

} // namespace frugalseg
#endif
