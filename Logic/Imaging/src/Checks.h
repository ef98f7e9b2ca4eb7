/**
 * @file Checks.h
 * What the user should know about an image, a model and an answer, in sentences.
 */
#ifndef FRUGALSEG_IMAGING_CHECKS_H
#define FRUGALSEG_IMAGING_CHECKS_H

#include "frugalseg/imaging.h"
#include <string>
#include <vector>

namespace frugalseg
{

/** Append a sentence; a full report drops it. */
void warn(fseg_segment_report &report, fseg_check check, const std::string &sentence);

/** In which respects the image lies outside the card; `series` may be null. */
void checkInput(const fseg_model *model, const fseg_volume &volume, const fseg_series_info *series,
                fseg_segment_report &report);

/** What is odd about a mask: `components` are the sizes that maskFromGrid gives; volume and entropy
 *  are taken from the report. */
void checkResult(const fseg_mask &mask, const fseg_input_spec &spec, const fseg_model_scope &scope,
                 const std::vector<size_t> &components, fseg_segment_report &report);

/** A volume for people: "1432 ml", "0.0471 ml". */
std::string millilitres(double volume);

} // namespace frugalseg
#endif
