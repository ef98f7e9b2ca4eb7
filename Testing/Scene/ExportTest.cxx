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
  auto* labelmap = vtkOrientedImageData::SafeDownCast(
      this->Segmentation->GetSegmentation()->GetSegment(this->ID)->GetRepresentation(
          vtkSegmentationConverter::GetBinaryLabelmapRepresentationName()));
  auto* voxel = static_cast<unsigned char*>(labelmap->GetScalarPointer());
  *voxel = *voxel ? 0 : 1;
  labelmap->Modified();
  const std::string path = this->Path("seg.dcm");
  ASSERT_TRUE(
      this->Logic->ExportSegmentation(this->Segmentation, this->ID, this->Volume, path, this->Messages))
      << this->Text();
  EXPECT_NE(Content(path).find("SEMIAUTOMATIC"), std::string::npos);
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
