// The model file: what a good one keeps, and what a damaged or hostile one gets told.
#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "frugalseg/model.h"
#include "frugalseg/replacement.h"
extern "C" {
#include "model_file.h"
}

namespace
{
constexpr uint64_t kSeed = 7;

std::string ReadBytes(const std::string &path)
{
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

void WriteBytes(const std::string &path, const std::string &bytes)
{
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::string Length(uint64_t length)
{
    std::string bytes;
    for (int i = 0; i < 8; i++) {
        bytes.push_back(static_cast<char>(length >> (8 * i) & 0xff));
    }
    return bytes;
}

std::string File(const std::string &header, const std::string &payload)
{
    return Length(header.size()) + header + payload;
}

std::string HeaderOf(const std::string &bytes)
{
    uint64_t length = 0;
    for (int i = 7; i >= 0; i--) {
        length = length << 8 | static_cast<unsigned char>(bytes[static_cast<size_t>(i)]);
    }
    return bytes.substr(8, length);
}

std::string Replace(std::string text, const std::string &what, const std::string &with)
{
    const size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what << " not in " << text;
    return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

size_t FilesIn(const std::string &folder)
{
    size_t count = 0;
    DIR *dir = opendir(folder.c_str());
    while (const dirent *entry = readdir(dir)) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(dir);
    return count;
}

fseg_unet_config TinyConfig()
{
    fseg_unet_config config = fseg_unet_default_config(1, 2);
    config.levels = 2;
    config.widths[0] = 2;
    config.widths[1] = 4;
    config.group_size = 2;
    return config;
}

class ModelFile : public testing::Test
{
  protected:
    void SetUp() override
    {
        char name[] = "/tmp/fseg_model_file_XXXXXX";
        folder = mkdtemp(name);
        path = folder + "/tiny.fseg";
        const fseg_unet_config config = TinyConfig();
        ASSERT_EQ(FSEG_OK, fseg_model_create(&config, kSeed, &model, nullptr));
        ASSERT_EQ(FSEG_OK, fseg_model_set_card(model, "{\"name\": \"tiny\"}", nullptr));
        ASSERT_EQ(FSEG_OK, fseg_model_save(model, path.c_str(), nullptr));
        good = ReadBytes(path);
        written = HeaderOf(good);
        payload = good.substr(8 + written.size());
        /* As version 1 wrote it, without a checksum: so that each test reaches the check it means.
         */
        header = Replace(written, "\"format_version\":\"2\"", "\"format_version\":\"1\"");
        const size_t hash = header.find(",\"sha256\":\"");
        ASSERT_NE(std::string::npos, hash);
        header.erase(hash, strlen(",\"sha256\":\"\"") + 64);
    }

    void TearDown() override
    {
        fseg_model_free(model);
        EXPECT_EQ(0, system(("rm -rf '" + folder + "'").c_str()));
    }

    /* Load `bytes`; a failure leaves no model and one sentence that is not empty. */
    fseg_status Load(const std::string &bytes)
    {
        WriteBytes(path, bytes);
        return LoadPath(path);
    }

    fseg_status LoadPath(const std::string &from)
    {
        fseg_model *loaded = model;
        error = fseg_error{};
        const fseg_status status = fseg_model_load(from.c_str(), &loaded, &error);
        EXPECT_EQ(status, error.status);
        if (status == FSEG_OK) {
            EXPECT_STREQ("", error.message);
            EXPECT_EQ(fseg_model_tensor_count(model), fseg_model_tensor_count(loaded));
            EXPECT_EQ(fseg_model_parameter_count(model), fseg_model_parameter_count(loaded));
        } else {
            EXPECT_EQ(nullptr, loaded);
            EXPECT_GT(strlen(error.message), 20u) << status;
        }
        if (loaded != model) {
            fseg_model_free(loaded);
        }
        return status;
    }

    fseg_status LoadHeader(const std::string &changed)
    {
        return Load(File(changed, payload));
    }

    std::string folder, path, good, written, header, payload;
    fseg_model *model = nullptr;
    fseg_error error{};
};

TEST_F(ModelFile, KeepsArchitectureWeightsAndCardThroughARoundTrip)
{
    fseg_model *loaded = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_model_load(path.c_str(), &loaded, &error)) << error.message;
    const fseg_unet_config *before = fseg_model_config(model), *after = fseg_model_config(loaded);
    EXPECT_EQ(before->in_channels, after->in_channels);
    EXPECT_EQ(before->classes, after->classes);
    EXPECT_EQ(before->levels, after->levels);
    EXPECT_EQ(before->widths[0], after->widths[0]);
    EXPECT_EQ(before->widths[1], after->widths[1]);
    EXPECT_EQ(before->group_size, after->group_size);
    EXPECT_EQ(before->norm_epsilon, after->norm_epsilon);
    EXPECT_STREQ("{\"name\": \"tiny\"}", fseg_model_card(loaded));
    ASSERT_EQ(fseg_model_tensor_count(model), fseg_model_tensor_count(loaded));
    for (size_t i = 0; i < fseg_model_tensor_count(model); i++) {
        const fseg_tensor *a = fseg_model_tensor(model, i), *b = fseg_model_tensor(loaded, i);
        EXPECT_STREQ(a->name, b->name);
        EXPECT_EQ(0, memcmp(a->data, b->data, a->count * sizeof(float))) << a->name;
    }
    ASSERT_EQ(FSEG_OK, fseg_model_save(loaded, path.c_str(), &error));
    EXPECT_TRUE(good == ReadBytes(path)) << "saving what was loaded gives the same bytes";
    fseg_model_free(loaded);
}

TEST_F(ModelFile, KeepsTheReferenceNetworkAndAnOddEpsilon)
{
    fseg_unet_config config = fseg_unet_default_config(3, 2);
    config.norm_epsilon = 1.0f / 3.0f;
    fseg_model *big = nullptr, *loaded = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 1, &big, nullptr));
    ASSERT_EQ(FSEG_OK, fseg_model_save(big, path.c_str(), &error));
    ASSERT_EQ(FSEG_OK, fseg_model_load(path.c_str(), &loaded, &error)) << error.message;
    EXPECT_EQ(config.norm_epsilon, fseg_model_config(loaded)->norm_epsilon);
    EXPECT_EQ(fseg_model_parameter_count(big), fseg_model_parameter_count(loaded));
    fseg_model_free(big);
    fseg_model_free(loaded);
}

TEST_F(ModelFile, WritesReadableMetadataAndAlignsTheTensors)
{
    EXPECT_NE(std::string::npos, written.find("\"format\":\"frugalseg\""));
    EXPECT_NE(std::string::npos, written.find("\\\"norm_epsilon\\\":0.001}"));
    EXPECT_EQ(0u, written.size() % 8);
}

TEST_F(ModelFile, DoesNotDependOnTheDecimalCommaOfALocale)
{
    const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    bool found = false;
    for (const char *name : names) {
        found = found || setlocale(LC_NUMERIC, name) != nullptr;
    }
    if (!found) {
        GTEST_SKIP() << "no locale with a decimal comma is installed";
    }
    EXPECT_EQ(FSEG_OK, Load(good));
    EXPECT_EQ(FSEG_OK, fseg_model_save(model, path.c_str(), nullptr));
    setlocale(LC_NUMERIC, "C");
    EXPECT_TRUE(good == ReadBytes(path));
}

/* ---- damage ---- */

TEST_F(ModelFile, EveryTruncationIsReportedAsShort)
{
    for (size_t length = good.size(); length-- > 0;) {
        ASSERT_EQ(0, truncate(path.c_str(), static_cast<off_t>(length)));
        ASSERT_EQ(FSEG_ERROR_FILE_SHORT, LoadPath(path)) << "at " << length << " bytes";
    }
}

TEST_F(ModelFile, EveryChangedByteIsRefused)
{
    FILE *file = fopen(path.c_str(), "r+b");
    ASSERT_NE(nullptr, file);
    setbuf(file, nullptr);
    for (size_t at = 0; at < good.size(); at++) {
        const auto original = static_cast<unsigned char>(good[at]);
        const unsigned char values[] = {static_cast<unsigned char>(original ^ 0x01),
                                        static_cast<unsigned char>(original ^ 0x80), 0x00, '"'};
        for (const unsigned char value : values) {
            if (value == original || (at >= 8 + written.size() && value != (original ^ 0x01))) {
                continue; // of the weights any one bit will do
            }
            fseek(file, static_cast<long>(at), SEEK_SET);
            fputc(value, file);
            const fseg_status status = LoadPath(path);
            ASSERT_NE(FSEG_OK, status) << "byte " << at << " as " << int{value};
            if (at >= 8 + written.size()) {
                ASSERT_EQ(FSEG_ERROR_FILE_HASH, status) << error.message;
            }
        }
        fseek(file, static_cast<long>(at), SEEK_SET);
        fputc(original, file);
    }
    fclose(file);
    EXPECT_TRUE(good == ReadBytes(path));
}

TEST_F(ModelFile, AFileOfVersion1HasNoChecksumAndIsReadAsBefore)
{
    EXPECT_EQ(FSEG_OK, LoadHeader(header)) << error.message;
    /* A checksum that is there counts in every version. */
    const std::string old =
        Replace(written, "\"format_version\":\"2\"", "\"format_version\":\"1\"");
    EXPECT_EQ(FSEG_ERROR_FILE_HASH, LoadHeader(old));
    /* And from version 2 on one must be there. */
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, LoadHeader(Replace(written, "\"sha256\"", "\"sha257\"")));
    EXPECT_NE(nullptr, strstr(error.message, "checksum")) << error.message;
}

