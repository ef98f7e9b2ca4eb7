// The map of uncertainty: its voxels, colours, layer in the views, undo.
#include "SceneTest.h"

#include "FrugalSegConversion.h"

#include <vtkDataArray.h>
#include <vtkImageData.h>
#include <vtkMRMLColorTableNode.h>
#include <vtkMRMLScalarVolumeDisplayNode.h>
#include <vtkMRMLSliceCompositeNode.h>
#include <vtkPointData.h>

class UncertaintyTest : public SceneTest
{
protected:
  void SetUp() override
  {
    SceneTest::SetUp();
    this->Volume = this->AddPhantom();
    this->Parameters = vtkMRMLFrugalSegNode::SafeDownCast(
        this->Scene->AddNewNodeByClass("vtkMRMLFrugalSegNode", "parameters"));
    ASSERT_TRUE(this->Parameters);
    this->Parameters->SetInputVolumeNode(this->Volume);
    this->Parameters->SetModelName(this->MakeModel("net"));
    this->Parameters->ShowUncertaintyOn();
  }
  int Volumes() { return this->Scene->GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode"); }
  vtkMRMLScalarVolumeNode* Volume = nullptr;
  vtkMRMLFrugalSegNode* Parameters = nullptr;
};

TEST_F(UncertaintyTest, MapHoldsTheEntropyThatTheLibraryComputes)
{
  ASSERT_TRUE(this->Logic->Segment(this->Parameters, this->Messages)) << this->Text();
  vtkMRMLScalarVolumeNode* map = this->Logic->GetLastUncertaintyVolume();
  ASSERT_TRUE(map);
  EXPECT_EQ(this->Parameters->GetUncertaintyVolumeNode(), map);
  EXPECT_STREQ(map->GetName(), "phantom uncertainty");

  fseg_error error{};
  FrugalSegModel model;
  FrugalSegContext context;
  FrugalSegMask mask;
  FrugalSegVolume entropy;
  fseg_segment_report report{};
  fseg_segment_options options{};
  options.entropy = 1;
  const FrugalSegVolume image = this->Phantom(64, 64, 6);
  ASSERT_EQ(fseg_model_load(this->Parameters->GetModelName().c_str(), FrugalSegOut(model), &error), FSEG_OK);
  ASSERT_EQ(fseg_context_create(nullptr, FrugalSegOut(context), &error), FSEG_OK);
  ASSERT_EQ(fseg_segment_volume_with(context.get(), model.get(), image.get(), &options, nullptr,
                                     FrugalSegOut(mask), FrugalSegOut(entropy), &report, &error),
            FSEG_OK);
  vtkDataArray* voxels = map->GetImageData()->GetPointData()->GetScalars();
  ASSERT_EQ(static_cast<size_t>(voxels->GetNumberOfTuples()), VoxelCount(image->geometry));
  for (vtkIdType i = 0; i < voxels->GetNumberOfTuples(); ++i)
  {
    ASSERT_EQ(voxels->GetTuple1(i), static_cast<double>(entropy->voxels[i]));
  }
  EXPECT_DOUBLE_EQ(this->Logic->GetLastMeanEntropy(), report.mean_entropy);
  fseg_volume place{};
  ASSERT_TRUE(FrugalSegPlaceFromNode(map, &place));
  EXPECT_TRUE(fseg_geometry_equal(&place.geometry, &image->geometry, 1e-6));
}

TEST_F(UncertaintyTest, ColoursGoFromTransparentToOpaque)
{
  ASSERT_TRUE(this->Logic->Segment(this->Parameters, this->Messages)) << this->Text();
  auto* display =
      vtkMRMLScalarVolumeDisplayNode::SafeDownCast(this->Logic->GetLastUncertaintyVolume()->GetDisplayNode());
  ASSERT_TRUE(display);
  EXPECT_EQ(display->GetWindowLevelMin(), 0.);
  EXPECT_EQ(display->GetWindowLevelMax(), 1.);
  auto* colors = vtkMRMLColorTableNode::SafeDownCast(display->GetColorNode());
  ASSERT_TRUE(colors);
  double sure[4], unsure[4];
  colors->GetColor(0, sure);
  colors->GetColor(255, unsure);
  EXPECT_EQ(sure[3], 0.);
  EXPECT_EQ(unsure[3], 1.);
  EXPECT_GT(unsure[0] + unsure[1], 1.5); // bright yellow
}

TEST_F(UncertaintyTest, NoMapWithoutTheWish)
{
  this->Parameters->ShowUncertaintyOff();
  ASSERT_TRUE(this->Logic->Segment(this->Parameters, this->Messages)) << this->Text();
  EXPECT_FALSE(this->Logic->GetLastUncertaintyVolume());
  EXPECT_EQ(this->Volumes(), 1);
}

TEST_F(UncertaintyTest, NextRunFillsTheSameMap)
{
  ASSERT_TRUE(this->Logic->Segment(this->Parameters, this->Messages)) << this->Text();
  vtkMRMLScalarVolumeNode* map = this->Logic->GetLastUncertaintyVolume();
  ASSERT_TRUE(this->Logic->Segment(this->Parameters, this->Messages)) << this->Text();
  EXPECT_EQ(this->Logic->GetLastUncertaintyVolume(), map);
  EXPECT_EQ(this->Volumes(), 2);
  this->Scene->RemoveNode(map);
  EXPECT_FALSE(this->Logic->GetLastUncertaintyVolume());
  ASSERT_TRUE(this->Logic->Segment(this->Parameters, this->Messages)) << this->Text();
  EXPECT_TRUE(this->Logic->GetLastUncertaintyVolume());
}

TEST_F(UncertaintyTest, UndoTakesSegmentAndMapBackTogether)
{
  this->Scene->SetUndoOn();
  ASSERT_TRUE(this->Logic->Segment(this->Parameters, this->Messages)) << this->Text();
  EXPECT_EQ(this->Scene->GetNumberOfUndoLevels(), 1);
  EXPECT_EQ(this->Volumes(), 2);
  this->Scene->Undo();
  EXPECT_EQ(this->Volumes(), 1);
  EXPECT_EQ(this->Scene->GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 0);
  this->Scene->Redo();
  EXPECT_EQ(this->Volumes(), 2);
  EXPECT_EQ(this->Scene->GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 1);
}

TEST_F(UncertaintyTest, OverlayIsTheForegroundOfTheSliceViewsAndLeavesOthersAlone)
{
  ASSERT_TRUE(this->Logic->Segment(this->Parameters, this->Messages)) << this->Text();
  vtkMRMLScalarVolumeNode* map = this->Logic->GetLastUncertaintyVolume();
  vtkNew<vtkMRMLSliceCompositeNode> red, green;
  red->SetLayoutName("Red");
  green->SetLayoutName("Green");
  this->Scene->AddNode(red);
  this->Scene->AddNode(green);
  this->Logic->ShowUncertaintyOverlay(map, 0.4);
  for (vtkMRMLSliceCompositeNode* view : { red.GetPointer(), green.GetPointer() })
  {
    EXPECT_STREQ(view->GetForegroundVolumeID(), map->GetID());
    EXPECT_EQ(view->GetForegroundOpacity(), 0.4);
  }
  green->SetForegroundVolumeID(this->Volume->GetID());
  green->SetForegroundOpacity(0.7);
  this->Logic->ShowUncertaintyOverlay(nullptr);
  EXPECT_FALSE(red->GetForegroundVolumeID());
  EXPECT_STREQ(green->GetForegroundVolumeID(), this->Volume->GetID());
  EXPECT_EQ(green->GetForegroundOpacity(), 0.7);
}

TEST_F(UncertaintyTest, ThresholdOfTheParametersDecides)
{
  double last = 1e9;
  for (double threshold : { 0.1, 0., 0.9 }) // 0: the card's, 0.5
  {
    this->Parameters->SetThreshold(threshold);
    this->Logic->Segment(this->Parameters, this->Messages);
    EXPECT_LT(this->Logic->GetLastVolumeML(), last);
    last = this->Logic->GetLastVolumeML();
  }
}
