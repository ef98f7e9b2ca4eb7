/**
 * @file DicomSeries.h
 * What the scan keeps of every slice, and the verdict on a volume.
 */
#ifndef FRUGALSEG_IMAGING_DICOM_SERIES_H
#define FRUGALSEG_IMAGING_DICOM_SERIES_H

#include "Geometry.h"
#include "SeriesFaults.h"
#include <array>
#include <string>
#include <vector>

namespace frugalseg
{

class TemporaryFolder;

/** By what slices at one place can differ, in the order in which it is asked. */
enum class Split {
    Stack,       /**< StackID, or the number of a stack found by its place */
    ImageType,   /**< magnitude or phase, water or fat, ... */
    Echo,        /**< echo time, or number */
    BValue,      /**< of diffusion */
    Direction,   /**< of diffusion */
    Inversion,   /**< inversion time */
    Temporal,    /**< temporal position, or rank by time */
    Acquisition, /**< AcquisitionNumber */
    Dimension1,  /**< of enhanced objects: the indices that they count frames by */
    Dimension2,
    Dimension3,
    Dimension4,
    Count
};

/** The header of one slice, a file or a frame of an enhanced file: what geometry and pixel decoding
 *  need, nothing of the patient. */
struct SliceHeader {
    std::string path;
    std::string name; /**< path below the scanned folder, for messages */
    unsigned frame =
        0; /**< number of the frame from 1 in a multi-frame file; 0: one slice a file */
    Fault fault = Fault::None; /**< of the file: damage, missing groups */

    std::string sopClass, sopInstance, series, study, frameOfReference;
    std::string modality, description, bodyPart, imageType;
    std::string protocol, scanOptions;
    double repetition = 0.0, echo = 0.0; /**< ms, 0 when absent */
    std::string transferSyntax;          /**< UID */

    unsigned rows = 0, columns = 0, samples = 1;
    unsigned bitsAllocated = 0, bitsStored = 0, highBit = 0, pixelRepresentation = 0;
    long frames = 1; /**< of the file */
    std::string photometric;
    double slope = 1.0, intercept = 0.0;
    bool rescaleValid = true;
    bool modalityTable = false; /**< values need a lookup table instead of slope and intercept */
    bool mosaic = false;

    bool hasPosition = false, hasOrientation = false, hasSpacing = false;
    Vector3 position{};                           /**< ImagePositionPatient */
    Vector3 alongRow{};                           /**< direction of increasing column index */
    Vector3 alongColumn{};                        /**< direction of increasing row index */
    double rowSpacing = 0.0, columnSpacing = 0.0; /**< PixelSpacing[0], PixelSpacing[1] */
    double sliceStep = 0.0;                       /**< SpacingBetweenSlices, 0 when absent */
    double thickness = 0.0;                       /**< SliceThickness, 0 when absent */
    double tilt = 0.0;                            /**< GantryDetectorTilt in degrees */
    int instanceNumber = 0;
    int echoNumber = 0;
    double time = -1.0; /**< of the acquisition, in seconds; < 0 when absent */

    /** Values that tell volumes in one series apart; "" where the file does not say. */
    std::array<std::string, static_cast<size_t>(Split::Count)> splits;

    bool damaged() const
    {
        return fault == Fault::DamagedFile || fault == Fault::PixelsMissing ||
               fault == Fault::HeaderTooLarge;
    }
    std::string &split(Split by)
    {
        return splits[static_cast<size_t>(by)];
    }
    const std::string &split(Split by) const
    {
        return splits[static_cast<size_t>(by)];
    }
};

/** One volume of a series. */
struct Series {
    fseg_series_info info{};
    std::vector<SliceHeader> slices; /**< in order of position when the volume is usable */
    fseg_geometry geometry{};        /**< valid when it is */
    std::string missingFile;         /**< a file that a DICOMDIR lists and that is not there */

    /** Throws the reason unless the verdict is ok or ok-regularized. */
    void requireUsable() const;
};

/** Read one file's headers: one of a plain image, one for each frame of an enhanced one. Empty: not
 *  a DICOM image. A file that begins like DICOM and cannot be read completely gives one header with
 *  a fault and as many attributes as could be read. */
std::vector<SliceHeader> readSliceHeaders(const std::string &path);

/** Whether the file begins like DICOM. */
bool looksLikeDicom(const std::string &path);

/** Enhanced MR and CT, legacy converted ones included. */
bool isEnhanced(const std::string &sopClass);

/** The slices of one SeriesInstanceUID as the volumes that they form, one at least. Sets volume
 *  numbers and labels. */
std::vector<Series> splitIntoVolumes(std::vector<SliceHeader> slices);

/** Sort the slices, find the geometry and pass the verdict; fills info and geometry. */
void judgeSeries(Series &series, const fseg_series_scan_options &options);

/** Whether the toolkit decodes the transfer syntax; its name, for messages. */
bool canDecode(const std::string &transferSyntax);
std::string transferSyntaxName(const std::string &transferSyntax);

/** Register decoders and quieten DCMTK's own logging; cheap after the first call. */
void prepareToolkit();

/** A seeded UID below 2.25 (a random UUID's form, drawn from SHA-256 of `name`). */
std::string uidFromName(const std::string &name);
/** A fresh random UID below 2.25. */
std::string newUid();

} // namespace frugalseg

struct fseg_series_list {
    std::vector<frugalseg::Series> series;
    std::shared_ptr<frugalseg::TemporaryFolder> unpacked; /**< of an archive, or null */
};

#endif
