/**
 * @file DicomFrames.h
 * The stored pixels of slices, decoded frame by frame.
 */
#ifndef FRUGALSEG_IMAGING_DICOM_FRAMES_H
#define FRUGALSEG_IMAGING_DICOM_FRAMES_H

#include "DicomSeries.h"
#include <cstdint>
#include <memory>
#include <vector>

namespace frugalseg
{

/** Keeps the file read last open, so that its frames come one after the other at no further cost.
 *  Throws a Failure that names the file when it is damaged or has changed since the scan. */
class DicomFrames
{
  public:
    DicomFrames();
    ~DicomFrames();
    DicomFrames(const DicomFrames &) = delete;
    DicomFrames &operator=(const DicomFrames &) = delete;

    /** Rows x columns cells of a slice with 8 or 16 bits allocated; valid until the next call. */
    const uint8_t *read8(const SliceHeader &slice);
    const uint16_t *read16(const SliceHeader &slice);

  private:
    struct File;
    void open(const SliceHeader &slice);
    void readPlain(const SliceHeader &slice);
    void readFrame(const SliceHeader &slice);
    void read(const SliceHeader &slice);

    std::unique_ptr<File> file_;
    std::vector<uint16_t> cells_; /**< 16-bit cells, or two 8-bit ones each */
};

} // namespace frugalseg
#endif
