/**
 * @file slices.h
 * Slices of a volume as the network sees them.
 */
#ifndef FRUGALSEG_SLICES_H
#define FRUGALSEG_SLICES_H

#include "frugalseg/imaging.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The axis of a voxel grid across its slices: 0 columns, 1 rows, 2 slices, -1 when the geometry is
 * not usable. It becomes the depth of fseg_network_grid, which has as many slices as the grid has
 * voxels along it; they may run the other way, as the two geometries tell.
 */
int fseg_geometry_slice_axis(const fseg_geometry *geometry);

#ifdef __cplusplus
}
#endif
#endif
