// Learning from labelled cases: fine-tune a model, and measure it on cases that it does not see.
#ifndef FrugalSegFineTune_h
#define FrugalSegFineTune_h

#include "FrugalSegHandles.h"

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

struct FrugalSegFineTuneOptions
{
  int Steps = 300;
  int Batch = 4;
  int Size = 192; ///< pixels per side; rounded up to what the network takes
  double LearningRate = 3e-4;
  double EncoderRate = 0.3; ///< of the learning rate; 0 leaves the encoder as it is
  bool Augmentation = true;
  int Phantoms = 0; ///< together a fifth of the samples; liver only
  uint64_t Seed = 1;
  int Threads = 0;
};

/// One labelled case on disk; voxels of `Value` are the structure.
struct FrugalSegLabelledFile
{
  std::string Name;
  std::string Image;
  std::string Label;
  int Value = 1;
};

/// Dice of a held-out case; negative: not measured.
struct FrugalSegScore
{
  std::string Case;
  double Before = -1.;
  double After = -1.;
};

/// What a panel shows while learning goes on. For any thread.
class FrugalSegLearningCurve
{
public:
  void AddLoss(double loss);
  std::vector<double> GetLosses() const;
  void SetScores(const std::vector<FrugalSegScore>& scores);
  std::vector<FrugalSegScore> GetScores() const;
  /// Means over all cases; negative as long as one is missing.
  double GetMeanBefore() const;
  double GetMeanAfter() const;
  /// Sentences about cases that were left out.
  void AddWarning(const std::string& text);
  std::vector<std::string> GetWarnings() const;

private:
  double Mean(double FrugalSegScore::*figure) const;
  mutable std::mutex Mutex;
  std::vector<double> Losses;
  std::vector<FrugalSegScore> Scores;
  std::vector<std::string> Warnings;
};

/// Fine-tune a copy of `base` on `train` and measure both on `heldOut`. The returned model has the card
/// of `base` with "base", "training" and "held_out_validation" (counts and figures only). Throws
/// FrugalSegFailure, also when cancelled; cases that cannot be read are left out with a warning, but
/// one of each kind must remain.
FrugalSegModel FrugalSegFineTune(const fseg_model* base, const std::string& baseSHA256,
                                 const std::vector<FrugalSegLabelledFile>& train,
                                 const std::vector<FrugalSegLabelledFile>& heldOut,
                                 const FrugalSegFineTuneOptions& options, FrugalSegLearningCurve& curve,
                                 const fseg_progress* progress);

/// Dice of a model on one case.
double FrugalSegMeasureDice(fseg_context* context, const fseg_model* model, const FrugalSegLabelledFile& file,
                            const fseg_progress* progress);

#endif
