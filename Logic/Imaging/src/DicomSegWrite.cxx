/* A mask as a DICOM Segmentation, type BINARY or LABELMAP, by dcmseg. */
#include "AtomicFile.h"
#include "DicomSegDataset.h"
#include "DicomSegPlan.h"
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
#include <memory>
#include <set>

namespace frugalseg
{

namespace
{

using SegmentationPointer = std::unique_ptr<DcmSegmentation>;

/** "LIVER"; several structures, or names too long for a code string, share one word. */
std::string contentLabel(const SegPlan &plan)
{
    std::string label = plan.segments.front().structure->name;
    if (plan.segments.size() > 1 || label.size() > 16) {
        return "SEGMENTATION";
    }
    std::transform(label.begin(), label.end(), label.begin(), [](unsigned char c) {
        return c == '-' ? '_' : static_cast<char>(std::toupper(c));
    });
    return label;
}

SegmentationPointer createDocument(const Series &series, const SegPlan &plan)
{
    const bool single = plan.segments.size() == 1;
    const std::string title = single ? plan.segments.front().structure->label
                                     : formatText("%zu structures", plan.segments.size());
    const IODGeneralEquipmentModule::EquipmentInfo equipment("FrugalSeg", "FrugalSeg", "0",
                                                             FRUGALSEG_VERSION);
    ContentIdentificationMacro content;
    require(content.setInstanceNumber("1"), "instance number");
    require(content.setContentLabel(contentLabel(plan).c_str()), "content label");
    require(content.setContentDescription((title + ", " + researchNotice).c_str()),
            "content description");
    require(content.setContentCreatorName("FrugalSeg^Software"), "content creator");
    const auto rows = static_cast<Uint16>(series.geometry.size[1]);
    const auto columns = static_cast<Uint16>(series.geometry.size[0]);
    DcmSegmentation *created = nullptr;
    require(plan.labelmap ? DcmSegmentation::createLabelmapSegmentation(created, rows, columns,
                                                                        equipment, content, OFFalse)
                          : DcmSegmentation::createBinarySegmentation(created, rows, columns,
                                                                      equipment, content),
            "document");
    SegmentationPointer document(created);
    require(document->getSeries().setSeriesDescription((title + " segmentation, RESEARCH").c_str()),
            "series description");
    require(document->getSegmentationSeriesModule().setSeriesNumber("9001"), "series number");
    return document;
}

CodeSequenceMacro toolkitCode(const fseg_code &code)
{
    return CodeSequenceMacro(code.value, code.scheme, code.meaning);
}

void describeAlgorithm(DcmSegment &segment, const SegPlan &plan)
{
    AlgorithmIdentificationMacro &algorithm = segment.getSegmentationAlgorithmIdentification();
    require(algorithm.getAlgorithmFamilyCode().set("123110", "DCM", "Artificial Intelligence"),
            "algorithm family");
    require(algorithm.setAlgorithmName(plan.modelName.c_str()), "algorithm name");
    require(algorithm.setAlgorithmVersion(plan.modelVersion.c_str()), "algorithm version");
    require(algorithm.setAlgorithmSource("FrugalSeg"), "algorithm source");
    require(algorithm.setAlgorithmParameters(("model SHA-256 " + plan.modelSha256).c_str()),
            "algorithm parameters");
}

void addSegment(DcmSegmentation &document, const PlannedSegment &planned, const SegPlan &plan,
                Uint16 number)
{
    const fseg_structure &structure = *planned.structure;
    DcmSegment *segment = nullptr;
    require(DcmSegment::create(segment, structure.label, toolkitCode(structure.category),
                               toolkitCode(structure.type),
                               planned.edited ? DcmSegTypes::SAT_SEMIAUTOMATIC
                                              : DcmSegTypes::SAT_AUTOMATIC,
                               plan.modelName.c_str()),
            "segment");
    std::unique_ptr<DcmSegment> owner(segment);
    if (structure.side.value) {
        segment->getSegmentedPropertyTypeModifierCode().push_back(
            new CodeSequenceMacro(toolkitCode(structure.side)));
    }
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
    require(segment->setTrackingUID(plan.uid().c_str()), "tracking UID");
    describeAlgorithm(*segment, plan);
    require(document.addSegment(segment, number), "segment");
    owner.release(); // the document owns it now
}

/** A label map describes each of its values, the background too. */
void addBackground(DcmSegmentation &document, const SegPlan &plan)
{
    const CodeSequenceMacro code("125040", "DCM", "Background");
    DcmSegment *segment = nullptr;
    require(DcmSegment::create(segment, "Background", code, code, DcmSegTypes::SAT_AUTOMATIC,
                               plan.modelName.c_str()),
            "background");
    std::unique_ptr<DcmSegment> owner(segment);
    require(segment->setRecommendedDisplayCIELabValue(0, 32896, 32896), "colour"); // black
    Uint16 number = 0;
    require(document.addSegment(segment, number), "background");
    owner.release();
}

void addSharedGroups(DcmSegmentation &document, const Series &series)
{
    double spacing[3];
    fseg_geometry_spacing(&series.geometry, spacing);
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

/** A label map's frames belong to no single segment: their only dimension is the position. */
void addDimensions(DcmSegmentation &document, const SegPlan &plan)
{
    IODMultiframeDimensionModule &dimensions = document.getDimensions();
    const std::string organization = plan.uid();
    if (!plan.labelmap) {
        require(dimensions.addDimensionIndex(DCM_ReferencedSegmentNumber, organization.c_str(),
                                             DCM_SegmentIdentificationSequence,
                                             "ReferencedSegmentNumber"),
                "dimensions");
    }
    require(dimensions.addDimensionIndex(DCM_ImagePositionPatient, organization.c_str(),
                                         DCM_PlanePositionSequence, "ImagePositionPatient"),
            "dimensions");
}

/** The reference to the source frame that lies under a frame, voxel on voxel. */
void addSource(FGDerivationImage &derivation, const SliceHeader &slice)
{
    DerivationImageItem *item = nullptr;
    require(derivation.addDerivationImageItem(CodeSequenceMacro("113076", "DCM", "Segmentation"),
                                              "Segmentation", item),
            "derivation");
    auto source = std::make_unique<SourceImageItem>();
    ImageSOPInstanceReferenceMacro &reference = source->getImageSOPInstanceReference();
    require(source->getPurposeOfReferenceCode().set("121322", "DCM",
                                                    "Source image for image processing operation"),
            "purpose of reference");
    require(reference.setReferencedSOPClassUID(slice.sopClass.c_str()), "source class");
    require(reference.setReferencedSOPInstanceUID(slice.sopInstance.c_str()), "source instance");
    if (slice.frame > 0) {
        require(reference.addReferencedFrameNumber(static_cast<Uint16>(slice.frame)),
                "source frame");
    }
    require(source->setSpatialLocationsPreserved("YES", OFTrue), "source instance");
    item->getSourceImageItems().push_back(source.release());
}

/** The place of one frame: slice `k`, of segment `number` (0 in a label map). */
void addFrame(DcmSegmentation &document, const SliceHeader &slice, size_t k, Uint16 number,
              std::vector<Uint8> &pixels)
{
    const auto position = std::unique_ptr<FGPlanePosPatient>(FGPlanePosPatient::createMinimal(
        decimalString(slice.position[0]).c_str(), decimalString(slice.position[1]).c_str(),
        decimalString(slice.position[2]).c_str()));
    if (!position) {
        throw std::bad_alloc();
    }
    FGDerivationImage derivation;
    addSource(derivation, slice);
    FGFrameContent content;
    require(content.setStackID("1"), "stack");
    require(content.setInStackPositionNumber(static_cast<Uint32>(k + 1)), "stack position");
    unsigned dimension = 0;
    if (number > 0) {
        require(content.setDimensionIndexValues(number, dimension++), "dimension index");
    }
    require(content.setDimensionIndexValues(static_cast<Uint32>(k + 1), dimension),
            "dimension index");
    OFVector<FGBase *> groups;
    groups.push_back(position.get());
    groups.push_back(&derivation);
    groups.push_back(&content);
    require(document.addFrame(pixels.data(), number, groups), "frame");
}

/** One frame for every source slice and segment, empty ones included, so that a reader gets the
 *  source's grid. */
void addFrames(DcmSegmentation &document, const Series &series, const fseg_mask &mask,
               const SegPlan &plan, const std::array<uint8_t, 256> &numbers)
{
    const size_t count = series.geometry.size[0] * series.geometry.size[1];
    std::vector<Uint8> pixels(count);
    const size_t passes = plan.labelmap ? 1 : plan.segments.size();
    for (size_t pass = 0; pass < passes; ++pass) {
        const auto number = static_cast<Uint16>(plan.labelmap ? 0 : pass + 1);
        for (size_t k = 0; k < series.slices.size(); ++k) {
            std::transform(mask.voxels + k * count, mask.voxels + (k + 1) * count, pixels.begin(),
                           [&](uint8_t value) {
                               const uint8_t label = numbers[value];
                               return static_cast<Uint8>(number == 0 ? label : label == number);
                           });
            addFrame(document, series.slices[k], k, number, pixels);
        }
    }
}

/** The object that this one was corrected from counts as a further source of it. */
void addPredecessor(DcmSegmentation &document, const SegPlan &plan)
{
    auto item = std::make_unique<IODSeriesAndInstanceReferenceMacro::ReferencedSeriesItem>();
    auto instance = std::make_unique<SOPInstanceReferenceMacro>();
    require(item->setSeriesInstanceUID(plan.predecessorSeries.c_str()), "predecessor's series");
    require(instance->setReferencedSOPClassUID(plan.predecessorClass.c_str()),
            "predecessor's class");
    require(instance->setReferencedSOPInstanceUID(plan.predecessorInstance.c_str()), "predecessor");
    item->getReferencedInstanceItems().push_back(instance.release());
    document.getCommonInstanceReference().getReferencedSeriesItems().push_back(item.release());
}

void addReferences(DcmSegmentation &document, const Series &series)
{
    auto item = std::make_unique<IODSeriesAndInstanceReferenceMacro::ReferencedSeriesItem>();
    require(item->setSeriesInstanceUID(series.slices.front().series.c_str()), "source series");
    std::set<std::string> instances; // all frames of a file are one instance
    for (const SliceHeader &slice : series.slices) {
        if (!instances.insert(slice.sopInstance).second) {
            continue;
        }
        auto instance = std::make_unique<SOPInstanceReferenceMacro>();
        require(instance->setReferencedSOPClassUID(slice.sopClass.c_str()), "source class");
        require(instance->setReferencedSOPInstanceUID(slice.sopInstance.c_str()),
                "source instance");
        item->getReferencedInstanceItems().push_back(instance.release());
    }
    document.getCommonInstanceReference().getReferencedSeriesItems().push_back(item.release());
}

void checkGrid(const Series &series, const fseg_mask &mask)
{
    series.requireUsable();
    if (!fseg_geometry_equal(&mask.geometry, &series.geometry, 0.01)) {
        throw Failure(FSEG_ERROR_BAD_INPUT,
                      "the mask does not lie on the voxel grid of the series");
    }
}

void writeSegmentation(const Series &series, const fseg_mask &mask, const fseg_seg_options &options,
                       const std::string &path, fseg_seg_report &report)
{
    SegPlan plan = planSegmentation(options);
    checkGrid(series, mask);
    const std::array<uint8_t, 256> numbers = numberSegments(plan, mask);
    prepareToolkit();
    requireKept(path, plan.edited());
    const SourceAttributes source = sourceAttributes(series.slices);
    for (const fseg_seg_note &note : source.notes) {
        if (report.note_count < FSEG_MAX_NOTES) {
            report.notes[report.note_count++] = note;
        }
    }

    const SegmentationPointer document = createDocument(series, plan);
    if (plan.labelmap) {
        addBackground(*document, plan);
    }
    for (size_t i = 0; i < plan.segments.size(); ++i) {
        addSegment(*document, plan.segments[i], plan, static_cast<Uint16>(i + 1));
    }
    addSharedGroups(*document, series);
    addDimensions(*document, plan);
    addFrames(*document, series, mask, plan, numbers);
    addReferences(*document, series);
    if (!plan.predecessorInstance.empty()) {
        addPredecessor(*document, plan);
    }
    require(document->importFromSourceImage(*source.data), "patient and study");

    DcmFileFormat file;
    require(document->writeDataset(*file.getDataset()), "data set");
    finishDataset(*file.getDataset(), *source.data, plan, report);
    AtomicFile target(path, ".tmp");
    const OFCondition condition =
        file.saveFile(OFFilename(target.temporary().c_str()), EXS_LittleEndianExplicit);
    if (condition.bad()) {
        target.diagnose(voxelCount(mask.geometry) + 4096 * series.slices.size(), condition.text());
    }
    target.commit();
}

} // namespace

} // namespace frugalseg

extern "C" {

const char *fseg_seg_type_name(fseg_seg_type type)
{
    return type == FSEG_SEG_BINARY ? "binary" : type == FSEG_SEG_LABELMAP ? "labelmap" : nullptr;
}

const char *fseg_seg_note_name(fseg_seg_note_kind kind)
{
    switch (kind) {
    case FSEG_NOTE_REPAIRED:
        return "repaired";
    case FSEG_NOTE_DROPPED:
        return "dropped";
    case FSEG_NOTE_INVENTED:
        return "invented";
    }
    return "";
}

fseg_status fseg_seg_write_with(const fseg_series_list *list, size_t index, const fseg_mask *mask,
                                const fseg_seg_options *options, const char *path,
                                fseg_seg_report *report, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(list && mask && mask->voxels && options && path,
                                   "list, mask, options and path must not be null");
        frugalseg::requireArgument(index < list->series.size(), "there is no series of this index");
        fseg_seg_report done{};
        frugalseg::writeSegmentation(list->series[index], *mask, *options, path, done);
        if (report) {
            *report = done;
        }
    });
}

fseg_status fseg_seg_write(const fseg_series_list *list, size_t index, const fseg_mask *mask,
                           const fseg_seg_options *options, const char *path, fseg_error *error)
{
    return fseg_seg_write_with(list, index, mask, options, path, nullptr, error);
}

} // extern "C"
