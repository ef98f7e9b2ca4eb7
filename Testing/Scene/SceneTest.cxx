#include "SceneTest.h"

#include "FrugalSegConversion.h"

#include "frugalseg/phantom.h"

#include <vtkMatrix4x4.h>
#include <vtkObjectFactory.h>
#include <vtkOrientedImageData.h>
#include <vtkPointData.h>
#include <vtkVariant.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

vtkStandardNewMacro(ErrorLog);

//----------------------------------------------------------------------------
void SceneTest::SetUp()
{
  std::string pattern = (std::filesystem::temp_directory_path() / "frugalseg-scene-XXXXXX").string();
  ASSERT_TRUE(mkdtemp(pattern.data()));
  this->Folder = pattern;
  vtkOutputWindow::SetInstance(this->Log);
  this->Logic = vtkSmartPointer<vtkSlicerFrugalSegLogic>::New();
  this->Logic->SetMRMLScene(this->Scene);
}

//----------------------------------------------------------------------------
void SceneTest::TearDown()
{
  this->Logic = nullptr;
  this->Scene->Clear(1);
  EXPECT_EQ(this->Log->Errors, std::vector<std::string>{});
  vtkOutputWindow::SetInstance(nullptr);
  std::error_code ignored;
  std::filesystem::remove_all(this->Folder, ignored);
}

//----------------------------------------------------------------------------
FrugalSegVolume SceneTest::Phantom(int columns, int rows, int slices) const
{
  fseg_geometry geometry{};
  geometry.size[0] = static_cast<size_t>(columns);
  geometry.size[1] = static_cast<size_t>(rows);
  geometry.size[2] = static_cast<size_t>(slices);
  // Columns to the patient's left and 3-4-5 tilted down, so that a wrong sign or transpose shows.
  const double spacing[3] = { 5., 5.5, 24. };
  const double axes[3][3] = { { 0.8, 0., -0.6 }, { 0., 1., 0. }, { 0.6, 0., 0.8 } };
  const double origin[3] = { -110.25, -95.5, -61. };
  for (int row = 0; row < 3; ++row)
  {
    for (int axis = 0; axis < 3; ++axis)
    {
      geometry.ijk_to_lps[row][axis] = axes[axis][row] * spacing[axis];
    }
    geometry.ijk_to_lps[row][3] = origin[row];
  }
  geometry.ijk_to_lps[3][3] = 1.;

  fseg_error error{};
  FrugalSegContext context;
  FrugalSegVolume volume;
  EXPECT_EQ(fseg_context_create(nullptr, FrugalSegOut(context), &error), FSEG_OK) << error.message;
  EXPECT_EQ(fseg_volume_create(&geometry, FrugalSegOut(volume), &error), FSEG_OK) << error.message;
  fseg_phantom_options options = fseg_phantom_default_options(7);
  options.columns = columns;
  options.rows = rows;
  options.slices = slices;
  std::copy_n(spacing, 3, options.spacing_mm);
  std::vector<uint8_t> labels(VoxelCount(geometry));
  EXPECT_EQ(fseg_phantom_abdomen(context.get(), &options, volume->voxels, labels.data(), nullptr, &error),
            FSEG_OK)
      << error.message;
  for (size_t i = 0; i < labels.size(); ++i)
  {
    volume->voxels[i] = std::floor(volume->voxels[i]); // as a scanner stores it
  }
  std::strcpy(volume->modality, "MR");
  return volume;
}

//----------------------------------------------------------------------------
void SceneTest::WriteSeries(const FrugalSegVolume& volume, const std::string& folder) const
{
  fseg_error error{};
  const fseg_series_write_options options{ "T2 phantom", "PHANTOM-1", "ABDOMEN", 11 };
  ASSERT_EQ(fseg_series_write(volume.get(), &options, this->Path(folder).c_str(), &error), FSEG_OK)
      << error.message;
}

//----------------------------------------------------------------------------
vtkMRMLScalarVolumeNode* SceneTest::AddPhantom(int columns, int rows, int slices)
{
  vtkNew<vtkMRMLScalarVolumeNode> node;
  node->SetName("phantom");
  FrugalSegVolumeToNode(this->Phantom(columns, rows, slices).get(), node);
  this->Scene->AddNode(node);
  return node;
}

