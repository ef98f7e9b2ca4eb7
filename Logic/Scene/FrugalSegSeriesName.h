// What lists call a volume; for the scene and for learning, which knows no MRML.
#ifndef FrugalSegSeriesName_h
#define FrugalSegSeriesName_h

#include <frugalseg/imaging.h>

#include <string>

/// What lists call a volume: the description of its series and, where that has several volumes, what
/// tells it from the others; `nameless` for a series without a description.
std::string FrugalSegSeriesName(const fseg_series_info& info, const std::string& nameless);

#endif
