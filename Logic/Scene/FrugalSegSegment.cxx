#include "FrugalSegSegment.h"

#include "FrugalSegConversion.h"
#include "FrugalSegSlices.h"
#include "FrugalSegStructure.h"

// MRML includes
#include <vtkMRMLSegmentationNode.h>

// Segmentation includes
#include <vtkOrientedImageData.h>
#include <vtkSegment.h>
#include <vtkSegmentation.h>
#include <vtkSegmentationConverter.h>

//----------------------------------------------------------------------------
std::string FrugalSegTagValue(vtkSegment* segment, const char* tag)
{
  std::string value;
  segment->GetTag(tag, value);
  return value;
}

//----------------------------------------------------------------------------
vtkSmartPointer<vtkSegment> FrugalSegNewSegment(const FrugalSegJob::Result& result)
{
  const FrugalSegStructure structure = FrugalSegStructureOf(result.Spec.structure);
  vtkSmartPointer<vtkSegment> segment = vtkSmartPointer<vtkSegment>::New();
  segment->SetName(structure.Name.c_str());
  segment->SetColor(structure.Color[0], structure.Color[1], structure.Color[2]);
  segment->SetTerminology(structure.Terminology);
  segment->SetTag(FrugalSegTag::Structure, std::string(result.Spec.structure));
  segment->SetTag(FrugalSegTag::ModelName, std::string(result.Spec.name));
  segment->SetTag(FrugalSegTag::ModelVersion, std::string(result.Spec.version));
  segment->SetTag(FrugalSegTag::ModelSHA256, result.ModelSHA256);
  segment->SetTag(FrugalSegTag::Fingerprint, FrugalSegMaskFingerprint(result.Mask.get()));
  segment->SetTag(FrugalSegTag::SliceFingerprints, FrugalSegSliceFingerprintText(result.Mask.get()));
  segment->AddRepresentation(vtkSegmentationConverter::GetBinaryLabelmapRepresentationName(),
                             FrugalSegMaskToLabelmap(result.Mask.get()));
  return segment;
}

//----------------------------------------------------------------------------
bool FrugalSegIsOwn(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID)
{
  vtkSegment* segment = segmentation ? segmentation->GetSegmentation()->GetSegment(segmentID) : nullptr;
  return segment && segment->HasTag(FrugalSegTag::ModelSHA256);
}

//----------------------------------------------------------------------------
bool FrugalSegIsEdited(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                       vtkMRMLScalarVolumeNode* volume)
{
  fseg_error error{};
  const FrugalSegMask mask = FrugalSegMaskFromSegment(segmentation, segmentID, volume, &error);
  return !mask || FrugalSegMaskFingerprint(mask.get()) !=
                      FrugalSegTagValue(segmentation->GetSegmentation()->GetSegment(segmentID),
                                        FrugalSegTag::Fingerprint);
}

//----------------------------------------------------------------------------
FrugalSegTarget FrugalSegFindTarget(vtkMRMLSegmentationNode* segmentation, const std::string& structure,
                                    vtkMRMLScalarVolumeNode* volume)
{
  FrugalSegTarget target;
  vtkSegmentation* segments = segmentation->GetSegmentation();
  for (const std::string& id : segments->GetSegmentIDs())
  {
    if (!FrugalSegIsOwn(segmentation, id) ||
        FrugalSegTagValue(segments->GetSegment(id), FrugalSegTag::Structure) != structure)
    {
      continue;
    }
    if (FrugalSegIsEdited(segmentation, id, volume))
    {
      target.Kept = segments->GetSegment(id)->GetName();
    }
    else if (target.Replaced.empty())
    {
      target.Replaced = id;
    }
  }
  return target;
}
