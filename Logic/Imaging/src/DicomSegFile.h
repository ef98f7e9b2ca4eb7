/**
 * @file DicomSegFile.h
 * An opened DICOM Segmentation: what it holds and where its frames lie, without voxels.
 */
#ifndef FRUGALSEG_IMAGING_DICOM_SEG_FILE_H
#define FRUGALSEG_IMAGING_DICOM_SEG_FILE_H

#include "Geometry.h"
#include "frugalseg/seg.h"
#include <string>
#include <vector>

namespace frugalseg
{

/** Where a frame lies, and which segment it shows. */
struct SegFrame {
    int segment = 0; /**< SegmentNumber; 0 in a label map, whose voxels say it */
    Vector3 position{};
    Vector3 alongRow{}, alongColumn{}; /**< step in mm to the next column, to the next row */
};

} // namespace frugalseg

struct fseg_seg_file {
    std::string path;
    fseg_seg_content content{};
    std::vector<fseg_seg_segment_info> segments;
    std::vector<frugalseg::SegFrame> frames;
    unsigned rows = 0, columns = 0, bitsAllocated = 0;
    unsigned maximumFraction = 0; /**< MaximumFractionalValue of FRACTIONAL */
    std::string transferSyntax;
};

#endif
