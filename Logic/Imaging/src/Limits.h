/**
 * @file Limits.h
 * What a file may ask for before anything is decoded or allocated for it. Everything that a header
 * promises is compared with these and with the size of the file.
 */
#ifndef FRUGALSEG_IMAGING_LIMITS_H
#define FRUGALSEG_IMAGING_LIMITS_H

#include <cstddef>
#include <cstdint>

namespace frugalseg
{
namespace limits
{

// DICOM images
constexpr unsigned rowsOrColumns = 8192;
constexpr long frames = 65535;                      /**< of one file */
constexpr double voxels = 2147483648.0;             /**< of one volume: 8 GiB as float */
constexpr double pixelSpacingMm = 50.0;             /**< a larger one is damage, not a scanner */
constexpr double positionMm = 1e5;                  /**< likewise of a coordinate */
constexpr uint32_t valueInMemory = 4096;            /**< longer values stay in the file */
constexpr double headerBytes = 32.0 * 1024 * 1024;  /**< of a file, besides its pixels ... */
constexpr double headerBytesPerFrame = 64.0 * 1024; /**< ... and for each of its frames */
constexpr double headerCheckedAbove = 4.0 * 1024 * 1024; /**< smaller files cannot exceed them */

// Folders and archives
constexpr size_t files = 1000000;
constexpr double directoryBytes = 256.0 * 1024 * 1024; /**< of a DICOMDIR */
constexpr size_t zipEntries = 200000;
constexpr double zipBytes = 32.0 * 1024 * 1024 * 1024; /**< unpacked, all entries together */
constexpr double deflateRatio = 1032.0; /**< DEFLATE cannot expand by more (zlib's documentation) */

// Image files
constexpr double niftiOffset = 64.0 * 1024 * 1024; /**< bytes before the first voxel */
constexpr size_t extent = 65536;                   /**< of a NIfTI or NRRD axis */

} // namespace limits
} // namespace frugalseg
#endif
