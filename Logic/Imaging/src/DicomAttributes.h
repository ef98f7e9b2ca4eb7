/**
 * @file DicomAttributes.h
 * Values of attributes in files that nobody vouches for.
 */
#ifndef FRUGALSEG_IMAGING_DICOM_ATTRIBUTES_H
#define FRUGALSEG_IMAGING_DICOM_ATTRIBUTES_H

#include <string>

class DcmItem;
class DcmTagKey;

namespace frugalseg
{

/**
 * These look only at elements of ordinary length: a damaged or hostile file can declare gigabytes
 * for a name, which the toolkit would set out to allocate. Absent, too long and malformed values
 * count as absent.
 */

/** The first value as text, "" when absent. */
std::string attributeText(DcmItem &item, const DcmTagKey &tag);
/** All values, separated by backslashes. */
std::string attributeTexts(DcmItem &item, const DcmTagKey &tag);
/** `count` finite decimal numbers; false when absent or malformed. */
bool attributeNumbers(DcmItem &item, const DcmTagKey &tag, double *values, unsigned long count);
/** A 16-bit number. */
unsigned attributeUnsigned(DcmItem &item, const DcmTagKey &tag, unsigned fallback);

} // namespace frugalseg
#endif
