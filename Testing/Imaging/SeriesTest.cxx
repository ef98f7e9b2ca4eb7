// Series: what is written is read back; choice among series; failures leave nothing behind.
#include "ImagingTestHelpers.h"

#include <csignal>
#include <cstring>
#include <fstream>
#include <limits>
#include <sys/resource.h>

using namespace imaging_test;

namespace
{

fseg_series_write_options makeOptions(uint64_t seed = 1)
{
    return {"T2 SPIR", "PHANTOM-1", "ABDOMEN", seed};
}

void write(const fseg_volume &volume, const std::string &folder, uint64_t seed = 1)
{
    const fseg_series_write_options options = makeOptions(seed);
    fseg_error error{};
    ASSERT_EQ(fseg_series_write(&volume, &options, folder.c_str(), &error), FSEG_OK)
        << error.message;
}

SeriesList scan(const std::string &folder)
{
    fseg_series_list *list = nullptr;
    fseg_error error{};
    EXPECT_EQ(fseg_series_list_scan(folder.c_str(), nullptr, &list, &error), FSEG_OK)
        << error.message;
    return SeriesList(list);
}

Volume read(const fseg_series_list *list, size_t index)
{
    fseg_volume *volume = nullptr;
    fseg_error error{};
    EXPECT_EQ(fseg_series_read(list, index, nullptr, &volume, &error), FSEG_OK) << error.message;
    return Volume(volume);
}

int cancelAtOnce(void *, double, const char *)
{
    return 1;
}

} // namespace

TEST(Series, WholeNumbersOnAnyOrientationComeBackExactly)
{
    fseg_random random = fseg_random_create(3, 0);
    for (int n = 0; n < 10; ++n) {
        std::array<double, 3> angles{};
        for (double &angle : angles) {
            angle = fseg_random_range(&random, -3.1F, 3.1F);
        }
        const Folder folder;
        const Volume volume = makePhantom(makeGeometry({24, 20, 7}, {1.25, 0.9, 6.5}, angles));
        volume->voxels[0] = -32768.0F;
        volume->voxels[1] = 32767.0F;
        write(*volume, folder / "series");
        const SeriesList list = scan(folder.string());
        ASSERT_EQ(fseg_series_list_count(list.get()), 1u);
        const fseg_series_info &info = *fseg_series_list_info(list.get(), 0);
        EXPECT_STREQ(fseg_verdict_name(info.verdict), "ok") << info.reason;
        EXPECT_STREQ(info.description, "T2 SPIR");
        EXPECT_STREQ(info.modality, "MR");
        EXPECT_STREQ(info.body_part, "ABDOMEN");
        EXPECT_EQ(info.slices, 7u);
        EXPECT_NEAR(info.spacing_mm[0], 1.25, 1e-9);
        EXPECT_NEAR(info.spacing_mm[1], 0.9, 1e-9);
        EXPECT_NEAR(info.spacing_mm[2], 6.5, 1e-9);
        const Volume back = read(list.get(), 0);
        EXPECT_TRUE(fseg_geometry_equal(&volume->geometry, &back->geometry, 1e-6));
        EXPECT_STREQ(back->modality, "MR");
        ASSERT_EQ(std::memcmp(volume->voxels, back->voxels, countOf(volume->geometry) * 4), 0);
    }
}

TEST(Series, FractionsComeBackWithinTheStoredPrecision)
{
    const Folder folder;
    const Volume volume = makePhantom(makeGeometry({24, 20, 4}, {1, 1, 5}));
    for (size_t i = 0; i < countOf(volume->geometry); ++i) {
        volume->voxels[i] = volume->voxels[i] * 0.3337F - 20.0F;
    }
    write(*volume, folder / "series");
    const SeriesList list = scan(folder.string());
    const Volume back = read(list.get(), 0);
    for (size_t i = 0; i < countOf(volume->geometry); ++i) {
        ASSERT_NEAR(volume->voxels[i], back->voxels[i], 0.01);
    }
}

