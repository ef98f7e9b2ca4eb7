// What a model says about a stack of slices on the network's grid.
#ifndef FrugalSegPredict_h
#define FrugalSegPredict_h

#include "FrugalSegHandles.h"

#include <memory>
#include <vector>

struct fseg_session;

using FrugalSegGrid = std::unique_ptr<fseg_network_grid, FrugalSegFree<fseg_network_grid_free>>;

/// The grid of a volume for a model; `labels` (values 0 and 1) may be null.
FrugalSegGrid FrugalSegMakeGrid(const fseg_volume* volume, const fseg_mask* labels, const fseg_model* model);

/// Probabilities of the structure [depth, height, width] for slices of that size (multiples of what the
/// network takes).
std::vector<float> FrugalSegPredict(fseg_context* context, const fseg_model* model, const float* slices,
                                    int depth, int height, int width, const fseg_progress* progress);

/// A context whose threads share this one's priority.
FrugalSegContext FrugalSegMakeContext(int threads);

/// A model by name or path, with what its card asks for.
struct FrugalSegLoadedModel
{
  FrugalSegModel Model;
  fseg_input_spec Spec{};
};
FrugalSegLoadedModel FrugalSegLoadModel(const std::string& nameOrPath);

/// Read an image, and a label as a mask (1 where the label map has `value`).
FrugalSegVolume FrugalSegReadVolume(const std::string& path);
FrugalSegMask FrugalSegReadMask(const std::string& path, int value);

#endif
