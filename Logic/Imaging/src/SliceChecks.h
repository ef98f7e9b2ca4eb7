/**
 * @file SliceChecks.h
 * What must hold for every slice of a series by itself; how the slices fit together is
 * DicomSeriesGeometry.cxx. Each gives the first fault that it finds.
 */
#ifndef FRUGALSEG_IMAGING_SLICE_CHECKS_H
#define FRUGALSEG_IMAGING_SLICE_CHECKS_H

#include "DicomSeries.h"

namespace frugalseg
{

/** Whole files of a kind that is a slice. */
Finding checkObject(const std::vector<SliceHeader> &slices);
/** Position, orientation and pixel size. */
Finding checkPlanes(const std::vector<SliceHeader> &slices);
/** Grey values that can be decoded, within the limits. */
Finding checkPixels(const std::vector<SliceHeader> &slices);

} // namespace frugalseg
#endif
