// Between the C library's images (LPS) and MRML's (RAS). Main thread only: these touch nodes.
#ifndef FrugalSegConversion_h
#define FrugalSegConversion_h

#include "FrugalSegHandles.h"

#include <vtkSmartPointer.h>

#include <string>

class vtkMRMLScalarVolumeNode;
class vtkMRMLSegmentationNode;
class vtkOrientedImageData;

/// A copy of a volume node's voxels and geometry, in the coordinate system of the node (a parent
/// transform is not applied). Null, and `error` filled, when the node is not a single-channel 3D image.
FrugalSegVolume FrugalSegVolumeFromNode(vtkMRMLScalarVolumeNode* node, fseg_error* error);

/// Geometry and modality of a volume node without its voxels (null), for questions about its place.
/// False when the node holds no image.
bool FrugalSegPlaceFromNode(vtkMRMLScalarVolumeNode* node, fseg_volume* place);

/// Fill `node` with an image; whole numbers that fit become 16-bit, so that the node takes half the
/// memory and shows the values of the scanner.
void FrugalSegVolumeToNode(const fseg_volume* volume, vtkMRMLScalarVolumeNode* node);

/// A binary labelmap (0, 1) as Slicer's segmentations hold it.
vtkSmartPointer<vtkOrientedImageData> FrugalSegMaskToLabelmap(const fseg_mask* mask);

/// The voxels of a segment on the grid of `reference`, or on its own when `reference` is null. Null, and
/// `error` filled, when there is no such segment or when segmentation and volume lie under different
/// transforms.
FrugalSegMask FrugalSegMaskFromSegment(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                                       vtkMRMLScalarVolumeNode* reference, fseg_error* error);

/// Fingerprint of a mask's voxels and size: tells whether somebody has edited a segment since.
std::string FrugalSegMaskFingerprint(const fseg_mask* mask);

#endif
