/* From the network's probabilities to a mask: views, smoothing, components, holes. */
#include "Answer.h"
#include "Components.h"
#include "Failure.h"
#include "NetworkGrid.h"
#include "PolledWork.h"

#include "frugalseg/answering.h"
#include <algorithm>
#include <cmath>

namespace frugalseg
{

namespace
{

constexpr unsigned knownViews =
    FSEG_VIEW_FLIP_COLUMNS | FSEG_VIEW_FLIP_ROWS | FSEG_VIEW_SMALLER | FSEG_VIEW_LARGER;
// The card's words are numbered in the compute library, which knows nothing of these.
static_assert(FSEG_VIEW_FLIP_COLUMNS == 1 && FSEG_VIEW_FLIP_ROWS == 2 && FSEG_VIEW_SMALLER == 4 &&
                  FSEG_VIEW_LARGER == 8,
              "the bits of model_answer.c");

std::vector<float> halfKernel(double sigma)
{
    const auto radius = static_cast<size_t>(std::ceil(3.0 * sigma));
    std::vector<float> kernel(radius + 1);
    for (size_t k = 0; k <= radius; ++k) {
        const double distance = static_cast<double>(k) / sigma;
        kernel[k] = static_cast<float>(std::exp(-0.5 * distance * distance));
    }
    return kernel;
}

/** Smooth all lines of `length` voxels, `stride` apart; `lines` gives the first voxel of each. */
template <typename FirstOf>
void smoothLines(std::vector<float> &values, size_t lines, size_t length, size_t stride,
                 double sigma, FirstOf firstOf)
{
    if (!(sigma > 0.0) || length < 2) {
        return;
    }
    const std::vector<float> kernel = halfKernel(sigma);
    const size_t radius = kernel.size() - 1;
    std::vector<float> line(length);
    for (size_t n = 0; n < lines; ++n) {
        float *first = values.data() + firstOf(n);
        for (size_t i = 0; i < length; ++i) {
            line[i] = first[i * stride];
        }
        for (size_t i = 0; i < length; ++i) {
            const size_t low = i > radius ? i - radius : 0;
            const size_t high = std::min(length - 1, i + radius);
            float sum = 0.0F, weight = 0.0F;
            for (size_t k = low; k <= high; ++k) {
                const float w = kernel[k > i ? k - i : i - k];
                sum += w * line[k];
                weight += w;
            }
            first[i * stride] = sum / weight;
        }
    }
}

} // namespace

unsigned viewCount(unsigned views)
{
    unsigned count = 0;
    for (; views; views &= views - 1) {
        ++count;
    }
    return count;
}

void requireAnswer(const fseg_answer_options &answer)
{
    requireArgument((answer.views & ~knownViews) == 0, "unknown view");
    requireArgument(answer.smooth_mm >= 0.0 && answer.smooth_mm <= 20.0 &&
                        answer.smooth_through_mm >= 0.0 && answer.smooth_through_mm <= 50.0,
                    "smoothing must be 0 to 20 mm in the slice and 0 to 50 mm across");
}

void smoothProbabilities(std::vector<float> &values, const CanonicalAxes &axes, double inPlaneMm,
                         double throughMm)
{
    const size_t columns = axes.size[0], rows = axes.size[1], slices = axes.size[2];
    const size_t plane = columns * rows;
    smoothLines(values, rows * slices, columns, 1, inPlaneMm / axes.spacing[0],
                [&](size_t n) { return n * columns; });
    smoothLines(values, columns * slices, rows, columns, inPlaneMm / axes.spacing[1],
                [&](size_t n) { return n / columns * plane + n % columns; });
    smoothLines(values, plane, slices, plane, throughMm / axes.spacing[2],
                [](size_t n) { return n; });
}

void fillHoles(uint8_t *voxels, const std::array<size_t, 3> &size)
{
    constexpr uint8_t outside = 2;
    const size_t row = size[0], plane = size[0] * size[1], count = plane * size[2];
    std::vector<size_t> stack;
    const auto visit = [&](size_t at) {
        if (voxels[at] == 0) {
            voxels[at] = outside;
            stack.push_back(at);
        }
    };
    const auto spread = [&] {
        while (!stack.empty()) {
            const size_t at = stack.back();
            stack.pop_back();
            const size_t i = at % row, j = at / row % size[1], k = at / plane;
            if (i > 0) {
                visit(at - 1);
            }
            if (i + 1 < size[0]) {
                visit(at + 1);
            }
            if (j > 0) {
                visit(at - row);
            }
            if (j + 1 < size[1]) {
                visit(at + row);
            }
            if (k > 0) {
                visit(at - plane);
            }
            if (k + 1 < size[2]) {
                visit(at + plane);
            }
        }
    };
    for (size_t at = 0; at < count; ++at) {
        const size_t i = at % row, j = at / row % size[1], k = at / plane;
        if (i == 0 || i + 1 == size[0] || j == 0 || j + 1 == size[1] || k == 0 ||
            k + 1 == size[2]) {
            visit(at);
            spread();
        }
    }
    std::transform(voxels, voxels + count, voxels,
                   [](uint8_t voxel) { return static_cast<uint8_t>(voxel == outside ? 0 : 1); });
}

void averageViews(fseg_context *context, const fseg_model *model, const fseg_volume &volume,
                  const fseg_input_spec &spec, unsigned views, const ProgressPart &part,
                  std::vector<float> &probabilities)
{
    const double runs = static_cast<double>(viewCount(views));
    double done = 0.0;
    for (unsigned bit = 1; bit <= knownViews; bit <<= 1) {
        if (!(views & bit)) {
            continue;
        }
        const double length = (part.end - part.begin) / runs;
        const ProgressPart now{part.progress, part.begin + done * length,
                               part.begin + (done + 1.0) * length};
        GridPointer grid;
        const std::vector<float> answer =
            predictView(context, model, volume, spec, bit, now, nullptr, grid);
        const std::vector<float> back = sourceProbabilities(*grid, answer.data());
        std::transform(back.begin(), back.end(), probabilities.begin(), probabilities.begin(),
                       [](float a, float b) { return a + b; });
        done += 1.0;
    }
    const auto scale = static_cast<float>(1.0 / (runs + 1.0));
    for (float &value : probabilities) {
        value *= scale;
    }
}

MaskPointer maskFromAnswer(const fseg_geometry &source, std::vector<float> &probabilities,
                           const fseg_answer_options &answer, double threshold,
                           std::vector<size_t> *components)
{
    const CanonicalAxes axes(source);
    smoothProbabilities(probabilities, axes, answer.smooth_mm, answer.smooth_through_mm);
    std::vector<uint8_t> canonical(probabilities.size());
    std::transform(probabilities.begin(), probabilities.end(), canonical.begin(),
                   [&](float p) { return static_cast<uint8_t>(p > threshold ? 1 : 0); });
    if (!answer.keep_all) {
        const std::vector<size_t> sizes = keepLargestComponent(canonical.data(), axes.size);
        if (components) {
            *components = sizes;
        }
    } else if (components) {
        std::vector<uint8_t> copy(canonical);
        *components = keepLargestComponent(copy.data(), axes.size);
    }
    if (answer.fill_holes) {
        fillHoles(canonical.data(), axes.size);
    }
    MaskPointer mask = newMask(source);
    axes.toSource(canonical.data(), mask->voxels);
    return mask;
}

} // namespace frugalseg

