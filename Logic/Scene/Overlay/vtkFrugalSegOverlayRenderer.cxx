#include "vtkFrugalSegOverlayRenderer.h"

#include "FrugalSegConversion.h"

// Slicer includes
#include <vtkSlicerApplicationLogic.h>
#include <vtkSlicerSegmentationsModuleLogic.h>

// MRML includes
#include <vtkMRMLCameraNode.h>
#include <vtkMRMLColorLogic.h>
#include <vtkMRMLDisplayableManagerGroup.h>
#include <vtkMRMLScalarVolumeDisplayNode.h>
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentationDisplayNode.h>
#include <vtkMRMLSegmentationNode.h>
#include <vtkMRMLSliceCompositeNode.h>
#include <vtkMRMLSliceLogic.h>
#include <vtkMRMLSliceNode.h>
#include <vtkMRMLSliceViewDisplayableManagerFactory.h>
#include <vtkMRMLThreeDViewDisplayableManagerFactory.h>
#include <vtkMRMLViewNode.h>

// Segmentation includes
#include <vtkOrientedImageData.h>
#include <vtkSegmentation.h>

// VTK includes
#include <vtkActor2D.h>
#include <vtkAutoInit.h>
#include <vtkCamera.h>
#include <vtkCollection.h>
#include <vtkGenericRenderWindowInteractor.h>
#include <vtkImageAppend.h>
#include <vtkImageData.h>
#include <vtkImageMapper.h>
#include <vtkMath.h>
#include <vtkMatrix4x4.h>
#include <vtkNew.h>
#include <vtkObjectFactory.h>
#include <vtkPNGWriter.h>
#include <vtkProperty2D.h>
#include <vtkRenderWindow.h>
#include <vtkRenderer.h>
#include <vtkTextActor.h>
#include <vtkTextProperty.h>
#include <vtkUnsignedCharArray.h>
#include <vtkWindowToImageFilter.h>

// STD includes
#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <vector>

// POSIX includes
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

VTK_MODULE_INIT(vtkRenderingOpenGL2);
VTK_MODULE_INIT(vtkRenderingFreeType);
VTK_MODULE_INIT(vtkInteractionStyle);

namespace
{
const char* const ResearchNote = "Research use only - not a medical device";

// Orange of Okabe and Ito's palette: differs from grey, and from its neighbours for colour-blind eyes.
const double MaskColor[3] = { 230 / 255., 159 / 255., 0. };
const double TextColor[3] = { 0.93, 0.93, 0.93 };

/// Box and centroid of the mask in RAS; the whole grid when the mask is empty.
struct Region
{
  bool Empty = true;
  double Centroid[3]{};
  double Low[3], High[3];
  double GridLow[3], GridHigh[3];
};

void ToRAS(const fseg_geometry& geometry, const double ijk[3], double ras[3])
{
  for (int row = 0; row < 3; ++row)
  {
    const double* m = geometry.ijk_to_lps[row];
    const double lps = m[0] * ijk[0] + m[1] * ijk[1] + m[2] * ijk[2] + m[3];
    ras[row] = row < 2 ? -lps : lps;
  }
}

void Grow(const double point[3], double low[3], double high[3])
{
  for (int axis = 0; axis < 3; ++axis)
  {
    low[axis] = std::min(low[axis], point[axis]);
    high[axis] = std::max(high[axis], point[axis]);
  }
}

Region RegionOf(const fseg_mask* mask)
{
  Region region;
  const fseg_geometry& geometry = mask->geometry;
  const double infinity = std::numeric_limits<double>::infinity();
  std::fill_n(region.Low, 3, infinity);
  std::fill_n(region.High, 3, -infinity);
  std::fill_n(region.GridLow, 3, infinity);
  std::fill_n(region.GridHigh, 3, -infinity);
  double ras[3];
  for (int corner = 0; corner < 8; ++corner)
  {
    double ijk[3];
    for (int axis = 0; axis < 3; ++axis)
    {
      ijk[axis] = corner >> axis & 1 ? static_cast<double>(geometry.size[axis]) - 0.5 : -0.5;
    }
    ToRAS(geometry, ijk, ras);
    Grow(ras, region.GridLow, region.GridHigh);
  }
  size_t count = 0;
  const uint8_t* voxel = mask->voxels;
  for (size_t k = 0; k < geometry.size[2]; ++k)
  {
    for (size_t j = 0; j < geometry.size[1]; ++j)
    {
      for (size_t i = 0; i < geometry.size[0]; ++i, ++voxel)
      {
        if (*voxel)
        {
          const double ijk[3] = { double(i), double(j), double(k) };
          ToRAS(geometry, ijk, ras);
          Grow(ras, region.Low, region.High);
          vtkMath::Add(region.Centroid, ras, region.Centroid);
          ++count;
        }
      }
    }
  }
  region.Empty = count == 0;
  if (region.Empty)
  {
    std::copy_n(region.GridLow, 3, region.Low);
    std::copy_n(region.GridHigh, 3, region.High);
    vtkMath::Add(region.Low, region.High, region.Centroid);
    vtkMath::MultiplyScalar(region.Centroid, 0.5);
  }
  else
  {
    vtkMath::MultiplyScalar(region.Centroid, 1. / static_cast<double>(count));
  }
  return region;
}

/// Grey values at which black and white begin: robust against a few bright vessels.
void WindowOf(const fseg_volume* volume, double& low, double& high)
{
  const size_t* size = volume->geometry.size;
  std::vector<float> values(volume->voxels, volume->voxels + size[0] * size[1] * size[2]);
  const auto percentile = [&values](double fraction)
  {
    const auto place =
        values.begin() + static_cast<ptrdiff_t>(fraction * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), place, values.end());
    return static_cast<double>(*place);
  };
  low = percentile(0.01);
  high = percentile(0.995);
  if (high <= low)
  {
    high = low + 1.;
  }
}

