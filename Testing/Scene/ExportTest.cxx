// Writing segments: DICOM SEG and masks.
#include "SceneTest.h"

#include <vtkOrientedImageData.h>
#include <vtkSegment.h>
#include <vtkSegmentation.h>
#include <vtkSegmentationConverter.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace
{
std::string Content(const std::string& path)
{
  std::ifstream file(path, std::ios::binary);
  return { std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>() };
}
} // namespace

class ExportTest : public SceneTest
{
protected:
  void SetUp() override
  {
    SceneTest::SetUp();
    this->WriteSeries(this->Phantom(64, 64, 6), "series");
    this->Volume = this->Logic->LoadSeries(this->Path("series"), "", this->Messages);
    ASSERT_TRUE(this->Volume) << this->Text();
    this->Segmentation = this->Logic->Segment(this->Volume, this->MakeModel("net"), nullptr, this->Messages);
    ASSERT_TRUE(this->Segmentation) << this->Text();
    this->ID = this->Logic->GetLastSegmentID();
    this->Messages->ClearMessages();
  }
  /// As a user's brush would.
  void EditFirstVoxel()
  {
    auto* labelmap = vtkOrientedImageData::SafeDownCast(
        this->Segmentation->GetSegmentation()->GetSegment(this->ID)->GetRepresentation(
            vtkSegmentationConverter::GetBinaryLabelmapRepresentationName()));
    auto* voxel = static_cast<unsigned char*>(labelmap->GetScalarPointer());
    *voxel = *voxel ? 0 : 1;
    labelmap->Modified();
  }
  vtkMRMLScalarVolumeNode* Volume = nullptr;
  vtkMRMLSegmentationNode* Segmentation = nullptr;
  std::string ID;
};

TEST_F(ExportTest, MaskFileHoldsTheSegmentOnTheVolumesGrid)
{
  const std::string path = this->Path("mask.nii.gz");
  ASSERT_TRUE(this->Logic->ExportMask(this->Segmentation, this->ID, this->Volume, path, this->Messages))
      << this->Text();
  fseg_error error{};
  FrugalSegMask mask;
  ASSERT_EQ(fseg_mask_read(path.c_str(), -1, FrugalSegOut(mask), &error), FSEG_OK) << error.message;
  const FrugalSegVolume source = this->Phantom(64, 64, 6);
  EXPECT_TRUE(fseg_geometry_equal(&mask->geometry, &source->geometry, 0.01));
  EXPECT_EQ(std::vector<uint8_t>(mask->voxels, mask->voxels + VoxelCount(mask->geometry)),
            SegmentVoxels(this->Segmentation, this->ID, this->Volume));
}

TEST_F(ExportTest, SegmentationIsADicomFileThatNamesModelAndKind)
{
  const std::string path = this->Path("seg.dcm");
  ASSERT_TRUE(
      this->Logic->ExportSegmentation(this->Segmentation, this->ID, this->Volume, path, this->Messages))
      << this->Text();
  const std::string bytes = Content(path);
  ASSERT_GT(bytes.size(), 132u);
  EXPECT_EQ(bytes.substr(128, 4), "DICM");
  EXPECT_NE(bytes.find("10200004"), std::string::npos); // Liver
  EXPECT_NE(bytes.find("AUTOMATIC"), std::string::npos);
  EXPECT_EQ(bytes.find("SEMIAUTOMATIC"), std::string::npos);
}

TEST_F(ExportTest, EditedSegmentIsWrittenAsSemiautomatic)
{
  this->EditFirstVoxel();
  const std::string path = this->Path("seg.dcm");
  ASSERT_TRUE(
      this->Logic->ExportSegmentation(this->Segmentation, this->ID, this->Volume, path, this->Messages))
      << this->Text();
  EXPECT_NE(Content(path).find("SEMIAUTOMATIC"), std::string::npos);
}