TEST_F(ModelFile, TheChecksumIsThatOfTheContentNotOfItsOrder)
{
    /* The metadata in another order, as other programs write it. */
    const std::string kind = "\"kind\":\"model\",";
    std::string moved = Replace(written, kind, "");
    moved = Replace(moved, "\"format\":", kind + "\"format\":");
    ASSERT_NE(moved, written);
    EXPECT_EQ(FSEG_OK, LoadHeader(moved)) << error.message;
}

TEST_F(ModelFile, MoreMetadataThanAnyFileOfOursHasIsRefused)
{
    std::string more;
    for (int i = 0; i < 20; i++) {
        more += "\"key" + std::to_string(i) + "\":\"\",";
    }
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, LoadHeader(Replace(header, "\"kind\":", more + "\"kind\":")));
}

TEST_F(ModelFile, ATrailingByteIsReportedAsLong)
{
    EXPECT_EQ(FSEG_ERROR_FILE_LONG, Load(good + '\0'));
    EXPECT_EQ(FSEG_ERROR_FILE_LONG, Load(good + good));
}

TEST_F(ModelFile, AnEmptyFileIsShort)
{
    EXPECT_EQ(FSEG_ERROR_FILE_SHORT, Load(""));
}

TEST_F(ModelFile, AHugeHeaderLengthIsAnOverflow)
{
    for (const uint64_t length :
         {UINT64_MAX, UINT64_MAX - 7, uint64_t{1} << 63, uint64_t{1} << 32, uint64_t{1} << 21}) {
        EXPECT_EQ(FSEG_ERROR_FILE_OVERFLOW, Load(Length(length) + header + payload)) << length;
    }
}

