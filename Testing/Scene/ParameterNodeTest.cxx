// The parameter node: saved with the scene, and used by the logic.
#include "SceneTest.h"

TEST_F(SceneTest, ParametersSurviveSavingAndLoadingTheScene)
{
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  vtkNew<vtkMRMLSegmentationNode> segmentation;
  this->Scene->AddNode(segmentation);
  auto* node = vtkMRMLFrugalSegNode::SafeDownCast(
      this->Scene->AddNewNodeByClass("vtkMRMLFrugalSegNode", "parameters"));
  ASSERT_TRUE(node);
  node->SetInputVolumeNode(volume);
  node->SetSegmentationNode(segmentation);
  node->SetModelName("a \"quoted\" <name> & more");
  node->SetSegmentID("Liver_1");
  node->SetNumberOfThreads(3);
  node->SetThreshold(0.35);
  node->ShowUncertaintyOn();
  node->SetUncertaintyVolumeNode(volume);
  this->Scene->SetSaveToXMLString(1);
  ASSERT_TRUE(this->Scene->Commit());
  const std::string xml = this->Scene->GetSceneXMLString();

  vtkNew<vtkMRMLScene> other;
  vtkNew<vtkSlicerFrugalSegLogic> logic;
  logic->SetMRMLScene(other);
  other->SetLoadFromXMLString(1);
  other->SetSceneXMLString(xml);
  other->Import();
  auto* loaded = vtkMRMLFrugalSegNode::SafeDownCast(other->GetFirstNodeByClass("vtkMRMLFrugalSegNode"));
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->GetModelName(), node->GetModelName());
  EXPECT_EQ(loaded->GetSegmentID(), "Liver_1");
  EXPECT_EQ(loaded->GetNumberOfThreads(), 3);
  EXPECT_EQ(loaded->GetThreshold(), 0.35);
  EXPECT_TRUE(loaded->GetShowUncertainty());
  EXPECT_TRUE(loaded->GetUncertaintyVolumeNode());
  ASSERT_TRUE(loaded->GetInputVolumeNode());
  EXPECT_STREQ(loaded->GetInputVolumeNode()->GetName(), "phantom");
  EXPECT_TRUE(loaded->GetSegmentationNode());
  logic->SetMRMLScene(nullptr);
  this->Log->Errors.clear(); // storable nodes without files are reported; not our subject
}

TEST_F(SceneTest, CopyOfTheParametersHasTheirValues)
{
  vtkNew<vtkMRMLFrugalSegNode> node, copy;
  node->SetModelName("prostate-t2");
  node->SetNumberOfThreads(300); // clamped
  node->SetThreshold(0.2);
  copy->CopyContent(node);
  EXPECT_EQ(copy->GetModelName(), "prostate-t2");
  EXPECT_EQ(copy->GetNumberOfThreads(), 256);
  EXPECT_EQ(copy->GetThreshold(), 0.2);
}

TEST_F(SceneTest, RunWithParametersTellsThemItsResult)
{
  this->Scene->SetUndoOn();
  auto* node = vtkMRMLFrugalSegNode::SafeDownCast(
      this->Scene->AddNewNodeByClass("vtkMRMLFrugalSegNode", "parameters"));
  EXPECT_FALSE(this->Logic->Segment(node, this->Messages)); // no volume yet
  EXPECT_EQ(this->Messages->GetNumberOfMessages(), 1);

  node->SetInputVolumeNode(this->AddPhantom());
  node->SetModelName(this->MakeModel("net"));
  node->SetNumberOfThreads(1);
  vtkMRMLSegmentationNode* segmentation = this->Logic->Segment(node, this->Messages);
  ASSERT_TRUE(segmentation) << this->Text();
  EXPECT_EQ(node->GetSegmentationNode(), segmentation);
  EXPECT_EQ(node->GetSegmentID(), this->Logic->GetLastSegmentID());

  // The next run writes to the same segmentation, and on the worker too.
  ASSERT_TRUE(this->Logic->StartSegment(node, this->Messages)) << this->Text();
  ASSERT_TRUE(this->WaitForEnd());
  EXPECT_EQ(this->Logic->GetLastSegmentation(), segmentation);
  EXPECT_EQ(this->Scene->GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 1);

  // Undoing both removes the segmentation; the parameters point to nothing then.
  this->Scene->Undo();
  this->Scene->Undo();
  EXPECT_EQ(this->Scene->GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 0);
  EXPECT_FALSE(node->GetSegmentationNode());
}
