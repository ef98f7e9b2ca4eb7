/* Text of DICOM attributes as clean UTF-8. */
#include "DicomText.h"
#include "Failure.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dcspchrs.h"
#include <cstring>

namespace frugalseg
{

namespace
{

/** Length of the well-formed UTF-8 sequence at `position`, 0 when there is none. */
size_t sequenceLength(const std::string &value, size_t position)
{
    const auto lead = static_cast<unsigned char>(value[position]);
    const size_t length = lead < 0x80                   ? 1
                          : lead >= 0xC2 && lead < 0xE0 ? 2
                          : lead >= 0xE0 && lead < 0xF0 ? 3
                          : lead >= 0xF0 && lead < 0xF5 ? 4
                                                        : 0;
    if (length == 0 || position + length > value.size()) {
        return 0;
    }
    for (size_t i = 1; i < length; ++i) {
        if ((static_cast<unsigned char>(value[position + i]) & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}

/** Keep what is well formed; '?' for the rest, a space for control characters. */
std::string cleaned(const std::string &value)
{
    std::string result;
    for (size_t i = 0; i < value.size();) {
        const size_t length = sequenceLength(value, i);
        if (length == 0) {
            result += '?';
            ++i;
            continue;
        }
        const auto lead = static_cast<unsigned char>(value[i]);
        if (lead < 0x20 || lead == 0x7F) {
            result += ' ';
        } else {
            result.append(value, i, length);
        }
        i += length;
    }
    while (!result.empty() && result.back() == ' ') {
        result.pop_back();
    }
    return result;
}

} // namespace

std::string toUtf8(const std::string &value, const std::string &charset)
{
    if (!charset.empty() && charset != "ISO_IR 192") {
        DcmSpecificCharacterSet converter;
        OFString converted;
        if (converter.selectCharacterSet(OFString(charset.c_str()), "ISO_IR 192").good() &&
            converter.convertString(OFString(value.c_str()), converted, "\\^=").good()) {
            return cleaned(std::string(converted.c_str()));
        }
    }
    return cleaned(value);
}

void copyText(char *field, size_t size, const std::string &value)
{
    size_t length = value.size() < size - 1 ? value.size() : size - 1;
    while (length > 0 && length < value.size() &&
           (static_cast<unsigned char>(value[length]) & 0xC0) == 0x80) {
        --length;
    }
    std::memcpy(field, value.data(), length);
    field[length] = '\0';
}

std::string decimalString(double value)
{
    for (int digits = 15; digits > 1; --digits) {
        const std::string text = formatText("%.*g", digits, value);
        if (text.size() <= 16) {
            return text;
        }
    }
    return formatText("%.1g", value);
}

std::string decimalStrings(std::initializer_list<double> values)
{
    std::string text;
    for (const double value : values) {
        text += (text.empty() ? "" : "\\") + decimalString(value);
    }
    return text;
}

} // namespace frugalseg
