// What Slicer's views would show of a scene, drawn off screen by Slicer's own displayable managers:
// three slice views and a 3D view. For tests of the panel, which holds no view itself.
#ifndef SceneViews_h
#define SceneViews_h

#include <vtkSlicerApplicationLogic.h>
#include <vtkSlicerSegmentationsModuleLogic.h>

#include <vtkCollection.h>
#include <vtkNew.h>
#include <vtkWeakPointer.h>

#include <QImage>

#include <memory>
#include <string>
#include <vector>

class vtkMRMLScalarVolumeNode;
class vtkMRMLScene;
class vtkMRMLSegmentationNode;

class SceneViews
{
public:
  /// `size`: pixels per side of a view.
  SceneViews(vtkMRMLScene* scene, int size);
  /// Before the scene goes.
  ~SceneViews();
  SceneViews(const SceneViews&) = delete;
  void operator=(const SceneViews&) = delete;

  enum Orientation
  {
    Axial,
    Coronal,
    Sagittal
  };

  /// Show a volume in all slice views, fitted.
  void Show(vtkMRMLScalarVolumeNode* volume);
  QImage Slice(Orientation orientation);
  QImage Surface();

  /// For each pixel of a slice view, whether the segment covers it: nearest voxel of its labelmap.
  std::vector<bool> Covered(Orientation orientation, vtkMRMLSegmentationNode* segmentation,
                            const std::string& segmentID);

private:
  struct View;
  vtkWeakPointer<vtkMRMLScene> Scene;
  const int Size;
  vtkNew<vtkSlicerApplicationLogic> Application;
  vtkNew<vtkSlicerSegmentationsModuleLogic> Segmentations;
  vtkNew<vtkCollection> SliceLogics;
  vtkNew<vtkCollection> ViewLogics;
  std::vector<std::unique_ptr<View>> Slices;
  std::unique_ptr<View> ThreeD;
};

#endif
