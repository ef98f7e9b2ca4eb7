// NIfTI and NRRD files: what is written is read back; damage and full disks are named.
#include "ImagingTestHelpers.h"

#include <csignal>
#include <cstring>
#include <fstream>
#include <limits>
#include <sys/resource.h>

using namespace imaging_test;

namespace
{

std::vector<char> bytesOf(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void writeBytes(const std::string &path, const std::vector<char> &bytes)
{
    std::ofstream(path, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/** Lets no file grow beyond a size, as a full disk does; without the signal. */
class FileSizeLimit
{
  public:
    explicit FileSizeLimit(rlim_t bytes)
    {
        handler_ = std::signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit()
    {
        setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

  private:
    rlimit before_;
    void (*handler_)(int);
};

class EveryFormat : public testing::TestWithParam<const char *>
{
};

} // namespace

TEST_P(EveryFormat, VolumeOnObliqueGridIsReadBackIdentically)
{
    const Folder folder;
    const std::string path = folder / (std::string("image") + GetParam());
    const Volume volume =
        makePhantom(makeGeometry({20, 17, 6}, {1.25, 1.5, 7.0}, {0.2, -0.3, 0.5}));
    ASSERT_EQ(fseg_volume_write(volume.get(), path.c_str(), nullptr), FSEG_OK);
    fseg_volume *read = nullptr;
    fseg_error error{};
    ASSERT_EQ(fseg_volume_read(path.c_str(), &read, &error), FSEG_OK) << error.message;
    const Volume owner(read);
    EXPECT_TRUE(fseg_geometry_equal(&volume->geometry, &read->geometry, 1e-3));
    EXPECT_EQ(std::memcmp(volume->voxels, read->voxels, countOf(volume->geometry) * 4), 0);
    EXPECT_STREQ(read->modality, "");
    EXPECT_EQ(folder.entries(), 1u) << "a temporary file was left";
}

TEST_P(EveryFormat, MaskIsReadBackIdentically)
{
    const Folder folder;
    const std::string path = folder / (std::string("mask") + GetParam());
    const Mask mask = makeMask(makeGeometry({9, 8, 7}, {2.0, 1.0, 3.0}));
    for (size_t i = 0; i < countOf(mask->geometry); ++i) {
        mask->voxels[i] = static_cast<uint8_t>(i % 256);
    }
    ASSERT_EQ(fseg_mask_write(mask.get(), path.c_str(), nullptr), FSEG_OK);
    fseg_mask *read = nullptr;
    ASSERT_EQ(fseg_mask_read(path.c_str(), -1, &read, nullptr), FSEG_OK);
    const Mask all(read);
    EXPECT_EQ(std::memcmp(mask->voxels, read->voxels, countOf(mask->geometry)), 0);
    ASSERT_EQ(fseg_mask_read(path.c_str(), 4, &read, nullptr), FSEG_OK);
    const Mask four(read);
    for (size_t i = 0; i < countOf(mask->geometry); ++i) {
        ASSERT_EQ(four->voxels[i], i % 256 == 4 ? 1 : 0);
    }
}

TEST_P(EveryFormat, NotANumberIsNotWritten)
{
    const Folder folder;
    const Volume volume = makeVolume(makeGeometry({4, 4, 4}, {1, 1, 1}));
    volume->voxels[5] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(fseg_volume_write(volume.get(), (folder / (std::string("nan") + GetParam())).c_str(),
                                nullptr),
              FSEG_ERROR_NOT_FINITE);
    EXPECT_EQ(folder.entries(), 0u);
}

TEST_P(EveryFormat, TruncatedFileIsNamedAndRefused)
{
    const Folder folder;
    const std::string path = folder / (std::string("whole") + GetParam());
    const std::string cut = folder / (std::string("cut") + GetParam());
    const Volume volume = makePhantom(makeGeometry({30, 30, 10}, {1, 1, 1}));
    ASSERT_EQ(fseg_volume_write(volume.get(), path.c_str(), nullptr), FSEG_OK);
    const std::vector<char> bytes = bytesOf(path);
    for (const double part : {0.0, 0.001, 0.01, 0.3, 0.9, 0.999}) {
        std::vector<char> shorter = bytes;
        shorter.resize(static_cast<size_t>(static_cast<double>(bytes.size()) * part));
        writeBytes(cut, shorter);
        fseg_volume *read = nullptr;
        fseg_error error{};
        EXPECT_EQ(fseg_volume_read(cut.c_str(), &read, &error), FSEG_ERROR_BAD_INPUT)
            << part << ": " << error.message;
        EXPECT_EQ(read, nullptr);
        EXPECT_NE(std::strstr(error.message, "cut"), nullptr) << error.message;
    }
}

TEST_P(EveryFormat, FullDiskKeepsTheOldFileAndLeavesNothing)
{
    const Folder folder;
    const std::string path = folder / (std::string("image") + GetParam());
    const Volume small = makeVolume(makeGeometry({4, 4, 4}, {1, 1, 1}));
    ASSERT_EQ(fseg_volume_write(small.get(), path.c_str(), nullptr), FSEG_OK);
    const std::vector<char> before = bytesOf(path);
    const Volume large = makePhantom(makeGeometry({80, 80, 20}, {1, 1, 1}));
    fseg_error error{};
    {
        const FileSizeLimit limit(20000);
        EXPECT_EQ(fseg_volume_write(large.get(), path.c_str(), &error), FSEG_ERROR_NO_SPACE)
            << error.message;
    }
    EXPECT_NE(std::strstr(error.message, "full"), nullptr) << error.message;
    EXPECT_EQ(bytesOf(path), before);
    EXPECT_EQ(folder.entries(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Formats, EveryFormat, testing::Values(".nii", ".nii.gz", ".nrrd"),
                         [](const auto &info) {
                             const std::string name = info.param;
                             return name == ".nii" ? "Nifti" : name == ".nrrd" ? "Nrrd" : "NiftiGz";
                         });

TEST(VolumeFile, MissingFileAndMissingFolderAreNamed)
{
    const Folder folder;
    fseg_volume *read = nullptr;
    fseg_error error{};
    EXPECT_EQ(fseg_volume_read((folder / "none.nii").c_str(), &read, &error), FSEG_ERROR_NOT_FOUND);
    EXPECT_NE(std::strstr(error.message, "none.nii"), nullptr);
    const Volume volume = makeVolume(makeGeometry({2, 2, 2}, {1, 1, 1}));
    EXPECT_EQ(fseg_volume_write(volume.get(), (folder / "no/such/a.nii").c_str(), &error),
              FSEG_ERROR_NOT_FOUND);
    // A folder below a file can be written to by nobody, not even root.
    writeBytes(folder / "file", {'x'});
    EXPECT_NE(fseg_volume_write(volume.get(), (folder / "file/a.nii").c_str(), &error), FSEG_OK);
    // The kernel's own file system accepts no new file.
    const fseg_status status = fseg_volume_write(volume.get(), "/proc/a.nii", &error);
    EXPECT_TRUE(status == FSEG_ERROR_NOT_FOUND || status == FSEG_ERROR_PERMISSION);
}

TEST(VolumeFile, OtherSuffixesAreRefused)
{
    const Folder folder;
    writeBytes(folder / "image.jpg", {'a', 'b'});
    fseg_volume *read = nullptr;
    fseg_error error{};
    EXPECT_EQ(fseg_volume_read((folder / "image.jpg").c_str(), &read, &error),
              FSEG_ERROR_UNSUPPORTED);
    EXPECT_NE(std::strstr(error.message, ".nii"), nullptr);
}

TEST(VolumeFile, ForeignContentIsRefused)
{
    const Folder folder;
    for (const char *name : {"a.nii", "a.nii.gz", "a.nrrd"}) {
        writeBytes(folder / name, std::vector<char>(1000, 'x'));
        fseg_volume *read = nullptr;
        EXPECT_EQ(fseg_volume_read((folder / name).c_str(), &read, nullptr), FSEG_ERROR_BAD_INPUT);
    }
}

TEST(VolumeFile, LabelsMustBeWholeNumbers)
{
    const Folder folder;
    const Volume volume = makeVolume(makeGeometry({4, 4, 4}, {1, 1, 1}));
    for (const float bad : {0.5F, -1.0F, 256.0F}) {
        volume->voxels[3] = bad;
        ASSERT_EQ(fseg_volume_write(volume.get(), (folder / "l.nii").c_str(), nullptr), FSEG_OK);
        fseg_mask *mask = nullptr;
        EXPECT_EQ(fseg_mask_read((folder / "l.nii").c_str(), 1, &mask, nullptr),
                  FSEG_ERROR_BAD_INPUT);
    }
}

TEST(VolumeFile, NonAsciiPathsWork)
{
    const Folder folder;
    const std::string path = folder / "Bäuche 腹部.nii.gz";
    const Volume volume = makeVolume(makeGeometry({4, 4, 4}, {1, 1, 1}));
    ASSERT_EQ(fseg_volume_write(volume.get(), path.c_str(), nullptr), FSEG_OK);
    fseg_volume *read = nullptr;
    EXPECT_EQ(fseg_volume_read(path.c_str(), &read, nullptr), FSEG_OK);
    fseg_volume_free(read);
}

TEST(Geometry, EqualityComparesTheFarCorners)
{
    const fseg_geometry a = makeGeometry({100, 100, 10}, {1, 1, 1});
    fseg_geometry b = a;
    EXPECT_TRUE(fseg_geometry_equal(&a, &b, 1e-9));
    b.ijk_to_lps[0][0] += 0.001; // 0.099 mm at the far corner
    EXPECT_TRUE(fseg_geometry_equal(&a, &b, 0.1));
    EXPECT_FALSE(fseg_geometry_equal(&a, &b, 0.09));
    b = a;
    b.size[2] = 11;
    EXPECT_FALSE(fseg_geometry_equal(&a, &b, 1000.0));
}

TEST(Geometry, UnusableMatricesAreRefused)
{
    fseg_geometry geometry = makeGeometry({4, 4, 4}, {1, 1, 1});
    fseg_volume *volume = nullptr;
    geometry.ijk_to_lps[0][0] = 0.0;
    EXPECT_EQ(fseg_volume_create(&geometry, &volume, nullptr), FSEG_ERROR_INVALID_ARGUMENT);
    geometry.ijk_to_lps[0][0] = std::numeric_limits<double>::infinity();
    EXPECT_EQ(fseg_volume_create(&geometry, &volume, nullptr), FSEG_ERROR_INVALID_ARGUMENT);
    geometry = makeGeometry({4, 0, 4}, {1, 1, 1});
    EXPECT_EQ(fseg_volume_create(&geometry, &volume, nullptr), FSEG_ERROR_INVALID_ARGUMENT);
    geometry = makeGeometry({size_t(1) << 40, size_t(1) << 40, 4}, {1, 1, 1});
    EXPECT_EQ(fseg_volume_create(&geometry, &volume, nullptr), FSEG_ERROR_INVALID_ARGUMENT);
}

TEST(FileHash, IsTheSha256OfTheContent)
{
    const Folder folder;
    writeBytes(folder / "abc", {'a', 'b', 'c'});
    char hex[65];
    ASSERT_EQ(fseg_file_sha256((folder / "abc").c_str(), hex, nullptr), FSEG_OK);
    EXPECT_STREQ(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(fseg_file_sha256((folder / "none").c_str(), hex, nullptr), FSEG_ERROR_NOT_FOUND);
}
