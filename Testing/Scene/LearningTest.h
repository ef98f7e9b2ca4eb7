// What the tests of the learning logic share: phantoms with their livers, and the logic on a temporary
// dataset and model folder.
#ifndef LearningTest_h
#define LearningTest_h

#include "SceneTest.h"

#include "vtkSlicerFrugalSegLearningLogic.h"

#include <vtkTable.h>

/// An image and the truth.
struct LabelledPhantom
{
  FrugalSegVolume Volume;
  FrugalSegMask Liver;
};
/// 64 x 64 x 8 voxels with a bright liver; `seed` varies the anatomy.
LabelledPhantom MakeLabelledPhantom(uint64_t seed);

class LearningTest : public SceneTest
{
protected:
  void SetUp() override;
  void TearDown() override;

  struct Nodes
  {
    vtkMRMLScalarVolumeNode* Volume = nullptr;
    vtkMRMLSegmentationNode* Segmentation = nullptr;
    std::string SegmentID;
  };
  /// A phantom and its liver in the scene, as if a person had drawn it.
  Nodes AddCase(uint64_t seed);
  std::string Save(const Nodes& nodes);
  /// Save phantoms of these seeds as labels.
  void SaveCases(std::initializer_list<uint64_t> seeds);
  /// A small model in use that has learned nothing yet.
  void UseFreshModel();
  /// Small and short, so that a run takes a second.
  void LearnQuickly(int steps);
  /// Poll until an activity has ended; false after a minute.
  bool WaitFor(int activity);

  vtkSmartPointer<vtkSlicerFrugalSegLearningLogic> Learning;
};

#endif
