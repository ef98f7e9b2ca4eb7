/**
 * @file NiftiFile.h
 * The bytes of a NIfTI file and what its header promises. Layouts: nifti1.h and nifti2.h of the
 * NIfTI Data Format Working Group.
 */
#ifndef FRUGALSEG_IMAGING_NIFTI_FILE_H
#define FRUGALSEG_IMAGING_NIFTI_FILE_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

struct gzFile_s;

namespace frugalseg
{

constexpr size_t nifti1Header = 348;
constexpr size_t nifti2Header = 540;

/** A field of the header, its bytes reversed when the file has the other byte order. */
template <typename Number>
Number niftiField(const std::vector<char> &header, size_t offset, bool swap)
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

struct NiftiLayout {
    int version = 1;
    bool swap = false; /**< the file has the other byte order */
    int dataType = 0;
    double voxelOffset = 0.0; /**< bytes before the first voxel */
    double voxelBytes = 0.0;  /**< bytes of all voxels */
};

/** The decompressed bytes of a file, whether it is compressed or not. */
class NiftiStream
{
  public:
    explicit NiftiStream(const std::string &path);
    ~NiftiStream();
    NiftiStream(const NiftiStream &) = delete;
    NiftiStream &operator=(const NiftiStream &) = delete;

    /** Read and judge the header: throws when it is none, or promises more than the file can hold.
     *  The stream then stands at the first voxel. */
    NiftiLayout readHeader(std::vector<char> &header);
    /** Up to `count` bytes; fewer at the end only. */
    size_t read(char *bytes, size_t count);

  private:
    std::string path_;
    gzFile_s *file_;
};

/** The sentence for a file that ends too early. */
[[noreturn]] void niftiDamaged(const std::string &path);

} // namespace frugalseg
#endif