/// "R" for a direction that points to the patient's right, and so on.
const char* DirectionLetter(const double ras[3])
{
  static const char* const letters[3][2] = { { "L", "R" }, { "P", "A" }, { "I", "S" } };
  int axis = 0;
  for (int i = 1; i < 3; ++i)
  {
    if (std::fabs(ras[i]) > std::fabs(ras[axis]))
    {
      axis = i;
    }
  }
  return letters[axis][ras[axis] > 0.];
}

/// An off-screen window with the renderer that displayable managers draw into.
struct Panel
{
  Panel(int width, int height)
  {
    this->Window->SetOffScreenRendering(1);
    this->Window->SetShowWindow(false);
    this->Window->SetMultiSamples(0);
    this->Window->SetSize(width, height);
    this->Window->SetNumberOfLayers(2);
    this->Window->AddRenderer(this->Renderer);
    this->Foreground->SetLayer(1);
    this->Foreground->InteractiveOff();
    this->Window->AddRenderer(this->Foreground);
    this->Interactor->SetRenderWindow(this->Window);
    this->Interactor->Initialize();
  }
  ~Panel()
  {
    this->Group->SetMRMLDisplayableNode(nullptr);
    this->Group->SetRenderer(nullptr);
  }

  void AddText(const std::string& text, double x, double y, const char* horizontal, const char* vertical,
               int size)
  {
    vtkNew<vtkTextActor> actor;
    actor->SetInput(text.c_str());
    vtkTextProperty* property = actor->GetTextProperty();
    property->SetFontFamilyToArial();
    property->SetFontSize(size);
    property->SetColor(TextColor[0], TextColor[1], TextColor[2]);
    property->ShadowOn();
    property->SetJustification(std::strcmp(horizontal, "left") == 0    ? VTK_TEXT_LEFT
                               : std::strcmp(horizontal, "right") == 0 ? VTK_TEXT_RIGHT
                                                                       : VTK_TEXT_CENTERED);
    property->SetVerticalJustification(std::strcmp(vertical, "bottom") == 0 ? VTK_TEXT_BOTTOM
                                       : std::strcmp(vertical, "top") == 0  ? VTK_TEXT_TOP
                                                                            : VTK_TEXT_CENTERED);
    const int* windowSize = this->Window->GetSize();
    actor->SetPosition(x * windowSize[0], y * windowSize[1]);
    this->Foreground->AddViewProp(actor);
  }

