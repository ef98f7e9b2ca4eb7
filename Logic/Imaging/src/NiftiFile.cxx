/* The bytes of a NIfTI file and what its header promises. */
#include "NiftiFile.h"
#include "Failure.h"
#include "Limits.h"

#include <cerrno>
#include <cmath>
#include <filesystem>
#include <itk_zlib.h>

namespace frugalseg
{

namespace
{

NiftiLayout parse(const std::vector<char> &header, const std::string &path)
{
    NiftiLayout layout;
    const auto size = niftiField<int32_t>(header, 0, false);
    const auto swapped = niftiField<int32_t>(header, 0, true);
    layout.version = size == 540 || swapped == 540 ? 2 : 1;
    layout.swap = swapped == 348 || swapped == 540;
    if (!layout.swap && size != 348 && size != 540) {
        throw Failure(FSEG_ERROR_BAD_INPUT,
                      "\"" + path + "\" is not a NIfTI image; it is damaged or its name is wrong");
    }
    const bool second = layout.version == 2;
    const auto dimension = [&](size_t n) {
        return second ? static_cast<double>(niftiField<int64_t>(header, 16 + 8 * n, layout.swap))
                      : static_cast<double>(niftiField<int16_t>(header, 40 + 2 * n, layout.swap));
    };
    double count = 1.0;
    for (size_t n = 1; n <= 7 && static_cast<double>(n) <= dimension(0); ++n) {
        count *= std::max(1.0, dimension(n));
    }
    layout.dataType = niftiField<int16_t>(header, second ? 12 : 70, layout.swap);
    const double bits = niftiField<int16_t>(header, second ? 14 : 72, layout.swap);
    layout.voxelOffset = second ? static_cast<double>(niftiField<int64_t>(header, 168, layout.swap))
                                : static_cast<double>(niftiField<float>(header, 108, layout.swap));
    layout.voxelBytes = count * bits / 8.0;
    return layout;
}

} // namespace

[[noreturn]] void niftiDamaged(const std::string &path)
{
    throw Failure(FSEG_ERROR_BAD_INPUT,
                  "\"" + path + "\" cannot be read; it is damaged or was not copied completely");
}

NiftiStream::NiftiStream(const std::string &path) : path_(path), file_(gzopen(path.c_str(), "rb"))
{
    if (!file_) {
        throw systemFailure(errno ? errno : ENOMEM, "cannot read", path);
    }
}

NiftiStream::~NiftiStream()
{
    gzclose(file_);
}

NiftiLayout NiftiStream::readHeader(std::vector<char> &header)
{
    header.assign(nifti1Header, 0);
    if (read(header.data(), nifti1Header) != nifti1Header) {
        niftiDamaged(path_);
    }
    if (niftiField<int32_t>(header, 0, false) == 540 ||
        niftiField<int32_t>(header, 0, true) == 540) {
        header.resize(nifti2Header);
        const size_t rest = nifti2Header - nifti1Header;
        if (read(header.data() + nifti1Header, rest) != rest) {
            niftiDamaged(path_);
        }
    }
    const NiftiLayout layout = parse(header, path_);
    // What is promised must fit into the file, before anything is made for it.
    std::error_code code;
    const double size = static_cast<double>(std::filesystem::file_size(path_, code));
    const double most = gzdirect(file_) ? size : size * limits::deflateRatio;
    const bool usable = std::isfinite(layout.voxelOffset) &&
                        layout.voxelOffset >= static_cast<double>(header.size()) &&
                        layout.voxelOffset <= limits::niftiOffset && layout.voxelBytes > 0.0 &&
                        layout.voxelOffset + layout.voxelBytes <= most;
    if (code || !usable) {
        niftiDamaged(path_);
    }
    char gap[4096];
    for (size_t left = static_cast<size_t>(layout.voxelOffset) - header.size(); left > 0;) {
        const size_t part = std::min(left, sizeof gap);
        if (read(gap, part) != part) {
            niftiDamaged(path_);
        }
        left -= part;
    }
    return layout;
}

size_t NiftiStream::read(char *bytes, size_t count)
{
    size_t done = 0;
    while (done < count) {
        const auto part = static_cast<unsigned>(std::min<size_t>(count - done, 1U << 20));
        const int got = gzread(file_, bytes + done, part);
        if (got < 0) {
            niftiDamaged(path_);
        }
        if (got == 0) {
            break;
        }
        done += static_cast<size_t>(got);
    }
    return done;
}

} // namespace frugalseg
