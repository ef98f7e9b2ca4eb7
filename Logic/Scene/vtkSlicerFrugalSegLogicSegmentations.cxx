// vtkSlicerFrugalSegLogic: DICOM Segmentation objects, written and opened again.
#include "vtkSlicerFrugalSegLogicInternal.h"

#include "FrugalSegConversion.h"
#include "FrugalSegSegment.h"
#include "FrugalSegSeries.h"
#include "FrugalSegStructure.h"

// MRML includes
#include <vtkMRMLMessageCollection.h>

// Segmentation includes
#include <vtkOrientedImageData.h>
#include <vtkSegment.h>
#include <vtkSegmentation.h>
#include <vtkSegmentationConverter.h>

// STD includes
#include <cstdio>
#include <cstring>
#include <vector>

namespace
{
/// The segments of one object as a label map, and what their tags say.
struct Export
{
  FrugalSegMask Labels;
  std::vector<vtkSegment*> Segments;
  std::vector<std::string> Structures; ///< what `Options` points to
  std::vector<fseg_seg_segment> Options;
};

//----------------------------------------------------------------------------
size_t VoxelCount(const fseg_geometry& geometry)
{
  return geometry.size[0] * geometry.size[1] * geometry.size[2];
}

//----------------------------------------------------------------------------
bool SameOrigin(vtkSegment* a, vtkSegment* b)
{
  for (const char* tag : { FrugalSegTag::ModelName, FrugalSegTag::ModelVersion, FrugalSegTag::ModelSHA256 })
  {
    if (FrugalSegTagValue(a, tag) != FrugalSegTagValue(b, tag))
    {
      return false;
    }
  }
  return true;
}

//----------------------------------------------------------------------------
/// Add one segment to the label map; a sentence on failure.
std::string Add(Export& all, vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                vtkMRMLScalarVolumeNode* volume)
{
  fseg_error error{};
  FrugalSegMask mask = FrugalSegMaskFromSegment(segmentation, segmentID, volume, &error);
  if (!mask)
  {
    return error.message;
  }
  vtkSegment* segment = segmentation->GetSegmentation()->GetSegment(segmentID);
  if (!all.Segments.empty() && !SameOrigin(all.Segments.front(), segment))
  {
    return "The segments come from different models; export them one by one.";
  }
  const int value = static_cast<int>(all.Segments.size()) + 1;
  if (value > FSEG_MAX_SEGMENTS)
  {
    return "There are too many segments for one file; export them one by one.";
  }
  all.Segments.push_back(segment);
  all.Structures.push_back(FrugalSegTagValue(segment, FrugalSegTag::Structure));
  const bool edited =
      FrugalSegMaskFingerprint(mask.get()) != FrugalSegTagValue(segment, FrugalSegTag::Fingerprint);
  all.Options.push_back({ nullptr, value, edited ? 1 : 0 });
  if (!all.Labels)
  {
    all.Labels = std::move(mask);
    return "";
  }
  const size_t count = VoxelCount(all.Labels->geometry);
  for (size_t i = 0; i < count; ++i)
  {
    if (mask->voxels[i] && all.Labels->voxels[i])
    {
      return "The segments overlap; export them one by one.";
    }
    all.Labels->voxels[i] = static_cast<uint8_t>(mask->voxels[i] ? value : all.Labels->voxels[i]);
  }
  return "";
}

//----------------------------------------------------------------------------
/// A segment that another program made: shown and corrected, but never counted as ours.
vtkSmartPointer<vtkSegment> ForeignSegment(const fseg_seg_segment_info& info, const fseg_mask* mask)
{
  const FrugalSegStructure structure = FrugalSegStructureOf(info.structure);
  vtkSmartPointer<vtkSegment> segment = vtkSmartPointer<vtkSegment>::New();
  segment->SetName(info.label[0] ? info.label : structure.Name.c_str());
  segment->SetTerminology(structure.Terminology);
  if (info.has_color)
  {
    segment->SetColor(info.rgb[0] / 255., info.rgb[1] / 255., info.rgb[2] / 255.);
  }
  else
  {
    segment->SetColor(structure.Color[0], structure.Color[1], structure.Color[2]);
  }
  segment->AddRepresentation(vtkSegmentationConverter::GetBinaryLabelmapRepresentationName(),
                             FrugalSegMaskToLabelmap(mask));
  return segment;
}

//----------------------------------------------------------------------------
vtkSmartPointer<vtkSegment> OwnSegment(const fseg_seg_content& content, const fseg_seg_segment_info& info,
                                       FrugalSegMask mask)
{
  FrugalSegJob::Result read;
  read.Mask = std::move(mask);
  std::snprintf(read.Spec.structure, sizeof(read.Spec.structure), "%s", info.structure);
  std::snprintf(read.Spec.name, sizeof(read.Spec.name), "%.63s", content.model_name);
  std::snprintf(read.Spec.version, sizeof(read.Spec.version), "%.63s", content.model_version);
  read.ModelSHA256 = content.model_sha256;
  vtkSmartPointer<vtkSegment> segment = FrugalSegNewSegment(read);
  segment->SetTag(FrugalSegTag::ExportedInstance, std::string(content.instance_uid));
  segment->SetTag(FrugalSegTag::ExportedSeries, std::string(content.series_uid));
  if (std::strcmp(info.algorithm_type, "AUTOMATIC") != 0)
  {
    // What the run had made is not in the file: the segment counts as edited from now on.
    segment->SetTag(FrugalSegTag::Fingerprint, std::string("edited before"));
  }
  return segment;
}
} // namespace

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::ExportSegmentation(vtkMRMLSegmentationNode* segmentation,
                                                 const std::string& segmentID,
                                                 vtkMRMLScalarVolumeNode* volume, const std::string& path,
                                                 vtkMRMLMessageCollection* messages)
{
  std::vector<std::string> ids{ segmentID };
  if (segmentID.empty() && segmentation)
  {
    ids = segmentation->GetSegmentation()->GetSegmentIDs();
  }
  for (const std::string& id : ids)
  {
    if (!vtkSlicerFrugalSegLogic::IsOwnSegment(segmentation, id))
    {
      this->Internal->ReportError(messages, "Only segments that FrugalSeg made can be exported as its DICOM "
                                            "segmentation; use Slicer's DICOM export for others.");
      return false;
    }
  }
  std::string folder, uid;
  if (!FrugalSegSeriesPlace(volume, folder, uid))
  {
    this->Internal->ReportError(messages,
                                "The volume was not loaded from a DICOM series by FrugalSeg, so a DICOM "
                                "segmentation has nothing to refer to; export a NIfTI mask instead.");
    return false;
  }
  Export all;
  for (const std::string& id : ids)
  {
    const std::string failure = Add(all, segmentation, id, volume);
    if (!failure.empty())
    {
      this->Internal->ReportError(messages, failure);
      return false;
    }
  }
  if (all.Segments.empty())
  {
    this->Internal->ReportError(messages, "The segmentation has no segment to export.");
    return false;
  }
  for (size_t i = 0; i < all.Options.size(); ++i)
  {
    all.Options[i].structure = all.Structures[i].c_str();
  }
  vtkSegment* first = all.Segments.front();
  const std::string modelName = FrugalSegTagValue(first, FrugalSegTag::ModelName);
  const std::string modelVersion = FrugalSegTagValue(first, FrugalSegTag::ModelVersion);
  const std::string modelSHA256 = FrugalSegTagValue(first, FrugalSegTag::ModelSHA256);
  const std::string predecessor = FrugalSegTagValue(first, FrugalSegTag::ExportedInstance);
  const std::string predecessorSeries = FrugalSegTagValue(first, FrugalSegTag::ExportedSeries);
  fseg_seg_options options{};
  options.model_name = modelName.c_str();
  options.model_version = modelVersion.c_str();
  options.model_sha256 = modelSHA256.c_str();
  options.predecessor_instance_uid = predecessor.c_str();
  options.predecessor_series_uid = predecessorSeries.c_str();
  options.segments = all.Options.data();
  options.segment_count = all.Options.size();

  fseg_error error{};
  FrugalSegSeriesList list;
  size_t index = 0;
  fseg_seg_report report{};
  fseg_status status = FrugalSegChooseSeries(folder, uid, list, &index, &error);
  if (status == FSEG_OK)
  {
    status =
        fseg_seg_write_with(list.get(), index, all.Labels.get(), &options, path.c_str(), &report, &error);
  }
  if (status != FSEG_OK)
  {
    this->Internal->ReportError(messages, error);
    return false;
  }
  for (int i = 0; i < report.note_count; ++i)
  {
    this->Internal->Report(messages, vtkCommand::WarningEvent, report.notes[i].text);
  }
  for (vtkSegment* segment : all.Segments)
  {
    segment->SetTag(FrugalSegTag::ExportedInstance, std::string(report.instance_uid));
    segment->SetTag(FrugalSegTag::ExportedSeries, std::string(report.series_uid));
  }
  return true;
}

