#include "FrugalSegConversion.h"

// MRML includes
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLSegmentationNode.h>
#include <vtkMRMLTransformNode.h>

// Segmentation includes
#include <vtkOrientedImageData.h>
#include <vtkOrientedImageDataResample.h>
#include <vtkSegmentation.h>

// VTK includes
#include <vtkDataArray.h>
#include <vtkImageData.h>
#include <vtkMatrix4x4.h>
#include <vtkNew.h>
#include <vtkPointData.h>

// STD includes
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>

namespace
{
/// Voxel index to millimetres: MRML says RAS, DICOM says LPS; both directions are the same flip.
void FlipFirstTwoAxes(const double in[4][4], double out[4][4])
{
  for (int row = 0; row < 4; ++row)
  {
    for (int column = 0; column < 4; ++column)
    {
      out[row][column] = row < 2 ? -in[row][column] : in[row][column];
    }
  }
}

void GeometryToMatrix(const fseg_geometry& geometry, vtkMatrix4x4* ijkToRAS)
{
  double ras[4][4];
  FlipFirstTwoAxes(geometry.ijk_to_lps, ras);
  ijkToRAS->DeepCopy(&ras[0][0]);
}

/// Geometry of the voxels of `image`, whose extent need not begin at 0.
fseg_geometry GeometryOfNode(vtkMRMLScalarVolumeNode* node, vtkImageData* image)
{
  fseg_geometry geometry{};
  int dimensions[3], extent[6];
  image->GetDimensions(dimensions);
  image->GetExtent(extent);
  vtkNew<vtkMatrix4x4> ijkToRAS;
  node->GetIJKToRASMatrix(ijkToRAS);
  double ras[4][4];
  for (int row = 0; row < 4; ++row)
  {
    for (int column = 0; column < 4; ++column)
    {
      ras[row][column] = ijkToRAS->GetElement(row, column);
    }
  }
  for (int row = 0; row < 3; ++row)
  {
    for (int axis = 0; axis < 3; ++axis)
    {
      ras[row][3] += ras[row][axis] * extent[2 * axis];
    }
  }
  FlipFirstTwoAxes(ras, geometry.ijk_to_lps);
  for (int axis = 0; axis < 3; ++axis)
  {
    geometry.size[axis] = static_cast<size_t>(dimensions[axis]);
  }
  return geometry;
}

/// Geometry of a labelmap; one voxel when it is empty.
fseg_geometry GeometryOfLabelmap(vtkOrientedImageData* image)
{
  fseg_geometry geometry{};
  int dimensions[3], extent[6];
  image->GetDimensions(dimensions);
  image->GetExtent(extent);
  vtkNew<vtkMatrix4x4> ijkToRAS;
  image->GetImageToWorldMatrix(ijkToRAS);
  double ras[4][4];
  std::copy_n(ijkToRAS->GetData(), 16, &ras[0][0]);
  for (int axis = 0; axis < 3; ++axis)
  {
    geometry.size[axis] = static_cast<size_t>(std::max(1, dimensions[axis]));
    for (int row = 0; row < 3 && dimensions[axis] > 0; ++row)
    {
      ras[row][3] += ras[row][axis] * extent[2 * axis];
    }
  }
  FlipFirstTwoAxes(ras, geometry.ijk_to_lps);
  return geometry;
}

size_t VoxelCount(const fseg_geometry& geometry)
{
  return geometry.size[0] * geometry.size[1] * geometry.size[2];
}

template <typename T>
void CopyVoxels(const T* from, float* to, size_t count)
{
  std::transform(from, from + count, to, [](T value) { return static_cast<float>(value); });
}

bool FitsInShort(const fseg_volume* volume)
{
  const float* voxels = volume->voxels;
  return std::all_of(voxels, voxels + VoxelCount(volume->geometry),
                     [](float value)
                     { return value >= INT16_MIN && value <= INT16_MAX && value == std::floor(value); });
}
} // namespace

