// Measures of segments whose size is known, and their surface as a file.
#include "SceneTest.h"

#include "FrugalSegConversion.h"

#include <vtkMRMLLinearTransformNode.h>
#include <vtkOrientedImageData.h>
#include <vtkPolyData.h>
#include <vtkSTLReader.h>
#include <vtkSegmentation.h>

#include <cmath>
#include <filesystem>
#include <fstream>

class MeasureTest : public SceneTest
{
protected:
  /// A volume of cubes of this many mm, along the patient's axes.
  vtkMRMLScalarVolumeNode* AddCubes(int size, double spacing)
  {
    fseg_geometry geometry{};
    for (int axis = 0; axis < 3; ++axis)
    {
      geometry.size[axis] = static_cast<size_t>(size);
      geometry.ijk_to_lps[axis][axis] = spacing;
    }
    geometry.ijk_to_lps[3][3] = 1.;
    FrugalSegVolume volume;
    fseg_error error{};
    EXPECT_EQ(fseg_volume_create(&geometry, FrugalSegOut(volume), &error), FSEG_OK);
    vtkNew<vtkMRMLScalarVolumeNode> node;
    node->SetName("cubes");
    FrugalSegVolumeToNode(volume.get(), node);
    this->Scene->AddNode(node);
    return node;
  }
  vtkMRMLSegmentationNode* AddSegmentation()
  {
    return vtkMRMLSegmentationNode::SafeDownCast(
        this->Scene->AddNewNodeByClass("vtkMRMLSegmentationNode", "mine"));
  }
  /// A ball in the middle of the volume.
  std::string AddBall(vtkMRMLSegmentationNode* segmentation, vtkMRMLScalarVolumeNode* volume, int size,
                      double radius)
  {
    fseg_volume place{};
    EXPECT_TRUE(FrugalSegPlaceFromNode(volume, &place));
    FrugalSegMask mask;
    EXPECT_EQ(fseg_mask_create(&place.geometry, FrugalSegOut(mask), nullptr), FSEG_OK);
    const double middle = (size - 1) / 2.;
    size_t at = 0;
    for (int k = 0; k < size; ++k)
    {
      for (int j = 0; j < size; ++j)
      {
        for (int i = 0; i < size; ++i)
        {
          mask->voxels[at++] = std::hypot(i - middle, j - middle, k - middle) < radius ? 1 : 0;
        }
      }
    }
    return segmentation->AddSegmentFromBinaryLabelmapRepresentation(FrugalSegMaskToLabelmap(mask.get()),
                                                                    "ball");
  }
  double Number(int row, const char* column) { return this->Table->GetValueByName(row, column).ToDouble(); }
  vtkNew<vtkTable> Table;
};

TEST_F(MeasureTest, BoxAlongThePatientsAxesHasItsSides)
{
  vtkMRMLScalarVolumeNode* volume = this->AddCubes(40, 2.);
  vtkMRMLSegmentationNode* segmentation = this->AddSegmentation();
  const int first[3] = { 5, 6, 7 }, last[3] = { 14, 25, 36 }; // 10 x 20 x 30 voxels
  const std::string id = AddBox(segmentation, volume, first, last);
  ASSERT_TRUE(this->Logic->Measure(segmentation, id, volume, this->Table, this->Messages)) << this->Text();
  ASSERT_EQ(this->Table->GetNumberOfRows(), 1);
  EXPECT_EQ(Cell(this->Table, 0, "segment"), "by hand");
  EXPECT_EQ(Cell(this->Table, 0, "id"), id);
  EXPECT_NEAR(this->Number(0, "volume_ml"), 48., 1e-9);
  EXPECT_NEAR(this->Number(0, "extent_r_mm"), 20., 1e-9);
  EXPECT_NEAR(this->Number(0, "extent_a_mm"), 40., 1e-9);
  EXPECT_NEAR(this->Number(0, "extent_s_mm"), 60., 1e-9);
  EXPECT_NEAR(this->Number(0, "longest_mm"), std::sqrt(20. * 20. + 40. * 40. + 60. * 60.), 1e-9);
  EXPECT_LT(this->Number(0, "surface_cm2"), 88.); // Slicer's surface rounds the edges off
  EXPECT_GT(this->Number(0, "surface_cm2"), 0.88 * 88.);
  EXPECT_EQ(Cell(this->Table, 0, "text").rfind("48.0 ml; 20.0 x 40.0 x 60.0 mm", 0), 0u)
      << Cell(this->Table, 0, "text");
}

