#include "SceneViews.h"

#include <vtkMRMLColorLogic.h>
#include <vtkMRMLDisplayableManagerGroup.h>
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentationNode.h>
#include <vtkMRMLSliceCompositeNode.h>
#include <vtkMRMLSliceLogic.h>
#include <vtkMRMLSliceNode.h>
#include <vtkMRMLSliceViewDisplayableManagerFactory.h>
#include <vtkMRMLThreeDViewDisplayableManagerFactory.h>
#include <vtkMRMLViewNode.h>
#include <vtkOrientedImageData.h>

#include <vtkActor2D.h>
#include <vtkAutoInit.h>
#include <vtkCamera.h>
#include <vtkGenericRenderWindowInteractor.h>
#include <vtkImageData.h>
#include <vtkImageMapper.h>
#include <vtkMatrix4x4.h>
#include <vtkProperty2D.h>
#include <vtkRenderWindow.h>
#include <vtkRenderer.h>
#include <vtkSmartPointer.h>
#include <vtkWindowToImageFilter.h>

#include <cmath>
#include <cstring>

VTK_MODULE_INIT(vtkRenderingOpenGL2);
VTK_MODULE_INIT(vtkRenderingFreeType);
VTK_MODULE_INIT(vtkInteractionStyle);

struct SceneViews::View
{
  View(int size)
  {
    this->Window->SetOffScreenRendering(1);
    this->Window->SetShowWindow(false);
    this->Window->SetMultiSamples(0);
    this->Window->SetSize(size, size);
    this->Window->SetNumberOfLayers(2);
    this->Window->AddRenderer(this->Renderer);
    this->Foreground->SetLayer(1);
    this->Foreground->InteractiveOff();
    this->Window->AddRenderer(this->Foreground);
    this->Interactor->SetRenderWindow(this->Window);
    this->Interactor->Initialize();
  }
  ~View()
  {
    this->Group->SetMRMLDisplayableNode(nullptr);
    this->Group->SetRenderer(nullptr);
  }

  QImage Picture()
  {
    this->Window->Render();
    vtkNew<vtkWindowToImageFilter> grab;
    grab->SetInput(this->Window);
    grab->ReadFrontBufferOff();
    grab->Update();
    vtkImageData* data = grab->GetOutput();
    const int* size = data->GetDimensions();
    QImage image(size[0], size[1], QImage::Format_RGB888);
    for (int row = 0; row < size[1]; ++row)
    {
      std::memcpy(image.scanLine(size[1] - 1 - row), data->GetScalarPointer(0, row, 0),
                  static_cast<size_t>(3 * size[0])); // images of VTK begin at the bottom
    }
    return image;
  }

  vtkNew<vtkRenderer> Renderer;
  vtkNew<vtkRenderer> Foreground;
  vtkNew<vtkRenderWindow> Window;
  vtkNew<vtkGenericRenderWindowInteractor> Interactor;
  vtkNew<vtkMRMLDisplayableManagerGroup> Group;
  vtkSmartPointer<vtkMRMLSliceLogic> Logic;
  vtkNew<vtkImageMapper> Mapper;
};

