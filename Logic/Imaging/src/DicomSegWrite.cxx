/* A mask as a DICOM Segmentation, type BINARY, by dcmseg. */
#include "AtomicFile.h"
#include "DicomAttributes.h"
#include "DicomSeries.h"
#include "DicomSource.h"
#include "DicomText.h"
#include "Failure.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include "dcmtk/dcmfg/fgderimg.h"
#include "dcmtk/dcmfg/fgfracon.h"
#include "dcmtk/dcmfg/fgpixmsr.h"
#include "dcmtk/dcmfg/fgplanor.h"
#include "dcmtk/dcmfg/fgplanpo.h"
#include "dcmtk/dcmiod/cielabutil.h"
#include "dcmtk/dcmiod/modcommoninstanceref.h"
#include "dcmtk/dcmseg/segdoc.h"
#include "dcmtk/dcmseg/segment.h"
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <ctime>
#include <memory>

namespace frugalseg
{

namespace
{

constexpr const char *researchNotice = "RESEARCH USE ONLY, not for diagnosis";

/** Codes (SNOMED CT) and display colour of a structure, as in 3D Slicer's list for DICOM. */
struct Structure {
    const char *name;
    const char *label;
    const char *codeValue;
    const char *codeMeaning;
    const char *contentLabel;
    int rgb[3];
};

const Structure structures[] = {
    {"liver", "Liver", "10200004", "Liver", "LIVER", {221, 130, 101}},
    {"prostate", "Prostate", "41216001", "Prostate", "PROSTATE", {230, 158, 140}},
};

const Structure &findStructure(const char *name)
{
    for (const Structure &structure : structures) {
        if (name && std::strcmp(structure.name, name) == 0) {
            return structure;
        }
    }
    throw Failure(FSEG_ERROR_UNSUPPORTED,
                  std::string("there is no DICOM code for the structure \"") + (name ? name : "") +
                      "\"; known are liver and prostate");
}

/** dcmseg's calls fail only on values that break DICOM's rules; say which step it was. */
void require(const OFCondition &condition, const char *step)
{
    if (condition.bad()) {
        throw Failure(FSEG_ERROR_BAD_INPUT, std::string("the DICOM segmentation cannot be made (") +
                                                step + ": " + condition.text() + ")");
    }
}

bool given(const char *text)
{
    return text && *text;
}

bool isUid(const std::string &text)
{
    return text.size() <= 64 && text.find_first_not_of("0123456789.") == std::string::npos;
}

void checkOptions(const fseg_seg_options &options)
{
    findStructure(options.structure);
    requireArgument(options.model_name && *options.model_name && options.model_version &&
                        *options.model_version && options.model_sha256,
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
    const bool instance = given(options.predecessor_instance_uid);
    requireArgument(instance == given(options.predecessor_series_uid) &&
                        (!instance || (isUid(options.predecessor_instance_uid) &&
                                       isUid(options.predecessor_series_uid))),
                    "the predecessor needs both UIDs, of digits and points, or none");
}

using SegmentationPointer = std::unique_ptr<DcmSegmentation>;

SegmentationPointer createDocument(const Series &series, const Structure &structure)
{
    const IODGeneralEquipmentModule::EquipmentInfo equipment("FrugalSeg", "FrugalSeg", "0",
                                                             FRUGALSEG_VERSION);
    ContentIdentificationMacro content;
    require(content.setInstanceNumber("1"), "instance number");
    require(content.setContentLabel(structure.contentLabel), "content label");
    require(content.setContentDescription(
                (std::string(structure.label) + ", " + researchNotice).c_str()),
            "content description");
    require(content.setContentCreatorName("FrugalSeg^Software"), "content creator");
    DcmSegmentation *created = nullptr;
    require(DcmSegmentation::createBinarySegmentation(
                created, static_cast<Uint16>(series.geometry.size[1]),
                static_cast<Uint16>(series.geometry.size[0]), equipment, content),
            "document");
    SegmentationPointer document(created);

    IODSegmentationSeriesModule &module = document->getSegmentationSeriesModule();
    IODGeneralSeriesModule &general = document->getSeries();
    require(general.setSeriesDescription(
                (std::string(structure.label) + " segmentation, RESEARCH").c_str()),
            "series description");
    require(module.setSeriesNumber("9001"), "series number");
    return document;
}

void addSegment(DcmSegmentation &document, const Structure &structure,
                const fseg_seg_options &options)
{
    const CodeSequenceMacro category("123037004", "SCT", "Anatomical Structure");
    const CodeSequenceMacro type(structure.codeValue, "SCT", structure.codeMeaning);
    DcmSegment *segment = nullptr;
    require(DcmSegment::create(segment, structure.label, category, type,
                               options.edited ? DcmSegTypes::SAT_SEMIAUTOMATIC
                                              : DcmSegTypes::SAT_AUTOMATIC,
                               options.model_name),
            "segment");
    std::unique_ptr<DcmSegment> owner(segment);
    require(segment->setSegmentDescription(
                (std::string(structure.label) + ", " + researchNotice).c_str()),
            "segment description");
    double lab[3];
    IODCIELabUtil::rgb2DicomLab(lab[0], lab[1], lab[2], structure.rgb[0] / 255.0,
                                structure.rgb[1] / 255.0, structure.rgb[2] / 255.0);
    require(segment->setRecommendedDisplayCIELabValue(static_cast<Uint16>(std::lround(lab[0])),
                                                      static_cast<Uint16>(std::lround(lab[1])),
                                                      static_cast<Uint16>(std::lround(lab[2]))),
            "colour");
    require(segment->setTrackingID(structure.label), "tracking identifier");
    require(segment->setTrackingUID(newUid().c_str()), "tracking UID");

    AlgorithmIdentificationMacro &algorithm = segment->getSegmentationAlgorithmIdentification();
    require(algorithm.getAlgorithmFamilyCode().set("123110", "DCM", "Artificial Intelligence"),
            "algorithm family");
    require(algorithm.setAlgorithmName(options.model_name), "algorithm name");
    require(algorithm.setAlgorithmVersion(options.model_version), "algorithm version");
    require(algorithm.setAlgorithmSource("FrugalSeg"), "algorithm source");
    require(algorithm.setAlgorithmParameters(
                (std::string("model SHA-256 ") + options.model_sha256).c_str()),
            "algorithm parameters");

    Uint16 number = 0;
    require(document.addSegment(segment, number), "segment");
    owner.release(); // the document owns it now
}

void addSharedGroups(DcmSegmentation &document, const Series &series)
{
    const fseg_geometry &geometry = series.geometry;
    double spacing[3];
    fseg_geometry_spacing(&geometry, spacing);
    const SliceHeader &first = series.slices.front();
    const auto orientation =
        std::unique_ptr<FGPlaneOrientationPatient>(FGPlaneOrientationPatient::createMinimal(
            decimalString(first.alongRow[0]).c_str(), decimalString(first.alongRow[1]).c_str(),
            decimalString(first.alongRow[2]).c_str(), decimalString(first.alongColumn[0]).c_str(),
            decimalString(first.alongColumn[1]).c_str(),
            decimalString(first.alongColumn[2]).c_str()));
    if (!orientation) {
        throw std::bad_alloc();
    }
    FGPixelMeasures measures;
    require(
        measures.setPixelSpacing(decimalStrings({first.rowSpacing, first.columnSpacing}).c_str()),
        "pixel spacing");
    require(measures.setSliceThickness(decimalString(spacing[2]).c_str()), "slice thickness");
    require(measures.setSpacingBetweenSlices(decimalString(spacing[2]).c_str()), "slice spacing");
    require(document.addForAllFrames(*orientation), "plane orientation");
    require(document.addForAllFrames(measures), "pixel measures");
}

void addDimensions(DcmSegmentation &document)
{
    IODMultiframeDimensionModule &dimensions = document.getDimensions();
    const std::string organization = newUid();
    require(dimensions.addDimensionIndex(DCM_ReferencedSegmentNumber, organization.c_str(),
                                         DCM_SegmentIdentificationSequence,
                                         "ReferencedSegmentNumber"),
            "dimensions");
    require(dimensions.addDimensionIndex(DCM_ImagePositionPatient, organization.c_str(),
                                         DCM_PlanePositionSequence, "ImagePositionPatient"),
            "dimensions");
}

/** One frame for every source slice, empty ones included, so that a reader gets the source's grid.
 */
void addFrames(DcmSegmentation &document, const Series &series, const fseg_mask &mask)
{
    const size_t count = series.geometry.size[0] * series.geometry.size[1];
    std::vector<Uint8> pixels(count);
    for (size_t k = 0; k < series.slices.size(); ++k) {
        const SliceHeader &slice = series.slices[k];
        std::transform(mask.voxels + k * count, mask.voxels + (k + 1) * count, pixels.begin(),
                       [](uint8_t value) { return static_cast<Uint8>(value ? 1 : 0); });
        const auto position = std::unique_ptr<FGPlanePosPatient>(FGPlanePosPatient::createMinimal(
            decimalString(slice.position[0]).c_str(), decimalString(slice.position[1]).c_str(),
            decimalString(slice.position[2]).c_str()));
        ImageSOPInstanceReferenceMacro reference;
        require(reference.setReferencedSOPClassUID(slice.sopClass.c_str()), "source class");
        require(reference.setReferencedSOPInstanceUID(slice.sopInstance.c_str()),
                "source instance");
        OFVector<ImageSOPInstanceReferenceMacro> references;
        references.push_back(reference);
        const auto derivation = std::unique_ptr<FGDerivationImage>(
            DcmSegmentation::createDerivationImageFG(references, "Segmentation"));
        if (!position || !derivation) {
            throw std::bad_alloc();
        }
        FGFrameContent content;
        require(content.setStackID("1"), "stack");
        require(content.setInStackPositionNumber(static_cast<Uint32>(k + 1)), "stack position");
        require(content.setDimensionIndexValues(1, 0), "dimension index");
        require(content.setDimensionIndexValues(static_cast<Uint32>(k + 1), 1), "dimension index");
        OFVector<FGBase *> groups;
        groups.push_back(position.get());
        groups.push_back(derivation.get());
        groups.push_back(&content);
        require(document.addFrame(pixels.data(), 1, groups), "frame");
    }
}

/** The object that this one was corrected from counts as a further source of it. */
void addPredecessor(DcmSegmentation &document, const fseg_seg_options &options)
{
    auto item = std::make_unique<IODSeriesAndInstanceReferenceMacro::ReferencedSeriesItem>();
    auto instance = std::make_unique<SOPInstanceReferenceMacro>();
    require(item->setSeriesInstanceUID(options.predecessor_series_uid), "predecessor's series");
    require(instance->setReferencedSOPClassUID(UID_SegmentationStorage), "predecessor's class");
    require(instance->setReferencedSOPInstanceUID(options.predecessor_instance_uid), "predecessor");
    item->getReferencedInstanceItems().push_back(instance.release());
    document.getCommonInstanceReference().getReferencedSeriesItems().push_back(item.release());
}

/** The general image module's list of source images, which dcmseg does not write. */
void markPredecessor(DcmDataset &data, const fseg_seg_options &options)
{
    DcmItem *source = nullptr;
    DcmItem *purpose = nullptr;
    require(data.findOrCreateSequenceItem(DCM_SourceImageSequence, source, 0), "predecessor");
    require(source->putAndInsertString(DCM_ReferencedSOPClassUID, UID_SegmentationStorage),
            "predecessor's class");
    require(
        source->putAndInsertString(DCM_ReferencedSOPInstanceUID, options.predecessor_instance_uid),
        "predecessor");
    require(source->findOrCreateSequenceItem(DCM_PurposeOfReferenceCodeSequence, purpose, 0),
            "predecessor's purpose");
    require(purpose->putAndInsertString(DCM_CodeValue, "121322"), "predecessor's purpose");
    require(purpose->putAndInsertString(DCM_CodingSchemeDesignator, "DCM"),
            "predecessor's purpose");
    require(
        purpose->putAndInsertString(DCM_CodeMeaning, "Source image for image processing operation"),
        "predecessor's purpose");
}

void addReferences(DcmSegmentation &document, const Series &series)
{
    const auto addTo = [&](auto &items) {
        auto item = std::make_unique<IODSeriesAndInstanceReferenceMacro::ReferencedSeriesItem>();
        require(item->setSeriesInstanceUID(series.slices.front().series.c_str()), "source series");
        for (const SliceHeader &slice : series.slices) {
            auto instance = std::make_unique<SOPInstanceReferenceMacro>();
            require(instance->setReferencedSOPClassUID(slice.sopClass.c_str()), "source class");
            require(instance->setReferencedSOPInstanceUID(slice.sopInstance.c_str()),
                    "source instance");
            item->getReferencedInstanceItems().push_back(instance.release());
        }
        items.push_back(item.release());
    };
    addTo(document.getCommonInstanceReference().getReferencedSeriesItems());
}

/** What comes from lossily compressed pixels must say so, by how much and how (dcmseg writes the
 *  flag only). */
void markLossySource(DcmDataset &data, DcmDataset &source)
{
    const std::string ratio = attributeTexts(source, DCM_LossyImageCompressionRatio);
    const std::string method = attributeTexts(source, DCM_LossyImageCompressionMethod);
    if (attributeText(source, DCM_LossyImageCompression) != "01" || ratio.empty() ||
        method.empty()) {
        return;
    }
    const std::pair<DcmTagKey, std::string> values[] = {{DCM_LossyImageCompression, "01"},
                                                        {DCM_LossyImageCompressionRatio, ratio},
                                                        {DCM_LossyImageCompressionMethod, method}};
    for (const auto &value : values) {
        require(data.putAndInsertString(value.first, value.second.c_str()), "lossy compression");
    }
}

std::string now(const char *format)
{
    const std::time_t seconds = std::time(nullptr);
    std::tm parts{};
    localtime_r(&seconds, &parts);
    char text[32];
    std::strftime(text, sizeof text, format, &parts);
    return text;
}

/** What dcmseg has no module for: who made it, and UIDs below 2.25. */
void finishDataset(DcmDataset &data, const fseg_seg_options &options)
{
    const std::string date = now("%Y%m%d"), time = now("%H%M%S");
    const std::pair<DcmTagKey, std::string> values[] = {
        {DCM_SOPInstanceUID, newUid()},   {DCM_SeriesInstanceUID, newUid()},
        {DCM_SeriesDate, date},           {DCM_SeriesTime, time},
        {DCM_ContentDate, date},          {DCM_ContentTime, time},
        {DCM_InstanceCreationDate, date}, {DCM_InstanceCreationTime, time},
        {DCM_SegmentsOverlap, "NO"}, // there is one segment
    };
    for (const auto &value : values) {
        require(data.putAndInsertString(value.first, value.second.c_str()), "identification");
    }
    DcmItem *equipment = nullptr;
    DcmItem *purpose = nullptr;
    require(data.findOrCreateSequenceItem(DCM_ContributingEquipmentSequence, equipment, 0),
            "equipment");
    require(equipment->findOrCreateSequenceItem(DCM_PurposeOfReferenceCodeSequence, purpose, 0),
            "equipment");
    const std::string description = std::string("Segmentation by model ") + options.model_name +
                                    " " + options.model_version + ", SHA-256 " +
                                    options.model_sha256 + "; " + researchNotice;
    require(purpose->putAndInsertString(DCM_CodeValue, "109102"), "equipment");
    require(purpose->putAndInsertString(DCM_CodingSchemeDesignator, "DCM"), "equipment");
    require(purpose->putAndInsertString(DCM_CodeMeaning, "Processing Equipment"), "equipment");
    const std::pair<DcmTagKey, std::string> about[] = {
        {DCM_Manufacturer, "FrugalSeg"},
        {DCM_ManufacturerModelName, options.model_name},
        {DCM_DeviceSerialNumber, options.model_sha256},
        {DCM_SoftwareVersions,
         std::string("FrugalSeg " FRUGALSEG_VERSION "\\") + options.model_version},
        {DCM_ContributionDateTime, date + time},
        {DCM_ContributionDescription, description},
    };
    for (const auto &value : about) {
        require(equipment->putAndInsertString(value.first, value.second.c_str()), "equipment");
    }
}

void writeSegmentation(const Series &series, const fseg_mask &mask, const fseg_seg_options &options,
                       const std::string &path)
{
    checkOptions(options);
    const Structure &structure = findStructure(options.structure);
    if (series.info.verdict != FSEG_VERDICT_OK) {
        throw Failure(series.info.verdict == FSEG_VERDICT_AMBIGUOUS ? FSEG_ERROR_AMBIGUOUS
                                                                    : FSEG_ERROR_REFUSED,
                      series.info.reason);
    }
    if (!fseg_geometry_equal(&mask.geometry, &series.geometry, 0.01)) {
        throw Failure(FSEG_ERROR_BAD_INPUT,
                      "the mask does not lie on the voxel grid of the series");
    }
    const size_t count = voxelCount(mask.geometry);
    if (std::all_of(mask.voxels, mask.voxels + count, [](uint8_t value) { return value == 0; })) {
        throw Failure(FSEG_ERROR_BAD_INPUT,
                      "the mask is empty; there is nothing to save as a DICOM segmentation");
    }
    prepareToolkit();
    const SegmentationPointer document = createDocument(series, structure);
    addSegment(*document, structure, options);
    addSharedGroups(*document, series);
    addDimensions(*document);
    addFrames(*document, series, mask);
    addReferences(*document, series);
    if (given(options.predecessor_instance_uid)) {
        addPredecessor(*document, options);
    }
    const std::unique_ptr<DcmDataset> source = patientAndStudy(series.slices.front());
    require(document->importFromSourceImage(*source), "patient and study");

    DcmFileFormat file;
    require(document->writeDataset(*file.getDataset()), "data set");
    finishDataset(*file.getDataset(), options);
    if (given(options.predecessor_instance_uid)) {
        markPredecessor(*file.getDataset(), options);
    }
    markLossySource(*file.getDataset(), *source);
    AtomicFile target(path, ".tmp");
    const OFCondition condition =
        file.saveFile(OFFilename(target.temporary().c_str()), EXS_LittleEndianExplicit);
    if (condition.bad()) {
        target.diagnose(count / 8 + 4096 * series.slices.size(), condition.text());
    }
    target.commit();
}

} // namespace

} // namespace frugalseg

extern "C" fseg_status fseg_seg_write(const fseg_series_list *list, size_t index,
                                      const fseg_mask *mask, const fseg_seg_options *options,
                                      const char *path, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(list && mask && mask->voxels && options && path,
                                   "list, mask, options and path must not be null");
        frugalseg::requireArgument(index < list->series.size(), "there is no series of this index");
        frugalseg::writeSegmentation(list->series[index], *mask, *options, path);
    });
}
