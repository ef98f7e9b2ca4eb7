/* In which respects an image lies outside a model's card, in sentences. */
#include "CanonicalAxes.h"
#include "Checks.h"
#include "Failure.h"
#include "Prediction.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <string>

namespace frugalseg
{

namespace
{

/** Voxels whose longest side exceeds the next by less than this show slices in every direction. */
constexpr double isotropic = 1.2;

std::string lowered(const std::string &text)
{
    std::string result = text;
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

/** Whether `text` has the word, not as a part of a longer one ("t1" in "t1_vibe", not in "st1"; a
 *  letter may follow a digit, as in "t2w"). */
bool hasWord(const std::string &text, const std::string &word)
{
    for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
        const size_t end = at + word.size();
        const bool starts = at == 0 || !std::isalnum(static_cast<unsigned char>(text[at - 1]));
        const bool digitLast = std::isdigit(static_cast<unsigned char>(word.back())) != 0;
        const unsigned char next = end < text.size() ? static_cast<unsigned char>(text[end]) : ' ';
        if (starts && (digitLast ? !std::isdigit(next) : !std::isalnum(next))) {
            return true;
        }
    }
    return false;
}

/** Axis along which the slices lie: the one of the largest spacing. -1 when there is none. */
int sliceAxis(const double spacing[3])
{
    const auto longest = static_cast<int>(std::max_element(spacing, spacing + 3) - spacing);
    for (int axis = 0; axis < 3; ++axis) {
        if (axis != longest && spacing[longest] < isotropic * spacing[axis]) {
            return -1;
        }
    }
    return longest;
}

const char *orientationOf(const fseg_geometry &geometry, int axis)
{
    const Vector3 step = matrixColumn(geometry, axis);
    const double along[3] = {std::fabs(step[0]), std::fabs(step[1]), std::fabs(step[2])};
    static const char *const names[3] = {"sagittal", "coronal", "axial"};
    return names[std::max_element(along, along + 3) - along];
}

void checkGeometry(const fseg_geometry &geometry, const fseg_input_spec &spec,
                   const fseg_model_scope &scope, fseg_segment_report &report)
{
    double spacing[3];
    fseg_geometry_spacing(&geometry, spacing);
    const int slices = sliceAxis(spacing);
    const CanonicalAxes axes(geometry);
    const double pixel = slices < 0
                             ? std::max(axes.spacing[0], axes.spacing[1])
                             : std::max(spacing[(slices + 1) % 3], spacing[(slices + 2) % 3]);
    double field = 0.0;
    for (int axis = 0; axis < 3; ++axis) {
        if (axis != (slices < 0 ? axes.axis[2] : slices)) {
            field = std::max(field, spacing[axis] * static_cast<double>(geometry.size[axis]));
        }
    }
    const double slice = slices < 0 ? axes.spacing[2] : spacing[slices];
    if (slices >= 0 && scope.orientation[0] &&
        std::strcmp(orientationOf(geometry, slices), scope.orientation) != 0) {
        warn(report, FSEG_CHECK_ORIENTATION,
             formatText("The slices are %s, but the model \"%.30s\" was made for %.10s ones.",
                        orientationOf(geometry, slices), spec.name, scope.orientation));
    }
    const double pixelHigh =
        scope.pixel_mm_high > 0.0 ? scope.pixel_mm_high : 2.0 * spec.spacing_mm;
    if (pixel > pixelHigh) {
        warn(report, FSEG_CHECK_PIXEL_SIZE,
             formatText("The pixels measure %.2g mm, more than the %.2g mm up to which the model "
                        "was made.",
                        pixel, pixelHigh));
    } else if (pixel < scope.pixel_mm_low) {
        warn(report, FSEG_CHECK_PIXEL_SIZE,
             formatText("The pixels measure %.2g mm, less than the %.2g mm from which on the model "
                        "was made.",
                        pixel, scope.pixel_mm_low));
    }
    if (field < scope.field_mm_low || (scope.field_mm_high > 0.0 && field > scope.field_mm_high)) {
        warn(report, FSEG_CHECK_FIELD,
             formatText("The slices measure %.0f mm across; the model is made for %.0f to %.0f mm.",
                        field, scope.field_mm_low, scope.field_mm_high));
    }
    if (slice < scope.slice_mm_low || (scope.slice_mm_high > 0.0 && slice > scope.slice_mm_high)) {
        warn(report, FSEG_CHECK_SLICES,
             formatText("The slices are %.2g mm apart; the model is made for %.2g to %.2g mm.",
                        slice, scope.slice_mm_low, scope.slice_mm_high));
    }
}

/** The body part for a sentence. Only DICOM's common words are repeated: what else stands in that
 *  attribute could tell who the patient is, and warnings are kept in reports. */
std::string bodyPartWord(const std::string &part)
{
    for (const char *known :
         {"abdomen", "liver",  "pelvis", "prostate",  "bladder",  "kidney",   "pancreas",
          "uterus",  "rectum", "head",   "brain",     "neck",     "chest",    "breast",
          "heart",   "lung",   "spine",  "cspine",    "tspine",   "lspine",   "hip",
          "thigh",   "knee",   "leg",    "ankle",     "foot",     "shoulder", "arm",
          "elbow",   "wrist",  "hand",   "extremity", "wholebody"}) {
        if (part == known) {
            std::string word = known;
            std::transform(word.begin(), word.end(), word.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
            return word;
        }
    }
    return "another body part";
}

void checkSeries(const fseg_series_info &series, const fseg_input_spec &spec,
                 const fseg_model_scope &scope, fseg_segment_report &report)
{
    const std::string part = lowered(series.body_part);
    const auto *begin = scope.body_parts, *end = scope.body_parts + scope.body_part_count;
    if (!part.empty() && begin != end &&
        std::none_of(begin, end, [&](const char *known) { return lowered(known) == part; })) {
        warn(report, FSEG_CHECK_BODY_PART,
             formatText("The series shows %s, but the model \"%.30s\" was made for %.40s.",
                        bodyPartWord(part).c_str(), spec.name, scope.body_parts[0]));
    }
    const std::string weighting = lowered(fseg_imaging_weighting(&series));
    if (!weighting.empty() && scope.contrast[0] && !hasWord(lowered(scope.contrast), weighting)) {
        warn(report, FSEG_CHECK_CONTRAST,
             formatText("The series seems to be %s-weighted, but the model \"%.30s\" was made for "
                        "%.40s; expect a poor mask.",
                        fseg_imaging_weighting(&series), spec.name, scope.contrast));
    }
}

} // namespace

void checkInput(const fseg_model *model, const fseg_volume &volume, const fseg_series_info *series,
                fseg_segment_report &report)
{
    fseg_error error{};
    fseg_model_scope scope{};
    const fseg_input_spec spec = inputSpec(model);
    check(fseg_model_read_scope(model, &scope, &error), error);
    if (volume.modality[0] && spec.modality[0] &&
        std::strcmp(volume.modality, spec.modality) != 0) {
        warn(report, FSEG_CHECK_MODALITY,
             formatText("The image is %s, but the model \"%.40s\" was made for %.16s; do not trust "
                        "the mask.",
                        volume.modality, spec.name, spec.modality));
    }
    if (series) {
        checkSeries(*series, spec, scope, report);
    }
    checkGeometry(volume.geometry, spec, scope, report);
}

} // namespace frugalseg

extern "C" {

fseg_status fseg_imaging_check_input(const fseg_model *model, const fseg_volume *volume,
                                     const fseg_series_info *series, fseg_segment_report *report,
                                     fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(model && volume && report,
                                   "model, volume and report must not be null");
        frugalseg::requireGeometry(volume->geometry);
        frugalseg::checkInput(model, *volume, series, *report);
    });
}

