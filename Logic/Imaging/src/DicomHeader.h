/**
 * @file DicomHeader.h
 * Parts of reading a DICOM header that plain and enhanced images share.
 */
#ifndef FRUGALSEG_IMAGING_DICOM_HEADER_H
#define FRUGALSEG_IMAGING_DICOM_HEADER_H

#include "DicomSeries.h"

class DcmItem;

namespace frugalseg
{

/** Whether `count` bytes from the start of a file look like DICOM, with or without preamble. */
bool beginsLikeDicom(const unsigned char *start, size_t count);

/** Position, orientation, spacings and thickness from the items that hold them. */
void readPlane(DcmItem &position, DcmItem &orientation, DcmItem &measures, SliceHeader &header);

/** RescaleSlope and RescaleIntercept. */
void readRescale(DcmItem &item, SliceHeader &header);

/** Seconds since midnight of a DICOM date and time, < 0 when it is none. */
double secondsOfDateTime(const std::string &text);

/** The frames of an enhanced image whose file-level tags are in `file`; one header with a fault
 *  when its functional groups are not usable. */
std::vector<SliceHeader> readFrames(DcmItem &data, const SliceHeader &file);

} // namespace frugalseg
#endif
