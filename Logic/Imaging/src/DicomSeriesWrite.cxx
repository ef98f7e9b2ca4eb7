/* A volume as a series of single-frame MR files, for phantoms and tests. */
#include "AtomicFile.h"
#include "DicomSeries.h"
#include "DicomText.h"
#include "Failure.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include "frugalseg/random.h"
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <vector>

namespace frugalseg
{

namespace
{

/** Stored value = (value - intercept) / slope, in signed 16 bits. */
struct Rescale {
    double slope = 1.0;
    double intercept = 0.0;
};

Rescale chooseRescale(const fseg_volume &volume)
{
    const size_t count = voxelCount(volume.geometry);
    const float *voxels = volume.voxels;
    double low = voxels[0], high = voxels[0];
    bool whole = true;
    for (size_t i = 0; i < count; ++i) {
        const double value = voxels[i];
        if (!std::isfinite(value)) {
            throw Failure(FSEG_ERROR_NOT_FINITE, "the volume has voxels that are not finite");
        }
        low = std::min(low, value);
        high = std::max(high, value);
        whole = whole && std::floor(value) == value;
    }
    if (whole && low >= -32768.0 && high <= 32767.0) {
        return {};
    }
    Rescale rescale;
    rescale.slope = high > low ? (high - low) / 65534.0 : 1.0;
    rescale.intercept = high > low ? (low + high) / 2.0 : low;
    // The header holds 16 characters; use the value that a reader will see.
    rescale.slope = std::stod(formatText("%.9e", rescale.slope));
    rescale.intercept = std::stod(formatText("%.9e", rescale.intercept));
    return rescale;
}

void put(DcmItem &item, const DcmTagKey &tag, const std::string &value)
{
    if (item.putAndInsertString(tag, value.c_str()).bad()) {
        throw std::bad_alloc();
    }
}

void put(DcmItem &item, const DcmTagKey &tag, Uint16 value)
{
    if (item.putAndInsertUint16(tag, value).bad()) {
        throw std::bad_alloc();
    }
}

struct SeriesWriter {
    const fseg_volume &volume;
    const fseg_series_write_options &options;
    Rescale rescale;
    std::string study, series, frameOfReference, uidStem;
    Vector3 axis[3]; /**< unit vectors */
    double spacing[3];
    double stored[2]; /**< lowest and highest stored value */

    void putPatientAndStudy(DcmItem &data) const
    {
        put(data, DCM_SpecificCharacterSet, "ISO_IR 192");
        const std::string pseudonym = options.patient_id ? options.patient_id : "PHANTOM";
        put(data, DCM_PatientName, pseudonym + "^"); // a family name only
        put(data, DCM_PatientID, pseudonym);
        put(data, DCM_PatientBirthDate, "");
        put(data, DCM_PatientSex, "O");
        put(data, DCM_StudyInstanceUID, study);
        put(data, DCM_StudyDate, "20200101");
        put(data, DCM_StudyTime, "120000");
        put(data, DCM_ReferringPhysicianName, "");
        put(data, DCM_StudyID, "1");
        put(data, DCM_AccessionNumber, "");
    }

    void putSeries(DcmItem &data) const
    {
        put(data, DCM_Modality, "MR");
        put(data, DCM_SeriesInstanceUID, series);
        put(data, DCM_SeriesNumber, "1");
        put(data, DCM_SeriesDate, "20200101");
        put(data, DCM_SeriesTime, "120000");
        put(data, DCM_SeriesDescription, options.description ? options.description : "");
        put(data, DCM_PatientPosition, "HFS");
        put(data, DCM_FrameOfReferenceUID, frameOfReference);
        put(data, DCM_PositionReferenceIndicator, "");
        if (options.body_part && *options.body_part) {
            put(data, DCM_BodyPartExamined, options.body_part);
        }
        put(data, DCM_Manufacturer, "FrugalSeg");
        put(data, DCM_ManufacturerModelName, "FrugalSeg series writer");
        // MR acquisition: required by the object, unknown here, hence plausible and empty values.
        put(data, DCM_ScanningSequence, "SE");
        put(data, DCM_SequenceVariant, "SK");
        put(data, DCM_ScanOptions, "");
        put(data, DCM_MRAcquisitionType, "2D");
        put(data, DCM_RepetitionTime, "");
        put(data, DCM_EchoTime, "");
        put(data, DCM_EchoTrainLength, "");
    }

