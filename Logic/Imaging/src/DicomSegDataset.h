/**
 * @file DicomSegDataset.h
 * The attributes of a segmentation object that the toolkit's document class does not write.
 */
#ifndef FRUGALSEG_IMAGING_DICOM_SEG_DATASET_H
#define FRUGALSEG_IMAGING_DICOM_SEG_DATASET_H

#include "DicomSegPlan.h"

class DcmDataset;
class OFCondition;

namespace frugalseg
{

inline constexpr const char *researchNotice = "RESEARCH USE ONLY, not for diagnosis";

/** The toolkit's calls fail only on values that break DICOM's rules; say which step it was. */
void require(const OFCondition &condition, const char *step);

/** Complete `data` (written by the document class) with UIDs, times, origin, the predecessor and
 *  what the document class dropped of the source's attributes; fills the UIDs of `report`. */
void finishDataset(DcmDataset &data, DcmDataset &source, const SegPlan &plan,
                   fseg_seg_report &report);

} // namespace frugalseg
#endif
