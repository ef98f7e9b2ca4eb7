#include "FrugalSegSurface.h"

#include "FrugalSegConversion.h"

// Segmentation includes
#include <vtkBinaryLabelmapToClosedSurfaceConversionRule.h>
#include <vtkOrientedImageData.h>
#include <vtkSegment.h>
#include <vtkSegmentationConverter.h>

// VTK includes
#include <vtkMassProperties.h>
#include <vtkNew.h>
#include <vtkPolyData.h>
#include <vtkSTLWriter.h>
#include <vtkTransform.h>
#include <vtkTransformPolyDataFilter.h>
#include <vtkTriangleFilter.h>

// STD includes
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <unistd.h>

//----------------------------------------------------------------------------
vtkSmartPointer<vtkPolyData> FrugalSegSurfaceOf(const fseg_mask* mask)
{
  vtkSmartPointer<vtkPolyData> surface = vtkSmartPointer<vtkPolyData>::New();
  const size_t count = mask->geometry.size[0] * mask->geometry.size[1] * mask->geometry.size[2];
  if (std::none_of(mask->voxels, mask->voxels + count, [](uint8_t voxel) { return voxel != 0; }))
  {
    return surface;
  }
  // A segment of its own: nothing of the scene is converted or changed.
  vtkNew<vtkSegment> segment;
  segment->AddRepresentation(vtkSegmentationConverter::GetBinaryLabelmapRepresentationName(),
                             FrugalSegMaskToLabelmap(mask));
  segment->AddRepresentation(vtkSegmentationConverter::GetClosedSurfaceRepresentationName(), surface);
  vtkNew<vtkBinaryLabelmapToClosedSurfaceConversionRule> rule;
  if (!rule->PreConvert(nullptr) || !rule->Convert(segment))
  {
    return nullptr;
  }
  return surface;
}

//----------------------------------------------------------------------------
double FrugalSegSurfaceArea(vtkPolyData* surface)
{
  if (!surface || surface->GetNumberOfPoints() == 0)
  {
    return 0.;
  }
  vtkNew<vtkTriangleFilter> triangles;
  triangles->SetInputData(surface);
  vtkNew<vtkMassProperties> properties;
  properties->SetInputConnection(triangles->GetOutputPort());
  return properties->GetSurfaceArea();
}

//----------------------------------------------------------------------------
fseg_status FrugalSegSurfaceWrite(vtkPolyData* surface, const std::string& path, fseg_error* error)
{
  vtkNew<vtkTransform> toLPS;
  toLPS->Scale(-1., -1., 1.); // half a turn: the triangles keep their outside
  vtkNew<vtkTransformPolyDataFilter> moved;
  moved->SetInputData(surface);
  moved->SetTransform(toLPS);
  vtkNew<vtkTriangleFilter> triangles;
  triangles->SetInputConnection(moved->GetOutputPort());

  const std::string temporary = path + "." + std::to_string(getpid()) + ".tmp";
  vtkNew<vtkSTLWriter> writer;
  writer->SetInputConnection(triangles->GetOutputPort());
  writer->SetFileName(temporary.c_str());
  writer->SetFileTypeToBinary();
  writer->SetHeader("FrugalSeg, research use only. SPACE=LPS");
  // The writer reports a full disk or a missing folder by its error code only after an error event,
  // which would be printed; so look first whether the file can be made.
  if (std::FILE* probe = std::fopen(temporary.c_str(), "wb"))
  {
    std::fclose(probe);
  }
  else
  {
    return fseg_error_set(
        error, FSEG_ERROR_IO,
        "The file \"%.300s\" cannot be written; check that the folder exists and allows it.", path.c_str());
  }
  std::error_code code;
  if (!writer->Write() || writer->GetErrorCode() != 0)
  {
    std::filesystem::remove(temporary, code);
    return fseg_error_set(error, FSEG_ERROR_IO,
                          "The file \"%.300s\" could not be written completely; make room on the disk.",
                          path.c_str());
  }
  std::filesystem::rename(temporary, path, code);
  if (code)
  {
    const std::string reason = code.message();
    std::filesystem::remove(temporary, code);
    return fseg_error_set(error, FSEG_ERROR_IO, "The file \"%.300s\" cannot be written: %.100s.",
                          path.c_str(), reason.c_str());
  }
  return FSEG_OK;
}