TEST(Series, AMirroredStackIsReadAsTheSamePlaceInSpace)
{
    // Slices stored against the normal: the reader turns the stack, the voxels keep their places.
    const Folder folder;
    const fseg_geometry geometry = makeGeometry({8, 9, 5}, {1, 1, 4}, {0.1, 0.2, 0.3});
    const Volume volume = makePhantom(geometry);
    const Arrangement mirrored{{0, 1, 2}, {false, false, true}};
    const Volume other = rearrange(*volume, mirrored);
    write(*other, folder / "series");
    const SeriesList list = scan(folder.string());
    const Volume back = read(list.get(), 0);
    EXPECT_TRUE(fseg_geometry_equal(&back->geometry, &geometry, 1e-6));
    EXPECT_EQ(std::memcmp(volume->voxels, back->voxels, countOf(geometry) * 4), 0);
}

TEST(Series, FileOrderIsShuffledAndSeeded)
{
    const Volume volume = makePhantom(makeGeometry({8, 8, 12}, {1, 1, 5}));
    const Folder folder;
    write(*volume, folder / "a", 5);
    write(*volume, folder / "b", 5);
    write(*volume, folder / "c", 6);
    const auto content = [&](const std::string &name) {
        std::ifstream file(folder / (name + "/IM0001.dcm"), std::ios::binary);
        return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    };
    EXPECT_EQ(content("a"), content("b"));
    EXPECT_NE(content("a"), content("c"));
}

TEST(Series, TwoSeriesNeedAChoice)
{
    const Folder folder;
    const Volume volume = makePhantom(makeGeometry({8, 8, 3}, {1, 1, 5}));
    write(*volume, folder / "a", 1);
    write(*volume, folder / "b", 2);
    std::ofstream(folder / "notes.txt") << "not DICOM";
    const SeriesList list = scan(folder.string());
    ASSERT_EQ(fseg_series_list_count(list.get()), 2u);
    size_t index = 99;
    fseg_error error{};
    EXPECT_EQ(fseg_series_list_choose(list.get(), nullptr, &index, &error), FSEG_ERROR_AMBIGUOUS);
    for (size_t i = 0; i < 2; ++i) {
        const char *uid = fseg_series_list_info(list.get(), i)->uid;
        EXPECT_NE(std::strstr(error.message, uid), nullptr) << error.message;
        ASSERT_EQ(fseg_series_list_choose(list.get(), uid, &index, nullptr), FSEG_OK);
        EXPECT_EQ(index, i);
    }
    EXPECT_EQ(fseg_series_list_choose(list.get(), "1.2.3", &index, nullptr), FSEG_ERROR_NOT_FOUND);
}

TEST(Series, OneGoodSeriesAmongBadOnesIsChosen)
{
    const Folder folder;
    const Volume volume = makePhantom(makeGeometry({8, 8, 5}, {1, 1, 5}));
    write(*volume, folder / "good", 1);
    write(*volume, folder / "gap", 2);
    // The files are shuffled: take each away in turn until the gap is inside the stack.
    const Folder elsewhere;
    bool refused = false;
    for (int n = 1; n <= 5 && !refused; ++n) {
        const std::string path = folder / ("gap/IM000" + std::to_string(n) + ".dcm");
        const std::string aside = elsewhere / "aside.dcm";
        std::filesystem::rename(path, aside);
        const SeriesList list = scan(folder / "gap");
        refused = std::string(fseg_series_list_info(list.get(), 0)->reason_id) == "missing-slice";
        if (!refused) {
            std::filesystem::rename(aside, path);
        }
    }
    ASSERT_TRUE(refused);
    const SeriesList list = scan(folder.string());
    size_t index = 99;
    ASSERT_EQ(fseg_series_list_choose(list.get(), nullptr, &index, nullptr), FSEG_OK);
    EXPECT_EQ(fseg_series_list_info(list.get(), index)->verdict, FSEG_VERDICT_OK);
}

