#include "FrugalSegModels.h"

#include "frugalseg/model_locate.h"

// STD includes
#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>

namespace fs = std::filesystem;

namespace
{
const char* const Suffix = ".fseg";
/// How learned models are named; they are for those who learned them to choose.
const char* const Learned = "-learned-";

const char* SourceName(fseg_model_source source)
{
  switch (source)
  {
    case FSEG_MODEL_ENVIRONMENT:
      return "environment";
    case FSEG_MODEL_USER:
      return "user";
    default:
      return "shipped";
  }
}

bool MentionsBodyPart(const fseg_model_scope& scope, const std::string& bodyPart)
{
  const auto sameLetter = [](char a, char b)
  { return std::toupper(static_cast<unsigned char>(a)) == std::toupper(static_cast<unsigned char>(b)); };
  return std::any_of(scope.body_parts, scope.body_parts + scope.body_part_count,
                     [&](const char* known)
                     {
                       const std::string text = known;
                       return std::equal(text.begin(), text.end(), bodyPart.begin(), bodyPart.end(),
                                         sameLetter);
                     });
}

/// How badly an image misses a card: what makes a mask worthless weighs more than what makes it worse.
double Misfit(const FrugalSegChecks& checks, const FrugalSegModelEntry& model, const fseg_series_info& series)
{
  double misfit = 0.;
  for (const FrugalSegCheck& check : checks)
  {
    misfit += check.ID == "modality"    ? 100.
              : check.ID == "body-part" ? 30.
              : check.ID == "contrast"  ? 20.
                                        : 4.;
  }
  // Being named is better than not being excluded.
  if (*series.body_part && MentionsBodyPart(model.Scope, series.body_part))
  {
    misfit -= 2.;
  }
  if (*fseg_imaging_weighting(&series) && *model.Scope.contrast)
  {
    misfit -= 1.;
  }
  if (model.Name.find(Learned) != std::string::npos)
  {
    misfit += 0.5;
  }
  return misfit;
}
} // namespace

//----------------------------------------------------------------------------
std::string FrugalSegModels::GetUserFolder() const
{
  if (!this->UserFolder.empty())
  {
    return this->UserFolder;
  }
  std::vector<char> path(FSEG_PATH_LENGTH);
  fseg_model_source source{};
  for (size_t i = 0; fseg_model_folder(i, path.data(), path.size(), &source, nullptr) == FSEG_OK; ++i)
  {
    if (source == FSEG_MODEL_USER)
    {
      return path.data();
    }
  }
  return "";
}

//----------------------------------------------------------------------------
std::vector<FrugalSegModels::Folder> FrugalSegModels::Folders() const
{
  std::vector<Folder> folders;
  if (!this->UserFolder.empty())
  {
    folders.push_back({ this->UserFolder, SourceName(FSEG_MODEL_USER) });
  }
  std::vector<char> path(FSEG_PATH_LENGTH);
  fseg_model_source source{};
  for (size_t i = 0; fseg_model_folder(i, path.data(), path.size(), &source, nullptr) == FSEG_OK; ++i)
  {
    folders.push_back({ path.data(), SourceName(source) });
  }
  return folders;
}

//----------------------------------------------------------------------------
FrugalSegModelEntry FrugalSegModels::Read(const std::string& path, const std::string& source)
{
  std::error_code code;
  const long long modified = fs::last_write_time(path, code).time_since_epoch().count();
  const unsigned long long size = fs::file_size(path, code);
  auto known = std::find_if(this->Cache.begin(), this->Cache.end(),
                            [&](const Known& one) { return one.Entry.Path == path; });
  if (known != this->Cache.end() && known->Modified == modified && known->Size == size)
  {
    known->Entry.Source = source;
    return known->Entry;
  }
  if (known != this->Cache.end())
  {
    this->Cache.erase(known);
  }

  FrugalSegModelEntry entry;
  entry.Name = fs::path(path).stem().string();
  entry.Source = source;
  entry.Path = path;
  fseg_error error{};
  FrugalSegModel model;
  char sha256[65] = "";
  fseg_status status = fseg_model_load(path.c_str(), FrugalSegOut(model), &error);
  if (status == FSEG_OK)
  {
    status = fseg_model_input_spec(model.get(), &entry.Spec, &error);
  }
  if (status == FSEG_OK)
  {
    status = fseg_model_read_scope(model.get(), &entry.Scope, &error);
  }
  if (status == FSEG_OK)
  {
    status = fseg_file_sha256(path.c_str(), sha256, &error);
  }
  entry.SHA256 = sha256;
  if (status != FSEG_OK)
  {
    entry.Problem = error.message[0] ? error.message : fseg_status_text(status);
  }
  this->Cache.push_back({ modified, size, entry });
  return entry;
}

