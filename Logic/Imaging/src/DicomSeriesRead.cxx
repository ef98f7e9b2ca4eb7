/* The voxels of a volume. */
#include "DicomFrames.h"
#include "DicomSeries.h"
#include "Failure.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace frugalseg
{

namespace
{

/** A stored value: the bits up to HighBit, with the sign of its BitsStored. In MONOCHROME1, where
 *  the lowest value is white, values are mirrored within their range. */
class StoredValue
{
  public:
    explicit StoredValue(const SliceHeader &slice)
        : shift_(slice.highBit + 1 - slice.bitsStored), mask_((1U << slice.bitsStored) - 1U),
          sign_(slice.pixelRepresentation == 1 ? 1U << (slice.bitsStored - 1) : 0U),
          mirrored_(slice.photometric == "MONOCHROME1")
    {
    }
    int operator()(unsigned cell) const
    {
        const unsigned bits = (cell >> shift_) & mask_;
        const int value =
            static_cast<int>(bits) - ((bits & sign_) ? static_cast<int>(mask_) + 1 : 0);
        return mirrored_ ? (sign_ ? -1 : static_cast<int>(mask_)) - value : value;
    }

  private:
    unsigned shift_, mask_, sign_;
    bool mirrored_;
};

template <typename Cell> void convert(const Cell *cells, const SliceHeader &slice, float *out)
{
    const StoredValue stored(slice);
    const size_t count = static_cast<size_t>(slice.rows) * slice.columns;
    for (size_t i = 0; i < count; ++i) {
        out[i] = static_cast<float>(stored(cells[i]) * slice.slope + slice.intercept);
        if (!std::isfinite(out[i])) {
            throw Failure(FSEG_ERROR_NOT_FINITE,
                          "the file \"" + slice.name + "\" has values that are not finite");
        }
    }
}

VolumePointer readVolume(const Series &series, const fseg_progress *progress)
{
    series.requireUsable();
    VolumePointer volume = newVolume(series.geometry);
    std::memcpy(volume->modality, series.info.modality, sizeof volume->modality);
    const size_t perSlice = series.geometry.size[0] * series.geometry.size[1];
    // File by file, each with its frames in order; a file is opened once.
    std::vector<size_t> order(series.slices.size());
    for (size_t k = 0; k < order.size(); ++k) {
        order[k] = k;
    }
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        const SliceHeader &x = series.slices[a];
        const SliceHeader &y = series.slices[b];
        return x.path != y.path ? x.path < y.path : x.frame < y.frame;
    });
    DicomFrames frames;
    for (size_t done = 0; done < order.size(); ++done) {
        reportProgress(progress, static_cast<double>(done) / static_cast<double>(order.size()),
                       "reading slices");
        const SliceHeader &slice = series.slices[order[done]];
        float *out = volume->voxels + order[done] * perSlice;
        if (slice.bitsAllocated == 8) {
            convert(frames.read8(slice), slice, out);
        } else {
            convert(frames.read16(slice), slice, out);
        }
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
