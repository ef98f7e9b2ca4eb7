/* Values of attributes in files that nobody vouches for. */
#include "DicomAttributes.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include <cmath>

namespace frugalseg
{

namespace
{

/** No attribute that is read here has a longer value. */
constexpr Uint32 longestValue = 4096;

bool usable(DcmItem &item, const DcmTagKey &tag)
{
    DcmElement *element = nullptr;
    if (item.findAndGetElement(tag, element).bad() || !element ||
        element->getLengthField() > longestValue) {
        return false;
    }
    switch (element->ident()) {
    case EVR_OB:
    case EVR_OW:
    case EVR_SQ:
    case EVR_PixelData:
        return false; // a text or number of such a type is damage
    default:
        return true;
    }
}

} // namespace

std::string attributeText(DcmItem &item, const DcmTagKey &tag)
{
    OFString value;
    if (usable(item, tag)) {
        item.findAndGetOFString(tag, value);
    }
    return value.c_str();
}

std::string attributeTexts(DcmItem &item, const DcmTagKey &tag)
{
    OFString value;
    if (usable(item, tag)) {
        item.findAndGetOFStringArray(tag, value);
    }
    return value.c_str();
}

bool attributeNumbers(DcmItem &item, const DcmTagKey &tag, double *values, unsigned long count)
{
    if (!usable(item, tag)) {
        return false;
    }
    for (unsigned long i = 0; i < count; ++i) {
        Float64 value = 0.0;
        if (item.findAndGetFloat64(tag, value, i).bad() || !std::isfinite(value)) {
            return false;
        }
        values[i] = value;
    }
    return true;
}

unsigned attributeUnsigned(DcmItem &item, const DcmTagKey &tag, unsigned fallback)
{
    Uint16 value = 0;
    return usable(item, tag) && item.findAndGetUint16(tag, value).good() ? value : fallback;
}

} // namespace frugalseg
