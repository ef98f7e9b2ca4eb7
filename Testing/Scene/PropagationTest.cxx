// From corrected slices to the others: what changes, and what never does.
#include "LearningTest.h"

#include "FrugalSegConversion.h"
#include "FrugalSegSlices.h"

#include <vtkIntArray.h>
#include <vtkOrientedImageData.h>
#include <vtkSegment.h>
#include <vtkSegmentation.h>
#include <vtkSlicerSegmentationsModuleLogic.h>

#include <chrono>
#include <thread>

namespace
{
constexpr int Propagation = vtkSlicerFrugalSegLearningLogic::Propagation;
constexpr size_t Plane = 64 * 64;

using Voxels = std::vector<uint8_t>;

double Dice(const Voxels& a, const Voxels& b, const std::vector<int>& leftOut)
{
  size_t both = 0, sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
  {
    if (std::find(leftOut.begin(), leftOut.end(), static_cast<int>(i / Plane)) == leftOut.end())
    {
      both += a[i] && b[i];
      sum += (a[i] != 0) + static_cast<size_t>(b[i] != 0);
    }
  }
  return 2. * static_cast<double>(both) / static_cast<double>(sum);
}
} // namespace

class PropagationTest : public LearningTest
{
protected:
  void SetUp() override
  {
    LearningTest::SetUp();
    // A model that finds livers a little.
    this->SaveCases({ 1, 2 });
    this->UseFreshModel();
    this->LearnQuickly(25);
    this->Learning->SetPropagationSteps(8);
    ASSERT_TRUE(this->Learning->StartLearning(this->Messages)) << this->Text();
    ASSERT_TRUE(this->WaitFor(vtkSlicerFrugalSegLearningLogic::Learning));
    if (this->Learning->CanAcceptModel())
    {
      ASSERT_TRUE(this->Learning->AcceptModel(this->Messages));
    }
    this->Truth = MakeLabelledPhantom(5);
    const Nodes nodes = this->AddCase(5);
    this->Volume = nodes.Volume;
    this->Hand = nodes.Segmentation;
    this->HandID = nodes.SegmentID;
    this->Segmentation =
        this->Logic->Segment(this->Volume, this->Learning->GetCurrentModel(), nullptr, this->Messages);
    ASSERT_TRUE(this->Segmentation) << this->Text();
    this->SegmentID = this->Logic->GetLastSegmentID();
  }

  Voxels Now() { return SegmentVoxels(this->Segmentation, this->SegmentID, this->Volume); }
  Voxels TruthVoxels() const
  {
    return Voxels(this->Truth.Liver->voxels, this->Truth.Liver->voxels + 8 * Plane);
  }
  /// Draw slices as the truth has them.
  void Correct(const std::vector<int>& slices, bool inverted = false)
  {
    fseg_error error{};
    const FrugalSegMask mask =
        FrugalSegMaskFromSegment(this->Segmentation, this->SegmentID, this->Volume, &error);
    ASSERT_TRUE(mask) << error.message;
    for (const int slice : slices)
    {
      for (size_t i = static_cast<size_t>(slice) * Plane; i < static_cast<size_t>(slice + 1) * Plane; ++i)
      {
        mask->voxels[i] = this->Truth.Liver->voxels[i] != static_cast<uint8_t>(inverted);
      }
    }
    ASSERT_TRUE(vtkSlicerSegmentationsModuleLogic::SetBinaryLabelmapToSegment(
        FrugalSegMaskToLabelmap(mask.get()), this->Segmentation, this->SegmentID));
  }
  std::vector<int> Corrected()
  {
    vtkNew<vtkIntArray> slices;
    EXPECT_TRUE(this->Learning->GetCorrectedSlices(this->Volume, this->Segmentation, this->SegmentID, slices,
                                                   this->Messages))
        << this->Text();
    return std::vector<int>(slices->GetPointer(0), slices->GetPointer(0) + slices->GetNumberOfValues());
  }
  bool Start(vtkIntArray* slices = nullptr)
  {
    return this->Learning->StartPropagation(this->Volume, this->Segmentation, this->SegmentID, slices,
                                            this->Messages);
  }
  void Propagate()
  {
    this->Messages->ClearMessages();
    ASSERT_TRUE(this->Start()) << this->Text();
    ASSERT_TRUE(this->WaitFor(Propagation));
    ASSERT_TRUE(this->Learning->GetLastSucceeded(Propagation)) << this->Text();
  }

  LabelledPhantom Truth;
  vtkMRMLScalarVolumeNode* Volume = nullptr;
  vtkMRMLSegmentationNode* Segmentation = nullptr;
  vtkMRMLSegmentationNode* Hand = nullptr;
  std::string SegmentID, HandID;
};

