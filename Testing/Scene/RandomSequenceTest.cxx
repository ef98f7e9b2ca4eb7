// Random sequences of what a user does.
//
// The suite runs a short form. The full one, with its figures:
//   FRUGALSEG_RANDOM_SEQUENCES=1000 test_scene --gtest_filter='*Random*'
#include "SceneState.h"
#include "SceneTest.h"

#include "FrugalSegConversion.h"

#include <vtkMatrix4x4.h>
#include <vtkOrientedImageData.h>
#include <vtkPointData.h>
#include <vtkSegment.h>
#include <vtkSegmentation.h>
#include <vtkSlicerSegmentationsModuleLogic.h>
#include <vtkWeakPointer.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <iterator>
#include <map>
#include <random>
#include <thread>

/// One user, one scene, and what must be true after each action.
class RandomSequenceTest : public SceneTest
{
protected:
  enum Action
  {
    Run,
    RunInBackground,
    Cancel,
    Edit,
    EditForeign,
    Undo,
    Redo,
    DeleteVolume,
    CloseScene,
    NumberOfActions
  };

  void SetUp() override
  {
    SceneTest::SetUp();
    this->Models = { this->MakeModel("some"), this->MakeModel("all", Everything),
                     this->MakeModel("none", Nothing), this->MakeModel("gland", Some, "prostate") };
  }

  int Draw(int count) { return static_cast<int>(this->Random() % static_cast<unsigned>(count)); }

  void Begin(unsigned seed)
  {
    this->Seed = seed;
    this->Random.seed(seed);
    this->Trace = "seed " + std::to_string(seed) + ":";
    this->Play = vtkSmartPointer<vtkMRMLScene>::New();
    this->Play->SetUndoOn();
    this->Logic->SetMRMLScene(this->Play);
    this->NewCase();
  }

  /// A volume, a user's own segment in a segmentation, and parameters.
  void NewCase()
  {
    vtkNew<vtkMRMLScalarVolumeNode> volume;
    volume->SetName("case");
    FrugalSegVolumeToNode(this->Image.get(), volume);
    this->Play->AddNode(volume);
    this->Volume = volume;
    vtkNew<vtkMRMLSegmentationNode> mine;
    mine->SetName("mine");
    mine->UndoEnabledOn();
    this->Play->AddNode(mine);
    mine->CreateDefaultDisplayNodes();
    const int first[3] = { 3, 4, 0 }, last[3] = { 9, 8, 2 };
    this->Foreign = AddBox(mine, volume, first, last);
    vtkNew<vtkMRMLFrugalSegNode> parameters;
    this->Play->AddNode(parameters);
    parameters->SetInputVolumeNode(volume);
    parameters->SetNumberOfThreads(1);
    this->Parameters = parameters;
    this->Undos.clear();
    this->Redos.clear();
    this->Play->ClearUndoStack();
    this->Watch();
  }

  /// Remember objects that must be gone in the end.
  void Watch()
  {
    std::vector<vtkMRMLNode*> nodes;
    this->Play->GetNodesByClass("vtkMRMLNode", nodes);
    for (vtkMRMLNode* node : nodes)
    {
      this->Watched.emplace_back(node);
      if (auto* segmentation = vtkMRMLSegmentationNode::SafeDownCast(node))
      {
        for (const std::string& id : segmentation->GetSegmentation()->GetSegmentIDs())
        {
          vtkSegment* segment = segmentation->GetSegmentation()->GetSegment(id);
          this->Watched.emplace_back(segment);
          this->Watched.emplace_back(segment->GetRepresentation("Binary labelmap"));
        }
      }
    }
  }

  vtkMRMLSegmentationNode* AnySegmentation()
  {
    std::vector<vtkMRMLNode*> nodes;
    this->Play->GetNodesByClass("vtkMRMLSegmentationNode", nodes);
    return nodes.empty() ? nullptr
                         : vtkMRMLSegmentationNode::SafeDownCast(
                               nodes[static_cast<size_t>(this->Draw(static_cast<int>(nodes.size())))]);
  }

  void ChooseParameters()
  {
    this->Parameters->SetModelName(this->Models[static_cast<size_t>(this->Draw(8)) % this->Models.size()]);
    this->Parameters->SetInputVolumeNode(this->Volume);
    this->Parameters->SetSegmentationNode(this->Draw(4) ? this->AnySegmentation() : nullptr);
    this->Parameters->SetShowUncertainty(this->Draw(3) == 0);
  }

