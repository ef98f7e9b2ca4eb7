/* NIfTI-2 files for ITK. The two headers hold the same fields in another order and width. */
#include "Nifti2.h"
#include "Failure.h"
#include "NiftiFile.h"

#include <cerrno>
#include <cstdio>
#include <limits>
#include <memory>

namespace frugalseg
{

namespace
{

constexpr size_t firstVoxel = 352; /**< of a NIfTI-1 file: header and four bytes for extensions */

class Translation
{
  public:
    Translation(const std::vector<char> &from, bool swap, const std::string &path)
        : from_(from), to_(firstVoxel, 0), swap_(swap), path_(path)
    {
    }

    std::vector<char> run()
    {
        put<int32_t>(0, 348);
        to_[39] = from_[524]; // dim_info
        for (size_t n = 0; n < 8; ++n) {
            whole<int64_t>(16 + 8 * n, 40 + 2 * n); // dim
            number(104 + 8 * n, 76 + 4 * n);        // pixdim
        }
        whole<int16_t>(12, 70); // datatype
        whole<int16_t>(14, 72); // bitpix
        put<float>(108, static_cast<float>(firstVoxel));
        number(176, 112);                                       // scl_slope
        number(184, 116);                                       // scl_inter
        to_[123] = static_cast<char>(get<int32_t>(500) & 0xFF); // xyzt_units
        whole<int32_t>(344, 252);                               // qform_code
        whole<int32_t>(348, 254);                               // sform_code
        for (size_t n = 0; n < 6; ++n) {
            number(352 + 8 * n, 256 + 4 * n); // quatern_b to _d, qoffset_x to _z
        }
        for (size_t n = 0; n < 12; ++n) {
            number(400 + 8 * n, 280 + 4 * n); // srow_x, srow_y, srow_z
        }
        std::memcpy(to_.data() + 344, "n+1", 4);
        return to_;
    }

  private:
    template <typename Number> Number get(size_t offset) const
    {
        return niftiField<Number>(from_, offset, swap_);
    }
    template <typename Number> void put(size_t offset, Number value)
    {
        char bytes[sizeof value];
        std::memcpy(bytes, &value, sizeof value);
        if (swap_) {
            std::reverse(bytes, bytes + sizeof bytes); // voxels keep the file's order, and so do we
        }
        std::memcpy(to_.data() + offset, bytes, sizeof bytes);
    }
    void number(size_t from, size_t to)
    {
        put<float>(to, static_cast<float>(get<double>(from)));
    }
    template <typename Number> void whole(size_t from, size_t to)
    {
        const Number value = get<Number>(from);
        if (value < 0 || value > std::numeric_limits<int16_t>::max()) {
            throw Failure(FSEG_ERROR_UNSUPPORTED, "\"" + path_ +
                                                      "\" is a NIfTI-2 file with an axis of more "
                                                      "than 32767 voxels; crop the image first");
        }
        put<int16_t>(to, static_cast<int16_t>(value));
    }

    const std::vector<char> &from_;
    std::vector<char> to_;
    bool swap_;
    std::string path_;
};

struct CloseFile {
    void operator()(std::FILE *file) const
    {
        std::fclose(file);
    }
};

} // namespace

void copyAsNifti1(const std::string &path, const std::string &target)
{
    NiftiStream stream(path);
    std::vector<char> header;
    const NiftiLayout layout = stream.readHeader(header);
    const std::vector<char> translated = Translation(header, layout.swap, path).run();
    std::unique_ptr<std::FILE, CloseFile> file(std::fopen(target.c_str(), "wb"));
    const auto write = [&](const char *bytes, size_t count) {
        if (!file || std::fwrite(bytes, 1, count, file.get()) != count) {
            throw systemFailure(errno, "cannot write", target);
        }
    };
    write(translated.data(), translated.size());
    std::vector<char> part(1 << 16);
    for (double left = layout.voxelBytes; left > 0.0;) {
        const size_t wanted =
            left < static_cast<double>(part.size()) ? static_cast<size_t>(left) : part.size();
        if (wanted == 0 || stream.read(part.data(), wanted) != wanted) {
            niftiDamaged(path);
        }
        write(part.data(), wanted);
        left -= static_cast<double>(wanted);
    }
    if (std::fclose(file.release()) != 0) {
        throw systemFailure(errno, "cannot write", target);
    }
}

} // namespace frugalseg
