/* Opening DICOM Segmentations of any program: content, segments, places of the frames. */
#include "DicomSegFile.h"
#include "DicomAttributes.h"
#include "DicomSeries.h"
#include "DicomText.h"
#include "Failure.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include "dcmtk/dcmiod/cielabutil.h"
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

namespace frugalseg
{

namespace
{

/* Caps on what a file may announce; beyond them it is refused before anything is decoded. */
constexpr unsigned longestSide = 8192;
constexpr long mostFrames = 65536;
constexpr double mostVoxels = 4294967296.0;      /**< bits of BINARY: 512 MiB */
constexpr double mostDecodedBytes = 536870912.0; /**< of compressed or byte-wise frames */

[[noreturn]] void refuse(const std::string &why)
{
    throw Failure(FSEG_ERROR_BAD_INPUT, why);
}

[[noreturn]] void refuseIncomplete(const std::string &what)
{
    refuse("the DICOM segmentation is incomplete or damaged (" + what + "); it cannot be opened");
}

template <size_t N> void put(char (&out)[N], const std::string &text)
{
    copyText(out, N, text);
}

DcmItem *firstItem(DcmItem &parent, const DcmTagKey &sequence)
{
    DcmItem *item = nullptr;
    return parent.findAndGetSequenceItem(sequence, item, 0).good() ? item : nullptr;
}

/** The items of a sequence, in order, in one pass. */
std::vector<DcmItem *> itemsOf(DcmItem &parent, const DcmTagKey &tag)
{
    std::vector<DcmItem *> items;
    DcmSequenceOfItems *sequence = nullptr;
    if (parent.findAndGetSequence(tag, sequence).bad() || !sequence) {
        return items;
    }
    for (DcmObject *object = sequence->nextInContainer(nullptr); object;
         object = sequence->nextInContainer(object)) {
        items.push_back(static_cast<DcmItem *>(object)); // a sequence holds nothing else
    }
    return items;
}

// ---- segments -----------------------------------------------------------------------------------

struct ReadCode {
    std::string value, scheme, meaning;
};

ReadCode codeOf(DcmItem *item, const std::string &charset)
{
    if (!item) {
        return {};
    }
    ReadCode code;
    code.value = attributeText(*item, DCM_CodeValue);
    if (code.value.empty()) {
        code.value = attributeText(*item, DCM_LongCodeValue);
    }
    code.scheme = attributeText(*item, DCM_CodingSchemeDesignator);
    code.meaning = toUtf8(attributeText(*item, DCM_CodeMeaning), charset);
    return code;
}

/** SNOMED CT, or the code of the retired SNOMED RT for the same. */
bool isCode(const ReadCode &read, const fseg_code &code, const char *retired)
{
    if (!code.value) {
        return read.value.empty();
    }
    return (read.scheme == code.scheme && read.value == code.value) ||
           (retired && read.value == retired &&
            (read.scheme == "SRT" || read.scheme == "SNM3" || read.scheme == "99SDM"));
}

std::string structureOf(const ReadCode &type, const ReadCode &side)
{
    for (size_t i = 0; fseg_structure_at(i); ++i) {
        const fseg_structure &structure = *fseg_structure_at(i);
        const char *retiredSide = !structure.side.value                               ? nullptr
                                  : std::strcmp(structure.side.meaning, "Right") == 0 ? "G-A100"
                                                                                      : "G-A101";
        if (isCode(type, structure.type, structure.retired) &&
            isCode(side, structure.side, retiredSide)) {
            return structure.name;
        }
    }
    return "";
}

void readColor(DcmItem &item, fseg_seg_segment_info &segment)
{
    double lab[3], rgb[3];
    for (unsigned long i = 0; i < 3; ++i) {
        Uint16 value = 0;
        if (item.findAndGetUint16(DCM_RecommendedDisplayCIELabValue, value, i).bad()) {
            return;
        }
        lab[i] = value;
    }
    IODCIELabUtil::dicomLab2RGB(rgb[0], rgb[1], rgb[2], lab[0], lab[1], lab[2]);
    for (int i = 0; i < 3; ++i) {
        const double value = std::isfinite(rgb[i]) ? rgb[i] : 0.0;
        segment.rgb[i] =
            static_cast<uint8_t>(std::lround(255.0 * std::min(std::max(value, 0.0), 1.0)));
    }
    segment.has_color = 1;
}

void readSegments(DcmItem &data, const std::string &charset, fseg_seg_file &file)
{
    const bool labelmap = std::strcmp(file.content.type, "LABELMAP") == 0;
    for (DcmItem *item : itemsOf(data, DCM_SegmentSequence)) {
        fseg_seg_segment_info segment{};
        segment.number = static_cast<int>(attributeUnsigned(*item, DCM_SegmentNumber, 0));
        if (segment.number == 0 && labelmap) {
            continue; // the background of a label map
        }
        const bool taken =
            std::any_of(file.segments.begin(), file.segments.end(),
                        [&](const auto &other) { return other.number == segment.number; });
        if (segment.number == 0 || taken) {
            refuseIncomplete("segment numbers");
        }
        DcmItem *typeItem = firstItem(*item, DCM_SegmentedPropertyTypeCodeSequence);
        const ReadCode type = codeOf(typeItem, charset);
        DcmItem *sideItem = firstItem(*item, DCM_SegmentedPropertyTypeModifierCodeSequence);
        if (!sideItem && typeItem) {
            sideItem = firstItem(*typeItem, DCM_SegmentedPropertyTypeModifierCodeSequence);
        }
        put(segment.structure, structureOf(type, codeOf(sideItem, charset)));
        put(segment.label, toUtf8(attributeText(*item, DCM_SegmentLabel), charset));
        put(segment.code_value, toUtf8(type.value, ""));
        put(segment.code_scheme, toUtf8(type.scheme, ""));
        put(segment.code_meaning, type.meaning);
        put(segment.algorithm_type, toUtf8(attributeText(*item, DCM_SegmentAlgorithmType), ""));
        put(segment.algorithm_name,
            toUtf8(attributeText(*item, DCM_SegmentAlgorithmName), charset));
        readColor(*item, segment);
        file.segments.push_back(segment);
        if (file.segments.size() > FSEG_MAX_OPEN_SEGMENTS) {
            refuse(formatText("the DICOM segmentation has more than %d segments; open it with "
                              "another program",
                              FSEG_MAX_OPEN_SEGMENTS));
        }
    }
    if (file.segments.empty()) {
        refuseIncomplete("no segments");
    }
}

// ---- frames -------------------------------------------------------------------------------------

/** A functional group of a frame, of its own or shared by all. */
DcmItem *groupOf(DcmItem *frame, DcmItem *shared, const DcmTagKey &tag)
{
    DcmItem *item = frame ? firstItem(*frame, tag) : nullptr;
    return item || !shared ? item : firstItem(*shared, tag);
}

SegFrame frameOf(DcmItem *item, DcmItem *shared, bool labelmap)
{
    DcmItem *place = groupOf(item, shared, DCM_PlanePositionSequence);
    DcmItem *plane = groupOf(item, shared, DCM_PlaneOrientationSequence);
    DcmItem *measures = groupOf(item, shared, DCM_PixelMeasuresSequence);
    double position[3], directions[6], spacing[2];
    if (!place || !plane || !measures ||
        !attributeNumbers(*place, DCM_ImagePositionPatient, position, 3) ||
        !attributeNumbers(*plane, DCM_ImageOrientationPatient, directions, 6) ||
        !attributeNumbers(*measures, DCM_PixelSpacing, spacing, 2) || spacing[0] <= 0.0 ||
        spacing[1] <= 0.0) {
        refuse("the DICOM segmentation does not say where its frames lie in the patient");
    }
    SegFrame frame;
    for (size_t i = 0; i < 3; ++i) {
        frame.position[i] = position[i];
        frame.alongRow[i] = directions[i] * spacing[1];
        frame.alongColumn[i] = directions[3 + i] * spacing[0];
    }
    if (!labelmap) {
        DcmItem *segment = groupOf(item, shared, DCM_SegmentIdentificationSequence);
        frame.segment =
            segment ? static_cast<int>(attributeUnsigned(*segment, DCM_ReferencedSegmentNumber, 0))
                    : 0;
    }
    return frame;
}

void readFrames(DcmItem &data, fseg_seg_file &file)
{
    const bool labelmap = std::strcmp(file.content.type, "LABELMAP") == 0;
    DcmItem *shared = firstItem(data, DCM_SharedFunctionalGroupsSequence);
    const std::vector<DcmItem *> items = itemsOf(data, DCM_PerFrameFunctionalGroupsSequence);
    if (items.size() != file.content.frame_count) {
        refuseIncomplete("frames");
    }
    for (DcmItem *item : items) {
        const SegFrame frame = frameOf(item, shared, labelmap);
        const bool known = labelmap || std::any_of(file.segments.begin(), file.segments.end(),
                                                   [&](const fseg_seg_segment_info &segment) {
                                                       return segment.number == frame.segment;
                                                   });
        if (!known) {
            refuseIncomplete("a frame of no segment");
        }
        file.frames.push_back(frame);
    }
}

// ---- the whole ----------------------------------------------------------------------------------

void readContent(DcmItem &data, const std::string &charset, fseg_seg_file &file)
{
    fseg_seg_content &content = file.content;
    put(content.class_uid, attributeText(data, DCM_SOPClassUID));
    put(content.instance_uid, attributeText(data, DCM_SOPInstanceUID));
    put(content.series_uid, attributeText(data, DCM_SeriesInstanceUID));
    put(content.frame_of_reference_uid, attributeText(data, DCM_FrameOfReferenceUID));
    put(content.creator, toUtf8(attributeText(data, DCM_ContentCreatorName), charset));
    if (DcmItem *series = firstItem(data, DCM_ReferencedSeriesSequence)) {
        put(content.source_series_uid, attributeText(*series, DCM_SeriesInstanceUID));
    }
    put(content.type, attributeText(data, DCM_SegmentationType));
    file.maximumFraction = attributeUnsigned(data, DCM_MaximumFractionalValue, 0);
}

/** Who made it: model name, version and hash are only trusted in objects of ours. */
void readOrigin(DcmItem &data, fseg_seg_file &file)
{
    fseg_seg_content &content = file.content;
    // Others copy the list of equipment from a source; the maker of this object is one value.
    const bool made = attributeText(data, DCM_Manufacturer) == "FrugalSeg";
    for (DcmItem *equipment : itemsOf(data, DCM_ContributingEquipmentSequence)) {
        if (made && attributeText(*equipment, DCM_Manufacturer) == "FrugalSeg") {
            content.ours = 1;
            put(content.model_sha256, attributeText(*equipment, DCM_DeviceSerialNumber));
        }
    }
    DcmItem *segment = firstItem(data, DCM_SegmentSequence);
    DcmItem *algorithm =
        segment ? firstItem(*segment, DCM_SegmentationAlgorithmIdentificationSequence) : nullptr;
    if (content.ours && algorithm) {
        put(content.model_name, attributeText(*algorithm, DCM_AlgorithmName));
        put(content.model_version, attributeText(*algorithm, DCM_AlgorithmVersion));
    }
    content.segment_count = file.segments.size();
    put(content.structure, file.segments.front().structure);
    content.edited = std::any_of(file.segments.begin(), file.segments.end(),
                                 [](const fseg_seg_segment_info &info) {
                                     return std::strcmp(info.algorithm_type, "AUTOMATIC") != 0;
                                 })
                         ? 1
                         : 0;
}

/** Before anything is decoded: what the header announces must be possible. */
void checkSizes(DcmItem &data, std::uintmax_t fileSize, fseg_seg_file &file)
{
    file.rows = attributeUnsigned(data, DCM_Rows, 0);
    file.columns = attributeUnsigned(data, DCM_Columns, 0);
    file.bitsAllocated = attributeUnsigned(data, DCM_BitsAllocated, 0);
    const long frames = std::strtol(attributeText(data, DCM_NumberOfFrames).c_str(), nullptr, 10);
    if (file.rows == 0 || file.columns == 0 || frames < 1) {
        refuseIncomplete("no pixels");
    }
    const double voxels =
        static_cast<double>(file.rows) * file.columns * static_cast<double>(frames);
    const bool compressed = DcmXfer(file.transferSyntax.c_str()).usesEncapsulatedFormat();
    const double bytes = std::ceil(voxels * file.bitsAllocated / 8.0);
    if (file.rows > longestSide || file.columns > longestSide || frames > mostFrames ||
        voxels > mostVoxels || (file.bitsAllocated > 1 && bytes > mostDecodedBytes)) {
        refuse(formatText("the DICOM segmentation announces %u x %u voxels in %ld frames, which is "
                          "more than can be opened",
                          file.columns, file.rows, frames));
    }
    if (!compressed && bytes > static_cast<double>(fileSize)) {
        refuse("the DICOM segmentation has fewer voxels than it says; the file is damaged");
    }
    file.content.frame_count = static_cast<size_t>(frames);
    const std::string type = file.content.type;
    const bool depth =
        (type == "BINARY" && file.bitsAllocated == 1) ||
        (type == "FRACTIONAL" && file.bitsAllocated == 8) ||
        (type == "LABELMAP" && (file.bitsAllocated == 8 || file.bitsAllocated == 16));
    if (!depth) {
        refuse("the DICOM segmentation is of the type \"" + toUtf8(type, "") + "\" with " +
               formatText("%u", file.bitsAllocated) + " bits a voxel, which is not known");
    }
}

/** Whether the file's meta header says so: deflate makes up to 1032 times as much of a file, all of
 *  it before a size can be looked at, and few builds of the toolkit can undo it. */
bool isDeflated(const std::string &path)
{
    DcmMetaInfo meta;
    return meta.loadFile(OFFilename(path.c_str())).good() &&
           attributeText(meta, DCM_TransferSyntaxUID) ==
               UID_DeflatedExplicitVRLittleEndianTransferSyntax;
}

std::unique_ptr<fseg_seg_file> open(const std::string &path)
{
    prepareToolkit();
    std::error_code code;
    const std::uintmax_t size = std::filesystem::file_size(path, code);
    if (code) {
        refuse("\"" + path + "\" is not a file that can be read");
    }
    if (isDeflated(path)) {
        refuse("\"" + path +
               "\" is deflated as a whole, which is not opened; save it uncompressed");
    }
    constexpr Uint32 longestInMemory = 1U << 20;
    DcmFileFormat format;
    const OFCondition condition =
        format.loadFileUntilTag(OFFilename(path.c_str()), EXS_Unknown, EGL_noChange,
                                longestInMemory, ERM_autoDetect, DCM_PixelData);
    DcmItem &data = *format.getDataset();
    const std::string kind = condition.good() ? attributeText(data, DCM_SOPClassUID) : "";
    if (kind.empty()) {
        refuse("\"" + path + "\" is not a DICOM file that can be read");
    }
    if (kind != UID_SegmentationStorage && kind != UID_LabelMapSegmentationStorage) {
        refuse("\"" + path + "\" is no DICOM segmentation");
    }
    auto file = std::make_unique<fseg_seg_file>();
    file->path = path;
    file->transferSyntax = DcmXfer(format.getDataset()->getOriginalXfer()).getXferID();
    const std::string charset = attributeTexts(data, DCM_SpecificCharacterSet);
    readContent(data, charset, *file);
    checkSizes(data, size, *file);
    readSegments(data, charset, *file);
    readFrames(data, *file);
    readOrigin(data, *file);
    return file;
}

} // namespace

} // namespace frugalseg

extern "C" {

fseg_status fseg_seg_file_open(const char *path, fseg_seg_file **out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(path && out, "path and out must not be null");
        *out = nullptr;
        *out = frugalseg::open(path).release();
    });
}

void fseg_seg_file_free(fseg_seg_file *file)
{
    delete file;
}

const fseg_seg_content *fseg_seg_file_content(const fseg_seg_file *file)
{
    return file ? &file->content : nullptr;
}

const fseg_seg_segment_info *fseg_seg_file_segment(const fseg_seg_file *file, size_t index)
{
    return file && index < file->segments.size() ? &file->segments[index] : nullptr;
}

fseg_status fseg_seg_identify(const char *path, fseg_seg_content *out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(path && out, "path and out must not be null");
        *out = frugalseg::open(path)->content;
    });
}

} // extern "C"