  /// What a run may have done: nothing, or one undo step that adds or replaces one segment of ours.
  void CheckRun(const State& before, int levels)
  {
    const State after = StateOf(this->Play);
    vtkMRMLSegmentationNode* changed = this->Logic->GetLastSegmentation();
    if (!changed)
    {
      EXPECT_EQ(Describe(after), Describe(before)) << this->Trace;
      EXPECT_EQ(this->Play->GetNumberOfUndoLevels(), levels) << this->Trace;
      return;
    }
    const std::string written = std::string(changed->GetName()) + "/" + this->Logic->GetLastSegmentID();
    EXPECT_EQ(this->Play->GetNumberOfUndoLevels(), levels + 1) << this->Trace;
    EXPECT_TRUE(after.count(written)) << this->Trace;
    for (const auto& entry : before)
    {
      const bool map = entry.first.find("uncertainty") != std::string::npos;
      if (entry.first != written && !map)
      {
        EXPECT_EQ(after.count(entry.first), 1u) << this->Trace << " lost " << entry.first;
        EXPECT_EQ(after.count(entry.first) ? after.at(entry.first) : 0, entry.second)
            << this->Trace << " changed " << entry.first;
      }
    }
    EXPECT_FALSE(before.count(written) && this->Edited.count(written) &&
                 this->Edited[written] == before.at(written))
        << this->Trace << " overwrote the corrected " << written;
    this->Undos.push_back(before);
    this->Redos.clear();
    ++this->Runs;
  }

  void DoRun(bool background, bool cancel)
  {
    if (!this->Volume)
    {
      return;
    }
    this->ChooseParameters();
    const State before = StateOf(this->Play);
    const int levels = this->Play->GetNumberOfUndoLevels();
    if (!background)
    {
      this->Logic->Segment(this->Parameters, this->Messages);
      this->CheckRun(before, levels);
      return;
    }
    ASSERT_TRUE(this->Logic->StartSegment(this->Parameters, this->Messages)) << this->Trace << this->Text();
    if (cancel)
    {
      std::this_thread::sleep_for(std::chrono::microseconds(this->Draw(3000)));
      this->Logic->CancelSegment();
    }
    else if (this->Draw(4) == 0)
    {
      // The user goes on meanwhile.
      switch (this->Draw(4))
      {
        case 0:
          this->DoEdit(false);
          break;
        case 1:
          this->DoUndo();
          break;
        case 2:
          this->DoDeleteVolume();
          break;
        default:
          this->DoCloseScene();
          break;
      }
    }
    const State meanwhile = StateOf(this->Play);
    const int levelsMeanwhile = this->Play->GetNumberOfUndoLevels();
    ASSERT_TRUE(this->WaitForEnd()) << this->Trace;
    this->CheckRun(meanwhile, levelsMeanwhile);
  }

  /// Paint or erase a box, as the segment editor does it.
  void DoEdit(bool foreign)
  {
    vtkMRMLSegmentationNode* segmentation = this->AnySegmentation();
    if (!segmentation || segmentation->GetSegmentation()->GetNumberOfSegments() == 0)
    {
      return;
    }
    vtkSegmentation* segments = segmentation->GetSegmentation();
    const std::string id =
        foreign && segments->GetSegment(this->Foreign)
            ? this->Foreign
            : segments->GetNthSegmentID(static_cast<unsigned>(this->Draw(segments->GetNumberOfSegments())));
    segmentation->UndoEnabledOn();
    const State before = StateOf(this->Play);
    this->Play->SaveStateForUndo();
    this->Undos.push_back(before);
    this->Redos.clear();

    vtkNew<vtkMatrix4x4> ijkToRAS;
    vtkNew<vtkMRMLScalarVolumeNode> lattice;
    FrugalSegVolumeToNode(this->Image.get(), lattice);
    lattice->GetIJKToRASMatrix(ijkToRAS);
    const int i = this->Draw(24), j = this->Draw(24), k = this->Draw(3);
    vtkNew<vtkOrientedImageData> box;
    box->SetExtent(i, i + 5, j, j + 5, k, k + 1);
    box->AllocateScalars(VTK_UNSIGNED_CHAR, 1);
    const bool erase = this->Draw(2) == 0;
    box->GetPointData()->GetScalars()->Fill(erase ? 0 : 1);
    box->SetGeometryFromImageToWorldMatrix(ijkToRAS);
    vtkSlicerSegmentationsModuleLogic::SetBinaryLabelmapToSegment(
        box, segmentation, id,
        erase ? vtkSlicerSegmentationsModuleLogic::MODE_MERGE_MIN
              : vtkSlicerSegmentationsModuleLogic::MODE_MERGE_MAX,
        box->GetExtent());
    const State after = StateOf(this->Play);
    const std::string name = std::string(segmentation->GetName()) + "/" + id;
    if (after.at(name) != before.at(name))
    {
      this->Edited[name] = after.at(name);
    }
  }

  void DoUndo()
  {
    if (this->Undos.empty())
    {
      return;
    }
    this->Redos.push_back(StateOf(this->Play));
    this->Play->Undo();
    EXPECT_EQ(Describe(StateOf(this->Play)), Describe(this->Undos.back())) << this->Trace;
    this->Undos.pop_back();
    ++this->UndosDone;
  }

  void DoRedo()
  {
    if (this->Redos.empty())
    {
      return;
    }
    this->Undos.push_back(StateOf(this->Play));
    this->Play->Redo();
    EXPECT_EQ(Describe(StateOf(this->Play)), Describe(this->Redos.back())) << this->Trace;
    this->Redos.pop_back();
  }

