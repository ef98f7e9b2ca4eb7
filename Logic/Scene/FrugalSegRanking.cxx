#include "FrugalSegRanking.h"

#include "FrugalSegFailure.h"
#include "FrugalSegSeriesName.h"

#include "frugalseg/random.h"

#include <algorithm>
#include <filesystem>
#include <set>

namespace fs = std::filesystem;

namespace
{
bool EndsWith(const std::string& text, const std::string& end)
{
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// Name without the suffix of an image file; "" for other files and for labels.
std::string ImageName(const std::string& fileName)
{
  for (const char* suffix : { ".nii.gz", ".nii", ".nrrd" })
  {
    if (fileName[0] != '.' && EndsWith(fileName, suffix))
    {
      const std::string name = fileName.substr(0, fileName.size() - std::string(suffix).size());
      const bool label = EndsWith(name, "_label") || EndsWith(name, "_seg") || EndsWith(name, "_mask");
      return label ? "" : name;
    }
  }
  return "";
}

bool IsBelow(const fs::path& path, const fs::path& folder)
{
  const fs::path relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

/// Image files below `folder` by path, without those of the dataset.
std::vector<FrugalSegCandidate> FindFiles(const fs::path& folder, const FrugalSegDataset* dataset,
                                          const fseg_progress* progress)
{
  std::error_code code;
  const fs::path own = dataset ? fs::weakly_canonical(dataset->GetFolder(), code) : fs::path();
  std::vector<FrugalSegCandidate> found;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, code);
  for (; !code && at != fs::recursive_directory_iterator(); at.increment(code))
  {
    FrugalSegReport(progress, 0., "looking for images");
    const std::string name = ImageName(at->path().filename().string());
    std::error_code ignored;
    if (name.empty() || !at->is_regular_file(ignored) ||
        (!own.empty() && IsBelow(fs::weakly_canonical(at->path(), ignored), own)))
    {
      continue;
    }
    FrugalSegCandidate candidate;
    candidate.Name = name;
    candidate.Source = at->path().string();
    found.push_back(candidate);
  }
  std::sort(found.begin(), found.end(),
            [](const FrugalSegCandidate& a, const FrugalSegCandidate& b) { return a.Source < b.Source; });
  return found;
}

/// DICOM series below `folder`, by UID. A folder without any is no failure.
FrugalSegSeriesList FindSeries(const std::string& folder, const fseg_progress* progress)
{
  fseg_error error{};
  FrugalSegSeriesList list;
  const FrugalSegPart part(progress, 0., 0.02, "looking for series");
  const fseg_status status = fseg_series_list_scan(folder.c_str(), part.Get(), FrugalSegOut(list), &error);
  if (status != FSEG_OK && status != FSEG_ERROR_BAD_INPUT)
  {
    FrugalSegRequire(status, error);
  }
  return list;
}

/// Positions of labelled files whose images are read to be recognised, or measured.
class Ranking
{
public:
  Ranking(const FrugalSegDataset* dataset, const std::string& model, int threads, bool measure)
      : Dataset(dataset), Measure(measure)
  {
    if (measure)
    {
      this->Model = FrugalSegLoadModel(model);
      this->Context = FrugalSegMakeContext(threads);
    }
  }

  /// False when the case is in the dataset already. Unusable ones get a reason.
  bool Look(FrugalSegCandidate& candidate, const FrugalSegSeriesList& list, size_t series,
            const fseg_progress* progress)
  {
    if (candidate.IsSeries)
    {
      const fseg_series_info* info = fseg_series_list_info(list.get(), series);
      if (!fseg_verdict_usable(info->verdict))
      {
        candidate.Reason = info->reason;
        return true;
      }
      if (this->Dataset && this->Dataset->FindIdentity(this->Dataset->IdentityOf(std::string(info->key))))
      {
        return false;
      }
      if (!this->Measure)
      {
        return true;
      }
    }
    try
    {
      fseg_error error{};
      FrugalSegVolume volume;
      if (candidate.IsSeries)
      {
        FrugalSegRequire(fseg_series_read(list.get(), series, progress, FrugalSegOut(volume), &error), error);
      }
      else
      {
        volume = FrugalSegReadVolume(candidate.Source);
      }
      if (this->Dataset && this->Dataset->FindIdentity(this->Dataset->IdentityOf(volume.get())))
      {
        return false;
      }
      if (this->Measure)
      {
        candidate.Uncertainty =
            FrugalSegMeasureUncertainty(this->Context.get(), this->Model.Model.get(), volume.get(), progress);
        candidate.Measured = true;
      }
    }
    catch (const FrugalSegFailure& failure)
    {
      if (failure.Status == FSEG_ERROR_CANCELLED || failure.Status == FSEG_ERROR_OUT_OF_MEMORY)
      {
        throw;
      }
      candidate.Reason = failure.what();
    }
    return true;
  }

private:
  const FrugalSegDataset* const Dataset;
  const bool Measure;
  FrugalSegLoadedModel Model;
  FrugalSegContext Context;
};
} // namespace

//----------------------------------------------------------------------------
std::vector<FrugalSegCandidate> FrugalSegRank(const std::string& folder, FrugalSegOrder order, uint64_t seed,
                                              const FrugalSegDataset* dataset, const std::string& model,
                                              int threads, const fseg_progress* progress)
{
  std::error_code code;
  if (!fs::is_directory(folder, code))
  {
    throw FrugalSegFailure(FSEG_ERROR_NOT_FOUND, "There is no folder \"" + folder +
                                                     "\"; choose the one that "
                                                     "holds the images.");
  }
  const FrugalSegSeriesList list = FindSeries(folder, progress);
  const size_t seriesCount = list ? fseg_series_list_count(list.get()) : 0;
  std::vector<FrugalSegCandidate> all;
  for (size_t i = 0; i < seriesCount; ++i)
  {
    const fseg_series_info* info = fseg_series_list_info(list.get(), i);
    FrugalSegCandidate candidate;
    candidate.Name = FrugalSegSeriesName(*info, "Series");
    candidate.IsSeries = true;
    candidate.Source = info->key;
    all.push_back(candidate);
  }
  const std::vector<FrugalSegCandidate> files = FindFiles(folder, dataset, progress);
  all.insert(all.end(), files.begin(), files.end());
  if (all.empty())
  {
    throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT,
                           "The folder holds no image: no DICOM series, no NIfTI and no NRRD file.");
  }

