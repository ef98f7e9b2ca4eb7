// Files that take the place of others, and the checksum in them: what a killed process leaves, and
// who may clear it away.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "frugalseg/replacement.h"
extern "C" {
#include "digest.h"
}

namespace
{
namespace fs = std::filesystem;

class Replacement : public testing::Test
{
  protected:
    void SetUp() override
    {
        char name[] = "/tmp/fseg_replacement_XXXXXX";
        folder = mkdtemp(name);
        path = folder + "/report.json";
    }

    void TearDown() override
    {
        fs::remove_all(folder);
    }

    static std::string Read(const std::string &from)
    {
        std::ifstream in(from, std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }

    static void Write(const std::string &to, const std::string &text)
    {
        std::ofstream(to, std::ios::binary | std::ios::trunc) << text;
    }

    std::vector<std::string> Names() const
    {
        std::vector<std::string> names;
        for (const auto &entry : fs::directory_iterator(folder)) {
            names.push_back(entry.path().filename().string());
        }
        std::sort(names.begin(), names.end());
        return names;
    }

    fseg_replacement *Open(const std::string &text, const char *suffix = "")
    {
        fseg_replacement *file = nullptr;
        EXPECT_EQ(FSEG_OK, fseg_replacement_open(path.c_str(), suffix, &file, &error))
            << error.message;
        EXPECT_EQ(FSEG_OK, fseg_replacement_write(file, text.data(), text.size(), &error));
        return file;
    }

    /* A child that opens the file, writes a part and is killed at `stage`. */
    void KillAt(int stage)
    {
        const pid_t child = fork();
        if (child == 0) {
            fseg_replacement *file = Open("half");
            if (stage > 0) {
                fseg_replacement_put(file, nullptr);
            }
            raise(SIGKILL);
        }
        int status = 0;
        waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status));
    }

    std::string folder, path;
    fseg_error error{};
};

using List = std::vector<std::string>;

TEST_F(Replacement, AppearsWholeOrNotAtAll)
{
    fseg_replacement *file = Open("one", ".json");
    EXPECT_FALSE(fs::exists(path));
    EXPECT_EQ(".json", fs::path(fseg_replacement_path(file)).extension());
    ASSERT_EQ(FSEG_OK, fseg_replacement_put(file, &error)) << error.message;
    fseg_replacement_keep(file);
    EXPECT_EQ("one", Read(path));
    EXPECT_EQ(List{"report.json"}, Names());
    fseg_replacement_undo(Open("two"));
    EXPECT_EQ("one", Read(path));
    EXPECT_EQ(List{"report.json"}, Names());
}

TEST_F(Replacement, TheFormerFileIsKeptUntilTheNewOneIsKnownToBeGood)
{
    Write(path, "former");
    fseg_replacement *file = Open("new");
    ASSERT_EQ(FSEG_OK, fseg_replacement_put(file, &error)) << error.message;
    EXPECT_EQ("new", Read(path));
    EXPECT_EQ("former", Read(path + FSEG_BACKUP_SUFFIX));
    EXPECT_TRUE(fseg_replacement_has_backup(path.c_str()));
    fseg_replacement_undo(file); // it could not be read back
    EXPECT_EQ("former", Read(path));
    EXPECT_EQ(List{"report.json"}, Names());
}

TEST_F(Replacement, AFileThatWasNotThereIsGoneAgainWhenTheNewOneIsNotGood)
{
    fseg_replacement *file = Open("new");
    ASSERT_EQ(FSEG_OK, fseg_replacement_put(file, &error)) << error.message;
    fseg_replacement_undo(file);
    EXPECT_EQ(List{}, Names());
}

TEST_F(Replacement, WhatAKilledProcessLeftIsRemovedAtTheNextSave)
{
    Write(path, "former");
    KillAt(0);
    ASSERT_EQ(2u, Names().size());
    EXPECT_EQ("former", Read(path));
    fseg_replacement_undo(Open("x"));
    EXPECT_EQ(List{"report.json"}, Names());
}

TEST_F(Replacement, AProcessKilledBetweenPutAndReadingBackLosesNeitherFile)
{
    Write(path, "former");
    KillAt(1);
    EXPECT_EQ("half", Read(path));
    EXPECT_EQ("former", Read(path + FSEG_BACKUP_SUFFIX));
    fseg_replacement *file = Open("whole"); // the next save keeps what is in place now
    ASSERT_EQ(FSEG_OK, fseg_replacement_put(file, &error)) << error.message;
    EXPECT_EQ("half", Read(path + FSEG_BACKUP_SUFFIX));
    fseg_replacement_keep(file);
    EXPECT_EQ(List{"report.json"}, Names());
}

