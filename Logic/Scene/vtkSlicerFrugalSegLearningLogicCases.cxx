// Labels and their dataset; which case comes next.
#include "vtkSlicerFrugalSegLearningLogicInternal.h"

#include "FrugalSegConversion.h"
#include "FrugalSegFailure.h"
#include "FrugalSegSeries.h"
#include "FrugalSegStructure.h"

// Slicer includes
#include <vtkSlicerTerminologiesModuleLogic.h>
#include <vtkSlicerTerminologyEntry.h>

// MRML includes
#include <vtkMRMLMessageCollection.h>

// Segmentation includes
#include <vtkOrientedImageData.h>
#include <vtkSegment.h>
#include <vtkSegmentation.h>
#include <vtkSegmentationConverter.h>

// VTK includes
#include <vtkTable.h>

// STD includes
#include <algorithm>
#include <cctype>

namespace
{
std::string LowerCase(std::string text)
{
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return text;
}

/// What the segment shows, by its tags or its terminology; never by its name, in which people write
/// what must not leave the house.
std::string StructureOf(vtkSegment* segment)
{
  const std::string tag = FrugalSegTagValue(segment, FrugalSegTag::Structure);
  vtkNew<vtkSlicerTerminologyEntry> entry;
  if (!tag.empty() ||
      !vtkSlicerTerminologiesModuleLogic::DeserializeTerminologyEntry(segment->GetTerminology(), entry) ||
      !entry->GetTypeObject() || !entry->GetTypeObject()->GetCodeMeaning())
  {
    return tag;
  }
  const std::string type = LowerCase(entry->GetTypeObject()->GetCodeMeaning());
  return type == "tissue" ? "" : type; // what Slicer calls every new segment
}

std::string Join(const std::vector<std::string>& words)
{
  std::string text;
  for (const std::string& word : words)
  {
    text += (text.empty() ? "" : ", ") + word;
  }
  return text;
}
} // namespace

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::SetDatasetFolder(const std::string& folder,
                                                       vtkMRMLMessageCollection* messages)
{
  try
  {
    if (!folder.empty())
    {
      const FrugalSegDataset dataset(folder);
      for (const std::string& warning : dataset.GetWarnings())
      {
        this->Internal->Report(messages, vtkCommand::WarningEvent, warning);
      }
    }
  }
  catch (const FrugalSegFailure& failure)
  {
    return this->Internal->ReportError(messages, failure.what());
  }
  this->DatasetFolder = folder;
  this->Modified();
  return true;
}

//----------------------------------------------------------------------------
FrugalSegLabel vtkSlicerFrugalSegLearningLogic::vtkInternal::DescribeSegment(
    vtkMRMLScalarVolumeNode* volume, vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
    const std::string& structure)
{
  vtkSegment* segment = segmentation ? segmentation->GetSegmentation()->GetSegment(segmentID) : nullptr;
  if (!volume || !segment)
  {
    throw FrugalSegFailure(FSEG_ERROR_INVALID_ARGUMENT,
                           "Choose the volume and the segment whose label you want to save.");
  }
  FrugalSegLabel label;
  label.Structure = structure.empty() ? StructureOf(segment) : LowerCase(structure);
  if (label.Structure.empty())
  {
    throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT,
                           "The segment does not say which structure it shows; choose its "
                           "terminology (for example Liver) in the segment editor.");
  }
  std::string folder;
  FrugalSegSeriesPlace(volume, folder, label.SeriesUID);
  label.CaseName = this->CaseOf(volume);
  label.ModelName = FrugalSegTagValue(segment, FrugalSegTag::ModelName);
  label.ModelVersion = FrugalSegTagValue(segment, FrugalSegTag::ModelVersion);
  label.ModelSHA256 = FrugalSegTagValue(segment, FrugalSegTag::ModelSHA256);
  label.Edited = !vtkSlicerFrugalSegLogic::IsOwnSegment(segmentation, segmentID) ||
                 vtkSlicerFrugalSegLogic::IsSegmentEdited(segmentation, segmentID, volume);
  return label;
}

