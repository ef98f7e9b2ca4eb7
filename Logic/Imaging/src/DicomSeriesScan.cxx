/* Finding the DICOM image series below a folder and reading their headers. */
#include "DicomAttributes.h"
#include "DicomSeries.h"
#include "DicomText.h"
#include "Failure.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

namespace frugalseg
{

namespace
{

/** Large elements (pixels) stay in the file while headers are read. */
constexpr Uint32 maximumValueInMemory = 4096;

/** DICOM's magic word, or the first element of a data set without file header. */
bool looksLikeDicom(const std::string &path)
{
    struct CloseFile {
        void operator()(std::FILE *file) const
        {
            std::fclose(file);
        }
    };
    const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
    if (!file) {
        throw systemFailure(errno, "cannot read", path);
    }
    unsigned char start[132] = {};
    const size_t count = std::fread(start, 1, sizeof start, file.get());
    if (count == sizeof start && std::memcmp(start + 128, "DICM", 4) == 0) {
        return true;
    }
    // A bare data set starts with group 0002 or 0008, little endian, and a small element number.
    return count > 8 && (start[0] == 0x08 || start[0] == 0x02) && start[1] == 0x00 &&
           start[3] == 0x00 && start[2] <= 0x18;
}

void readGeometryTags(DcmItem &data, SliceHeader &header)
{
    double values[6];
    if (attributeNumbers(data, DCM_ImagePositionPatient, values, 3)) {
        header.position = {values[0], values[1], values[2]};
        header.hasPosition = true;
    }
    if (attributeNumbers(data, DCM_ImageOrientationPatient, values, 6)) {
        header.alongRow = {values[0], values[1], values[2]};
        header.alongColumn = {values[3], values[4], values[5]};
        header.hasOrientation = true;
    }
    if (attributeNumbers(data, DCM_PixelSpacing, values, 2)) {
        header.rowSpacing = values[0];
        header.columnSpacing = values[1];
        header.hasSpacing = values[0] > 0.0 && values[1] > 0.0;
    }
    if (attributeNumbers(data, DCM_SpacingBetweenSlices, values, 1)) {
        header.sliceStep = std::fabs(values[0]);
    }
}

void readPixelTags(DcmItem &data, SliceHeader &header)
{
    header.rows = attributeUnsigned(data, DCM_Rows, 0);
    header.columns = attributeUnsigned(data, DCM_Columns, 0);
    header.samples = attributeUnsigned(data, DCM_SamplesPerPixel, 1);
    header.bitsAllocated = attributeUnsigned(data, DCM_BitsAllocated, 0);
    header.bitsStored = attributeUnsigned(data, DCM_BitsStored, header.bitsAllocated);
    header.highBit = attributeUnsigned(data, DCM_HighBit, header.bitsStored - 1);
    header.pixelRepresentation = attributeUnsigned(data, DCM_PixelRepresentation, 0);
    header.photometric = attributeText(data, DCM_PhotometricInterpretation);
    const std::string frames = attributeText(data, DCM_NumberOfFrames);
    header.frames = frames.empty() ? 1 : std::strtol(frames.c_str(), nullptr, 10);
    double value = 0.0;
    if (attributeNumbers(data, DCM_RescaleSlope, &value, 1) && value != 0.0) {
        header.slope = value;
    }
    if (attributeNumbers(data, DCM_RescaleIntercept, &value, 1)) {
        header.intercept = value;
    }
    header.modalityTable = data.tagExists(DCM_ModalityLUTSequence);
}

void readTags(DcmItem &data, SliceHeader &header)
{
    header.sopClass = attributeText(data, DCM_SOPClassUID);
    header.sopInstance = attributeText(data, DCM_SOPInstanceUID);
    header.series = attributeText(data, DCM_SeriesInstanceUID);
    header.study = attributeText(data, DCM_StudyInstanceUID);
    header.frameOfReference = attributeText(data, DCM_FrameOfReferenceUID);
    header.modality = attributeText(data, DCM_Modality);
    header.bodyPart = attributeText(data, DCM_BodyPartExamined);
    header.imageType = attributeTexts(data, DCM_ImageType);
    header.description = toUtf8(attributeTexts(data, DCM_SeriesDescription),
                                attributeTexts(data, DCM_SpecificCharacterSet));
    header.protocol = toUtf8(attributeTexts(data, DCM_ProtocolName),
                             attributeTexts(data, DCM_SpecificCharacterSet));
    header.scanOptions = attributeTexts(data, DCM_ScanOptions);
    attributeNumbers(data, DCM_RepetitionTime, &header.repetition, 1);
    attributeNumbers(data, DCM_EchoTime, &header.echo, 1);
    header.instanceNumber = std::atoi(attributeText(data, DCM_InstanceNumber).c_str());
    for (const DcmTagKey &tag : {DCM_EchoTime, DCM_EchoNumbers, DCM_TemporalPositionIdentifier,
                                 DCM_DiffusionBValue, DCM_ImageType}) {
        header.split += attributeTexts(data, tag) + "|";
    }
    readGeometryTags(data, header);
    readPixelTags(data, header);
}

/** Bytes of uncompressed pixels that the header promises. */
double promisedBytes(const SliceHeader &header)
{
    return static_cast<double>(header.rows) * header.columns * header.samples *
           static_cast<double>(header.frames > 0 ? header.frames : 1) *
           std::ceil(header.bitsAllocated / 8.0);
}

bool isNative(const std::string &transferSyntax)
{
    return !DcmXfer(transferSyntax.c_str()).usesEncapsulatedFormat();
}

/** Files of a folder tree, sorted, symbolic links to folders not followed. */
std::vector<std::filesystem::path> findFiles(const std::string &folder,
                                             const fseg_progress *progress)
{
    namespace fs = std::filesystem;
    std::error_code code;
    const fs::file_status status = fs::status(folder, code);
    if (code || !fs::is_directory(status)) {
        throw Failure(FSEG_ERROR_NOT_FOUND,
                      "\"" + folder +
                          "\" is not a folder that exists; give the folder that "
                          "holds the DICOM files");
    }
    std::vector<fs::path> files;
    fs::recursive_directory_iterator walk(folder, code);
    if (code) {
        throw systemFailure(code.value(), "cannot read", folder);
    }
    while (walk != fs::recursive_directory_iterator()) {
        if (walk->is_regular_file(code)) {
            files.push_back(walk->path());
            if (files.size() % 256 == 0) {
                reportProgress(progress, 0.0, "looking for DICOM files");
            }
        }
        walk.increment(code);
        if (code) {
            throw systemFailure(code.value(), "cannot read a folder below", folder);
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

} // namespace

bool readSliceHeader(const std::string &path, SliceHeader &header)
{
    if (!looksLikeDicom(path)) {
        return false;
    }
    header.path = path;
    DcmFileFormat file;
    OFCondition condition =
        file.loadFile(OFFilename(path.c_str()), EXS_Unknown, EGL_noChange, maximumValueInMemory);
    if (condition.bad()) {
        // Find out which series the damaged file belongs to: read up to the pixels, or up to the
        // last of the tags that name the series.
        header.damaged = true;
        file.clear();
        condition = file.loadFileUntilTag(OFFilename(path.c_str()), EXS_Unknown, EGL_noChange,
                                          maximumValueInMemory, ERM_autoDetect, DCM_PixelData);
        if (condition.bad()) {
            file.clear();
            file.loadFileUntilTag(OFFilename(path.c_str()), EXS_Unknown, EGL_noChange,
                                  maximumValueInMemory, ERM_autoDetect, DCM_StudyID);
        }
    }
    DcmDataset &data = *file.getDataset();
    header.transferSyntax = DcmXfer(data.getOriginalXfer()).getXferID();
    if (file.getMetaInfo() && attributeText(*file.getMetaInfo(), DCM_TransferSyntaxUID) != "") {
        header.transferSyntax = attributeText(*file.getMetaInfo(), DCM_TransferSyntaxUID);
    }
    readTags(data, header);
    if (header.damaged) {
        return true;
    }
    if (header.rows == 0 || header.columns == 0 || header.series.empty()) {
        return false; // reports, presentation states, DICOMDIR
    }
    DcmElement *pixels = nullptr;
    if (data.findAndGetElement(DCM_PixelData, pixels).bad() || !pixels) {
        header.damaged = header.bitsAllocated > 0;
    } else if (isNative(header.transferSyntax)) {
        std::error_code code;
        const double size = static_cast<double>(std::filesystem::file_size(path, code));
        const double bytes = promisedBytes(header);
        const double length = static_cast<double>(pixels->getLengthField());
        header.damaged = code || bytes > size || length < bytes || length > size;
    }
    return true;
}

} // namespace frugalseg

namespace
{

using frugalseg::Series;
using frugalseg::SliceHeader;

/** Damaged files whose series cannot be told cast doubt on every series of their folder. */
void assignOrphans(std::map<std::string, Series> &bySeries, const std::vector<SliceHeader> &orphans)
{
    for (const SliceHeader &orphan : orphans) {
        const std::filesystem::path folder = std::filesystem::path(orphan.path).parent_path();
        for (auto &entry : bySeries) {
            const auto &slices = entry.second.slices;
            const bool neighbour =
                std::any_of(slices.begin(), slices.end(), [&](const SliceHeader &slice) {
                    return std::filesystem::path(slice.path).parent_path() == folder;
                });
            if (neighbour) {
                entry.second.slices.push_back(orphan);
            }
        }
    }
}

std::unique_ptr<fseg_series_list> scan(const std::string &folder, const fseg_progress *progress)
{
    frugalseg::prepareToolkit();
    const auto files = frugalseg::findFiles(folder, progress);
    if (files.empty()) {
        throw frugalseg::Failure(FSEG_ERROR_BAD_INPUT, "\"" + folder +
                                                           "\" is empty; give the "
                                                           "folder that holds the DICOM files");
    }
    std::map<std::string, Series> bySeries;
    std::vector<SliceHeader> orphans;
    for (size_t i = 0; i < files.size(); ++i) {
        frugalseg::reportProgress(progress,
                                  static_cast<double>(i) / static_cast<double>(files.size()),
                                  "reading DICOM headers");
        SliceHeader header;
        if (!frugalseg::readSliceHeader(files[i].string(), header)) {
            continue;
        }
        header.name = files[i].lexically_relative(folder).string();
        if (header.series.empty()) {
            orphans.push_back(header);
        } else {
            bySeries[header.series].slices.push_back(header);
        }
    }
    assignOrphans(bySeries, orphans);
    if (bySeries.empty()) {
        throw frugalseg::Failure(
            FSEG_ERROR_BAD_INPUT,
            orphans.empty() ? "\"" + folder + "\" holds no DICOM images"
                            : "\"" + folder + "\" holds no readable DICOM images; the file \"" +
                                  orphans.front().name + "\" is damaged or incomplete");
    }
    auto list = std::make_unique<fseg_series_list>();
    for (auto &entry : bySeries) {
        frugalseg::judgeSeries(entry.second);
        list->series.push_back(std::move(entry.second));
    }
    return list;
}

/** "2 liver T2 (36 slices)": how a message names a series. */
std::string describe(const fseg_series_info &info)
{
    return frugalseg::formatText("%s (\"%s\", %zu slices)", info.uid, info.description,
                                 info.slices);
}

size_t choose(const fseg_series_list &list, const char *uid)
{
    const auto &series = list.series;
    if (uid && *uid) {
        for (size_t i = 0; i < series.size(); ++i) {
            if (std::strcmp(series[i].info.uid, uid) == 0) {
                return i;
            }
        }
        throw frugalseg::Failure(FSEG_ERROR_NOT_FOUND,
                                 "there is no series with the UID " + std::string(uid));
    }
    std::vector<size_t> good;
    for (size_t i = 0; i < series.size(); ++i) {
        if (series[i].info.verdict == FSEG_VERDICT_OK) {
            good.push_back(i);
        }
    }
    if (good.size() == 1) {
        return good.front();
    }
    if (good.empty()) {
        const fseg_series_info &first = series.front().info;
        throw frugalseg::Failure(
            FSEG_ERROR_REFUSED,
            series.size() == 1
                ? std::string(first.reason)
                : frugalseg::formatText("none of the %zu series can be used; the first: %s",
                                        series.size(), first.reason));
    }
    std::string message =
        frugalseg::formatText("there are %zu usable series; choose one by its UID: ", good.size());
    for (size_t i = 0; i < good.size(); ++i) {
        const std::string entry = (i ? "; " : "") + describe(series[good[i]].info);
        if (message.size() + entry.size() > 500) {
            message += " ...";
            break;
        }
        message += entry;
    }
    throw frugalseg::Failure(FSEG_ERROR_AMBIGUOUS, message);
}

} // namespace

extern "C" {

const char *fseg_verdict_name(fseg_verdict verdict)
{
    switch (verdict) {
    case FSEG_VERDICT_OK:
        return "ok";
    case FSEG_VERDICT_AMBIGUOUS:
        return "ambiguous";
    case FSEG_VERDICT_REFUSED:
        return "refused";
    }
    return "unknown";
}

fseg_status fseg_series_list_scan(const char *folder, const fseg_progress *progress,
                                  fseg_series_list **out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(folder && out, "folder and out must not be null");
        *out = nullptr;
        *out = scan(folder, progress).release();
    });
}

void fseg_series_list_free(fseg_series_list *list)
{
    delete list;
}

size_t fseg_series_list_count(const fseg_series_list *list)
{
    return list ? list->series.size() : 0;
}

const fseg_series_info *fseg_series_list_info(const fseg_series_list *list, size_t index)
{
    return list && index < list->series.size() ? &list->series[index].info : nullptr;
}

fseg_status fseg_series_list_choose(const fseg_series_list *list, const char *uid, size_t *index,
                                    fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(list && index, "list and index must not be null");
        *index = choose(*list, uid);
    });
}

} // extern "C"
