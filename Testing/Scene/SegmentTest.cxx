// Segmenting: what arrives in the scene, and that nothing else changes.
#include "SceneTest.h"

#include "FrugalSegConversion.h"

#include <vtkCodedEntry.h>
#include <vtkFloatArray.h>
#include <vtkImageData.h>
#include <vtkMRMLLinearTransformNode.h>
#include <vtkMatrix4x4.h>
#include <vtkOrientedImageData.h>
#include <vtkPointData.h>
#include <vtkSegment.h>
#include <vtkSegmentation.h>
#include <vtkSegmentationConverter.h>
#include <vtkSlicerTerminologiesModuleLogic.h>
#include <vtkSlicerTerminologyEntry.h>

#include <cmath>
#include <cstdlib>
#include <limits>

namespace
{
/// A user's own segment.
std::string AddBox(vtkMRMLSegmentationNode* segmentation, vtkMRMLScalarVolumeNode* volume)
{
  const int first[3] = { 3, 4, 1 }, last[3] = { 8, 9, 3 };
  return AddBox(segmentation, volume, first, last);
}

vtkMRMLSegmentationNode* AddSegmentation(vtkMRMLScene* scene, vtkMRMLScalarVolumeNode* volume)
{
  auto* segmentation =
      vtkMRMLSegmentationNode::SafeDownCast(scene->AddNewNodeByClass("vtkMRMLSegmentationNode", "mine"));
  segmentation->CreateDefaultDisplayNodes();
  segmentation->SetReferenceImageGeometryParameterFromVolumeNode(volume);
  return segmentation;
}

/// Change one voxel of a segment, as a user's brush would.
void Edit(vtkMRMLSegmentationNode* segmentation, const std::string& id)
{
  auto* labelmap =
      vtkOrientedImageData::SafeDownCast(segmentation->GetSegmentation()->GetSegment(id)->GetRepresentation(
          vtkSegmentationConverter::GetBinaryLabelmapRepresentationName()));
  auto* voxel = static_cast<unsigned char*>(labelmap->GetScalarPointer());
  *voxel = *voxel ? 0 : 1;
  labelmap->Modified();
}
} // namespace

TEST_F(SceneTest, SegmentHasTheVoxelsThatTheLibraryComputes)
{
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  const std::string model = this->MakeModel("net");
  const FrugalSegMask expected = this->Expected(this->Phantom(64, 64, 6).get(), model);
  const std::vector<uint8_t> voxels(expected->voxels, expected->voxels + VoxelCount(expected->geometry));
  const double expectedML = fseg_mask_volume_ml(expected.get());
  ASSERT_GT(expectedML, 0.);
  ASSERT_LT(expectedML, 0.9 * 64 * 64 * 6 * 5. * 5.5 * 24. / 1000.); // neither nothing nor everything

  vtkMRMLSegmentationNode* segmentation = this->Logic->Segment(volume, model, nullptr, this->Messages);
  ASSERT_TRUE(segmentation) << this->Text();
  const std::string id = this->Logic->GetLastSegmentID();
  EXPECT_EQ(SegmentVoxels(segmentation, id, volume), voxels);
  EXPECT_DOUBLE_EQ(this->Logic->GetLastVolumeML(), expectedML);

  // The labelmap itself lies where the volume lies.
  vtkNew<vtkOrientedImageData> labelmap;
  ASSERT_TRUE(segmentation->GetBinaryLabelmapRepresentation(id, labelmap));
  vtkNew<vtkMatrix4x4> place, volumePlace;
  labelmap->GetImageToWorldMatrix(place);
  volume->GetIJKToRASMatrix(volumePlace);
  for (int i = 0; i < 4; ++i)
  {
    for (int j = 0; j < 4; ++j)
    {
      EXPECT_NEAR(place->GetElement(i, j), volumePlace->GetElement(i, j), 1e-9);
    }
  }
  EXPECT_EQ(segmentation->GetNodeReference(
                vtkMRMLSegmentationNode::GetReferenceImageGeometryReferenceRole().c_str()),
            volume);
}

