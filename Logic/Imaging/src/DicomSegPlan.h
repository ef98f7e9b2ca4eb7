/**
 * @file DicomSegPlan.h
 * What a segmentation object is to hold: options checked and defaults resolved.
 */
#ifndef FRUGALSEG_IMAGING_DICOM_SEG_PLAN_H
#define FRUGALSEG_IMAGING_DICOM_SEG_PLAN_H

#include "frugalseg/seg.h"
#include <array>
#include <string>
#include <vector>

namespace frugalseg
{

struct PlannedSegment {
    const fseg_structure *structure;
    int value; /**< of its voxels in the mask; 0: every value above 0 */
    bool edited;
};

struct SegPlan {
    std::vector<PlannedSegment> segments; /**< in the order of their numbers, from 1 */
    std::string modelName, modelVersion, modelSha256;
    std::string predecessorInstance, predecessorSeries, predecessorClass; /**< empty: none */
    std::string creator;
    std::string uidRoot;
    bool labelmap = false;

    bool edited() const;
    /** A new UID below the root. */
    std::string uid() const;
};

/** Throws on options that contradict themselves and on structures without a code. */
SegPlan planSegmentation(const fseg_seg_options &options);

/** Segment number of every value of the mask, 0 for background; segments without voxels leave the
 *  plan. Throws on an empty mask and on values that no segment has. */
std::array<uint8_t, 256> numberSegments(SegPlan &plan, const fseg_mask &mask);

/** Throws when writing to `path` would destroy an earlier file that is to be kept: one that holds
 *  a person's corrections, or any that a corrected segmentation would replace. */
void requireKept(const std::string &path, bool edited);

} // namespace frugalseg
#endif
