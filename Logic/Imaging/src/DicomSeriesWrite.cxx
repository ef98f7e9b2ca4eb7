/* A volume as a series of single-frame MR files, for phantoms and tests. */
#include "DicomSeries.h"
#include "DicomText.h"
#include "Failure.h"
#include "SeriesWriteParts.h"

#include <algorithm>
#include <cmath>

namespace frugalseg
{

namespace
{

struct SeriesWriter {
    const fseg_volume &volume;
    const fseg_series_write_options &options;
    Rescale rescale;
    SlicePlane plane;
    SeriesUids uids;
    double stored[2] = {}; /**< lowest and highest value */

    SeriesWriter(const fseg_volume &of, const fseg_series_write_options &with)
        : volume(of), options(with), rescale(chooseRescale(of)), plane(of.geometry), uids(with.seed)
    {
        const auto range = std::minmax_element(of.voxels, of.voxels + voxelCount(of.geometry));
        stored[0] = *range.first;
        stored[1] = *range.second;
    }

    /** MR acquisition: required by the object, unknown here, hence plausible and empty values. */
    void putAcquisition(DcmItem &data) const
    {
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
        put(data, DCM_SOPInstanceUID, uids.instance(k));
        put(data, DCM_ImageType, "DERIVED\\SECONDARY\\OTHER");
        put(data, DCM_InstanceNumber, formatText("%zu", k + 1));
        put(data, DCM_ImagePositionPatient, decimalStrings({origin[0], origin[1], origin[2]}));
        put(data, DCM_ImageOrientationPatient, plane.orientation());
        put(data, DCM_PixelSpacing, decimalStrings({plane.spacing[1], plane.spacing[0]}));
        put(data, DCM_SliceThickness, decimalString(plane.spacing[2]));
        put(data, DCM_SpacingBetweenSlices, decimalString(plane.spacing[2]));
    }

    void putPixels(DcmItem &data, size_t k) const
    {
        const size_t count = volume.geometry.size[0] * volume.geometry.size[1];
        const float *values = volume.voxels + k * count;
        std::vector<Uint16> cells(count);
        for (size_t i = 0; i < count; ++i) {
            cells[i] = rescale.stored(values[i]);
        }
        putPixelFormat(data, volume.geometry);
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

void writeSlice(const SeriesWriter &writer, size_t k, const std::string &path)
{
    DcmFileFormat file;
    DcmItem &data = *file.getDataset();
    putPatientAndStudy(data, writer.options, writer.uids);
    putSeries(data, writer.options, writer.uids);
    writer.putAcquisition(data);
    writer.putSlice(data, k);
    writer.putPixels(data, k);
    saveDataset(file, path, writer.volume.geometry.size[0] * writer.volume.geometry.size[1] * 2);
}

} // namespace

} // namespace frugalseg

extern "C" fseg_status fseg_series_write(const fseg_volume *volume,
                                         const fseg_series_write_options *options,
                                         const char *folder, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(volume && options && folder,
                                   "volume, options and folder must not be null");
        frugalseg::requireArgument(volume->voxels, "the volume has no voxels");
        frugalseg::prepareToolkit();
        const frugalseg::SeriesWriter writer(*volume, *options);
        frugalseg::SeriesFolder target(folder);
        // File names do not follow the order of the slices, as in archives.
        const size_t count = volume->geometry.size[2];
        const std::vector<size_t> order = frugalseg::shuffledOrder(count, options->seed);
        for (size_t number = 0; number < count; ++number) {
            frugalseg::writeSlice(writer, order[number], target.file(number));
        }
        target.keep();
    });
}
