// vtkSlicerFrugalSegLogic: loading, models, measuring, writing.
#include "vtkSlicerFrugalSegLogicInternal.h"

#include "FrugalSegConversion.h"
#include "FrugalSegMeasure.h"
#include "FrugalSegSegment.h"
#include "FrugalSegSeries.h"
#include "FrugalSegSeriesName.h"
#include "FrugalSegSurface.h"
#include "FrugalSegTable.h"

// MRML includes
#include <vtkMRMLMessageCollection.h>
#include <vtkMRMLScalarVolumeDisplayNode.h>

// Segmentation includes
#include <vtkSegment.h>
#include <vtkSegmentation.h>

// VTK includes
#include <vtkPolyData.h>
#include <vtkStringArray.h>
#include <vtkTable.h>
#include <vtkVariant.h>

// STD includes
#include <cstdio>
#include <filesystem>

namespace
{
std::string FormatNumbers(const char* format, double a, double b, double c)
{
  char text[96];
  std::snprintf(text, sizeof(text), format, a, b, c);
  return text;
}

bool EndsWith(const std::string& text, const std::string& end)
{
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}
} // namespace

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::ListSeries(const std::string& folder, vtkTable* table,
                                         vtkMRMLMessageCollection* messages)
{
  if (!table)
  {
    this->Internal->ReportError(messages, "No table was given for the list of series.");
    return false;
  }
  FrugalSegTableBegin(
      table, { "uid", "description", "modality", "matrix", "spacing_mm", "slices", "verdict", "reason" });
  fseg_error error{};
  FrugalSegSeriesList list;
  if (fseg_series_list_scan(folder.c_str(), nullptr, FrugalSegOut(list), &error) != FSEG_OK)
  {
    this->Internal->ReportError(messages, error);
    return false;
  }
  for (size_t i = 0; i < fseg_series_list_count(list.get()); ++i)
  {
    const fseg_series_info* info = fseg_series_list_info(list.get(), i);
    FrugalSegTableAddRow(
        table,
        { info->key, FrugalSegSeriesName(*info, ""), info->modality,
          FormatNumbers("%.0f x %.0f x %.0f", static_cast<double>(info->columns),
                        static_cast<double>(info->rows), static_cast<double>(info->slices)),
          FormatNumbers("%.3f x %.3f x %.3f", info->spacing_mm[0], info->spacing_mm[1], info->spacing_mm[2]),
          std::to_string(info->slices), fseg_verdict_name(info->verdict), info->reason });
  }
  return true;
}

//----------------------------------------------------------------------------
vtkMRMLScalarVolumeNode* vtkSlicerFrugalSegLogic::LoadSeries(const std::string& folder,
                                                             const std::string& uid,
                                                             vtkMRMLMessageCollection* messages)
{
  if (!this->GetMRMLScene())
  {
    this->Internal->ReportError(messages, "There is no scene to load into.");
    return nullptr;
  }
  fseg_error error{};
  FrugalSegSeriesList list;
  FrugalSegVolume volume;
  size_t index = 0;
  fseg_status status = FrugalSegChooseSeries(folder, uid, list, &index, &error);
  if (status == FSEG_OK)
  {
    status = fseg_series_read(list.get(), index, nullptr, FrugalSegOut(volume), &error);
  }
  if (status != FSEG_OK)
  {
    this->Internal->ReportError(messages, error);
    return nullptr;
  }
  const fseg_series_info* info = fseg_series_list_info(list.get(), index);
  vtkMRMLScalarVolumeNode* node =
      this->Internal->AddVolume(volume.get(), FrugalSegSeriesName(*info, "Series"));
  FrugalSegSeriesToNode(folder, *info, node);
  return node;
}

