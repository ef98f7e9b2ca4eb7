/**
 * @file DicomSource.h
 * Patient and study attributes of a source image, cleaned for objects derived from it.
 */
#ifndef FRUGALSEG_IMAGING_DICOM_SOURCE_H
#define FRUGALSEG_IMAGING_DICOM_SOURCE_H

#include "DicomSeries.h"
#include <memory>

class DcmDataset;

namespace frugalseg
{

/**
 * A data set with the patient, study and frame-of-reference attributes of a slice and its record of
 * lossy compression, in UTF-8. Only a white list is copied; values that break DICOM's rules are
 * left out, since real sources are dirty and a segmentation should not fail on a tag that it does
 * not need.
 */
std::unique_ptr<DcmDataset> patientAndStudy(const SliceHeader &slice);

} // namespace frugalseg
#endif
