// Models: which there are, which suits a volume, and what does not suit.
#include "SceneTest.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

class ModelsTest : public SceneTest
{
protected:
  void SetUp() override
  {
    SceneTest::SetUp();
    std::filesystem::create_directories(this->Path("models"));
    std::filesystem::create_directories(this->Path("environment"));
    setenv("FRUGALSEG_MODEL_PATH", this->Path("environment").c_str(), 1);
    setenv("XDG_DATA_HOME", this->Path("data").c_str(), 1);
    this->Logic->SetUserModelFolder(this->Path("models"));
  }
  void TearDown() override
  {
    unsetenv("FRUGALSEG_MODEL_PATH");
    unsetenv("XDG_DATA_HOME");
    SceneTest::TearDown();
  }
  /// A model in a folder below the temporary one.
  std::string Put(const std::string& folder, const std::string& name, const std::string& structure = "liver",
                  const std::string& more = "") const
  {
    const std::string made = this->MakeModel(name, Some, structure, false, more);
    std::string path = this->Path(folder + "/" + name + ".fseg");
    std::filesystem::rename(made, path);
    return path;
  }
  /// Row of the model in the list, -1 without.
  int RowOf(const std::string& name)
  {
    this->Logic->ListModels(this->Table, this->Messages);
    for (int row = 0; row < this->Table->GetNumberOfRows(); ++row)
    {
      if (Cell(this->Table, row, "name") == name)
      {
        return row;
      }
    }
    return -1;
  }
  vtkNew<vtkTable> Table;
};

TEST_F(ModelsTest, ListNamesEveryModelWithItsCardAndHash)
{
  const std::string path =
      this->Put("models", "test-mine", "prostate", ", \"contrast\": \"T2\", \"body_parts\": [\"PROSTATE\"]");
  this->Put("environment", "test-theirs");
  const int mine = this->RowOf("test-mine"), theirs = this->RowOf("test-theirs");
  ASSERT_GE(mine, 0);
  ASSERT_GT(theirs, mine); // the user's folder is sought first
  EXPECT_EQ(Cell(this->Table, mine, "structure"), "prostate");
  EXPECT_EQ(Cell(this->Table, mine, "contrast"), "T2");
  EXPECT_EQ(Cell(this->Table, mine, "version"), "3.1");
  EXPECT_EQ(Cell(this->Table, mine, "source"), "user");
  EXPECT_EQ(Cell(this->Table, mine, "path"), path);
  EXPECT_EQ(Cell(this->Table, mine, "problem"), "");
  char sha256[65];
  ASSERT_EQ(fseg_file_sha256(path.c_str(), sha256, nullptr), FSEG_OK);
  EXPECT_EQ(Cell(this->Table, mine, "sha256"), sha256);
  EXPECT_EQ(Cell(this->Table, theirs, "source"), "environment");
}

TEST_F(ModelsTest, OfTwoModelsWithOneNameTheListShowsTheOneThatIsUsed)
{
  const std::string mine = this->Put("models", "test-twice", "prostate");
  this->Put("environment", "test-twice", "liver");
  const int row = this->RowOf("test-twice");
  ASSERT_GE(row, 0);
  EXPECT_EQ(Cell(this->Table, row, "path"), mine);
  EXPECT_EQ(Column(this->Table, "name").find("test-twice"), Column(this->Table, "name").rfind("test-twice"));
  EXPECT_EQ(this->Logic->LocateModel("test-twice"), mine);
  EXPECT_EQ(this->Logic->LocateModel("test-twice.fseg"), mine);
  EXPECT_TRUE(this->Logic->Segment(this->AddPhantom(), "test-twice", nullptr, this->Messages))
      << this->Text();
  EXPECT_EQ(this->Logic->GetLastSegmentID(), "Prostate");
}

TEST_F(ModelsTest, BrokenAndReplacedFilesAreTold)
{
  const std::string path = this->Path("models/test-broken.fseg");
  std::ofstream(path) << "this is no model";
  ASSERT_GE(this->RowOf("test-broken"), 0);
  EXPECT_NE(Cell(this->Table, this->RowOf("test-broken"), "problem"), "");
  this->Put("models", "test-broken");
  EXPECT_EQ(Cell(this->Table, this->RowOf("test-broken"), "problem"), "");
  std::filesystem::remove(path);
  EXPECT_EQ(this->RowOf("test-broken"), -1);
}

