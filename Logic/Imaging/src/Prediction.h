/**
 * @file Prediction.h
 * Running the network over all slices of a grid.
 */
#ifndef FRUGALSEG_IMAGING_PREDICTION_H
#define FRUGALSEG_IMAGING_PREDICTION_H

#include "frugalseg/imaging.h"
#include "frugalseg/session.h"
#include <memory>
#include <vector>

namespace frugalseg
{

/** Slices per call of the network: enough to keep the threads busy, little memory. */
constexpr int slicesPerBatch = 4;

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

/** Throw what a C function reported. */
void check(fseg_status status, const fseg_error &error);

/** The part of `progress` that a step is: its own 0 to 1 becomes `begin` to `end`. */
struct ProgressPart {
    const fseg_progress *progress;
    double begin, end;
};

/** What the card says; throws when it contradicts the network. */
fseg_input_spec inputSpec(const fseg_model *model);

/** The grid of `volume` for `model`. */
GridPointer createGrid(const fseg_model *model, const fseg_volume &volume,
                       const fseg_input_spec &spec);

/** Foreground probabilities [depth, height, width] of all slices; `networkBytes` (may be null)
 *  receives the memory that it took. */
std::vector<float> predict(fseg_context *context, const fseg_model *model,
                           const fseg_network_grid &grid, int contextSlices,
                           const ProgressPart &part, size_t *networkBytes);

/** The same of one view (0 or one bit FSEG_VIEW_...), turned back to the image as it is; `grid`
 *  receives the view's grid. */
std::vector<float> predictView(fseg_context *context, const fseg_model *model,
                               const fseg_volume &volume, const fseg_input_spec &spec,
                               unsigned view, const ProgressPart &part, size_t *networkBytes,
                               GridPointer &grid);

/** Mean entropy over the pixels above the threshold and their neighbours in the slice; 0 when there
 *  are none. */
double meanEntropy(const fseg_network_grid &grid, const std::vector<float> &probabilities,
                   double threshold);

} // namespace frugalseg
#endif