    void putSlice(DcmItem &data, size_t k) const
    {
        const Vector3 origin = positionOf(volume.geometry, {0.0, 0.0, static_cast<double>(k)});
        put(data, DCM_SOPClassUID, UID_MRImageStorage);
        put(data, DCM_SOPInstanceUID, uidFromName(uidStem + formatText("instance %zu", k)));
        put(data, DCM_ImageType, "DERIVED\\SECONDARY\\OTHER");
        put(data, DCM_InstanceNumber, formatText("%zu", k + 1));
        put(data, DCM_ContentDate, "20200101");
        put(data, DCM_ContentTime, "120000");
        put(data, DCM_ImagePositionPatient, decimalStrings({origin[0], origin[1], origin[2]}));
        put(data, DCM_ImageOrientationPatient,
            decimalStrings(
                {axis[0][0], axis[0][1], axis[0][2], axis[1][0], axis[1][1], axis[1][2]}));
        put(data, DCM_PixelSpacing, decimalStrings({spacing[1], spacing[0]}));
        put(data, DCM_SliceThickness, decimalString(spacing[2]));
        put(data, DCM_SpacingBetweenSlices, decimalString(spacing[2]));
    }

    void putPixels(DcmItem &data, size_t k) const
    {
        const size_t count = volume.geometry.size[0] * volume.geometry.size[1];
        const float *values = volume.voxels + k * count;
        std::vector<Uint16> cells(count);
        for (size_t i = 0; i < count; ++i) {
            const double value = std::round((values[i] - rescale.intercept) / rescale.slope);
            const double clamped = std::clamp(value, -32768.0, 32767.0);
            cells[i] = static_cast<Uint16>(static_cast<Sint16>(clamped));
        }
        put(data, DCM_SamplesPerPixel, 1);
        put(data, DCM_PhotometricInterpretation, "MONOCHROME2");
        put(data, DCM_Rows, static_cast<Uint16>(volume.geometry.size[1]));
        put(data, DCM_Columns, static_cast<Uint16>(volume.geometry.size[0]));
        put(data, DCM_BitsAllocated, 16);
        put(data, DCM_BitsStored, 16);
        put(data, DCM_HighBit, 15);
        put(data, DCM_PixelRepresentation, 1);
        if (rescale.slope != 1.0 || rescale.intercept != 0.0) {
            put(data, DCM_RescaleIntercept, decimalString(rescale.intercept));
            put(data, DCM_RescaleSlope, decimalString(rescale.slope));
            put(data, DCM_RescaleType, "US");
        }
        const double width = std::max(1.0, stored[1] - stored[0]);
        put(data, DCM_WindowCenter, decimalString((stored[0] + stored[1]) / 2.0));
        put(data, DCM_WindowWidth, decimalString(width));
        if (data.putAndInsertUint16Array(DCM_PixelData, cells.data(),
                                         static_cast<unsigned long>(count))
                .bad()) {
            throw std::bad_alloc();
        }
    }
};

SeriesWriter prepare(const fseg_volume &volume, const fseg_series_write_options &options)
{
    const fseg_geometry &geometry = volume.geometry;
    requireGeometry(geometry);
    requireArgument(volume.voxels, "the volume has no voxels");
    requireArgument(geometry.size[0] <= 65535 && geometry.size[1] <= 65535,
                    "DICOM allows at most 65535 rows and columns");
    SeriesWriter writer{volume, options, chooseRescale(volume), "", "", "", "", {}, {}, {}};
    writer.uidStem =
        formatText("FrugalSeg series %llu ", static_cast<unsigned long long>(options.seed));
    writer.study = uidFromName(writer.uidStem + "study");
    writer.series = uidFromName(writer.uidStem + "series");
    writer.frameOfReference = uidFromName(writer.uidStem + "frame of reference");
    for (int i = 0; i < 3; ++i) {
        const Vector3 step = matrixColumn(geometry, i);
        writer.spacing[i] = norm(step);
        writer.axis[i] = scaled(step, 1.0 / writer.spacing[i]);
    }
    const Vector3 normal = cross(writer.axis[0], writer.axis[1]);
    if (std::fabs(dot(writer.axis[0], writer.axis[1])) > 1e-4 ||
        std::fabs(std::fabs(dot(normal, writer.axis[2])) - 1.0) > 1e-6) {
        throw Failure(FSEG_ERROR_UNSUPPORTED,
                      "slices of a DICOM series must be stacked at right angles");
    }
    const auto range = std::minmax_element(volume.voxels, volume.voxels + voxelCount(geometry));
    writer.stored[0] = *range.first;
    writer.stored[1] = *range.second;
    return writer;
}

void writeSlice(const SeriesWriter &writer, size_t k, const std::string &path)
{
    DcmFileFormat file;
    DcmItem &data = *file.getDataset();
    writer.putPatientAndStudy(data);
    writer.putSeries(data);
    writer.putSlice(data, k);
    writer.putPixels(data, k);
    AtomicFile target(path, ".tmp");
    const OFCondition condition =
        file.saveFile(OFFilename(target.temporary().c_str()), EXS_LittleEndianExplicit);
    if (condition.bad()) {
        target.diagnose(writer.volume.geometry.size[0] * writer.volume.geometry.size[1] * 2 + 4096,
                        condition.text());
    }
    target.commit();
}

/** File names that do not follow the order of the slices, as archives have them. */
std::vector<size_t> shuffledOrder(size_t count, uint64_t seed)
{
    std::vector<size_t> order(count);
    std::iota(order.begin(), order.end(), size_t{0});
    fseg_random random = fseg_random_create(seed, 0x5E71E5);
    for (size_t i = count; i > 1; --i) {
        std::swap(order[i - 1], order[fseg_random_below(&random, static_cast<uint32_t>(i))]);
    }
    return order;
}

/** The folder of a new series: removed again, with the files in it, unless kept. */
class SeriesFolder
{
  public:
    explicit SeriesFolder(const std::string &path) : path_(path)
    {
        std::error_code code;
        if (std::filesystem::exists(path_, code)) {
            if (!std::filesystem::is_directory(path_, code) ||
                !std::filesystem::is_empty(path_, code)) {
                throw Failure(FSEG_ERROR_IO,
                              "\"" + path + "\" is not an empty folder; choose another one");
            }
        } else if (!std::filesystem::create_directory(path_, code)) {
            throw systemFailure(code.value(), "cannot create", path);
        } else {
            created_ = true;
        }
    }
    ~SeriesFolder()
    {
        std::error_code code;
        if (!kept_) {
            for (const std::string &file : files_) {
                std::filesystem::remove(file, code);
            }
            if (created_) {
                std::filesystem::remove(path_, code);
            }
        }
    }
    SeriesFolder(const SeriesFolder &) = delete;
    SeriesFolder &operator=(const SeriesFolder &) = delete;
    std::string file(size_t number)
    {
        files_.push_back((path_ / formatText("IM%04zu.dcm", number + 1)).string());
        return files_.back();
    }
    void keep()
    {
        kept_ = true;
    }

  private:
    std::filesystem::path path_;
    std::vector<std::string> files_;
    bool created_ = false;
    bool kept_ = false;
};

} // namespace

} // namespace frugalseg

extern "C" fseg_status fseg_series_write(const fseg_volume *volume,
                                         const fseg_series_write_options *options,
                                         const char *folder, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(volume && options && folder,
                                   "volume, options and folder must not be null");
        frugalseg::prepareToolkit();
        const frugalseg::SeriesWriter writer = frugalseg::prepare(*volume, *options);
        frugalseg::SeriesFolder target(folder);
        const size_t count = volume->geometry.size[2];
        const std::vector<size_t> order = frugalseg::shuffledOrder(count, options->seed);
        for (size_t number = 0; number < count; ++number) {
            frugalseg::writeSlice(writer, order[number], target.file(number));
        }
        target.keep();
    });
}
