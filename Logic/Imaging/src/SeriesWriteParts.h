/**
 * @file SeriesWriteParts.h
 * What the writers of single-frame and of enhanced MR series have in common.
 */
#ifndef FRUGALSEG_IMAGING_SERIES_WRITE_PARTS_H
#define FRUGALSEG_IMAGING_SERIES_WRITE_PARTS_H

#include "Geometry.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include <filesystem>
#include <string>
#include <vector>

namespace frugalseg
{

/** Stored value = (value - intercept) / slope, in signed 16 bits. */
struct Rescale {
    double slope = 1.0;
    double intercept = 0.0;

    Uint16 stored(double value) const;
};

/** Identity for whole numbers that fit, else the full range of the stored numbers. Throws when a
 *  voxel is not finite. */
Rescale chooseRescale(const fseg_volume &volume);

/** Set an attribute; the toolkit fails only for lack of memory. */
void put(DcmItem &item, const DcmTagKey &tag, const std::string &value);
void put(DcmItem &item, const DcmTagKey &tag, Uint16 value);

/** UIDs (2.25) of a new series, derived from its seed. */
struct SeriesUids {
    std::string study, series, frameOfReference, stem;

    explicit SeriesUids(uint64_t seed);
    std::string instance(size_t number) const;
};

void putPatientAndStudy(DcmItem &data, const fseg_series_write_options &options,
                        const SeriesUids &uids);
/** What both objects say of the series, the frame of reference and the equipment. */
void putSeries(DcmItem &data, const fseg_series_write_options &options, const SeriesUids &uids);
void putPixelFormat(DcmItem &data, const fseg_geometry &geometry);

/** The unit vectors and spacings of a grid whose slices can be those of a DICOM series; throws when
 *  they are not stacked at right angles or too large. */
struct SlicePlane {
    Vector3 axis[3];
    double spacing[3];

    explicit SlicePlane(const fseg_geometry &geometry);
    /** ImageOrientationPatient. */
    std::string orientation() const;
};

/** The numbers 0 to `count` - 1 in an order that the seed decides. */
std::vector<size_t> shuffledOrder(size_t count, uint64_t seed);

/** The folder of a new series: removed again, with the files in it, unless kept. */
class SeriesFolder
{
  public:
    explicit SeriesFolder(const std::string &path);
    ~SeriesFolder();
    SeriesFolder(const SeriesFolder &) = delete;
    SeriesFolder &operator=(const SeriesFolder &) = delete;
    std::string file(size_t number);
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

/** Write the data set as a file, whole or not at all. */
void saveDataset(DcmFileFormat &file, const std::string &path, size_t bytes);

} // namespace frugalseg
#endif