TEST_F(ExportTest, SecondExportRefersToTheFirst)
{
  const std::string first = this->Path("first.dcm"), second = this->Path("second.dcm");
  ASSERT_TRUE(this->Logic->ExportSegment(this->Segmentation, this->ID, this->Volume, first, this->Messages));
  fseg_seg_content before{}, after{};
  ASSERT_EQ(fseg_seg_identify(first.c_str(), &before, nullptr), FSEG_OK);
  EXPECT_EQ(before.edited, 0);
  this->EditFirstVoxel();
  ASSERT_TRUE(this->Logic->ExportSegment(this->Segmentation, this->ID, this->Volume, second, this->Messages));
  ASSERT_EQ(fseg_seg_identify(second.c_str(), &after, nullptr), FSEG_OK);
  EXPECT_EQ(after.edited, 1);
  EXPECT_STRNE(after.instance_uid, before.instance_uid);
  EXPECT_NE(Content(second).find(before.instance_uid), std::string::npos);
  EXPECT_EQ(Content(first).find(after.instance_uid), std::string::npos);
}

TEST_F(ExportTest, ReopenedSegmentationCanBeCorrectedAndIsTheNextPredecessor)
{
  const std::string first = this->Path("first.dcm"), second = this->Path("second.dcm");
  ASSERT_TRUE(this->Logic->ExportSegment(this->Segmentation, this->ID, this->Volume, first, this->Messages));
  vtkMRMLSegmentationNode* opened = this->Logic->LoadSegmentation(first, this->Volume, this->Messages);
  ASSERT_TRUE(opened) << this->Text();
  const std::string id = opened->GetSegmentation()->GetNthSegmentID(0);
  EXPECT_EQ(SegmentVoxels(opened, id, this->Volume),
            SegmentVoxels(this->Segmentation, this->ID, this->Volume));
  EXPECT_TRUE(vtkSlicerFrugalSegLogic::IsOwnSegment(opened, id));
  EXPECT_FALSE(vtkSlicerFrugalSegLogic::IsSegmentEdited(opened, id, this->Volume));
  ASSERT_TRUE(this->Logic->ExportSegment(opened, id, this->Volume, second, this->Messages)) << this->Text();
  fseg_seg_content content{};
  ASSERT_EQ(fseg_seg_identify(first.c_str(), &content, nullptr), FSEG_OK);
  EXPECT_NE(Content(second).find(content.instance_uid), std::string::npos);
}

TEST_F(ExportTest, ReopenedCorrectionStaysACorrection)
{
  this->EditFirstVoxel();
  const std::string path = this->Path("edited.dcm");
  ASSERT_TRUE(this->Logic->ExportSegment(this->Segmentation, this->ID, this->Volume, path, this->Messages));
  vtkMRMLSegmentationNode* opened = this->Logic->LoadSegmentation(path, this->Volume, this->Messages);
  ASSERT_TRUE(opened) << this->Text();
  const std::string id = opened->GetSegmentation()->GetNthSegmentID(0);
  EXPECT_TRUE(vtkSlicerFrugalSegLogic::IsSegmentEdited(opened, id, this->Volume));
  // So a new run leaves it alone.
  const std::vector<uint8_t> before = SegmentVoxels(opened, id, this->Volume);
  ASSERT_TRUE(this->Logic->Segment(this->Volume, this->Path("net.fseg"), opened, this->Messages))
      << this->Text();
  EXPECT_EQ(opened->GetSegmentation()->GetNumberOfSegments(), 2);
  EXPECT_EQ(SegmentVoxels(opened, id, this->Volume), before);
}