//----------------------------------------------------------------------------
std::string SceneTest::MakeModel(const std::string& name, Answer answer, const std::string& structure,
                                 bool large, const std::string& more) const
{
  fseg_unet_config config = fseg_unet_default_config(1, 2);
  if (!large)
  {
    config.levels = 3;
    config.widths[0] = config.widths[1] = config.widths[2] = 8;
  }
  fseg_error error{};
  FrugalSegModel model;
  EXPECT_EQ(fseg_model_create(&config, 5, FrugalSegOut(model), &error), FSEG_OK) << error.message;
  const std::string card = "{\"name\": \"" + name + "\", \"version\": \"3.1\", \"structure\": \"" +
                           structure + "\", \"modality\": \"MR\", \"spacing_mm\": " + (large ? "1.5" : "5") +
                           more + "}";
  EXPECT_EQ(fseg_model_set_card(model.get(), card.c_str(), &error), FSEG_OK) << error.message;
  if (answer != Some)
  {
    // Positive activations into the last layer, whose weights then decide alone.
    const fseg_tensor* shift = fseg_model_find(model.get(), "head.norm1.bias");
    const fseg_tensor* weight = fseg_model_find(model.get(), "head.conv2.weight");
    EXPECT_TRUE(shift && weight);
    std::fill_n(shift->data, shift->count, 1.f);
    std::fill_n(weight->data, weight->count / 2, answer == Everything ? -9.f : 9.f);
    std::fill_n(weight->data + weight->count / 2, weight->count / 2, answer == Everything ? 9.f : -9.f);
  }
  const std::string path = this->Path(name + ".fseg");
  EXPECT_EQ(fseg_model_save(model.get(), path.c_str(), &error), FSEG_OK) << error.message;
  return path;
}

//----------------------------------------------------------------------------
FrugalSegMask SceneTest::Expected(const fseg_volume* volume, const std::string& path) const
{
  fseg_error error{};
  FrugalSegModel model;
  FrugalSegContext context;
  FrugalSegMask mask;
  EXPECT_EQ(fseg_model_load(path.c_str(), FrugalSegOut(model), &error), FSEG_OK) << error.message;
  EXPECT_EQ(fseg_context_create(nullptr, FrugalSegOut(context), &error), FSEG_OK) << error.message;
  EXPECT_EQ(
      fseg_segment_volume(context.get(), model.get(), volume, nullptr, FrugalSegOut(mask), nullptr, &error),
      FSEG_OK)
      << error.message;
  return mask;
}

//----------------------------------------------------------------------------
bool SceneTest::WaitForEnd()
{
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < end)
  {
    if (this->Logic->ProcessPendingResults(this->Messages))
    {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

//----------------------------------------------------------------------------
size_t VoxelCount(const fseg_geometry& geometry)
{
  return geometry.size[0] * geometry.size[1] * geometry.size[2];
}

//----------------------------------------------------------------------------
std::vector<uint8_t> SegmentVoxels(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                                   vtkMRMLScalarVolumeNode* volume)
{
  fseg_error error{};
  const FrugalSegMask mask = FrugalSegMaskFromSegment(segmentation, segmentID, volume, &error);
  EXPECT_TRUE(mask) << error.message;
  return mask ? std::vector<uint8_t>(mask->voxels, mask->voxels + VoxelCount(mask->geometry))
              : std::vector<uint8_t>{};
}

//----------------------------------------------------------------------------
std::string AddBox(vtkMRMLSegmentationNode* segmentation, vtkMRMLScalarVolumeNode* volume, const int first[3],
                   const int last[3])
{
  vtkNew<vtkOrientedImageData> box;
  box->SetExtent(first[0], last[0], first[1], last[1], first[2], last[2]);
  box->AllocateScalars(VTK_UNSIGNED_CHAR, 1);
  box->GetPointData()->GetScalars()->Fill(1);
  vtkNew<vtkMatrix4x4> ijkToRAS;
  volume->GetIJKToRASMatrix(ijkToRAS);
  box->SetGeometryFromImageToWorldMatrix(ijkToRAS);
  return segmentation->AddSegmentFromBinaryLabelmapRepresentation(box, "by hand");
}

//----------------------------------------------------------------------------
std::string Cell(vtkTable* table, int row, const char* column)
{
  return table->GetValueByName(row, column).ToString();
}

//----------------------------------------------------------------------------
std::string Column(vtkTable* table, const char* column)
{
  std::string values;
  for (vtkIdType row = 0; row < table->GetNumberOfRows(); ++row)
  {
    values += (row ? " " : "") + table->GetValueByName(row, column).ToString();
  }
  return values;
}
