// The annotator's loop through the logic: save, reopen, open next, learn, accept, go back.
#include "LearningTest.h"

#include "FrugalSegConversion.h"

#include "frugalseg/model.h"

#include <vtkCallbackCommand.h>
#include <vtkSegment.h>
#include <vtkSegmentation.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace fs = std::filesystem;

namespace
{
double SecondsSince(std::chrono::steady_clock::time_point begin)
{
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::string Read(const fs::path& path)
{
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}
} // namespace

TEST_F(LearningTest, SavedLabelIsListedAndReopensAsItWas)
{
  const Nodes nodes = this->AddCase(1);
  int saved = 0;
  vtkNew<vtkCallbackCommand> count;
  count->SetClientData(&saved);
  count->SetCallback([](vtkObject*, unsigned long, void* data, void*) { ++*static_cast<int*>(data); });
  this->Learning->AddObserver(vtkSlicerFrugalSegLearningLogic::LabelSavedEvent, count);
  EXPECT_EQ(this->Save(nodes), "case_0001") << this->Text();
  EXPECT_EQ(saved, 1);
  EXPECT_EQ(this->Learning->GetNumberOfCases(), 1);
  vtkNew<vtkTable> table;
  ASSERT_TRUE(this->Learning->ListCases(table, this->Messages)) << this->Text();
  ASSERT_EQ(table->GetNumberOfRows(), 1);
  EXPECT_EQ(Cell(table, 0, "case"), "case_0001");
  EXPECT_EQ(Cell(table, 0, "structures"), "liver");
  EXPECT_EQ(Cell(table, 0, "version"), "1");
  EXPECT_EQ(Cell(table, 0, "edited"), "yes"); // drawn by hand
  EXPECT_EQ(Cell(table, 0, "role"), "");
  EXPECT_GT(std::stod(Cell(table, 0, "volume_ml")), 100.);

  vtkMRMLSegmentationNode* label = this->Learning->OpenCase("case_0001", 0, this->Messages);
  ASSERT_TRUE(label) << this->Text();
  vtkMRMLScalarVolumeNode* volume = this->Learning->GetLastOpenedVolume();
  ASSERT_TRUE(volume);
  EXPECT_STREQ(volume->GetName(), "case_0001");
  ASSERT_EQ(label->GetSegmentation()->GetNumberOfSegments(), 1);
  const std::string id = label->GetSegmentation()->GetNthSegmentID(0);
  EXPECT_STREQ(label->GetSegmentation()->GetSegment(id)->GetName(), "Liver");
  EXPECT_EQ(SegmentVoxels(label, id, volume),
            SegmentVoxels(nodes.Segmentation, nodes.SegmentID, nodes.Volume));

  // Saving what was reopened is a new version of the same case, and needs no word on the structure.
  EXPECT_EQ(this->Learning->SaveLabel(volume, label, id, "", this->Messages), "case_0001") << this->Text();
  ASSERT_TRUE(this->Learning->ListCases(table));
  EXPECT_EQ(Cell(table, 0, "version"), "2");
  EXPECT_TRUE(this->Learning->OpenCase("case_0001", 1, this->Messages)) << this->Text();
  EXPECT_FALSE(this->Learning->OpenCase("case_0001", 7, this->Messages));
  EXPECT_FALSE(this->Learning->OpenCase("case_0099", 0, this->Messages));
}

TEST_F(LearningTest, NothingThatNamesAPatientIsWritten)
{
  const Nodes nodes = this->AddCase(1);
  nodes.Volume->SetAttribute("FrugalSeg.SeriesUID", "1.2.840.113619.4711");
  nodes.Volume->SetAttribute("FrugalSeg.SeriesFolder", "/archive/hospital/Doe_Jane");
  ASSERT_NE(this->Save(nodes), "");
  ASSERT_NE(this->Save(this->AddCase(2)), "");
  this->UseFreshModel();
  this->LearnQuickly(3);
  ASSERT_TRUE(this->Learning->StartLearning(this->Messages)) << this->Text();
  ASSERT_TRUE(this->WaitFor(vtkSlicerFrugalSegLearningLogic::Learning));
  int files = 0;
  for (const std::string folder : { "labels", "models" })
  {
    for (const fs::directory_entry& file : fs::recursive_directory_iterator(this->Path(folder)))
    {
      if (!file.is_regular_file() || file.path().filename() == "history.json")
      {
        continue;
      }
      ++files;
      const std::string content = Read(file.path());
      const bool model = file.path().extension() == ".fseg";
      for (const char* word : { "Doe", "Jane", "1970", "4711", "1.2.840", "hospital", "/tmp", "case_" })
      {
        if (std::string(word) == "case_" && !model)
        {
          continue; // numbers of cases belong to the dataset, not to models
        }
        EXPECT_EQ(content.find(word), std::string::npos) << file.path() << " holds " << word;
        EXPECT_EQ(file.path().lexically_relative(this->Path("")).string().find("Doe"), std::string::npos);
      }
    }
  }
  EXPECT_GE(files, 8);
}

TEST_F(LearningTest, WhatCannotBeSavedIsASentence)
{
  const Nodes nodes = this->AddCase(1);
  const auto refused = [&](const char* word)
  {
    EXPECT_NE(this->Text().find(word), std::string::npos) << this->Text();
    this->Messages->ClearMessages();
  };
  EXPECT_EQ(this->Learning->SaveLabel(nodes.Volume, nodes.Segmentation, nodes.SegmentID, "", this->Messages),
            "");
  refused("which structure");
  EXPECT_EQ(this->Learning->SaveLabel(nodes.Volume, nodes.Segmentation, "none", "liver", this->Messages), "");
  refused("Choose");
  EXPECT_EQ(this->Learning->SaveLabel(nullptr, nullptr, "", "liver", this->Messages), "");
  refused("Choose");
  const std::string empty = nodes.Segmentation->GetSegmentation()->AddEmptySegment("empty");
  EXPECT_EQ(this->Learning->SaveLabel(nodes.Volume, nodes.Segmentation, empty, "liver", this->Messages), "");
  refused("empty");
  EXPECT_TRUE(this->Learning->SetDatasetFolder("", this->Messages));
  EXPECT_EQ(this->Save(nodes), "");
  refused("dataset folder");
  std::ofstream(this->Path("file")) << "x";
  EXPECT_FALSE(this->Learning->SetDatasetFolder(this->Path("file"), this->Messages));
  EXPECT_EQ(this->Learning->GetDatasetFolder(), "");
}

TEST_F(LearningTest, UnsureCasesComeFirstAndLabelledOnesNotAtAll)
{
  this->UseFreshModel();
  const std::string folder = this->Path("images");
  fs::create_directories(folder + "/deeper");
  fseg_error error{};
  for (int i = 1; i <= 4; ++i)
  {
    const LabelledPhantom phantom = MakeLabelledPhantom(static_cast<uint64_t>(i));
    const std::string path = folder + (i == 4 ? "/deeper/" : "/") + "scan" + std::to_string(i);
    ASSERT_EQ(fseg_volume_write(phantom.Volume.get(), (path + ".nii.gz").c_str(), &error), FSEG_OK);
    ASSERT_EQ(fseg_mask_write(phantom.Liver.get(), (path + "_label.nii.gz").c_str(), &error), FSEG_OK);
  }
  std::ofstream(folder + "/broken.nii.gz") << "no image";
  const LabelledPhantom series = MakeLabelledPhantom(9);
  this->WriteSeries(series.Volume, "images/series");
  ASSERT_NE(this->Save(this->AddCase(2)), ""); // scan2 is labelled

  ASSERT_TRUE(
      this->Learning->StartRanking(folder, vtkSlicerFrugalSegLearningLogic::OrderUncertain, this->Messages));
  EXPECT_FALSE(this->Learning->StartRanking(folder, 0, this->Messages)); // one at a time
  ASSERT_TRUE(this->WaitFor(vtkSlicerFrugalSegLearningLogic::Ranking));
  EXPECT_TRUE(this->Learning->GetLastSucceeded(vtkSlicerFrugalSegLearningLogic::Ranking)) << this->Text();
  vtkNew<vtkTable> table;
  this->Learning->GetRanking(table);
  ASSERT_EQ(table->GetNumberOfRows(), 5);
  double last = 1.;
  int series_rows = 0;
  for (int row = 0; row < 4; ++row)
  {
    EXPECT_EQ(Cell(table, row, "reason"), "");
    EXPECT_EQ(Cell(table, row, "rank"), std::to_string(row + 1));
    EXPECT_NE(Cell(table, row, "name"), "scan2");
    series_rows += Cell(table, row, "kind") == "series";
    const double score = std::stod(Cell(table, row, "score"));
    EXPECT_LE(score, last);
    EXPECT_NEAR(score,
                (std::stod(Cell(table, row, "entropy")) + std::stod(Cell(table, row, "disagreement"))) / 2.,
                1e-3);
    last = score;
  }
  EXPECT_EQ(series_rows, 1);
  EXPECT_EQ(Cell(table, 4, "name"), "broken");
  EXPECT_NE(Cell(table, 4, "reason"), "");

  // Opening goes down the list; a saved label is remembered.
  vtkMRMLScalarVolumeNode* first = this->Learning->OpenNext(this->Messages);
  ASSERT_TRUE(first) << this->Text();
  vtkMRMLScalarVolumeNode* second = this->Learning->OpenNext(this->Messages);
  ASSERT_TRUE(second && second != first);
  this->Learning->GetRanking(table);
  EXPECT_EQ(Cell(table, 0, "state"), "opened");
  EXPECT_EQ(Cell(table, 2, "state"), "");
  EXPECT_TRUE(this->Learning->OpenNext(this->Messages) && this->Learning->OpenNext(this->Messages));
  EXPECT_FALSE(this->Learning->OpenNext(this->Messages));
  EXPECT_FALSE(this->Learning->OpenRanked(4, this->Messages));
  EXPECT_FALSE(this->Learning->OpenRanked(77, this->Messages));
}

TEST_F(LearningTest, RandomOrderIsThatOfTheSeedAndFirstIsByName)
{
  const std::string folder = this->Path("images");
  fs::create_directories(folder);
  fseg_error error{};
  const LabelledPhantom phantom = MakeLabelledPhantom(1);
  for (int i = 1; i <= 6; ++i)
  {
    phantom.Volume->voxels[0] = static_cast<float>(i); // different images
    ASSERT_EQ(fseg_volume_write(phantom.Volume.get(), (folder + "/s" + std::to_string(i) + ".nrrd").c_str(),
                                &error),
              FSEG_OK);
  }
  const auto order = [&](int kind, int seed)
  {
    this->Learning->SetSeed(seed);
    EXPECT_TRUE(this->Learning->StartRanking(folder, kind, this->Messages));
    EXPECT_TRUE(this->WaitFor(vtkSlicerFrugalSegLearningLogic::Ranking));
    vtkNew<vtkTable> table;
    this->Learning->GetRanking(table);
    std::string names;
    for (int row = 0; row < table->GetNumberOfRows(); ++row)
    {
      names += Cell(table, row, "name") + " ";
    }
    return names;
  };
  EXPECT_EQ(order(vtkSlicerFrugalSegLearningLogic::OrderFirst, 1), "s1 s2 s3 s4 s5 s6 ");
  const std::string random = order(vtkSlicerFrugalSegLearningLogic::OrderRandom, 1);
  EXPECT_EQ(order(vtkSlicerFrugalSegLearningLogic::OrderRandom, 1), random);
  EXPECT_NE(random, "s1 s2 s3 s4 s5 s6 ");
  EXPECT_NE(order(vtkSlicerFrugalSegLearningLogic::OrderRandom, 2), random);
  EXPECT_FALSE(this->Learning->StartRanking(folder, 17, this->Messages));
}

TEST_F(LearningTest, FolderWithoutImagesIsASentence)
{
  for (const std::string& folder : { this->Path("nowhere"), this->Folder })
  {
    ASSERT_TRUE(
        this->Learning->StartRanking(folder, vtkSlicerFrugalSegLearningLogic::OrderFirst, this->Messages));
    ASSERT_TRUE(this->WaitFor(vtkSlicerFrugalSegLearningLogic::Ranking));
    EXPECT_FALSE(this->Learning->GetLastSucceeded(vtkSlicerFrugalSegLearningLogic::Ranking));
    EXPECT_NE(this->Learning->GetLastMessage(vtkSlicerFrugalSegLearningLogic::Ranking), "");
  }
  EXPECT_EQ(this->Messages->GetNumberOfMessagesOfType(vtkCommand::ErrorEvent), 2);
}

TEST_F(LearningTest, LearningImprovesHeldOutCasesAndTheModelIsPutInUse)
{
  this->SaveCases({ 1, 2, 3, 4 });
  this->UseFreshModel();
  const std::string before = this->Learning->GetCurrentModel();
  const std::string beforeBytes = Read(before);
  this->LearnQuickly(80);
  ASSERT_TRUE(this->Learning->StartLearning(this->Messages)) << this->Text();
  EXPECT_FALSE(this->Learning->StartLearning(this->Messages)); // one at a time
  this->Messages->ClearMessages();
  ASSERT_TRUE(this->WaitFor(vtkSlicerFrugalSegLearningLogic::Learning));
  ASSERT_TRUE(this->Learning->GetLastSucceeded(vtkSlicerFrugalSegLearningLogic::Learning)) << this->Text();

  vtkNew<vtkTable> curve, scores, cases;
  this->Learning->GetLossCurve(curve);
  ASSERT_EQ(curve->GetNumberOfRows(), 80);
  EXPECT_LT(curve->GetValueByName(79, "smoothed").ToDouble(),
            0.6 * curve->GetValueByName(0, "loss").ToDouble());
  this->Learning->GetScores(scores);
  ASSERT_EQ(scores->GetNumberOfRows(), 1);
  EXPECT_EQ(Cell(scores, 0, "case"), "case_0002");
  EXPECT_GT(this->Learning->GetMeanDiceAfter(), this->Learning->GetMeanDiceBefore() + 0.2);
  ASSERT_TRUE(this->Learning->ListCases(cases));
  EXPECT_EQ(Cell(cases, 1, "role"), "held out");
  EXPECT_EQ(Cell(cases, 0, "role"), "train");

  // In use, found by everybody, with a card that says how it came about.
  EXPECT_EQ(this->Learning->GetLearnedModel(), "fresh-learned-001");
  const std::string now = this->Learning->GetCurrentModel();
  EXPECT_EQ(fs::path(now).filename(), "fresh-learned-001.fseg");
  EXPECT_FALSE(this->Learning->CanAcceptModel());
  const Nodes nodes = this->AddCase(7);
  ASSERT_TRUE(this->Logic->Segment(nodes.Volume, now, nullptr, this->Messages)) << this->Text();
  fseg_error error{};
  FrugalSegModel model;
  ASSERT_EQ(fseg_model_load(now.c_str(), FrugalSegOut(model), &error), FSEG_OK);
  const std::string card = fseg_model_card(model.get());
  for (const char* word : { "\"cases\": 3", "\"steps\": 80", "\"dice_after\"",
                            "\"name\": \"fresh-learned-001\"", "\"sha256\"", "\"structure\": \"liver\"" })
  {
    EXPECT_NE(card.find(word), std::string::npos) << card;
  }

  // One call back; the model that was started from is as it was.
  EXPECT_TRUE(this->Learning->CanRevertModel());
  EXPECT_TRUE(this->Learning->RevertModel(this->Messages)) << this->Text();
  EXPECT_EQ(this->Learning->GetCurrentModel(), before);
  EXPECT_EQ(Read(before), beforeBytes);
}

TEST_F(LearningTest, WorseModelWaitsForTheUser)
{
  this->SaveCases({ 1, 2 });
  this->UseFreshModel();
  this->LearnQuickly(50);
  ASSERT_TRUE(this->Learning->StartLearning(this->Messages)) << this->Text();
  ASSERT_TRUE(this->WaitFor(vtkSlicerFrugalSegLearningLogic::Learning));
  const std::string good = this->Learning->GetCurrentModel();
  ASSERT_EQ(fs::path(good).filename(), "fresh-learned-001.fseg") << this->Text();

  this->Learning->SetLearningSteps(4);
  this->Learning->SetLearningRate(1.); // ruins it
  ASSERT_TRUE(this->Learning->StartLearning(this->Messages)) << this->Text();
  ASSERT_TRUE(this->WaitFor(vtkSlicerFrugalSegLearningLogic::Learning));
  ASSERT_TRUE(this->Learning->GetLastSucceeded(vtkSlicerFrugalSegLearningLogic::Learning)) << this->Text();
  EXPECT_LT(this->Learning->GetMeanDiceAfter(), this->Learning->GetMeanDiceBefore());
  EXPECT_NE(this->Learning->GetLastMessage(vtkSlicerFrugalSegLearningLogic::Learning).find("worse"),
            std::string::npos);
  EXPECT_EQ(this->Learning->GetCurrentModel(), good);
  EXPECT_TRUE(this->Learning->CanAcceptModel());

  // The user may insist, and change their mind, also after a restart.
  EXPECT_TRUE(this->Learning->AcceptModel(this->Messages)) << this->Text();
  EXPECT_EQ(fs::path(this->Learning->GetCurrentModel()).filename(), "fresh-learned-002.fseg");
  EXPECT_FALSE(this->Learning->AcceptModel(this->Messages));
  vtkNew<vtkSlicerFrugalSegLearningLogic> restarted;
  restarted->SetModelFolder(this->Path("models"));
  EXPECT_EQ(fs::path(restarted->GetCurrentModel()).filename(), "fresh-learned-002.fseg");
  EXPECT_TRUE(restarted->RevertModel(this->Messages));
  EXPECT_EQ(restarted->GetCurrentModel(), good);
}

TEST_F(LearningTest, OneCaseLearnsWithoutAScoreAndTheModelWaits)
{
  this->SaveCases({ 1 });
  this->UseFreshModel();
  this->LearnQuickly(3);
  ASSERT_TRUE(this->Learning->StartLearning(this->Messages)) << this->Text();
  EXPECT_NE(this->Text().find("second case"), std::string::npos);
  ASSERT_TRUE(this->WaitFor(vtkSlicerFrugalSegLearningLogic::Learning));
  EXPECT_LT(this->Learning->GetMeanDiceAfter(), 0.);
  EXPECT_EQ(fs::path(this->Learning->GetCurrentModel()).filename(), "fresh.fseg");
  EXPECT_TRUE(this->Learning->CanAcceptModel());
}

TEST_F(LearningTest, LearningWithPhantomsCountsThem)
{
  this->SaveCases({ 1, 2 });
  this->UseFreshModel();
  this->LearnQuickly(2);
  this->Learning->SetNumberOfPhantoms(1);
  ASSERT_TRUE(this->Learning->StartLearning(this->Messages)) << this->Text();
  ASSERT_TRUE(this->WaitFor(vtkSlicerFrugalSegLearningLogic::Learning));
  ASSERT_TRUE(this->Learning->GetLastSucceeded(vtkSlicerFrugalSegLearningLogic::Learning)) << this->Text();
  fseg_error error{};
  FrugalSegModel model;
  const std::string name = this->Learning->GetLearnedModel() + ".fseg";
  const std::string accepted = this->Path("models/" + name),
                    waiting = this->Path("models/candidates/" + name);
  ASSERT_EQ(fseg_model_load((fs::exists(accepted) ? accepted : waiting).c_str(), FrugalSegOut(model), &error),
            FSEG_OK)
      << error.message;
  EXPECT_NE(std::string(fseg_model_card(model.get())).find("\"phantoms\": 1"), std::string::npos);
}

TEST_F(LearningTest, UnreadableCaseIsLeftOutWithASentence)
{
  this->SaveCases({ 1, 2, 3 });
  std::ofstream(this->Path("labels/labelsTr/case_0003.nii.gz")) << "no label";
  this->UseFreshModel();
  this->LearnQuickly(2);
  ASSERT_TRUE(this->Learning->StartLearning(this->Messages)) << this->Text();
  ASSERT_TRUE(this->WaitFor(vtkSlicerFrugalSegLearningLogic::Learning));
  EXPECT_TRUE(this->Learning->GetLastSucceeded(vtkSlicerFrugalSegLearningLogic::Learning)) << this->Text();
  EXPECT_NE(this->Text().find("case_0003 is left out"), std::string::npos) << this->Text();
}

TEST_F(LearningTest, WithoutAnythingToLearnFromThereIsASentence)
{
  this->UseFreshModel();
  EXPECT_FALSE(this->Learning->StartLearning(this->Messages));
  EXPECT_NE(this->Text().find("liver"), std::string::npos) << this->Text();
  EXPECT_FALSE(this->Learning->SetCurrentModel("no-such-model", this->Messages));
  EXPECT_EQ(fs::path(this->Learning->GetCurrentModel()).filename(), "fresh.fseg");
}

TEST_F(LearningTest, CancelledLearningStopsSoonAndLeavesModelsAndDataset)
{
  this->SaveCases({ 1, 2 });
  ASSERT_TRUE(this->Learning->SetCurrentModel(this->MakeModel("large", Some, "liver", true), this->Messages));
  const std::string before = this->Learning->GetCurrentModel();
  this->LearnQuickly(100000);
  this->Learning->SetPatchSize(192);
  std::vector<double> latencies;
  for (int wait : { 0, 40, 150, 400, 900 })
  {
    ASSERT_TRUE(this->Learning->StartLearning(this->Messages)) << this->Text();
    std::this_thread::sleep_for(std::chrono::milliseconds(wait));
    const auto begin = std::chrono::steady_clock::now();
    this->Learning->Cancel(vtkSlicerFrugalSegLearningLogic::Learning);
    ASSERT_TRUE(this->WaitFor(vtkSlicerFrugalSegLearningLogic::Learning));
    latencies.push_back(SecondsSince(begin));
    EXPECT_EQ(this->Learning->GetLastMessage(vtkSlicerFrugalSegLearningLogic::Learning), "Cancelled.");
  }
  // 200 ms on a machine that has time for us; the middle one of five forgives one that has not.
  std::sort(latencies.begin(), latencies.end());
  EXPECT_LT(latencies[2], 0.2);
  EXPECT_EQ(this->Learning->GetCurrentModel(), before);
  EXPECT_EQ(this->Learning->GetLearnedModel(), "");
  EXPECT_FALSE(this->Learning->CanAcceptModel());
  EXPECT_EQ(this->Learning->GetNumberOfCases(), 2);
  EXPECT_FALSE(fs::exists(this->Path("models/candidates")));
}

TEST_F(LearningTest, SceneStaysUsableWhileLearning)
{
  this->SaveCases({ 1, 2 });
  ASSERT_TRUE(this->Learning->SetCurrentModel(this->MakeModel("large", Some, "liver", true), this->Messages));
  this->LearnQuickly(100000);
  ASSERT_TRUE(this->Learning->StartLearning(this->Messages)) << this->Text();
  const auto begin = std::chrono::steady_clock::now();
  vtkNew<vtkTable> curve;
  while (curve->GetNumberOfRows() < 2 && SecondsSince(begin) < 30.)
  {
    this->Learning->GetLossCurve(curve); // moves while it learns
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_GE(curve->GetNumberOfRows(), 2);
  EXPECT_GT(this->Learning->GetProgress(vtkSlicerFrugalSegLearningLogic::Learning), 0.);
  EXPECT_EQ(this->Learning->GetProgressStage(vtkSlicerFrugalSegLearningLogic::Learning), "learning");
  // Segmenting, saving a label and closing the scene go on meanwhile.
  const Nodes nodes = this->AddCase(5);
  EXPECT_TRUE(this->Logic->Segment(nodes.Volume, this->MakeModel("net"), nullptr, this->Messages))
      << this->Text();
  EXPECT_EQ(this->Save(nodes), "case_0003") << this->Text();
  this->Scene->Clear(0);
  EXPECT_TRUE(this->Learning->IsRunning(vtkSlicerFrugalSegLearningLogic::Learning));
  this->Learning = nullptr; // ends the worker
}