//----------------------------------------------------------------------------
vtkMRMLScalarVolumeNode* vtkSlicerFrugalSegLogic::LoadVolumeFile(const std::string& path,
                                                                 vtkMRMLMessageCollection* messages)
{
  if (!this->GetMRMLScene())
  {
    this->Internal->ReportError(messages, "There is no scene to load into.");
    return nullptr;
  }
  fseg_error error{};
  FrugalSegVolume volume;
  if (fseg_volume_read(path.c_str(), FrugalSegOut(volume), &error) != FSEG_OK)
  {
    this->Internal->ReportError(messages, error);
    return nullptr;
  }
  std::string name = std::filesystem::path(path).filename().string();
  name = name.substr(0, name.find('.'));
  return this->Internal->AddVolume(volume.get(), name.empty() ? "Volume" : name);
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::ExportMask(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                                         vtkMRMLScalarVolumeNode* volume, const std::string& path,
                                         vtkMRMLMessageCollection* messages)
{
  fseg_error error{};
  if (!volume)
  {
    this->Internal->ReportError(messages, "No volume was given on whose grid the mask could be written.");
    return false;
  }
  const FrugalSegMask mask = FrugalSegMaskFromSegment(segmentation, segmentID, volume, &error);
  if (!mask || fseg_mask_write(mask.get(), path.c_str(), &error) != FSEG_OK)
  {
    this->Internal->ReportError(messages, error);
    return false;
  }
  return true;
}

//----------------------------------------------------------------------------
vtkMRMLScalarVolumeNode* vtkSlicerFrugalSegLogic::vtkInternal::AddVolume(const fseg_volume* volume,
                                                                         const std::string& name)
{
  vtkMRMLScene* scene = this->External->GetMRMLScene();
  vtkNew<vtkMRMLScalarVolumeNode> node;
  node->SetName(scene->GenerateUniqueName(name).c_str());
  FrugalSegVolumeToNode(volume, node);
  scene->AddNode(node);
  node->CreateDefaultDisplayNodes();
  return node;
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::SetUserModelFolder(const std::string& folder)
{
  this->Internal->Models.SetUserFolder(folder);
}

//----------------------------------------------------------------------------
std::string vtkSlicerFrugalSegLogic::GetUserModelFolder()
{
  return this->Internal->Models.GetUserFolder();
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::ListModels(vtkTable* table, vtkMRMLMessageCollection* messages)
{
  if (!table)
  {
    this->Internal->ReportError(messages, "No table was given for the list of models.");
    return false;
  }
  FrugalSegTableBegin(table,
                      { "name", "structure", "contrast", "version", "source", "path", "sha256", "problem" });
  for (const FrugalSegModelEntry& model : this->Internal->Models.List())
  {
    FrugalSegTableAddRow(table, { model.Name, model.Spec.structure, model.Scope.contrast, model.Spec.version,
                                  model.Source, model.Path, model.SHA256, model.Problem });
  }
  if (table->GetNumberOfRows() == 0)
  {
    this->Internal->ReportError(messages, "There is no model; put a .fseg file into " +
                                              this->Internal->Models.GetUserFolder() + ".");
    return false;
  }
  return true;
}

//----------------------------------------------------------------------------
std::string vtkSlicerFrugalSegLogic::LocateModel(const std::string& model, vtkMRMLMessageCollection* messages)
{
  fseg_error error{};
  const std::string path = this->Internal->Models.Locate(model, &error);
  if (path.empty())
  {
    this->Internal->ReportError(messages, error);
  }
  return path;
}

//----------------------------------------------------------------------------
std::string vtkSlicerFrugalSegLogic::SuggestModel(vtkMRMLScalarVolumeNode* volume,
                                                  vtkMRMLMessageCollection* messages)
{
  fseg_volume place{};
  if (!FrugalSegPlaceFromNode(volume, &place))
  {
    this->Internal->ReportError(messages, "The volume holds no image; load one first.");
    return "";
  }
  FrugalSegChecks checks;
  const std::string model = this->Internal->Models.Suggest(place, FrugalSegSeriesOfNode(volume), checks);
  if (model.empty())
  {
    this->Internal->ReportError(messages, "There is no usable model; put a .fseg file into " +
                                              this->Internal->Models.GetUserFolder() + ".");
  }
  for (const FrugalSegCheck& check : checks)
  {
    this->Internal->Report(messages, vtkCommand::WarningEvent, check.Text);
  }
  return model;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::CheckInput(vtkMRMLScalarVolumeNode* volume, const std::string& model,
                                         vtkTable* table, vtkMRMLMessageCollection* messages)
{
  fseg_volume place{};
  if (!table || !FrugalSegPlaceFromNode(volume, &place))
  {
    this->Internal->ReportError(messages, table ? "The volume holds no image; load one first."
                                                : "No table was given for the checks.");
    return false;
  }
  fseg_error error{};
  FrugalSegChecks checks;
  const std::string path = this->Internal->Models.Locate(model, &error);
  const bool done = !path.empty() && FrugalSegCheckInput(path, place, FrugalSegSeriesOfNode(volume), checks,
                                                         &error) == FSEG_OK;
  if (!done)
  {
    this->Internal->ReportError(messages, error);
  }
  FrugalSegChecksToTable(checks, table);
  return done;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::Measure(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                                      vtkMRMLScalarVolumeNode* volume, vtkTable* table,
                                      vtkMRMLMessageCollection* messages)
{
  if (!table || !segmentation)
  {
    this->Internal->ReportError(messages, "A segmentation and a table are needed to measure.");
    return false;
  }
  FrugalSegTableBegin(table, { "segment", "id" });
  const char* const numbers[] = { "volume_ml",   "extent_r_mm", "extent_a_mm",
                                  "extent_s_mm", "longest_mm",  "surface_cm2" };
  for (const char* column : numbers)
  {
    FrugalSegTableAddNumbers(table, column);
  }
  vtkNew<vtkStringArray> text;
  text->SetName("text");
  table->AddColumn(text);

  std::vector<std::string> ids{ segmentID };
  if (segmentID.empty())
  {
    ids = segmentation->GetSegmentation()->GetSegmentIDs();
  }
  for (const std::string& id : ids)
  {
    fseg_error error{};
    const FrugalSegMask mask = FrugalSegMaskFromSegment(segmentation, id, volume, &error);
    if (!mask)
    {
      this->Internal->ReportError(messages, error);
      return false;
    }
    const FrugalSegMeasures measures = FrugalSegMeasure(mask.get());
    const char* name = segmentation->GetSegmentation()->GetSegment(id)->GetName();
    FrugalSegTableAddRow(table, { name ? name : "", id });
    const double values[] = { measures.VolumeML,    measures.ExtentMM[0], measures.ExtentMM[1],
                              measures.ExtentMM[2], measures.LongestMM,   measures.SurfaceCM2 };
    const vtkIdType row = table->GetNumberOfRows() - 1;
    for (int i = 0; i < 6; ++i)
    {
      table->SetValue(row, 2 + i, vtkVariant(values[i]));
    }
    table->SetValue(row, 8, vtkVariant(FrugalSegMeasuresText(measures)));
  }
  return true;
}

//----------------------------------------------------------------------------
std::string vtkSlicerFrugalSegLogic::FormatNumber(double value)
{
  return FrugalSegNumber(value);
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::ExportSegment(vtkMRMLSegmentationNode* segmentation,
                                            const std::string& segmentID, vtkMRMLScalarVolumeNode* volume,
                                            const std::string& path, vtkMRMLMessageCollection* messages)
{
  if (EndsWith(path, ".dcm"))
  {
    return this->ExportSegmentation(segmentation, segmentID, volume, path, messages);
  }
  if (EndsWith(path, ".stl"))
  {
    return this->ExportSurface(segmentation, segmentID, volume, path, messages);
  }
  return this->ExportMask(segmentation, segmentID, volume, path, messages);
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::ExportSurface(vtkMRMLSegmentationNode* segmentation,
                                            const std::string& segmentID, vtkMRMLScalarVolumeNode* volume,
                                            const std::string& path, vtkMRMLMessageCollection* messages)
{
  fseg_error error{};
  const FrugalSegMask mask = FrugalSegMaskFromSegment(segmentation, segmentID, volume, &error);
  if (!mask)
  {
    this->Internal->ReportError(messages, error);
    return false;
  }
  const vtkSmartPointer<vtkPolyData> surface = FrugalSegSurfaceOf(mask.get());
  if (!surface || surface->GetNumberOfPoints() == 0)
  {
    this->Internal->ReportError(messages, "The segment is empty; there is no surface to write.");
    return false;
  }
  if (FrugalSegSurfaceWrite(surface, path, &error) != FSEG_OK)
  {
    this->Internal->ReportError(messages, error);
    return false;
  }
  return true;
}
