/**
 * @file DicomText.h
 * Text of DICOM attributes as clean UTF-8.
 */
#ifndef FRUGALSEG_IMAGING_DICOM_TEXT_H
#define FRUGALSEG_IMAGING_DICOM_TEXT_H

#include <cstddef>
#include <initializer_list>
#include <string>

namespace frugalseg
{

/** Convert from the SpecificCharacterSet `charset`; what cannot be converted becomes '?'. The
 *  result is valid UTF-8 without control characters. */
std::string toUtf8(const std::string &value, const std::string &charset);

/** Copy into a fixed field of `size` bytes, cut between characters. */
void copyText(char *field, size_t size, const std::string &value);

/** A number in DICOM's decimal form, at most 16 characters. */
std::string decimalString(double value);
/** Several of them, separated by backslashes. */
std::string decimalStrings(std::initializer_list<double> values);

} // namespace frugalseg
#endif
