// Saving a label: everything that FrugalSegDataset writes besides the roles.
#include "FrugalSegDataset.h"

#include "FrugalSegTransaction.h"

#include "frugalseg/frugalseg.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <random>

namespace fs = std::filesystem;

namespace
{
const char* const Notice = "Research use only - not a medical device.";

size_t VoxelCount(const fseg_geometry& geometry)
{
  return geometry.size[0] * geometry.size[1] * geometry.size[2];
}

/// 32 random bytes as text.
std::string NewSalt()
{
  std::random_device device;
  std::string salt;
  for (int i = 0; i < 8; ++i)
  {
    char part[9];
    std::snprintf(part, sizeof(part), "%08x", static_cast<unsigned>(device()));
    salt += part;
  }
  return salt;
}

std::string Four(int number)
{
  char text[16];
  std::snprintf(text, sizeof(text), "%04d", number);
  return text;
}
} // namespace

//----------------------------------------------------------------------------
std::string FrugalSegDataset::ChooseName() const
{
  // Above every number in sight, so that nothing is ever overwritten.
  int highest = 0;
  for (const char* folder : { "labelsTr", "imagesTr", "versions", "provenance" })
  {
    std::error_code code;
    for (const fs::directory_entry& file : fs::directory_iterator(this->Folder + "/" + folder, code))
    {
      int number = 0;
      if (std::sscanf(file.path().filename().string().c_str(), "case_%d", &number) == 1)
      {
        highest = std::max(highest, number);
      }
    }
  }
  return "case_" + Four(highest + 1);
}

//----------------------------------------------------------------------------
void FrugalSegDataset::MakeFolders()
{
  std::error_code code;
  for (const char* folder : { "", "/imagesTr", "/labelsTr", "/provenance" })
  {
    fs::create_directories(this->Folder + folder, code);
    if (code)
    {
      throw FrugalSegFailure(FSEG_ERROR_PERMISSION, "The dataset folder cannot be made or written (" +
                                                        code.message() + "); choose another one.");
    }
  }
}

//----------------------------------------------------------------------------
int FrugalSegDataset::AddLabelValue(const std::string& structure)
{
  int value = this->GetLabelValue(structure);
  if (value == 0)
  {
    value = 1;
    while (this->Labels.count(value))
    {
      ++value;
    }
    if (value > 255)
    {
      throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT, "The dataset has 255 structures and cannot take another.");
    }
    this->Labels[value] = structure;
  }
  return value;
}

//----------------------------------------------------------------------------
FrugalSegJson FrugalSegDataset::Describe(const std::string& addedName, const std::string& addedImage) const
{
  FrugalSegJson description = FrugalSegJsonOwn(
      this->Description
          ? json_deep_copy(this->Description.get())
          : json_pack("{s:s, s:s, s:{s:s}, s:{s:s}, s:i, s:[], s:s}", "name", "FrugalSeg labels",
                      "description", Notice, "channel_names", "0", "MRI", "modality", "0", "MRI", "numTest",
                      0, "test", "file_ending", this->Ending.c_str()));
  json_t* object = description.get();
  json_t* labels = json_object_get(object, "labels");
  if (!labels)
  {
    labels = json_pack("{s:i}", "background", 0);
    json_object_set_new(object, "labels", labels);
  }
  for (const auto& label : this->Labels)
  {
    if (this->ValuesAreKeys)
    {
      json_object_set_new(labels, std::to_string(label.first).c_str(), json_string(label.second.c_str()));
    }
    else
    {
      json_object_set_new(labels, label.second.c_str(), json_integer(label.first));
    }
  }
  json_t* training = json_array();
  bool contained = false;
  const auto add = [&](const std::string& name, const std::string& image)
  {
    json_array_append_new(training, json_pack("{s:s, s:s}", "image", ("./" + image).c_str(), "label",
                                              ("./labelsTr/" + name + this->Ending).c_str()));
  };
  for (const FrugalSegCase& entry : this->Cases)
  {
    contained = contained || entry.Name == addedName;
    add(entry.Name, entry.Image);
  }
  if (!contained)
  {
    add(addedName, addedImage);
  }
  json_object_set_new(object, "numTraining",
                      json_integer(static_cast<json_int_t>(json_array_size(training))));
  json_object_set_new(object, "training", training);
  return description;
}