TEST_F(SceneTest, SegmentCarriesSlicersTerminologyAndColour)
{
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  struct
  {
    const char* Structure;
    const char* Name;
    const char* Code;
    double Red;
  } const cases[] = { { "liver", "Liver", "10200004", 221 / 255. },
                      { "prostate", "Prostate", "41216001", 230 / 255. } };
  for (const auto& expected : cases)
  {
    vtkMRMLSegmentationNode* segmentation = this->Logic->Segment(
        volume, this->MakeModel(expected.Structure, Everything, expected.Structure), nullptr, this->Messages);
    ASSERT_TRUE(segmentation) << this->Text();
    vtkSegment* segment = segmentation->GetSegmentation()->GetSegment(this->Logic->GetLastSegmentID());
    EXPECT_STREQ(segment->GetName(), expected.Name);
    EXPECT_DOUBLE_EQ(segment->GetColor()[0], expected.Red);
    vtkNew<vtkSlicerTerminologyEntry> entry;
    ASSERT_TRUE(
        vtkSlicerTerminologiesModuleLogic::DeserializeTerminologyEntry(segment->GetTerminology(), entry));
    EXPECT_STREQ(entry->GetCategoryObject()->GetCodeValue(), "123037004");
    EXPECT_STREQ(entry->GetTypeObject()->GetCodeValue(), expected.Code);
    EXPECT_STREQ(entry->GetTypeObject()->GetCodingSchemeDesignator(), "SCT");
  }
}

TEST_F(SceneTest, ModelIsFoundByItsName)
{
  this->MakeModel("by-name", Everything);
  setenv("FRUGALSEG_MODEL_PATH", this->Folder.c_str(), 1);
  EXPECT_TRUE(this->Logic->Segment(this->AddPhantom(), "by-name", nullptr, this->Messages)) << this->Text();
  unsetenv("FRUGALSEG_MODEL_PATH");
}

TEST_F(SceneTest, ResultIsOneUndoStep)
{
  this->Scene->SetUndoOn();
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  const std::string model = this->MakeModel("net");
  ASSERT_TRUE(this->Logic->Segment(volume, model, nullptr, this->Messages)) << this->Text();
  EXPECT_EQ(this->Scene->GetNumberOfUndoLevels(), 1);
  this->Scene->Undo();
  EXPECT_EQ(this->Scene->GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 0);
  EXPECT_EQ(volume->GetScene(), this->Scene.GetPointer());
  this->Scene->Redo();
  ASSERT_EQ(this->Scene->GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 1);
}

TEST_F(SceneTest, UndoBringsBackTheSegmentationAsItWas)
{
  this->Scene->SetUndoOn();
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  vtkMRMLSegmentationNode* mine = AddSegmentation(this->Scene, volume);
  const std::string box = AddBox(mine, volume);
  const std::vector<uint8_t> before = SegmentVoxels(mine, box, volume);
  ASSERT_EQ(this->Logic->Segment(volume, this->MakeModel("net"), mine, this->Messages), mine) << this->Text();
  ASSERT_EQ(mine->GetSegmentation()->GetNumberOfSegments(), 2);
  EXPECT_EQ(SegmentVoxels(mine, box, volume), before);

  this->Scene->Undo();
  auto* undone = vtkMRMLSegmentationNode::SafeDownCast(this->Scene->GetFirstNodeByName("mine"));
  ASSERT_TRUE(undone);
  ASSERT_EQ(undone->GetSegmentation()->GetNumberOfSegments(), 1);
  EXPECT_EQ(SegmentVoxels(undone, box, volume), before);
}

TEST_F(SceneTest, UndoingFurtherBackNeverTakesAUsersSegmentationAway)
{
  this->Scene->SetUndoOn();
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  vtkMRMLSegmentationNode* mine = AddSegmentation(this->Scene, volume); // not undoable until now
  const std::string box = AddBox(mine, volume);
  vtkNew<vtkMRMLLinearTransformNode> other;
  other->UndoEnabledOn();
  this->Scene->AddNode(other);
  this->Scene->SaveStateForUndo();
  other->SetName("moved");
  ASSERT_EQ(this->Logic->Segment(volume, this->MakeModel("net"), mine, this->Messages), mine) << this->Text();
  const std::vector<uint8_t> before = SegmentVoxels(mine, box, volume);
  for (int i = 0; i < 3; ++i)
  {
    this->Scene->Undo();
  }
  auto* undone = vtkMRMLSegmentationNode::SafeDownCast(this->Scene->GetFirstNodeByName("mine"));
  ASSERT_TRUE(undone);
  EXPECT_EQ(undone->GetSegmentation()->GetNumberOfSegments(), 1); // the run is undone
  EXPECT_EQ(SegmentVoxels(undone, box, volume), before);
  EXPECT_TRUE(undone->GetDisplayNode());
}

