// Which unlabelled case to label next.
#ifndef FrugalSegRanking_h
#define FrugalSegRanking_h

#include "FrugalSegDataset.h"
#include "FrugalSegPredict.h"

#include <cstdint>
#include <string>
#include <vector>

/// How unsure a model is of a case. Both figures are 0 (sure) to 1.
struct FrugalSegUncertainty
{
  double Entropy = 0.;      ///< mean binary entropy in bits over the mask and its rim
  double Disagreement = 0.; ///< 1 - mean Dice between the mask and those of changed copies
  double Score = 0.;        ///< mean of both; 1 when the model finds nothing
};

/// Measure it: the plain prediction against those of copies in which the structure looks a tenth smaller
/// and larger (fseg_imaging_uncertainty). Copies are not mirrored: left and right differ in the abdomen,
/// and no model is trained to stand that.
FrugalSegUncertainty FrugalSegMeasureUncertainty(fseg_context* context, const fseg_model* model,
                                                 const fseg_volume* volume, const fseg_progress* progress);

enum class FrugalSegOrder
{
  Uncertain,
  Random,
  First
};

/// One case that could be labelled.
struct FrugalSegCandidate
{
  std::string Name; ///< to show; description of the series or name of the file
  bool IsSeries = false;
  std::string Source; ///< UID or path
  std::string Reason; ///< why it cannot be used; "" when it can
  bool Measured = false;
  FrugalSegUncertainty Uncertainty;
};

/// The unlabelled cases below `folder` in order, unusable ones last. `dataset` may be null. Order
/// Uncertain needs `model`; the others read no voxels of series, and files only to recognise labelled
/// ones. Throws when there is none at all.
std::vector<FrugalSegCandidate> FrugalSegRank(const std::string& folder, FrugalSegOrder order, uint64_t seed,
                                              const FrugalSegDataset* dataset, const std::string& model,
                                              int threads, const fseg_progress* progress);

#endif
