/* The identifiers of what can be wrong with a series. */
#include "SeriesFaults.h"

#include <cstddef>

namespace frugalseg
{

namespace
{

/** In the order of the enumeration. */
const char *const ids[] = {
    "",
    "damaged-file",
    "pixels-missing",
    "header-too-large",
    "missing-file",
    "duplicate-instance",
    "unsupported-object",
    "multi-frame",
    "mosaic",
    "localizer",
    "mixed-object",
    "unsupported-compression",
    "colour-image",
    "pixel-depth",
    "lookup-table",
    "invalid-rescale",
    "matrix-too-large",
    "volume-too-large",
    "frame-count",
    "missing-functional-groups",
    "missing-position",
    "missing-orientation",
    "missing-pixel-spacing",
    "invalid-position",
    "invalid-orientation",
    "invalid-pixel-spacing",
    "mixed-orientation",
    "mixed-matrix",
    "mixed-spacing",
    "mixed-frame-of-reference",
    "duplicate-position",
    "several-volumes",
    "single-slice",
    "gantry-tilt",
    "sheared-stack",
    "uneven-spacing",
    "missing-slice",
};
static_assert(sizeof ids / sizeof *ids == static_cast<size_t>(Fault::Count),
              "every fault has an identifier");

} // namespace

const char *faultId(Fault fault)
{
    return ids[static_cast<size_t>(fault)];
}

Finding refused(Fault fault, const std::string &sentence)
{
    return {FSEG_VERDICT_REFUSED, fault, sentence};
}

} // namespace frugalseg

extern "C" const char *fseg_series_reason_id(size_t index)
{
    const size_t count = static_cast<size_t>(frugalseg::Fault::Count) - 1;
    return index < count ? frugalseg::ids[index + 1] : nullptr;
}