TEST(Series, EmptyMissingAndForeignFoldersAreNamed)
{
    const Folder folder;
    fseg_series_list *list = nullptr;
    fseg_error error{};
    EXPECT_EQ(fseg_series_list_scan(folder.string().c_str(), nullptr, &list, &error),
              FSEG_ERROR_BAD_INPUT);
    EXPECT_NE(std::strstr(error.message, "empty"), nullptr) << error.message;
    EXPECT_EQ(fseg_series_list_scan((folder / "none").c_str(), nullptr, &list, &error),
              FSEG_ERROR_NOT_FOUND);
    std::ofstream(folder / "notes.txt") << "not DICOM";
    std::ofstream(folder / "empty.dcm").close();
    EXPECT_EQ(fseg_series_list_scan(folder.string().c_str(), nullptr, &list, &error),
              FSEG_ERROR_BAD_INPUT);
    EXPECT_NE(std::strstr(error.message, "no DICOM"), nullptr) << error.message;
    EXPECT_EQ(list, nullptr);
}

TEST(Series, ScanAndReadCanBeCancelled)
{
    const Folder folder;
    const Volume volume = makePhantom(makeGeometry({8, 8, 3}, {1, 1, 5}));
    write(*volume, folder / "a");
    const fseg_progress progress{cancelAtOnce, nullptr};
    fseg_series_list *list = nullptr;
    EXPECT_EQ(fseg_series_list_scan(folder.string().c_str(), &progress, &list, nullptr),
              FSEG_ERROR_CANCELLED);
    const SeriesList found = scan(folder.string());
    fseg_volume *back = nullptr;
    EXPECT_EQ(fseg_series_read(found.get(), 0, &progress, &back, nullptr), FSEG_ERROR_CANCELLED);
    EXPECT_EQ(back, nullptr);
}

TEST(Series, AFileThatVanishesAfterTheScanIsNamed)
{
    const Folder folder;
    const Volume volume = makePhantom(makeGeometry({8, 8, 3}, {1, 1, 5}));
    write(*volume, folder / "a");
    const SeriesList list = scan(folder.string());
    std::filesystem::resize_file(folder / "a/IM0002.dcm", 700);
    fseg_volume *back = nullptr;
    fseg_error error{};
    EXPECT_EQ(fseg_series_read(list.get(), 0, nullptr, &back, &error), FSEG_ERROR_BAD_INPUT);
    EXPECT_NE(std::strstr(error.message, "IM0002"), nullptr) << error.message;
}

TEST(SeriesWrite, AFullDiskLeavesNothing)
{
    const Folder folder;
    const Volume volume = makePhantom(makeGeometry({200, 200, 3}, {1, 1, 5}));
    const fseg_series_write_options options = makeOptions();
    fseg_error error{};
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{30000, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    const fseg_status status =
        fseg_series_write(volume.get(), &options, (folder / "series").c_str(), &error);
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    EXPECT_EQ(status, FSEG_ERROR_NO_SPACE) << error.message;
    EXPECT_EQ(folder.entries(), 0u);
}

TEST(SeriesWrite, AnOccupiedFolderAndAMissingParentAreRefused)
{
    const Folder folder;
    const Volume volume = makePhantom(makeGeometry({8, 8, 3}, {1, 1, 5}));
    const fseg_series_write_options options = makeOptions();
    write(*volume, folder / "a");
    EXPECT_NE(fseg_series_write(volume.get(), &options, (folder / "a").c_str(), nullptr), FSEG_OK);
    EXPECT_EQ(fseg_series_write(volume.get(), &options, (folder / "x/y").c_str(), nullptr),
              FSEG_ERROR_NOT_FOUND);
    volume->voxels[7] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(fseg_series_write(volume.get(), &options, (folder / "nan").c_str(), nullptr),
              FSEG_ERROR_NOT_FINITE);
    EXPECT_FALSE(std::filesystem::exists(folder / "nan"));
}
