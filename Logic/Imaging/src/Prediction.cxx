/* Running the network over all slices of a grid. */
#include "Prediction.h"
#include "Failure.h"
#include "NetworkGrid.h"
#include "PolledWork.h"

#include "frugalseg/sampler.h"
#include <algorithm>

namespace frugalseg
{

namespace
{

/** How much larger and smaller pixels make the structure look. */
constexpr double scaleStep = 1.1;

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

/** Passes the network's progress on as a part of the whole. */
int reportPart(void *user, double fraction, const char *stage)
{
    const auto *part = static_cast<const ProgressPart *>(user);
    return fseg_progress_report(part->progress, part->begin + fraction * (part->end - part->begin),
                                stage) == FSEG_OK
               ? 0
               : 1;
}

} // namespace

void check(fseg_status status, const fseg_error &error)
{
    if (status != FSEG_OK) {
        throw Failure(status, error.message[0] ? error.message : fseg_status_text(status));
    }
}

fseg_input_spec inputSpec(const fseg_model *model)
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
    return spec;
}

GridPointer createGrid(const fseg_model *model, const fseg_volume &volume,
                       const fseg_input_spec &spec)
{
    fseg_error error{};
    fseg_network_grid *created = nullptr;
    check(fseg_network_grid_create(&volume, nullptr, &spec,
                                   fseg_unet_size_multiple(fseg_model_config(model)), &created,
                                   &error),
          error);
    return GridPointer(created);
}

std::vector<float> predict(fseg_context *context, const fseg_model *model,
                           const fseg_network_grid &grid, int contextSlices,
                           const ProgressPart &part, size_t *networkBytes)
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
    if (networkBytes) {
        *networkBytes = fseg_session_memory(created);
    }

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
        const double length = part.end - part.begin;
        ProgressPart now{part.progress, part.begin + length * first / grid.depth,
                         std::min(part.end, part.begin + length * (first + count) / grid.depth)};
        const fseg_progress inner{&reportPart, &now};
        check(fseg_session_probabilities(session.get(), images.data(), static_cast<size_t>(count),
                                         answers.data(), part.progress ? &inner : nullptr, &error),
              error);
        for (int i = 0; i < count; ++i) {
            // Class 1 is the structure; class 0 is everything else.
            std::copy_n(answers.data() + (static_cast<size_t>(i) * classes + 1) * plane, plane,
                        foreground.data() + static_cast<size_t>(first + i) * plane);
        }
    }
    return foreground;
}

std::vector<float> predictView(fseg_context *context, const fseg_model *model,
                               const fseg_volume &volume, const fseg_input_spec &spec,
                               unsigned view, const ProgressPart &part, size_t *networkBytes,
                               GridPointer &grid)
{
    fseg_input_spec seen = spec;
    seen.spacing_mm *= view == FSEG_VIEW_SMALLER  ? scaleStep
                       : view == FSEG_VIEW_LARGER ? 1.0 / scaleStep
                                                  : 1.0;
    grid = runPolled(part.progress, part.begin, "preparing the image",
                     [&] { return createGrid(model, volume, seen); });
    const bool mirrored = view == FSEG_VIEW_FLIP_COLUMNS || view == FSEG_VIEW_FLIP_ROWS;
    if (mirrored) {
        mirror(grid->slices, *grid, view);
    }
    std::vector<float> answer =
        predict(context, model, *grid, seen.context_slices, part, networkBytes);
    if (mirrored) {
        mirror(answer.data(), *grid, view);
    }
    return answer;
}

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

} // namespace frugalseg
