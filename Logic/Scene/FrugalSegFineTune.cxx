#include "FrugalSegFineTune.h"

#include "FrugalSegFailure.h"
#include "FrugalSegJson.h"
#include "FrugalSegPredict.h"

#include "frugalseg/frugalseg.h"
#include "frugalseg/phantom.h"
#include "frugalseg/random.h"
#include "frugalseg/sampler.h"
#include "frugalseg/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace
{
using Sampler = std::unique_ptr<fseg_sampler, FrugalSegFree<fseg_sampler_free>>;
using Trainer = std::unique_ptr<fseg_trainer, FrugalSegFree<fseg_trainer_free>>;

constexpr double PhantomShare = 0.2;

size_t VoxelCount(const fseg_geometry& geometry)
{
  return geometry.size[0] * geometry.size[1] * geometry.size[2];
}

/// Failures that end everything; others leave one case out.
bool IsFatal(const FrugalSegFailure& failure)
{
  return failure.Status == FSEG_ERROR_CANCELLED || failure.Status == FSEG_ERROR_OUT_OF_MEMORY;
}

void AddSubject(fseg_sampler* sampler, const fseg_model* model, const fseg_volume* volume,
                const fseg_mask* mask, double weight)
{
  fseg_error error{};
  const FrugalSegGrid grid = FrugalSegMakeGrid(volume, mask, model);
  FrugalSegRequire(fseg_sampler_add(sampler, grid->slices, grid->labels, grid->depth, grid->height,
                                    grid->width, weight, &error),
                   error);
}

/// A synthetic abdomen with its liver, varied by seed and number.
void AddPhantom(fseg_context* context, fseg_sampler* sampler, const fseg_model* model, uint64_t seed,
                int number, double weight, const fseg_progress* progress)
{
  fseg_error error{};
  fseg_random random = fseg_random_create(seed, 0x5048414e + static_cast<uint64_t>(number));
  fseg_phantom_options options = fseg_phantom_default_options(
      (static_cast<uint64_t>(fseg_random_u32(&random)) << 32) + fseg_random_u32(&random));
  options.contrast_variation = number % 2 == 0 ? 0. : fseg_random_range(&random, 0.2F, 1.F);
  options.noise = fseg_random_range(&random, 0.01F, 0.06F);
  options.bias = fseg_random_range(&random, 0.F, 0.5F);
  fseg_geometry geometry{};
  const int size[3] = { options.columns, options.rows, options.slices };
  for (int axis = 0; axis < 3; ++axis)
  {
    geometry.size[axis] = static_cast<size_t>(size[axis]);
    geometry.ijk_to_lps[axis][axis] = options.spacing_mm[axis];
  }
  geometry.ijk_to_lps[3][3] = 1.;
  FrugalSegVolume volume;
  FrugalSegMask mask;
  FrugalSegRequire(fseg_volume_create(&geometry, FrugalSegOut(volume), &error), error);
  FrugalSegRequire(fseg_mask_create(&geometry, FrugalSegOut(mask), &error), error);
  FrugalSegRequire(fseg_phantom_abdomen(context, &options, volume->voxels, mask->voxels, progress, &error),
                   error);
  for (size_t i = 0; i < VoxelCount(geometry); ++i)
  {
    mask->voxels[i] = mask->voxels[i] == FSEG_PHANTOM_LIVER;
  }
  AddSubject(sampler, model, volume.get(), mask.get(), weight);
}

/// One run: what its steps share.
class FineTuning
{
public:
  FineTuning(const fseg_model* base, const FrugalSegFineTuneOptions& options, FrugalSegLearningCurve& curve)
      : Base(base), Options(options), Curve(curve), Context(FrugalSegMakeContext(options.Threads))
  {
    fseg_error error{};
    FrugalSegRequire(fseg_model_clone(base, FrugalSegOut(this->Model), &error), error);
    FrugalSegRequire(fseg_model_input_spec(base, &this->Spec, &error), error);
    const int multiple = fseg_unet_size_multiple(fseg_model_config(base));
    this->Size = (options.Size + multiple - 1) / multiple * multiple;
  }

  void Load(const std::vector<FrugalSegLabelledFile>& files, const fseg_progress* progress);
  void Train(const fseg_progress* progress);
  void Measure(const std::vector<FrugalSegLabelledFile>& files, bool after, const fseg_progress* progress);
  void SetCard(const std::string& baseSHA256);

  FrugalSegModel Model;

private:
  const fseg_model* const Base;
  const FrugalSegFineTuneOptions Options;
  FrugalSegLearningCurve& Curve;
  const FrugalSegContext Context;
  fseg_input_spec Spec{};
  int Size = 0;
  Sampler Samples;
  int UsedCases = 0;
  std::vector<FrugalSegScore> Scores;
};

//----------------------------------------------------------------------------
void FineTuning::Load(const std::vector<FrugalSegLabelledFile>& files, const fseg_progress* progress)
{
  fseg_error error{};
  fseg_sampler_options options = fseg_sampler_default_options(this->Options.Batch, this->Size, this->Size);
  options.context_slices = this->Spec.context_slices;
  options.seed = this->Options.Seed;
  if (!this->Options.Augmentation)
  {
    options.augment = fseg_augment_no_options();
  }
  FrugalSegRequire(fseg_sampler_create(&options, FrugalSegOut(this->Samples), &error), error);
  const double total = static_cast<double>(files.size()) + this->Options.Phantoms;
  double done = 0.;
  for (const FrugalSegLabelledFile& file : files)
  {
    FrugalSegReport(progress, done++ / total, "reading the cases");
    try
    {
      const FrugalSegVolume volume = FrugalSegReadVolume(file.Image);
      const FrugalSegMask mask = FrugalSegReadMask(file.Label, file.Value);
      AddSubject(this->Samples.get(), this->Base, volume.get(), mask.get(), 1.);
      ++this->UsedCases;
    }
    catch (const FrugalSegFailure& failure)
    {
      if (IsFatal(failure))
      {
        throw;
      }
      this->Curve.AddWarning(file.Name + " is left out: " + failure.what());
    }
  }
  if (this->UsedCases == 0)
  {
    throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT,
                           "No labelled case can be learned from; save a label first, or see the warnings.");
  }
  const double weight =
      PhantomShare / (1. - PhantomShare) * this->UsedCases / std::max(1, this->Options.Phantoms);
  for (int i = 0; i < this->Options.Phantoms; ++i)
  {
    const FrugalSegPart part(progress, done / total, (done + 1.) / total, "making phantoms");
    ++done;
    AddPhantom(this->Context.get(), this->Samples.get(), this->Base, this->Options.Seed, i, weight,
               part.Get());
  }
}

