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

constexpr unsigned knownViews =
    FSEG_VIEW_FLIP_COLUMNS | FSEG_VIEW_FLIP_ROWS | FSEG_VIEW_SMALLER | FSEG_VIEW_LARGER;

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
        GridPointer grid;
        const std::vector<float> answer =
            predictView(context_, model_, volume_, spec_, view, part, nullptr, grid);
        return runPolled(part.progress, part.end, "drawing the mask", [&] {
            if (entropy) {
                *entropy = meanEntropy(*grid, answer, spec_.threshold);
            }
            return maskFromGrid(*grid, answer.data(), spec_.threshold);
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
