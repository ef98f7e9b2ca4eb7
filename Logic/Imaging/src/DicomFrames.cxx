/* The stored pixels of slices, decoded frame by frame. */
#include "DicomFrames.h"
#include "Failure.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dcfcache.h"
#include "dcmtk/dcmdata/dctk.h"
#include <algorithm>
#include <cstring>

namespace frugalseg
{

namespace
{

[[noreturn]] void unreadable(const SliceHeader &slice, const std::string &why)
{
    throw Failure(FSEG_ERROR_BAD_INPUT,
                  "the file \"" + slice.name + "\" cannot be read (" + why +
                      "); it is damaged or incomplete: copy the series again");
}

size_t bytesOf(const SliceHeader &slice)
{
    return static_cast<size_t>(slice.rows) * slice.columns * (slice.bitsAllocated / 8);
}

/** The file may have changed since the scan; decode only what was judged. */
void requireUnchanged(const SliceHeader &slice)
{
    const std::vector<SliceHeader> headers = readSliceHeaders(slice.path);
    if (headers.empty() || headers.front().fault != Fault::None) {
        unreadable(slice, "its content is incomplete");
    }
    const SliceHeader &now = headers.front();
    if (now.sopInstance != slice.sopInstance || now.rows != slice.rows ||
        now.columns != slice.columns || now.bitsAllocated != slice.bitsAllocated ||
        now.bitsStored != slice.bitsStored || now.samples != slice.samples ||
        now.frames != slice.frames || now.transferSyntax != slice.transferSyntax ||
        slice.frame > headers.size()) {
        unreadable(slice, "it changed after the folder was scanned");
    }
}

} // namespace

struct DicomFrames::File {
    std::string path;
    DcmFileFormat format;
    DcmFileCache cache;  /**< keeps the file open between frames */
    Uint32 fragment = 0; /**< where the next frame of compressed pixels begins */
    unsigned last = 0;
};

DicomFrames::DicomFrames() = default;
DicomFrames::~DicomFrames() = default;

void DicomFrames::open(const SliceHeader &slice)
{
    if (file_ && file_->path == slice.path) {
        return;
    }
    file_.reset();
    requireUnchanged(slice);
    auto file = std::make_unique<File>();
    file->path = slice.path;
    const OFCondition condition = file->format.loadFile(OFFilename(slice.path.c_str()));
    if (condition.bad()) {
        unreadable(slice, condition.text());
    }
    file_ = std::move(file);
}

/** A file of one slice: its pixels as a whole. */
void DicomFrames::readPlain(const SliceHeader &slice)
{
    DcmDataset &data = *file_->format.getDataset();
    OFCondition condition = data.chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
    if (condition.bad()) {
        unreadable(slice, condition.text());
    }
    // Decoders may change the bit depth in the data set; insist on what was judged.
    Uint16 bitsAllocated = 0;
    data.findAndGetUint16(DCM_BitsAllocated, bitsAllocated);
    if (bitsAllocated != slice.bitsAllocated) {
        unreadable(slice, "the decoder changed the bit depth");
    }
    const size_t count = static_cast<size_t>(slice.rows) * slice.columns;
    const void *cells = nullptr;
    unsigned long available = 0;
    if (slice.bitsAllocated == 8) {
        const Uint8 *bytes = nullptr;
        condition = data.findAndGetUint8Array(DCM_PixelData, bytes, &available);
        cells = bytes;
    } else {
        const Uint16 *words = nullptr;
        condition = data.findAndGetUint16Array(DCM_PixelData, words, &available);
        cells = words;
    }
    if (condition.bad() || !cells || available < count) {
        unreadable(slice, "too few pixels");
    }
    std::memcpy(cells_.data(), cells, bytesOf(slice));
}

/** One frame of several; the others stay in the file. */
void DicomFrames::readFrame(const SliceHeader &slice)
{
    DcmDataset &data = *file_->format.getDataset();
    DcmElement *pixels = nullptr;
    if (data.findAndGetElement(DCM_PixelData, pixels).bad() || !pixels) {
        unreadable(slice, "no pixels");
    }
    // A frame that follows the last one begins where that ended; for others the toolkit looks.
    Uint32 fragment = slice.frame == file_->last + 1 ? file_->fragment : 0;
    OFString colours;
    const auto room = static_cast<Uint32>(cells_.size() * sizeof(uint16_t));
    const OFCondition condition = pixels->getUncompressedFrame(
        &data, slice.frame - 1, fragment, cells_.data(), room, colours, &file_->cache);
    if (condition.bad()) {
        unreadable(slice, condition.text());
    }
    file_->fragment = fragment;
    file_->last = slice.frame;
}

void DicomFrames::read(const SliceHeader &slice)
{
    open(slice);
    cells_.assign((bytesOf(slice) + 3) / sizeof(uint16_t), 0);
    if (slice.frame == 0) {
        readPlain(slice);
        file_.reset(); // nothing else is in it
    } else {
        readFrame(slice);
    }
}

const uint8_t *DicomFrames::read8(const SliceHeader &slice)
{
    read(slice);
    return reinterpret_cast<const uint8_t *>(cells_.data());
}

const uint16_t *DicomFrames::read16(const SliceHeader &slice)
{
    read(slice);
    return cells_.data();
}

} // namespace frugalseg
