/* Enhanced objects: one header for each frame, from the shared and the per-frame functional groups
 * (DICOM PS3.3 C.7.6.16). */
#include "DicomAttributes.h"
#include "DicomHeader.h"
#include "Failure.h"
#include "Limits.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include <algorithm>
#include <cstdlib>

namespace frugalseg
{

namespace
{

DcmItem *firstItem(DcmItem *parent, const DcmTagKey &sequence)
{
    DcmItem *item = nullptr;
    if (parent && parent->findAndGetSequenceItem(sequence, item, 0).bad()) {
        item = nullptr;
    }
    return item;
}

/** The functional groups of one frame; a shared group stands where the frame has none. */
class Groups
{
  public:
    Groups(DcmItem *shared, DcmItem *own) : shared_(shared), own_(own) {}
    DcmItem *find(const DcmTagKey &sequence) const
    {
        DcmItem *item = firstItem(own_, sequence);
        return item ? item : firstItem(shared_, sequence);
    }
    std::string text(const DcmTagKey &sequence, const DcmTagKey &tag) const
    {
        DcmItem *item = find(sequence);
        return item ? attributeText(*item, tag) : "";
    }
    double number(const DcmTagKey &sequence, const DcmTagKey &tag, double fallback) const
    {
        DcmItem *item = find(sequence);
        double value = fallback;
        if (item && attributeNumbers(*item, tag, &value, 1)) {
            return value;
        }
        return fallback;
    }