TEST_F(ModelFile, AHeaderLengthBeyondTheFileIsShort)
{
    EXPECT_EQ(FSEG_ERROR_FILE_SHORT, Load(Length(good.size() - 7) + header + payload));
}

TEST_F(ModelFile, ForeignFilesAreNotModels)
{
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, Load("This is a text, and a rather long one at that."));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, Load(std::string(1000, '\0')));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, Load("PK\x03\x04" + std::string(200, 'x'))); // PyTorch
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, Load("\x1f\x8b\x08" + std::string(200, 'x')));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT,
              Load(File("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                        std::string(4, '\0'))));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT,
              LoadHeader(Replace(header, "\"format\":\"frugalseg\"", "\"format\":\"pt\"")));
}

TEST_F(ModelFile, BrokenJsonIsABrokenFormat)
{
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, LoadHeader(header.substr(0, header.rfind('}')) + "]"));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, LoadHeader("{" + std::string(100000, '[')));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, LoadHeader("{}{}"));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, LoadHeader("{\"a\xff\":1}"));
}

TEST_F(ModelFile, DuplicateKeysAreRefused)
{
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT,
              LoadHeader(Replace(header, "enc1.conv1.bias", "enc1.conv1.weight")));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, LoadHeader(Replace(header, "\"kind\":\"model\"",
                                                         "\"kind\":\"model\",\"kind\":\"model\"")));
}

