/* A look at a NIfTI file's bytes before ITK reads it. Header layout: nifti1.h of the NIfTI
 * Data Format Working Group. */
#include "NiftiCheck.h"
#include "Failure.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <itk_zlib.h>
#include <limits>
#include <memory>
#include <vector>

namespace frugalseg
{

namespace
{

enum DataType { FLOAT32 = 16, FLOAT64 = 64 };

[[noreturn]] void damaged(const std::string &path)
{
    throw Failure(FSEG_ERROR_BAD_INPUT,
                  "\"" + path + "\" cannot be read; it is damaged or was not copied completely");
}

/** A field of the header, its bytes reversed when the file has the other byte order. */
template <typename Number> Number field(const std::vector<char> &header, size_t offset, bool swap)
{
    char bytes[sizeof(Number)];
    std::memcpy(bytes, header.data() + offset, sizeof bytes);
    if (swap) {
        std::reverse(bytes, bytes + sizeof bytes);
    }
    Number number;
    std::memcpy(&number, bytes, sizeof number);
    return number;
}

struct Layout {
    bool swap = false;
    int dataType = 0;
    double voxelOffset = 0.0; /**< bytes before the first voxel */
    double voxelBytes = 0.0;  /**< bytes of all voxels */
};

Layout parse(const std::vector<char> &header, const std::string &path)
{
    Layout layout;
    const auto size = field<int32_t>(header, 0, false);
    const auto swapped = field<int32_t>(header, 0, true);
    layout.swap = swapped == 348;
    if (size == 540 || swapped == 540) {
        throw Failure(FSEG_ERROR_UNSUPPORTED,
                      "\"" + path + "\" is a NIfTI-2 file; save the image as NIfTI-1");
    }
    if (!layout.swap && size != 348) {
        throw Failure(FSEG_ERROR_BAD_INPUT,
                      "\"" + path + "\" is not a NIfTI image; it is damaged or its name is wrong");
    }
    double count = 1.0;
    const int dimensions = field<int16_t>(header, 40, layout.swap);
    for (int n = 1; n <= std::min(dimensions, 7); ++n) {
        const int extent = field<int16_t>(header, 40 + 2 * static_cast<size_t>(n), layout.swap);
        count *= std::max(1, extent);
    }
    layout.dataType = field<int16_t>(header, 70, layout.swap);
    const double bits = field<int16_t>(header, 72, layout.swap);
    layout.voxelOffset = static_cast<double>(field<float>(header, 108, layout.swap));
    layout.voxelBytes = count * bits / 8.0;
    const bool usable = layout.voxelOffset >= static_cast<double>(header.size()) &&
                        layout.voxelOffset < 1e9 && layout.voxelBytes > 0.0;
    if (!usable) {
        damaged(path);
    }
    return layout;
}

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

/** The decompressed bytes of a file, whether it is compressed or not. */
class Stream
{
  public:
    explicit Stream(const std::string &path) : path_(path), file_(gzopen(path.c_str(), "rb"))
    {
        if (!file_) {
            throw systemFailure(errno ? errno : ENOMEM, "cannot read", path);
        }
    }
    ~Stream()
    {
        gzclose(file_);
    }
    Stream(const Stream &) = delete;
    Stream &operator=(const Stream &) = delete;

    /** Up to `count` bytes; fewer at the end only. */
    size_t read(char *bytes, size_t count)
    {
        size_t done = 0;
        while (done < count) {
            const auto part = static_cast<unsigned>(std::min<size_t>(count - done, 1U << 20));
            const int got = gzread(file_, bytes + done, part);
            if (got < 0) {
                damaged(path_);
            }
            if (got == 0) {
                break;
            }
            done += static_cast<size_t>(got);
        }
        return done;
    }

  private:
    std::string path_;
    gzFile file_;
};

} // namespace

void checkNiftiFile(const std::string &path)
{
    Stream stream(path);
    std::vector<char> header(348);
    if (stream.read(header.data(), header.size()) != header.size()) {
        damaged(path);
    }
    const Layout layout = parse(header, path);
    std::vector<char> gap(static_cast<size_t>(layout.voxelOffset) - header.size());
    if (stream.read(gap.data(), gap.size()) != gap.size()) {
        damaged(path);
    }
    // A multiple of every number's size, so that no voxel is cut.
    std::vector<char> part(1 << 16);
    double bytes = 0.0;
    bool finite = true;
    for (size_t got = part.size(); got == part.size();) {
        got = stream.read(part.data(), part.size());
        const double left = layout.voxelBytes - bytes;
        const size_t voxels = left < static_cast<double>(got) ? static_cast<size_t>(left) : got;
        if (layout.dataType == FLOAT32) {
            finite = finite && allFinite<float>(part.data(), voxels / 4, layout.swap);
        } else if (layout.dataType == FLOAT64) {
            finite = finite && allFinite<double>(part.data(), voxels / 8, layout.swap);
        }
        bytes += static_cast<double>(voxels);
    }
    if (bytes < layout.voxelBytes) {
        damaged(path);
    }
    if (!finite) {
        throw Failure(
            FSEG_ERROR_NOT_FINITE,
            "\"" + path +
                "\" has voxels that are not a number or infinite; repair the image first");
    }
}

} // namespace frugalseg