TEST_F(PropagationTest, OtherSlicesBecomeBetterAndCorrectedOnesStay)
{
  const std::vector<int> slices{ 2, 4, 6 };
  EXPECT_EQ(this->Corrected(), std::vector<int>{});
  this->Correct(slices);
  ASSERT_EQ(this->Corrected(), slices);
  const Voxels before = this->Now(), foreign = SegmentVoxels(this->Hand, this->HandID, this->Volume);
  this->Learning->SetPropagationSteps(40);
  this->Propagate();
  const Voxels after = this->Now();
  for (const int slice : slices)
  {
    const auto first = static_cast<ptrdiff_t>(static_cast<size_t>(slice) * Plane);
    EXPECT_TRUE(std::equal(after.begin() + first, after.begin() + first + static_cast<ptrdiff_t>(Plane),
                           before.begin() + first));
  }
  EXPECT_EQ(this->Learning->GetNumberOfPropagatedSlices(), 5);
  EXPECT_NE(after, before);
  EXPECT_GT(Dice(after, this->TruthVoxels(), slices), Dice(before, this->TruthVoxels(), slices));
  EXPECT_EQ(SegmentVoxels(this->Hand, this->HandID, this->Volume), foreign);
  // What was propagated is no correction; what a person drew stays one.
  EXPECT_EQ(this->Corrected(), slices);
  EXPECT_TRUE(vtkSlicerFrugalSegLogic::IsSegmentEdited(this->Segmentation, this->SegmentID, this->Volume));
}

TEST_F(PropagationTest, IsOneUndoStep)
{
  this->Correct({ 3 });
  const Voxels before = this->Now();
  const std::string segmentationID = this->Segmentation->GetID();
  this->Propagate();
  const Voxels after = this->Now();
  ASSERT_NE(after, before);
  this->Scene->Undo();
  this->Segmentation = vtkMRMLSegmentationNode::SafeDownCast(this->Scene->GetNodeByID(segmentationID));
  ASSERT_TRUE(this->Segmentation);
  EXPECT_EQ(this->Now(), before);
  EXPECT_EQ(this->Corrected(), std::vector<int>{ 3 });
  this->Scene->Redo();
  this->Segmentation = vtkMRMLSegmentationNode::SafeDownCast(this->Scene->GetNodeByID(segmentationID));
  EXPECT_EQ(this->Now(), after);
}

TEST_F(PropagationTest, EditsMadeMeanwhileStay)
{
  this->Correct({ 3 });
  ASSERT_TRUE(this->Start()) << this->Text();
  this->Correct({ 5 }, true); // absurd, and the user's own
  const Voxels during = this->Now();
  ASSERT_TRUE(this->WaitFor(Propagation));
  ASSERT_TRUE(this->Learning->GetLastSucceeded(Propagation)) << this->Text();
  const Voxels after = this->Now();
  EXPECT_TRUE(std::equal(after.begin() + 5 * Plane, after.begin() + 6 * Plane, during.begin() + 5 * Plane));
  EXPECT_EQ(this->Corrected(), (std::vector<int>{ 3, 5 }));
  EXPECT_EQ(this->Learning->GetNumberOfPropagatedSlices(), 6);
}

TEST_F(PropagationTest, CancelAndRemovedNodesLeaveTheSceneAsItWas)
{
  this->Correct({ 3 });
  const Voxels before = this->Now();
  this->Learning->SetPropagationSteps(10000);
  ASSERT_TRUE(this->Start()) << this->Text();
  EXPECT_FALSE(this->Start()); // one at a time
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  this->Learning->Cancel(Propagation);
  ASSERT_TRUE(this->WaitFor(Propagation));
  EXPECT_EQ(this->Learning->GetLastMessage(Propagation), "Cancelled.");
  EXPECT_EQ(this->Now(), before);

  this->Learning->SetPropagationSteps(3);
  ASSERT_TRUE(this->Start()) << this->Text();
  this->Scene->RemoveNode(this->Segmentation);
  ASSERT_TRUE(this->WaitFor(Propagation));
  EXPECT_FALSE(this->Learning->GetLastSucceeded(Propagation));
  EXPECT_NE(this->Learning->GetLastMessage(Propagation).find("discarded"), std::string::npos);
}

TEST_F(PropagationTest, ClosingTheSceneEndsIt)
{
  this->Correct({ 3 });
  this->Learning->SetPropagationSteps(10000);
  ASSERT_TRUE(this->Start()) << this->Text();
  this->Scene->Clear(0);
  ASSERT_TRUE(this->WaitFor(Propagation));
  EXPECT_FALSE(this->Learning->GetLastSucceeded(Propagation));
}

TEST_F(PropagationTest, WhatCannotBePropagatedIsASentence)
{
  const auto refused = [&](const char* word)
  {
    EXPECT_NE(this->Text().find(word), std::string::npos) << this->Text();
    this->Messages->ClearMessages();
  };
  this->Messages->ClearMessages();
  EXPECT_FALSE(this->Start());
  refused("No slice was corrected");
  vtkNew<vtkIntArray> slices;
  slices->InsertNextValue(8);
  EXPECT_FALSE(this->Start(slices));
  refused("0 to 7");
  slices->Initialize();
  for (int slice = 0; slice < 8; ++slice)
  {
    slices->InsertNextValue(slice);
  }
  EXPECT_FALSE(this->Start(slices));
  refused("Every slice");
  // A segment drawn by hand: only with the slices named.
  EXPECT_FALSE(
      this->Learning->StartPropagation(this->Volume, this->Hand, this->HandID, nullptr, this->Messages));
  refused("name them");
  slices->Initialize();
  slices->InsertNextValue(3);
  ASSERT_TRUE(
      this->Learning->StartPropagation(this->Volume, this->Hand, this->HandID, slices, this->Messages));
  ASSERT_TRUE(this->WaitFor(Propagation));
  EXPECT_TRUE(this->Learning->GetLastSucceeded(Propagation)) << this->Text();
}