TEST_F(ModelFile, ANewerVersionIsNamed)
{
    EXPECT_EQ(FSEG_ERROR_FILE_VERSION,
              LoadHeader(Replace(header, "\"format_version\":\"1\"", "\"format_version\":\"3\"")));
    EXPECT_NE(nullptr, strstr(error.message, "version 3"));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT,
              LoadHeader(Replace(header, "\"format_version\":\"1\"", "\"format_version\":\"\"")));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT,
              LoadHeader(Replace(header, "\"format_version\":\"1\"", "\"format_version\":1")));
}

TEST_F(ModelFile, AnUnknownOrImpossibleArchitectureIsNamed)
{
    const std::pair<const char *, const char *> changes[] = {
        {"unet2d-groupnorm", "unet3d"},
        {"\\\"in_channels\\\":1", "\\\"in_channels\\\":0"},
        {"\\\"in_channels\\\":1", "\\\"in_channels\\\":-1"},
        {"\\\"in_channels\\\":1", "\\\"in_channels\\\":4294967297"},
        {"\\\"in_channels\\\":1", "\\\"in_channels\\\":1.0"},
        {"\\\"classes\\\":2", "\\\"classes\\\":65"},
        {"[2,4]", "[]"},
        {"[2,4]", "[2]"},
        {"[2,4]", "[2,3]"},
        {"[2,4]", "[2,4,4,4,4,4,4,4,4]"},
        {"[2,4]", "[2,2048]"},
        {"[2,4]", "[2,9223372036854775807]"},
        {"[2,4]", "\\\"2,4\\\""},
        {"\\\"group_size\\\":2", "\\\"group_size\\\":0"},
        {"\\\"norm_epsilon\\\":0.001", "\\\"norm_epsilon\\\":0"},
        {"\\\"norm_epsilon\\\":0.001", "\\\"norm_epsilon\\\":1e308"},
        {"\\\"norm_epsilon\\\":0.001", "\\\"norm_epsilon\\\":0.001,\\\"dropout\\\":0.5"},
        {"\"architecture\":", "\"arch\":"},
        {"\"architecture\":\"{", "\"architecture\":\"["},
    };
    for (const auto &change : changes) {
        EXPECT_EQ(FSEG_ERROR_FILE_ARCHITECTURE,
                  LoadHeader(Replace(header, change.first, change.second)))
            << change.second << ": " << error.message;
    }
}

TEST_F(ModelFile, AnArchitectureLargerThanTheFileIsRefusedBeforeItIsBuilt)
{
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE,
              LoadHeader(Replace(header, "[2,4]", "[1024,1024,1024,1024,1024,1024,1024,1024]")));
}

TEST_F(ModelFile, AWrongShapeOrTypeIsNamed)
{
    const std::string shape = "\"shape\":[2,1,3,3]";
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE, LoadHeader(Replace(header, shape, "\"shape\":[1,2,3,3]")));
    EXPECT_NE(nullptr, strstr(error.message, "enc1.conv1.weight")) << error.message;
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE, LoadHeader(Replace(header, shape, "\"shape\":[18]")));
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE, LoadHeader(Replace(header, shape, "\"shape\":[2,1,3,4]")));
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE, LoadHeader(Replace(header, shape, "\"shape\":[]")));
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE, LoadHeader(Replace(header, shape, "\"shape\":[2,1,3,3,1]")));
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE, LoadHeader(Replace(header, shape, "\"shape\":[2,0,3,3]")));
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE, LoadHeader(Replace(header, shape, "\"shape\":[-2,-1,3,3]")));
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE, LoadHeader(Replace(header, shape, "\"shape\":18")));
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE, LoadHeader(Replace(header, "\"F32\"", "\"F16\"")));
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE,
              LoadHeader(Replace(header, "\"enc1.conv1.bias\"", "\"enc1.conv9.bias\"")));
}

