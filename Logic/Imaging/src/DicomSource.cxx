/* Patient and study attributes of a source image, cleaned for objects derived from it. */
#include "DicomSource.h"
#include "DicomAttributes.h"
#include "DicomText.h"
#include "Failure.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include <algorithm>

namespace frugalseg
{

namespace
{

size_t characters(const std::string &utf8)
{
    return static_cast<size_t>(std::count_if(
        utf8.begin(), utf8.end(), [](unsigned char byte) { return (byte & 0xC0) != 0x80; }));
}

/** Whether the value is what its attribute's type allows; empty is allowed. */
bool conforms(const DcmTagKey &tag, const std::string &value)
{
    const OFString text(value.c_str());
    switch (DcmTag(tag).getEVR()) {
    case EVR_DA:
        return DcmDate::checkStringValue(text, "1").good();
    case EVR_TM:
        return DcmTime::checkStringValue(text, "1").good();
    case EVR_UI:
        return DcmUniqueIdentifier::checkStringValue(text, "1").good();
    case EVR_CS:
        return DcmCodeString::checkStringValue(text, "1-n").good();
    case EVR_DS:
        return DcmDecimalString::checkStringValue(text, "1-n").good();
    case EVR_AS:
        return DcmAgeString::checkStringValue(text, "1").good();
    // For texts in UTF-8 the toolkit checks neither lengths nor the number of name components.
    case EVR_PN:
        return characters(value) <= 64 && value.find('\\') == std::string::npos &&
               std::count(value.begin(), std::find(value.begin(), value.end(), '='), '^') <= 4 &&
               std::count(value.begin(), value.end(), '=') <= 2;
    case EVR_SH:
        return characters(value) <= 16 && value.find('\\') == std::string::npos;
    case EVR_LO:
        return characters(value) <= 64 && value.find('\\') == std::string::npos;
    default:
        return false;
    }
}

} // namespace

std::unique_ptr<DcmDataset> patientAndStudy(const SliceHeader &slice)
{
    static const DcmTagKey whiteList[] = {
        DCM_PatientName,
        DCM_PatientID,
        DCM_PatientBirthDate,
        DCM_PatientSex,
        DCM_PatientAge,
        DCM_StudyInstanceUID,
        DCM_StudyDate,
        DCM_StudyTime,
        DCM_ReferringPhysicianName,
        DCM_StudyID,
        DCM_AccessionNumber,
        DCM_StudyDescription,
        DCM_FrameOfReferenceUID,
        DCM_PositionReferenceIndicator,
        DCM_LossyImageCompression,
        DCM_LossyImageCompressionRatio,
        DCM_LossyImageCompressionMethod,
    };
    DcmFileFormat file;
    const OFCondition condition =
        file.loadFileUntilTag(OFFilename(slice.path.c_str()), EXS_Unknown, EGL_noChange,
                              DCM_MaxReadLength, ERM_autoDetect, DCM_PixelData);
    if (condition.bad()) {
        throw Failure(FSEG_ERROR_BAD_INPUT, "the file \"" + slice.name +
                                                "\" cannot be read any more (" + condition.text() +
                                                ")");
    }
    DcmDataset &source = *file.getDataset();
    const std::string charset = attributeTexts(source, DCM_SpecificCharacterSet);
    auto clean = std::make_unique<DcmDataset>();
    clean->putAndInsertString(DCM_SpecificCharacterSet, "ISO_IR 192");
    for (const DcmTagKey &tag : whiteList) {
        std::string text = toUtf8(attributeTexts(source, tag), charset);
        if (!conforms(tag, text)) {
            text.clear();
        }
        clean->putAndInsertString(tag, text.c_str());
    }
    const auto missing = [&](const DcmTagKey &tag) {
        OFString value;
        return clean->findAndGetOFString(tag, value).bad() || value.empty();
    };
    if (missing(DCM_StudyInstanceUID)) {
        throw Failure(FSEG_ERROR_BAD_INPUT, "the series has no valid StudyInstanceUID, so that no "
                                            "segmentation can refer to it");
    }
    if (missing(DCM_FrameOfReferenceUID)) {
        // The slices share one position in space all the same; name it after the series.
        clean->putAndInsertString(DCM_FrameOfReferenceUID,
                                  uidFromName("frame of reference of " + slice.series).c_str());
    }
    return clean;
}

} // namespace frugalseg
