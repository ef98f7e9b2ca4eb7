/* Values that break the rules of their attribute, put right where their meaning is clear. */
#include "DicomRepair.h"
#include "DicomText.h"
#include "Failure.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

namespace frugalseg
{

namespace
{

using Outcome = RepairedValue::Outcome;

RepairedValue kept(const std::string &value)
{
    return {value, Outcome::kept, ""};
}

RepairedValue dropped(const std::string &reason)
{
    return {"", Outcome::dropped, reason};
}

/** Keep what conforms; else the candidate if that does; else nothing. */
template <typename Conforms>
RepairedValue choose(const std::string &value, const std::string &candidate, Conforms &&conforms,
                     const std::string &reason)
{
    if (conforms(value)) {
        return kept(value);
    }
    return conforms(candidate) && !candidate.empty()
               ? RepairedValue{candidate, Outcome::repaired, reason}
               : dropped(reason);
}

bool isDigits(const std::string &text)
{
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

std::string without(const std::string &text, const char *characters)
{
    std::string result;
    std::copy_if(text.begin(), text.end(), std::back_inserter(result),
                 [&](char c) { return std::string(characters).find(c) == std::string::npos; });
    return result;
}

std::string upper(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

std::string replaced(std::string text, char from, char to)
{
    std::replace(text.begin(), text.end(), from, to);
    return text;
}

bool isDate(const std::string &text)
{
    if (text.empty()) {
        return true;
    }
    if (text.size() != 8 || !isDigits(text)) {
        return false;
    }
    const int month = std::atoi(text.substr(4, 2).c_str());
    const int day = std::atoi(text.substr(6, 2).c_str());
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

bool isTime(const std::string &text)
{
    if (text.empty()) {
        return true;
    }
    const std::string whole = text.substr(0, text.find('.'));
    const std::string fraction = text.size() > whole.size() ? text.substr(whole.size() + 1) : "0";
    const int limits[] = {23, 59, 60}; // a leap second is 60
    bool good = isDigits(whole) && isDigits(fraction) && fraction.size() <= 6 &&
                whole.size() % 2 == 0 && whole.size() <= 6 &&
                (whole.size() == 6 || whole.size() == text.size());
    for (size_t i = 0; good && i < whole.size() / 2; ++i) {
        good = std::atoi(whole.substr(2 * i, 2).c_str()) <= limits[i];
    }
    return good;
}

RepairedValue repairDate(const std::string &value)
{
    std::string digits = without(value, ".-/ ");
    // A date with a time behind it.
    digits = isDigits(digits) && digits.size() >= 12 ? digits.substr(0, 8) : digits;
    return choose(value, digits, isDate, "is no date (YYYYMMDD)");
}

RepairedValue repairTime(const std::string &value)
{
    std::string digits = without(value, ": ");
    const size_t point = digits.find('.');
    if (point != std::string::npos) {
        digits.resize(std::min(digits.size(), point + 7));
    }
    return choose(value, digits, isTime, "is no time (HHMMSS)");
}

RepairedValue repairAge(const std::string &value)
{
    const auto isAge = [](const std::string &text) {
        return text.empty() || (text.size() == 4 && isDigits(text.substr(0, 3)) &&
                                std::string("DWMY").find(text[3]) != std::string::npos);
    };
    const std::string packed = upper(without(value, " "));
    std::string candidate;
    if (packed.size() >= 2 && packed.size() <= 5 && isDigits(packed.substr(0, packed.size() - 1))) {
        const int number = std::atoi(packed.c_str());
        candidate = number <= 999 ? formatText("%03d%c", number, packed.back()) : "";
    }
    return choose(value, candidate, isAge, "is no age (as 063Y)");
}

RepairedValue repairCode(const DcmTagKey &tag, const std::string &value)
{
    const auto isCode = [&](const std::string &text) {
        if (tag == DCM_PatientSex) {
            return text.empty() || text == "M" || text == "F" || text == "O";
        }
        if (tag == DCM_LossyImageCompression) {
            return text.empty() || text == "00" || text == "01";
        }
        if (tag == DCM_PatientIdentityRemoved) {
            return text.empty() || text == "YES" || text == "NO";
        }
        return DcmCodeString::checkStringValue(OFString(text.c_str()), "1-n").good();
    };
    std::string candidate = upper(value);
    if (tag == DCM_PatientSex && (candidate == "MALE" || candidate == "FEMALE")) {
        candidate = candidate.substr(0, 1);
    } else if (tag == DCM_LossyImageCompression && (candidate == "0" || candidate == "1")) {
        candidate = "0" + candidate;
    }
    return choose(value, candidate, isCode, "is none of the codes that are allowed");
}

RepairedValue repairDecimals(const std::string &value)
{
    const auto areNumbers = [](const std::string &text) {
        return text.empty() ||
               DcmDecimalString::checkStringValue(OFString(text.c_str()), "1-n").good();
    };
    std::string candidate;
    const std::string points = replaced(value, ',', '.');
    for (size_t at = 0; at <= points.size();) {
        const std::string one = points.substr(at, points.find('\\', at) - at);
        char *end = nullptr;
        const double number = std::strtod(one.c_str(), &end);
        if (one.empty() || *end || !std::isfinite(number)) {
            return areNumbers(value) ? kept(value) : dropped("is no number");
        }
        candidate += (at ? "\\" : "") + decimalString(number);
        at += one.size() + 1;
    }
    return choose(value, candidate, areNumbers, "is no number of at most 16 characters");
}

RepairedValue repairUid(const std::string &value)
{
    return choose(
        value, without(value, " "),
        [](const std::string &text) { return text.empty() || isUniqueIdentifier(text); },
        "is no unique identifier");
}

size_t characters(const std::string &utf8)
{
    return static_cast<size_t>(std::count_if(
        utf8.begin(), utf8.end(), [](unsigned char byte) { return (byte & 0xC0) != 0x80; }));
}

std::string firstCharacters(const std::string &utf8, size_t count)
{
    size_t end = 0;
    for (size_t seen = 0; end < utf8.size(); ++end) {
        if ((static_cast<unsigned char>(utf8[end]) & 0xC0) != 0x80 && seen++ == count) {
            break;
        }
    }
    std::string text = utf8.substr(0, end);
    while (!text.empty() && text.back() == ' ') {
        text.pop_back();
    }
    return text;
}

constexpr size_t longestGroup = 64;

/** Groups of a name (alphabetic, ideographic, phonetic), of five components each. */
RepairedValue repairName(const std::string &value)
{
    std::string result;
    size_t groups = 0;
    const std::string text = replaced(value, '\\', ' ');
    for (size_t at = 0; at <= text.size(); ++groups) {
        std::string group = text.substr(at, text.find('=', at) - at);
        at += group.size() + 1;
        size_t marks = 0;
        for (char &c : group) {
            c = c == '^' && ++marks > 4 ? ' ' : c;
        }
        if (groups < 3) {
            result += (groups ? "=" : "") + firstCharacters(group, longestGroup);
        }
    }
    return result == value ? kept(value)
                           : RepairedValue{result, Outcome::repaired,
                                           "is longer or has more parts than a name"};
}

RepairedValue repairText(const std::string &value, size_t longest, TextUse use)
{
    const std::string reason =
        formatText("is longer than %zu characters, or several values", longest);
    const auto fits = [&](const std::string &text) {
        return characters(text) <= longest && text.find('\\') == std::string::npos;
    };
    return choose(value,
                  use == TextUse::description ? firstCharacters(replaced(value, '\\', '/'), longest)
                                              : "",
                  fits, reason);
}

} // namespace

bool isUniqueIdentifier(const std::string &text)
{
    if (text.empty() || text.size() > 64) {
        return false;
    }
    for (size_t at = 0; at <= text.size();) {
        const std::string component = text.substr(at, text.find('.', at) - at);
        if (!isDigits(component) || (component.size() > 1 && component[0] == '0')) {
            return false;
        }
        at += component.size() + 1;
    }
    return text[0] <= '2' && text.find('.') != std::string::npos;
}

RepairedValue repairValue(const DcmTagKey &tag, const std::string &value, TextUse use)
{
    switch (DcmTag(tag).getEVR()) {
    case EVR_DA:
        return repairDate(value);
    case EVR_TM:
        return repairTime(value);
    case EVR_AS:
        return repairAge(value);
    case EVR_CS:
        return repairCode(tag, value);
    case EVR_DS:
        return repairDecimals(value);
    case EVR_UI:
        return repairUid(value);
    case EVR_PN:
        return repairName(value);
    case EVR_SH:
        return repairText(value, 16, use);
    case EVR_LO:
        return repairText(value, 64, use);
    default:
        return dropped("is of a type that is not copied");
    }
}

} // namespace frugalseg