//----------------------------------------------------------------------------
FrugalSegJson FrugalSegDataset::DescribeProvenance(const FrugalSegLabel& label, const std::string& name,
                                                   int version, int value) const
{
  FrugalSegJson provenance(FrugalSegJsonLoad(this->Folder + "/provenance/" + name + ".json", 0, nullptr));
  if (!json_is_object(provenance.get()))
  {
    provenance = FrugalSegJsonOwn(
        json_pack("{s:s, s:s, s:[], s:[]}", "notice", Notice, "case", name.c_str(), "identities", "labels"));
  }
  json_t* identities = json_object_get(provenance.get(), "identities");
  const auto identify = [&](const std::string& identity)
  {
    size_t index;
    json_t* known;
    json_array_foreach(identities, index, known)
    {
      if (json_is_string(known) && identity == json_string_value(known))
      {
        return;
      }
    }
    if (!identity.empty())
    {
      json_array_append_new(identities, json_string(identity.c_str()));
    }
  };
  identify(this->IdentityOf(label.SeriesUID));
  identify(this->IdentityOf(label.Volume));
  json_t* model = label.ModelName.empty()
                      ? json_null()
                      : json_pack("{s:s, s:s, s:s}", "name", label.ModelName.c_str(), "version",
                                  label.ModelVersion.c_str(), "sha256", label.ModelSHA256.c_str());
  json_array_append_new(json_object_get(provenance.get(), "labels"),
                        json_pack("{s:i, s:s, s:i, s:o, s:b, s:f, s:s}", "version", version, "structure",
                                  label.Structure.c_str(), "value", value, "model", model, "edited",
                                  label.Edited ? 1 : 0, "volume_ml", fseg_mask_volume_ml(label.Mask),
                                  "software", "FrugalSeg " FSEG_VERSION));
  return provenance;
}

//----------------------------------------------------------------------------
FrugalSegMask FrugalSegDataset::MergeLabel(const FrugalSegLabel& label, const FrugalSegCase* existing,
                                           int value) const
{
  fseg_error error{};
  FrugalSegMask merged;
  const size_t count = VoxelCount(label.Mask->geometry);
  if (existing)
  {
    FrugalSegRequire(fseg_mask_read(this->GetLabelPath(*existing).c_str(), -1, FrugalSegOut(merged), &error),
                     error);
    if (!fseg_geometry_equal(&merged->geometry, &label.Mask->geometry, 0.05))
    {
      throw FrugalSegFailure(
          FSEG_ERROR_BAD_INPUT,
          "The label of " + existing->Name +
              " lies on another grid than this volume, so it "
              "cannot get a new version; open the case from the dataset and correct it there.");
    }
  }
  else
  {
    FrugalSegRequire(fseg_mask_create(&label.Mask->geometry, FrugalSegOut(merged), &error), error);
    std::fill_n(merged->voxels, count, uint8_t{ 0 });
  }
  for (size_t voxel = 0; voxel < count; ++voxel)
  {
    uint8_t& at = merged->voxels[voxel];
    at = label.Mask->voxels[voxel] ? static_cast<uint8_t>(value) : at == value ? uint8_t{ 0 } : at;
  }
  return merged;
}

//----------------------------------------------------------------------------
std::string FrugalSegDataset::Save(const FrugalSegLabel& label, const std::function<void()>& beforeStep)
{
  if (label.Structure.empty() || label.Structure == "background")
  {
    throw FrugalSegFailure(FSEG_ERROR_INVALID_ARGUMENT,
                           "The segment has no name of a structure; name it, for example liver.");
  }
  if (!fseg_geometry_equal(&label.Volume->geometry, &label.Mask->geometry, 0.05))
  {
    throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT, "The label does not lie on the grid of the volume.");
  }
  this->MakeFolders();
  FrugalSegTransaction transaction(this->Folder);
  this->Read(); // as it is now, under the lock
  fseg_error error{};
  if (this->Salt.empty())
  {
    const std::string salt = NewSalt();
    FrugalSegRequire(
        fseg_file_write((this->Folder + "/provenance/salt").c_str(), salt.data(), salt.size(), &error),
        error);
    this->Salt = salt;
  }

  const FrugalSegCase* existing = this->FindCase(label.CaseName);
  existing = existing ? existing : this->FindIdentity(this->IdentityOf(label.SeriesUID));
  existing = existing ? existing : this->FindIdentity(this->IdentityOf(label.Volume));
  const std::string name = existing ? existing->Name : this->ChooseName();
  const std::string image =
      existing ? existing->Image
               : "imagesTr/" + name + (this->ImagesAreNumbered ? "_0000" : "") + this->Ending;
  const std::string labelFile = "labelsTr/" + name + this->Ending;
  const int version = existing ? existing->Version + 1 : 1;
  const int value = this->AddLabelValue(label.Structure);

  if (existing)
  {
    transaction.PrepareCopy(labelFile, "versions/" + name + "/" + Four(version - 1) + this->Ending);
  }
  else
  {
    FrugalSegRequire(fseg_volume_write(label.Volume, transaction.Prepare(image).c_str(), &error), error);
  }
  FrugalSegJsonWrite(this->DescribeProvenance(label, name, version, value).get(),
                     transaction.Prepare("provenance/" + name + ".json"));
  const FrugalSegMask merged = this->MergeLabel(label, existing, value);
  FrugalSegRequire(fseg_mask_write(merged.get(), transaction.Prepare(labelFile).c_str(), &error), error);
  FrugalSegJsonWrite(this->Describe(name, image).get(), transaction.Prepare("dataset.json"));
  transaction.Commit(beforeStep);
  this->Read();
  return name;
}
