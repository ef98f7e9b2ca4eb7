/* Volumes and masks in NIfTI and NRRD files, through ITK. */
#include "AtomicFile.h"
#include "Failure.h"
#include "Geometry.h"
#include "Limits.h"
#include "Nifti2.h"
#include "NiftiCheck.h"
#include "ZipFolder.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <itkImage.h>
#include <itkImageFileReader.h>
#include <itkImageFileWriter.h>
#include <itkImportImageFilter.h>
#include <itkNiftiImageIO.h>
#include <itkNrrdImageIO.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace frugalseg
{

namespace
{

using FloatImage = itk::Image<float, 3>;
using StackImage = itk::Image<float, 4>;

/** ".nii.gz", ".nii" or ".nrrd"; throws for any other suffix. */
std::string formatOf(const std::string &path)
{
    std::string lower = path;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    for (const char *suffix : {".nii.gz", ".nii", ".nrrd"}) {
        const size_t length = std::strlen(suffix);
        if (lower.size() > length && lower.compare(lower.size() - length, length, suffix) == 0) {
            return suffix;
        }
    }
    throw Failure(FSEG_ERROR_UNSUPPORTED,
                  "\"" + path +
                      "\" is no image file that can be used; its name must end in "
                      ".nii, .nii.gz or .nrrd");
}

itk::ImageIOBase::Pointer makeImageIO(const std::string &format)
{
    if (format == ".nrrd") {
        return itk::NrrdImageIO::New().GetPointer();
    }
    return itk::NiftiImageIO::New().GetPointer();
}

size_t fileSize(const std::string &path)
{
    struct stat status;
    if (stat(path.c_str(), &status) != 0) {
        throw systemFailure(errno, "cannot read", path);
    }
    if (!S_ISREG(status.st_mode)) {
        throw Failure(FSEG_ERROR_NOT_FOUND, "cannot read \"" + path + "\": it is not a file");
    }
    if (access(path.c_str(), R_OK) != 0) {
        throw systemFailure(errno, "cannot read", path);
    }
    return static_cast<size_t>(status.st_size);
}

/** The header must describe one scalar image of 3 axes (or 4, where `most` says so) whose voxels
 * the file can hold. */
void checkHeader(const itk::ImageIOBase &io, const std::string &file, const std::string &path,
                 const std::string &format, unsigned most)
{
    const unsigned dimensions = io.GetNumberOfDimensions();
    for (unsigned axis = most; axis < dimensions; ++axis) {
        if (io.GetDimensions(axis) > 1) {
            throw Failure(FSEG_ERROR_BAD_INPUT,
                          "\"" + path + "\" holds several volumes; save one of them as a 3D image");
        }
    }
    if (dimensions < 3) {
        throw Failure(FSEG_ERROR_BAD_INPUT, "\"" + path + "\" is not a 3D image");
    }
    if (io.GetNumberOfComponents() != 1) {
        throw Failure(FSEG_ERROR_BAD_INPUT,
                      "\"" + path +
                          "\" has several values per voxel; a grey-scale image is needed");
    }
    double bytes = static_cast<double>(io.GetComponentSize());
    for (unsigned axis = 0; axis < std::min(dimensions, most); ++axis) {
        if (io.GetDimensions(axis) < 1 || io.GetDimensions(axis) > limits::extent) {
            throw Failure(FSEG_ERROR_BAD_INPUT, "\"" + path + "\" has an impossible size");
        }
        bytes *= static_cast<double>(io.GetDimensions(axis));
    }
    // DEFLATE cannot expand by more than 1032; anything beyond is a broken header, not an image.
    const double ratio = format == ".nii" ? 1.0 : limits::deflateRatio;
    if (bytes > ratio * static_cast<double>(fileSize(file))) {
        throw Failure(FSEG_ERROR_BAD_INPUT, "\"" + path +
                                                "\" is shorter than its header says; it is "
                                                "damaged or was not copied completely");
    }
}

template <typename Image> fseg_geometry geometryOf(const Image &image)
{
    fseg_geometry geometry{};
    const auto size = image.GetLargestPossibleRegion().GetSize();
    for (unsigned axis = 0; axis < 3; ++axis) {
        geometry.size[axis] = size[axis];
        for (unsigned row = 0; row < 3; ++row) {
            geometry.ijk_to_lps[row][axis] =
                image.GetDirection()[row][axis] * image.GetSpacing()[axis];
        }
    }
    for (unsigned row = 0; row < 3; ++row) {
        geometry.ijk_to_lps[row][3] = image.GetOrigin()[row];
    }
    geometry.ijk_to_lps[3][3] = 1.0;
    return geometry;
}

/** Let ITK read `file`; `path` is its name for messages. */
template <typename Image>
typename Image::Pointer readWithITK(const std::string &file, const std::string &path,
                                    const std::string &format)
{
    const itk::ImageIOBase::Pointer io = makeImageIO(format);
    try {
        if (!io->CanReadFile(file.c_str())) {
            throw Failure(FSEG_ERROR_BAD_INPUT, "\"" + path + "\" is not a readable " +
                                                    (format == ".nrrd" ? "NRRD" : "NIfTI") +
                                                    " image; it is damaged or "
                                                    "its name is wrong");
        }
        io->SetFileName(file);
        io->ReadImageInformation();
        checkHeader(*io, file, path, format, Image::ImageDimension);
        const auto reader = itk::ImageFileReader<Image>::New();
        reader->SetImageIO(io);
        reader->SetFileName(file);
        reader->Update();
        return reader->GetOutput();
    } catch (const itk::MemoryAllocationError &) {
        throw std::bad_alloc();
    } catch (const itk::ExceptionObject &) {
        // ITK's text names its own source files; the user needs the image's name and a way out.
        throw Failure(FSEG_ERROR_BAD_INPUT, "\"" + path +
                                                "\" cannot be read; it is damaged or was not "
                                                "copied completely");
    }
}

template <typename Image> typename Image::Pointer readImage(const std::string &path)
{
    const std::string format = formatOf(path);
    if (fileSize(path) == 0) {
        throw Failure(FSEG_ERROR_BAD_INPUT, "\"" + path + "\" is empty");
    }
    if (format != ".nrrd" && checkNiftiFile(path) == 2) {
        const TemporaryFolder folder;
        const std::string copy = folder.path() + "/image.nii";
        copyAsNifti1(path, copy);
        return readWithITK<Image>(copy, path, ".nii");
    }
    return readWithITK<Image>(path, path, format);
}

VolumePointer volumeOf(const fseg_geometry &geometry, const float *voxels, const std::string &path)
{
    VolumePointer volume = newVolume(geometry);
    const size_t count = voxelCount(geometry);
    for (size_t i = 0; i < count; ++i) {
        if (!std::isfinite(voxels[i])) {
            throw Failure(
                FSEG_ERROR_NOT_FINITE,
                "\"" + path +
                    "\" has voxels that are not a number or infinite; repair the image first");
        }
        volume->voxels[i] = voxels[i];
    }
    return volume;
}

/** ITK stores spacing and direction apart, and directions must be orthonormal in a file. */
template <typename Pixel>
typename itk::Image<Pixel, 3>::Pointer wrap(const fseg_geometry &geometry, Pixel *voxels)
{
    using Import = itk::ImportImageFilter<Pixel, 3>;
    requireArgument(voxels, "the image has no voxels");
    requireGeometry(geometry);
    const auto import = Import::New();
    typename Import::RegionType region;
    typename Import::SpacingType spacing;
    typename Import::OriginType origin;
    typename Import::DirectionType direction;
    Vector3 unit[3];
    for (unsigned axis = 0; axis < 3; ++axis) {
        const Vector3 step = matrixColumn(geometry, static_cast<int>(axis));
        region.SetSize(axis, geometry.size[axis]);
        spacing[axis] = norm(step);
        unit[axis] = scaled(step, 1.0 / spacing[axis]);
        origin[axis] = geometry.ijk_to_lps[axis][3];
        for (unsigned row = 0; row < 3; ++row) {
            direction[row][axis] = unit[axis][row];
        }
    }
    for (unsigned axis = 0; axis < 3; ++axis) {
        if (std::fabs(dot(unit[axis], unit[(axis + 1) % 3])) > 1e-3) {
            throw Failure(FSEG_ERROR_UNSUPPORTED,
                          "the image's axes are not at right angles; NIfTI and NRRD files cannot "
                          "hold such an image faithfully");
        }
    }
    import->SetRegion(region);
    import->SetSpacing(spacing);
    import->SetOrigin(origin);
    import->SetDirection(direction);
    import->SetImportPointer(voxels, voxelCount(geometry), false);
    import->Update();
    return import->GetOutput();
}

/**
 * Image libraries drop short writes (a full disk) without a word, so the temporary file is read
 * back and compared before it takes the place of an earlier one.
 */
template <typename Pixel>
void writeImage(const fseg_geometry &geometry, Pixel *voxels, const std::string &path)
{
    using Image = itk::Image<Pixel, 3>;
    const std::string format = formatOf(path);
    const auto image = wrap(geometry, voxels);
    const size_t bytes = voxelCount(geometry) * sizeof(Pixel);
    AtomicFile file(path, format);
    bool faithful = false;
    try {
        const auto writer = itk::ImageFileWriter<Image>::New();
        writer->SetImageIO(makeImageIO(format));
        writer->SetFileName(file.temporary());
        writer->SetInput(image);
        writer->SetUseCompression(format != ".nii");
        writer->Update();

        const auto reader = itk::ImageFileReader<Image>::New();
        reader->SetImageIO(makeImageIO(format));
        reader->SetFileName(file.temporary());
        reader->Update();
        const fseg_geometry written = geometryOf(*reader->GetOutput());
        faithful = fseg_geometry_equal(&geometry, &written, 1e-2) &&
                   std::memcmp(reader->GetOutput()->GetBufferPointer(), voxels, bytes) == 0;
    } catch (const itk::ExceptionObject &) {
        faithful = false;
    }
    if (!faithful) {
        file.diagnose(bytes + 4096, "the written image differs from the one in memory");
    }
    file.commit();
}

} // namespace

} // namespace frugalseg