TEST_F(MeasureTest, BallHasTheVolumeDiameterAndSurfaceOfABall)
{
  constexpr double radius = 15.;
  vtkMRMLScalarVolumeNode* volume = this->AddCubes(40, 1.);
  vtkMRMLSegmentationNode* segmentation = this->AddSegmentation();
  const std::string id = this->AddBall(segmentation, volume, 40, radius);
  ASSERT_TRUE(this->Logic->Measure(segmentation, id, volume, this->Table, this->Messages)) << this->Text();
  const double ball = 4. / 3. * M_PI * radius * radius * radius / 1000.;
  EXPECT_NEAR(this->Number(0, "volume_ml"), ball, 0.02 * ball);
  EXPECT_NEAR(this->Number(0, "extent_s_mm"), 2. * radius, 1.);
  EXPECT_NEAR(this->Number(0, "longest_mm"), 2. * radius, 2.); // corners of voxels stick out
  // Counting the faces of voxels would give half as much again.
  const double surface = 4. * M_PI * radius * radius / 100.;
  EXPECT_NEAR(this->Number(0, "surface_cm2"), surface, 0.05 * surface);
}

TEST_F(MeasureTest, ObliqueBoxIsMeasuredAlongThePatientsAxes)
{
  // The phantom's columns are tilted 3-4-5 in the plane of left and down.
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  vtkMRMLSegmentationNode* segmentation = this->AddSegmentation();
  const int first[3] = { 3, 4, 1 }, last[3] = { 12, 13, 2 };
  const std::string id = AddBox(segmentation, volume, first, last);
  ASSERT_TRUE(this->Logic->Measure(segmentation, id, volume, this->Table, this->Messages)) << this->Text();
  const double columns = 10 * 5., rows = 10 * 5.5, slices = 2 * 24.;
  EXPECT_NEAR(this->Number(0, "volume_ml"), columns * rows * slices / 1000., 1e-6);
  EXPECT_NEAR(this->Number(0, "extent_r_mm"), 0.8 * columns + 0.6 * slices, 1e-6);
  EXPECT_NEAR(this->Number(0, "extent_a_mm"), rows, 1e-6);
  EXPECT_NEAR(this->Number(0, "extent_s_mm"), 0.6 * columns + 0.8 * slices, 1e-6);
  EXPECT_NEAR(this->Number(0, "longest_mm"), std::hypot(columns, rows, slices), 1e-6);
  // Its own grid is the volume's lattice: the same without a volume.
  ASSERT_TRUE(this->Logic->Measure(segmentation, id, nullptr, this->Table, this->Messages)) << this->Text();
  EXPECT_NEAR(this->Number(0, "extent_s_mm"), 0.6 * columns + 0.8 * slices, 1e-6);
}

TEST_F(MeasureTest, AllSegmentsAreMeasuredAndTheSceneStays)
{
  vtkMRMLScalarVolumeNode* volume = this->AddCubes(20, 1.);
  vtkMRMLSegmentationNode* segmentation = this->AddSegmentation();
  const int first[3] = { 2, 2, 2 }, last[3] = { 4, 4, 4 };
  AddBox(segmentation, volume, first, last);
  vtkNew<vtkOrientedImageData> nothing;
  const std::string empty = segmentation->AddSegmentFromBinaryLabelmapRepresentation(nothing, "nothing");
  this->AddBall(segmentation, volume, 20, 6.);
  const vtkMTimeType before = segmentation->GetSegmentation()->GetMTime();
  ASSERT_TRUE(this->Logic->Measure(segmentation, "", volume, this->Table, this->Messages)) << this->Text();
  EXPECT_EQ(Column(this->Table, "segment"), "by hand nothing ball");
  EXPECT_EQ(this->Number(1, "volume_ml"), 0.);
  EXPECT_EQ(Cell(this->Table, 1, "text"), "empty");
  EXPECT_NEAR(this->Number(0, "volume_ml"), 0.027, 1e-9);
  EXPECT_EQ(Cell(this->Table, 0, "text").rfind("0.0270 ml", 0), 0u); // not "0 ml"
  EXPECT_EQ(segmentation->GetSegmentation()->GetMTime(), before);
  EXPECT_FALSE(segmentation->GetSegmentation()->ContainsRepresentation("Closed surface"));
  EXPECT_FALSE(this->Logic->Measure(segmentation, "no such", volume, this->Table, this->Messages));
  EXPECT_FALSE(this->Logic->Measure(nullptr, "", volume, this->Table, this->Messages));
  EXPECT_EQ(this->Messages->GetNumberOfMessagesOfType(vtkCommand::ErrorEvent), 2);
}

