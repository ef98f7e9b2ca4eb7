/* Volume of a mask, and agreement of two masks: Dice and 95th percentile surface distance. */
#include "Failure.h"
#include "Geometry.h"

#include <algorithm>
#include <cmath>
#include <itkImage.h>
#include <itkSignedMaurerDistanceMapImageFilter.h>
#include <vector>

namespace frugalseg
{

namespace
{

using ByteImage = itk::Image<uint8_t, 3>;
using DistanceImage = itk::Image<float, 3>;

/** What `fseg_mask_agreement` documents for one empty mask. */
constexpr double distanceToNothing = 200.0;

/** Half-open box of voxel indices. */
struct Box {
    size_t low[3], high[3];
};

/** The part of the grid that either mask occupies. */
Box occupiedBox(const fseg_mask &a, const fseg_mask &b)
{
    const size_t *size = a.geometry.size;
    Box box{{size[0], size[1], size[2]}, {0, 0, 0}};
    size_t at = 0;
    for (size_t k = 0; k < size[2]; ++k) {
        for (size_t j = 0; j < size[1]; ++j) {
            for (size_t i = 0; i < size[0]; ++i, ++at) {
                if (a.voxels[at] || b.voxels[at]) {
                    const size_t index[3] = {i, j, k};
                    for (int axis = 0; axis < 3; ++axis) {
                        box.low[axis] = std::min(box.low[axis], index[axis]);
                        box.high[axis] = std::max(box.high[axis], index[axis] + 1);
                    }
                }
            }
        }
    }
    return box;
}

/** Surface voxels of a mask (those with a 6-neighbour outside), in the box plus one voxel of
 *  background around it. */
ByteImage::Pointer surfaceOf(const fseg_mask &mask, const Box &box)
{
    const size_t *size = mask.geometry.size;
    const auto image = ByteImage::New();
    ByteImage::SizeType extent;
    ByteImage::SpacingType spacing;
    for (unsigned axis = 0; axis < 3; ++axis) {
        extent[axis] = box.high[axis] - box.low[axis] + 2;
        spacing[axis] = norm(matrixColumn(mask.geometry, static_cast<int>(axis)));
    }
    image->SetRegions(ByteImage::RegionType(extent));
    image->SetSpacing(spacing);
    image->Allocate(true);
    uint8_t *surface = image->GetBufferPointer();
    const size_t step[3] = {1, size[0], size[0] * size[1]};
    for (size_t k = box.low[2]; k < box.high[2]; ++k) {
        for (size_t j = box.low[1]; j < box.high[1]; ++j) {
            for (size_t i = box.low[0]; i < box.high[0]; ++i) {
                const size_t index[3] = {i, j, k};
                const uint8_t *at = mask.voxels + i + j * step[1] + k * step[2];
                if (!*at) {
                    continue;
                }
                bool inside = true;
                for (int axis = 0; axis < 3; ++axis) {
                    inside = inside && index[axis] > 0 && index[axis] + 1 < size[axis] &&
                             *(at - step[axis]) && at[step[axis]];
                }
                if (!inside) {
                    const size_t x = i - box.low[0] + 1, y = j - box.low[1] + 1,
                                 z = k - box.low[2] + 1;
                    surface[x + extent[0] * (y + extent[1] * z)] = 1;
                }
            }
        }
    }
    return image;
}

/** Distance in mm from every voxel to the nearest voxel of `surface`. A surface voxel always has a
 *  neighbour that is none, so the filter's own contour of the surface is the surface itself. */
DistanceImage::Pointer distanceTo(const ByteImage::Pointer &surface)
{
    const auto filter = itk::SignedMaurerDistanceMapImageFilter<ByteImage, DistanceImage>::New();
    filter->SetInput(surface);
    filter->SetUseImageSpacing(true);
    filter->SetSquaredDistance(false);
    filter->SetNumberOfWorkUnits(1);
    filter->Update();
    return filter->GetOutput();
}

void collect(const ByteImage::Pointer &surface, const DistanceImage::Pointer &distance,
             std::vector<double> &values)
{
    const size_t count = surface->GetLargestPossibleRegion().GetNumberOfPixels();
    for (size_t i = 0; i < count; ++i) {
        if (surface->GetBufferPointer()[i]) {
            values.push_back(std::fabs(distance->GetBufferPointer()[i]));
        }
    }
}

double percentile95(std::vector<double> &values)
{
    std::sort(values.begin(), values.end());
    const double rank = 0.95 * static_cast<double>(values.size() - 1);
    const auto below = static_cast<size_t>(std::floor(rank));
    const size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (rank - std::floor(rank)) * (values[above] - values[below]);
}

size_t occupied(const fseg_mask &mask)
{
    const size_t count = voxelCount(mask.geometry);
    return count - static_cast<size_t>(std::count(mask.voxels, mask.voxels + count, uint8_t{0}));
}

void compare(const fseg_mask &mask, const fseg_mask &truth, fseg_mask_agreement &out)
{
    requireGeometry(mask.geometry);
    if (!fseg_geometry_equal(&mask.geometry, &truth.geometry, 0.05)) {
        throw Failure(FSEG_ERROR_BAD_INPUT, "the two masks do not lie on the same voxel grid");
    }
    const size_t count = voxelCount(mask.geometry);
    const size_t ofMask = occupied(mask), ofTruth = occupied(truth);
    size_t common = 0;
    for (size_t i = 0; i < count; ++i) {
        common += mask.voxels[i] && truth.voxels[i] ? 1 : 0;
    }
    out = fseg_mask_agreement{};
    out.volume_ml = fseg_mask_volume_ml(&mask);
    out.truth_ml = fseg_mask_volume_ml(&truth);
    if (ofMask == 0 || ofTruth == 0) {
        out.dice = ofMask == ofTruth ? 1.0 : 0.0;
        out.hd95_mm = ofMask == ofTruth ? 0.0 : distanceToNothing;
        return;
    }
    out.dice = 2.0 * static_cast<double>(common) / static_cast<double>(ofMask + ofTruth);
    const Box box = occupiedBox(mask, truth);
    const ByteImage::Pointer a = surfaceOf(mask, box), b = surfaceOf(truth, box);
    std::vector<double> distances;
    collect(a, distanceTo(b), distances);
    collect(b, distanceTo(a), distances);
    out.hd95_mm = percentile95(distances);
}

} // namespace

} // namespace frugalseg

extern "C" {

double fseg_mask_volume_ml(const fseg_mask *mask)
{
    if (!mask || !mask->voxels) {
        return 0.0;
    }
    const frugalseg::Vector3 normal = frugalseg::cross(frugalseg::matrixColumn(mask->geometry, 0),
                                                       frugalseg::matrixColumn(mask->geometry, 1));
    const double voxel =
        std::fabs(frugalseg::dot(normal, frugalseg::matrixColumn(mask->geometry, 2)));
    size_t count = 0;
    const size_t total = mask->geometry.size[0] * mask->geometry.size[1] * mask->geometry.size[2];
    for (size_t i = 0; i < total; ++i) {
        count += mask->voxels[i] ? 1 : 0;
    }
    return static_cast<double>(count) * voxel / 1000.0;
}

fseg_status fseg_mask_compare(const fseg_mask *mask, const fseg_mask *truth,
                              fseg_mask_agreement *out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(mask && truth && out && mask->voxels && truth->voxels,
                                   "mask, truth and out must not be null");
        frugalseg::compare(*mask, *truth, *out);
    });
}

} // extern "C"