extern "C" {

fseg_status fseg_volume_read(const char *path, fseg_volume **out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(path && out, "path and out must not be null");
        *out = nullptr;
        const auto image = frugalseg::readImage<frugalseg::FloatImage>(path);
        *out = frugalseg::volumeOf(frugalseg::geometryOf(*image), image->GetBufferPointer(), path)
                   .release();
    });
}

fseg_status fseg_volume_read_stack(const char *path, fseg_volume ***out, size_t *count,
                                   fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(path && out && count, "path, out and count must not be null");
        *out = nullptr;
        *count = 0;
        const auto image = frugalseg::readImage<frugalseg::StackImage>(path);
        const fseg_geometry geometry = frugalseg::geometryOf(*image);
        std::vector<frugalseg::VolumePointer> volumes;
        for (size_t i = 0; i < image->GetLargestPossibleRegion().GetSize()[3]; ++i) {
            volumes.push_back(frugalseg::volumeOf(
                geometry, image->GetBufferPointer() + i * frugalseg::voxelCount(geometry), path));
        }
        *out = static_cast<fseg_volume **>(std::calloc(volumes.size(), sizeof(fseg_volume *)));
        if (!*out) {
            throw std::bad_alloc();
        }
        for (frugalseg::VolumePointer &volume : volumes) {
            (*out)[(*count)++] = volume.release();
        }
    });
}

