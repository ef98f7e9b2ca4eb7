/* The voxels of a DICOM Segmentation, placed onto a grid by the geometry of its frames. */
#include "DicomAttributes.h"
#include "DicomSegFile.h"
#include "DicomSeries.h"
#include "Failure.h"
#include "Geometry.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>

namespace frugalseg
{

namespace
{

[[noreturn]] void refuse(const std::string &why)
{
    throw Failure(FSEG_ERROR_BAD_INPUT, why);
}

[[noreturn]] void refuseGrid()
{
    refuse("the DICOM segmentation lies on another grid than the volume; load the series that it "
           "was made for");
}

// ---- where a frame lies -------------------------------------------------------------------------

/** Voxels of a grid that a frame's pixels fall on: index = start + column * along + row * down,
 * each along one axis of the grid. */
struct Placement {
    long start[3];
    long along[3], down[3]; /**< one is 1 or -1, the others 0 */
    long slice;             /**< index along the third axis */
    double shift;           /**< of the frame from that slice, in slice distances */
};

/** In slice distances: beyond it the next slice could be meant. */
constexpr double mostShift = 0.45;

/** The grid's matrix, inverted: millimetres to voxels. */
class ToVoxels
{
  public:
    explicit ToVoxels(const fseg_geometry &grid) : grid_(grid)
    {
        for (int axis = 0; axis < 3; ++axis) {
            columns_[axis] = matrixColumn(grid, axis);
            spacing_[axis] = norm(columns_[axis]);
        }
        const Vector3 volume = cross(columns_[1], columns_[2]);
        const double determinant = dot(columns_[0], volume);
        rows_[0] = scaled(volume, 1.0 / determinant);
        rows_[1] = scaled(cross(columns_[2], columns_[0]), 1.0 / determinant);
        rows_[2] = scaled(cross(columns_[0], columns_[1]), 1.0 / determinant);
    }
    /** A twentieth of a voxel, or what positions in real series deviate by, if that is more; always
     *  far from the half voxel at which the next one would be meant. */
    double tolerance(int axis) const
    {
        return std::min(0.25, std::max(0.05, 0.06 / spacing_[axis]));
    }
    Vector3 direction(const Vector3 &millimetres) const
    {
        return {dot(rows_[0], millimetres), dot(rows_[1], millimetres), dot(rows_[2], millimetres)};
    }
    Vector3 point(const Vector3 &position) const
    {
        return direction(difference(position, matrixColumn(grid_, 3)));
    }