  vtkSmartPointer<vtkImageData> Picture()
  {
    this->Window->Render();
    vtkNew<vtkWindowToImageFilter> grab;
    grab->SetInput(this->Window);
    grab->ReadFrontBufferOff();
    grab->Update();
    return grab->GetOutput();
  }

  vtkNew<vtkRenderer> Renderer;   // the image, or the 3D scene
  vtkNew<vtkRenderer> Foreground; // what lies over it; translucent fills blend with the layer below
  vtkNew<vtkRenderWindow> Window;
  vtkNew<vtkGenericRenderWindowInteractor> Interactor;
  vtkNew<vtkMRMLDisplayableManagerGroup> Group;
};

void Register(vtkMRMLDisplayableManagerFactory* factory, std::initializer_list<const char*> managers)
{
  for (const char* manager : managers)
  {
    if (!factory->IsDisplayableManagerRegistered(manager))
    {
      factory->RegisterDisplayableManager(manager);
    }
  }
}

/// A scene with one volume and one segment, as Slicer would show them.
class Stage
{
public:
  Stage(const fseg_volume* volume, const fseg_mask* mask);
  ~Stage();
  vtkSmartPointer<vtkImageData> DrawSlice(const char* orientation, int size, const Region& region);
  vtkSmartPointer<vtkImageData> DrawSurface(int size, const Region& region);

private:
  vtkNew<vtkMRMLScene> Scene;
  vtkNew<vtkSlicerApplicationLogic> Application;
  vtkNew<vtkSlicerSegmentationsModuleLogic> Segmentations;
  vtkNew<vtkCollection> SliceLogics;
  vtkNew<vtkCollection> ViewLogics;
  vtkMRMLScalarVolumeNode* Volume;
  vtkMRMLSegmentationNode* Segmentation = nullptr;
};

Stage::Stage(const fseg_volume* volume, const fseg_mask* mask)
{
  this->Application->SetMRMLScene(this->Scene);
  this->Application->GetColorLogic()->SetMRMLScene(this->Scene);
  this->Application->GetColorLogic()->AddDefaultColorNodes();
  this->Application->SetSliceLogics(this->SliceLogics);
  this->Application->SetViewLogics(this->ViewLogics);
  vtkMRMLSliceNode::AddDefaultSliceOrientationPresets(this->Scene, true);
  this->Segmentations->SetMRMLScene(this->Scene);
  this->Segmentations->SetMRMLApplicationLogic(this->Application);

  vtkNew<vtkMRMLScalarVolumeNode> volumeNode;
  FrugalSegVolumeToNode(volume, volumeNode);
  this->Volume = vtkMRMLScalarVolumeNode::SafeDownCast(this->Scene->AddNode(volumeNode));
  this->Volume->CreateDefaultDisplayNodes();
  double low, high;
  WindowOf(volume, low, high);
  vtkMRMLScalarVolumeDisplayNode* display = this->Volume->GetScalarVolumeDisplayNode();
  display->AutoWindowLevelOff();
  display->SetWindowLevelMinMax(low, high);

  if (fseg_mask_volume_ml(mask) > 0.)
  {
    vtkNew<vtkMRMLSegmentationNode> segmentationNode;
    this->Segmentation = vtkMRMLSegmentationNode::SafeDownCast(this->Scene->AddNode(segmentationNode));
    this->Segmentation->CreateDefaultDisplayNodes();
    this->Segmentation->SetReferenceImageGeometryParameterFromVolumeNode(this->Volume);
    double color[3] = { MaskColor[0], MaskColor[1], MaskColor[2] };
    this->Segmentation->AddSegmentFromBinaryLabelmapRepresentation(FrugalSegMaskToLabelmap(mask), "mask",
                                                                   color);
    this->Segmentation->CreateClosedSurfaceRepresentation();
    auto* shown = vtkMRMLSegmentationDisplayNode::SafeDownCast(this->Segmentation->GetDisplayNode());
    shown->SetOpacity2DFill(0.25);
    shown->SetOpacity2DOutline(1.);
    shown->SetSliceIntersectionThickness(2);
  }
}