  Ranking ranking(dataset, model, threads, order == FrugalSegOrder::Uncertain);
  std::vector<FrugalSegCandidate> usable, unusable;
  for (size_t i = 0; i < all.size(); ++i)
  {
    const double begin = 0.02 + 0.98 * static_cast<double>(i) / static_cast<double>(all.size());
    const FrugalSegPart part(progress, begin, begin + 0.98 / static_cast<double>(all.size()),
                             order == FrugalSegOrder::Uncertain ? "measuring how sure the model is"
                                                                : "looking for labelled cases");
    FrugalSegReport(part.Get(), 0., "");
    if (ranking.Look(all[i], list, i, part.Get()))
    {
      (all[i].Reason.empty() ? usable : unusable).push_back(all[i]);
    }
  }
  if (order == FrugalSegOrder::Uncertain)
  {
    std::stable_sort(usable.begin(), usable.end(),
                     [](const FrugalSegCandidate& a, const FrugalSegCandidate& b)
                     { return a.Uncertainty.Score > b.Uncertainty.Score; });
  }
  else if (order == FrugalSegOrder::Random)
  {
    fseg_random random = fseg_random_create(seed, 0x4f524452 /* "ORDR" */);
    for (size_t i = usable.size(); i > 1; --i)
    {
      std::swap(usable[i - 1], usable[fseg_random_below(&random, static_cast<uint32_t>(i))]);
    }
  }
  usable.insert(usable.end(), unusable.begin(), unusable.end());
  return usable;
}

//----------------------------------------------------------------------------
FrugalSegUncertainty FrugalSegMeasureUncertainty(fseg_context* context, const fseg_model* model,
                                                 const fseg_volume* volume, const fseg_progress* progress)
{
  fseg_error error{};
  fseg_uncertainty measured{};
  FrugalSegRequire(fseg_imaging_uncertainty(context, model, volume, FSEG_VIEW_SMALLER | FSEG_VIEW_LARGER,
                                            progress, &measured, &error),
                   error);
  return { measured.mean_entropy, measured.disagreement,
           (measured.mean_entropy + measured.disagreement) / 2. };
}