TEST_F(SceneTest, SecondRunReplacesItsOwnSegmentUntilSomebodyEditsIt)
{
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  vtkMRMLSegmentationNode* mine = AddSegmentation(this->Scene, volume);
  const std::string box = AddBox(mine, volume);
  const std::string some = this->MakeModel("some"), all = this->MakeModel("all", Everything);

  ASSERT_TRUE(this->Logic->Segment(volume, some, mine, this->Messages)) << this->Text();
  const std::string first = this->Logic->GetLastSegmentID();
  EXPECT_FALSE(vtkSlicerFrugalSegLogic::IsSegmentEdited(mine, first, volume));
  ASSERT_TRUE(this->Logic->Segment(volume, all, mine, this->Messages)) << this->Text();
  EXPECT_EQ(this->Logic->GetLastSegmentID(), first);
  ASSERT_EQ(mine->GetSegmentation()->GetNumberOfSegments(), 2);

  Edit(mine, first);
  EXPECT_TRUE(vtkSlicerFrugalSegLogic::IsSegmentEdited(mine, first, volume));
  const std::vector<uint8_t> edited = SegmentVoxels(mine, first, volume);
  ASSERT_TRUE(this->Logic->Segment(volume, all, mine, this->Messages)) << this->Text();
  EXPECT_NE(this->Logic->GetLastSegmentID(), first);
  EXPECT_EQ(mine->GetSegmentation()->GetNumberOfSegments(), 3);
  vtkNew<vtkTable> checks;
  this->Logic->GetLastChecks(checks);
  EXPECT_NE(Column(checks, "id").find("kept-correction"), std::string::npos);
  EXPECT_NE(this->Text().find("\"Liver\" was left as it is"), std::string::npos) << this->Text();
  EXPECT_EQ(SegmentVoxels(mine, first, volume), edited);
  EXPECT_TRUE(vtkSlicerFrugalSegLogic::IsOwnSegment(mine, first));
  EXPECT_FALSE(vtkSlicerFrugalSegLogic::IsOwnSegment(mine, box));
}

TEST_F(SceneTest, NothingFoundLeavesTheSceneAndWarns)
{
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  EXPECT_FALSE(this->Logic->Segment(volume, this->MakeModel("none", Nothing), nullptr, this->Messages));
  EXPECT_GE(this->Messages->GetNumberOfMessagesOfType(vtkCommand::WarningEvent), 1);
  EXPECT_EQ(this->Messages->GetNumberOfMessagesOfType(vtkCommand::ErrorEvent), 0);
  EXPECT_EQ(this->Scene->GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 0);
  EXPECT_EQ(this->Logic->GetLastSegmentID(), "");
  vtkNew<vtkTable> checks;
  this->Logic->GetLastChecks(checks);
  EXPECT_EQ(Column(checks, "id"), "empty");
  EXPECT_EQ(Cell(checks, 0, "text"), "No liver was found in this image.");
}