TEST_F(ModelFile, OverflowingShapesAndOffsetsAreNamed)
{
    const std::string shape = "\"shape\":[2,1,3,3]";
    for (const char *bad : {"[4294967296,4294967296,4294967296,4294967296]",
                            "[2147483648,2147483648,4,1]", "[9223372036854775807]"}) {
        EXPECT_EQ(FSEG_ERROR_FILE_OVERFLOW,
                  LoadHeader(Replace(header, shape, std::string("\"shape\":") + bad)))
            << bad;
    }
    EXPECT_EQ(FSEG_ERROR_FILE_OVERFLOW,
              LoadHeader(Replace(header, "[0,72]", "[9223372036854775735,9223372036854775807]")));
    /* JSON integers end at 64 bits: a larger one is no JSON that can be read. */
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT,
              LoadHeader(Replace(header, "[0,72]", "[0,18446744073709551688]")));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, LoadHeader(Replace(header, "[0,72]", "[-72,0]")));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, LoadHeader(Replace(header, "[0,72]", "[72,0]")));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, LoadHeader(Replace(header, "[0,72]", "[0.0,72.0]")));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, LoadHeader(Replace(header, "[0,72]", "[0,72,72]")));
}

TEST_F(ModelFile, OverlapsAndHolesAreNamed)
{
    ASSERT_NE(std::string::npos, header.find("[72,80]"));
    EXPECT_EQ(FSEG_ERROR_FILE_OVERLAP, LoadHeader(Replace(header, "[72,80]", "[64,72]")));
    EXPECT_EQ(FSEG_ERROR_FILE_OVERLAP, LoadHeader(Replace(header, "[72,80]", "[76,84]")));
    EXPECT_EQ(FSEG_ERROR_FILE_OVERLAP, LoadHeader(Replace(header, "[0,72]", "[4,76]")));
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE, LoadHeader(Replace(header, "[72,80]", "[72,84]")));
}

TEST_F(ModelFile, AnExtraTensorIsRefused)
{
    const std::string extra = ",\"extra\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" +
                              std::to_string(payload.size()) + "," +
                              std::to_string(payload.size() + 4) + "]}}";
    const size_t end = header.rfind('}');
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE,
              Load(File(header.substr(0, end) + extra, payload + std::string(4, '\0'))));
}

TEST_F(ModelFile, ValuesThatAreNotFiniteAreRefused)
{
    for (const float value : {NAN, INFINITY, -INFINITY}) {
        std::string damaged = payload;
        memcpy(&damaged[damaged.size() - 4], &value, 4);
        EXPECT_EQ(FSEG_ERROR_NOT_FINITE, Load(File(header, damaged)));
    }
}

TEST_F(ModelFile, ACardThatIsNoJsonObjectIsRefused)
{
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT,
              LoadHeader(Replace(header, "{\\\"name\\\": \\\"tiny\\\"}", "[1]")));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT,
              LoadHeader(Replace(header, "{\\\"name\\\": \\\"tiny\\\"}", "{")));
}

TEST_F(ModelFile, OtherThingsThanFilesAreRefused)
{
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, LoadPath(folder));
    EXPECT_NE(nullptr, strstr(error.message, "folder"));
    EXPECT_EQ(FSEG_ERROR_NOT_FOUND, LoadPath(folder + "/absent.fseg"));
    EXPECT_EQ(FSEG_ERROR_NOT_FOUND, LoadPath(path + "/below"));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, LoadPath("/dev/zero"));
    const std::string pipe = folder + "/pipe";
    ASSERT_EQ(0, mkfifo(pipe.c_str(), 0600));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, LoadPath(pipe)) << "and it does not wait for a writer";
    fseg_model *none = nullptr;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, fseg_model_load(nullptr, &none, nullptr));
}

/* ---- saving ---- */

/* Run `body` in a child process, so that limits and identities end with it. */
int InChild(const std::function<int()> &body)
{
    const pid_t child = fork();
    if (child == 0) {
        _exit(body());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int BecomeNobody()
{
    return geteuid() == 0 ? seteuid(65534) : 0;
}

TEST_F(ModelFile, AFullDiskKeepsTheOldFileAndNoTemporaryOne)
{
    fseg_model *other = nullptr;
    const fseg_unet_config config = TinyConfig();
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, kSeed + 1, &other, nullptr));
    ASSERT_EQ(FSEG_OK, fseg_model_set_card(other, fseg_model_card(model), nullptr));
    for (const rlim_t limit : {rlim_t{0}, rlim_t{100}, rlim_t{good.size() - 1}}) {
        EXPECT_EQ(FSEG_ERROR_NO_SPACE, InChild([&] {
                      signal(SIGXFSZ, SIG_IGN);
                      const rlimit size{limit, limit};
                      setrlimit(RLIMIT_FSIZE, &size);
                      return static_cast<int>(fseg_model_save(other, path.c_str(), nullptr));
                  }));
        EXPECT_TRUE(good == ReadBytes(path));
        EXPECT_EQ(1u, FilesIn(folder));
    }
    fseg_model_free(other);
}

