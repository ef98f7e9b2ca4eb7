/* A look at a NIfTI file's bytes before ITK reads it. */
#include "NiftiCheck.h"
#include "Failure.h"
#include "NiftiFile.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace frugalseg
{

namespace
{

enum DataType { FLOAT32 = 16, FLOAT64 = 64 };

template <typename Number> bool allFinite(const char *bytes, size_t count, bool swap)
{
    for (size_t i = 0; i < count; ++i) {
        char one[sizeof(Number)];
        std::memcpy(one, bytes + i * sizeof one, sizeof one);
        if (swap) {
            std::reverse(one, one + sizeof one);
        }
        Number number;
        std::memcpy(&number, one, sizeof number);
        if (!std::isfinite(number)) {
            return false;
        }
    }
    return true;
}

} // namespace

int checkNiftiFile(const std::string &path)
{
    NiftiStream stream(path);
    std::vector<char> header;
    const NiftiLayout layout = stream.readHeader(header);
    // A multiple of every number's size, so that no voxel is cut.
    std::vector<char> part(1 << 16);
    bool finite = true;
    for (double left = layout.voxelBytes; left > 0.0;) {
        const size_t wanted =
            left < static_cast<double>(part.size()) ? static_cast<size_t>(left) : part.size();
        const size_t got = stream.read(part.data(), wanted);
        if (got < wanted || wanted == 0) {
            niftiDamaged(path);
        }
        if (layout.dataType == FLOAT32) {
            finite = finite && allFinite<float>(part.data(), got / 4, layout.swap);
        } else if (layout.dataType == FLOAT64) {
            finite = finite && allFinite<double>(part.data(), got / 8, layout.swap);
        }
        left -= static_cast<double>(got);
    }
    if (!finite) {
        throw Failure(
            FSEG_ERROR_NOT_FINITE,
            "\"" + path +
                "\" has voxels that are not a number or infinite; repair the image first");
    }
    return layout.version;
}

} // namespace frugalseg