TEST_F(SceneTest, EveryBadInputIsOneMessageAndLeavesTheScene)
{
  const std::string model = this->MakeModel("net");
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  auto* empty = vtkMRMLScalarVolumeNode::SafeDownCast(
      this->Scene->AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty"));
  vtkMRMLScalarVolumeNode* notFinite = this->AddPhantom();
  vtkNew<vtkImageData> image;
  image->SetDimensions(64, 64, 6);
  image->AllocateScalars(VTK_FLOAT, 1);
  image->GetPointData()->GetScalars()->Fill(1.);
  *static_cast<float*>(image->GetScalarPointer(3, 4, 5)) = std::numeric_limits<float>::quiet_NaN();
  notFinite->SetAndObserveImageData(image);
  vtkMRMLScalarVolumeNode* colored = this->AddPhantom();
  vtkNew<vtkImageData> rgb;
  rgb->SetDimensions(8, 8, 8);
  rgb->AllocateScalars(VTK_UNSIGNED_CHAR, 3);
  colored->SetAndObserveImageData(rgb);
  vtkNew<vtkMRMLScalarVolumeNode> elsewhere;
  vtkMRMLSegmentationNode* moved = AddSegmentation(this->Scene, volume);
  auto* transform = vtkMRMLLinearTransformNode::SafeDownCast(
      this->Scene->AddNewNodeByClass("vtkMRMLLinearTransformNode", "shift"));
  moved->SetAndObserveTransformNodeID(transform->GetID());

  const int nodes = this->Scene->GetNumberOfNodes();
  struct
  {
    vtkMRMLScalarVolumeNode* Volume;
    std::string Model;
    vtkMRMLSegmentationNode* Segmentation;
    const char* Word;
  } const cases[] = {
    { nullptr, model, nullptr, "load one" },
    { elsewhere, model, nullptr, "load one" },
    { empty, model, nullptr, "no image" },
    { notFinite, model, nullptr, "" },
    { colored, model, nullptr, "3 values per voxel" },
    { volume, "", nullptr, "No model was named" },
    { volume, "no-such-model", nullptr, "no-such-model" },
    { volume, model, moved, "transforms" },
  };
  for (const auto& bad : cases)
  {
    this->Messages->ClearMessages();
    EXPECT_FALSE(this->Logic->Segment(bad.Volume, bad.Model, bad.Segmentation, this->Messages));
    EXPECT_EQ(this->Messages->GetNumberOfMessages(), 1) << this->Text();
    EXPECT_NE(this->Text().find(bad.Word), std::string::npos) << this->Text() << " lacks " << bad.Word;
    EXPECT_FALSE(this->Logic->IsSegmenting());
  }
  EXPECT_EQ(this->Scene->GetNumberOfNodes(), nodes);
}

TEST_F(SceneTest, WithoutParametersThereIsAMessage)
{
  EXPECT_FALSE(this->Logic->Segment(static_cast<vtkMRMLFrugalSegNode*>(nullptr), this->Messages));
  EXPECT_FALSE(this->Logic->StartSegment(static_cast<vtkMRMLFrugalSegNode*>(nullptr), this->Messages));
  EXPECT_EQ(this->Messages->GetNumberOfMessagesOfType(vtkCommand::ErrorEvent), 2);
}

TEST_F(SceneTest, WithoutACollectionMessagesGoToTheLog)
{
  EXPECT_FALSE(this->Logic->Segment(this->AddPhantom(), "no-such-model"));
  ASSERT_EQ(this->Log->Errors.size(), 1u);
  EXPECT_NE(this->Log->Errors[0].find("no-such-model"), std::string::npos);
  this->Log->Errors.clear();
}

TEST_F(SceneTest, NewSegmentationFollowsTheTransformOfItsVolume)
{
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  auto* transform = vtkMRMLLinearTransformNode::SafeDownCast(
      this->Scene->AddNewNodeByClass("vtkMRMLLinearTransformNode", "shift"));
  volume->SetAndObserveTransformNodeID(transform->GetID());
  vtkMRMLSegmentationNode* segmentation =
      this->Logic->Segment(volume, this->MakeModel("net"), nullptr, this->Messages);
  ASSERT_TRUE(segmentation) << this->Text();
  EXPECT_EQ(segmentation->GetParentTransformNode(), transform);
}

TEST_F(SceneTest, VolumeWhoseExtentBeginsElsewhereGivesTheSameSegment)
{
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  const std::string model = this->MakeModel("net");
  vtkMRMLSegmentationNode* plain = this->Logic->Segment(volume, model, nullptr, this->Messages);
  ASSERT_TRUE(plain) << this->Text();
  const std::vector<uint8_t> expected = SegmentVoxels(plain, this->Logic->GetLastSegmentID(), volume);

  vtkMRMLScalarVolumeNode* shifted = this->AddPhantom();
  const int offset[3] = { 4, -3, 2 };
  vtkImageData* image = shifted->GetImageData();
  image->SetExtent(offset[0], offset[0] + 63, offset[1], offset[1] + 63, offset[2], offset[2] + 5);
  vtkNew<vtkMatrix4x4> ijkToRAS;
  shifted->GetIJKToRASMatrix(ijkToRAS);
  for (int row = 0; row < 3; ++row)
  {
    double origin = ijkToRAS->GetElement(row, 3);
    for (int axis = 0; axis < 3; ++axis)
    {
      origin -= ijkToRAS->GetElement(row, axis) * offset[axis];
    }
    ijkToRAS->SetElement(row, 3, origin);
  }
  shifted->SetIJKToRASMatrix(ijkToRAS);
  vtkMRMLSegmentationNode* segmentation = this->Logic->Segment(shifted, model, nullptr, this->Messages);
  ASSERT_TRUE(segmentation) << this->Text();
  EXPECT_EQ(SegmentVoxels(segmentation, this->Logic->GetLastSegmentID(), volume), expected);
}
