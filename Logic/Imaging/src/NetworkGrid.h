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
 *  components above the threshold, in descending order. */
MaskPointer maskFromGrid(const fseg_network_grid &grid, const float *probabilities,
                         double threshold, std::vector<size_t> *components);

} // namespace frugalseg
#endif
