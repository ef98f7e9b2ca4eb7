/* From the image to the slices that the network sees, and back. */
#include "NetworkGrid.h"
#include "Answer.h"
#include "CanonicalAxes.h"
#include "Failure.h"
#include "Resample.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>

namespace frugalseg
{

namespace
{

/** Voxels above this fraction of the range 0.5 to 99 % are body; air and noise lie below. */
constexpr double foregroundFraction = 0.05;
/** Normalized values are kept within these; 0 and 1 are the percentiles of the card. */
constexpr float lowestValue = 0.0F;
constexpr float highestValue = 1.5F;

/** In-plane layout along one axis: samples before padding, padding, samples in all. */
struct Extent {
    size_t samples, before, padded;

    Extent(size_t sourceSize, double sourceSpacing, double spacing, size_t multiple)
    {
        // Halves go down, also after rounding errors: the way back must find the same number.
        const double wanted =
            std::floor(static_cast<double>(sourceSize) * sourceSpacing / spacing + 0.5 - 1e-6);
        if (wanted > 16384.0) {
            throw Failure(FSEG_ERROR_BAD_INPUT,
                          formatText("the image measures %.0f mm across; its voxel spacing must "
                                     "be wrong",
                                     static_cast<double>(sourceSize) * sourceSpacing));
        }
        samples = static_cast<size_t>(std::max(1.0, wanted));
        padded = (samples + multiple - 1) / multiple * multiple;
        before = (padded - samples) / 2;
    }
};

/** The value below which `percent` of the values lie, linear between ranks; reorders `values`. */
double percentile(std::vector<float> &values, double percent)
{
    const double rank = percent / 100.0 * static_cast<double>(values.size() - 1);
    const auto below = static_cast<ptrdiff_t>(std::floor(rank));
    std::nth_element(values.begin(), values.begin() + below, values.end());
    const double low = values[static_cast<size_t>(below)];
    if (static_cast<size_t>(below) + 1 >= values.size()) {
        return low;
    }
    const double high = *std::min_element(values.begin() + below + 1, values.end());
    return low + (rank - std::floor(rank)) * (high - low);
}

[[noreturn]] void constantImage()
{
    throw Failure(FSEG_ERROR_BAD_INPUT,
                  "the image is constant: it shows no structure that could be segmented");
}

/** Map the percentiles of the foreground to 0 and 1, in place. */
void normalize(std::vector<float> &voxels, const fseg_input_spec &spec)
{
    std::vector<float> values(voxels);
    const double floor = percentile(values, 0.5);
    const double bright = percentile(values, 99.0);
    // Bright structures of less than 1 % of the volume still make an image; the maximum decides.
    const double top = bright > floor ? bright : *std::max_element(values.begin(), values.end());
    if (!(top > floor)) {
        constantImage();
    }
    const double threshold = floor + foregroundFraction * (top - floor);
    values.erase(std::remove_if(values.begin(), values.end(),
                                [&](float value) { return value <= threshold; }),
                 values.end());
    const double low = percentile(values, spec.percentile_low);
    double high = percentile(values, spec.percentile_high);
    if (!(high > low)) {
        high = *std::max_element(values.begin(), values.end());
    }
    // A two-valued image: all foreground alike. Then air is 0 and foreground is 1.
    const double zero = high > low ? low : floor;
    const double scale = 1.0 / (high - zero);
    for (float &voxel : voxels) {
        voxel = std::clamp(static_cast<float>((voxel - zero) * scale), lowestValue, highestValue);
    }
}

/** Place slices [depth, rows, columns] into the middle of padded slices. */
template <typename Voxel>
void pad(const Voxel *in, size_t depth, const Extent &columns, const Extent &rows, Voxel *out)
{
    for (size_t k = 0; k < depth; ++k) {
        for (size_t j = 0; j < rows.samples; ++j) {
            std::copy_n(in + (k * rows.samples + j) * columns.samples, columns.samples,
                        out + (k * rows.padded + rows.before + j) * columns.padded +
                            columns.before);
        }
    }
}

/** Every output pixel takes the label that covers most of it, so that shrinking neither shifts nor
 *  thins structures; equal shares go to the lower label. */
std::vector<uint8_t> resampleLabels(const std::vector<uint8_t> &labels, size_t depth,
                                    const AxisWeights &x, const AxisWeights &y)
{
    bool present[256] = {};
    for (const uint8_t label : labels) {
        present[label] = true;
    }
    std::vector<uint8_t> result(depth * x.samples.size() * y.samples.size(), 0);
    std::vector<float> best(result.size(), 0.0F);
    std::vector<float> share(labels.size());
    for (unsigned label = 0; label < 256; ++label) {
        if (!present[label]) {
            continue;
        }
        std::transform(labels.begin(), labels.end(), share.begin(),
                       [&](uint8_t value) { return value == label ? 1.0F : 0.0F; });
        const std::vector<float> cover = resampleSlices(share.data(), depth, x, y);
        for (size_t i = 0; i < result.size(); ++i) {
            if (cover[i] > best[i] + 1e-6F) {
                best[i] = cover[i];
                result[i] = static_cast<uint8_t>(label);
            }
        }
    }
    return result;
}

/** Grid of the padded slices: same centre as the source in plane, same slices. */
fseg_geometry gridGeometry(const CanonicalAxes &axes, const Extent &columns, const Extent &rows,
                           double spacing)
{
    fseg_geometry geometry = axes.geometry;
    geometry.size[0] = columns.padded;
    geometry.size[1] = rows.padded;
    Vector3 origin = matrixColumn(axes.geometry, 3);
    const Extent *extents[2] = {&columns, &rows};
    for (int i = 0; i < 2; ++i) {
        const Vector3 unit = scaled(matrixColumn(axes.geometry, i), 1.0 / axes.spacing[i]);
        const double sourceMiddle =
            (static_cast<double>(axes.size[static_cast<size_t>(i)]) - 1.0) / 2.0 * axes.spacing[i];
        const double gridMiddle = ((static_cast<double>(extents[i]->samples) - 1.0) / 2.0 +
                                   static_cast<double>(extents[i]->before)) *
                                  spacing;
        origin = difference(origin, scaled(unit, gridMiddle - sourceMiddle));
        setMatrixColumn(geometry, i, scaled(unit, spacing));
    }
    setMatrixColumn(geometry, 3, origin);
    return geometry;
}

GridPointer makeGrid(const fseg_volume &volume, const fseg_mask *labels,
                     const fseg_input_spec &spec, size_t multiple)
{
    requireGeometry(volume.geometry);
    const size_t count = voxelCount(volume.geometry);
    for (size_t i = 0; i < count; ++i) {
        if (!std::isfinite(volume.voxels[i])) {
            throw Failure(FSEG_ERROR_NOT_FINITE, "the image has voxels that are not a number or "
                                                 "infinite; repair it first");
        }
    }
    const CanonicalAxes axes(volume.geometry);
    const Extent columns(axes.size[0], axes.spacing[0], spec.spacing_mm, multiple);
    const Extent rows(axes.size[1], axes.spacing[1], spec.spacing_mm, multiple);
    const size_t depth = axes.size[2];
    requireArgument(depth <= static_cast<size_t>(std::numeric_limits<int>::max()),
                    "the image has too many slices");
    const AxisWeights x =
        AxisWeights::centred(axes.size[0], axes.spacing[0], columns.samples, spec.spacing_mm);
    const AxisWeights y =
        AxisWeights::centred(axes.size[1], axes.spacing[1], rows.samples, spec.spacing_mm);

    GridPointer grid(static_cast<fseg_network_grid *>(std::calloc(1, sizeof(fseg_network_grid))));
    if (!grid) {
        throw std::bad_alloc();
    }
    grid->depth = static_cast<int>(depth);
    grid->height = static_cast<int>(rows.padded);
    grid->width = static_cast<int>(columns.padded);
    grid->source = volume.geometry;
    grid->geometry = gridGeometry(axes, columns, rows, spec.spacing_mm);
    const size_t gridCount = voxelCount(grid->geometry);

    std::vector<float> canonical(count);
    axes.fromSource(volume.voxels, canonical.data());
    normalize(canonical, spec);
    const std::vector<float> slices = resampleSlices(canonical.data(), depth, x, y);
    grid->slices = static_cast<float *>(std::calloc(gridCount, sizeof(float)));
    if (!grid->slices) {
        throw std::bad_alloc();
    }
    pad(slices.data(), depth, columns, rows, grid->slices);
    if (labels) {
        std::vector<uint8_t> canonicalLabels(count);
        axes.fromSource(labels->voxels, canonicalLabels.data());
        const std::vector<uint8_t> small = resampleLabels(canonicalLabels, depth, x, y);
        grid->labels = static_cast<uint8_t *>(std::calloc(gridCount, 1));
        if (!grid->labels) {
            throw std::bad_alloc();
        }
        pad(small.data(), depth, columns, rows, grid->labels);
    }
    return grid;
}

/** Linear interpolation from the padded grid to the source, both centred alike. */
std::vector<float> interpolateBack(const float *probabilities, size_t depth,
                                   const CanonicalAxes &axes, const Extent &columns,
                                   const Extent &rows, double spacing)
{
    // The weights are those of an enlargement (or a plain linear look-up when the source is the
    // coarser grid): never a wider filter, because probabilities are smooth already.
    const auto linear = [&](size_t size, double sourceSpacing, const Extent &extent) {
        AxisWeights table;
        table.inputs = extent.padded;
        const double sourceMiddle = (static_cast<double>(size) - 1.0) / 2.0;
        const double gridMiddle = (static_cast<double>(extent.samples) - 1.0) / 2.0;
        for (size_t i = 0; i < size; ++i) {
            const double at = std::clamp(
                (static_cast<double>(i) - sourceMiddle) * sourceSpacing / spacing + gridMiddle, 0.0,
                static_cast<double>(extent.samples) - 1.0);
            const double below = std::floor(at);
            const auto part = static_cast<float>(at - below);
            AxisWeights::Sample sample{static_cast<size_t>(below) + extent.before, {1.0F - part}};
            if (part > 0.0F) {
                sample.weights.push_back(part);
            }
            table.samples.push_back(sample);
        }
        return table;
    };
    return resampleSlices(probabilities, depth, linear(axes.size[0], axes.spacing[0], columns),
                          linear(axes.size[1], axes.spacing[1], rows));
}

/** Layout of a grid's in-plane axis, recomputed from its geometry and the source's. */
Extent extentOf(size_t sourceSize, double sourceSpacing, double spacing, size_t padded)
{
    Extent extent(sourceSize, sourceSpacing, spacing, 1);
    requireArgument(padded >= extent.samples, "the grid does not belong to its source geometry");
    extent.padded = padded;
    extent.before = (padded - extent.samples) / 2;
    return extent;
}

} // namespace

std::vector<float> sourceProbabilities(const fseg_network_grid &grid, const float *probabilities)
{
    const CanonicalAxes axes(grid.source);
    const size_t gridCount = voxelCount(grid.geometry);
    for (size_t i = 0; i < gridCount; ++i) {
        if (!std::isfinite(probabilities[i])) {
            throw Failure(FSEG_ERROR_NOT_FINITE, "the network's answer is not finite; the model "
                                                 "is damaged or the image is out of range");
        }
    }
    const double spacing = norm(matrixColumn(grid.geometry, 0));
    const Extent columns =
        extentOf(axes.size[0], axes.spacing[0], spacing, static_cast<size_t>(grid.width));
    const Extent rows =
        extentOf(axes.size[1], axes.spacing[1], spacing, static_cast<size_t>(grid.height));
    return interpolateBack(probabilities, static_cast<size_t>(grid.depth), axes, columns, rows,
                           spacing);
}

MaskPointer maskFromGrid(const fseg_network_grid &grid, const float *probabilities,
                         double threshold)
{
    std::vector<float> source = sourceProbabilities(grid, probabilities);
    return maskFromAnswer(grid.source, source, {}, threshold, nullptr);
}

VolumePointer entropyOf(const fseg_geometry &source, std::vector<float> &probabilities)
{
    std::transform(probabilities.begin(), probabilities.end(), probabilities.begin(),
                   [](float p) { return static_cast<float>(binaryEntropy(p)); });
    VolumePointer entropy = newVolume(source);
    CanonicalAxes(source).toSource(probabilities.data(), entropy->voxels);
    return entropy;
}

double binaryEntropy(double p)
{
    return p <= 0.0 || p >= 1.0 ? 0.0 : -p * std::log2(p) - (1.0 - p) * std::log2(1.0 - p);
}

} // namespace frugalseg

