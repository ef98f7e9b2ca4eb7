// A segment that FrugalSeg made: its tags, and whether somebody has edited it since.
#ifndef FrugalSegSegment_h
#define FrugalSegSegment_h

#include "FrugalSegJob.h"

#include <vtkSmartPointer.h>

#include <string>

class vtkMRMLScalarVolumeNode;
class vtkMRMLSegmentationNode;
class vtkSegment;

/// Tags of such a segment; they are saved with the segmentation.
namespace FrugalSegTag
{
constexpr const char* Structure = "FrugalSeg.Structure";
constexpr const char* ModelName = "FrugalSeg.ModelName";
constexpr const char* ModelVersion = "FrugalSeg.ModelVersion";
constexpr const char* ModelSHA256 = "FrugalSeg.ModelSHA256";
/// Of the voxels that the run made (FrugalSegMaskFingerprint).
constexpr const char* Fingerprint = "FrugalSeg.Fingerprint";
/// The same of each slice, for propagation (FrugalSegSliceFingerprintText).
constexpr const char* SliceFingerprints = "FrugalSeg.SliceFingerprints";
/// The DICOM object that holds the segment's latest exported state.
constexpr const char* ExportedInstance = "FrugalSeg.ExportedInstanceUID";
constexpr const char* ExportedSeries = "FrugalSeg.ExportedSeriesUID";
} // namespace FrugalSegTag

/// "" when the segment has no such tag.
std::string FrugalSegTagValue(vtkSegment* segment, const char* tag);

/// The segment of a result, not yet part of a segmentation.
vtkSmartPointer<vtkSegment> FrugalSegNewSegment(const FrugalSegJob::Result& result);

bool FrugalSegIsOwn(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID);
/// True also when it cannot be told.
bool FrugalSegIsEdited(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                       vtkMRMLScalarVolumeNode* volume);

/// What a new result of a structure does to a segmentation.
struct FrugalSegTarget
{
  std::string Replaced; ///< ID of the untouched segment of an earlier run; "" adds a segment
  std::string Kept;     ///< name of a corrected segment of that structure, which stays; "" none
};
FrugalSegTarget FrugalSegFindTarget(vtkMRMLSegmentationNode* segmentation, const std::string& structure,
                                    vtkMRMLScalarVolumeNode* volume);

#endif
