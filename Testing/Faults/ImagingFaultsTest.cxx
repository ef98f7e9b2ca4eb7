// Imaging: every allocation fails once in the functions that work on our own memory, every write of
// the writers. Readers that hand over to ITK or DCMTK are given a sample of allocations: the
// toolkits' own promise is not ours, and ours is that nothing ends the program and the next call
// works.
#include "Faults.h"
#include "frugalseg/files.h"
#include "frugalseg/imaging.h"
#include "frugalseg/seg.h"
#include "frugalseg/slices.h"

#include <cstring>
#include <memory>

namespace
{

using faults::everyAllocation;
using faults::everyWrite;

fseg_geometry smallGrid()
{
    fseg_geometry grid{};
    const size_t size[3] = {12, 10, 4};
    const double spacing[3] = {3.0, 3.0, 6.0};
    for (int i = 0; i < 3; ++i) {
        grid.size[i] = size[i];
        grid.ijk_to_lps[i][i] = spacing[i];
        grid.ijk_to_lps[i][3] = -10.0 * (i + 1);
    }
    grid.ijk_to_lps[3][3] = 1.0;
    return grid;
}

struct FreeVolume {
    void operator()(fseg_volume *volume) const
    {
        fseg_volume_free(volume);
    }
};
struct FreeMask {
    void operator()(fseg_mask *mask) const
    {
        fseg_mask_free(mask);
    }
};
struct FreeList {
    void operator()(fseg_series_list *list) const
    {
        fseg_series_list_free(list);
    }
};
using Volume = std::unique_ptr<fseg_volume, FreeVolume>;
using Mask = std::unique_ptr<fseg_mask, FreeMask>;
using List = std::unique_ptr<fseg_series_list, FreeList>;

Volume makeVolume()
{
    const fseg_geometry grid = smallGrid();
    fseg_volume *volume = nullptr;
    EXPECT_EQ(fseg_volume_create(&grid, &volume, nullptr), FSEG_OK);
    for (size_t i = 0; i < 480; ++i) {
        volume->voxels[i] = static_cast<float>((i * 37) % 500);
    }
    std::strcpy(volume->modality, "MR");
    return Volume(volume);
}

Mask makeMask(size_t modulus = 3)
{
    const fseg_geometry grid = smallGrid();
    fseg_mask *mask = nullptr;
    EXPECT_EQ(fseg_mask_create(&grid, &mask, nullptr), FSEG_OK);
    for (size_t i = 0; i < 480; ++i) {
        mask->voxels[i] = i % modulus == 0;
    }
    return Mask(mask);
}

TEST(ImagingFaults, CreatingVolumesMasksAndGrids)
{
    const fseg_geometry grid = smallGrid();
    everyAllocation([&](fseg_error *error) {
        fseg_volume *volume = nullptr;
        const fseg_status status = fseg_volume_create(&grid, &volume, error);
        EXPECT_EQ(status == FSEG_OK, volume != nullptr);
        fseg_volume_free(volume);
        return status;
    });
    everyAllocation([&](fseg_error *error) {
        fseg_mask *mask = nullptr;
        const fseg_status status = fseg_mask_create(&grid, &mask, error);
        fseg_mask_free(mask);
        return status;
    });
}

TEST(ImagingFaults, FromTheImageToTheNetworkAndBack)
{
    const Volume volume = makeVolume();
    const Mask labels = makeMask();
    fseg_input_spec spec{};
    spec.spacing_mm = 4.0;
    spec.context_slices = 1;
    spec.percentile_low = 1.0;
    spec.percentile_high = 99.0;
    spec.threshold = 0.5;
    everyAllocation([&](fseg_error *error) {
        fseg_network_grid *grid = nullptr;
        fseg_status status =
            fseg_network_grid_create(volume.get(), labels.get(), &spec, 8, &grid, error);
        if (status == FSEG_OK) {
            fseg_mask *mask = nullptr;
            status = fseg_network_grid_mask(grid, grid->slices, 0.5, &mask, error);
            fseg_mask_free(mask);
        }
        fseg_network_grid_free(grid);
        return status;
    });
}

TEST(ImagingFaults, ComparingMasks)
{
    const Mask one = makeMask(3), other = makeMask(4);
    fseg_mask_agreement agreement;
    everyAllocation([&](fseg_error *error) {
        return fseg_mask_compare(one.get(), other.get(), &agreement, error);
    });
}

TEST(ImagingFaults, HashesOfFilesTextsAndImages)
{
    const faults::Folder folder;
    const std::string path = folder / "file";
    ASSERT_EQ(fseg_file_write(path.c_str(), "content", 7, nullptr), FSEG_OK);
    const Volume volume = makeVolume();
    char hex[65];
    everyAllocation([&](fseg_error *error) { return fseg_file_sha256(path.c_str(), hex, error); });
    everyAllocation(
        [&](fseg_error *error) { return fseg_text_sha256("salt", "text", hex, error); });
    everyAllocation(
        [&](fseg_error *error) { return fseg_volume_sha256("salt", volume.get(), hex, error); });
}

TEST(ImagingFaults, AFullDiskNeverCostsTheFormerFile)
{
    const faults::Folder folder;
    const Volume volume = makeVolume();
    const Mask mask = makeMask();
    const struct {
        const char *name;
        std::function<fseg_status(const char *, fseg_error *)> save;
    } writers[] = {
        {"small.json", [](const char *path,
                          fseg_error *error) { return fseg_file_write(path, "new", 3, error); }},
        {"volume.nii",
         [&](const char *path, fseg_error *error) {
             return fseg_volume_write(volume.get(), path, error);
         }},
        {"mask.nii.gz",
         [&](const char *path, fseg_error *error) {
             return fseg_mask_write(mask.get(), path, error);
         }},
    };
    for (const auto &writer : writers) {
        const std::string path = folder / writer.name;
        ASSERT_EQ(fseg_file_write(path.c_str(), "former", 6, nullptr), FSEG_OK);
        const std::string before = folder.entries();
        EXPECT_GT(
            everyWrite([&](fseg_error *error) { return writer.save(path.c_str(), error); },
                       [&](bool saved) {
                           // A failure behind the rename may leave the new file, whole.
                           const std::string now = faults::bytesOf(path);
                           EXPECT_TRUE(now == "former" || now.size() != 6 || saved) << writer.name;
                           EXPECT_EQ(folder.entries(), before) << writer.name;
                           ASSERT_EQ(fseg_file_write(path.c_str(), "former", 6, nullptr), FSEG_OK);
                       }),
            3u)
            << writer.name;
    }
}

TEST(ImagingFaults, AFullDiskLeavesNoHalfSeriesAndNoHalfSegmentation)
{
    const faults::Folder folder;
    const Volume volume = makeVolume();
    const Mask mask = makeMask();
    const fseg_series_write_options options = {"faults", "PHANTOM", "ABDOMEN", 1};
    const std::string good = folder / "good", path = folder / "series", seg = folder / "seg.dcm";
    ASSERT_EQ(fseg_series_write(volume.get(), &options, good.c_str(), nullptr), FSEG_OK);
    everyWrite(
        [&](fseg_error *error) {
            return fseg_series_write(volume.get(), &options, path.c_str(), error);
        },
        [&](bool saved) {
            EXPECT_EQ(folder.entries().find("series") != std::string::npos, saved);
            std::filesystem::remove_all(path);
        });
    std::filesystem::remove_all(path);
    fseg_series_list *found = nullptr;
    ASSERT_EQ(fseg_series_list_scan(good.c_str(), nullptr, &found, nullptr), FSEG_OK);
    const List list(found);
    fseg_seg_options seg_options{};
    seg_options.structure = "liver";
    seg_options.model_name = "faults";
    seg_options.model_version = "1";
    const std::string hash(64, '0');
    seg_options.model_sha256 = hash.c_str();
    everyWrite(
        [&](fseg_error *error) {
            return fseg_seg_write(list.get(), 0, mask.get(), &seg_options, seg.c_str(), error);
        },
        [&](bool) {
            if (std::filesystem::exists(seg)) { // whole, or not there
                fseg_seg_content content{};
                fseg_error error{};
                EXPECT_EQ(fseg_seg_identify(seg.c_str(), &content, &error), FSEG_OK)
                    << error.message;
            }
            std::filesystem::remove(seg);
        });
}

TEST(ImagingFaults, ReadingASeriesWithoutMemoryEndsCleanlyAndWorksAgain)
{
    const faults::Folder folder;
    const Volume volume = makeVolume();
    const fseg_series_write_options options = {"faults", "PHANTOM", "ABDOMEN", 1};
    const std::string path = folder / "series";
    ASSERT_EQ(fseg_series_write(volume.get(), &options, path.c_str(), nullptr), FSEG_OK);
    const auto read = [&](fseg_error *error) {
        fseg_series_list *list = nullptr;
        fseg_volume *got = nullptr;
        fseg_status status = fseg_series_list_scan(path.c_str(), nullptr, &list, error);
        if (status == FSEG_OK) {
            status = fseg_series_read(list, 0, nullptr, &got, error);
        }
        fseg_volume_free(got);
        fseg_series_list_free(list);
        return status;
    };
    fseg_error error{};
    ASSERT_EQ(read(&error), FSEG_OK) << error.message;
    // Every 29th of some thousands; what DCMTK makes of a lack is a failure of some kind.
    for (size_t n = 1; n < faults::mostFaults; n += 29) {
        error = fseg_error{};
        allocation::failAt(n);
        const fseg_status status = read(&error);
        const bool failed = allocation::failed();
        allocation::failAt(0);
        if (!failed) {
            break;
        }
        EXPECT_EQ(status == FSEG_OK, error.message[0] == '\0') << n;
    }
    EXPECT_EQ(read(&error), FSEG_OK) << error.message;
}

} // namespace