  private:
    const fseg_geometry &grid_;
    Vector3 columns_[3], rows_[3];
    double spacing_[3];
};

/** The axis of the grid that a step of a frame goes along, as 1 or -1 there; `count` steps must not
 *  leave the voxels' centres. */
void snapStep(const ToVoxels &voxels, const Vector3 &step, double count, long result[3])
{
    const Vector3 v = voxels.direction(step);
    int units = 0;
    for (int axis = 0; axis < 3; ++axis) {
        const double nearest = std::round(v[axis]);
        result[axis] = static_cast<long>(nearest);
        units += std::abs(static_cast<int>(nearest));
        if (std::fabs(nearest) > 1.0 ||
            std::fabs(v[axis] - nearest) * count > voxels.tolerance(axis)) {
            refuseGrid();
        }
    }
    if (units != 1) {
        refuseGrid();
    }
}

Placement placementOf(const SegFrame &frame, const fseg_seg_file &file, const ToVoxels &voxels)
{
    Placement placement{};
    snapStep(voxels, frame.alongRow, file.columns, placement.along);
    snapStep(voxels, frame.alongColumn, file.rows, placement.down);
    const Vector3 start = voxels.point(frame.position);
    for (int axis = 0; axis < 3; ++axis) {
        if (placement.along[axis] != 0 && placement.down[axis] != 0) {
            refuseGrid();
        }
        const double nearest = std::round(start[axis]);
        const double shift = std::fabs(start[axis] - nearest);
        const bool through = placement.along[axis] == 0 && placement.down[axis] == 0;
        // Beyond any image's size, too, it is elsewhere.
        if (!(shift <= (through ? mostShift : voxels.tolerance(axis))) ||
            std::fabs(nearest) > 1e6) {
            refuseGrid();
        }
        placement.start[axis] = static_cast<long>(nearest);
        if (through) {
            placement.slice = placement.start[axis];
            placement.shift = shift > voxels.tolerance(axis) ? shift : 0.0;
        }
    }
    return placement;
}

/** Where all frames lie. Those between the slices are refused, but for one case: the slices of the
 *  series lay unevenly and were taken as even (with consent). Our own object then has their true
 *  places, and its first and last frame lie where the grid begins and ends. */
std::vector<Placement> placementsOf(const fseg_seg_file &file, const ToVoxels &voxels)
{
    std::vector<Placement> placements;
    for (const SegFrame &frame : file.frames) {
        placements.push_back(placementOf(frame, file, voxels));
    }
    const auto bySlice = [](const Placement &a, const Placement &b) { return a.slice < b.slice; };
    const auto ends = std::minmax_element(placements.begin(), placements.end(), bySlice);
    const bool shifted = std::any_of(placements.begin(), placements.end(),
                                     [](const Placement &one) { return one.shift > 0.0; });
    if (shifted && (!file.content.ours || ends.first->shift > 0.0 || ends.second->shift > 0.0 ||
                    ends.first->slice == ends.second->slice)) {
        refuseGrid();
    }
    return placements;
}

// ---- pixels -------------------------------------------------------------------------------------

/** The decoded frames of a file; value(i) counts through all frames. */
class Pixels
{
  public:
    explicit Pixels(const fseg_seg_file &file) : bits_(file.bitsAllocated)
    {
        const std::string syntax = file.transferSyntax;
        if (!canDecode(syntax)) {
            refuse("the DICOM segmentation is stored as " + transferSyntaxName(syntax) +
                   ", which cannot be decoded; save it uncompressed");
        }
        constexpr Uint32 longestInMemory = 1U << 20;
        OFCondition condition = format_.loadFile(OFFilename(file.path.c_str()), EXS_Unknown,
                                                 EGL_noChange, longestInMemory);
        DcmDataset &data = *format_.getDataset();
        if (condition.good()) {
            condition = data.chooseRepresentation(EXS_LittleEndianExplicit, nullptr);
        }
        if (condition.bad() ||
            attributeText(data, DCM_SOPInstanceUID) != file.content.instance_uid ||
            attributeUnsigned(data, DCM_BitsAllocated, 0) != bits_) {
            refuse("the DICOM segmentation is incomplete or damaged, or changed after it was "
                   "opened; it cannot be read");
        }
        const size_t count = file.content.frame_count * file.rows * file.columns;
        unsigned long available = 0;
        if (bits_ == 16) {
            condition = data.findAndGetUint16Array(DCM_PixelData, words_, &available);
        } else {
            condition = data.findAndGetUint8Array(DCM_PixelData, bytes_, &available);
        }
        if (condition.bad() || (!bytes_ && !words_) ||
            available < (bits_ == 1 ? (count + 7) / 8 : count)) {
            refuse("the DICOM segmentation has fewer voxels than it says; the file is damaged");
        }
    }
    unsigned value(size_t i) const
    {
        // Bits of all frames lie one behind the other, the lowest of each byte first.
        return bits_ == 1 ? (bytes_[i / 8] >> (i % 8)) & 1U : words_ ? words_[i] : bytes_[i];
    }

