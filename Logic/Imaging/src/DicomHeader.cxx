/* The headers of one DICOM file: what geometry and pixel decoding need, nothing of the patient. */
#include "DicomHeader.h"
#include "DicomAttributes.h"
#include "DicomText.h"
#include "Failure.h"
#include "Limits.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

namespace frugalseg
{

namespace
{

struct CloseFile {
    void operator()(std::FILE *file) const
    {
        std::fclose(file);
    }
};

/** Seconds since midnight of a DICOM time (HHMMSS.FFFFFF) or of the time in a date and time; < 0
 *  when it is none. */
double secondsOf(const std::string &text)
{
    const size_t start = text.size() >= 14 && text.find('.') != 6 ? 8 : 0;
    if (text.size() < start + 6) {
        return -1.0;
    }
    double parts[3];
    for (size_t i = 0; i < 3; ++i) {
        const std::string digits = text.substr(start + 2 * i, i == 2 ? std::string::npos : 2);
        char *end = nullptr;
        parts[i] = std::strtod(digits.c_str(), &end);
        if (end == digits.c_str() || parts[i] < 0.0) {
            return -1.0;
        }
    }
    return parts[0] * 3600.0 + parts[1] * 60.0 + parts[2];
}

/** A number from an attribute of any type that has a text; false when it is none. */
bool numberOf(DcmItem &data, const DcmTagKey &tag, double &value)
{
    DcmElement *element = nullptr;
    if (data.findAndGetElement(tag, element).bad() || !element || element->ident() == EVR_UN) {
        return false;
    }
    const std::string text = attributeText(data, tag);
    char *end = nullptr;
    value = std::strtod(text.c_str(), &end);
    return end != text.c_str() && std::isfinite(value) && value >= 0.0;
}

/** b-value from the standard's attribute or, for older files, from the vendors' private ones. */
std::string bValueOf(DcmItem &data)
{
    double value = 0.0;
    if (numberOf(data, DCM_DiffusionBValue, value) ||
        numberOf(data, DcmTagKey(0x0019, 0x100c), value) || // Siemens
        numberOf(data, DcmTagKey(0x2001, 0x1003), value)) { // Philips
        return formatText("%.6g", value);
    }
    if (numberOf(data, DcmTagKey(0x0043, 0x1039), value)) { // GE, with flags on top
        return formatText("%.6g", std::fmod(value, 1e5));
    }
    return "";
}

void readSplits(DcmItem &data, SliceHeader &header)
{
    header.echoNumber = std::atoi(attributeText(data, DCM_EchoNumbers).c_str());
    header.split(Split::Stack) = attributeText(data, DCM_StackID);
    header.split(Split::ImageType) = header.imageType;
    header.split(Split::Echo) =
        header.echo > 0.0 ? formatText("%.6g", header.echo) : attributeText(data, DCM_EchoNumbers);
    header.split(Split::BValue) = bValueOf(data);
    double direction[3];
    if (attributeNumbers(data, DCM_DiffusionGradientOrientation, direction, 3)) {
        header.split(Split::Direction) =
            formatText("%.3f %.3f %.3f", direction[0], direction[1], direction[2]);
    }
    header.split(Split::Inversion) = attributeText(data, DCM_InversionTime);
    header.split(Split::Temporal) = attributeText(data, DCM_TemporalPositionIdentifier);
    header.split(Split::Acquisition) = attributeText(data, DCM_AcquisitionNumber);
    header.time = secondsOf(attributeText(data, DCM_AcquisitionTime));
    double trigger = 0.0;
    if (attributeNumbers(data, DCM_TriggerTime, &trigger, 1) && trigger > 0.0) {
        header.time = std::max(header.time, 0.0) + trigger / 1000.0;
    }
    if (header.time < 0.0) {
        header.time = secondsOf(attributeText(data, DCM_ContentTime));
    }
}

void readGeometryTags(DcmItem &data, SliceHeader &header)
{
    readPlane(data, data, data, header);
    double value = 0.0;
    if (attributeNumbers(data, DCM_GantryDetectorTilt, &value, 1)) {
        header.tilt = value;
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
    readRescale(data, header);
    header.modalityTable = data.tagExists(DCM_ModalityLUTSequence);
}

void readTags(DcmItem &data, SliceHeader &header)
{
    const std::string charset = attributeTexts(data, DCM_SpecificCharacterSet);
    header.sopClass = attributeText(data, DCM_SOPClassUID);
    header.sopInstance = attributeText(data, DCM_SOPInstanceUID);
    header.series = attributeText(data, DCM_SeriesInstanceUID);
    header.study = attributeText(data, DCM_StudyInstanceUID);
    header.frameOfReference = attributeText(data, DCM_FrameOfReferenceUID);
    header.modality = attributeText(data, DCM_Modality);
    header.bodyPart = attributeText(data, DCM_BodyPartExamined);
    header.imageType = attributeTexts(data, DCM_ImageType);
    header.description = toUtf8(attributeTexts(data, DCM_SeriesDescription), charset);
    header.protocol = toUtf8(attributeTexts(data, DCM_ProtocolName), charset);
    header.scanOptions = attributeTexts(data, DCM_ScanOptions);
    attributeNumbers(data, DCM_RepetitionTime, &header.repetition, 1);
    attributeNumbers(data, DCM_EchoTime, &header.echo, 1);
    header.instanceNumber = std::atoi(attributeText(data, DCM_InstanceNumber).c_str());
    // Siemens: number of images in a mosaic, for files whose image type was cleaned.
    header.mosaic = header.imageType.find("MOSAIC") != std::string::npos ||
                    std::atoi(attributeText(data, DcmTagKey(0x0019, 0x100a)).c_str()) > 1;
    readGeometryTags(data, header);
    readPixelTags(data, header);
    readSplits(data, header);
}

/** Bytes of uncompressed pixels that the header promises. */
double promisedBytes(const SliceHeader &header)
{
    // One-bit pixels (segmentations) lie eight to a byte.
    return std::ceil(static_cast<double>(header.rows) * header.columns * header.samples *
                     static_cast<double>(header.frames > 0 ? header.frames : 1) *
                     header.bitsAllocated / 8.0);
}

bool isNative(const std::string &transferSyntax)
{
    return !DcmXfer(transferSyntax.c_str()).usesEncapsulatedFormat();
}

/** Whether pixels lie in the file as they are, so that the file cannot be shorter than they. */
bool isPlain(const std::string &transferSyntax)
{
    return isNative(transferSyntax) &&
           transferSyntax != UID_DeflatedExplicitVRLittleEndianTransferSyntax;
}

std::string transferSyntaxOf(DcmFileFormat &file)
{
    const std::string stated =
        file.getMetaInfo() ? attributeText(*file.getMetaInfo(), DCM_TransferSyntaxUID) : "";
    return stated.empty() ? DcmXfer(file.getDataset()->getOriginalXfer()).getXferID() : stated;
}

OFCondition loadUntil(DcmFileFormat &file, const std::string &path, const DcmTagKey &stop)
{
    file.clear();
    return file.loadFileUntilTag(OFFilename(path.c_str()), EXS_Unknown, EGL_noChange,
                                 limits::valueInMemory, ERM_autoDetect, stop);
}

/**
 * A header costs many times its bytes in memory. Before the whole of a large file is parsed, what
 * comes before the functional groups says how many of its bytes can be header.
 */
bool headerTooLarge(const std::string &path, double size, SliceHeader &header)
{
    if (size <= limits::headerCheckedAbove) {
        return false;
    }
    DcmFileFormat file;
    if (loadUntil(file, path, DCM_SharedFunctionalGroupsSequence).bad()) {
        return false; // damaged; the caller finds out
    }
    readTags(*file.getDataset(), header);
    const double frames = static_cast<double>(std::clamp(header.frames, 1L, limits::frames));
    const double most = limits::headerBytes + frames * limits::headerBytesPerFrame;
    return size - promisedBytes(header) > most;
}

/** Find out which series a damaged file belongs to: read up to the pixels, or up to the last of
 *  the tags that name the series. */
void readDamaged(DcmFileFormat &file, const std::string &path)
{
    if (loadUntil(file, path, DCM_PixelData).bad()) {
        loadUntil(file, path, DCM_StudyID);
    }
}

/** Compare what the header promises with what the file holds. */
Fault checkPixelData(DcmItem &data, const SliceHeader &header, double size)
{
    DcmElement *pixels = nullptr;
    if (data.findAndGetElement(DCM_PixelData, pixels).bad() || !pixels) {
        return header.bitsAllocated > 0 ? Fault::PixelsMissing : Fault::None;
    }
    if (isNative(header.transferSyntax)) {
        const double bytes = promisedBytes(header);
        const double length = static_cast<double>(pixels->getLengthField());
        const double most = isPlain(header.transferSyntax) ? size : size * limits::deflateRatio;
        return bytes > most || length < bytes || length > most ? Fault::PixelsMissing : Fault::None;
    }
    // One offset table and at least one fragment a frame.
    auto *pixelData = dynamic_cast<DcmPixelData *>(pixels);
    DcmPixelSequence *sequence = nullptr;
    E_TransferSyntax syntax = EXS_Unknown;
    const DcmRepresentationParameter *parameter = nullptr;
    if (!pixelData) {
        return Fault::PixelsMissing;
    }
    pixelData->getOriginalRepresentationKey(syntax, parameter);
    if (pixelData->getEncapsulatedRepresentation(syntax, parameter, sequence).bad() || !sequence ||
        static_cast<long>(sequence->card()) < 1 + std::max(header.frames, 1L)) {
        return Fault::PixelsMissing;
    }
    return Fault::None;
}

std::vector<SliceHeader> readLoaded(DcmFileFormat &file, SliceHeader &header, double size)
{
    DcmDataset &data = *file.getDataset();
    if (header.rows == 0 || header.columns == 0 || header.series.empty()) {
        return {}; // reports, presentation states, DICOMDIR
    }
    header.fault = checkPixelData(data, header, size);
    if (header.fault != Fault::None || !isEnhanced(header.sopClass)) {
        return {header};
    }
    return readFrames(data, header);
}

} // namespace

bool looksLikeDicom(const std::string &path)
{
    const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
    if (!file) {
        throw systemFailure(errno, "cannot read", path);
    }
    unsigned char start[132] = {};
    return beginsLikeDicom(start, std::fread(start, 1, sizeof start, file.get()));
}

bool beginsLikeDicom(const unsigned char *start, size_t count)
{
    if (count >= 132 && std::memcmp(start + 128, "DICM", 4) == 0) {
        return true;
    }
    if (count <= 8) {
        return false;
    }
    // A data set without preamble starts with group 0002 or 0008 and a small element number, in
    // either byte order.
    const bool little = (start[0] == 0x08 || start[0] == 0x02) && start[1] == 0x00 &&
                        start[3] == 0x00 && start[2] <= 0x18;
    // Big endian is always explicit: two capitals name the type.
    const bool big = start[0] == 0x00 && start[1] == 0x08 && start[2] == 0x00 && start[3] <= 0x18 &&
                     std::isupper(start[4]) != 0 && std::isupper(start[5]) != 0;
    return little || big;
}

bool isEnhanced(const std::string &sopClass)
{
    return sopClass == UID_EnhancedMRImageStorage || sopClass == UID_EnhancedCTImageStorage ||
           sopClass == UID_LegacyConvertedEnhancedMRImageStorage ||
           sopClass == UID_LegacyConvertedEnhancedCTImageStorage;
}

void readPlane(DcmItem &position, DcmItem &orientation, DcmItem &measures, SliceHeader &header)
{
    double values[6];
    if (attributeNumbers(position, DCM_ImagePositionPatient, values, 3)) {
        header.position = {values[0], values[1], values[2]};
        header.hasPosition = true;
    }
    if (attributeNumbers(orientation, DCM_ImageOrientationPatient, values, 6)) {
        header.alongRow = {values[0], values[1], values[2]};
        header.alongColumn = {values[3], values[4], values[5]};
        header.hasOrientation = true;
    }
    if (attributeNumbers(measures, DCM_PixelSpacing, values, 2)) {
        header.rowSpacing = values[0];
        header.columnSpacing = values[1];
        header.hasSpacing = true;
    }
    if (attributeNumbers(measures, DCM_SpacingBetweenSlices, values, 1)) {
        header.sliceStep = std::fabs(values[0]);
    }
    if (attributeNumbers(measures, DCM_SliceThickness, values, 1)) {
        header.thickness = std::fabs(values[0]);
    }
}

void readRescale(DcmItem &item, SliceHeader &header)
{
    double value = 0.0;
    if (attributeText(item, DCM_RescaleSlope) != "") {
        header.rescaleValid = attributeNumbers(item, DCM_RescaleSlope, &value, 1) && value != 0.0;
        header.slope = header.rescaleValid ? value : 1.0;
    }
    if (attributeText(item, DCM_RescaleIntercept) != "") {
        const bool valid = attributeNumbers(item, DCM_RescaleIntercept, &value, 1);
        header.rescaleValid = header.rescaleValid && valid;
        header.intercept = valid ? value : 0.0;
    }
}

double secondsOfDateTime(const std::string &text)
{
    return secondsOf(text);
}

std::vector<SliceHeader> readSliceHeaders(const std::string &path)
{
    if (!looksLikeDicom(path)) {
        return {};
    }
    SliceHeader header;
    header.path = path;
    std::error_code code;
    const double size = static_cast<double>(std::filesystem::file_size(path, code));
    if (!code && headerTooLarge(path, size, header)) {
        header.fault = Fault::HeaderTooLarge;
        return {header};
    }
    DcmFileFormat file;
    const bool whole =
        file.loadFile(OFFilename(path.c_str()), EXS_Unknown, EGL_noChange, limits::valueInMemory)
            .good() &&
        !code;
    if (!whole) {
        readDamaged(file, path);
        header.fault = Fault::DamagedFile;
    }
    header = SliceHeader();
    header.path = path;
    header.transferSyntax = transferSyntaxOf(file);
    readTags(*file.getDataset(), header);
    if (!whole) {
        header.fault = Fault::DamagedFile;
        return {header};
    }
    return readLoaded(file, header, size);
}

} // namespace frugalseg