//----------------------------------------------------------------------------
vtkMRMLSegmentationNode* vtkSlicerFrugalSegLogic::LoadSegmentation(const std::string& path,
                                                                   vtkMRMLScalarVolumeNode* volume,
                                                                   vtkMRMLMessageCollection* messages)
{
  fseg_volume place{};
  if (!this->GetMRMLScene() || !FrugalSegPlaceFromNode(volume, &place))
  {
    this->Internal->ReportError(messages, "Load the series that the segmentation belongs to first.");
    return nullptr;
  }
  fseg_error error{};
  FrugalSegSegFile file;
  if (fseg_seg_file_open(path.c_str(), FrugalSegOut(file), &error) != FSEG_OK)
  {
    this->Internal->ReportError(messages, error);
    return nullptr;
  }
  const fseg_seg_content& content = *fseg_seg_file_content(file.get());
  std::vector<vtkSmartPointer<vtkSegment>> segments;
  for (size_t i = 0; i < content.segment_count; ++i)
  {
    const fseg_seg_segment_info& info = *fseg_seg_file_segment(file.get(), i);
    FrugalSegMask mask;
    if (fseg_seg_file_read(file.get(), i, &place.geometry, 0., FrugalSegOut(mask), &error) != FSEG_OK)
    {
      this->Internal->ReportError(messages, error);
      return nullptr;
    }
    segments.push_back(content.ours ? OwnSegment(content, info, std::move(mask))
                                    : ForeignSegment(info, mask.get()));
  }
  const std::string series = FrugalSegSeriesOfNode(volume).uid;
  if (!series.empty() && content.source_series_uid[0] && series != content.source_series_uid)
  {
    this->Internal->Report(messages, vtkCommand::WarningEvent,
                           "The segmentation was made for another series on the same grid; look whether it "
                           "fits this one.");
  }
  if (!content.ours)
  {
    this->Internal->Report(messages, vtkCommand::WarningEvent,
                           "The segmentation is another program's: it can be corrected, measured and saved "
                           "as a mask or label, but not as a DICOM segmentation of FrugalSeg.");
  }
  this->GetMRMLScene()->SaveStateForUndo();
  const vtkSmartPointer<vtkMRMLSegmentationNode> segmentation = this->Internal->AddSegmentation(volume);
  for (const vtkSmartPointer<vtkSegment>& segment : segments)
  {
    segmentation->GetSegmentation()->AddSegment(segment);
  }
  return segmentation;
}
