/// \brief Draws a volume and its mask into one picture, by Slicer's displayable managers.
///
/// Four panels: axial, coronal and sagittal slices through the mask (radiological convention: the
/// patient's right is on the left), with a translucent fill and a thin outline, and the surface in 3D.
/// Below them the volume in ml and the note that this is research software.
///
/// Works without a display: VTK then renders through EGL. A scene of its own is used, so nothing of
/// the caller's is touched. Main thread only.
#ifndef vtkFrugalSegOverlayRenderer_h
#define vtkFrugalSegOverlayRenderer_h

#include "frugalseg/imaging.h"

// VTK includes
#include <vtkObject.h>
#include <vtkSmartPointer.h>

// STD includes
#include <string>

class vtkImageData;

class vtkFrugalSegOverlayRenderer : public vtkObject
{
public:
  static vtkFrugalSegOverlayRenderer* New();
  vtkTypeMacro(vtkFrugalSegOverlayRenderer, vtkObject);
  void PrintSelf(ostream& os, vtkIndent indent) override;

  /// Width and height of one panel in pixels.
  vtkSetClampMacro(PanelSize, int, 200, 2000);
  vtkGetMacro(PanelSize, int);

  /// What the mask shows ("liver"); written below the panels.
  vtkSetMacro(Label, std::string);
  vtkGetMacro(Label, std::string);

  /// Draw `mask` over `volume`; their geometries must be equal. The picture is RGB, two panels wide and
  /// high and a line of text. An empty mask gives slices through the middle and says so. Null on
  /// failure, with `error` filled.
  vtkSmartPointer<vtkImageData> Draw(const fseg_volume* volume, const fseg_mask* mask, fseg_error* error);

  /// Write a picture as PNG, atomically: an earlier file stays until the new one is complete.
  static fseg_status WritePNG(vtkImageData* picture, const std::string& path, fseg_error* error);

protected:
  vtkFrugalSegOverlayRenderer() = default;
  ~vtkFrugalSegOverlayRenderer() override = default;

  int PanelSize{ 600 };
  std::string Label;

private:
  vtkFrugalSegOverlayRenderer(const vtkFrugalSegOverlayRenderer&) = delete;
  void operator=(const vtkFrugalSegOverlayRenderer&) = delete;
};

#endif
