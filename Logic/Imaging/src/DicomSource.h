/**
 * @file DicomSource.h
 * Patient and study attributes of a source series, cleaned for objects derived from it.
 */
#ifndef FRUGALSEG_IMAGING_DICOM_SOURCE_H
#define FRUGALSEG_IMAGING_DICOM_SOURCE_H

#include "DicomSeries.h"
#include "frugalseg/seg.h"
#include <memory>
#include <vector>

class DcmDataset;

namespace frugalseg
{

struct SourceAttributes {
    std::unique_ptr<DcmDataset> data; /**< in UTF-8 */
    std::vector<fseg_seg_note> notes; /**< what was repaired, left out or made up */
    SourceAttributes();
    SourceAttributes(SourceAttributes &&) noexcept;
    ~SourceAttributes();
};

/**
 * The patient, study and frame-of-reference attributes of a series and its record of lossy
 * compression. Only a white list (at the top of DicomSource.cxx) is copied. Values that break
 * DICOM's rules are repaired where their meaning is clear and left out where it is not, with a note
 * each: real sources are dirty, and a segmentation should not fail on a tag that it does not need.
 * Throws, by name, on what it does need: the study's and the instances' UIDs, one patient.
 */
SourceAttributes sourceAttributes(const std::vector<SliceHeader> &slices);

} // namespace frugalseg
#endif
