#include "LearningTest.h"

#include "FrugalSegConversion.h"

#include "frugalseg/phantom.h"

#include <vtkOrientedImageData.h>
#include <vtkSegment.h>
#include <vtkSegmentation.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

//----------------------------------------------------------------------------
LabelledPhantom MakeLabelledPhantom(uint64_t seed)
{
  fseg_error error{};
  fseg_geometry geometry{};
  fseg_phantom_options options = fseg_phantom_default_options(seed);
  options.columns = options.rows = 64;
  options.slices = 8;
  const double spacing[3] = { 5.5, 5.5, 22. };
  const int size[3] = { options.columns, options.rows, options.slices };
  for (int axis = 0; axis < 3; ++axis)
  {
    options.spacing_mm[axis] = spacing[axis];
    geometry.size[axis] = static_cast<size_t>(size[axis]);
    geometry.ijk_to_lps[axis][axis] = spacing[axis];
    geometry.ijk_to_lps[axis][3] = -0.5 * (size[axis] - 1) * spacing[axis];
  }
  geometry.ijk_to_lps[3][3] = 1.;
  LabelledPhantom phantom;
  FrugalSegContext context;
  EXPECT_EQ(fseg_context_create(nullptr, FrugalSegOut(context), &error), FSEG_OK) << error.message;
  EXPECT_EQ(fseg_volume_create(&geometry, FrugalSegOut(phantom.Volume), &error), FSEG_OK) << error.message;
  EXPECT_EQ(fseg_mask_create(&geometry, FrugalSegOut(phantom.Liver), &error), FSEG_OK) << error.message;
  EXPECT_EQ(fseg_phantom_abdomen(context.get(), &options, phantom.Volume->voxels, phantom.Liver->voxels,
                                 nullptr, &error),
            FSEG_OK)
      << error.message;
  for (size_t i = 0; i < VoxelCount(geometry); ++i)
  {
    phantom.Volume->voxels[i] = std::floor(phantom.Volume->voxels[i]); // as a scanner stores it
    phantom.Liver->voxels[i] = phantom.Liver->voxels[i] == FSEG_PHANTOM_LIVER;
    phantom.Volume->voxels[i] += phantom.Liver->voxels[i] ? 600.F : 0.F; // learned within a second
  }
  std::strcpy(phantom.Volume->modality, "MR");
  return phantom;
}

//----------------------------------------------------------------------------
void LearningTest::SetUp()
{
  SceneTest::SetUp();
  this->Scene->SetUndoOn();
  this->Learning = vtkSmartPointer<vtkSlicerFrugalSegLearningLogic>::New();
  this->Learning->SetMRMLScene(this->Scene);
  this->Learning->SetSegmentLogic(this->Logic);
  this->Learning->SetModelFolder(this->Path("models"));
  this->Learning->SetNumberOfThreads(1); // tiny networks: threads would only wait for each other
  ASSERT_TRUE(this->Learning->SetDatasetFolder(this->Path("labels"), this->Messages)) << this->Text();
}

//----------------------------------------------------------------------------
void LearningTest::TearDown()
{
  this->Learning = nullptr;
  SceneTest::TearDown();
}

//----------------------------------------------------------------------------
LearningTest::Nodes LearningTest::AddCase(uint64_t seed)
{
  const LabelledPhantom phantom = MakeLabelledPhantom(seed);
  Nodes nodes;
  vtkNew<vtkMRMLScalarVolumeNode> volume;
  volume->SetName("Doe^Jane 1970-01-01");
  FrugalSegVolumeToNode(phantom.Volume.get(), volume);
  this->Scene->AddNode(volume);
  nodes.Volume = volume;
  nodes.Segmentation =
      vtkMRMLSegmentationNode::SafeDownCast(this->Scene->AddNewNodeByClass("vtkMRMLSegmentationNode"));
  nodes.Segmentation->CreateDefaultDisplayNodes();
  nodes.Segmentation->SetReferenceImageGeometryParameterFromVolumeNode(volume);
  nodes.SegmentID = nodes.Segmentation->AddSegmentFromBinaryLabelmapRepresentation(
      FrugalSegMaskToLabelmap(phantom.Liver.get()), "Jane's liver");
  return nodes;
}

//----------------------------------------------------------------------------
std::string LearningTest::Save(const Nodes& nodes)
{
  return this->Learning->SaveLabel(nodes.Volume, nodes.Segmentation, nodes.SegmentID, "liver",
                                   this->Messages);
}

//----------------------------------------------------------------------------
void LearningTest::SaveCases(std::initializer_list<uint64_t> seeds)
{
  for (const uint64_t seed : seeds)
  {
    ASSERT_NE(this->Save(this->AddCase(seed)), "") << this->Text();
  }
}

//----------------------------------------------------------------------------
void LearningTest::UseFreshModel()
{
  ASSERT_TRUE(this->Learning->SetCurrentModel(this->MakeModel("fresh"), this->Messages)) << this->Text();
}

//----------------------------------------------------------------------------
void LearningTest::LearnQuickly(int steps)
{
  this->Learning->SetLearningSteps(steps);
  this->Learning->SetBatchSize(4);
  this->Learning->SetPatchSize(64);
  this->Learning->SetLearningRate(5e-3);
  this->Learning->SetEncoderRate(1.);
  this->Learning->SetAugmentation(false);
}

//----------------------------------------------------------------------------
bool LearningTest::WaitFor(int activity)
{
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < end)
  {
    this->Learning->ProcessPendingResults(this->Messages);
    if (!this->Learning->IsRunning(activity))
    {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}