TEST_F(ModelFile, AFolderWithoutPermissionIsNamed)
{
    ASSERT_EQ(0, chmod(folder.c_str(), 0555));
    EXPECT_EQ(FSEG_ERROR_PERMISSION, InChild([&] {
                  return BecomeNobody()
                             ? -2
                             : static_cast<int>(fseg_model_save(model, path.c_str(), nullptr));
              }));
    ASSERT_EQ(0, chmod(path.c_str(), 0000));
    EXPECT_EQ(FSEG_ERROR_PERMISSION, InChild([&] {
                  fseg_model *loaded = nullptr;
                  return BecomeNobody()
                             ? -2
                             : static_cast<int>(fseg_model_load(path.c_str(), &loaded, nullptr));
              }));
    chmod(folder.c_str(), 0755);
    chmod(path.c_str(), 0644);
    EXPECT_TRUE(good == ReadBytes(path));
    EXPECT_EQ(1u, FilesIn(folder));
}

TEST_F(ModelFile, SavingToAFolderOrAnAbsentOneFails)
{
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, fseg_model_save(model, folder.c_str(), &error));
    EXPECT_EQ(FSEG_ERROR_NOT_FOUND,
              fseg_model_save(model, (folder + "/no/such.fseg").c_str(), &error));
    EXPECT_EQ(1u, FilesIn(folder));
}

TEST_F(ModelFile, ARelativePathWorks)
{
    char here[4096];
    ASSERT_NE(nullptr, getcwd(here, sizeof here));
    ASSERT_EQ(0, chdir(folder.c_str()));
    EXPECT_EQ(FSEG_OK, fseg_model_save(model, "relative.fseg", &error)) << error.message;
    ASSERT_EQ(0, chdir(here));
    EXPECT_EQ(good, ReadBytes(folder + "/relative.fseg"));
}

TEST_F(ModelFile, WeightsThatAreNotFiniteAreNotSaved)
{
    fseg_model_tensor(model, 0)->data[0] = NAN;
    EXPECT_EQ(FSEG_ERROR_NOT_FINITE, fseg_model_save(model, path.c_str(), &error));
    EXPECT_TRUE(good == ReadBytes(path));
}

TEST_F(ModelFile, ASaveThatWasKilledLeavesTheFormerModelAndTheNextReadingRemovesIt)
{
    const std::string backup = path + FSEG_BACKUP_SUFFIX;
    ASSERT_EQ(0, link(path.c_str(), backup.c_str())); // as between the two steps of a save
    WriteBytes(folder + "/new", good.substr(0, 100));
    ASSERT_EQ(0, rename((folder + "/new").c_str(), path.c_str()));
    EXPECT_EQ(FSEG_ERROR_FILE_SHORT, LoadPath(path));
    EXPECT_NE(nullptr, strstr(error.message, FSEG_BACKUP_SUFFIX)) << error.message;
    EXPECT_TRUE(good == ReadBytes(backup));
    ASSERT_EQ(FSEG_OK, fseg_model_save(model, path.c_str(), &error)) << error.message;
    EXPECT_EQ(1u, FilesIn(folder)) << "a save that was read back needs no backup";
    ASSERT_EQ(0, link(path.c_str(), backup.c_str()));
    EXPECT_EQ(FSEG_OK, LoadPath(path));
    EXPECT_EQ(1u, FilesIn(folder)) << "nor does a model that was read";
}

/* ---- checkpoints ---- */

std::string WriteCheckpoint(const fseg_model *model, const std::string &path, const char *kind)
{
    std::vector<fseg_tensor> tensors;
    for (size_t i = 0; i < fseg_model_tensor_count(model); i++) {
        tensors.push_back(*fseg_model_tensor(model, i));
    }
    for (size_t i = 0; i < fseg_model_tensor_count(model); i++) {
        fseg_tensor moment = *fseg_model_tensor(model, i);
        const std::string name = std::string("adam.m.") + moment.name;
        strncpy(moment.name, name.c_str(), sizeof moment.name - 1);
        tensors.push_back(moment);
    }
    char *architecture = fseg_architecture_to_json(fseg_model_config(model));
    const fseg_metadata metadata[] = {
        {"kind", kind}, {"architecture", architecture}, {"step", "12"}};
    EXPECT_EQ(FSEG_OK, fseg_tensor_file_write(path.c_str(), metadata, 3, tensors.data(),
                                              tensors.size(), nullptr));
    free(architecture);
    return path;
}

