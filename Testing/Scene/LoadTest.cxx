// Loading series and files into the scene.
#include "SceneTest.h"

#include "frugalseg/enhanced.h"

#include <vtkImageData.h>
#include <vtkMatrix4x4.h>
#include <vtkStringArray.h>
#include <vtkTable.h>

#include <filesystem>

namespace fs = std::filesystem;

namespace
{
std::string Cell(vtkTable* table, vtkIdType row, const char* column)
{
  return table->GetValueByName(row, column).ToString();
}

/// Voxels and RAS geometry of `node` are those of `volume`.
void ExpectSameImage(const fseg_volume* volume, vtkMRMLScalarVolumeNode* node)
{
  int dimensions[3];
  node->GetImageData()->GetDimensions(dimensions);
  vtkNew<vtkMatrix4x4> ijkToRAS;
  node->GetIJKToRASMatrix(ijkToRAS);
  for (int i = 0; i < 3; ++i)
  {
    EXPECT_EQ(static_cast<size_t>(dimensions[i]), volume->geometry.size[i]);
    for (int j = 0; j < 4; ++j)
    {
      const double sign = i < 2 ? -1. : 1.; // L = -R, P = -A, S = S
      EXPECT_NEAR(ijkToRAS->GetElement(i, j), sign * volume->geometry.ijk_to_lps[i][j], 1e-4)
          << i << " " << j;
    }
  }
  const float* voxel = volume->voxels;
  size_t different = 0;
  for (int k = 0; k < dimensions[2]; ++k)
  {
    for (int j = 0; j < dimensions[1]; ++j)
    {
      for (int i = 0; i < dimensions[0]; ++i, ++voxel)
      {
        different += node->GetImageData()->GetScalarComponentAsDouble(i, j, k, 0) != *voxel;
      }
    }
  }
  EXPECT_EQ(different, 0u);
}
} // namespace

TEST_F(SceneTest, ListsTheSeriesOfAFolder)
{
  this->WriteSeries(this->Phantom(32, 24, 5), "series");
  vtkNew<vtkTable> table;
  ASSERT_TRUE(this->Logic->ListSeries(this->Folder, table, this->Messages)) << this->Text();
  ASSERT_EQ(table->GetNumberOfRows(), 1);
  EXPECT_EQ(Cell(table, 0, "description"), "T2 phantom");
  EXPECT_EQ(Cell(table, 0, "modality"), "MR");
  EXPECT_EQ(Cell(table, 0, "matrix"), "32 x 24 x 5");
  EXPECT_EQ(Cell(table, 0, "spacing_mm"), "5.000 x 5.500 x 24.000");
  EXPECT_EQ(Cell(table, 0, "slices"), "5");
  EXPECT_EQ(Cell(table, 0, "verdict"), "ok");
  EXPECT_EQ(Cell(table, 0, "reason"), "");
  EXPECT_EQ(this->Messages->GetNumberOfMessages(), 0);
}

TEST_F(SceneTest, FolderWithoutImagesIsAMessageAndAnEmptyTable)
{
  vtkNew<vtkTable> table;
  EXPECT_FALSE(this->Logic->ListSeries(this->Folder, table, this->Messages));
  EXPECT_EQ(table->GetNumberOfRows(), 0);
  EXPECT_EQ(this->Messages->GetNumberOfMessages(), 1);
  EXPECT_FALSE(this->Logic->ListSeries(this->Path("absent"), table, this->Messages));
  EXPECT_EQ(this->Messages->GetNumberOfMessages(), 2);
}

TEST_F(SceneTest, SeriesIsLoadedAtItsPlaceInThePatient)
{
  const FrugalSegVolume volume = this->Phantom(32, 24, 5);
  this->WriteSeries(volume, "series");
  vtkMRMLScalarVolumeNode* node = this->Logic->LoadSeries(this->Path("series"), "", this->Messages);
  ASSERT_TRUE(node) << this->Text();
  ExpectSameImage(volume.get(), node);
  EXPECT_STREQ(node->GetName(), "T2 phantom");
  EXPECT_STREQ(node->GetAttribute("DICOM.Modality"), "MR");
  EXPECT_EQ(node->GetImageData()->GetScalarType(), VTK_SHORT);
  EXPECT_TRUE(node->GetDisplayNode());
}

