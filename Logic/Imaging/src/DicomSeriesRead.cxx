/* The voxels of a series. */
#include "DicomSeries.h"
#include "Failure.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace frugalseg
{

namespace
{

[[noreturn]] void unreadable(const SliceHeader &slice, const std::string &why)
{
    throw Failure(FSEG_ERROR_BAD_INPUT,
                  "the file \"" + slice.name + "\" cannot be read (" + why +
                      "); it is damaged or incomplete: copy the series again");
}

/** A stored value: the bits up to HighBit, with the sign of its BitsStored. */
class StoredValue
{
  public:
    explicit StoredValue(const SliceHeader &slice)
        : shift_(slice.highBit + 1 - slice.bitsStored), mask_((1U << slice.bitsStored) - 1U),
          sign_(slice.pixelRepresentation == 1 ? 1U << (slice.bitsStored - 1) : 0U)
    {
    }
    int operator()(unsigned cell) const
    {
        const unsigned value = (cell >> shift_) & mask_;
        return static_cast<int>(value) - ((value & sign_) ? static_cast<int>(mask_) + 1 : 0);
    }

  private:
    unsigned shift_, mask_, sign_;
};

template <typename Cell> void convert(const Cell *cells, const SliceHeader &slice, float *out)
{
    const StoredValue stored(slice);
    const size_t count = static_cast<size_t>(slice.rows) * slice.columns;
    for (size_t i = 0; i < count; ++i) {
        out[i] = static_cast<float>(stored(cells[i]) * slice.slope + slice.intercept);
    }
}

void readSlice(const SliceHeader &slice, float *out)
{
    // The file may have changed since the scan; decode only what was judged.
    SliceHeader now;
    if (!readSliceHeader(slice.path, now) || now.damaged) {
        unreadable(slice, "its content is incomplete");
    }
    if (now.sopInstance != slice.sopInstance || now.rows != slice.rows ||
        now.columns != slice.columns || now.bitsAllocated != slice.bitsAllocated ||
        now.bitsStored != slice.bitsStored || now.samples != slice.samples ||
        now.frames != slice.frames || now.transferSyntax != slice.transferSyntax) {
        unreadable(slice, "it changed after the folder was scanned");
    }
    DcmFileFormat file;
    OFCondition condition = file.loadFile(OFFilename(slice.path.c_str()));
    if (condition.good()) {
        condition = file.getDataset()->chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
    }
    if (condition.bad()) {
        unreadable(slice, condition.text());
    }
    DcmDataset &data = *file.getDataset();
    const size_t count = static_cast<size_t>(slice.rows) * slice.columns;
    // Decoders may change the bit depth in the data set; insist on what was judged.
    Uint16 bitsAllocated = 0;
    data.findAndGetUint16(DCM_BitsAllocated, bitsAllocated);
    if (bitsAllocated != slice.bitsAllocated) {
        unreadable(slice, "the decoder changed the bit depth");
    }
    unsigned long available = 0;
    if (slice.bitsAllocated == 8) {
        const Uint8 *cells = nullptr;
        condition = data.findAndGetUint8Array(DCM_PixelData, cells, &available);
        if (condition.bad() || !cells || available < count) {
            unreadable(slice, "too few pixels");
        }
        convert(cells, slice, out);
    } else {
        const Uint16 *cells = nullptr;
        condition = data.findAndGetUint16Array(DCM_PixelData, cells, &available);
        if (condition.bad() || !cells || available < count) {
            unreadable(slice, "too few pixels");
        }
        convert(cells, slice, out);
    }
    for (size_t i = 0; i < count; ++i) {
        if (!std::isfinite(out[i])) {
            throw Failure(FSEG_ERROR_NOT_FINITE,
                          "the file \"" + slice.name + "\" has values that are not finite");
        }
    }
}

VolumePointer readVolume(const Series &series, const fseg_progress *progress)
{
    if (series.info.verdict != FSEG_VERDICT_OK) {
        throw Failure(series.info.verdict == FSEG_VERDICT_AMBIGUOUS ? FSEG_ERROR_AMBIGUOUS
                                                                    : FSEG_ERROR_REFUSED,
                      series.info.reason);
    }
    VolumePointer volume = newVolume(series.geometry);
    std::memcpy(volume->modality, series.info.modality, sizeof volume->modality);
    const size_t perSlice = series.geometry.size[0] * series.geometry.size[1];
    for (size_t k = 0; k < series.slices.size(); ++k) {
        reportProgress(progress, static_cast<double>(k) / static_cast<double>(series.slices.size()),
                       "reading slices");
        readSlice(series.slices[k], volume->voxels + k * perSlice);
    }
    reportProgress(progress, 1.0, "reading slices");
    return volume;
}

} // namespace

} // namespace frugalseg

extern "C" fseg_status fseg_series_read(const fseg_series_list *list, size_t index,
                                        const fseg_progress *progress, fseg_volume **out,
                                        fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(list && out, "list and out must not be null");
        *out = nullptr;
        frugalseg::requireArgument(index < list->series.size(), "there is no series of this index");
        *out = frugalseg::readVolume(list->series[index], progress).release();
    });
}
