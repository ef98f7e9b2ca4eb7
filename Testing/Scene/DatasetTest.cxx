// The dataset on disk: layout, versions, nothing half-written, nobody's name, folders made by others.
#include "LearningTest.h"

#include "FrugalSegDataset.h"
#include "FrugalSegTransaction.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace fs = std::filesystem;

namespace
{
std::string Read(const std::string& path)
{
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void Write(const std::string& path, const std::string& text)
{
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path) << text;
}

std::vector<uint8_t> VoxelsOf(const std::string& path)
{
  fseg_error error{};
  FrugalSegMask mask;
  EXPECT_EQ(fseg_mask_read(path.c_str(), -1, FrugalSegOut(mask), &error), FSEG_OK) << error.message;
  return mask ? std::vector<uint8_t>(mask->voxels, mask->voxels + VoxelCount(mask->geometry))
              : std::vector<uint8_t>{};
}
std::vector<uint8_t> VoxelsOf(const FrugalSegMask& mask)
{
  return std::vector<uint8_t>(mask->voxels, mask->voxels + VoxelCount(mask->geometry));
}

FrugalSegLabel LabelOf(const LabelledPhantom& phantom)
{
  FrugalSegLabel label;
  label.Volume = phantom.Volume.get();
  label.Mask = phantom.Liver.get();
  label.Structure = "liver";
  label.SeriesUID = "1.2.840.99.4711";
  return label;
}

/// The names of all files, without the lock.
std::vector<std::string> FilesOf(const std::string& folder)
{
  std::vector<std::string> names;
  for (const fs::directory_entry& file : fs::recursive_directory_iterator(folder))
  {
    if (file.is_regular_file() && file.path().filename() != ".frugalseg-lock")
    {
      names.push_back(file.path().lexically_relative(folder).generic_string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Failure(const std::function<void()>& body)
{
  try
  {
    body();
  }
  catch (const FrugalSegFailure& failure)
  {
    return failure.what();
  }
  return "";
}

/// Run in a process of its own; its exit code, or minus the signal that ended it.
int InChild(const std::function<void()>& body)
{
  const pid_t child = fork();
  if (child == 0)
  {
    body();
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}
} // namespace

class DatasetTest : public SceneTest
{
protected:
  std::string Dataset() const { return this->Path("labels"); }
  /// Every label of every case and version can be read, and dataset.json counts what is there.
  void ExpectWhole()
  {
    const FrugalSegDataset dataset(this->Dataset());
    for (const FrugalSegCase& entry : dataset.GetCases())
    {
      fseg_error error{};
      FrugalSegVolume image;
      EXPECT_EQ(fseg_volume_read(dataset.GetImagePath(entry).c_str(), FrugalSegOut(image), &error), FSEG_OK)
          << error.message;
      for (int version = 1; version <= entry.Version; ++version)
      {
        EXPECT_FALSE(VoxelsOf(dataset.GetLabelPath(entry, version)).empty()) << entry.Name << " " << version;
      }
    }
    if (!dataset.GetCases().empty())
    {
      EXPECT_NE(Read(this->Dataset() + "/dataset.json")
                    .find("\"numTraining\": " + std::to_string(dataset.GetCases().size())),
                std::string::npos);
    }
    EXPECT_FALSE(FrugalSegTransaction::IsPending(this->Dataset()));
  }
};

TEST_F(DatasetTest, SavedLabelHasTheLayoutOfNnUNetAndTheDecathlon)
{
  const LabelledPhantom phantom = MakeLabelledPhantom(1);
  FrugalSegDataset dataset(this->Dataset());
  EXPECT_EQ(dataset.Save(LabelOf(phantom)), "case_0001");
  EXPECT_EQ(FilesOf(this->Dataset()),
            (std::vector<std::string>{ "dataset.json", "imagesTr/case_0001_0000.nii.gz",
                                       "labelsTr/case_0001.nii.gz", "provenance/case_0001.json",
                                       "provenance/salt" }));
  EXPECT_EQ(VoxelsOf(this->Dataset() + "/labelsTr/case_0001.nii.gz"), VoxelsOf(phantom.Liver));
  const FrugalSegJson json = FrugalSegJsonRead(this->Dataset() + "/dataset.json", "It");
  EXPECT_EQ(json_integer_value(json_object_get(json_object_get(json.get(), "labels"), "liver")), 1);
  EXPECT_EQ(json_integer_value(json_object_get(json.get(), "numTraining")), 1);
  EXPECT_EQ(FrugalSegJsonText(json.get(), "file_ending"), ".nii.gz");
  const json_t* pair = json_array_get(json_object_get(json.get(), "training"), 0);
  EXPECT_EQ(FrugalSegJsonText(pair, "image"), "./imagesTr/case_0001_0000.nii.gz");
  EXPECT_EQ(FrugalSegJsonText(pair, "label"), "./labelsTr/case_0001.nii.gz");

  fseg_error error{};
  FrugalSegVolume image;
  ASSERT_EQ(fseg_volume_read((this->Dataset() + "/imagesTr/case_0001_0000.nii.gz").c_str(),
                             FrugalSegOut(image), &error),
            FSEG_OK);
  EXPECT_TRUE(fseg_geometry_equal(&image->geometry, &phantom.Volume->geometry, 0.01));
  EXPECT_TRUE(std::equal(image->voxels, image->voxels + VoxelCount(image->geometry), phantom.Volume->voxels));
}

TEST_F(DatasetTest, SameSeriesGetsANewVersionAndTheEarlierLabelStays)
{
  const LabelledPhantom phantom = MakeLabelledPhantom(1);
  FrugalSegDataset dataset(this->Dataset());
  dataset.Save(LabelOf(phantom));
  const std::vector<uint8_t> first = VoxelsOf(phantom.Liver);
  std::fill_n(phantom.Liver->voxels, 640, uint8_t{ 1 });
  EXPECT_EQ(dataset.Save(LabelOf(phantom)), "case_0001"); // known by its UID
  FrugalSegLabel noUID = LabelOf(phantom);
  noUID.SeriesUID = "";
  EXPECT_EQ(dataset.Save(noUID), "case_0001"); // known by its voxels
  ASSERT_EQ(dataset.GetCases().size(), 1u);
  EXPECT_EQ(dataset.GetCases()[0].Version, 3);
  EXPECT_EQ(VoxelsOf(this->Dataset() + "/versions/case_0001/0001.nii.gz"), first);
  EXPECT_EQ(VoxelsOf(dataset.GetLabelPath(dataset.GetCases()[0], 1)), first);
  EXPECT_EQ(VoxelsOf(dataset.GetLabelPath(dataset.GetCases()[0])), VoxelsOf(phantom.Liver));
  EXPECT_NE(Failure([&] { dataset.GetLabelPath(dataset.GetCases()[0], 9); }), "");

  EXPECT_EQ(dataset.Save(LabelOf(MakeLabelledPhantom(2))), "case_0001"); // the same UID again
  FrugalSegLabel other = noUID;
  const LabelledPhantom second = MakeLabelledPhantom(3);
  other.Volume = second.Volume.get();
  other.Mask = second.Liver.get();
  EXPECT_EQ(dataset.Save(other), "case_0002");
}

TEST_F(DatasetTest, OtherStructuresOfTheCaseAreKept)
{
  const LabelledPhantom phantom = MakeLabelledPhantom(1);
  FrugalSegDataset dataset(this->Dataset());
  dataset.Save(LabelOf(phantom));
  FrugalSegMask box;
  fseg_error error{};
  ASSERT_EQ(fseg_mask_create(&phantom.Volume->geometry, FrugalSegOut(box), &error), FSEG_OK);
  std::fill_n(box->voxels, VoxelCount(box->geometry), uint8_t{ 0 });
  box->voxels[5] = 1; // a corner: no liver
  FrugalSegLabel label = LabelOf(phantom);
  label.Mask = box.get();
  label.Structure = "spleen";
  EXPECT_EQ(dataset.Save(label), "case_0001");
  EXPECT_EQ(dataset.GetLabelValue("spleen"), 2);
  std::vector<uint8_t> expected = VoxelsOf(phantom.Liver);
  expected[5] = 2;
  EXPECT_EQ(VoxelsOf(this->Dataset() + "/labelsTr/case_0001.nii.gz"), expected);
  EXPECT_EQ(dataset.GetCases()[0].Structures, (std::vector<std::string>{ "liver", "spleen" }));
}

TEST_F(DatasetTest, FailureAtAnyStepLosesNothing)
{
  const LabelledPhantom phantom = MakeLabelledPhantom(1);
  FrugalSegDataset(this->Dataset()).Save(LabelOf(phantom));
  const std::vector<uint8_t> first = VoxelsOf(phantom.Liver);
  std::fill_n(phantom.Liver->voxels, 640, uint8_t{ 1 });
  const std::vector<uint8_t> second = VoxelsOf(phantom.Liver);
  bool done = false;
  int saved = 1;
  for (int failing = 0; !done; ++failing)
  {
    ASSERT_LT(failing, 20);
    int step = 0;
    FrugalSegDataset dataset(this->Dataset());
    done = Failure(
               [&]
               {
                 dataset.Save(LabelOf(phantom),
                              [&]
                              {
                                if (step++ == failing)
                                {
                                  throw FrugalSegFailure(FSEG_ERROR_NO_SPACE, "The disk is full.");
                                }
                              });
               })
               .empty();
    this->ExpectWhole();
    const FrugalSegDataset after(this->Dataset());
    ASSERT_EQ(after.GetCases().size(), 1u);
    // Before the decision the former label, after it the new one; never anything else.
    const int version = after.GetCases()[0].Version;
    EXPECT_EQ(version, saved + (failing == 0 ? 0 : 1)) << "failing at step " << failing;
    saved = version;
    EXPECT_EQ(VoxelsOf(after.GetLabelPath(after.GetCases()[0])), version == 1 ? first : second);
    EXPECT_EQ(VoxelsOf(after.GetLabelPath(after.GetCases()[0], 1)), first);
  }
  EXPECT_GT(saved, 4);
}

TEST_F(DatasetTest, KillAtAnyStepLosesNothing)
{
  const LabelledPhantom phantom = MakeLabelledPhantom(1);
  bool done = false;
  for (int deadly = 0; !done; ++deadly)
  {
    ASSERT_LT(deadly, 20);
    fs::remove_all(this->Dataset());
    const int end = InChild(
        [&]
        {
          int step = 0;
          FrugalSegDataset(this->Dataset())
              .Save(LabelOf(phantom),
                    [&]
                    {
                      if (step++ == deadly)
                      {
                        raise(SIGKILL);
                      }
                    });
        });
    ASSERT_TRUE(end == 0 || end == -SIGKILL);
    done = end == 0;
    const FrugalSegDataset after(this->Dataset());
    EXPECT_EQ(after.GetCases().size(), deadly == 0 ? 0u : 1u) << "killed at step " << deadly;
    this->ExpectWhole();
    // And saving goes on.
    FrugalSegDataset dataset(this->Dataset());
    EXPECT_EQ(dataset.Save(LabelOf(phantom)), "case_0001");
    this->ExpectWhole();
  }
}

TEST_F(DatasetTest, KillAtRandomMomentsLosesNoFinishedLabel)
{
  const LabelledPhantom phantom = MakeLabelledPhantom(1);
  int finished = 0;
  for (int round = 0; round < 15; ++round)
  {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = fork();
    if (child == 0)
    {
      for (;;)
      {
        FrugalSegDataset dataset(this->Dataset());
        dataset.Save(LabelOf(phantom));
        const int version = dataset.GetCases()[0].Version;
        if (write(pipe[1], &version, sizeof(version)) != sizeof(version))
        {
          _exit(1);
        }
      }
    }
    close(pipe[1]);
    // After one save that went well, somewhere in the next one or two.
    int version = 0;
    ASSERT_EQ(read(pipe[0], &version, sizeof(version)), static_cast<ssize_t>(sizeof(version)));
    finished = version;
    usleep(static_cast<useconds_t>(1000 + 3100 * (round * 7 % 15)));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    while (read(pipe[0], &version, sizeof(version)) == static_cast<ssize_t>(sizeof(version)))
    {
      finished = version;
    }
    close(pipe[0]);
    const FrugalSegDataset after(this->Dataset());
    ASSERT_EQ(after.GetCases().size(), 1u);
    EXPECT_GE(after.GetCases()[0].Version, finished);
  }
  this->ExpectWhole();
}

TEST_F(DatasetTest, TwoProgramsDoNotSaveAtOnce)
{
  const LabelledPhantom phantom = MakeLabelledPhantom(1);
  fs::create_directories(this->Dataset());
  const FrugalSegTransaction other(this->Dataset());
  FrugalSegDataset dataset(this->Dataset());
  EXPECT_NE(Failure([&] { dataset.Save(LabelOf(phantom)); }).find("Another program"), std::string::npos);
}

TEST_F(DatasetTest, DatasetMadeByHandForTheDecathlonWorks)
{
  const LabelledPhantom one = MakeLabelledPhantom(1), two = MakeLabelledPhantom(2);
  fseg_error error{};
  fs::create_directories(this->Dataset() + "/imagesTr");
  fs::create_directories(this->Dataset() + "/labelsTr");
  ASSERT_EQ(
      fseg_volume_write(one.Volume.get(), (this->Dataset() + "/imagesTr/liver_7.nii.gz").c_str(), &error),
      FSEG_OK);
  ASSERT_EQ(fseg_mask_write(one.Liver.get(), (this->Dataset() + "/labelsTr/liver_7.nii.gz").c_str(), &error),
            FSEG_OK);
  Write(this->Dataset() + "/labelsTr/._liver_7.nii.gz", "resource fork");
  Write(this->Dataset() + "/dataset.json",
        "{\"name\": \"mine\", \"modality\": {\"0\": \"MRI\"}, \"labels\": {\"0\": \"background\", \"1\": "
        "\"liver\", \"2\": \"cancer\"}, \"numTraining\": 1, \"reference\": \"kept\", \"training\": "
        "[{\"image\": \"./imagesTr/liver_7.nii.gz\", \"label\": \"./labelsTr/liver_7.nii.gz\"}]}");
  FrugalSegDataset dataset(this->Dataset());
  ASSERT_EQ(dataset.GetCases().size(), 1u);
  EXPECT_EQ(dataset.GetCases()[0].Image, "imagesTr/liver_7.nii.gz");
  EXPECT_EQ(dataset.GetCases()[0].Structures, (std::vector<std::string>{ "liver", "cancer" }));
  EXPECT_EQ(dataset.Save(LabelOf(two)), "case_0001");
  EXPECT_TRUE(fs::exists(this->Dataset() + "/imagesTr/case_0001.nii.gz")); // in the style of the others
  const std::string text = Read(this->Dataset() + "/dataset.json");
  EXPECT_NE(text.find("\"reference\": \"kept\""), std::string::npos);
  EXPECT_NE(text.find("\"1\": \"liver\""), std::string::npos);
  EXPECT_NE(text.find("\"numTraining\": 2"), std::string::npos);
}

TEST_F(DatasetTest, LabelWithoutImageIsLeftOutWithASentence)
{
  FrugalSegDataset dataset(this->Dataset());
  dataset.Save(LabelOf(MakeLabelledPhantom(1)));
  fs::copy_file(this->Dataset() + "/labelsTr/case_0001.nii.gz", this->Dataset() + "/labelsTr/lost.nii.gz");
  const FrugalSegDataset again(this->Dataset());
  EXPECT_EQ(again.GetCases().size(), 1u);
  ASSERT_EQ(again.GetWarnings().size(), 1u);
  EXPECT_NE(again.GetWarnings()[0].find("lost"), std::string::npos);
}

TEST_F(DatasetTest, DamagedDescriptionIsASentenceAndStaysAsItIs)
{
  FrugalSegDataset(this->Dataset()).Save(LabelOf(MakeLabelledPhantom(1)));
  const std::string path = this->Dataset() + "/dataset.json";
  const std::string whole = Read(path);
  const std::vector<std::string> damaged = {
    "",
    "[]",
    "{",
    whole.substr(0, whole.size() / 2),
    "{\"labels\": 7}",
    "{\"labels\": {\"liver\": 1.5}}",
    "{\"labels\": {\"liver\": 900}}",
    "{\"labels\": {\"liver\": null}}",
    "{\"labels\": {\"x\": \"y\"}}",
    "{}",
    "{\"labels\": {\"liver\": 1}, \"file_ending\": \".mha\"}",
    std::string(100000, '['),
  };
  for (const std::string& text : damaged)
  {
    Write(path, text);
    const std::vector<std::string> before = FilesOf(this->Dataset());
    const std::string sentence = Failure([&] { FrugalSegDataset dataset(this->Dataset()); });
    EXPECT_NE(sentence.find("dataset.json"), std::string::npos) << text.substr(0, 60);
    EXPECT_EQ(FilesOf(this->Dataset()), before);
    EXPECT_EQ(Read(path), text);
  }
  Write(path, whole);
  this->ExpectWhole();
}

TEST_F(DatasetTest, DamagedJournalIsASentenceAndMovesNothingOutOfTheFolder)
{
  FrugalSegDataset(this->Dataset()).Save(LabelOf(MakeLabelledPhantom(1)));
  for (const std::string target : { "../escaped", "/tmp/escaped", "a/../../escaped", "" })
  {
    Write(this->Dataset() + "/.frugalseg-staging/x", "x");
    Write(this->Dataset() + "/.frugalseg-staging/journal.json", "{\"moves\": [[\"x\", \"" + target + "\"]]}");
    EXPECT_NE(Failure([&] { FrugalSegDataset dataset(this->Dataset()); }).find("journal"), std::string::npos);
    EXPECT_FALSE(fs::exists(this->Path("escaped")));
    fs::remove_all(this->Dataset() + "/.frugalseg-staging");
  }
  this->ExpectWhole();
}

TEST_F(DatasetTest, ReadOnlyFolderIsASentence)
{
  if (geteuid() == 0)
  {
    GTEST_SKIP() << "the superuser may write everywhere";
  }
  fs::create_directories(this->Dataset());
  fs::permissions(this->Dataset(), fs::perms::owner_read | fs::perms::owner_exec);
  FrugalSegDataset dataset(this->Dataset());
  EXPECT_NE(Failure([&] { dataset.Save(LabelOf(MakeLabelledPhantom(1))); }), "");
}

TEST_F(DatasetTest, AFileInTheWayIsASentence)
{
  Write(this->Path("file"), "x");
  EXPECT_NE(Failure([&] { FrugalSegDataset dataset(this->Path("file")); }).find("folder"), std::string::npos);
  Write(this->Path("labels/imagesTr"), "x");
  FrugalSegDataset dataset(this->Dataset());
  EXPECT_NE(Failure([&] { dataset.Save(LabelOf(MakeLabelledPhantom(1))); }), "");
}

TEST_F(DatasetTest, HeldOutCasesAreChosenOnceAndStay)
{
  FrugalSegDataset dataset(this->Dataset());
  std::vector<std::string> roles;
  for (int i = 1; i <= 9; ++i)
  {
    const LabelledPhantom phantom = MakeLabelledPhantom(static_cast<uint64_t>(i));
    FrugalSegLabel label = LabelOf(phantom);
    label.SeriesUID = "";
    dataset.Save(label);
    FrugalSegDataset(this->Dataset()).AssignRoles();
    const FrugalSegDataset reopened(this->Dataset());
    std::vector<std::string> now;
    for (const FrugalSegCase& entry : reopened.GetCases())
    {
      now.push_back(entry.Role);
    }
    ASSERT_EQ(now.size(), roles.size() + 1);
    EXPECT_TRUE(std::equal(roles.begin(), roles.end(), now.begin())) << "a role changed";
    roles = now;
  }
  EXPECT_EQ(roles, (std::vector<std::string>{ "train", "held out", "train", "train", "train", "train",
                                              "train", "held out", "train" }));
}