  private:
    DcmItem *shared_;
    DcmItem *own_;
};

void readFrameType(const Groups &groups, SliceHeader &frame)
{
    for (const DcmTagKey &sequence : {DCM_MRImageFrameTypeSequence, DCM_CTImageFrameTypeSequence}) {
        DcmItem *item = groups.find(sequence);
        if (item) {
            const std::string type = attributeTexts(*item, DCM_FrameType);
            frame.imageType = type.empty() ? frame.imageType : type;
            frame.split(Split::ImageType) =
                frame.imageType + "|" + attributeText(*item, DCM_ComplexImageComponent);
        }
    }
}

void readContrast(const Groups &groups, SliceHeader &frame)
{
    frame.echo = groups.number(DCM_MREchoSequence, DCM_EffectiveEchoTime, frame.echo);
    frame.repetition = groups.number(DCM_MRTimingAndRelatedParametersSequence, DCM_RepetitionTime,
                                     frame.repetition);
    if (frame.echo > 0.0) {
        frame.split(Split::Echo) = formatText("%.6g", frame.echo);
    }
    const double bValue = groups.number(DCM_MRDiffusionSequence, DCM_DiffusionBValue, -1.0);
    if (bValue >= 0.0) {
        frame.split(Split::BValue) = formatText("%.6g", bValue);
    }
    if (DcmItem *diffusion = groups.find(DCM_MRDiffusionSequence)) {
        std::string direction = attributeText(*diffusion, DCM_DiffusionDirectionality);
        double axis[3];
        DcmItem *gradient = firstItem(diffusion, DCM_DiffusionGradientDirectionSequence);
        if (gradient && attributeNumbers(*gradient, DCM_DiffusionGradientOrientation, axis, 3)) {
            direction += formatText(" %.3f %.3f %.3f", axis[0], axis[1], axis[2]);
        }
        frame.split(Split::Direction) = direction;
    }
    const std::string inversion = groups.text(DCM_MRModifierSequence, DCM_InversionTimes);
    if (!inversion.empty()) {
        frame.split(Split::Inversion) = inversion;
    }
}

/** DimensionIndexValues, as many as are kept. */
void readDimensions(DcmItem &content, SliceHeader &frame)
{
    const auto first = static_cast<size_t>(Split::Dimension1);
    for (size_t i = first; i < frame.splits.size(); ++i) {
        Uint32 index = 0;
        if (content.findAndGetUint32(DCM_DimensionIndexValues, index, i - first).good()) {
            frame.splits[i] = formatText("%u", index);
        }
    }
}

void readContent(const Groups &groups, SliceHeader &frame)
{
    DcmItem *content = groups.find(DCM_FrameContentSequence);
    std::string temporal =
        groups.text(DCM_TemporalPositionSequence, DCM_TemporalPositionTimeOffset);
    if (temporal.empty()) {
        temporal =
            groups.text(DCM_CardiacSynchronizationSequence, DCM_NominalCardiacTriggerDelayTime);
    }
    if (content) {
        frame.split(Split::Stack) = attributeText(*content, DCM_StackID);
        const std::string index = attributeText(*content, DCM_TemporalPositionIndex);
        temporal = index.empty() ? temporal : index;
        const std::string acquisition = attributeText(*content, DCM_FrameAcquisitionNumber);
        if (!acquisition.empty()) {
            frame.split(Split::Acquisition) = acquisition;
        }
        double time = secondsOfDateTime(attributeText(*content, DCM_FrameAcquisitionDateTime));
        if (time < 0.0) {
            time = secondsOfDateTime(attributeText(*content, DCM_FrameReferenceDateTime));
        }
        frame.time = time;
        readDimensions(*content, frame);
    }
    if (!temporal.empty()) {
        frame.split(Split::Temporal) = temporal;
    }
}

SliceHeader readFrame(const SliceHeader &file, const Groups &groups, unsigned number)
{
    SliceHeader frame = file;
    frame.frame = number;
    frame.instanceNumber = static_cast<int>(number);
    DcmItem nowhere;
    const auto orNowhere = [&](DcmItem *item) -> DcmItem & { return item ? *item : nowhere; };
    frame.hasPosition = frame.hasOrientation = frame.hasSpacing = false;
    readPlane(orNowhere(groups.find(DCM_PlanePositionSequence)),
              orNowhere(groups.find(DCM_PlaneOrientationSequence)),
              orNowhere(groups.find(DCM_PixelMeasuresSequence)), frame);
    if (DcmItem *values = groups.find(DCM_PixelValueTransformationSequence)) {
        readRescale(*values, frame);
    }
    readFrameType(groups, frame);
    readContrast(groups, frame);
    readContent(groups, frame);
    return frame;
}

} // namespace

std::vector<SliceHeader> readFrames(DcmItem &data, const SliceHeader &file)
{
    const auto faulty = [&](Fault fault) {
        SliceHeader header = file;
        header.fault = fault;
        return std::vector<SliceHeader>{header};
    };
    DcmElement *element = nullptr;
    DcmSequenceOfItems *perFrame = nullptr;
    if (data.findAndGetElement(DCM_PerFrameFunctionalGroupsSequence, element).good() && element &&
        element->ident() == EVR_SQ) {
        perFrame = static_cast<DcmSequenceOfItems *>(element);
    }
    if (!perFrame || perFrame->card() == 0) {
        return faulty(Fault::MissingFunctionalGroups);
    }
    if (file.frames < 1 || file.frames > limits::frames ||
        static_cast<long>(perFrame->card()) != file.frames) {
        return faulty(Fault::FrameCount);
    }
    DcmItem *shared = firstItem(&data, DCM_SharedFunctionalGroupsSequence);
    std::vector<SliceHeader> frames;
    frames.reserve(static_cast<size_t>(file.frames));
    // Walking the items one after the other: asking for them by number walks from the start.
    DcmObject *object = nullptr;
    while ((object = perFrame->nextInContainer(object)) != nullptr) {
        const Groups groups(shared, static_cast<DcmItem *>(object));
        frames.push_back(readFrame(file, groups, static_cast<unsigned>(frames.size() + 1)));
    }
    const bool placed = std::any_of(frames.begin(), frames.end(), [](const SliceHeader &frame) {
        return frame.hasPosition && frame.hasOrientation && frame.hasSpacing;
    });
    return placed ? frames : faulty(Fault::MissingFunctionalGroups);
}

} // namespace frugalseg
