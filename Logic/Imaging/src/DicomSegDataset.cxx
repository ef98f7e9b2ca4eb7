/* The attributes of a segmentation object that the toolkit's document class does not write. */
#include "DicomSegDataset.h"
#include "DicomAttributes.h"
#include "DicomText.h"
#include "Failure.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include <ctime>

namespace frugalseg
{

namespace
{

std::string now(const char *format)
{
    const std::time_t seconds = std::time(nullptr);
    std::tm parts{};
    localtime_r(&seconds, &parts);
    char text[32];
    std::strftime(text, sizeof text, format, &parts);
    return text;
}

void putCode(DcmItem &parent, const DcmTagKey &sequence, const fseg_code &code)
{
    DcmItem *item = nullptr;
    require(parent.findOrCreateSequenceItem(sequence, item, 0), "code");
    require(item->putAndInsertString(DCM_CodeValue, code.value), "code");
    require(item->putAndInsertString(DCM_CodingSchemeDesignator, code.scheme), "code");
    require(item->putAndInsertString(DCM_CodeMeaning, code.meaning), "code");
}

/** The general image module's list of source images: the object that this one was made from. */
void markPredecessor(DcmDataset &data, const SegPlan &plan)
{
    DcmItem *source = nullptr;
    require(data.findOrCreateSequenceItem(DCM_SourceImageSequence, source, 0), "predecessor");
    require(source->putAndInsertString(DCM_ReferencedSOPClassUID, plan.predecessorClass.c_str()),
            "predecessor's class");
    require(
        source->putAndInsertString(DCM_ReferencedSOPInstanceUID, plan.predecessorInstance.c_str()),
        "predecessor");
    require(source->putAndInsertString(DCM_SpatialLocationsPreserved, "YES"), "predecessor");
    putCode(*source, DCM_PurposeOfReferenceCodeSequence,
            {"121322", "DCM", "Source image for image processing operation"});
}

void addEquipment(DcmDataset &data, const SegPlan &plan, const std::string &moment)
{
    DcmItem *equipment = nullptr;
    require(data.findOrCreateSequenceItem(DCM_ContributingEquipmentSequence, equipment, 0),
            "equipment");
    putCode(*equipment, DCM_PurposeOfReferenceCodeSequence,
            {"109102", "DCM", "Processing Equipment"});
    const std::string description = "Segmentation by model " + plan.modelName + " " +
                                    plan.modelVersion + ", SHA-256 " + plan.modelSha256 + "; " +
                                    researchNotice;
    const std::pair<DcmTagKey, std::string> about[] = {
        {DCM_Manufacturer, "FrugalSeg"},
        {DCM_ManufacturerModelName, plan.modelName},
        {DCM_DeviceSerialNumber, plan.modelSha256},
        {DCM_SoftwareVersions, "FrugalSeg " FRUGALSEG_VERSION "\\" + plan.modelVersion},
        {DCM_ContributionDateTime, moment},
        {DCM_ContributionDescription, description},
    };
    for (const auto &value : about) {
        require(equipment->putAndInsertString(value.first, value.second.c_str()), "equipment");
    }
}

/** What the document class has no module for, or (of the loss of pixels) writes in part only. */
void copyRest(DcmDataset &data, DcmDataset &source)
{
    for (const DcmTagKey &tag : {DCM_IssuerOfPatientID, DCM_PatientIdentityRemoved,
                                 DCM_DeidentificationMethod, DCM_LossyImageCompression,
                                 DCM_LossyImageCompressionRatio, DCM_LossyImageCompressionMethod}) {
        const std::string text = attributeTexts(source, tag);
        if (!text.empty()) {
            require(data.putAndInsertString(tag, text.c_str()), "patient and study");
        }
    }
}

} // namespace

void require(const OFCondition &condition, const char *step)
{
    if (condition.bad()) {
        throw Failure(FSEG_ERROR_BAD_INPUT, std::string("the DICOM segmentation cannot be made (") +
                                                step + ": " + condition.text() + ")");
    }
}

void finishDataset(DcmDataset &data, DcmDataset &source, const SegPlan &plan,
                   fseg_seg_report &report)
{
    copyText(report.instance_uid, sizeof report.instance_uid, plan.uid());
    copyText(report.series_uid, sizeof report.series_uid, plan.uid());
    const std::string date = now("%Y%m%d"), time = now("%H%M%S");
    const std::pair<DcmTagKey, std::string> values[] = {
        {DCM_SOPInstanceUID, report.instance_uid},
        {DCM_SeriesInstanceUID, report.series_uid},
        {DCM_SeriesDate, date},
        {DCM_SeriesTime, time},
        {DCM_ContentDate, date},
        {DCM_ContentTime, time},
        {DCM_InstanceCreationDate, date},
        {DCM_InstanceCreationTime, time},
        {DCM_ContentCreatorName, plan.creator},
        {DCM_SegmentsOverlap, "NO"}, // they come from one label map
    };
    for (const auto &value : values) {
        require(data.putAndInsertString(value.first, value.second.c_str()), "identification");
    }
    if (plan.labelmap) {
        require(data.putAndInsertUint16(DCM_PixelPaddingValue, 0), "background");
    }
    addEquipment(data, plan, date + time);
    copyRest(data, source);
    if (!plan.predecessorInstance.empty()) {
        markPredecessor(data, plan);
    }
}

} // namespace frugalseg