  void DoDeleteVolume()
  {
    if (this->Volume)
    {
      const State before = StateOf(this->Play);
      this->Play->RemoveNode(this->Volume);
      EXPECT_EQ(Describe(StateOf(this->Play)), Describe(before)) << this->Trace;
    }
  }

  void DoCloseScene()
  {
    this->Play->Clear(0);
    EXPECT_TRUE(StateOf(this->Play).empty()) << this->Trace;
    this->Edited.clear();
    this->NewCase();
  }

  void Step(int number)
  {
    // Drawn anew for each step: what a race did before does not change what is tried next.
    this->Random.seed(this->Seed * 1000u + static_cast<unsigned>(number));
    static const char* const names[] = { "run",  "background", "cancel", "edit", "foreign",
                                         "undo", "redo",       "delete", "close" };
    // Deleting and closing end a story, so they are rarer.
    static const Action drawn[] = {
      Run,  Run,  RunInBackground, Cancel,    Edit, Edit, EditForeign, Undo, Undo, Undo,
      Redo, Redo, DeleteVolume,    CloseScene
    };
    const Action action = drawn[this->Draw(static_cast<int>(sizeof(drawn) / sizeof(*drawn)))];
    this->Trace += std::string(" ") + names[action];
    this->Messages->ClearMessages();
    switch (action)
    {
      case Run:
        this->DoRun(false, false);
        break;
      case RunInBackground:
        this->DoRun(true, false);
        break;
      case Cancel:
        this->DoRun(true, true);
        break;
      case Edit:
        this->DoEdit(false);
        break;
      case EditForeign:
        this->DoEdit(true);
        break;
      case Undo:
        this->DoUndo();
        break;
      case Redo:
        this->DoRedo();
        break;
      case DeleteVolume:
        this->DoDeleteVolume();
        break;
      default:
        this->DoCloseScene();
        break;
    }
    EXPECT_EQ(this->Log->Errors, std::vector<std::string>{}) << this->Trace;
    this->CheckDisplayed();
    this->Watch();
  }

  /// What is in the scene can be seen.
  void CheckDisplayed()
  {
    std::vector<vtkMRMLNode*> nodes, maps;
    this->Play->GetNodesByClass("vtkMRMLSegmentationNode", nodes);
    this->Play->GetNodesByClass("vtkMRMLScalarVolumeNode", maps);
    std::copy_if(maps.begin(), maps.end(), std::back_inserter(nodes),
                 [](vtkMRMLNode* node) { return node->GetAttribute("FrugalSeg.Uncertainty") != nullptr; });
    for (vtkMRMLNode* node : nodes)
    {
      EXPECT_TRUE(vtkMRMLDisplayableNode::SafeDownCast(node)->GetDisplayNode())
          << this->Trace << " hides " << node->GetName();
    }
  }

  void End()
  {
    this->Logic->SetMRMLScene(nullptr);
    this->Play->Clear(1);
    this->Play = nullptr;
    this->Messages->ClearMessages();
    size_t alive = 0;
    for (const vtkWeakPointer<vtkObject>& object : this->Watched)
    {
      alive += object ? 1 : 0;
      EXPECT_FALSE(object) << this->Trace << " leaks a " << object->GetClassName();
    }
    this->Objects += this->Watched.size();
    this->Watched.clear();
    this->Edited.clear();
  }

  FrugalSegVolume Image = this->Phantom(32, 32, 4);
  std::vector<std::string> Models;
  std::mt19937 Random;
  unsigned Seed = 0;
  std::string Trace;
  vtkSmartPointer<vtkMRMLScene> Play;
  vtkWeakPointer<vtkMRMLScalarVolumeNode> Volume;
  vtkWeakPointer<vtkMRMLFrugalSegNode> Parameters;
  std::string Foreign;
  std::vector<State> Undos, Redos;
  std::map<std::string, uint64_t> Edited; ///< what a person left in a segment
  std::vector<vtkWeakPointer<vtkObject>> Watched;
  size_t Objects = 0;
  int Runs = 0, UndosDone = 0;
};

TEST_F(RandomSequenceTest, KeepEveryForeignVoxelAndUndoEveryStep)
{
  const int sequences = NumberFromEnvironment("FRUGALSEG_RANDOM_SEQUENCES", 50);
  const int first = NumberFromEnvironment("FRUGALSEG_RANDOM_SEED", 1000); // to see one again
  const auto begin = std::chrono::steady_clock::now();
  int steps = 0;
  for (int sequence = 0; sequence < sequences && !HasFailure(); ++sequence)
  {
    this->Begin(static_cast<unsigned>(first + sequence));
    const int length = 8 + this->Draw(9);
    for (int i = 0; i < length && !HasFailure(); ++i, ++steps)
    {
      this->Step(i);
    }
    this->End();
  }
  std::cout << sequences << " sequences, " << steps << " actions, " << this->Runs << " results, "
            << this->UndosDone << " undos, " << this->Objects << " objects seen to be freed, "
            << SecondsSince(begin) << " s\n";
  EXPECT_GT(this->Runs, sequences / 2); // something was tested
  EXPECT_GT(this->UndosDone, sequences / 2);
}
