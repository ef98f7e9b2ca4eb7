/**
 * @file SliceOrder.h
 * How slices lie to each other: shared by the division into volumes and the verdict on each.
 */
#ifndef FRUGALSEG_IMAGING_SLICE_ORDER_H
#define FRUGALSEG_IMAGING_SLICE_ORDER_H

#include "DicomSeries.h"

namespace frugalseg
{

constexpr double samePositionMm = 0.01;

/** Both direction vectors within 1e-4 in every component. */
bool sameOrientation(const SliceHeader &a, const SliceHeader &b);

/** Sort along the normal of the first slice; returns the places on it in mm. */
std::vector<double> sortByPlace(std::vector<SliceHeader> &slices);

/** Whether the slices, in any order, lie on one line at equal distances. */
bool isRegular(std::vector<SliceHeader> slices);

} // namespace frugalseg
#endif