Stage::~Stage()
{
  this->SliceLogics->RemoveAllItems();
  this->Scene->Clear(1); // while the logics still observe it
}

vtkSmartPointer<vtkImageData> Stage::DrawSlice(const char* orientation, int size, const Region& region)
{
  vtkMRMLSliceViewDisplayableManagerFactory* factory =
      vtkMRMLSliceViewDisplayableManagerFactory::GetInstance();
  factory->SetMRMLApplicationLogic(this->Application);
  Register(factory, { "vtkMRMLSegmentationsDisplayableManager2D", "vtkMRMLRulerDisplayableManager" });

  Panel panel(size, size);
  panel.Foreground->GetActiveCamera()->ParallelProjectionOn();
  panel.Group->Initialize(factory, panel.Foreground);
  vtkNew<vtkMRMLSliceLogic> logic;
  logic->SetMRMLApplicationLogic(this->Application);
  this->SliceLogics->AddItem(logic);
  logic->SetMRMLScene(this->Scene);
  vtkMRMLSliceNode* slice = logic->AddSliceNode(orientation);
  panel.Group->SetMRMLDisplayableNode(slice);
  slice->SetOrientation(orientation);
  slice->SetRulerType(vtkMRMLAbstractViewNode::RulerTypeThin);
  logic->GetSliceCompositeNode()->SetBackgroundVolumeID(this->Volume->GetID());
  logic->ResizeSliceNode(size, size);

  // As much of the image as shows the mask in its surroundings, not beyond the image's edge.
  vtkMatrix4x4* toRAS = slice->GetSliceToRAS();
  double center[3], field = 0., room[2];
  std::copy_n(region.Centroid, 3, center);
  for (int axis = 0; axis < 2; ++axis)
  {
    double extent = 0.;
    room[axis] = 0.;
    for (int i = 0; i < 3; ++i)
    {
      const double along = std::fabs(toRAS->GetElement(i, axis));
      extent += along * (region.High[i] - region.Low[i]);
      room[axis] += along * (region.GridHigh[i] - region.GridLow[i]);
    }
    field = std::max(field, 2.2 * extent);
  }
  field = std::min(std::max(field, 80.), std::max(room[0], room[1]));
  for (int i = 0; i < 3; ++i)
  {
    const bool inPlane = std::fabs(toRAS->GetElement(i, 2)) < 0.5;
    if (inPlane)
    {
      const double low = region.GridLow[i] + field / 2, high = region.GridHigh[i] - field / 2;
      center[i] = low < high ? std::min(std::max(center[i], low), high)
                             : (region.GridLow[i] + region.GridHigh[i]) / 2;
    }
  }
  slice->SetFieldOfView(field, field, slice->GetFieldOfView()[2]);
  slice->JumpSliceByCentering(center[0], center[1], center[2]);
  logic->SnapSliceOffsetToIJK();

  vtkNew<vtkImageMapper> mapper;
  mapper->SetColorWindow(255.);
  mapper->SetColorLevel(127.5);
  mapper->SetInputConnection(logic->GetImageDataConnection());
  vtkNew<vtkActor2D> image;
  image->SetMapper(mapper);
  image->GetProperty()->SetDisplayLocationToBackground();
  panel.Renderer->AddViewProp(image);

  double right[3], up[3], position[3];
  int depthAxis = 0;
  for (int i = 0; i < 3; ++i)
  {
    right[i] = toRAS->GetElement(i, 0);
    up[i] = toRAS->GetElement(i, 1);
    position[i] = toRAS->GetElement(i, 3);
    if (std::fabs(toRAS->GetElement(i, 2)) > std::fabs(toRAS->GetElement(depthAxis, 2)))
    {
      depthAxis = i;
    }
  }
  double left[3] = { -right[0], -right[1], -right[2] }, down[3] = { -up[0], -up[1], -up[2] };
  double depth[3] = { 0., 0., 0. };
  depth[depthAxis] = position[depthAxis] >= 0. ? 1. : -1.;
  char title[80];
  std::snprintf(title, sizeof(title), "%s  %s %.0f mm", orientation, DirectionLetter(depth),
                std::fabs(position[depthAxis]));
  const int letterSize = size / 26, titleSize = size / 32;
  panel.AddText(title, 0.02, 0.98, "left", "top", titleSize);
  panel.AddText(DirectionLetter(left), 0.015, 0.5, "left", "center", letterSize);
  panel.AddText(DirectionLetter(right), 0.985, 0.5, "right", "center", letterSize);
  panel.AddText(DirectionLetter(up), 0.5, 0.985, "center", "top", letterSize);
  panel.AddText(DirectionLetter(down), 0.5, 0.065, "center", "bottom", letterSize);
  return panel.Picture();
}