//----------------------------------------------------------------------------
FrugalSegVolume FrugalSegVolumeFromNode(vtkMRMLScalarVolumeNode* node, fseg_error* error)
{
  vtkImageData* image = node ? node->GetImageData() : nullptr;
  vtkDataArray* scalars = image ? image->GetPointData()->GetScalars() : nullptr;
  if (!scalars || scalars->GetNumberOfTuples() == 0)
  {
    fseg_error_set(error, FSEG_ERROR_BAD_INPUT, "The volume holds no image; load one first.");
    return nullptr;
  }
  if (scalars->GetNumberOfComponents() != 1)
  {
    fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                   "The volume has %d values per voxel; a scalar MR volume is needed.",
                   scalars->GetNumberOfComponents());
    return nullptr;
  }
  const fseg_geometry geometry = GeometryOfNode(node, image);
  FrugalSegVolume volume;
  if (fseg_volume_create(&geometry, FrugalSegOut(volume), error) != FSEG_OK)
  {
    return nullptr;
  }
  switch (scalars->GetDataType())
  {
    vtkTemplateMacro(CopyVoxels(static_cast<const VTK_TT*>(scalars->GetVoidPointer(0)), volume->voxels,
                                VoxelCount(geometry)));
    default:
      fseg_error_set(error, FSEG_ERROR_UNSUPPORTED, "Voxels of type %s cannot be read.",
                     scalars->GetDataTypeAsString());
      return nullptr;
  }
  const char* modality = node->GetAttribute("DICOM.Modality");
  std::snprintf(volume->modality, sizeof(volume->modality), "%s", modality ? modality : "");
  return volume;
}

//----------------------------------------------------------------------------
bool FrugalSegPlaceFromNode(vtkMRMLScalarVolumeNode* node, fseg_volume* place)
{
  vtkImageData* image = node ? node->GetImageData() : nullptr;
  if (!image || image->GetNumberOfPoints() == 0)
  {
    return false;
  }
  *place = fseg_volume{};
  place->geometry = GeometryOfNode(node, image);
  const char* modality = node->GetAttribute("DICOM.Modality");
  std::snprintf(place->modality, sizeof(place->modality), "%s", modality ? modality : "");
  return true;
}

//----------------------------------------------------------------------------
void FrugalSegVolumeToNode(const fseg_volume* volume, vtkMRMLScalarVolumeNode* node)
{
  const fseg_geometry& geometry = volume->geometry;
  const size_t count = VoxelCount(geometry);
  vtkNew<vtkImageData> image;
  image->SetDimensions(static_cast<int>(geometry.size[0]), static_cast<int>(geometry.size[1]),
                       static_cast<int>(geometry.size[2]));
  if (FitsInShort(volume))
  {
    image->AllocateScalars(VTK_SHORT, 1);
    std::transform(volume->voxels, volume->voxels + count, static_cast<short*>(image->GetScalarPointer()),
                   [](float value) { return static_cast<short>(value); });
  }
  else
  {
    image->AllocateScalars(VTK_FLOAT, 1);
    std::copy(volume->voxels, volume->voxels + count, static_cast<float*>(image->GetScalarPointer()));
  }
  vtkNew<vtkMatrix4x4> ijkToRAS;
  GeometryToMatrix(geometry, ijkToRAS);
  node->SetIJKToRASMatrix(ijkToRAS);
  node->SetAndObserveImageData(image);
  if (volume->modality[0])
  {
    node->SetAttribute("DICOM.Modality", volume->modality);
  }
}

//----------------------------------------------------------------------------
vtkSmartPointer<vtkOrientedImageData> FrugalSegMaskToLabelmap(const fseg_mask* mask)
{
  const fseg_geometry& geometry = mask->geometry;
  vtkSmartPointer<vtkOrientedImageData> labelmap = vtkSmartPointer<vtkOrientedImageData>::New();
  labelmap->SetDimensions(static_cast<int>(geometry.size[0]), static_cast<int>(geometry.size[1]),
                          static_cast<int>(geometry.size[2]));
  labelmap->AllocateScalars(VTK_UNSIGNED_CHAR, 1);
  std::transform(mask->voxels, mask->voxels + VoxelCount(geometry),
                 static_cast<unsigned char*>(labelmap->GetScalarPointer()),
                 [](uint8_t value) -> unsigned char { return value ? 1 : 0; });
  vtkNew<vtkMatrix4x4> ijkToRAS;
  GeometryToMatrix(geometry, ijkToRAS);
  labelmap->SetGeometryFromImageToWorldMatrix(ijkToRAS);
  return labelmap;
}