//----------------------------------------------------------------------------
std::string vtkSlicerFrugalSegLearningLogic::vtkInternal::CaseOf(vtkMRMLScalarVolumeNode* volume) const
{
  for (const Opened& opened : this->OpenedVolumes)
  {
    if (opened.Volume == volume && opened.Dataset == this->External->DatasetFolder)
    {
      return opened.Case;
    }
  }
  return "";
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::vtkInternal::MarkLabelled(vtkMRMLScalarVolumeNode* volume)
{
  for (const Opened& opened : this->OpenedVolumes)
  {
    if (opened.Volume == volume && !opened.Source.empty())
    {
      this->RankedState[opened.Source] = "labelled";
    }
  }
}

//----------------------------------------------------------------------------
std::string vtkSlicerFrugalSegLearningLogic::SaveLabel(vtkMRMLScalarVolumeNode* volume,
                                                       vtkMRMLSegmentationNode* segmentation,
                                                       const std::string& segmentID,
                                                       const std::string& structure,
                                                       vtkMRMLMessageCollection* messages)
{
  std::string name;
  try
  {
    FrugalSegLabel label = this->Internal->DescribeSegment(volume, segmentation, segmentID, structure);
    fseg_error error{};
    const FrugalSegVolume image = FrugalSegVolumeFromNode(volume, &error);
    const FrugalSegMask mask =
        image ? FrugalSegMaskFromSegment(segmentation, segmentID, volume, &error) : nullptr;
    if (!mask)
    {
      FrugalSegRequire(error.status, error);
    }
    if (fseg_mask_volume_ml(mask.get()) <= 0.)
    {
      throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT,
                             "The segment is empty; draw the structure before you save it.");
    }
    label.Volume = image.get();
    label.Mask = mask.get();
    name = FrugalSegDataset(this->DatasetFolder).Save(label);
  }
  catch (const FrugalSegFailure& failure)
  {
    this->Internal->ReportError(messages, failure.what());
    return "";
  }
  catch (const std::bad_alloc&)
  {
    this->Internal->ReportError(messages, "Memory is out; close other programs and save again.");
    return "";
  }
  this->Internal->MarkLabelled(volume);
  this->InvokeEvent(LabelSavedEvent);
  return name;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::ListCases(vtkTable* table, vtkMRMLMessageCollection* messages)
{
  if (!table)
  {
    return this->Internal->ReportError(messages, "No table was given for the list of cases.");
  }
  FrugalSegTableBegin(table, { "case", "structures", "version", "edited", "role", "volume_ml" });
  if (this->DatasetFolder.empty())
  {
    return true; // nothing chosen yet
  }
  try
  {
    const FrugalSegDataset dataset(this->DatasetFolder);
    for (const FrugalSegCase& entry : dataset.GetCases())
    {
      FrugalSegTableAddRow(table, { entry.Name, Join(entry.Structures), std::to_string(entry.Version),
                                    entry.Edited, entry.Role, FrugalSegFigure(entry.VolumeML) });
    }
  }
  catch (const FrugalSegFailure& failure)
  {
    return this->Internal->ReportError(messages, failure.what());
  }
  return true;
}

//----------------------------------------------------------------------------
int vtkSlicerFrugalSegLearningLogic::GetNumberOfCases()
{
  try
  {
    return this->DatasetFolder.empty()
               ? 0
               : static_cast<int>(FrugalSegDataset(this->DatasetFolder).GetCases().size());
  }
  catch (const FrugalSegFailure&)
  {
    return 0;
  }
}

//----------------------------------------------------------------------------
vtkMRMLSegmentationNode* vtkSlicerFrugalSegLearningLogic::vtkInternal::ShowLabel(
    const FrugalSegDataset& dataset, const FrugalSegCase& entry, int version, vtkMRMLScalarVolumeNode* volume)
{
  fseg_error error{};
  FrugalSegMask map;
  FrugalSegRequire(
      fseg_mask_read(dataset.GetLabelPath(entry, version).c_str(), -1, FrugalSegOut(map), &error), error);
  vtkMRMLScene* scene = this->External->GetMRMLScene();
  vtkNew<vtkMRMLSegmentationNode> segmentation;
  segmentation->SetName(scene->GenerateUniqueName(entry.Name + " label").c_str());
  scene->AddNode(segmentation);
  segmentation->CreateDefaultDisplayNodes();
  segmentation->SetReferenceImageGeometryParameterFromVolumeNode(volume);
  const size_t count = map->geometry.size[0] * map->geometry.size[1] * map->geometry.size[2];
  for (const auto& label : dataset.GetLabels())
  {
    const auto value = static_cast<uint8_t>(label.first);
    if (std::find(map->voxels, map->voxels + count, value) == map->voxels + count)
    {
      continue;
    }
    FrugalSegMask mask;
    FrugalSegRequire(fseg_mask_create(&map->geometry, FrugalSegOut(mask), &error), error);
    std::transform(map->voxels, map->voxels + count, mask->voxels,
                   [value](uint8_t voxel) -> uint8_t { return voxel == value ? 1 : 0; });
    const FrugalSegStructure structure = FrugalSegStructureOf(label.second);
    vtkNew<vtkSegment> segment;
    segment->SetName(structure.Name.c_str());
    segment->SetColor(structure.Color[0], structure.Color[1], structure.Color[2]);
    segment->SetTerminology(structure.Terminology);
    segment->SetTag(FrugalSegTag::Structure, label.second);
    segment->AddRepresentation(vtkSegmentationConverter::GetBinaryLabelmapRepresentationName(),
                               FrugalSegMaskToLabelmap(mask.get()));
    segmentation->GetSegmentation()->AddSegment(segment);
  }
  return segmentation;
}

//----------------------------------------------------------------------------
vtkMRMLSegmentationNode* vtkSlicerFrugalSegLearningLogic::OpenCase(const std::string& name, int version,
                                                                   vtkMRMLMessageCollection* messages)
{
  if (!this->Internal->CheckScene(messages))
  {
    return nullptr;
  }
  vtkMRMLScalarVolumeNode* volume = nullptr;
  try
  {
    const FrugalSegDataset dataset(this->DatasetFolder);
    const FrugalSegCase* entry = dataset.FindCase(name);
    if (!entry)
    {
      throw FrugalSegFailure(FSEG_ERROR_NOT_FOUND, "The dataset has no case \"" + name + "\".");
    }
    dataset.GetLabelPath(*entry, version); // complains before anything is loaded
    volume = this->Internal->GetSegmentLogic()->LoadVolumeFile(dataset.GetImagePath(*entry), messages);
    if (!volume)
    {
      return nullptr;
    }
    volume->SetName(this->GetMRMLScene()->GenerateUniqueName(name).c_str());
    volume->SetAttribute("DICOM.Modality", "MR");
    vtkMRMLSegmentationNode* segmentation = this->Internal->ShowLabel(dataset, *entry, version, volume);
    this->Internal->OpenedVolumes.push_back({ volume, "", this->DatasetFolder, name });
    this->Internal->LastOpened = volume;
    return segmentation;
  }
  catch (const FrugalSegFailure& failure)
  {
    if (volume)
    {
      this->GetMRMLScene()->RemoveNode(volume);
    }
    this->Internal->ReportError(messages, failure.what());
    return nullptr;
  }
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::StartRanking(const std::string& folder, int order,
                                                   vtkMRMLMessageCollection* messages)
{
  if (!this->Internal->IsFree(Ranking, messages))
  {
    return false;
  }
  if (order < OrderUncertain || order > OrderFirst)
  {
    return this->Internal->ReportError(messages, "There is no such order of cases.");
  }
  std::string model;
  try
  {
    if (order == OrderUncertain)
    {
      model = this->Internal->LocateModel(this->Internal->GetHistory().GetCurrent());
    }
  }
  catch (const FrugalSegFailure& failure)
  {
    return this->Internal->ReportError(messages, failure.what());
  }
  const auto found = std::make_shared<std::vector<FrugalSegCandidate>>();
  const std::string dataset = this->DatasetFolder;
  const auto seed = static_cast<uint64_t>(this->Seed);
  const int threads = this->NumberOfThreads;
  return this->Internal->Launch(
      Ranking,
      [=](const fseg_progress* progress)
      {
        const std::unique_ptr<FrugalSegDataset> labelled =
            dataset.empty() ? nullptr : std::make_unique<FrugalSegDataset>(dataset);
        *found = FrugalSegRank(folder, static_cast<FrugalSegOrder>(order), seed, labelled.get(), model,
                               threads, progress);
      },
      [this, found, folder](vtkMRMLMessageCollection* sink)
      {
        this->Internal->Ranked = *found;
        this->Internal->RankedFolder = folder;
        this->Internal->RankedState.clear();
        const bool any = std::any_of(found->begin(), found->end(),
                                     [](const FrugalSegCandidate& entry) { return entry.Reason.empty(); });
        if (!any)
        {
          this->Internal->Report(sink, vtkCommand::WarningEvent,
                                 found->empty() ? "Every case of the folder is labelled already."
                                                : "No unlabelled case of the folder can be used.");
        }
      },
      messages);
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::GetRanking(vtkTable* table)
{
  FrugalSegTableBegin(
      table, { "rank", "name", "kind", "source", "entropy", "disagreement", "score", "reason", "state" });
  int rank = 0;
  for (const FrugalSegCandidate& entry : this->Internal->Ranked)
  {
    const auto figure = [&entry](double value) { return entry.Measured ? FrugalSegFigure(value) : ""; };
    const auto state = this->Internal->RankedState.find(entry.Source);
    FrugalSegTableAddRow(table,
                         { std::to_string(++rank), entry.Name, entry.IsSeries ? "series" : "file",
                           entry.Source, figure(entry.Uncertainty.Entropy),
                           figure(entry.Uncertainty.Disagreement), figure(entry.Uncertainty.Score),
                           entry.Reason, state == this->Internal->RankedState.end() ? "" : state->second });
  }
}

//----------------------------------------------------------------------------
vtkMRMLScalarVolumeNode* vtkSlicerFrugalSegLearningLogic::OpenRanked(int row,
                                                                     vtkMRMLMessageCollection* messages)
{
  if (!this->Internal->CheckScene(messages))
  {
    return nullptr;
  }
  if (row < 0 || row >= static_cast<int>(this->Internal->Ranked.size()))
  {
    this->Internal->ReportError(messages,
                                "There is no such case; put the folder's cases into an order first.");
    return nullptr;
  }
  const FrugalSegCandidate entry = this->Internal->Ranked[static_cast<size_t>(row)];
  if (!entry.Reason.empty())
  {
    this->Internal->ReportError(messages, "This case cannot be used: " + entry.Reason);
    return nullptr;
  }
  vtkSlicerFrugalSegLogic* logic = this->Internal->GetSegmentLogic();
  vtkMRMLScalarVolumeNode* volume =
      entry.IsSeries ? logic->LoadSeries(this->Internal->RankedFolder, entry.Source, messages)
                     : logic->LoadVolumeFile(entry.Source, messages);
  if (volume)
  {
    std::string& state = this->Internal->RankedState[entry.Source];
    state = state.empty() ? "opened" : state;
    this->Internal->OpenedVolumes.push_back({ volume, entry.Source, "", "" });
    this->Internal->LastOpened = volume;
  }
  return volume;
}

//----------------------------------------------------------------------------
vtkMRMLScalarVolumeNode* vtkSlicerFrugalSegLearningLogic::OpenNext(vtkMRMLMessageCollection* messages)
{
  for (size_t row = 0; row < this->Internal->Ranked.size(); ++row)
  {
    const FrugalSegCandidate& entry = this->Internal->Ranked[row];
    if (entry.Reason.empty() && !this->Internal->RankedState.count(entry.Source))
    {
      return this->OpenRanked(static_cast<int>(row), messages);
    }
  }
  this->Internal->ReportError(messages, this->Internal->Ranked.empty()
                                            ? "No order of cases is known; find one first."
                                            : "All usable cases were opened or labelled.");
  return nullptr;
}

//----------------------------------------------------------------------------
vtkMRMLScalarVolumeNode* vtkSlicerFrugalSegLearningLogic::GetLastOpenedVolume()
{
  return this->Internal->LastOpened;
}
