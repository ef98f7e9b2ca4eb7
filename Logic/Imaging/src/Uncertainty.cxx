/* How unsure a model is about an image: entropy, and how its answer changes with the view. */
#include "Failure.h"
#include "Geometry.h"
#include "NetworkGrid.h"
#include "PolledWork.h"
#include "Prediction.h"

#include <algorithm>

namespace frugalseg
{

namespace
{

/** How much larger and smaller pixels make the structure look. */
constexpr double scaleStep = 1.1;

constexpr unsigned knownViews =
    FSEG_VIEW_FLIP_COLUMNS | FSEG_VIEW_FLIP_ROWS | FSEG_VIEW_SMALLER | FSEG_VIEW_LARGER;

/** Mirror the slices [depth, height, width] in place. */
void mirror(float *slices, const fseg_network_grid &grid, unsigned view)
{
    const auto width = static_cast<size_t>(grid.width), height = static_cast<size_t>(grid.height);
    for (size_t k = 0; k < static_cast<size_t>(grid.depth); ++k) {
        float *slice = slices + k * height * width;
        if (view == FSEG_VIEW_FLIP_COLUMNS) {
            for (size_t j = 0; j < height; ++j) {
                std::reverse(slice + j * width, slice + (j + 1) * width);
            }
        } else {
            for (size_t j = 0; j < height / 2; ++j) {
                std::swap_ranges(slice + j * width, slice + (j + 1) * width,
                                 slice + (height - 1 - j) * width);
            }
        }
    }
}

class Viewer
{
  public:
    Viewer(fseg_context *context, const fseg_model *model, const fseg_volume &volume)
        : context_(context), model_(model), volume_(volume), spec_(inputSpec(model))
    {
    }

    /** The mask that the model draws in a view (0: as it is), on the grid of the volume. The
     * entropy of the answer goes to `entropy` when it is not null. */
    MaskPointer draw(unsigned view, const ProgressPart &part, double *entropy) const
    {
        fseg_input_spec spec = spec_;
        spec.spacing_mm *= view == FSEG_VIEW_SMALLER  ? scaleStep
                           : view == FSEG_VIEW_LARGER ? 1.0 / scaleStep
                                                      : 1.0;
        const GridPointer grid = runPolled(part.progress, part.begin, "preparing the image",
                                           [&] { return createGrid(model_, volume_, spec); });
        const bool mirrored = view == FSEG_VIEW_FLIP_COLUMNS || view == FSEG_VIEW_FLIP_ROWS;
        if (mirrored) {
            mirror(grid->slices, *grid, view);
        }
        std::vector<float> answer =
            predict(context_, model_, *grid, spec.context_slices, part, nullptr);
        if (mirrored) {
            mirror(answer.data(), *grid, view);
        }
        return runPolled(part.progress, part.end, "drawing the mask", [&] {
            if (entropy) {
                *entropy = meanEntropy(*grid, answer, spec.threshold);
            }
            return maskFromGrid(*grid, answer.data(), spec.threshold, nullptr);
        });
    }

  private:
    fseg_context *context_;
    const fseg_model *model_;
    const fseg_volume &volume_;
    fseg_input_spec spec_;
};

double diceOf(const fseg_mask &a, const fseg_mask &b)
{
    const size_t count = voxelCount(a.geometry);
    size_t inA = 0, inB = 0, inBoth = 0;
    for (size_t i = 0; i < count; ++i) {
        inA += a.voxels[i] ? 1 : 0;
        inB += b.voxels[i] ? 1 : 0;
        inBoth += a.voxels[i] && b.voxels[i] ? 1 : 0;
    }
    return inA + inB == 0 ? 1.0
                          : 2.0 * static_cast<double>(inBoth) / static_cast<double>(inA + inB);
}

fseg_uncertainty measure(const Viewer &viewer, unsigned views, const fseg_progress *progress)
{
    double runs = 1.0;
    for (unsigned bit = 1; bit <= knownViews; bit <<= 1) {
        runs += views & bit ? 1.0 : 0.0;
    }
    fseg_uncertainty result{};
    const MaskPointer plain = viewer.draw(0, {progress, 0.0, 1.0 / runs}, &result.mean_entropy);
    result.volume_ml = fseg_mask_volume_ml(plain.get());
    if (result.volume_ml <= 0.0) {
        result.mean_entropy = 1.0;
        result.disagreement = views ? 1.0 : 0.0;
        return result;
    }
    double sum = 0.0, done = 1.0;
    for (unsigned bit = 1; bit <= knownViews; bit <<= 1) {
        if (views & bit) {
            const MaskPointer other =
                viewer.draw(bit, {progress, done / runs, (done + 1.0) / runs}, nullptr);
            sum += 1.0 - diceOf(*plain, *other);
            done += 1.0;
        }
    }
    result.disagreement = views ? sum / (runs - 1.0) : 0.0;
    return result;
}

} // namespace

} // namespace frugalseg

extern "C" fseg_status fseg_imaging_uncertainty(fseg_context *context, const fseg_model *model,
                                                const fseg_volume *volume, unsigned views,
                                                const fseg_progress *progress,
                                                fseg_uncertainty *out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(context && model && volume && volume->voxels && out,
                                   "context, model, volume and out must not be null");
        frugalseg::requireArgument((views & ~frugalseg::knownViews) == 0, "unknown view");
        *out = frugalseg::measure(frugalseg::Viewer(context, model, *volume), views, progress);
        frugalseg::reportProgress(progress, 1.0, "drawing the mask");
    });
}
