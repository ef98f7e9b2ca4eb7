// A folder of labelled cases in the layout of nnU-Net and the Medical Segmentation Decathlon.
//
//   dataset.json                    labels, number of cases, list "training"
//   imagesTr/case_0001_0000.nii.gz  (of the Decathlon: imagesTr/NAME.nii.gz)
//   labelsTr/case_0001.nii.gz       voxel values as dataset.json says
//   splits_final.json               which cases train and which are held out, as nnU-Net writes it
//   provenance/case_0001.json       which model made the label, whether a person changed it, hashes
//   provenance/salt                 of the hashes; leave it out when handing the dataset on
//   versions/case_0001/0001.nii.gz  earlier labels
//
// Everything that we write holds numbers of cases only: no names, IDs, dates, UIDs or paths.
#ifndef FrugalSegDataset_h
#define FrugalSegDataset_h

#include "FrugalSegHandles.h"
#include "FrugalSegJson.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

/// One labelled case of the folder.
struct FrugalSegCase
{
  std::string Name;
  std::string Image; ///< path relative to the folder
  std::string Label;
  int Version = 1;                     ///< of the label
  std::vector<std::string> Structures; ///< saved by FrugalSeg; those of the dataset for other cases
  std::string Edited;                  ///< "yes", "no", "" unknown
  double VolumeML = -1.;               ///< of the structure saved last; negative: unknown
  std::string Role;                    ///< "train", "held out", "" not learned from yet
  std::vector<std::string> Identities; ///< salted hashes
};

/// What SaveLabel hands over.
struct FrugalSegLabel
{
  const fseg_volume* Volume = nullptr;
  const fseg_mask* Mask = nullptr;
  std::string Structure; ///< "liver"
  std::string CaseName;  ///< of the case that the volume was opened from; "" unknown
  std::string SeriesUID; ///< only its salted hash is written; "" unknown
  std::string ModelName, ModelVersion, ModelSHA256; ///< "" drawn by hand
  bool Edited = false;
};

class FrugalSegDataset
{
public:
  /// Read a folder; one that does not exist or is empty is an empty dataset. Completes an interrupted
  /// save first. Throws FrugalSegFailure when dataset.json cannot be understood.
  explicit FrugalSegDataset(const std::string& folder);

  const std::string& GetFolder() const { return this->Folder; }
  const std::vector<FrugalSegCase>& GetCases() const { return this->Cases; }
  const FrugalSegCase* FindCase(const std::string& name) const;
  std::string GetImagePath(const FrugalSegCase& entry) const { return this->Folder + "/" + entry.Image; }
  /// `version` 0 is the newest; throws when there is no such version.
  std::string GetLabelPath(const FrugalSegCase& entry, int version = 0) const;
  /// Sentences about files that are no cases: labels without an image.
  const std::vector<std::string>& GetWarnings() const { return this->Warnings; }

  /// Voxel values and their names, background left out.
  const std::map<int, std::string>& GetLabels() const { return this->Labels; }
  /// The value of a structure; 0 when the dataset has none of this name.
  int GetLabelValue(const std::string& structure) const;

  /// Salted hash of a series' UID, and of an image. "" while the dataset has no salt.
  std::string IdentityOf(const std::string& seriesUID) const;
  std::string IdentityOf(const fseg_volume* volume) const;
  /// The case that has this hash; null when there is none (or the hash is "").
  const FrugalSegCase* FindIdentity(const std::string& identity) const;

  /// Save all or nothing and read the folder again. Returns the case's name. `beforeStep` as in
  /// FrugalSegTransaction.
  std::string Save(const FrugalSegLabel& label, const std::function<void()>& beforeStep = nullptr);

  /// Give every case that has none a role: with two cases or more about every fourth is held out, the
  /// second one first. Roles that were given stay. Written to splits_final.json.
  void AssignRoles();

private:
  void Read();
  void ReadDescription();
  void ReadCases();
  void ReadProvenance(FrugalSegCase& entry);
  void ReadRoles();
  int CountVersions(const std::string& name) const;
  std::string ImageOf(const std::string& name) const;
  std::string ChooseName() const;
  void MakeFolders();
  int AddLabelValue(const std::string& structure);
  FrugalSegJson Describe(const std::string& addedName, const std::string& addedImage) const;
  FrugalSegJson DescribeProvenance(const FrugalSegLabel& label, const std::string& name, int version,
                                   int value) const;
  FrugalSegMask MergeLabel(const FrugalSegLabel& label, const FrugalSegCase* existing, int value) const;

  const std::string Folder;
  FrugalSegJson Description;      ///< dataset.json as it is; null when there is none
  bool ValuesAreKeys = false;     ///< {"1": "liver"} as the Decathlon writes it
  bool ImagesAreNumbered = true;  ///< NAME_0000 as nnU-Net wants it
  std::string Ending = ".nii.gz"; ///< of image and label files
  std::string Salt;
  std::map<int, std::string> Labels;
  std::vector<FrugalSegCase> Cases; ///< by name
  std::vector<std::string> Warnings;
};

#endif