//----------------------------------------------------------------------------
void FineTuning::Train(const fseg_progress* progress)
{
  fseg_error error{};
  const FrugalSegFineTuneOptions& o = this->Options;
  fseg_trainer_options options = fseg_trainer_default_options(o.Batch, this->Size, this->Size, o.Steps);
  options.learning_rate = o.LearningRate;
  options.encoder_rate_factor = o.EncoderRate > 0. ? o.EncoderRate : 1.;
  options.freeze_encoder = o.EncoderRate > 0. ? 0 : 1;
  Trainer trainer;
  FrugalSegRequire(
      fseg_trainer_create(this->Context.get(), this->Model.get(), &options, FrugalSegOut(trainer), &error),
      error);
  const size_t pixels = static_cast<size_t>(this->Size) * static_cast<size_t>(this->Size);
  const auto batch = static_cast<size_t>(o.Batch);
  std::vector<float> images(batch * static_cast<size_t>(this->Spec.context_slices) * pixels);
  std::vector<uint8_t> labels(batch * pixels);
  for (int step = 0; step < o.Steps; ++step)
  {
    const FrugalSegPart part(progress, static_cast<double>(step) / o.Steps,
                             static_cast<double>(step + 1) / o.Steps, "learning");
    FrugalSegReport(part.Get(), 0., "");
    fseg_trainer_set_progress(trainer.get(), part.Get());
    const fseg_status status =
        fseg_sampler_draw(this->Samples.get(), this->Context.get(), step, images.data(), labels.data());
    if (status != FSEG_OK)
    {
      throw FrugalSegFailure(status,
                             std::string("A batch could not be drawn: ") + fseg_status_text(status) + ".");
    }
    double loss = 0.;
    FrugalSegRequire(fseg_trainer_step(trainer.get(), images.data(), labels.data(), &loss, &error), error);
    fseg_trainer_set_progress(trainer.get(), nullptr);
    this->Curve.AddLoss(loss);
  }
  this->Samples.reset(); // the memory is not needed any more
}