vtkSmartPointer<vtkImageData> Stage::DrawSurface(int size, const Region& region)
{
  vtkMRMLThreeDViewDisplayableManagerFactory* factory =
      vtkMRMLThreeDViewDisplayableManagerFactory::GetInstance();
  factory->SetMRMLApplicationLogic(this->Application);
  Register(factory,
           { "vtkMRMLCameraDisplayableManager", "vtkMRMLOrientationMarkerDisplayableManager",
             "vtkMRMLSegmentationsDisplayableManager3D", "vtkMRMLOrientationMarkerDisplayableManager" });

  Panel panel(size, size);
  panel.Window->SetMultiSamples(4);
  panel.Renderer->GradientBackgroundOn();
  panel.Renderer->SetBackground(0.10, 0.11, 0.14);
  panel.Renderer->SetBackground2(0.27, 0.29, 0.34);
  panel.Group->Initialize(factory, panel.Renderer);
  vtkNew<vtkMRMLViewNode> newView;
  newView->SetLayoutName("3D");
  newView->SetOrientationMarkerType(vtkMRMLAbstractViewNode::OrientationMarkerTypeAxes);
  newView->SetOrientationMarkerSize(vtkMRMLAbstractViewNode::OrientationMarkerSizeMedium);
  auto* view = vtkMRMLViewNode::SafeDownCast(this->Scene->AddNode(newView));
  panel.Group->SetMRMLDisplayableNode(view);

  // From the front, a little from the patient's left and above.
  double middle[3], extent = 0.;
  for (int i = 0; i < 3; ++i)
  {
    middle[i] = (region.Low[i] + region.High[i]) / 2;
    extent = std::max(extent, region.High[i] - region.Low[i]);
  }
  const double distance = 2.7 * std::max(extent, 20.);
  vtkCamera* camera = panel.Renderer->GetActiveCamera();
  camera->SetFocalPoint(middle);
  camera->SetPosition(middle[0] - 0.35 * distance, middle[1] + 0.87 * distance, middle[2] + 0.35 * distance);
  camera->SetViewUp(0., 0., 1.);
  panel.Renderer->ResetCameraClippingRange();
  panel.AddText("3D", 0.02, 0.98, "left", "top", size / 32);
  return panel.Picture();
}

vtkSmartPointer<vtkImageData> DrawFooter(int width, int height, const std::string& left)
{
  Panel panel(width, height);
  panel.Renderer->SetBackground(0.12, 0.12, 0.12);
  panel.AddText(left, 0.01, 0.5, "left", "center", height * 2 / 5);
  panel.AddText(ResearchNote, 0.99, 0.5, "right", "center", height * 2 / 5);
  return panel.Picture();
}

vtkSmartPointer<vtkImageData> Append(vtkImageData* first, vtkImageData* second, int axis)
{
  vtkNew<vtkImageAppend> append;
  append->SetAppendAxis(axis);
  append->AddInputData(first);
  append->AddInputData(second);
  append->Update();
  return append->GetOutput();
}
} // namespace

//----------------------------------------------------------------------------
vtkStandardNewMacro(vtkFrugalSegOverlayRenderer);

//----------------------------------------------------------------------------
void vtkFrugalSegOverlayRenderer::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "PanelSize: " << this->PanelSize << "\n";
  os << indent << "Label: " << this->Label << "\n";
}