//----------------------------------------------------------------------------
std::vector<FrugalSegModelEntry> FrugalSegModels::List()
{
  std::vector<FrugalSegModelEntry> models;
  for (const Folder& folder : this->Folders())
  {
    std::error_code code;
    std::vector<std::string> paths;
    for (fs::directory_iterator walk(folder.Path, code), end; !code && walk != end; walk.increment(code))
    {
      std::error_code ignored;
      if (walk->path().extension() == Suffix && walk->is_regular_file(ignored))
      {
        paths.push_back(walk->path().string());
      }
    }
    // By name, not by path: "liver-t2" before "liver-t2-free", so that it wins where both fit alike.
    std::sort(paths.begin(), paths.end(),
              [](const std::string& a, const std::string& b)
              { return fs::path(a).stem().string() < fs::path(b).stem().string(); });
    for (const std::string& path : paths)
    {
      const std::string name = fs::path(path).stem().string();
      if (std::none_of(models.begin(), models.end(),
                       [&](const FrugalSegModelEntry& model) { return model.Name == name; }))
      {
        models.push_back(this->Read(path, folder.Source));
      }
    }
  }
  return models;
}

//----------------------------------------------------------------------------
std::string FrugalSegModels::Locate(const std::string& nameOrPath, fseg_error* error) const
{
  std::error_code code;
  const bool plainName = !nameOrPath.empty() && nameOrPath.find('/') == std::string::npos;
  if (plainName && !this->UserFolder.empty() && !fs::is_regular_file(nameOrPath, code))
  {
    fs::path path = fs::path(this->UserFolder) / nameOrPath;
    if (path.extension() != Suffix)
    {
      path += Suffix;
    }
    if (fs::is_regular_file(path, code))
    {
      return path.string();
    }
  }
  std::vector<char> path(FSEG_PATH_LENGTH);
  return fseg_model_locate(nameOrPath.c_str(), path.data(), path.size(), error) == FSEG_OK ? path.data() : "";
}

//----------------------------------------------------------------------------
std::string FrugalSegModels::Suggest(const fseg_volume& place, const fseg_series_info& series,
                                     FrugalSegChecks& checks)
{
  std::string best;
  double bestMisfit = 0.;
  checks.clear();
  for (const FrugalSegModelEntry& model : this->List())
  {
    FrugalSegChecks found;
    if (!model.Problem.empty() || FrugalSegCheckInput(model.Path, place, series, found, nullptr) != FSEG_OK)
    {
      continue;
    }
    const double misfit = Misfit(found, model, series);
    if (best.empty() || misfit < bestMisfit)
    {
      best = model.Name;
      bestMisfit = misfit;
      checks = found;
    }
  }
  return best;
}

//----------------------------------------------------------------------------
fseg_status FrugalSegCheckInput(const std::string& path, const fseg_volume& place,
                                const fseg_series_info& series, FrugalSegChecks& checks, fseg_error* error)
{
  FrugalSegModel model;
  fseg_segment_report report{};
  fseg_status status = fseg_model_load(path.c_str(), FrugalSegOut(model), error);
  if (status == FSEG_OK)
  {
    status = fseg_imaging_check_input(model.get(), &place, &series, &report, error);
  }
  checks = FrugalSegChecksOf(report);
  return status;
}