extern "C" {

fseg_status fseg_segment_volume_view(fseg_context *context, const fseg_model *model,
                                     const fseg_volume *volume, unsigned view,
                                     const fseg_progress *progress, fseg_volume **probabilities,
                                     fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(context && model && volume && volume->voxels && probabilities,
                                   "context, model, volume and probabilities must not be null");
        *probabilities = nullptr;
        frugalseg::requireArgument((view & ~frugalseg::knownViews) == 0 &&
                                       frugalseg::viewCount(view) <= 1,
                                   "one known view at a time");
        frugalseg::GridPointer grid;
        const std::vector<float> answer =
            frugalseg::predictView(context, model, *volume, frugalseg::inputSpec(model), view,
                                   {progress, 0.0, 1.0}, nullptr, grid);
        const std::vector<float> canonical = frugalseg::sourceProbabilities(*grid, answer.data());
        frugalseg::VolumePointer result = frugalseg::newVolume(volume->geometry);
        frugalseg::CanonicalAxes(volume->geometry).toSource(canonical.data(), result->voxels);
        *probabilities = result.release();
    });
}

fseg_status fseg_segment_volume_mask(const fseg_volume *probabilities,
                                     const fseg_answer_options *answer, double threshold,
                                     fseg_mask **out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(probabilities && probabilities->voxels && answer && out,
                                   "probabilities, answer and out must not be null");
        *out = nullptr;
        frugalseg::requireAnswer(*answer);
        frugalseg::requireArgument(threshold >= 0.0 && threshold < 1.0,
                                   "the threshold must be at least 0 and below 1");
        const frugalseg::CanonicalAxes axes(probabilities->geometry);
        std::vector<float> canonical(frugalseg::voxelCount(probabilities->geometry));
        axes.fromSource(probabilities->voxels, canonical.data());
        *out = frugalseg::maskFromAnswer(probabilities->geometry, canonical, *answer, threshold,
                                         nullptr)
                   .release();
    });
}

} // extern "C"
