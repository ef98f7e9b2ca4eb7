/**
 * @file Components.h
 * Connected components of a binary volume.
 */
#ifndef FRUGALSEG_IMAGING_COMPONENTS_H
#define FRUGALSEG_IMAGING_COMPONENTS_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace frugalseg
{

/** Keep the largest 6-connected component of `voxels` (size[0] fastest), the first one in memory
 *  order among equals. Returns the sizes of all components in descending order. */
std::vector<size_t> keepLargestComponent(uint8_t *voxels, const std::array<size_t, 3> &size);

} // namespace frugalseg
#endif