//----------------------------------------------------------------------------
void FineTuning::Measure(const std::vector<FrugalSegLabelledFile>& files, bool after,
                         const fseg_progress* progress)
{
  const char* const stage = after ? "measuring the new model" : "measuring the present model";
  if (!after)
  {
    for (const FrugalSegLabelledFile& file : files)
    {
      this->Scores.push_back({ file.Name });
    }
    this->Curve.SetScores(this->Scores);
  }
  for (size_t i = 0; i < files.size(); ++i)
  {
    const auto score = std::find_if(this->Scores.begin(), this->Scores.end(),
                                    [&](const FrugalSegScore& entry) { return entry.Case == files[i].Name; });
    if (score == this->Scores.end())
    {
      continue; // left out
    }
    const FrugalSegPart part(progress, static_cast<double>(i) / static_cast<double>(files.size()),
                             static_cast<double>(i + 1) / static_cast<double>(files.size()), stage);
    try
    {
      const double dice = FrugalSegMeasureDice(this->Context.get(), after ? this->Model.get() : this->Base,
                                               files[i], part.Get());
      (after ? score->After : score->Before) = dice;
    }
    catch (const FrugalSegFailure& failure)
    {
      if (IsFatal(failure))
      {
        throw;
      }
      this->Curve.AddWarning(files[i].Name + " is left out of the score: " + failure.what());
      this->Scores.erase(score);
    }
    this->Curve.SetScores(this->Scores);
  }
}

//----------------------------------------------------------------------------
void FineTuning::SetCard(const std::string& baseSHA256)
{
  fseg_error error{};
  FrugalSegJson card(json_loads(fseg_model_card(this->Base), 0, nullptr));
  if (!json_is_object(card.get()))
  {
    card = FrugalSegJsonOwn(json_object());
  }
  const FrugalSegFineTuneOptions& o = this->Options;
  // What the base was measured to be is not true of this model.
  json_object_del(card.get(), "validation");
  json_object_del(card.get(), "held_out_validation");
  json_object_set_new(card.get(), "base",
                      json_pack("{s:s, s:s, s:s}", "name", this->Spec.name, "version", this->Spec.version,
                                "sha256", baseSHA256.c_str()));
  // Counts and settings only: no case names, paths or dates.
  json_object_set_new(card.get(), "training",
                      json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:b, s:I}", "program",
                                "FrugalSeg " FSEG_VERSION, "cases", this->UsedCases, "phantoms", o.Phantoms,
                                "steps", o.Steps, "batch", o.Batch, "size", this->Size, "learning_rate",
                                o.LearningRate, "encoder_rate", o.EncoderRate, "augmentation",
                                o.Augmentation ? 1 : 0, "seed", static_cast<json_int_t>(o.Seed)));
  if (!this->Scores.empty())
  {
    json_object_set_new(card.get(), "held_out_validation",
                        json_pack("{s:i, s:f, s:f}", "cases", static_cast<int>(this->Scores.size()),
                                  "dice_before", this->Curve.GetMeanBefore(), "dice_after",
                                  this->Curve.GetMeanAfter()));
  }
  const std::unique_ptr<char, decltype(&std::free)> text(
      json_dumps(card.get(), JSON_INDENT(1) | JSON_REAL_PRECISION(6)), &std::free);
  FrugalSegRequire(fseg_model_set_card(this->Model.get(), text ? text.get() : "{}", &error), error);
}
} // namespace

//----------------------------------------------------------------------------
void FrugalSegLearningCurve::AddLoss(double loss)
{
  const std::lock_guard<std::mutex> lock(this->Mutex);
  this->Losses.push_back(loss);
}

