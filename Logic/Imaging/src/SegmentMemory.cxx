/* How much memory a segmentation needs besides the image, known before it starts. */
#include "CanonicalAxes.h"
#include "Failure.h"
#include "Geometry.h"
#include "Prediction.h"

#include "frugalseg/answering.h"
#include "frugalseg/session.h"
#include <algorithm>
#include <cmath>

namespace frugalseg
{

namespace
{

/** Samples of the network's slices along one axis, padding included (as NetworkGrid.cxx). */
size_t paddedSamples(size_t size, double spacing, double wanted, size_t multiple)
{
    const double samples =
        std::max(1.0, std::floor(static_cast<double>(size) * spacing / wanted + 0.5));
    return (static_cast<size_t>(std::min(samples, 16384.0)) + multiple - 1) / multiple * multiple;
}

/**
 * Bytes of the largest of the three parts of the job, for N voxels of the image and G samples of
 * the network's slices (four bytes a float):
 *  - preparing: the image in standard orientation and a copy to sort (8 N), then the image and the
 *    slices before and after padding (4 N + 8 G);
 *  - the network: slices, probabilities (8 G), the session, one batch of images and answers;
 *  - drawing: slices and probabilities (8 G), probabilities on the image's grid (4 N), the map of
 *    entropy (4 N), the mask in both orders (2 N), and what finding its components takes: 16 bytes
 *    for each voxel of a structure that fills a tenth of the image.
 */
size_t mostBytes(const fseg_model *model, const fseg_geometry &geometry, bool entropy,
                 unsigned views)
{
    requireGeometry(geometry);
    const fseg_input_spec spec = inputSpec(model);
    const fseg_unet_config &config = *fseg_model_config(model);
    const CanonicalAxes axes(geometry);
    const auto multiple = static_cast<size_t>(fseg_unet_size_multiple(&config));
    const size_t width = paddedSamples(axes.size[0], axes.spacing[0], spec.spacing_mm, multiple);
    const size_t height = paddedSamples(axes.size[1], axes.spacing[1], spec.spacing_mm, multiple);
    const size_t voxels = voxelCount(geometry), samples = width * height * axes.size[2];
    const size_t batch = std::min(static_cast<size_t>(slicesPerBatch), axes.size[2]);
    const size_t session = fseg_session_predict_memory(
        model, static_cast<int>(batch), static_cast<int>(height), static_cast<int>(width));
    const size_t planes =
        batch * static_cast<size_t>(config.in_channels + config.classes) * width * height * 4;
    size_t averaging = 0;
    const size_t prepare = std::max(8 * voxels, 4 * voxels + 8 * samples);
    // With views: the plain slices and answer, the sum of the answers and one answer on the image's
    // grid stay while a view (most samples: "larger", a tenth more along each side) goes the same
    // way.
    const size_t network = 8 * samples + session + planes;
    if (views) {
        const double finer = spec.spacing_mm / 1.1;
        const size_t w = paddedSamples(axes.size[0], axes.spacing[0], finer, multiple);
        const size_t h = paddedSamples(axes.size[1], axes.spacing[1], finer, multiple);
        const size_t viewSamples = w * h * axes.size[2];
        const size_t viewSession = fseg_session_predict_memory(
            model, static_cast<int>(batch), static_cast<int>(h), static_cast<int>(w));
        const size_t viewPlanes =
            batch * static_cast<size_t>(config.in_channels + config.classes) * w * h * 4;
        const size_t run = 8 * viewSamples + viewSession + viewPlanes;
        averaging = 8 * samples + 4 * voxels +
                    std::max({std::max(8 * voxels, 4 * voxels + 8 * viewSamples), run,
                              8 * viewSamples + 4 * voxels});
    }
    const size_t draw = 8 * samples + (entropy ? 10 : 6) * voxels + 16 * voxels / 10;
    const size_t most = std::max({prepare, network, averaging, draw});
    return most + most / 10; // what the allocator keeps of one part while the next begins
}

} // namespace

} // namespace frugalseg

extern "C" {

fseg_status fseg_segment_volume_answer_memory(const fseg_model *model,
                                              const fseg_geometry *geometry, int entropy,
                                              const fseg_answer_options *answer, size_t *bytes,
                                              fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(model && geometry && bytes,
                                   "model, geometry and bytes must not be null");
        fseg_answer_options how{};
        if (answer) {
            how = *answer;
        } else {
            fseg_error detail{};
            frugalseg::check(fseg_model_read_answer(model, &how, &detail), detail);
        }
        *bytes = frugalseg::mostBytes(model, *geometry, entropy != 0, how.views);
    });
}

fseg_status fseg_segment_volume_memory(const fseg_model *model, const fseg_geometry *geometry,
                                       int entropy, size_t *bytes, fseg_error *error)
{
    return fseg_segment_volume_answer_memory(model, geometry, entropy, nullptr, bytes, error);
}

} // extern "C"
