#include "FrugalSegDataset.h"

#include "FrugalSegTransaction.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace fs = std::filesystem;

namespace
{
bool EndsWith(const std::string& text, const std::string& end)
{
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool IsFile(const std::string& path)
{
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

/// "./imagesTr/x.nii.gz" -> "imagesTr/x.nii.gz"; "" when it leads out of the folder.
std::string InsidePath(const std::string& path)
{
  const fs::path normal = fs::path(path).lexically_normal();
  if (normal.empty() || normal.is_absolute() || *normal.begin() == "..")
  {
    return "";
  }
  return normal.generic_string();
}

/// A label's value: a whole number from 0 to 255 as number or text; -1 for anything else.
int ValueOf(const std::string& text)
{
  int value = -1;
  char rest;
  return std::sscanf(text.c_str(), "%d%c", &value, &rest) == 1 && value >= 0 && value <= 255 ? value : -1;
}
} // namespace

//----------------------------------------------------------------------------
FrugalSegDataset::FrugalSegDataset(const std::string& folder) : Folder(folder)
{
  std::error_code code;
  if (folder.empty())
  {
    throw FrugalSegFailure(FSEG_ERROR_INVALID_ARGUMENT, "No dataset folder is chosen; choose one first.");
  }
  if (fs::exists(folder, code) && !fs::is_directory(folder, code))
  {
    throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT,
                           "The dataset must be a folder, and this is a file: \"" + folder + "\".");
  }
  if (FrugalSegTransaction::IsPending(folder))
  {
    const FrugalSegTransaction complete(folder);
  }
  this->Read();
}

//----------------------------------------------------------------------------
void FrugalSegDataset::Read()
{
  this->Description.reset();
  this->Labels.clear();
  this->Cases.clear();
  this->Warnings.clear();
  this->Salt.clear();
  std::ifstream(this->Folder + "/provenance/salt") >> this->Salt;
  if (IsFile(this->Folder + "/dataset.json"))
  {
    this->ReadDescription();
  }
  this->ReadCases();
  this->ReadRoles();
}

//----------------------------------------------------------------------------
void FrugalSegDataset::ReadDescription()
{
  const std::string what = "The dataset's dataset.json";
  this->Description = FrugalSegJsonRead(this->Folder + "/dataset.json", what);
  const json_t* ending = json_object_get(this->Description.get(), "file_ending");
  if (json_is_string(ending))
  {
    this->Ending = json_string_value(ending);
  }
  if (this->Ending != ".nii.gz" && this->Ending != ".nii" && this->Ending != ".nrrd")
  {
    throw FrugalSegFailure(FSEG_ERROR_UNSUPPORTED, what + " asks for files ending in \"" + this->Ending +
                                                       "\"; .nii.gz, .nii and .nrrd are supported.");
  }
  json_t* labels = json_object_get(this->Description.get(), "labels");
  if (!json_is_object(labels))
  {
    throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT, what + " has no list of labels; add for example "
                                                        "\"labels\": {\"background\": 0, \"liver\": 1}.");
  }
  const char* key;
  json_t* entry;
  json_object_foreach(labels, key, entry)
  {
    int value = -1;
    std::string name;
    if (json_is_integer(entry))
    {
      value = ValueOf(std::to_string(json_integer_value(entry)));
      name = key;
    }
    else if (json_is_string(entry))
    {
      // Either may be the number.
      const int first = ValueOf(key);
      value = first >= 0 ? first : ValueOf(json_string_value(entry));
      name = first >= 0 ? json_string_value(entry) : key;
      this->ValuesAreKeys = first >= 0;
    }
    else if (json_is_array(entry))
    {
      continue; // a region made of several labels: of no use here, and kept
    }
    if (value < 0 || name.empty())
    {
      throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT, what + " gives the label \"" +
                                                       std::string(key).substr(0, 60) +
                                                       "\" no whole number from 0 to 255; repair it.");
    }
    if (value > 0)
    {
      this->Labels[value] = name;
    }
  }
}

