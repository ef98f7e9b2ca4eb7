/* What the writers of single-frame and of enhanced MR series have in common. */
#include "SeriesWriteParts.h"
#include "AtomicFile.h"
#include "DicomSeries.h"
#include "DicomText.h"
#include "Failure.h"

#include "frugalseg/random.h"
#include <algorithm>
#include <cmath>
#include <numeric>

namespace frugalseg
{

Uint16 Rescale::stored(double value) const
{
    const double clamped = std::clamp(std::round((value - intercept) / slope), -32768.0, 32767.0);
    return static_cast<Uint16>(static_cast<Sint16>(clamped));
}

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

SeriesUids::SeriesUids(uint64_t seed)
    : stem(formatText("FrugalSeg series %llu ", static_cast<unsigned long long>(seed)))
{
    study = uidFromName(stem + "study");
    series = uidFromName(stem + "series");
    frameOfReference = uidFromName(stem + "frame of reference");
}

std::string SeriesUids::instance(size_t number) const
{
    return uidFromName(stem + formatText("instance %zu", number));
}

void putPatientAndStudy(DcmItem &data, const fseg_series_write_options &options,
                        const SeriesUids &uids)
{
    put(data, DCM_SpecificCharacterSet, "ISO_IR 192");
    const std::string pseudonym = options.patient_id ? options.patient_id : "PHANTOM";
    put(data, DCM_PatientName, pseudonym + "^"); // a family name only
    put(data, DCM_PatientID, pseudonym);
    put(data, DCM_PatientBirthDate, "");
    put(data, DCM_PatientSex, "O");
    put(data, DCM_StudyInstanceUID, uids.study);
    put(data, DCM_StudyDate, "20200101");
    put(data, DCM_StudyTime, "120000");
    put(data, DCM_ReferringPhysicianName, "");
    put(data, DCM_StudyID, "1");
    put(data, DCM_AccessionNumber, "");
}

void putSeries(DcmItem &data, const fseg_series_write_options &options, const SeriesUids &uids)
{
    put(data, DCM_Modality, "MR");
    put(data, DCM_SeriesInstanceUID, uids.series);
    put(data, DCM_SeriesNumber, "1");
    put(data, DCM_SeriesDate, "20200101");
    put(data, DCM_SeriesTime, "120000");
    put(data, DCM_SeriesDescription, options.description ? options.description : "");
    put(data, DCM_PatientPosition, "HFS");
    put(data, DCM_FrameOfReferenceUID, uids.frameOfReference);
    put(data, DCM_PositionReferenceIndicator, "");
    if (options.body_part && *options.body_part) {
        put(data, DCM_BodyPartExamined, options.body_part);
    }
    put(data, DCM_Manufacturer, "FrugalSeg");
    put(data, DCM_ManufacturerModelName, "FrugalSeg series writer");
    put(data, DCM_ContentDate, "20200101");
    put(data, DCM_ContentTime, "120000");
}

void putPixelFormat(DcmItem &data, const fseg_geometry &geometry)
{
    put(data, DCM_SamplesPerPixel, 1);
    put(data, DCM_PhotometricInterpretation, "MONOCHROME2");
    put(data, DCM_Rows, static_cast<Uint16>(geometry.size[1]));
    put(data, DCM_Columns, static_cast<Uint16>(geometry.size[0]));
    put(data, DCM_BitsAllocated, 16);
    put(data, DCM_BitsStored, 16);
    put(data, DCM_HighBit, 15);
    put(data, DCM_PixelRepresentation, 1);
}

SlicePlane::SlicePlane(const fseg_geometry &geometry)
{
    requireGeometry(geometry);
    requireArgument(geometry.size[0] <= 65535 && geometry.size[1] <= 65535,
                    "DICOM allows at most 65535 rows and columns");
    for (int i = 0; i < 3; ++i) {
        const Vector3 step = matrixColumn(geometry, i);
        spacing[i] = norm(step);
        axis[i] = scaled(step, 1.0 / spacing[i]);
    }
    const Vector3 normal = cross(axis[0], axis[1]);
    if (std::fabs(dot(axis[0], axis[1])) > 1e-4 ||
        std::fabs(std::fabs(dot(normal, axis[2])) - 1.0) > 1e-6) {
        throw Failure(FSEG_ERROR_UNSUPPORTED,
                      "slices of a DICOM series must be stacked at right angles");
    }
}

std::string SlicePlane::orientation() const
{
    return decimalStrings({axis[0][0], axis[0][1], axis[0][2], axis[1][0], axis[1][1], axis[1][2]});
}

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

SeriesFolder::SeriesFolder(const std::string &path) : path_(path)
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

SeriesFolder::~SeriesFolder()
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

std::string SeriesFolder::file(size_t number)
{
    files_.push_back((path_ / formatText("IM%04zu.dcm", number + 1)).string());
    return files_.back();
}

void saveDataset(DcmFileFormat &file, const std::string &path, size_t bytes)
{
    AtomicFile target(path, ".tmp");
    const OFCondition condition =
        file.saveFile(OFFilename(target.temporary().c_str()), EXS_LittleEndianExplicit);
    if (condition.bad()) {
        target.diagnose(bytes + 4096, condition.text());
    }
    target.commit();
}

} // namespace frugalseg