extern "C" {

fseg_status fseg_network_grid_create(const fseg_volume *volume, const fseg_mask *labels,
                                     const fseg_input_spec *spec, int size_multiple,
                                     fseg_network_grid **out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(volume && volume->voxels && spec && out,
                                   "volume, spec and out must not be null");
        *out = nullptr;
        frugalseg::requireArgument(size_multiple >= 1 && size_multiple <= 4096,
                                   "size_multiple must be 1 to 4096");
        frugalseg::requireArgument(std::isfinite(spec->spacing_mm) && spec->spacing_mm > 0.0,
                                   "the model's spacing must be positive");
        frugalseg::requireArgument(spec->percentile_low >= 0.0 &&
                                       spec->percentile_low < spec->percentile_high &&
                                       spec->percentile_high <= 100.0,
                                   "the model's percentiles must ascend within 0 to 100");
        if (labels && !fseg_geometry_equal(&volume->geometry, &labels->geometry, 0.05)) {
            throw frugalseg::Failure(FSEG_ERROR_BAD_INPUT,
                                     "the labels do not lie on the grid of the image; resample "
                                     "them to it");
        }
        *out = frugalseg::makeGrid(*volume, labels, *spec, static_cast<size_t>(size_multiple))
                   .release();
    });
}

void fseg_network_grid_free(fseg_network_grid *grid)
{
    if (grid) {
        std::free(grid->slices);
        std::free(grid->labels);
        std::free(grid);
    }
}

fseg_status fseg_network_grid_mask(const fseg_network_grid *grid, const float *probabilities,
                                   double threshold, fseg_mask **out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(grid && probabilities && out,
                                   "grid, probabilities and out must not be null");
        *out = nullptr;
        frugalseg::requireArgument(threshold >= 0.0 && threshold < 1.0,
                                   "the threshold must be at least 0 and below 1");
        *out = frugalseg::maskFromGrid(*grid, probabilities, threshold).release();
    });
}

} // extern "C"