//----------------------------------------------------------------------------
std::vector<double> FrugalSegLearningCurve::GetLosses() const
{
  const std::lock_guard<std::mutex> lock(this->Mutex);
  return this->Losses;
}

//----------------------------------------------------------------------------
void FrugalSegLearningCurve::SetScores(const std::vector<FrugalSegScore>& scores)
{
  const std::lock_guard<std::mutex> lock(this->Mutex);
  this->Scores = scores;
}

//----------------------------------------------------------------------------
std::vector<FrugalSegScore> FrugalSegLearningCurve::GetScores() const
{
  const std::lock_guard<std::mutex> lock(this->Mutex);
  return this->Scores;
}

//----------------------------------------------------------------------------
double FrugalSegLearningCurve::Mean(double FrugalSegScore::*figure) const
{
  const std::lock_guard<std::mutex> lock(this->Mutex);
  double sum = 0.;
  for (const FrugalSegScore& score : this->Scores)
  {
    if (score.*figure < 0.)
    {
      return -1.;
    }
    sum += score.*figure;
  }
  return this->Scores.empty() ? -1. : sum / static_cast<double>(this->Scores.size());
}

//----------------------------------------------------------------------------
double FrugalSegLearningCurve::GetMeanBefore() const
{
  return this->Mean(&FrugalSegScore::Before);
}

//----------------------------------------------------------------------------
double FrugalSegLearningCurve::GetMeanAfter() const
{
  return this->Mean(&FrugalSegScore::After);
}

//----------------------------------------------------------------------------
void FrugalSegLearningCurve::AddWarning(const std::string& text)
{
  const std::lock_guard<std::mutex> lock(this->Mutex);
  this->Warnings.push_back(text);
}

//----------------------------------------------------------------------------
std::vector<std::string> FrugalSegLearningCurve::GetWarnings() const
{
  const std::lock_guard<std::mutex> lock(this->Mutex);
  return this->Warnings;
}

//----------------------------------------------------------------------------
double FrugalSegMeasureDice(fseg_context* context, const fseg_model* model, const FrugalSegLabelledFile& file,
                            const fseg_progress* progress)
{
  fseg_error error{};
  const FrugalSegVolume volume = FrugalSegReadVolume(file.Image);
  const FrugalSegMask truth = FrugalSegReadMask(file.Label, file.Value);
  FrugalSegMask mask;
  FrugalSegRequire(
      fseg_segment_volume(context, model, volume.get(), progress, FrugalSegOut(mask), nullptr, &error),
      error);
  if (!fseg_geometry_equal(&mask->geometry, &truth->geometry, 0.05))
  {
    throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT, "Label and image do not lie on the same grid.");
  }
  size_t both = 0, sum = 0;
  for (size_t i = 0; i < VoxelCount(mask->geometry); ++i)
  {
    both += mask->voxels[i] && truth->voxels[i];
    sum += (mask->voxels[i] != 0) + static_cast<size_t>(truth->voxels[i] != 0);
  }
  return sum ? 2. * static_cast<double>(both) / static_cast<double>(sum) : 1.;
}

//----------------------------------------------------------------------------
FrugalSegModel FrugalSegFineTune(const fseg_model* base, const std::string& baseSHA256,
                                 const std::vector<FrugalSegLabelledFile>& train,
                                 const std::vector<FrugalSegLabelledFile>& heldOut,
                                 const FrugalSegFineTuneOptions& options, FrugalSegLearningCurve& curve,
                                 const fseg_progress* progress)
{
  FineTuning run(base, options, curve);
  const double measuring = heldOut.empty() ? 0. : 0.08;
  const FrugalSegPart loading(progress, 0., 0.04);
  run.Load(train, loading.Get());
  const FrugalSegPart before(progress, 0.04, 0.04 + measuring);
  run.Measure(heldOut, false, before.Get());
  const FrugalSegPart learning(progress, 0.04 + measuring, 1. - measuring);
  run.Train(learning.Get());
  const FrugalSegPart after(progress, 1. - measuring, 1.);
  run.Measure(heldOut, true, after.Get());
  run.SetCard(baseSHA256);
  return std::move(run.Model);
}
