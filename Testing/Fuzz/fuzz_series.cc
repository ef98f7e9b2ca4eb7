/* Target: the series reader on a folder of one file, or of several when the input is split (the
 * mark of splitFiles). Every series is described, and read when its verdict is ok. */
#include "frugalseg/imaging.h"
#include "fuzz_target.h"

#include <cmath>
#include <filesystem>

namespace
{

void checkVolume(const fseg_volume &volume)
{
    const size_t *size = volume.geometry.size;
    for (int row = 0; row < 4; ++row) {
        for (int column = 0; column < 4; ++column) {
            if (!std::isfinite(volume.geometry.ijk_to_lps[row][column])) {
                fuzz::broken("a volume was placed by a matrix that is not finite");
            }
        }
    }
    double sum = 0.0; // touches every voxel, so that a short buffer shows
    for (size_t i = 0; i < size[0] * size[1] * size[2]; ++i) {
        sum += static_cast<double>(volume.voxels[i]);
    }
    if (!std::isfinite(sum)) {
        fuzz::broken("a volume holds values that are not finite");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const std::string folder = [] {
        const std::string path = fuzz::scratch() + "/series";
        std::filesystem::create_directory(path);
        return path;
    }();
    static size_t written = 0;
    const auto parts = fuzz::splitFiles(data, size);
    for (size_t i = 0; i < parts.size(); ++i) {
        fuzz::writeFile("series/" + std::to_string(i), parts[i].first, parts[i].second);
    }
    for (size_t i = parts.size(); i < written; ++i) {
        std::filesystem::remove(folder + "/" + std::to_string(i));
    }
    written = parts.size();

    fseg_error error{};
    fseg_series_list *list = nullptr;
    fseg_status status = fseg_series_list_scan(folder.c_str(), nullptr, &list, &error);
    if (status == FSEG_OK) {
        for (size_t i = 0; i < fseg_series_list_count(list); ++i) {
            const fseg_series_info &info = *fseg_series_list_info(list, i);
            for (const char *text : {info.uid, info.description, info.modality, info.body_part,
                                     info.reason, info.protocol, info.scan_options}) {
                fuzz::requireText(text, "a text of a series");
            }
            fseg_volume *volume = nullptr;
            status = fseg_series_read(list, i, nullptr, &volume, &error);
            if (status == FSEG_OK) {
                checkVolume(*volume);
            } else if (info.verdict != FSEG_VERDICT_OK && info.reason[0] == '\0') {
                fuzz::broken("a series was refused without a reason");
            }
            fseg_volume_free(volume);
        }
        size_t index = 0;
        fseg_error choice{};
        const fseg_status chosen = fseg_series_list_choose(list, nullptr, &index, &choice);
        fuzz::note(chosen, choice);
    }
    fseg_series_list_free(list);
    fuzz::note(status, error);
    return 0;
}