TEST_F(ExportTest, AllSegmentsOfOneModelGoIntoOneFileAndOpenAgain)
{
  vtkSegmentation* segments = this->Segmentation->GetSegmentation();
  vtkNew<vtkSegment> second;
  second->DeepCopy(segments->GetSegment(this->ID));
  second->SetTag("FrugalSeg.Structure", std::string("spleen"));
  segments->AddSegment(second, "second");
  const std::string path = this->Path("both.dcm");
  EXPECT_FALSE(this->Logic->ExportSegmentation(this->Segmentation, "", this->Volume, path, this->Messages));
  EXPECT_NE(this->Text().find("overlap"), std::string::npos) << this->Text();

  auto* labelmap = vtkOrientedImageData::SafeDownCast(
      second->GetRepresentation(vtkSegmentationConverter::GetBinaryLabelmapRepresentationName()));
  auto* voxels = static_cast<unsigned char*>(labelmap->GetScalarPointer());
  for (vtkIdType i = 0; i < labelmap->GetNumberOfPoints(); ++i)
  {
    voxels[i] = voxels[i] ? 0 : 1; // what the first is not
  }
  labelmap->Modified();
  ASSERT_TRUE(this->Logic->ExportSegmentation(this->Segmentation, "", this->Volume, path, this->Messages))
      << this->Text();
  vtkMRMLSegmentationNode* opened = this->Logic->LoadSegmentation(path, this->Volume, this->Messages);
  ASSERT_TRUE(opened) << this->Text();
  ASSERT_EQ(opened->GetSegmentation()->GetNumberOfSegments(), 2);
  const std::string ids[] = { this->ID, "second" };
  for (int i = 0; i < 2; ++i)
  {
    const std::string id = opened->GetSegmentation()->GetNthSegmentID(i);
    EXPECT_EQ(SegmentVoxels(opened, id, this->Volume),
              SegmentVoxels(this->Segmentation, ids[i], this->Volume));
    EXPECT_EQ(vtkSlicerFrugalSegLogic::IsSegmentEdited(opened, id, this->Volume), i == 1);
  }
}

TEST_F(ExportTest, ACorrectionDoesNotReplaceTheFileThatItCorrects)
{
  const std::string path = this->Path("seg.dcm");
  ASSERT_TRUE(this->Logic->ExportSegment(this->Segmentation, this->ID, this->Volume, path, this->Messages));
  const std::string before = Content(path);
  this->EditFirstVoxel();
  EXPECT_FALSE(this->Logic->ExportSegment(this->Segmentation, this->ID, this->Volume, path, this->Messages));
  EXPECT_EQ(Content(path), before);
}

TEST_F(ExportTest, WhatIsNoSegmentationOfTheVolumeIsNotOpened)
{
  const std::string path = this->Path("seg.dcm");
  ASSERT_TRUE(this->Logic->ExportSegment(this->Segmentation, this->ID, this->Volume, path, this->Messages));
  const int nodes = this->Scene->GetNumberOfNodes();
  EXPECT_FALSE(this->Logic->LoadSegmentation(path, nullptr, this->Messages));
  EXPECT_FALSE(this->Logic->LoadSegmentation(this->Path("absent.dcm"), this->Volume, this->Messages));
  EXPECT_FALSE(this->Logic->LoadSegmentation(this->Path("net.fseg"), this->Volume, this->Messages));
  EXPECT_EQ(this->Messages->GetNumberOfMessagesOfType(vtkCommand::ErrorEvent), 3) << this->Text();
  EXPECT_EQ(this->Scene->GetNumberOfNodes(), nodes);
}

TEST_F(ExportTest, WhatCannotBeExportedIsAMessageAndWritesNothing)
{
  vtkMRMLScalarVolumeNode* noSeries = this->AddPhantom();
  const std::string path = this->Path("seg.dcm");
  EXPECT_FALSE(
      this->Logic->ExportSegmentation(this->Segmentation, "no such", this->Volume, path, this->Messages));
  EXPECT_FALSE(this->Logic->ExportSegmentation(this->Segmentation, this->ID, noSeries, path, this->Messages));
  EXPECT_FALSE(this->Logic->ExportSegmentation(this->Segmentation, this->ID, nullptr, path, this->Messages));
  EXPECT_FALSE(this->Logic->ExportSegmentation(nullptr, this->ID, this->Volume, path, this->Messages));
  EXPECT_FALSE(this->Logic->ExportMask(this->Segmentation, this->ID, nullptr, path, this->Messages));
  EXPECT_FALSE(this->Logic->ExportMask(this->Segmentation, this->ID, this->Volume,
                                       this->Path("no/such/m.nii.gz"), this->Messages));
  std::filesystem::remove_all(this->Path("series"));
  EXPECT_FALSE(
      this->Logic->ExportSegmentation(this->Segmentation, this->ID, this->Volume, path, this->Messages));
  EXPECT_EQ(this->Messages->GetNumberOfMessagesOfType(vtkCommand::ErrorEvent), 7) << this->Text();
  EXPECT_FALSE(std::filesystem::exists(path));
}
