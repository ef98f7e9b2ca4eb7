/**
 * @file DicomRepair.h
 * Values that break the rules of their attribute, put right where their meaning is clear.
 */
#ifndef FRUGALSEG_IMAGING_DICOM_REPAIR_H
#define FRUGALSEG_IMAGING_DICOM_REPAIR_H

#include <string>

class DcmTagKey;

namespace frugalseg
{

/** What a text is for: an identifier that is cut names something else, a description does not. */
enum class TextUse { identifier, description };

struct RepairedValue {
    enum class Outcome { kept, repaired, dropped };
    std::string value; /**< empty when dropped */
    Outcome outcome;
    std::string reason; /**< "is no date (YYYYMMDD)"; empty when kept */
};

/** `value` is clean UTF-8, several values separated by backslashes; empty is allowed everywhere. */
RepairedValue repairValue(const DcmTagKey &tag, const std::string &value, TextUse use);

/** Unique identifiers: digits and points, no component with a leading zero, at most 64. */
bool isUniqueIdentifier(const std::string &text);

} // namespace frugalseg
#endif
