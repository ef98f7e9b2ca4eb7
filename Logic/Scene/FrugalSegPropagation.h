// From some corrected slices of a case to the others: adapt a copy of the model briefly to them and draw
// the rest anew.
#ifndef FrugalSegPropagation_h
#define FrugalSegPropagation_h

#include "FrugalSegHandles.h"

#include <cstdint>
#include <vector>

struct FrugalSegPropagationOptions
{
  int Steps = 40;
  int Batch = 4;
  double LearningRate = 3e-4;
  double EncoderRate = 0.3;
  /// Share of the samples that come from the other slices with the labels they have: they keep the model
  /// from forgetting what it knew (above all, where the structure ends).
  double AnchorShare = 0.25;
  uint64_t Seed = 1;
  int Threads = 0;
};

/// `current` is the segment on the grid of `volume`; `corrected` lists its trusted slices (along
/// fseg_geometry_slice_axis, at least one). The result has these slices as they are, and the others as
/// the adapted model draws them. Throws FrugalSegFailure, also when cancelled.
FrugalSegMask FrugalSegPropagate(const fseg_model* model, const fseg_volume* volume, const fseg_mask* current,
                                 const std::vector<int>& corrected,
                                 const FrugalSegPropagationOptions& options, const fseg_progress* progress);

#endif