//----------------------------------------------------------------------------
FrugalSegMask FrugalSegMaskFromSegment(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                                       vtkMRMLScalarVolumeNode* reference, fseg_error* error)
{
  if (!segmentation || !segmentation->GetSegmentation()->GetSegment(segmentID))
  {
    fseg_error_set(error, FSEG_ERROR_NOT_FOUND, "The segmentation has no such segment.");
    return nullptr;
  }
  if (reference && !reference->GetImageData())
  {
    fseg_error_set(error, FSEG_ERROR_BAD_INPUT, "The volume that the segment belongs to holds no image.");
    return nullptr;
  }
  if (reference && segmentation->GetParentTransformNode() != reference->GetParentTransformNode())
  {
    fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                   "Segmentation and volume lie under different transforms; put both under the same one.");
    return nullptr;
  }
  vtkNew<vtkOrientedImageData> segment;
  if (!segmentation->CreateBinaryLabelmapRepresentation() ||
      !segmentation->GetBinaryLabelmapRepresentation(segmentID, segment))
  {
    fseg_error_set(error, FSEG_ERROR_BAD_INPUT, "The segment cannot be converted to voxels.");
    return nullptr;
  }
  FrugalSegMask mask;
  const fseg_geometry geometry =
      reference ? GeometryOfNode(reference, reference->GetImageData()) : GeometryOfLabelmap(segment);
  if (fseg_mask_create(&geometry, FrugalSegOut(mask), error) != FSEG_OK)
  {
    return nullptr;
  }
  std::fill_n(mask->voxels, VoxelCount(geometry), uint8_t{ 0 });
  if (segment->IsEmpty())
  {
    return mask; // everything was erased
  }

  vtkNew<vtkOrientedImageData> grid; // of the volume, without voxels of its own
  grid->ShallowCopy(FrugalSegMaskToLabelmap(mask.get()));
  vtkNew<vtkOrientedImageData> onGrid;
  if (!vtkOrientedImageDataResample::ResampleOrientedImageToReferenceOrientedImage(segment, grid, onGrid))
  {
    fseg_error_set(error, FSEG_ERROR_BAD_INPUT, "The segment cannot be put on the grid of the volume.");
    return nullptr;
  }
  vtkDataArray* scalars = onGrid->GetPointData()->GetScalars();
  if (!scalars || static_cast<size_t>(scalars->GetNumberOfTuples()) != VoxelCount(geometry))
  {
    fseg_error_set(error, FSEG_ERROR_BAD_INPUT, "The segment cannot be put on the grid of the volume.");
    return nullptr;
  }
  for (size_t voxel = 0; voxel < VoxelCount(geometry); ++voxel)
  {
    mask->voxels[voxel] = scalars->GetTuple1(static_cast<vtkIdType>(voxel)) > 0. ? 1 : 0;
  }
  return mask;
}

//----------------------------------------------------------------------------
std::string FrugalSegMaskFingerprint(const fseg_mask* mask)
{
  // FNV-1a, 64 bit: guards against mistaking edits, not against attackers.
  uint64_t hash = 14695981039346656037u;
  const auto add = [&hash](uint8_t byte) { hash = (hash ^ byte) * 1099511628211u; };
  for (size_t size : mask->geometry.size)
  {
    for (int shift = 0; shift < 32; shift += 8)
    {
      add(static_cast<uint8_t>(size >> shift));
    }
  }
  for (size_t voxel = 0; voxel < VoxelCount(mask->geometry); ++voxel)
  {
    add(mask->voxels[voxel] ? 1 : 0);
  }
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash));
  return text;
}