//----------------------------------------------------------------------------
vtkSmartPointer<vtkImageData> vtkFrugalSegOverlayRenderer::Draw(const fseg_volume* volume,
                                                                const fseg_mask* mask, fseg_error* error)
{
  if (!fseg_geometry_equal(&volume->geometry, &mask->geometry, 0.1))
  {
    fseg_error_set(error, FSEG_ERROR_BAD_INPUT,
                   "The mask is not on the grid of the image; give the mask that was made from this image.");
    return nullptr;
  }
  vtkSmartPointer<vtkRenderWindow> probe = vtkSmartPointer<vtkRenderWindow>::New();
  if (probe)
  {
    probe->SetOffScreenRendering(1);
  }
  if (!probe || !probe->SupportsOpenGL())
  {
    fseg_error_set(
        error, FSEG_ERROR_UNSUPPORTED,
        "Nothing can be drawn here: there is neither a display nor EGL. Install Mesa (Debian: libegl1 "
        "libgl1-mesa-dri), or run under xvfb-run.");
    return nullptr;
  }
  probe = nullptr;
  const Region region = RegionOf(mask);
  Stage stage(volume, mask);
  const int size = this->PanelSize;
  const vtkSmartPointer<vtkImageData> top =
      Append(stage.DrawSlice("Axial", size, region), stage.DrawSurface(size, region), 0);
  const vtkSmartPointer<vtkImageData> middle =
      Append(stage.DrawSlice("Coronal", size, region), stage.DrawSlice("Sagittal", size, region), 0);
  char text[160];
  const std::string label = this->Label.empty() ? "Mask" : this->Label;
  if (region.Empty)
  {
    std::snprintf(text, sizeof(text), "%.100s: nothing found", label.c_str());
  }
  else
  {
    char number[32];
    std::snprintf(text, sizeof(text), "%.100s: %s ml", label.c_str(),
                  fseg_imaging_format_number(fseg_mask_volume_ml(mask), number));
  }
  const vtkSmartPointer<vtkImageData> footer = DrawFooter(2 * size, size / 12, text);
  return Append(Append(footer, middle, 1), top, 1); // images begin at the bottom
}

//----------------------------------------------------------------------------
fseg_status vtkFrugalSegOverlayRenderer::WritePNG(vtkImageData* picture, const std::string& path,
                                                  fseg_error* error)
{
  vtkNew<vtkPNGWriter> writer;
  writer->WriteToMemoryOn();
  writer->SetInputData(picture);
  writer->Write();
  vtkUnsignedCharArray* bytes = writer->GetResult();
  if (!bytes || bytes->GetNumberOfTuples() == 0)
  {
    return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "The picture could not be encoded.");
  }
  std::string temporary = path + ".XXXXXX";
  const int file = mkstemp(temporary.data());
  bool written = file >= 0;
  const unsigned char* next = bytes->GetPointer(0);
  for (size_t left = static_cast<size_t>(bytes->GetNumberOfTuples()); written && left > 0;)
  {
    const ssize_t count = write(file, next, left);
    if (count < 0 && errno == EINTR)
    {
      continue;
    }
    written = count > 0;
    if (written)
    {
      next += count;
      left -= static_cast<size_t>(count);
    }
  }
  written = written && fchmod(file, 0644) == 0 && fsync(file) == 0;
  int problem = written ? 0 : errno;
  if (file >= 0 && close(file) != 0 && problem == 0)
  {
    problem = errno;
  }
  if (problem == 0 && std::rename(temporary.c_str(), path.c_str()) != 0)
  {
    problem = errno;
  }
  if (problem == 0)
  {
    return FSEG_OK;
  }
  if (file >= 0)
  {
    unlink(temporary.c_str());
  }
  const fseg_status status = problem == ENOSPC || problem == EDQUOT ? FSEG_ERROR_NO_SPACE
                             : problem == EACCES || problem == EPERM || problem == EROFS
                                 ? FSEG_ERROR_PERMISSION
                             : problem == ENOENT ? FSEG_ERROR_NOT_FOUND
                                                 : FSEG_ERROR_IO;
  return fseg_error_set(error, status, "The picture cannot be written to \"%.300s\" (%s).", path.c_str(),
                        fseg_status_text(status));
}
