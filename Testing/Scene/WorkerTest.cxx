// Runs on the worker thread: progress, cancel, and what may happen to the scene meanwhile.
#include "SceneTest.h"

#include <vtkCallbackCommand.h>
#include <vtkSegmentation.h>
#include <vtkSlicerApplicationLogic.h>

#include <chrono>
#include <thread>

namespace
{
double SecondsSince(std::chrono::steady_clock::time_point begin)
{
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}
} // namespace

/// A run that takes seconds on any machine, so that things can happen meanwhile.
class LongRunTest : public SceneTest
{
protected:
  void SetUp() override
  {
    SceneTest::SetUp();
    this->Volume = this->AddPhantom(96, 96, 64);
    this->Model = this->MakeModel("large", Everything, "liver", true);
    ASSERT_TRUE(this->Logic->StartSegment(this->Volume, this->Model, nullptr, this->Messages))
        << this->Text();
    ASSERT_TRUE(this->Logic->IsSegmenting());
  }
  vtkMRMLScalarVolumeNode* Volume = nullptr;
  std::string Model;
};

TEST_F(SceneTest, WorkerGivesWhatTheSynchronousRunGives)
{
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  const std::string model = this->MakeModel("net");
  vtkMRMLSegmentationNode* direct = this->Logic->Segment(volume, model, nullptr, this->Messages);
  ASSERT_TRUE(direct) << this->Text();
  const std::vector<uint8_t> expected = SegmentVoxels(direct, this->Logic->GetLastSegmentID(), volume);

  int ended = 0;
  vtkNew<vtkCallbackCommand> count;
  count->SetClientData(&ended);
  count->SetCallback([](vtkObject*, unsigned long, void* data, void*) { ++*static_cast<int*>(data); });
  this->Logic->AddObserver(vtkSlicerFrugalSegLogic::SegmentationEndedEvent, count);
  ASSERT_TRUE(this->Logic->StartSegment(volume, model, nullptr, this->Messages)) << this->Text();
  ASSERT_TRUE(this->WaitForEnd());
  EXPECT_EQ(ended, 1);
  EXPECT_FALSE(this->Logic->IsSegmenting());
  EXPECT_FALSE(this->Logic->ProcessPendingResults(this->Messages));
  vtkMRMLSegmentationNode* segmentation = this->Logic->GetLastSegmentation();
  ASSERT_TRUE(segmentation) << this->Text();
  EXPECT_EQ(SegmentVoxels(segmentation, this->Logic->GetLastSegmentID(), volume), expected);
  EXPECT_EQ(this->Messages->GetNumberOfMessagesOfType(vtkCommand::ErrorEvent), 0);
}

TEST_F(LongRunTest, StartReturnsAtOnceAndASecondRunIsRefused)
{
  EXPECT_FALSE(this->Logic->StartSegment(this->Volume, this->Model, nullptr, this->Messages));
  EXPECT_FALSE(this->Logic->Segment(this->Volume, this->Model, nullptr, this->Messages));
  EXPECT_EQ(this->Messages->GetNumberOfMessagesOfType(vtkCommand::ErrorEvent), 2);
  EXPECT_TRUE(this->Logic->IsSegmenting());
}

TEST_F(LongRunTest, ProgressGrowsAndNamesTheStage)
{
  double last = 0.;
  int steps = 0;
  std::string stage;
  const auto begin = std::chrono::steady_clock::now();
  while (steps < 3 && SecondsSince(begin) < 10. && !this->Logic->ProcessPendingResults(this->Messages))
  {
    const double now = this->Logic->GetProgress();
    EXPECT_GE(now, last);
    EXPECT_LE(now, 1.);
    steps += now > last;
    last = now;
    stage = this->Logic->GetProgressStage();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(steps, 3);
  EXPECT_NE(stage, "");
}

TEST_F(LongRunTest, CancelStopsSoonAndLeavesTheScene)
{
  const int nodes = this->Scene->GetNumberOfNodes();
  std::this_thread::sleep_for(std::chrono::milliseconds(20)); // somewhere in the middle
  const auto begin = std::chrono::steady_clock::now();
  this->Logic->CancelSegment();
  ASSERT_TRUE(this->WaitForEnd());
  EXPECT_LT(SecondsSince(begin), 1.); // 50 ms by contract; the machine may be busy
  EXPECT_FALSE(this->Logic->GetLastSegmentation());
  EXPECT_EQ(this->Scene->GetNumberOfNodes(), nodes);
  EXPECT_EQ(this->Messages->GetNumberOfMessages(), 0) << this->Text();
}

TEST_F(LongRunTest, ClosingTheSceneCancelsTheRun)
{
  this->Scene->Clear(0);
  ASSERT_TRUE(this->WaitForEnd());
  EXPECT_FALSE(this->Logic->GetLastSegmentation());
  EXPECT_EQ(this->Scene->GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 0);
}

TEST_F(LongRunTest, DeletingTheLogicEndsTheWorker)
{
  const auto begin = std::chrono::steady_clock::now();
  this->Logic = nullptr;
  EXPECT_LT(SecondsSince(begin), 1.);
}

TEST_F(SceneTest, ResultOfARemovedVolumeIsDiscardedWithAMessage)
{
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  ASSERT_TRUE(this->Logic->StartSegment(volume, this->MakeModel("net"), nullptr, this->Messages));
  this->Scene->RemoveNode(volume);
  ASSERT_TRUE(this->WaitForEnd());
  EXPECT_FALSE(this->Logic->GetLastSegmentation());
  EXPECT_EQ(this->Scene->GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), 0);
  ASSERT_EQ(this->Messages->GetNumberOfMessages(), 1);
  EXPECT_NE(this->Text().find("discarded"), std::string::npos);
}

TEST_F(SceneTest, ResultOfARemovedSegmentationGetsANewOne)
{
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  vtkMRMLNode* target = this->Scene->AddNewNodeByClass("vtkMRMLSegmentationNode", "target");
  ASSERT_TRUE(this->Logic->StartSegment(volume, this->MakeModel("net"),
                                        vtkMRMLSegmentationNode::SafeDownCast(target), this->Messages));
  this->Scene->RemoveNode(target);
  ASSERT_TRUE(this->WaitForEnd());
  ASSERT_TRUE(this->Logic->GetLastSegmentation()) << this->Text();
  EXPECT_EQ(this->Logic->GetLastSegmentation()->GetScene(), this->Scene.GetPointer());
}

TEST_F(SceneTest, ApplicationsEventLoopAppliesTheResult)
{
  vtkNew<vtkSlicerApplicationLogic> application;
  application->SetMRMLScene(this->Scene);
  application->CreateProcessingThread(); // opens its queues
  this->Logic->SetMRMLApplicationLogic(application);
  vtkMRMLScalarVolumeNode* volume = this->AddPhantom();
  ASSERT_TRUE(this->Logic->StartSegment(volume, this->MakeModel("net"), nullptr, this->Messages));
  const auto begin = std::chrono::steady_clock::now();
  while (this->Logic->IsSegmenting() && SecondsSince(begin) < 10.)
  {
    application->ProcessModified(); // what the application's timer does
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_TRUE(this->Logic->GetLastSegmentation());
  application->TerminateProcessingThread();
  this->Logic->SetMRMLApplicationLogic(nullptr);
  application->SetMRMLScene(nullptr);
}