TEST_F(ModelFile, ACheckpointGivesItsWeightsAndItsOptimizerState)
{
    const std::string checkpoint = WriteCheckpoint(model, folder + "/run.ckpt", "checkpoint");
    EXPECT_EQ(FSEG_OK, LoadPath(checkpoint)) << error.message;
    fseg_tensor_file *file = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_tensor_file_open(checkpoint.c_str(), &file, &error)) << error.message;
    EXPECT_STREQ("12", fseg_tensor_file_metadata(file, "step"));
    EXPECT_EQ(nullptr, fseg_tensor_file_metadata(file, "absent"));
    EXPECT_EQ(2 * fseg_model_tensor_count(model), fseg_tensor_file_count(file));
    const fseg_tensor *tensor = fseg_model_tensor(model, 0);
    std::vector<float> values(tensor->count);
    ASSERT_EQ(FSEG_OK, fseg_tensor_file_read(file, "adam.m.enc1.conv1.weight", tensor,
                                             values.data(), &error))
        << error.message;
    EXPECT_EQ(0, memcmp(values.data(), tensor->data, tensor->count * sizeof(float)));
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE,
              fseg_tensor_file_read(file, "adam.v.absent", tensor, values.data(), &error));
    fseg_tensor_file_close(file);
}

TEST_F(ModelFile, OptimizerStateInAPlainModelAndUnknownKindsAreRefused)
{
    EXPECT_EQ(FSEG_ERROR_FILE_SHAPE, LoadPath(WriteCheckpoint(model, folder + "/a.fseg", "model")));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT,
              LoadPath(WriteCheckpoint(model, folder + "/b.fseg", "optimizer")));
}

/* ---- card ---- */

TEST_F(ModelFile, TheInputSpecHasItsDefaultsAndReadsEveryKey)
{
    fseg_input_spec spec;
    ASSERT_EQ(FSEG_OK, fseg_model_set_card(model, "{}", &error));
    ASSERT_EQ(FSEG_OK, fseg_model_input_spec(model, &spec, &error)) << error.message;
    EXPECT_EQ(2.0, spec.spacing_mm);
    EXPECT_EQ(1, spec.context_slices);
    EXPECT_EQ(1.0, spec.percentile_low);
    EXPECT_EQ(99.0, spec.percentile_high);
    EXPECT_EQ(0.5, spec.threshold);
    EXPECT_STREQ("", spec.name);
    ASSERT_EQ(FSEG_OK,
              fseg_model_set_card(model,
                                  "{\"name\":\"liver-t2\",\"version\":\"1.0\",\"structure\":"
                                  "\"liver\",\"modality\":\"MR\",\"spacing_mm\":1.5,"
                                  "\"context_slices\":1,\"percentile_low\":0.5,"
                                  "\"percentile_high\":99.5,\"threshold\":0.4,"
                                  "\"volume_ml_low\":500,\"volume_ml_high\":4000,"
                                  "\"licence\":\"any other key is left alone\"}",
                                  &error));
    ASSERT_EQ(FSEG_OK, fseg_model_input_spec(model, &spec, &error)) << error.message;
    EXPECT_STREQ("liver-t2", spec.name);
    EXPECT_STREQ("1.0", spec.version);
    EXPECT_STREQ("liver", spec.structure);
    EXPECT_STREQ("MR", spec.modality);
    EXPECT_EQ(1.5, spec.spacing_mm);
    EXPECT_EQ(0.5, spec.percentile_low);
    EXPECT_EQ(99.5, spec.percentile_high);
    EXPECT_EQ(0.4, spec.threshold);
    EXPECT_EQ(500, spec.volume_ml_low);
    EXPECT_EQ(4000, spec.volume_ml_high);
}

