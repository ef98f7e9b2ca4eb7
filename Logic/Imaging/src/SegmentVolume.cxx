/* The whole job: image to network, network, mask on the image's grid, and what to warn of. */
#include "Answer.h"
#include "Checks.h"
#include "Failure.h"
#include "Geometry.h"
#include "NetworkGrid.h"
#include "PolledWork.h"
#include "Prediction.h"

#include "frugalseg/answering.h"
#include <chrono>
#include <cmath>
#include <vector>

namespace frugalseg
{

namespace
{

class Stopwatch
{
  public:
    double lap()
    {
        const auto now = std::chrono::steady_clock::now();
        const double seconds = std::chrono::duration<double>(now - start_).count();
        start_ = now;
        return seconds;
    }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

MaskPointer segment(fseg_context *context, const fseg_model *model, const fseg_volume &volume,
                    const fseg_segment_options &options, const fseg_answer_options &answer,
                    const fseg_progress *progress, VolumePointer *entropy,
                    fseg_segment_report &report)
{
    fseg_error error{};
    fseg_input_spec spec = inputSpec(model);
    fseg_model_scope scope{};
    check(fseg_model_read_scope(model, &scope, &error), error);
    if (options.threshold > 0.0) {
        spec.threshold = options.threshold;
    }
    Stopwatch watch;
    const GridPointer grid = runPolled(progress, 0.0, "preparing the image",
                                       [&] { return createGrid(model, volume, spec); });
    reportProgress(progress, 0.1, "segmenting");
    report.prepare_s = watch.lap();

    // All runs of the network cost about the same.
    const double plainEnd = 0.1 + 0.8 / static_cast<double>(1 + viewCount(answer.views));
    const std::vector<float> foreground = predict(context, model, *grid, spec.context_slices,
                                                  {progress, 0.1, plainEnd}, &report.network_bytes);
    report.mean_entropy = meanEntropy(*grid, foreground, spec.threshold);
    std::vector<float> probabilities;
    if (answer.views) {
        probabilities = sourceProbabilities(*grid, foreground.data());
        averageViews(context, model, volume, spec, answer.views, {progress, plainEnd, 0.9},
                     probabilities);
    }
    report.network_s = watch.lap();

    std::vector<size_t> components;
    MaskPointer mask = runPolled(progress, 0.9, "drawing the mask", [&] {
        if (!answer.views) {
            probabilities = sourceProbabilities(*grid, foreground.data());
        }
        MaskPointer drawn =
            maskFromAnswer(grid->source, probabilities, answer, spec.threshold, &components);
        report.volume_ml = fseg_mask_volume_ml(drawn.get());
        if (entropy) {
            *entropy = entropyOf(grid->source, probabilities);
        }
        checkInput(model, volume, options.series, report);
        checkResult(*drawn, spec, scope, components, report);
        return drawn;
    });
    report.restore_s = watch.lap();
    reportProgress(progress, 1.0, "drawing the mask");
    return mask;
}

} // namespace

} // namespace frugalseg

extern "C" {

fseg_status fseg_segment_volume_answer(fseg_context *context, const fseg_model *model,
                                       const fseg_volume *volume,
                                       const fseg_segment_options *options,
                                       const fseg_answer_options *answer,
                                       const fseg_progress *progress, fseg_mask **out,
                                       fseg_volume **entropy, fseg_segment_report *report,
                                       fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(context && model && volume && volume->voxels && out,
                                   "context, model, volume and out must not be null");
        *out = nullptr;
        if (entropy) {
            *entropy = nullptr;
        }
        const fseg_segment_options chosen = options ? *options : fseg_segment_options{};
        frugalseg::requireArgument(!chosen.entropy || entropy,
                                   "there is no place for the map of entropy");
        frugalseg::requireArgument(chosen.threshold >= 0.0 && chosen.threshold < 1.0,
                                   "the threshold must be 0 (the model's own) or below 1");
        fseg_answer_options how{};
        if (answer) {
            how = *answer;
            frugalseg::requireAnswer(how);
        } else {
            fseg_error detail{};
            frugalseg::check(fseg_model_read_answer(model, &how, &detail), detail);
        }
        fseg_segment_report filled{};
        frugalseg::VolumePointer map;
        frugalseg::MaskPointer mask =
            frugalseg::segment(context, model, *volume, chosen, how, progress,
                               chosen.entropy ? &map : nullptr, filled);
        *out = mask.release();
        if (entropy) {
            *entropy = map.release();
        }
        if (report) {
            *report = filled;
        }
    });
}

fseg_status fseg_segment_volume_with(fseg_context *context, const fseg_model *model,
                                     const fseg_volume *volume, const fseg_segment_options *options,
                                     const fseg_progress *progress, fseg_mask **out,
                                     fseg_volume **entropy, fseg_segment_report *report,
                                     fseg_error *error)
{
    return fseg_segment_volume_answer(context, model, volume, options, nullptr, progress, out,
                                      entropy, report, error);
}

fseg_status fseg_segment_volume(fseg_context *context, const fseg_model *model,
                                const fseg_volume *volume, const fseg_progress *progress,
                                fseg_mask **out, fseg_segment_report *report, fseg_error *error)
{
    return fseg_segment_volume_with(context, model, volume, nullptr, progress, out, nullptr, report,
                                    error);
}

} // extern "C"