TEST_F(Replacement, TheFileOfALivingProcessIsNotTouched)
{
    int ready[2], go[2];
    ASSERT_EQ(0, pipe(ready));
    ASSERT_EQ(0, pipe(go));
    const pid_t child = fork();
    if (child == 0) {
        char byte = 0;
        fseg_replacement *file = Open("of the other");
        const bool good = write(ready[1], "x", 1) == 1 && read(go[0], &byte, 1) == 1 &&
                          fseg_replacement_put(file, nullptr) == FSEG_OK;
        fseg_replacement_keep(file);
        _exit(good ? 0 : 1);
    }
    char byte = 0;
    ASSERT_EQ(1, read(ready[0], &byte, 1));
    EXPECT_EQ(0, fseg_replacement_sweep(folder.c_str()));
    fseg_replacement_undo(Open("mine"));
    ASSERT_EQ(1, write(go[1], "x", 1));
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(0, WEXITSTATUS(status));
    EXPECT_EQ("of the other", Read(path));
    for (const int descriptor : {ready[0], ready[1], go[0], go[1]}) {
        close(descriptor);
    }
}

TEST_F(Replacement, AnotherThreadsFileIsNotTouchedEither)
{
    fseg_replacement *first = Open("first"), *second = Open("second");
    ASSERT_EQ(FSEG_OK, fseg_replacement_put(first, &error)) << error.message;
    fseg_replacement_keep(first);
    ASSERT_EQ(FSEG_OK, fseg_replacement_put(second, &error)) << error.message;
    fseg_replacement_keep(second);
    EXPECT_EQ("second", Read(path));
}

TEST_F(Replacement, WhatOnlyLooksLikeOursStays)
{
    const List names = {".frugalseg-abc123", // no file's name before the mark
                        ".report.json.frugalseg-ABC123",
                        ".report.json.frugalseg-abc12",
                        ".report.json.frugalseg-abc1234",
                        "report.json.bak",
                        "report.json.frugalseg-abc123"};
    for (const std::string &name : names) {
        Write(folder + "/" + name, "a user's");
    }
    fs::create_directory(folder + "/.folder.frugalseg-abc123");
    ASSERT_EQ(0, symlink("report.json.bak", (folder + "/.link.frugalseg-abc123").c_str()));
    ASSERT_EQ(0, mkfifo((folder + "/.pipe.frugalseg-abc123").c_str(), 0600));
    EXPECT_EQ(0, fseg_replacement_sweep(folder.c_str()));
    EXPECT_EQ(names.size() + 3, Names().size());
    Write(folder + "/.report.json.frugalseg-abc123", "left"); // and this one does not
    Write(folder + "/.a.frugalseg-b.nii.gz.frugalseg-abc123.nii.gz", "left");
    EXPECT_EQ(2, fseg_replacement_sweep(folder.c_str()));
    EXPECT_EQ(names.size() + 3, Names().size());
}

TEST_F(Replacement, BadArgumentsAndPlacesAreNamed)
{
    fseg_replacement *file = nullptr;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, fseg_replacement_open("", "", &file, &error));
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_replacement_open(folder.c_str(), "", &file, &error));
    EXPECT_EQ(nullptr, file);
    EXPECT_EQ(FSEG_ERROR_NOT_FOUND,
              fseg_replacement_open((folder + "/no/file").c_str(), "", &file, &error));
    EXPECT_EQ(
        FSEG_ERROR_INVALID_ARGUMENT,
        fseg_replacement_open((folder + "/" + std::string(300, 'x')).c_str(), "", &file, &error));
    EXPECT_EQ(0, fseg_replacement_sweep(nullptr));
    EXPECT_EQ(0, fseg_replacement_sweep((folder + "/absent").c_str()));
    EXPECT_EQ(-1, fseg_replacement_descriptor(nullptr));
    EXPECT_EQ(nullptr, fseg_replacement_path(nullptr));
    fseg_replacement_forget_backup((folder + "/absent").c_str());
    fseg_replacement_keep(nullptr);
    fseg_replacement_undo(nullptr);
}

/* ---- SHA-256 ---- */

std::string Sha256(const std::string &text, size_t piece, bool portable)
{
    fseg_sha256 sha;
    fseg_sha256_start(&sha);
    sha.portable = portable || sha.portable;
    for (size_t at = 0; at < text.size(); at += piece) {
        fseg_sha256_add(&sha, text.data() + at, std::min(piece, text.size() - at));
    }
    char hex[FSEG_SHA256_HEX];
    fseg_sha256_end(&sha, hex);
    return hex;
}

TEST(Sha256, HasTheValuesOfTheStandardWithTheProcessorsInstructionsAndWithout)
{
    // FIPS 180-4's examples, and a million times "a".
    const std::pair<std::string, const char *> examples[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {std::string(1000000, 'a'),
         "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
    };
    for (const auto &example : examples) {
        for (const size_t piece : {size_t{1} << 20, size_t{64}, size_t{63}, size_t{7}}) {
            EXPECT_EQ(example.second, Sha256(example.first, piece, false)) << piece;
            EXPECT_EQ(example.second, Sha256(example.first, piece, true)) << piece;
        }
    }
}

TEST(Sha256, PaddingIsRightForEveryLength)
{
    std::string text;
    for (int length = 0; length < 200; length++, text += static_cast<char>(length * 37)) {
        EXPECT_EQ(Sha256(text, 1000, true), Sha256(text, 1000, false)) << length;
        EXPECT_EQ(Sha256(text, 1000, true), Sha256(text, 3, false)) << length;
    }
}
} // namespace