  private:
    DcmFileFormat format_; // owns the arrays
    unsigned bits_;
    const Uint8 *bytes_ = nullptr;
    const Uint16 *words_ = nullptr;
};

/** Call `set(voxel, value)` for every pixel of a frame that is not 0. */
void placeFrame(const fseg_seg_file &file, const Pixels &pixels, size_t frame,
                const Placement &placement, const fseg_geometry &grid,
                const std::function<void(size_t, unsigned)> &set)
{
    size_t at = frame * file.rows * file.columns;
    for (unsigned row = 0; row < file.rows; ++row) {
        for (unsigned column = 0; column < file.columns; ++column, ++at) {
            const unsigned value = pixels.value(at);
            if (value == 0) {
                continue;
            }
            size_t voxel = 0;
            for (int axis = 2; axis >= 0; --axis) {
                const long index = placement.start[axis] +
                                   placement.along[axis] * static_cast<long>(column) +
                                   placement.down[axis] * static_cast<long>(row);
                if (index < 0 || index >= static_cast<long>(grid.size[axis])) {
                    refuseGrid();
                }
                voxel = voxel * grid.size[axis] + static_cast<size_t>(index);
            }
            set(voxel, value);
        }
    }
}

// ---- segments -----------------------------------------------------------------------------------

/** The smallest stored value that counts as foreground. */
unsigned lowestForeground(const fseg_seg_file &file, double threshold)
{
    requireArgument(threshold >= 0.0 && threshold <= 1.0, "the threshold must be 0 to 1");
    if (std::strcmp(file.content.type, "FRACTIONAL") != 0) {
        return 1;
    }
    if (threshold <= 0.0) {
        refuse("the DICOM segmentation is FRACTIONAL (a probability or occupancy for each voxel); "
               "give the threshold above which a voxel belongs to the segment");
    }
    if (file.maximumFraction == 0) {
        refuse("the DICOM segmentation is FRACTIONAL and does not say its greatest value");
    }
    return static_cast<unsigned>(std::max(1.0, std::ceil(threshold * file.maximumFraction - 1e-9)));
}

/** Labels by segment number: 0 for segments that are not wanted. */
using Labels = std::function<uint8_t(int)>;

MaskPointer readVoxels(const fseg_seg_file &file, const fseg_geometry &grid, double threshold,
                       const Labels &labels)
{
    const unsigned lowest = lowestForeground(file, threshold);
    const bool labelmap = std::strcmp(file.content.type, "LABELMAP") == 0;
    const ToVoxels voxels(grid);
    // Places first: a foreign grid is refused before anything is decoded.
    const std::vector<Placement> placements = placementsOf(file, voxels);
    const Pixels pixels(file);
    MaskPointer mask = newMask(grid);
    for (size_t i = 0; i < file.frames.size(); ++i) {
        const uint8_t own = labelmap ? 0 : labels(file.frames[i].segment);
        if (!labelmap && own == 0) {
            continue;
        }
        placeFrame(file, pixels, i, placements[i], grid, [&](size_t voxel, unsigned value) {
            const uint8_t label = labelmap ? labels(static_cast<int>(value)) : own;
            if (label == 0 || (!labelmap && value < lowest)) {
                return;
            }
            if (mask->voxels[voxel] != 0 && mask->voxels[voxel] != label) {
                refuse("segments of the DICOM segmentation overlap; open them one at a time");
            }
            mask->voxels[voxel] = label;
        });
    }
    return mask;
}

MaskPointer readSegment(const fseg_seg_file &file, size_t index, const fseg_geometry &grid,
                        double threshold)
{
    const int number = file.segments[index].number;
    return readVoxels(file, grid, threshold, [number](int segment) {
        return static_cast<uint8_t>(segment == number ? 1 : 0);
    });
}

MaskPointer readLabels(const fseg_seg_file &file, const fseg_geometry &grid, double threshold)
{
    std::vector<uint8_t> labels(65536, 0);
    for (size_t i = 0; i < file.segments.size(); ++i) {
        labels[static_cast<size_t>(file.segments[i].number)] = static_cast<uint8_t>(i + 1);
    }
    return readVoxels(file, grid, threshold,
                      [&labels](int segment) { return labels[static_cast<size_t>(segment)]; });
}

/** "1 Liver, 2 Spleen": the segments, for a message. */
std::string listSegments(const fseg_seg_file &file)
{
    std::string text;
    for (size_t i = 0; i < file.segments.size() && text.size() < 200; ++i) {
        text += (i ? ", " : "") + formatText("%zu %s", i + 1, file.segments[i].label);
    }
    return text;
}

} // namespace

} // namespace frugalseg

extern "C" {

fseg_status fseg_seg_file_read(const fseg_seg_file *file, size_t index, const fseg_geometry *grid,
                               double threshold, fseg_mask **out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(file && grid && out, "file, grid and out must not be null");
        *out = nullptr;
        frugalseg::requireArgument(index < file->segments.size(),
                                   "there is no segment of this index");
        frugalseg::requireGeometry(*grid);
        *out = frugalseg::readSegment(*file, index, *grid, threshold).release();
    });
}

fseg_status fseg_seg_file_read_labels(const fseg_seg_file *file, const fseg_geometry *grid,
                                      double threshold, fseg_mask **out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(file && grid && out, "file, grid and out must not be null");
        *out = nullptr;
        frugalseg::requireGeometry(*grid);
        *out = frugalseg::readLabels(*file, *grid, threshold).release();
    });
}

fseg_status fseg_seg_read(const char *path, const fseg_geometry *grid, fseg_mask **out,
                          fseg_seg_content *content, fseg_error *error)
{
    fseg_seg_file *file = nullptr;
    if (out) {
        *out = nullptr;
    }
    fseg_status status = fseg_seg_file_open(path, &file, error);
    if (status == FSEG_OK && file->segments.size() > 1) {
        status = frugalseg::guard(error, [&] {
            throw frugalseg::Failure(FSEG_ERROR_AMBIGUOUS,
                                     "the DICOM segmentation has several segments; choose one: " +
                                         frugalseg::listSegments(*file));
        });
    }
    if (status == FSEG_OK) {
        status = fseg_seg_file_read(file, 0, grid, 0.0, out, error);
    }
    if (status == FSEG_OK && content) {
        *content = file->content;
    }
    fseg_seg_file_free(file);
    return status;
}

} // extern "C"