//----------------------------------------------------------------------------
std::string FrugalSegDataset::ImageOf(const std::string& name) const
{
  const json_t* training = json_object_get(this->Description.get(), "training");
  for (size_t i = 0; i < json_array_size(training); ++i)
  {
    const json_t* pair = json_array_get(training, i);
    const std::string image = InsidePath(FrugalSegJsonText(pair, "image"));
    if (InsidePath(FrugalSegJsonText(pair, "label")) == "labelsTr/" + name + this->Ending && !image.empty() &&
        IsFile(this->Folder + "/" + image))
    {
      return image;
    }
  }
  for (const char* channel : { "_0000", "" })
  {
    const std::string image = "imagesTr/" + name + channel + this->Ending;
    if (IsFile(this->Folder + "/" + image))
    {
      return image;
    }
  }
  return "";
}

//----------------------------------------------------------------------------
void FrugalSegDataset::ReadCases()
{
  std::error_code code;
  bool numbered = false, plain = false;
  for (const fs::directory_entry& file : fs::directory_iterator(this->Folder + "/labelsTr", code))
  {
    const std::string fileName = file.path().filename().string();
    if (fileName[0] == '.' || !EndsWith(fileName, this->Ending) || !IsFile(file.path().string()))
    {
      continue;
    }
    FrugalSegCase entry;
    entry.Name = fileName.substr(0, fileName.size() - this->Ending.size());
    entry.Label = "labelsTr/" + fileName;
    entry.Image = this->ImageOf(entry.Name);
    if (entry.Image.empty())
    {
      this->Warnings.push_back("The label \"" + entry.Name + "\" has no image in imagesTr and is left out.");
      continue;
    }
    const bool hasChannel = EndsWith(entry.Image, "_0000" + this->Ending);
    numbered = numbered || hasChannel;
    plain = plain || !hasChannel;
    entry.Version = this->CountVersions(entry.Name) + 1;
    this->ReadProvenance(entry);
    this->Cases.push_back(entry);
  }
  this->ImagesAreNumbered = numbered || !plain;
  std::sort(this->Cases.begin(), this->Cases.end(),
            [](const FrugalSegCase& a, const FrugalSegCase& b) { return a.Name < b.Name; });
}

//----------------------------------------------------------------------------
int FrugalSegDataset::CountVersions(const std::string& name) const
{
  int highest = 0;
  std::error_code code;
  for (const fs::directory_entry& file : fs::directory_iterator(this->Folder + "/versions/" + name, code))
  {
    const std::string stem = file.path().filename().string();
    highest = std::max(highest, std::atoi(stem.c_str()));
  }
  return highest;
}

//----------------------------------------------------------------------------
void FrugalSegDataset::ReadProvenance(FrugalSegCase& entry)
{
  const std::string path = this->Folder + "/provenance/" + entry.Name + ".json";
  if (IsFile(path))
  {
    try
    {
      const FrugalSegJson provenance = FrugalSegJsonRead(path, "The provenance of " + entry.Name);
      size_t index;
      json_t* value;
      json_array_foreach(json_object_get(provenance.get(), "identities"), index, value)
      {
        entry.Identities.emplace_back(json_is_string(value) ? json_string_value(value) : "");
      }
      json_array_foreach(json_object_get(provenance.get(), "labels"), index, value)
      {
        const std::string structure = FrugalSegJsonText(value, "structure");
        if (std::find(entry.Structures.begin(), entry.Structures.end(), structure) == entry.Structures.end())
        {
          entry.Structures.push_back(structure);
        }
        entry.Edited = json_is_true(json_object_get(value, "edited")) ? "yes" : "no";
        entry.VolumeML = json_number_value(json_object_get(value, "volume_ml"));
      }
    }
    catch (const FrugalSegFailure& failure)
    {
      this->Warnings.push_back(failure.what()); // the label itself is what counts
    }
  }
  if (entry.Structures.empty())
  {
    for (const auto& label : this->Labels)
    {
      entry.Structures.push_back(label.second);
    }
  }
}

//----------------------------------------------------------------------------
void FrugalSegDataset::ReadRoles()
{
  const std::string path = this->Folder + "/splits_final.json";
  json_error_t detail;
  const FrugalSegJson splits(FrugalSegJsonLoad(path, 0, &detail));
  const json_t* fold = json_is_array(splits.get()) ? json_array_get(splits.get(), 0) : nullptr;
  if (IsFile(path) && !json_is_object(fold))
  {
    throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT,
                           "The dataset's splits_final.json cannot be understood; repair or remove it (then "
                           "cases to hold out are chosen anew).");
  }
  const std::pair<const char*, const char*> roles[] = { { "train", "train" }, { "val", "held out" } };
  for (const auto& role : roles)
  {
    size_t index;
    json_t* name;
    json_array_foreach(json_object_get(fold, role.first), index, name)
    {
      for (FrugalSegCase& entry : this->Cases)
      {
        if (json_is_string(name) && entry.Name == json_string_value(name))
        {
          entry.Role = role.second;
        }
      }
    }
  }
}