TEST_F(ModelsTest, UserFolderHasADefaultAndNeedNotExist)
{
  this->Logic->SetUserModelFolder("");
  EXPECT_EQ(this->Logic->GetUserModelFolder(), this->Path("data/frugalseg/models"));
  this->Logic->SetUserModelFolder(this->Path("nowhere"));
  EXPECT_EQ(this->Logic->GetUserModelFolder(), this->Path("nowhere"));
  EXPECT_EQ(this->RowOf("anything"), -1);
  EXPECT_EQ(this->Logic->LocateModel("test-none", this->Messages), "");
  EXPECT_NE(this->Text().find("test-none"), std::string::npos);
}

TEST_F(ModelsTest, SeriesChoosesTheModelOfItsBodyPartAndContrast)
{
  this->Put("models", "test-liver", "liver",
            ", \"body_parts\": [\"ABDOMEN\", \"LIVER\"], \"contrast\": \"T2 fat-suppressed\"");
  this->Put("models", "test-prostate", "prostate",
            ", \"body_parts\": [\"PROSTATE\", \"PELVIS\"], \"contrast\": \"T2\"");
  this->WriteSeries(this->Phantom(64, 64, 6), "series"); // "T2 phantom" of the ABDOMEN
  vtkMRMLScalarVolumeNode* volume = this->Logic->LoadSeries(this->Path("series"), "", this->Messages);
  ASSERT_TRUE(volume) << this->Text();
  EXPECT_EQ(this->Logic->SuggestModel(volume, this->Messages), "test-liver") << this->Text();
  EXPECT_EQ(this->Messages->GetNumberOfMessages(), 0) << this->Text();

  volume->SetAttribute("FrugalSeg.BodyPart", "PROSTATE");
  EXPECT_EQ(this->Logic->SuggestModel(volume, this->Messages), "test-prostate");
  EXPECT_EQ(this->Messages->GetNumberOfMessages(), 0) << this->Text();
}

TEST_F(ModelsTest, WhatLiesOutsideTheBestCardIsSaidBeforeAndAfterTheRun)
{
  this->Put("models", "test-only", "liver", ", \"body_parts\": [\"ABDOMEN\"], \"contrast\": \"T1\"");
  setenv("FRUGALSEG_MODEL_PATH", "", 1);
  this->WriteSeries(this->Phantom(64, 64, 6), "series");
  vtkMRMLScalarVolumeNode* volume = this->Logic->LoadSeries(this->Path("series"), "", this->Messages);
  ASSERT_TRUE(volume);
  volume->SetAttribute("FrugalSeg.BodyPart", "HEAD");
  ASSERT_TRUE(this->Logic->CheckInput(volume, "test-only", this->Table, this->Messages));
  EXPECT_EQ(Column(this->Table, "id"), "body-part contrast");
  EXPECT_NE(Cell(this->Table, 0, "text").find("HEAD"), std::string::npos);
  ASSERT_TRUE(this->Logic->Segment(volume, "test-only", nullptr, this->Messages)) << this->Text();
  this->Logic->GetLastChecks(this->Table);
  EXPECT_EQ(Column(this->Table, "id").rfind("body-part contrast", 0), 0u) << Column(this->Table, "id");
  EXPECT_NE(this->Text().find("HEAD"), std::string::npos);
}

TEST_F(ModelsTest, WithoutASeriesTheGeometryChooses)
{
  // The phantom is 320 mm wide and has slices 24 mm apart.
  this->Put("models", "test-small", "prostate", ", \"field_mm_high\": 250");
  this->Put("models", "test-wide", "liver", ", \"field_mm_low\": 250");
  EXPECT_EQ(this->Logic->SuggestModel(this->AddPhantom(), this->Messages), "test-wide");
}

TEST_F(ModelsTest, LearnedModelIsNoSuggestionWhereItsOriginalIsAsGood)
{
  this->Put("models", "test-a-learned-001");
  this->Put("models", "test-b");
  EXPECT_EQ(this->Logic->SuggestModel(this->AddPhantom(), this->Messages), "test-b");
}

TEST_F(ModelsTest, QuestionsThatMakeNoSenseAreMessages)
{
  EXPECT_EQ(this->Logic->SuggestModel(nullptr, this->Messages), "");
  EXPECT_FALSE(this->Logic->CheckInput(nullptr, "test-none", this->Table, this->Messages));
  EXPECT_FALSE(this->Logic->CheckInput(this->AddPhantom(), "test-none", this->Table, this->Messages));
  EXPECT_FALSE(this->Logic->CheckInput(this->AddPhantom(), "test-none", nullptr, this->Messages));
  EXPECT_FALSE(this->Logic->ListModels(nullptr, this->Messages));
  EXPECT_EQ(this->Messages->GetNumberOfMessagesOfType(vtkCommand::ErrorEvent), 5) << this->Text();
}