SceneViews::SceneViews(vtkMRMLScene* scene, int size) : Scene(scene), Size(size)
{
  this->Application->SetMRMLScene(scene);
  this->Application->GetColorLogic()->SetMRMLScene(scene);
  this->Application->GetColorLogic()->AddDefaultColorNodes();
  this->Application->SetSliceLogics(this->SliceLogics);
  this->Application->SetViewLogics(this->ViewLogics);
  vtkMRMLSliceNode::AddDefaultSliceOrientationPresets(scene, true);
  this->Segmentations->SetMRMLScene(scene);
  this->Segmentations->SetMRMLApplicationLogic(this->Application);

  auto* sliceFactory = vtkMRMLSliceViewDisplayableManagerFactory::GetInstance();
  auto* viewFactory = vtkMRMLThreeDViewDisplayableManagerFactory::GetInstance();
  sliceFactory->SetMRMLApplicationLogic(this->Application);
  viewFactory->SetMRMLApplicationLogic(this->Application);
  if (!sliceFactory->IsDisplayableManagerRegistered("vtkMRMLSegmentationsDisplayableManager2D"))
  {
    sliceFactory->RegisterDisplayableManager("vtkMRMLSegmentationsDisplayableManager2D");
    viewFactory->RegisterDisplayableManager("vtkMRMLCameraDisplayableManager");
    viewFactory->RegisterDisplayableManager("vtkMRMLSegmentationsDisplayableManager3D");
  }

  const char* const names[] = { "Red", "Green", "Yellow" };
  const char* const orientations[] = { "Axial", "Coronal", "Sagittal" };
  for (int i = 0; i < 3; ++i)
  {
    this->Slices.push_back(std::make_unique<View>(size));
    View& view = *this->Slices.back();
    view.Foreground->GetActiveCamera()->ParallelProjectionOn();
    view.Group->Initialize(sliceFactory, view.Foreground);
    view.Logic = vtkSmartPointer<vtkMRMLSliceLogic>::New();
    view.Logic->SetMRMLApplicationLogic(this->Application);
    this->SliceLogics->AddItem(view.Logic);
    view.Logic->SetMRMLScene(scene);
    vtkMRMLSliceNode* slice = view.Logic->AddSliceNode(names[i]);
    view.Group->SetMRMLDisplayableNode(slice);
    slice->SetOrientation(orientations[i]);
    view.Logic->ResizeSliceNode(size, size);
    view.Mapper->SetColorWindow(255.);
    view.Mapper->SetColorLevel(127.5);
    vtkNew<vtkActor2D> image;
    image->SetMapper(view.Mapper);
    image->GetProperty()->SetDisplayLocationToBackground();
    view.Renderer->AddViewProp(image);
  }

  this->ThreeD = std::make_unique<View>(size);
  this->ThreeD->Window->SetMultiSamples(4);
  this->ThreeD->Renderer->SetBackground(0.10, 0.11, 0.14);
  this->ThreeD->Group->Initialize(viewFactory, this->ThreeD->Renderer);
  vtkNew<vtkMRMLViewNode> view;
  view->SetLayoutName("1");
  this->ThreeD->Group->SetMRMLDisplayableNode(vtkMRMLViewNode::SafeDownCast(scene->AddNode(view)));
}

SceneViews::~SceneViews()
{
  this->Slices.clear();
  this->ThreeD.reset();
  this->SliceLogics->RemoveAllItems();
}

void SceneViews::Show(vtkMRMLScalarVolumeNode* volume)
{
  for (const std::unique_ptr<View>& view : this->Slices)
  {
    view->Logic->GetSliceCompositeNode()->SetBackgroundVolumeID(volume ? volume->GetID() : nullptr);
    view->Logic->FitSliceToAll();
    view->Logic->SnapSliceOffsetToIJK();
  }
}

QImage SceneViews::Slice(Orientation orientation)
{
  // The logic makes a new pipeline when layers come or go.
  this->Slices[orientation]->Mapper->SetInputConnection(
      this->Slices[orientation]->Logic->GetImageDataConnection());
  return this->Slices[orientation]->Picture();
}

QImage SceneViews::Surface()
{
  vtkCamera* camera = this->ThreeD->Renderer->GetActiveCamera();
  camera->SetPosition(-0.35, 0.87, 0.35); // from the front, a little from the left and above
  camera->SetFocalPoint(0., 0., 0.);
  camera->SetViewUp(0., 0., 1.);
  this->ThreeD->Window->Render();
  this->ThreeD->Renderer->ResetCamera();
  return this->ThreeD->Picture();
}

std::vector<bool> SceneViews::Covered(Orientation orientation, vtkMRMLSegmentationNode* segmentation,
                                      const std::string& segmentID)
{
  vtkNew<vtkOrientedImageData> labelmap;
  segmentation->GetBinaryLabelmapRepresentation(segmentID, labelmap);
  vtkNew<vtkMatrix4x4> toIJK;
  labelmap->GetImageToWorldMatrix(toIJK);
  toIJK->Invert();
  vtkMatrix4x4* toRAS = this->Slices[orientation]->Logic->GetSliceNode()->GetXYToRAS();
  const int* extent = labelmap->GetExtent();

  std::vector<bool> covered(static_cast<size_t>(this->Size) * this->Size);
  for (int row = 0; row < this->Size; ++row)
  {
    for (int column = 0; column < this->Size; ++column)
    {
      const double xy[4] = { double(column), double(row), 0., 1. };
      double ras[4], at[4];
      toRAS->MultiplyPoint(xy, ras);
      toIJK->MultiplyPoint(ras, at);
      int ijk[3];
      bool inside = true;
      for (int axis = 0; axis < 3; ++axis)
      {
        ijk[axis] = static_cast<int>(std::lround(at[axis]));
        inside = inside && ijk[axis] >= extent[2 * axis] && ijk[axis] <= extent[2 * axis + 1];
      }
      covered[static_cast<size_t>(this->Size - 1 - row) * this->Size + column] =
          inside && labelmap->GetScalarComponentAsDouble(ijk[0], ijk[1], ijk[2], 0) > 0.;
    }
  }
  return covered;
}