TEST_F(SceneTest, VolumesOfOneSeriesAreListedAndChosen)
{
  const FrugalSegVolume first = this->Phantom(32, 24, 5);
  const FrugalSegVolume second = this->Phantom(32, 24, 5);
  second->voxels[7] += 100.F;
  const fseg_enhanced_volume volumes[2] = { { first.get(), 20., 0., 0, 0, 0. },
                                            { second.get(), 98., 0., 0, 0, 0. } };
  const fseg_series_write_options options{ "T2 phantom", "PHANTOM-1", nullptr, 12 };
  fseg_error error{};
  ASSERT_EQ(fseg_series_write_enhanced(volumes, 2, &options, FSEG_FRAMES_SHUFFLED,
                                       this->Path("series").c_str(), &error),
            FSEG_OK)
      << error.message;
  vtkNew<vtkTable> table;
  ASSERT_TRUE(this->Logic->ListSeries(this->Path("series"), table, this->Messages)) << this->Text();
  ASSERT_EQ(table->GetNumberOfRows(), 2);
  EXPECT_EQ(Cell(table, 0, "description"), "T2 phantom (echo 1, TE 20 ms)");
  EXPECT_EQ(Cell(table, 1, "description"), "T2 phantom (echo 2, TE 98 ms)");

  EXPECT_FALSE(this->Logic->LoadSeries(this->Path("series"), "", this->Messages));
  EXPECT_NE(this->Text().find("2 volumes"), std::string::npos) << this->Text();
  vtkMRMLScalarVolumeNode* node =
      this->Logic->LoadSeries(this->Path("series"), Cell(table, 1, "uid"), this->Messages);
  ASSERT_TRUE(node) << this->Text();
  ExpectSameImage(second.get(), node);
  EXPECT_STREQ(node->GetName(), "T2 phantom (echo 2, TE 98 ms)");
}

TEST_F(SceneTest, TwoSeriesNeedAChoice)
{
  fs::create_directory(this->Path("a"));
  this->WriteSeries(this->Phantom(32, 24, 5), "a/one");
  FrugalSegVolume other = this->Phantom(24, 24, 4);
  fseg_error error{};
  const fseg_series_write_options options{ "second", "PHANTOM-1", nullptr, 12 };
  ASSERT_EQ(fseg_series_write(other.get(), &options, this->Path("a/two").c_str(), &error), FSEG_OK)
      << error.message;
  EXPECT_FALSE(this->Logic->LoadSeries(this->Path("a"), "", this->Messages));
  EXPECT_EQ(this->Messages->GetNumberOfMessages(), 1);
  EXPECT_EQ(this->Scene->GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode"), 0);

  vtkNew<vtkTable> table;
  ASSERT_TRUE(this->Logic->ListSeries(this->Path("a"), table, this->Messages));
  ASSERT_EQ(table->GetNumberOfRows(), 2);
  const vtkIdType row = Cell(table, 0, "description") == "second" ? 0 : 1;
  vtkMRMLScalarVolumeNode* node =
      this->Logic->LoadSeries(this->Path("a"), Cell(table, row, "uid"), this->Messages);
  ASSERT_TRUE(node) << this->Text();
  ExpectSameImage(other.get(), node);
}

TEST_F(SceneTest, SeriesWithAMissingSliceIsRefused)
{
  this->WriteSeries(this->Phantom(32, 24, 6), "series");
  // Without a file at one end the rest is regular; the one in the middle is found by trying.
  std::vector<fs::path> files(fs::directory_iterator(this->Path("series")), fs::directory_iterator{});
  ASSERT_EQ(files.size(), 6u);
  int refused = 0;
  for (const fs::path& file : files)
  {
    fs::rename(file, this->Path("aside"));
    vtkNew<vtkTable> table;
    ASSERT_TRUE(this->Logic->ListSeries(this->Path("series"), table, this->Messages));
    if (Cell(table, 0, "verdict") == "refused")
    {
      ++refused;
      EXPECT_NE(Cell(table, 0, "reason"), "");
      EXPECT_FALSE(this->Logic->LoadSeries(this->Path("series"), "", this->Messages));
    }
    fs::rename(this->Path("aside"), file);
  }
  EXPECT_EQ(refused, 4); // all but the two ends
  EXPECT_EQ(this->Scene->GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode"), 0);
}

TEST_F(SceneTest, FileIsLoadedLikeTheSeriesItCameFrom)
{
  const FrugalSegVolume volume = this->Phantom(32, 24, 5);
  fseg_error error{};
  for (const char* name : { "scan.nii.gz", "scan.nrrd" })
  {
    ASSERT_EQ(fseg_volume_write(volume.get(), this->Path(name).c_str(), &error), FSEG_OK) << error.message;
    vtkMRMLScalarVolumeNode* node = this->Logic->LoadVolumeFile(this->Path(name), this->Messages);
    ASSERT_TRUE(node) << this->Text();
    ExpectSameImage(volume.get(), node);
    EXPECT_EQ(std::string(node->GetName()).rfind("scan", 0), 0u);
  }
}

TEST_F(SceneTest, UnreadableFileIsAMessage)
{
  EXPECT_FALSE(this->Logic->LoadVolumeFile(this->Path("absent.nii.gz"), this->Messages));
  EXPECT_FALSE(this->Logic->LoadVolumeFile(this->MakeModel("model"), this->Messages));
  EXPECT_EQ(this->Messages->GetNumberOfMessages(), 2);
  EXPECT_EQ(this->Scene->GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode"), 0);
}
