/* Vectors and voxel grids in DICOM's LPS convention; creation of volumes and masks. */
#include "Geometry.h"
#include "Failure.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace frugalseg
{

double dot(const Vector3 &a, const Vector3 &b)
{
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

Vector3 cross(const Vector3 &a, const Vector3 &b)
{
    return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

double norm(const Vector3 &a)
{
    return std::sqrt(dot(a, a));
}

Vector3 scaled(const Vector3 &a, double factor)
{
    return {a[0] * factor, a[1] * factor, a[2] * factor};
}

Vector3 difference(const Vector3 &a, const Vector3 &b)
{
    return {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
}

Vector3 matrixColumn(const fseg_geometry &geometry, int axis)
{
    return {geometry.ijk_to_lps[0][axis], geometry.ijk_to_lps[1][axis],
            geometry.ijk_to_lps[2][axis]};
}

void setMatrixColumn(fseg_geometry &geometry, int axis, const Vector3 &value)
{
    for (size_t row = 0; row < 3; ++row) {
        geometry.ijk_to_lps[row][axis] = value[row];
    }
}

Vector3 positionOf(const fseg_geometry &geometry, const Vector3 &index)
{
    Vector3 position{};
    for (size_t row = 0; row < 3; ++row) {
        const double *m = geometry.ijk_to_lps[row];
        position[row] = m[0] * index[0] + m[1] * index[1] + m[2] * index[2] + m[3];
    }
    return position;
}

size_t voxelCount(const fseg_geometry &geometry)
{
    size_t count = 1;
    for (const size_t extent : geometry.size) {
        requireArgument(extent > 0, "a voxel grid must have at least one voxel along each axis");
        const size_t limit = std::numeric_limits<ptrdiff_t>::max() / (4 * sizeof(double));
        requireArgument(extent <= limit / count, "the voxel grid is too large to be addressed");
        count *= extent;
    }
    return count;
}

void requireGeometry(const fseg_geometry &geometry)
{
    voxelCount(geometry);
    const double lastRow[4] = {0, 0, 0, 1};
    for (int row = 0; row < 4; ++row) {
        for (int column = 0; column < 4; ++column) {
            const double value = geometry.ijk_to_lps[row][column];
            requireArgument(std::isfinite(value), "the voxel-to-patient matrix is not finite");
            requireArgument(row < 3 || value == lastRow[column],
                            "the last row of the voxel-to-patient matrix must be 0 0 0 1");
        }
    }
    Vector3 unit[3];
    for (int axis = 0; axis < 3; ++axis) {
        const Vector3 step = matrixColumn(geometry, axis);
        const double length = norm(step);
        requireArgument(length > 1e-6, "the voxel-to-patient matrix has a spacing of zero");
        unit[axis] = scaled(step, 1.0 / length);
    }
    requireArgument(std::fabs(dot(cross(unit[0], unit[1]), unit[2])) > 1e-3,
                    "the axes of the voxel-to-patient matrix lie in one plane");
}

VolumePointer newVolume(const fseg_geometry &geometry)
{
    requireGeometry(geometry);
    VolumePointer volume(static_cast<fseg_volume *>(std::calloc(1, sizeof(fseg_volume))));
    if (!volume) {
        throw std::bad_alloc();
    }
    volume->geometry = geometry;
    volume->voxels = static_cast<float *>(std::calloc(voxelCount(geometry), sizeof(float)));
    if (!volume->voxels) {
        throw std::bad_alloc();
    }
    return volume;
}

MaskPointer newMask(const fseg_geometry &geometry)
{
    requireGeometry(geometry);
    MaskPointer mask(static_cast<fseg_mask *>(std::calloc(1, sizeof(fseg_mask))));
    if (!mask) {
        throw std::bad_alloc();
    }
    mask->geometry = geometry;
    mask->voxels = static_cast<uint8_t *>(std::calloc(voxelCount(geometry), 1));
    if (!mask->voxels) {
        throw std::bad_alloc();
    }
    return mask;
}

} // namespace frugalseg

extern "C" {

void fseg_geometry_spacing(const fseg_geometry *geometry, double spacing_mm[3])
{
    for (int axis = 0; axis < 3; ++axis) {
        spacing_mm[axis] =
            geometry ? frugalseg::norm(frugalseg::matrixColumn(*geometry, axis)) : 0.0;
    }
}

int fseg_geometry_equal(const fseg_geometry *a, const fseg_geometry *b, double tolerance_mm)
{
    if (!a || !b) {
        return 0;
    }
    for (int axis = 0; axis < 3; ++axis) {
        if (a->size[axis] != b->size[axis] || a->size[axis] == 0) {
            return 0;
        }
    }
    for (unsigned corner = 0; corner < 8; ++corner) {
        frugalseg::Vector3 index{};
        for (unsigned axis = 0; axis < 3; ++axis) {
            index[axis] = (corner >> axis & 1U) ? static_cast<double>(a->size[axis] - 1) : 0.0;
        }
        const frugalseg::Vector3 gap = frugalseg::difference(frugalseg::positionOf(*a, index),
                                                             frugalseg::positionOf(*b, index));
        if (!(frugalseg::norm(gap) <= tolerance_mm)) {
            return 0;
        }
    }
    return 1;
}

fseg_status fseg_volume_create(const fseg_geometry *geometry, fseg_volume **out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(geometry && out, "geometry and out must not be null");
        *out = nullptr;
        *out = frugalseg::newVolume(*geometry).release();
    });
}

void fseg_volume_free(fseg_volume *volume)
{
    if (volume) {
        std::free(volume->voxels);
        std::free(volume);
    }
}

fseg_status fseg_mask_create(const fseg_geometry *geometry, fseg_mask **out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(geometry && out, "geometry and out must not be null");
        *out = nullptr;
        *out = frugalseg::newMask(*geometry).release();
    });
}

void fseg_mask_free(fseg_mask *mask)
{
    if (mask) {
        std::free(mask->voxels);
        std::free(mask);
    }
}

} // extern "C"
