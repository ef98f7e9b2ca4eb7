/* What a segmentation object is to hold: options checked and defaults resolved. */
#include "DicomSegPlan.h"
#include "DicomRepair.h"
#include "DicomSeries.h"
#include "DicomText.h"
#include "Failure.h"
#include "Geometry.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace frugalseg
{

namespace
{

/** Leaves room for 28 random digits: more than 90 bits. */
constexpr size_t longestRoot = 35;

bool given(const char *text)
{
    return text && *text;
}

/** The option, or else what the environment says. */
std::string optionOr(const char *option, const char *variable)
{
    const char *text = option ? option : std::getenv(variable);
    return text ? text : "";
}

const fseg_structure &structureOf(const char *name)
{
    const fseg_structure *structure = fseg_structure_find(name);
    if (structure) {
        return *structure;
    }
    std::string known;
    for (size_t i = 0; fseg_structure_at(i); ++i) {
        known += (i ? ", " : "") + std::string(fseg_structure_at(i)->name);
    }
    throw Failure(FSEG_ERROR_UNSUPPORTED,
                  std::string("there is no DICOM code for the structure \"") + (name ? name : "") +
                      "\"; known are " + known);
}

void checkModel(const fseg_seg_options &options)
{
    requireArgument(given(options.model_name) && given(options.model_version) &&
                        options.model_sha256,
                    "model name, version and SHA-256 must be given");
    requireArgument(
        std::strlen(options.model_name) <= 64 && std::strlen(options.model_version) <= 64 &&
            !std::strchr(options.model_name, '\\') && !std::strchr(options.model_version, '\\'),
        "model name and version must have at most 64 characters and no backslash");
    const std::string hash = options.model_sha256;
    const bool hex =
        hash.size() == 64 && std::all_of(hash.begin(), hash.end(),
                                         [](unsigned char c) { return std::isxdigit(c) != 0; });
    requireArgument(hex, "the model's SHA-256 must be 64 hexadecimal digits");
}

void planSegments(const fseg_seg_options &options, SegPlan &plan)
{
    if (options.segment_count == 0) {
        plan.segments.push_back({&structureOf(options.structure), 0, options.edited != 0});
        return;
    }
    requireArgument(options.segments && options.segment_count <= FSEG_MAX_SEGMENTS,
                    "a segmentation takes 1 to 32 segments");
    for (size_t i = 0; i < options.segment_count; ++i) {
        const fseg_seg_segment &segment = options.segments[i];
        const fseg_structure &structure = structureOf(segment.structure);
        requireArgument(segment.value >= 1 && segment.value <= 255,
                        "the value of a segment must be 1 to 255");
        for (const PlannedSegment &earlier : plan.segments) {
            requireArgument(earlier.structure != &structure && earlier.value != segment.value,
                            "two segments have the same structure or value");
        }
        plan.segments.push_back({&structure, segment.value, segment.edited != 0});
    }
}

std::string checkedCreator(const std::string &creator)
{
    requireArgument(creator.size() <= 64 && creator.find_first_of("\\=") == std::string::npos &&
                        toUtf8(creator, "") == creator,
                    "the editor's pseudonym must have at most 64 bytes of text, without backslash "
                    "and equals sign");
    return creator;
}

std::string checkedRoot(const std::string &root)
{
    requireArgument(root.empty() || (isUniqueIdentifier(root) && root.size() <= longestRoot),
                    "the root for UIDs must be numbers joined by points, as 1.2.840.99999, of at "
                    "most 35 characters");
    return root;
}

} // namespace

bool SegPlan::edited() const
{
    return std::any_of(segments.begin(), segments.end(),
                       [](const PlannedSegment &segment) { return segment.edited; });
}

std::string SegPlan::uid() const
{
    const std::string fresh = newUid();
    return uidRoot.empty() ? fresh
                           : (uidRoot + "." + fresh.substr(std::strlen("2.25."))).substr(0, 64);
}

SegPlan planSegmentation(const fseg_seg_options &options)
{
    SegPlan plan;
    planSegments(options, plan);
    checkModel(options);
    plan.modelName = options.model_name;
    plan.modelVersion = options.model_version;
    plan.modelSha256 = options.model_sha256;
    requireArgument(options.type == FSEG_SEG_BINARY || options.type == FSEG_SEG_LABELMAP,
                    "the type of a segmentation must be binary or labelmap");
    plan.labelmap = options.type == FSEG_SEG_LABELMAP;
    if (given(options.predecessor_instance_uid) || given(options.predecessor_series_uid)) {
        requireArgument(given(options.predecessor_instance_uid) &&
                            given(options.predecessor_series_uid) &&
                            isUniqueIdentifier(options.predecessor_instance_uid) &&
                            isUniqueIdentifier(options.predecessor_series_uid),
                        "the predecessor needs both UIDs, of digits and points, or none");
        plan.predecessorInstance = options.predecessor_instance_uid;
        plan.predecessorSeries = options.predecessor_series_uid;
        plan.predecessorClass = given(options.predecessor_class_uid)
                                    ? options.predecessor_class_uid
                                    : "1.2.840.10008.5.1.4.1.1.66.4"; // Segmentation Storage
        requireArgument(isUniqueIdentifier(plan.predecessorClass),
                        "the predecessor's class is no unique identifier");
    }
    plan.uidRoot = checkedRoot(optionOr(options.uid_root, "FRUGALSEG_UID_ROOT"));
    const std::string person = checkedCreator(optionOr(options.creator, "FRUGALSEG_EDITOR"));
    // Nobody edited: the program made it. Somebody did, unnamed: nobody is named.
    plan.creator = plan.edited() ? person : "FrugalSeg^Software";
    return plan;
}

std::array<uint8_t, 256> numberSegments(SegPlan &plan, const fseg_mask &mask)
{
    std::array<size_t, 256> counts{};
    const size_t count = voxelCount(mask.geometry);
    for (size_t i = 0; i < count; ++i) {
        ++counts[mask.voxels[i]];
    }
    const bool every = plan.segments.front().value == 0;
    if (counts[0] == count) {
        throw Failure(FSEG_ERROR_BAD_INPUT,
                      "the mask is empty; there is nothing to save as a DICOM segmentation");
    }
    std::array<uint8_t, 256> numbers{};
    if (every) {
        std::fill(numbers.begin() + 1, numbers.end(), uint8_t{1});
        return numbers;
    }
    plan.segments.erase(std::remove_if(plan.segments.begin(), plan.segments.end(),
                                       [&](const PlannedSegment &segment) {
                                           return counts[static_cast<size_t>(segment.value)] == 0;
                                       }),
                        plan.segments.end());
    for (size_t i = 0; i < plan.segments.size(); ++i) {
        numbers[static_cast<size_t>(plan.segments[i].value)] = static_cast<uint8_t>(i + 1);
    }
    for (size_t value = 1; value < 256; ++value) {
        if (counts[value] > 0 && numbers[value] == 0) {
            throw Failure(FSEG_ERROR_BAD_INPUT,
                          formatText("the mask has voxels of the value %zu, for which no structure "
                                     "is given",
                                     value));
        }
    }
    return numbers;
}

void requireKept(const std::string &path, bool edited)
{
    std::error_code code;
    if (!std::filesystem::exists(path, code)) {
        return;
    }
    fseg_seg_content content{};
    const bool segmentation = fseg_seg_identify(path.c_str(), &content, nullptr) == FSEG_OK;
    if (edited && segmentation) {
        throw Failure(FSEG_ERROR_BAD_INPUT,
                      "\"" + path +
                          "\" holds an earlier segmentation, which a correction does not replace; "
                          "give another name");
    }
    if (segmentation && content.edited) {
        throw Failure(FSEG_ERROR_BAD_INPUT,
                      "\"" + path +
                          "\" holds a segmentation that a person corrected; it is kept: give "
                          "another name");
    }
}

} // namespace frugalseg