//----------------------------------------------------------------------------
void FrugalSegDataset::AssignRoles()
{
  const auto heldOut = [this]
  {
    return std::count_if(this->Cases.begin(), this->Cases.end(),
                         [](const FrugalSegCase& entry) { return entry.Role == "held out"; });
  };
  const auto trained = [this]
  {
    return std::count_if(this->Cases.begin(), this->Cases.end(),
                         [](const FrugalSegCase& entry) { return entry.Role == "train"; });
  };
  const auto wanted = this->Cases.size() < 2 ? 0 : std::max<size_t>(1, this->Cases.size() / 4);
  bool changed = false;
  for (FrugalSegCase& entry : this->Cases)
  {
    if (entry.Role.empty())
    {
      // Something to learn from comes first; a case that was learned from can never be held out.
      entry.Role = trained() > 0 && static_cast<size_t>(heldOut()) < wanted ? "held out" : "train";
      changed = true;
    }
  }
  if (!changed)
  {
    return;
  }
  const FrugalSegJson splits = FrugalSegJsonOwn(json_array());
  json_t* fold = json_object();
  json_t* train = json_array();
  json_t* held = json_array();
  for (const FrugalSegCase& entry : this->Cases)
  {
    json_array_append_new(entry.Role == "train" ? train : held, json_string(entry.Name.c_str()));
  }
  json_object_set_new(fold, "train", train);
  json_object_set_new(fold, "val", held);
  json_array_append_new(splits.get(), fold);
  FrugalSegJsonWrite(splits.get(), this->Folder + "/splits_final.json");
}

//----------------------------------------------------------------------------
const FrugalSegCase* FrugalSegDataset::FindCase(const std::string& name) const
{
  for (const FrugalSegCase& entry : this->Cases)
  {
    if (entry.Name == name)
    {
      return &entry;
    }
  }
  return nullptr;
}

//----------------------------------------------------------------------------
std::string FrugalSegDataset::GetLabelPath(const FrugalSegCase& entry, int version) const
{
  if (version == 0 || version == entry.Version)
  {
    return this->Folder + "/" + entry.Label;
  }
  char number[16];
  std::snprintf(number, sizeof(number), "%04d", version);
  const std::string path = this->Folder + "/versions/" + entry.Name + "/" + number + this->Ending;
  if (!IsFile(path))
  {
    throw FrugalSegFailure(FSEG_ERROR_NOT_FOUND, "The case " + entry.Name + " has no label of version " +
                                                     std::to_string(version) + "; the newest is " +
                                                     std::to_string(entry.Version) + ".");
  }
  return path;
}

//----------------------------------------------------------------------------
int FrugalSegDataset::GetLabelValue(const std::string& structure) const
{
  for (const auto& label : this->Labels)
  {
    if (label.second == structure)
    {
      return label.first;
    }
  }
  return 0;
}

//----------------------------------------------------------------------------
std::string FrugalSegDataset::IdentityOf(const std::string& seriesUID) const
{
  char hex[65] = "";
  fseg_error error{};
  if (!this->Salt.empty() && !seriesUID.empty())
  {
    FrugalSegRequire(fseg_text_sha256(this->Salt.c_str(), seriesUID.c_str(), hex, &error), error);
  }
  return hex;
}

//----------------------------------------------------------------------------
std::string FrugalSegDataset::IdentityOf(const fseg_volume* volume) const
{
  char hex[65] = "";
  fseg_error error{};
  if (!this->Salt.empty())
  {
    FrugalSegRequire(fseg_volume_sha256(this->Salt.c_str(), volume, hex, &error), error);
  }
  return hex;
}

//----------------------------------------------------------------------------
const FrugalSegCase* FrugalSegDataset::FindIdentity(const std::string& identity) const
{
  for (const FrugalSegCase& entry : this->Cases)
  {
    if (!identity.empty() &&
        std::find(entry.Identities.begin(), entry.Identities.end(), identity) != entry.Identities.end())
    {
      return &entry;
    }
  }
  return nullptr;
}
