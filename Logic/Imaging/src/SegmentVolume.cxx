/* The whole job: image to network, network, mask on the image's grid, and what to warn of. */
#include "Failure.h"
#include "Geometry.h"
#include "NetworkGrid.h"
#include "PolledWork.h"

#include "frugalseg/sampler.h"
#include "frugalseg/session.h"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace frugalseg
{

namespace
{

/** Slices per call of the network: enough to keep the threads busy, little memory. */
constexpr int slicesPerBatch = 4;
/** Islands of at least this share of the largest component are worth a warning. */
constexpr double largeIsland = 0.1;
/** Mean entropy in bits above which the answer counts as unsure. */
constexpr double highEntropy = 0.6;

struct SessionDeleter {
    void operator()(fseg_session *session) const
    {
        fseg_session_free(session);
    }
};
using SessionPointer = std::unique_ptr<fseg_session, SessionDeleter>;

struct GridDeleter {
    void operator()(fseg_network_grid *grid) const
    {
        fseg_network_grid_free(grid);
    }
};
using GridPointer = std::unique_ptr<fseg_network_grid, GridDeleter>;

void check(fseg_status status, const fseg_error &error)
{
    if (status != FSEG_OK) {
        throw Failure(status, error.message[0] ? error.message : fseg_status_text(status));
    }
}

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

/** Passes the network's progress on as a part of the whole. */
struct PartProgress {
    const fseg_progress *whole;
    double begin, end;

    static int report(void *user, double fraction, const char *stage)
    {
        const auto *part = static_cast<const PartProgress *>(user);
        return fseg_progress_report(part->whole, part->begin + fraction * (part->end - part->begin),
                                    stage) == FSEG_OK
                   ? 0
                   : 1;
    }
};

/** Foreground probabilities [depth, height, width] of all slices. */
std::vector<float> predict(fseg_context *context, const fseg_model *model,
                           const fseg_network_grid &grid, int contextSlices,
                           const fseg_progress *progress, size_t &networkBytes)
{
    fseg_error error{};
    const fseg_unet_config &config = *fseg_model_config(model);
    const size_t plane = static_cast<size_t>(grid.height) * static_cast<size_t>(grid.width);
    const auto channels = static_cast<size_t>(contextSlices);
    const auto classes = static_cast<size_t>(config.classes);
    const int batch = std::min(slicesPerBatch, grid.depth);

    fseg_session *created = nullptr;
    check(fseg_session_create(context, model, batch, grid.height, grid.width, &created, &error),
          error);
    const SessionPointer session(created);
    networkBytes = fseg_session_memory(created);

    std::vector<float> images(static_cast<size_t>(batch) * channels * plane);
    std::vector<float> answers(static_cast<size_t>(batch) * classes * plane);
    std::vector<float> foreground(static_cast<size_t>(grid.depth) * plane);
    for (int first = 0; first < grid.depth; first += batch) {
        const int count = std::min(batch, grid.depth - first);
        for (int i = 0; i < count; ++i) {
            fseg_stack_slices(grid.slices, grid.depth, grid.height, grid.width, first + i,
                              contextSlices,
                              images.data() + static_cast<size_t>(i) * channels * plane);
        }
        PartProgress part{progress, 0.1 + 0.8 * first / grid.depth,
                          std::min(0.9, 0.1 + 0.8 * (first + count) / grid.depth)};
        const fseg_progress inner{&PartProgress::report, &part};
        check(fseg_session_probabilities(session.get(), images.data(), static_cast<size_t>(count),
                                         answers.data(), progress ? &inner : nullptr, &error),
              error);
        for (int i = 0; i < count; ++i) {
            // Class 1 is the structure; class 0 is everything else.
            std::copy_n(answers.data() + (static_cast<size_t>(i) * classes + 1) * plane, plane,
                        foreground.data() + static_cast<size_t>(first + i) * plane);
        }
    }
    return foreground;
}

double binaryEntropy(double p)
{
    return p <= 0.0 || p >= 1.0 ? 0.0 : -p * std::log2(p) - (1.0 - p) * std::log2(1.0 - p);
}

/** Mean entropy over the pixels above the threshold and their neighbours in the slice. */
double meanEntropy(const fseg_network_grid &grid, const std::vector<float> &probabilities,
                   double threshold)
{
    const auto width = static_cast<size_t>(grid.width), height = static_cast<size_t>(grid.height);
    double sum = 0.0;
    size_t count = 0;
    for (size_t k = 0; k < static_cast<size_t>(grid.depth); ++k) {
        const float *slice = probabilities.data() + k * height * width;
        for (size_t j = 0; j < height; ++j) {
            for (size_t i = 0; i < width; ++i) {
                const float *at = slice + j * width + i;
                const bool near = at[0] > threshold || (i > 0 && at[-1] > threshold) ||
                                  (i + 1 < width && at[1] > threshold) ||
                                  (j > 0 && *(at - width) > threshold) ||
                                  (j + 1 < height && at[width] > threshold);
                if (near) {
                    sum += binaryEntropy(at[0]);
                    ++count;
                }
            }
        }
    }
    return count ? sum / static_cast<double>(count) : 0.0;
}

/** Whether the mask reaches the first or last voxel along any axis. */
bool touchesBorder(const fseg_mask &mask)
{
    const size_t *size = mask.geometry.size;
    size_t at = 0;
    for (size_t k = 0; k < size[2]; ++k) {
        for (size_t j = 0; j < size[1]; ++j) {
            for (size_t i = 0; i < size[0]; ++i, ++at) {
                const bool border = i == 0 || j == 0 || k == 0 || i + 1 == size[0] ||
                                    j + 1 == size[1] || k + 1 == size[2];
                if (border && mask.voxels[at]) {
                    return true;
                }
            }
        }
    }
    return false;
}

void warn(fseg_segment_report &report, const std::string &sentence)
{
    constexpr int capacity = sizeof report.warnings / sizeof report.warnings[0];
    if (report.warning_count < capacity) {
        std::strncpy(report.warnings[report.warning_count], sentence.c_str(),
                     sizeof report.warnings[0] - 1);
        ++report.warning_count;
    }
}

void collectWarnings(const fseg_volume &volume, const fseg_mask &mask, const fseg_input_spec &spec,
                     const fseg_network_grid &grid, const std::vector<size_t> &components,
                     fseg_segment_report &report)
{
    if (volume.modality[0] && spec.modality[0] &&
        std::strcmp(volume.modality, spec.modality) != 0) {
        warn(report, formatText("The image is %s, but the model \"%.40s\" was made for %.16s; do "
                                "not trust the mask.",
                                volume.modality, spec.name, spec.modality));
    }
    double spacing[3];
    fseg_geometry_spacing(&volume.geometry, spacing);
    std::sort(spacing, spacing + 3);
    const double gridSlice = norm(matrixColumn(grid.geometry, 2));
    const double inPlane = gridSlice == spacing[2] ? spacing[1] : spacing[2];
    if (inPlane > 2.0 * spec.spacing_mm) {
        warn(report, formatText("The pixels measure %.1f mm, much more than the %.1f mm that the "
                                "model was made for.",
                                inPlane, spec.spacing_mm));
    }
    if (components.empty()) {
        warn(report, formatText("No %.40s was found in this image.", spec.structure));
        return;
    }
    if (touchesBorder(mask)) {
        warn(report, formatText("The %.40s touches the border of the image; its volume is "
                                "incomplete if it goes on beyond.",
                                spec.structure));
    }
    if (spec.volume_ml_low > 0.0 && report.volume_ml < spec.volume_ml_low) {
        warn(report, formatText("The volume of %.0f ml is below the %.0f ml expected of a %.40s.",
                                report.volume_ml, spec.volume_ml_low, spec.structure));
    }
    if (spec.volume_ml_high > 0.0 && report.volume_ml > spec.volume_ml_high) {
        warn(report, formatText("The volume of %.0f ml is above the %.0f ml expected of a %.40s.",
                                report.volume_ml, spec.volume_ml_high, spec.structure));
    }
    const auto islands = std::count_if(components.begin() + 1, components.end(), [&](size_t size) {
        return static_cast<double>(size) >= largeIsland * static_cast<double>(components[0]);
    });
    if (islands > 0) {
        warn(report, "The network found several large islands; only the largest was kept. Check "
                     "the mask.");
    }
    if (report.mean_entropy > highEntropy) {
        warn(report, "The network is unsure about much of the mask; check it closely.");
    }
}

MaskPointer segment(fseg_context *context, const fseg_model *model, const fseg_volume &volume,
                    const fseg_progress *progress, fseg_segment_report &report)
{
    fseg_error error{};
    fseg_input_spec spec{};
    check(fseg_model_input_spec(model, &spec, &error), error);
    const fseg_unet_config &config = *fseg_model_config(model);
    if (config.in_channels != spec.context_slices) {
        throw Failure(FSEG_ERROR_FILE_ARCHITECTURE,
                      formatText("the model's card asks for %d slices, but its network takes %d "
                                 "channels",
                                 spec.context_slices, config.in_channels));
    }
    Stopwatch watch;
    const GridPointer grid = runPolled(progress, 0.0, "preparing the image", [&] {
        fseg_network_grid *created = nullptr;
        check(fseg_network_grid_create(&volume, nullptr, &spec, fseg_unet_size_multiple(&config),
                                       &created, &error),
              error);
        return GridPointer(created);
    });
    reportProgress(progress, 0.1, "segmenting");
    report.prepare_s = watch.lap();

    const std::vector<float> foreground =
        predict(context, model, *grid, spec.context_slices, progress, report.network_bytes);
    report.network_s = watch.lap();

    std::vector<size_t> components;
    MaskPointer mask = runPolled(progress, 0.9, "drawing the mask", [&] {
        MaskPointer drawn = maskFromGrid(*grid, foreground.data(), spec.threshold, &components);
        report.volume_ml = fseg_mask_volume_ml(drawn.get());
        report.mean_entropy = meanEntropy(*grid, foreground, spec.threshold);
        collectWarnings(volume, *drawn, spec, *grid, components, report);
        return drawn;
    });
    report.restore_s = watch.lap();
    reportProgress(progress, 1.0, "drawing the mask");
    return mask;
}

} // namespace

} // namespace frugalseg

extern "C" fseg_status fseg_segment_volume(fseg_context *context, const fseg_model *model,
                                           const fseg_volume *volume, const fseg_progress *progress,
                                           fseg_mask **out, fseg_segment_report *report,
                                           fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(context && model && volume && volume->voxels && out,
                                   "context, model, volume and out must not be null");
        *out = nullptr;
        fseg_segment_report filled{};
        *out = frugalseg::segment(context, model, *volume, progress, filled).release();
        if (report) {
            *report = filled;
        }
    });
}
