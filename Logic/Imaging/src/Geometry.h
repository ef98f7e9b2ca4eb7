/**
 * @file Geometry.h
 * Vectors and voxel grids in DICOM's LPS convention.
 */
#ifndef FRUGALSEG_IMAGING_GEOMETRY_H
#define FRUGALSEG_IMAGING_GEOMETRY_H

#include "frugalseg/imaging.h"
#include <array>
#include <memory>

namespace frugalseg
{

using Vector3 = std::array<double, 3>;

double dot(const Vector3 &a, const Vector3 &b);
Vector3 cross(const Vector3 &a, const Vector3 &b);
double norm(const Vector3 &a);
Vector3 scaled(const Vector3 &a, double factor);
Vector3 difference(const Vector3 &a, const Vector3 &b);

/** Column `axis` of the matrix: the step in mm along one voxel axis; axis 3 is the origin. */
Vector3 matrixColumn(const fseg_geometry &geometry, int axis);
void setMatrixColumn(fseg_geometry &geometry, int axis, const Vector3 &value);
/** Patient position of a (fractional) voxel index. */
Vector3 positionOf(const fseg_geometry &geometry, const Vector3 &index);

/** Number of voxels; throws when the size is zero, or too large to address as float. */
size_t voxelCount(const fseg_geometry &geometry);
/** Throws unless the size is usable and the matrix is finite, invertible and affine. */
void requireGeometry(const fseg_geometry &geometry);

struct VolumeDeleter {
    void operator()(fseg_volume *volume) const
    {
        fseg_volume_free(volume);
    }
    void operator()(fseg_mask *mask) const
    {
        fseg_mask_free(mask);
    }
};
using VolumePointer = std::unique_ptr<fseg_volume, VolumeDeleter>;
using MaskPointer = std::unique_ptr<fseg_mask, VolumeDeleter>;

/** A zero-filled volume or mask on a checked geometry. */
VolumePointer newVolume(const fseg_geometry &geometry);
MaskPointer newMask(const fseg_geometry &geometry);

} // namespace frugalseg
#endif
