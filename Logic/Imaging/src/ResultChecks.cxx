/* What is odd about a mask, in sentences. */
#include "Checks.h"
#include "Failure.h"

#include <algorithm>
#include <cstring>

namespace frugalseg
{

namespace
{

/** Whether the mask reaches the first or last voxel along any axis. */
bool touchesBorder(const fseg_mask &mask)
{
    const size_t *size = mask.geometry.size;
    size_t at = 0;
    for (size_t k = 0; k < size[2]; ++k) {
        for (size_t j = 0; j < size[1]; ++j) {
            for (size_t i = 0; i < size[0]; ++i, ++at) {
                const bool border = i == 0 || j == 0 || k == 0 || i + 1 == size[0] ||
                                    j + 1 == size[1] || k + 1 == size[2];
                if (border && mask.voxels[at]) {
                    return true;
                }
            }
        }
    }
    return false;
}

} // namespace

void warn(fseg_segment_report &report, fseg_check check, const std::string &sentence)
{
    if (report.warning_count < FSEG_MAX_WARNINGS) {
        const int at = report.warning_count++;
        std::strncpy(report.warnings[at], sentence.c_str(), sizeof report.warnings[at] - 1);
        report.checks[at] = check;
    }
}

std::string millilitres(double volume)
{
    char text[32];
    return std::string(fseg_imaging_format_number(volume, text)) + " ml";
}

void checkResult(const fseg_mask &mask, const fseg_input_spec &spec, const fseg_model_scope &scope,
                 const std::vector<size_t> &components, fseg_segment_report &report)
{
    if (components.empty()) {
        warn(report, FSEG_CHECK_EMPTY,
             formatText("No %.40s was found in this image.", spec.structure));
        return;
    }
    if (touchesBorder(mask)) {
        warn(report, FSEG_CHECK_BORDER,
             formatText("The %.40s touches the border of the image; its volume is incomplete if it "
                        "goes on beyond.",
                        spec.structure));
    }
    const std::string volume = millilitres(report.volume_ml);
    if (spec.volume_ml_low > 0.0 && report.volume_ml < spec.volume_ml_low) {
        warn(report, FSEG_CHECK_VOLUME_LOW,
             formatText("The volume of %s is below the %s expected of a %.40s.", volume.c_str(),
                        millilitres(spec.volume_ml_low).c_str(), spec.structure));
    }
    if (spec.volume_ml_high > 0.0 && report.volume_ml > spec.volume_ml_high) {
        warn(report, FSEG_CHECK_VOLUME_HIGH,
             formatText("The volume of %s is above the %s expected of a %.40s.", volume.c_str(),
                        millilitres(spec.volume_ml_high).c_str(), spec.structure));
    }
    const auto islands = std::count_if(components.begin() + 1, components.end(), [&](size_t size) {
        return static_cast<double>(size) >= scope.island_share * static_cast<double>(components[0]);
    });
    if (islands > 0) {
        warn(report, FSEG_CHECK_ISLANDS,
             "The network found several large islands; only the largest was kept. Check the mask.");
    }
    if (report.mean_entropy > scope.entropy_high) {
        warn(report, FSEG_CHECK_ENTROPY,
             "The network is unsure about much of the mask; check it closely.");
    }
}

} // namespace frugalseg
