/* Finding a model by its name. */
#include "frugalseg/model_locate.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

namespace fs = std::filesystem;

class ModelLocate : public ::testing::Test
{
  protected:
    void SetUp() override
    {
        std::string pattern = (fs::temp_directory_path() / "fseg-locate-XXXXXX").string();
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        folder = pattern;
        fs::create_directories(folder / "a");
        fs::create_directories(folder / "b");
        fs::create_directories(folder / "data/frugalseg/models");
        setenv("FRUGALSEG_MODEL_PATH",
               ((folder / "a").string() + "::" + (folder / "b").string()).c_str(), 1);
        setenv("XDG_DATA_HOME", (folder / "data").c_str(), 1);
    }
    void TearDown() override
    {
        unsetenv("FRUGALSEG_MODEL_PATH");
        unsetenv("XDG_DATA_HOME");
        fs::remove_all(folder);
    }
    std::string put(const std::string &name)
    {
        std::ofstream(folder / name) << "x";
        return (folder / name).string();
    }
    std::string locate(const std::string &name)
    {
        char path[FSEG_PATH_LENGTH];
        status = fseg_model_locate(name.c_str(), path, sizeof path, &error);
        EXPECT_EQ(status == FSEG_OK, path[0] != '\0');
        return path;
    }
    fs::path folder;
    fseg_status status = FSEG_OK;
    fseg_error error{};
};

TEST_F(ModelLocate, ExistingFileIsTakenAsItIs)
{
    const std::string file = put("any.name");
    EXPECT_EQ(locate(file), file);
}

TEST_F(ModelLocate, NameIsSoughtInThePathThenInTheUsersFolder)
{
    const std::string user = put("data/frugalseg/models/unit-test.fseg");
    EXPECT_EQ(locate("unit-test"), user);
    const std::string second = put("b/unit-test.fseg");
    EXPECT_EQ(locate("unit-test"), second);
    const std::string first = put("a/unit-test.fseg");
    EXPECT_EQ(locate("unit-test"), first);
    EXPECT_EQ(locate("unit-test.fseg"), first);
}

TEST_F(ModelLocate, FolderOfThatNameIsNoModel)
{
    fs::create_directories(folder / "a/unit-test.fseg");
    const std::string second = put("b/unit-test.fseg");
    EXPECT_EQ(locate("unit-test"), second);
    EXPECT_EQ(locate((folder / "a/unit-test.fseg").string()), "");
    EXPECT_EQ(status, FSEG_ERROR_NOT_FOUND);
}

TEST_F(ModelLocate, MissingModelIsNamedInTheMessage)
{
    EXPECT_EQ(locate("no-such-model"), "");
    EXPECT_EQ(status, FSEG_ERROR_NOT_FOUND);
    EXPECT_NE(std::string(error.message).find("no-such-model"), std::string::npos);
    EXPECT_EQ(locate("no/such/model.fseg"), "");
    EXPECT_EQ(status, FSEG_ERROR_NOT_FOUND);
}

TEST_F(ModelLocate, FoldersAreListedInTheOrderOfSearch)
{
    char path[FSEG_PATH_LENGTH];
    fseg_model_source source{};
    const std::pair<fs::path, fseg_model_source> expected[] = {
        {folder / "a", FSEG_MODEL_ENVIRONMENT},
        {folder / "b", FSEG_MODEL_ENVIRONMENT},
        {folder / "data/frugalseg/models", FSEG_MODEL_USER}};
    size_t index = 0;
    for (const auto &one : expected) {
        ASSERT_EQ(fseg_model_folder(index++, path, sizeof path, &source, &error), FSEG_OK);
        EXPECT_EQ(path, one.first.string());
        EXPECT_EQ(source, one.second);
    }
    // Behind them come the program's own, if it has any, and then nothing more.
    while (fseg_model_folder(index, path, sizeof path, &source, &error) == FSEG_OK) {
        EXPECT_EQ(source, FSEG_MODEL_SHIPPED);
        EXPECT_TRUE(fs::is_directory(path));
        ASSERT_LT(++index, 100u);
    }
    EXPECT_EQ(error.status, FSEG_ERROR_NOT_FOUND);
    EXPECT_EQ(path[0], '\0');
    char small[2];
    EXPECT_EQ(fseg_model_folder(0, small, sizeof small, nullptr, &error),
              FSEG_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(fseg_model_folder(0, nullptr, 0, nullptr, nullptr), FSEG_ERROR_INVALID_ARGUMENT);
}

TEST_F(ModelLocate, BadArgumentsAreRefused)
{
    EXPECT_EQ(locate(""), "");
    EXPECT_EQ(status, FSEG_ERROR_INVALID_ARGUMENT);
    const std::string file = put("a/unit-test.fseg");
    char small[8];
    EXPECT_EQ(fseg_model_locate("unit-test", small, sizeof small, &error),
              FSEG_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(small[0], '\0');
    EXPECT_EQ(fseg_model_locate("unit-test", nullptr, 0, nullptr), FSEG_ERROR_INVALID_ARGUMENT);
    char path[FSEG_PATH_LENGTH];
    EXPECT_EQ(fseg_model_locate(nullptr, path, sizeof path, nullptr), FSEG_ERROR_INVALID_ARGUMENT);
}

TEST_F(ModelLocate, VeryLongNamesAreNotFoundAndDoNotOverflow)
{
    EXPECT_EQ(locate(std::string(20000, 'm')), "");
    EXPECT_EQ(status, FSEG_ERROR_NOT_FOUND);
}