TEST_F(ModelFile, CardValuesOfTheWrongTypeOrRangeAreNamed)
{
    for (const char *card :
         {"{\"name\":5}", "{\"spacing_mm\":0}", "{\"spacing_mm\":\"2\"}", "{\"spacing_mm\":-1}",
          "{\"context_slices\":2}", "{\"context_slices\":3}", "{\"context_slices\":1.5}",
          "{\"percentile_low\":101}", "{\"percentile_low\":60,\"percentile_high\":40}",
          "{\"threshold\":1.1}", "{\"volume_ml_low\":5,\"volume_ml_high\":4}",
          "{\"name\":\"0123456789012345678901234567890123456789012345678901234567890123\"}"}) {
        fseg_input_spec spec;
        ASSERT_EQ(FSEG_OK, fseg_model_set_card(model, card, &error)) << card;
        EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, fseg_model_input_spec(model, &spec, &error)) << card;
        EXPECT_NE(nullptr, strstr(error.message, "card")) << error.message;
    }
}

TEST_F(ModelFile, TheScopeHasItsDefaultsAndReadsEveryKey)
{
    fseg_model_scope scope;
    ASSERT_EQ(FSEG_OK, fseg_model_set_card(model, "{}", &error));
    ASSERT_EQ(FSEG_OK, fseg_model_read_scope(model, &scope, &error)) << error.message;
    EXPECT_STREQ("", scope.contrast);
    EXPECT_STREQ("", scope.orientation);
    EXPECT_EQ(0, scope.body_part_count);
    EXPECT_EQ(0, scope.pixel_mm_high);
    EXPECT_EQ(0.6, scope.entropy_high);
    EXPECT_EQ(0.1, scope.island_share);
    ASSERT_EQ(FSEG_OK,
              fseg_model_set_card(model,
                                  "{\"contrast\":\"T2\",\"orientation\":\"axial\","
                                  "\"body_parts\":[\"ABDOMEN\",\"LIVER\"],\"pixel_mm_low\":0.5,"
                                  "\"pixel_mm_high\":2,\"slice_mm_low\":3,\"slice_mm_high\":9,"
                                  "\"field_mm_low\":250,\"field_mm_high\":500,"
                                  "\"entropy_high\":0.4,\"island_share\":0.2}",
                                  &error));
    ASSERT_EQ(FSEG_OK, fseg_model_read_scope(model, &scope, &error)) << error.message;
    EXPECT_STREQ("T2", scope.contrast);
    EXPECT_STREQ("axial", scope.orientation);
    ASSERT_EQ(2, scope.body_part_count);
    EXPECT_STREQ("LIVER", scope.body_parts[1]);
    EXPECT_EQ(0.5, scope.pixel_mm_low);
    EXPECT_EQ(2, scope.pixel_mm_high);
    EXPECT_EQ(3, scope.slice_mm_low);
    EXPECT_EQ(9, scope.slice_mm_high);
    EXPECT_EQ(250, scope.field_mm_low);
    EXPECT_EQ(500, scope.field_mm_high);
    EXPECT_EQ(0.4, scope.entropy_high);
    EXPECT_EQ(0.2, scope.island_share);
}

TEST_F(ModelFile, ScopeValuesOfTheWrongTypeOrRangeAreNamed)
{
    for (const char *card :
         {"{\"contrast\":2}", "{\"orientation\":\"upright\"}", "{\"body_parts\":\"LIVER\"}",
          "{\"body_parts\":[1]}", "{\"entropy_high\":2}", "{\"pixel_mm_high\":-1}",
          "{\"body_parts\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}"}) {
        fseg_model_scope scope;
        ASSERT_EQ(FSEG_OK, fseg_model_set_card(model, card, &error)) << card;
        EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, fseg_model_read_scope(model, &scope, &error)) << card;
        EXPECT_NE(nullptr, strstr(error.message, "card")) << error.message;
    }
}

TEST_F(ModelFile, ABadCardLeavesTheOldOne)
{
    for (const char *card : {"", "[]", "{", "{\"a\":1,\"a\":2}", "{}x", "null"}) {
        EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, fseg_model_set_card(model, card, &error)) << card;
    }
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT,
              fseg_model_set_card(model, ("{\"a\":\"" + std::string(1 << 18, 'x') + "\"}").c_str(),
                                  &error));
    EXPECT_STREQ("{\"name\": \"tiny\"}", fseg_model_card(model));
}
} // namespace
