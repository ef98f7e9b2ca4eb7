/* Volumes as one Enhanced MR Image (DICOM PS3.3 A.36.2), for phantoms and tests. */
#include "DicomSeries.h"
#include "DicomText.h"
#include "Failure.h"
#include "SeriesWriteParts.h"

#include "frugalseg/enhanced.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace frugalseg
{

namespace
{

constexpr size_t mostFrames = 65535;

/** A new first item of a sequence. */
DcmItem &group(DcmItem &parent, const DcmTagKey &sequence, long index = 0)
{
    DcmItem *item = nullptr;
    if (parent.findOrCreateSequenceItem(sequence, item, index).bad() || !item) {
        throw std::bad_alloc();
    }
    return *item;
}

void putNumber(DcmItem &item, const DcmTagKey &tag, double value)
{
    if (item.putAndInsertFloat64(tag, value).bad()) {
        throw std::bad_alloc();
    }
}

void putCode(DcmItem &parent, const DcmTagKey &sequence, const char *value, const char *meaning)
{
    DcmItem &item = group(parent, sequence);
    put(item, DCM_CodeValue, value);
    put(item, DCM_CodingSchemeDesignator, "SCT");
    put(item, DCM_CodeMeaning, meaning);
}

struct Frame {
    size_t volume = 0; /**< which of the volumes */
    size_t slice = 0;
};

class EnhancedWriter
{
  public:
    EnhancedWriter(const fseg_enhanced_volume *volumes, size_t count,
                   const fseg_series_write_options &options, fseg_frame_order order);
    void write(const std::string &path) const;

  private:
    const fseg_geometry &geometryOf(size_t volume) const
    {
        return volumes_[volume].volume->geometry;
    }
    void orderFrames(fseg_frame_order order);
    void putImage(DcmItem &data) const;
    void putDimensions(DcmItem &data) const;
    void putShared(DcmItem &data) const;
    void putFrame(DcmItem &item, const Frame &frame) const;
    void putPlane(DcmItem &item, const Frame &frame) const;
    void putContrast(DcmItem &item, const Frame &frame) const;
    void putPixels(DcmItem &data) const;

    std::vector<fseg_enhanced_volume> volumes_;
    fseg_series_write_options options_;
    SeriesUids uids_;
    std::vector<SlicePlane> planes_;
    std::vector<Rescale> rescales_;
    std::vector<size_t> stacks_;    /**< of each volume, from 1 */
    std::vector<size_t> contrasts_; /**< of each volume: its number within the stack, from 1 */
    std::vector<Frame> frames_;     /**< as they lie in the file */
    bool diffusion_ = false;
    bool timed_ =
        true; /**< all volumes say their repetition time; a group is in all frames or none */
};

EnhancedWriter::EnhancedWriter(const fseg_enhanced_volume *volumes, size_t count,
                               const fseg_series_write_options &options, fseg_frame_order order)
    : volumes_(volumes, volumes + count), options_(options), uids_(options.seed)
{
    for (size_t i = 0; i < count; ++i) {
        const fseg_enhanced_volume &one = volumes_[i];
        requireArgument(one.volume && one.volume->voxels, "a volume must not be null");
        requireArgument(one.temporal_position >= 0 && one.echo_ms >= 0.0 &&
                            one.repetition_ms >= 0.0 && one.b_value >= 0.0,
                        "times, positions and b-values must not be negative");
        const fseg_geometry &geometry = geometryOf(i);
        planes_.emplace_back(geometry);
        rescales_.push_back(chooseRescale(*one.volume));
        requireArgument(geometry.size[0] == geometryOf(0).size[0] &&
                            geometry.size[1] == geometryOf(0).size[1],
                        "the volumes of one file must have the same numbers of rows and columns");
        size_t same = 0;
        while (!fseg_geometry_equal(&geometryOf(same), &geometry, 1e-3)) {
            ++same;
        }
        stacks_.push_back(same < i
                              ? stacks_[same]
                              : 1 + (i ? *std::max_element(stacks_.begin(), stacks_.end()) : 0));
        contrasts_.push_back(
            static_cast<size_t>(std::count(stacks_.begin(), stacks_.end(), stacks_.back())));
        diffusion_ = diffusion_ || one.diffusion != 0;
        timed_ = timed_ && one.repetition_ms > 0.0;
    }
    orderFrames(order);
}

void EnhancedWriter::orderFrames(fseg_frame_order order)
{
    std::vector<Frame> frames;
    for (size_t v = 0; v < volumes_.size(); ++v) {
        for (size_t k = 0; k < geometryOf(v).size[2]; ++k) {
            frames.push_back({v, k});
        }
    }
    requireArgument(frames.size() <= mostFrames, "an enhanced object can hold 65535 frames");
    std::vector<size_t> indices(frames.size());
    std::iota(indices.begin(), indices.end(), size_t{0});
    if (order == FSEG_FRAMES_REVERSED) {
        std::reverse(indices.begin(), indices.end());
    } else if (order == FSEG_FRAMES_SHUFFLED) {
        indices = shuffledOrder(frames.size(), options_.seed);
    }
    for (const size_t index : indices) {
        frames_.push_back(frames[index]);
    }
}

/** Modules of the whole object. Values that only a scanner could know are left out: the object is
 *  derived, for which the standard does not ask for them. */
void EnhancedWriter::putImage(DcmItem &data) const
{
    put(data, DCM_SOPClassUID, UID_EnhancedMRImageStorage);
    put(data, DCM_SOPInstanceUID, uids_.instance(0));
    put(data, DCM_InstanceNumber, "1");
    put(data, DCM_ImageType, "DERIVED\\PRIMARY\\T2\\NONE");
    put(data, DCM_PixelPresentation, "MONOCHROME");
    put(data, DCM_VolumetricProperties, "VOLUME");
    put(data, DCM_VolumeBasedCalculationTechnique, "NONE");
    put(data, DCM_ComplexImageComponent, "MAGNITUDE");
    put(data, DCM_AcquisitionContrast, diffusion_ ? "DIFFUSION" : "T2");
    put(data, DCM_ContentQualification, "RESEARCH");
    put(data, DCM_ApplicableSafetyStandardAgency, "IEC");
    put(data, DCM_BurnedInAnnotation, "NO");
    put(data, DCM_LossyImageCompression, "00");
    put(data, DCM_PresentationLUTShape, "IDENTITY");
    put(data, DCM_DeviceSerialNumber, "0");
    put(data, DCM_SoftwareVersions, "FrugalSeg " FRUGALSEG_VERSION);
    put(data, DCM_NumberOfFrames, formatText("%zu", frames_.size()));
    // Type 2: there, and empty.
    if (data.insertEmptyElement(DCM_AcquisitionContextSequence).bad()) {
        throw std::bad_alloc();
    }
}

void EnhancedWriter::putDimensions(DcmItem &data) const
{
    const std::string organization = uidFromName(uids_.stem + "dimensions");
    put(group(data, DCM_DimensionOrganizationSequence), DCM_DimensionOrganizationUID, organization);
    const struct {
        DcmTagKey pointer, sequence;
        const char *label;
    } dimensions[] = {
        {DCM_StackID, DCM_FrameContentSequence, "Stack"},
        {DCM_InStackPositionNumber, DCM_FrameContentSequence, "Position in stack"},
        {DCM_EffectiveEchoTime, DCM_MREchoSequence, "Contrast"},
    };
    for (long i = 0; i < 3; ++i) {
        DcmItem &item = group(data, DCM_DimensionIndexSequence, i);
        put(item, DCM_DimensionOrganizationUID, organization);
        item.putAndInsertTagKey(DCM_DimensionIndexPointer, dimensions[i].pointer);
        item.putAndInsertTagKey(DCM_FunctionalGroupPointer, dimensions[i].sequence);
        put(item, DCM_DimensionDescriptionLabel, dimensions[i].label);
    }
}

void EnhancedWriter::putShared(DcmItem &data) const
{
    DcmItem &shared = group(data, DCM_SharedFunctionalGroupsSequence);
    DcmItem &anatomy = group(shared, DCM_FrameAnatomySequence);
    put(anatomy, DCM_FrameLaterality, "U");
    const std::string part = options_.body_part ? options_.body_part : "";
    if (part == "PROSTATE") {
        putCode(anatomy, DCM_AnatomicRegionSequence, "41216001", "Prostate");
    } else {
        putCode(anatomy, DCM_AnatomicRegionSequence, "818981001", "Abdomen");
    }
    DcmItem &type = group(shared, DCM_MRImageFrameTypeSequence);
    put(type, DCM_FrameType, "DERIVED\\PRIMARY\\T2\\NONE");
    put(type, DCM_PixelPresentation, "MONOCHROME");
    put(type, DCM_VolumetricProperties, "VOLUME");
    put(type, DCM_VolumeBasedCalculationTechnique, "NONE");
    put(type, DCM_ComplexImageComponent, "MAGNITUDE");
    put(type, DCM_AcquisitionContrast, diffusion_ ? "DIFFUSION" : "T2");
}

void EnhancedWriter::putPlane(DcmItem &item, const Frame &frame) const
{
    const SlicePlane &plane = planes_[frame.volume];
    const Vector3 origin =
        positionOf(geometryOf(frame.volume), {0.0, 0.0, static_cast<double>(frame.slice)});
    DcmItem &content = group(item, DCM_FrameContentSequence);
    put(content, DCM_StackID, formatText("%zu", stacks_[frame.volume]));
    const auto position = static_cast<Uint32>(frame.slice + 1);
    const Uint32 indices[3] = {static_cast<Uint32>(stacks_[frame.volume]), position,
                               static_cast<Uint32>(contrasts_[frame.volume])};
    content.putAndInsertUint32(DCM_InStackPositionNumber, position);
    content.putAndInsertUint32Array(DCM_DimensionIndexValues, indices, 3);
    const int time = volumes_[frame.volume].temporal_position;
    if (time > 0) {
        content.putAndInsertUint32(DCM_TemporalPositionIndex, static_cast<Uint32>(time));
    }
    put(group(item, DCM_PlanePositionSequence), DCM_ImagePositionPatient,
        decimalStrings({origin[0], origin[1], origin[2]}));
    put(group(item, DCM_PlaneOrientationSequence), DCM_ImageOrientationPatient,
        plane.orientation());
    DcmItem &measures = group(item, DCM_PixelMeasuresSequence);
    put(measures, DCM_PixelSpacing, decimalStrings({plane.spacing[1], plane.spacing[0]}));
    put(measures, DCM_SliceThickness, decimalString(plane.spacing[2]));
    put(measures, DCM_SpacingBetweenSlices, decimalString(plane.spacing[2]));
}

void EnhancedWriter::putContrast(DcmItem &item, const Frame &frame) const
{
    const fseg_enhanced_volume &volume = volumes_[frame.volume];
    putNumber(group(item, DCM_MREchoSequence), DCM_EffectiveEchoTime, volume.echo_ms);
    if (timed_) {
        DcmItem &timing = group(item, DCM_MRTimingAndRelatedParametersSequence);
        put(timing, DCM_RepetitionTime, decimalString(volume.repetition_ms));
        put(timing, DCM_FlipAngle, "90");
        put(timing, DCM_EchoTrainLength, "1");
        timing.putAndInsertUint16(DCM_RFEchoTrainLength, 1);
        timing.putAndInsertUint16(DCM_GradientEchoTrainLength, 0);
        DcmItem &heat = group(timing, DCM_SpecificAbsorptionRateSequence);
        put(heat, DCM_SpecificAbsorptionRateDefinition, "IEC_WHOLE_BODY");
        putNumber(heat, DCM_SpecificAbsorptionRateValue, 0.0);
        DcmItem &mode = group(timing, DCM_OperatingModeSequence);
        put(mode, DCM_OperatingModeType, "RF");
        put(mode, DCM_OperatingMode, "IEC_NORMAL");
    }
    if (volume.diffusion != 0) {
        DcmItem &diffusion = group(item, DCM_MRDiffusionSequence);
        putNumber(diffusion, DCM_DiffusionBValue, volume.b_value);
        put(diffusion, DCM_DiffusionDirectionality, volume.b_value > 0.0 ? "ISOTROPIC" : "NONE");
        if (volume.b_value > 0.0) {
            put(diffusion, DCM_DiffusionAnisotropyType, "FRACTIONAL");
        }
    }
}

void EnhancedWriter::putFrame(DcmItem &item, const Frame &frame) const
{
    putPlane(item, frame);
    putContrast(item, frame);
    const Rescale &rescale = rescales_[frame.volume];
    DcmItem &values = group(item, DCM_PixelValueTransformationSequence);
    put(values, DCM_RescaleIntercept, decimalString(rescale.intercept));
    put(values, DCM_RescaleSlope, decimalString(rescale.slope));
    put(values, DCM_RescaleType, "US");
}

void EnhancedWriter::putPixels(DcmItem &data) const
{
    const size_t count = geometryOf(0).size[0] * geometryOf(0).size[1];
    const size_t words = count * frames_.size();
    requireArgument(words <= 0x7FFFFFFFU, "the volumes are too large for one DICOM file");
    std::vector<Uint16> cells(words);
    auto cell = cells.begin();
    for (const Frame &frame : frames_) {
        const float *values = volumes_[frame.volume].volume->voxels + frame.slice * count;
        const Rescale &rescale = rescales_[frame.volume];
        cell = std::transform(values, values + count, cell,
                              [&](float value) { return rescale.stored(value); });
    }
    if (data.putAndInsertUint16Array(DCM_PixelData, cells.data(), static_cast<unsigned long>(words))
            .bad()) {
        throw std::bad_alloc();
    }
}

void EnhancedWriter::write(const std::string &path) const
{
    DcmFileFormat file;
    DcmItem &data = *file.getDataset();
    putPatientAndStudy(data, options_, uids_);
    putSeries(data, options_, uids_);
    putImage(data);
    putDimensions(data);
    putShared(data);
    for (size_t i = 0; i < frames_.size(); ++i) {
        putFrame(group(data, DCM_PerFrameFunctionalGroupsSequence, static_cast<long>(i)),
                 frames_[i]);
    }
    putPixelFormat(data, geometryOf(0));
    putPixels(data);
    const size_t pixels = geometryOf(0).size[0] * geometryOf(0).size[1] * frames_.size() * 2;
    saveDataset(file, path, pixels + 2048 * frames_.size());
}

} // namespace

} // namespace frugalseg

extern "C" fseg_status fseg_series_write_enhanced(const fseg_enhanced_volume *volumes, size_t count,
                                                  const fseg_series_write_options *options,
                                                  fseg_frame_order order, const char *folder,
                                                  fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(volumes && count > 0 && options && folder,
                                   "volumes, options and folder must not be null");
        frugalseg::prepareToolkit();
        const frugalseg::EnhancedWriter writer(volumes, count, *options, order);
        frugalseg::SeriesFolder target(folder);
        writer.write(target.file(0));
        target.keep();
    });
}
