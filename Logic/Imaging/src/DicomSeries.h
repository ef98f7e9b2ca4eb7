/**
 * @file DicomSeries.h
 * What the scan keeps of every image file, and the verdict on a series.
 */
#ifndef FRUGALSEG_IMAGING_DICOM_SERIES_H
#define FRUGALSEG_IMAGING_DICOM_SERIES_H

#include "Geometry.h"
#include <string>
#include <vector>

namespace frugalseg
{

/** The header of one slice, a file or a frame of an enhanced file: what geometry and pixel decoding
 *  need, nothing of the patient. */
struct SliceHeader {
    std::string path;
    std::string name; /**< path below the scanned folder, for messages */
    unsigned frame =
        0; /**< number of the frame from 1 in a multi-frame file; 0: one slice a file */
    bool damaged = false;

    std::string sopClass, sopInstance, series, study, frameOfReference;
    std::string modality, description, bodyPart, imageType;
    std::string protocol, scanOptions;
    double repetition = 0.0, echo = 0.0; /**< ms, 0 when absent */
    std::string transferSyntax;          /**< UID */

    unsigned rows = 0, columns = 0, samples = 1;
    unsigned bitsAllocated = 0, bitsStored = 0, highBit = 0, pixelRepresentation = 0;
    long frames = 1;
    std::string photometric;
    double slope = 1.0, intercept = 0.0;
    bool modalityTable = false; /**< values need a lookup table instead of slope and intercept */

    bool hasPosition = false, hasOrientation = false, hasSpacing = false;
    Vector3 position{};                           /**< ImagePositionPatient */
    Vector3 alongRow{};                           /**< direction of increasing column index */
    Vector3 alongColumn{};                        /**< direction of increasing row index */
    double rowSpacing = 0.0, columnSpacing = 0.0; /**< PixelSpacing[0], PixelSpacing[1] */
    double sliceStep = 0.0;                       /**< SpacingBetweenSlices, 0 when absent */
    int instanceNumber = 0;
    std::string split; /**< echo, time point, b value: what tells volumes in one series apart */
};

struct Series {
    fseg_series_info info{};
    std::vector<SliceHeader> slices; /**< in order of position when the verdict is ok */
    fseg_geometry geometry{};        /**< valid when the verdict is ok */
};

/** Read one file's header. False: not a DICOM image. A file that begins like DICOM and cannot be
 *  read completely gives `damaged`, with as many attributes as could be read. */
bool readSliceHeader(const std::string &path, SliceHeader &header);

/** Sort the slices, find the geometry and pass the verdict; fills info and geometry. */
void judgeSeries(Series &series);

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
};

#endif
