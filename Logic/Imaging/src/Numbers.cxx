/* Numbers for people. */
#include "frugalseg/imaging.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

extern "C" const char *fseg_imaging_format_number(double value, char text[32])
{
    if (!std::isfinite(value) || value == 0.0 || std::fabs(value) >= 1e15) {
        std::snprintf(text, 32, "%g", value);
        return text;
    }
    // Digits behind the point so that three digits matter; far below 1 that would be a row of
    // zeros.
    const double magnitude = std::floor(std::log10(std::fabs(value)));
    if (magnitude < -6.0) {
        std::snprintf(text, 32, "%.2e", value);
        return text;
    }
    const auto digits = static_cast<int>(std::max(0.0, 2.0 - magnitude));
    std::snprintf(text, 32, "%.*f", digits, value);
    return text;
}
