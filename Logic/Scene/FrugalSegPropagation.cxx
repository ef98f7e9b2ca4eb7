#include "FrugalSegPropagation.h"

#include "FrugalSegFailure.h"
#include "FrugalSegPredict.h"
#include "FrugalSegSlices.h"

#include "frugalseg/random.h"
#include "frugalseg/sampler.h"
#include "frugalseg/slices.h"
#include "frugalseg/trainer.h"

#include <algorithm>
#include <cmath>

namespace
{
using Trainer = std::unique_ptr<fseg_trainer, FrugalSegFree<fseg_trainer_free>>;

/// Side of the windows that are learned from; larger slices are cut around the structure.
constexpr int LargestWindow = 192;

/// Whether the slices of the network's grid run the other way than those of the source.
bool IsReversed(const fseg_network_grid& grid, int axis)
{
  double dot = 0.;
  for (int row = 0; row < 3; ++row)
  {
    dot += grid.geometry.ijk_to_lps[row][2] * grid.source.ijk_to_lps[row][axis];
  }
  return dot < 0.;
}

/// Training samples from the slices of one case.
class CaseSampler
{
public:
  CaseSampler(const fseg_network_grid& grid, const std::vector<int>& corrected, int contextSlices,
              const FrugalSegPropagationOptions& options)
      : Grid(grid), ContextSlices(contextSlices), Options(options), Corrected(corrected),
        Height(std::min(grid.height, LargestWindow)), Width(std::min(grid.width, LargestWindow)),
        Augment(fseg_augment_default_options())
  {
    for (int k = 0; k < grid.depth; ++k)
    {
      if (std::find(corrected.begin(), corrected.end(), k) == corrected.end())
      {
        this->Others.push_back(k);
      }
    }
  }

  int GetHeight() const { return this->Height; }
  int GetWidth() const { return this->Width; }

  void Draw(int step, float* images, uint8_t* labels)
  {
    const size_t window = static_cast<size_t>(this->Height) * static_cast<size_t>(this->Width);
    for (int i = 0; i < this->Options.Batch; ++i)
    {
      // A sample is a function of seed, step and place alone.
      fseg_random random = fseg_random_create(this->Options.Seed,
                                              (static_cast<uint64_t>(step) << 16) + static_cast<uint64_t>(i));
      const bool anchor = !this->Others.empty() && fseg_random_uniform(&random) < this->Options.AnchorShare;
      const std::vector<int>& from = anchor ? this->Others : this->Corrected;
      const int slice = from[fseg_random_below(&random, static_cast<uint32_t>(from.size()))];
      float* image = images + static_cast<size_t>(i) * static_cast<size_t>(this->ContextSlices) * window;
      uint8_t* label = labels + static_cast<size_t>(i) * window;
      this->Cut(slice, &random, image, label);
      fseg_error error{};
      FrugalSegRequire(fseg_augment_apply(&this->Augment, &random, this->ContextSlices, this->Height,
                                          this->Width, image, label),
                       error);
    }
  }

private:
  /// First row or column of the window: around the structure, or anywhere when there is none.
  static int Offset(fseg_random* random, int size, int window, int low, int high)
  {
    const int room = size - window;
    if (room <= 0)
    {
      return 0;
    }
    const int middle = low <= high
                           ? (low + high) / 2 - window / 2
                           : static_cast<int>(fseg_random_below(random, static_cast<uint32_t>(room + 1)));
    return std::clamp(middle, 0, room);
  }

  void Cut(int slice, fseg_random* random, float* image, uint8_t* label)
  {
    const fseg_network_grid& grid = this->Grid;
    const size_t plane = static_cast<size_t>(grid.height) * static_cast<size_t>(grid.width);
    this->Stack.resize(static_cast<size_t>(this->ContextSlices) * plane);
    fseg_stack_slices(grid.slices, grid.depth, grid.height, grid.width, slice, this->ContextSlices,
                      this->Stack.data());
    const uint8_t* truth = grid.labels + static_cast<size_t>(slice) * plane;
    int low[2] = { grid.height, grid.width }, high[2] = { -1, -1 };
    for (int y = 0; y < grid.height; ++y)
    {
      for (int x = 0; x < grid.width; ++x)
      {
        if (truth[y * grid.width + x])
        {
          low[0] = std::min(low[0], y), high[0] = std::max(high[0], y);
          low[1] = std::min(low[1], x), high[1] = std::max(high[1], x);
        }
      }
    }
    const int top = Offset(random, grid.height, this->Height, low[0], high[0]);
    const int left = Offset(random, grid.width, this->Width, low[1], high[1]);
    for (int y = 0; y < this->Height; ++y)
    {
      const size_t row =
          static_cast<size_t>(top + y) * static_cast<size_t>(grid.width) + static_cast<size_t>(left);
      const auto to = static_cast<size_t>(y) * static_cast<size_t>(this->Width);
      std::copy_n(truth + row, this->Width, label + to);
      for (int c = 0; c < this->ContextSlices; ++c)
      {
        std::copy_n(this->Stack.data() + static_cast<size_t>(c) * plane + row, this->Width,
                    image + static_cast<size_t>(c) * static_cast<size_t>(this->Height * this->Width) + to);
      }
    }
  }