TEST_F(MeasureTest, SurfaceFileIsInLPSAndSaysSo)
{
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  vtkMRMLSegmentationNode* segmentation = this->AddSegmentation();
  const int first[3] = { 20, 10, 1 }, last[3] = { 39, 19, 4 };
  const std::string id = AddBox(segmentation, volume, first, last);
  const std::string path = this->Path("box.stl");
  ASSERT_TRUE(this->Logic->ExportSegment(segmentation, id, volume, path, this->Messages)) << this->Text();
  std::ifstream file(path, std::ios::binary);
  std::string header(80, '\0');
  file.read(header.data(), 80);
  EXPECT_NE(header.find("SPACE=LPS"), std::string::npos);
  EXPECT_NE(header.find("research use only"), std::string::npos);
  EXPECT_NE(header.rfind("solid", 0), 0u); // readers would take it for a text file

  vtkNew<vtkSTLReader> reader;
  reader->SetFileName(path.c_str());
  reader->Update();
  double bounds[6];
  reader->GetOutput()->GetBounds(bounds);
  // Where the box's corners lie, from the image's own matrix (LPS).
  const FrugalSegVolume image = this->Phantom(64, 64, 6);
  const fseg_geometry geometry = image->geometry;
  for (int axis = 0; axis < 3; ++axis)
  {
    double low = geometry.ijk_to_lps[axis][3], high = low, reach = 0.;
    for (int index = 0; index < 3; ++index)
    {
      const double step = geometry.ijk_to_lps[axis][index];
      low += std::min(step * (first[index] - 0.5), step * (last[index] + 0.5));
      high += std::max(step * (first[index] - 0.5), step * (last[index] + 0.5));
      reach += std::fabs(step);
    }
    EXPECT_NEAR(bounds[2 * axis], low, 0.75 * reach); // smoothing shrinks the corners
    EXPECT_NEAR(bounds[2 * axis + 1], high, 0.75 * reach);
    EXPECT_NEAR(bounds[2 * axis] + bounds[2 * axis + 1], low + high, 0.5 * reach); // not mirrored
  }
  for (const auto& entry : std::filesystem::directory_iterator(this->Folder))
  {
    EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos);
  }
}

TEST_F(MeasureTest, SurfaceThatCannotBeWrittenIsAMessage)
{
  vtkMRMLScalarVolumeNode* volume = this->AddCubes(8, 1.);
  vtkMRMLSegmentationNode* segmentation = this->AddSegmentation();
  const int first[3] = { 2, 2, 2 }, last[3] = { 5, 5, 5 };
  const std::string box = AddBox(segmentation, volume, first, last);
  vtkNew<vtkOrientedImageData> nothing;
  const std::string empty = segmentation->AddSegmentFromBinaryLabelmapRepresentation(nothing, "nothing");
  EXPECT_FALSE(this->Logic->ExportSurface(segmentation, empty, volume, this->Path("a.stl"), this->Messages));
  EXPECT_FALSE(this->Logic->ExportSurface(segmentation, box, volume, this->Path("no/a.stl"), this->Messages));
  EXPECT_FALSE(
      this->Logic->ExportSurface(segmentation, "no such", volume, this->Path("a.stl"), this->Messages));
  EXPECT_FALSE(this->Logic->ExportSegment(segmentation, box, volume, this->Path("a.xyz"), this->Messages));
  EXPECT_EQ(this->Messages->GetNumberOfMessagesOfType(vtkCommand::ErrorEvent), 4) << this->Text();
  EXPECT_FALSE(std::filesystem::exists(this->Path("a.stl")));
  // A folder lies where the file should: what was there stays, and nothing is left behind.
  std::filesystem::create_directories(this->Path("folder.stl/content"));
  EXPECT_FALSE(
      this->Logic->ExportSurface(segmentation, box, volume, this->Path("folder.stl"), this->Messages));
  EXPECT_TRUE(std::filesystem::exists(this->Path("folder.stl/content")));
  for (const auto& entry : std::filesystem::directory_iterator(this->Folder))
  {
    EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos);
  }
}
