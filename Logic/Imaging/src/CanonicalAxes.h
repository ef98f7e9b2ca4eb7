/**
 * @file CanonicalAxes.h
 * The standard orientation of a voxel grid: which of its axes are shown as columns, rows and
 * slices, and which of them are reversed. It depends on the grid's place in the patient only, not
 * on the order in which its voxels lie in memory.
 */
#ifndef FRUGALSEG_IMAGING_CANONICAL_AXES_H
#define FRUGALSEG_IMAGING_CANONICAL_AXES_H

#include "Geometry.h"

namespace frugalseg
{

struct CanonicalAxes {
    int axis[3];                /**< memory axis that becomes columns, rows, slices */
    bool flip[3];               /**< whether it is reversed */
    std::array<size_t, 3> size; /**< along columns, rows, slices */
    double spacing[3];          /**< mm, likewise */
    fseg_geometry geometry;     /**< the grid seen in this orientation */

    explicit CanonicalAxes(const fseg_geometry &source);

    /** Copy between memory order of the source and the canonical order. */
    template <typename Voxel> void fromSource(const Voxel *source, Voxel *canonical) const;
    template <typename Voxel> void toSource(const Voxel *canonical, Voxel *source) const;

  private:
    size_t start_;        /**< memory offset of canonical voxel 0, 0, 0 */
    ptrdiff_t stride_[3]; /**< memory step along columns, rows, slices */
};

template <typename Voxel>
void CanonicalAxes::fromSource(const Voxel *source, Voxel *canonical) const
{
    for (size_t k = 0; k < size[2]; ++k) {
        for (size_t j = 0; j < size[1]; ++j) {
            const Voxel *from = source + start_ + stride_[2] * static_cast<ptrdiff_t>(k) +
                                stride_[1] * static_cast<ptrdiff_t>(j);
            for (size_t i = 0; i < size[0]; ++i) {
                *canonical++ = from[stride_[0] * static_cast<ptrdiff_t>(i)];
            }
        }
    }
}

template <typename Voxel> void CanonicalAxes::toSource(const Voxel *canonical, Voxel *source) const
{
    for (size_t k = 0; k < size[2]; ++k) {
        for (size_t j = 0; j < size[1]; ++j) {
            Voxel *to = source + start_ + stride_[2] * static_cast<ptrdiff_t>(k) +
                        stride_[1] * static_cast<ptrdiff_t>(j);
            for (size_t i = 0; i < size[0]; ++i) {
                to[stride_[0] * static_cast<ptrdiff_t>(i)] = *canonical++;
            }
        }
    }
}

} // namespace frugalseg
#endif