  const fseg_network_grid& Grid;
  const int ContextSlices;
  const FrugalSegPropagationOptions Options;
  const std::vector<int> Corrected;
  const int Height, Width;
  const fseg_augment_options Augment;
  std::vector<int> Others;
  std::vector<float> Stack;
};

void Adapt(fseg_context* context, fseg_model* model, CaseSampler& samples, int contextSlices,
           const FrugalSegPropagationOptions& o, const fseg_progress* progress)
{
  fseg_error error{};
  fseg_trainer_options options =
      fseg_trainer_default_options(o.Batch, samples.GetHeight(), samples.GetWidth(), o.Steps);
  options.learning_rate = o.LearningRate;
  options.encoder_rate_factor = o.EncoderRate > 0. ? o.EncoderRate : 1.;
  options.freeze_encoder = o.EncoderRate > 0. ? 0 : 1;
  Trainer trainer;
  FrugalSegRequire(fseg_trainer_create(context, model, &options, FrugalSegOut(trainer), &error), error);
  const size_t pixels = static_cast<size_t>(samples.GetHeight()) * static_cast<size_t>(samples.GetWidth());
  std::vector<float> images(static_cast<size_t>(o.Batch) * static_cast<size_t>(contextSlices) * pixels);
  std::vector<uint8_t> labels(static_cast<size_t>(o.Batch) * pixels);
  for (int step = 0; step < o.Steps; ++step)
  {
    const FrugalSegPart part(progress, static_cast<double>(step) / o.Steps,
                             static_cast<double>(step + 1) / o.Steps, "adapting to the corrected slices");
    FrugalSegReport(part.Get(), 0., "");
    fseg_trainer_set_progress(trainer.get(), part.Get());
    samples.Draw(step, images.data(), labels.data());
    double loss = 0.;
    FrugalSegRequire(fseg_trainer_step(trainer.get(), images.data(), labels.data(), &loss, &error), error);
    fseg_trainer_set_progress(trainer.get(), nullptr);
  }
}
} // namespace

//----------------------------------------------------------------------------
FrugalSegMask FrugalSegPropagate(const fseg_model* model, const fseg_volume* volume, const fseg_mask* current,
                                 const std::vector<int>& corrected,
                                 const FrugalSegPropagationOptions& options, const fseg_progress* progress)
{
  fseg_error error{};
  const auto count = static_cast<int>(FrugalSegSliceCount(volume->geometry));
  const int axis = fseg_geometry_slice_axis(&volume->geometry);
  for (const int slice : corrected)
  {
    if (slice < 0 || slice >= count)
    {
      throw FrugalSegFailure(FSEG_ERROR_INVALID_ARGUMENT, "The volume has no slice " + std::to_string(slice) +
                                                              "; it has " + std::to_string(count) + ".");
    }
  }
  if (corrected.empty())
  {
    throw FrugalSegFailure(
        FSEG_ERROR_BAD_INPUT,
        "No slice was corrected, so there is nothing to propagate; correct some slices first.");
  }
  FrugalSegReport(progress, 0., "preparing the slices");
  fseg_input_spec spec{};
  FrugalSegRequire(fseg_model_input_spec(model, &spec, &error), error);
  const FrugalSegGrid grid = FrugalSegMakeGrid(volume, current, model);
  const bool reversed = IsReversed(*grid, axis);
  std::vector<int> trusted;
  for (const int slice : corrected)
  {
    trusted.push_back(reversed ? count - 1 - slice : slice);
  }

  const FrugalSegContext context = FrugalSegMakeContext(options.Threads);
  FrugalSegModel adapted;
  FrugalSegRequire(fseg_model_clone(model, FrugalSegOut(adapted), &error), error);
  CaseSampler samples(*grid, trusted, spec.context_slices, options);
  const FrugalSegPart adapting(progress, 0.02, 0.9);
  Adapt(context.get(), adapted.get(), samples, spec.context_slices, options, adapting.Get());

  const FrugalSegPart drawing(progress, 0.9, 1., "drawing the other slices");
  std::vector<float> probabilities = FrugalSegPredict(context.get(), adapted.get(), grid->slices, grid->depth,
                                                      grid->height, grid->width, drawing.Get());
  // The corrected slices hold the structure together while islands are removed.
  const size_t plane = static_cast<size_t>(grid->height) * static_cast<size_t>(grid->width);
  for (const int slice : trusted)
  {
    const size_t first = static_cast<size_t>(slice) * plane;
    std::transform(grid->labels + first, grid->labels + first + plane,
                   probabilities.begin() + static_cast<ptrdiff_t>(first),
                   [](uint8_t label) { return label ? 1.F : 0.F; });
  }
  FrugalSegMask mask;
  FrugalSegRequire(
      fseg_network_grid_mask(grid.get(), probabilities.data(), spec.threshold, FrugalSegOut(mask), &error),
      error);
  std::vector<bool> keep(static_cast<size_t>(count), false);
  for (const int slice : corrected)
  {
    keep[static_cast<size_t>(slice)] = true;
  }
  FrugalSegForEachVoxel(mask->geometry, axis,
                        [&](size_t voxel, size_t slice)
                        {
                          if (keep[slice])
                          {
                            mask->voxels[voxel] = current->voxels[voxel] ? 1 : 0;
                          }
                        });
  return mask;
}
