#include "FrugalSegPredict.h"

#include "FrugalSegFailure.h"

#include "frugalseg/model_locate.h"
#include "frugalseg/sampler.h"
#include "frugalseg/session.h"

#include <algorithm>

namespace
{
/// Slices per call of the network: enough to keep the threads busy, little memory.
constexpr int SlicesPerBatch = 4;
} // namespace

//----------------------------------------------------------------------------
FrugalSegGrid FrugalSegMakeGrid(const fseg_volume* volume, const fseg_mask* labels, const fseg_model* model)
{
  fseg_error error{};
  fseg_input_spec spec{};
  FrugalSegGrid grid;
  FrugalSegRequire(fseg_model_input_spec(model, &spec, &error), error);
  FrugalSegRequire(fseg_network_grid_create(volume, labels, &spec,
                                            fseg_unet_size_multiple(fseg_model_config(model)),
                                            FrugalSegOut(grid), &error),
                   error);
  return grid;
}

//----------------------------------------------------------------------------
std::vector<float> FrugalSegPredict(fseg_context* context, const fseg_model* model, const float* slices,
                                    int depth, int height, int width, const fseg_progress* progress)
{
  fseg_error error{};
  const fseg_unet_config& config = *fseg_model_config(model);
  const auto channels = static_cast<size_t>(config.in_channels);
  const auto classes = static_cast<size_t>(config.classes);
  const size_t plane = static_cast<size_t>(height) * static_cast<size_t>(width);
  const int batch = std::min(SlicesPerBatch, depth);
  std::unique_ptr<fseg_session, FrugalSegFree<fseg_session_free>> session;
  FrugalSegRequire(fseg_session_create(context, model, batch, height, width, FrugalSegOut(session), &error),
                   error);
  std::vector<float> images(static_cast<size_t>(batch) * channels * plane);
  std::vector<float> answers(static_cast<size_t>(batch) * classes * plane);
  std::vector<float> foreground(static_cast<size_t>(depth) * plane);
  for (int first = 0; first < depth; first += batch)
  {
    const int count = std::min(batch, depth - first);
    for (int i = 0; i < count; ++i)
    {
      fseg_stack_slices(slices, depth, height, width, first + i, config.in_channels,
                        images.data() + static_cast<size_t>(i) * channels * plane);
    }
    const FrugalSegPart part(progress, static_cast<double>(first) / depth,
                             static_cast<double>(first + count) / depth);
    FrugalSegRequire(fseg_session_probabilities(session.get(), images.data(), static_cast<size_t>(count),
                                                answers.data(), part.Get(), &error),
                     error);
    for (int i = 0; i < count; ++i)
    {
      // Class 1 is the structure; class 0 is everything else.
      std::copy_n(answers.data() + (static_cast<size_t>(i) * classes + 1) * plane, plane,
                  foreground.data() + static_cast<size_t>(first + i) * plane);
    }
  }
  return foreground;
}

//----------------------------------------------------------------------------
FrugalSegContext FrugalSegMakeContext(int threads)
{
  fseg_error error{};
  fseg_context_options options = fseg_context_default_options();
  options.threads = threads;
  FrugalSegContext context;
  FrugalSegRequire(fseg_context_create(&options, FrugalSegOut(context), &error), error);
  return context;
}

//----------------------------------------------------------------------------
FrugalSegLoadedModel FrugalSegLoadModel(const std::string& nameOrPath)
{
  fseg_error error{};
  std::vector<char> path(FSEG_PATH_LENGTH);
  FrugalSegLoadedModel loaded;
  FrugalSegRequire(fseg_model_locate(nameOrPath.c_str(), path.data(), path.size(), &error), error);
  FrugalSegRequire(fseg_model_load(path.data(), FrugalSegOut(loaded.Model), &error), error);
  FrugalSegRequire(fseg_model_input_spec(loaded.Model.get(), &loaded.Spec, &error), error);
  const fseg_unet_config& config = *fseg_model_config(loaded.Model.get());
  if (config.classes != 2 || config.in_channels != loaded.Spec.context_slices)
  {
    throw FrugalSegFailure(FSEG_ERROR_UNSUPPORTED,
                           "This model has " + std::to_string(config.classes) + " classes and takes " +
                               std::to_string(config.in_channels) +
                               " slices; one of 2 classes, whose card names its slices, is needed.");
  }
  return loaded;
}

//----------------------------------------------------------------------------
FrugalSegVolume FrugalSegReadVolume(const std::string& path)
{
  fseg_error error{};
  FrugalSegVolume volume;
  FrugalSegRequire(fseg_volume_read(path.c_str(), FrugalSegOut(volume), &error), error);
  return volume;
}

//----------------------------------------------------------------------------
FrugalSegMask FrugalSegReadMask(const std::string& path, int value)
{
  fseg_error error{};
  FrugalSegMask mask;
  FrugalSegRequire(fseg_mask_read(path.c_str(), value, FrugalSegOut(mask), &error), error);
  return mask;
}