void fseg_volume_free_stack(fseg_volume **volumes, size_t count)
{
    for (size_t i = 0; volumes && i < count; ++i) {
        fseg_volume_free(volumes[i]);
    }
    std::free(volumes);
}

fseg_status fseg_mask_read(const char *path, int label, fseg_mask **out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(path && out, "path and out must not be null");
        *out = nullptr;
        const auto image = frugalseg::readImage<frugalseg::FloatImage>(path);
        frugalseg::MaskPointer mask = frugalseg::newMask(frugalseg::geometryOf(*image));
        const size_t count = frugalseg::voxelCount(mask->geometry);
        const float *voxels = image->GetBufferPointer();
        for (size_t i = 0; i < count; ++i) {
            const float value = voxels[i];
            const bool whole = value >= 0.0F && value <= 255.0F && std::floor(value) == value;
            if (!whole) {
                throw frugalseg::Failure(FSEG_ERROR_BAD_INPUT,
                                         "\"" + std::string(path) +
                                             "\" is not a label map; labels must be whole "
                                             "numbers from 0 to 255");
            }
            const int found = static_cast<int>(value);
            mask->voxels[i] = static_cast<uint8_t>(label < 0 ? found : (found == label ? 1 : 0));
        }
        *out = mask.release();
    });
}

fseg_status fseg_volume_write(const fseg_volume *volume, const char *path, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(volume && volume->voxels && path,
                                   "volume and path must not be null");
        frugalseg::requireGeometry(volume->geometry);
        const size_t count = frugalseg::voxelCount(volume->geometry);
        for (size_t i = 0; i < count; ++i) {
            if (!std::isfinite(volume->voxels[i])) {
                throw frugalseg::Failure(FSEG_ERROR_NOT_FINITE,
                                         "the image to write has voxels that are not finite");
            }
        }
        frugalseg::writeImage(volume->geometry, volume->voxels, path);
    });
}

fseg_status fseg_mask_write(const fseg_mask *mask, const char *path, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(mask && path, "mask and path must not be null");
        frugalseg::writeImage(mask->geometry, mask->voxels, path);
    });
}

} // extern "C"