const char *fseg_imaging_weighting(const fseg_series_info *series)
{
    if (!series) {
        return "";
    }
    // What a person wrote comes first; the times decide only where they are far from any doubt.
    const std::string words =
        frugalseg::lowered(std::string(series->description) + " " + series->protocol);
    const char *const names[] = {"DWI", "T1", "T2", "PD"};
    const char *found = "";
    for (const char *name : names) {
        if (frugalseg::hasWord(words, frugalseg::lowered(name))) {
            if (*found) {
                return ""; // "T1 and T2": says nothing
            }
            found = name;
        }
    }
    if (*found) {
        return found;
    }
    if (series->echo_ms >= 60.0 && series->repetition_ms >= 1200.0) {
        return "T2";
    }
    if (series->echo_ms > 0.0 && series->echo_ms < 25.0 && series->repetition_ms > 0.0 &&
        series->repetition_ms < 800.0) {
        return "T1";
    }
    return "";
}

const char *fseg_check_name(fseg_check check)
{
    static const char *const names[] = {
        "modality",    "body-part",     "contrast", "pixel-size", "slice-distance",
        "orientation", "field-of-view", "empty",    "border",     "volume-low",
        "volume-high", "islands",       "entropy"};
    const auto index = static_cast<size_t>(check);
    return index < sizeof names / sizeof *names ? names[index] : "";
}

} // extern "C"
