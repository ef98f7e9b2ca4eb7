/* Target: the DICOM SEG reader, of any program's files: what they say, every segment and all
 * segments as labels, on the grid of the seed (seeds.py: 10 x 8 x 4). */
#include "frugalseg/seg.h"
#include "fuzz_target.h"

namespace
{

fseg_geometry seedGrid()
{
    fseg_geometry grid{};
    const double spacing[3] = {3.0, 3.0, 6.0}, origin[3] = {-15.0, -12.0, 40.0};
    const size_t extent[3] = {10, 8, 4};
    for (int i = 0; i < 3; ++i) {
        grid.size[i] = extent[i];
        grid.ijk_to_lps[i][i] = spacing[i];
        grid.ijk_to_lps[i][3] = origin[i];
    }
    grid.ijk_to_lps[3][3] = 1.0;
    return grid;
}

/** Every voxel may be at most `most`. */
void checkMask(const fseg_mask *mask, size_t most)
{
    const size_t *size = mask->geometry.size;
    for (size_t i = 0; i < size[0] * size[1] * size[2]; ++i) {
        if (mask->voxels[i] > most) {
            fuzz::broken("a mask holds a value that no segment has");
        }
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const std::string path = fuzz::writeFile("input.dcm", data, size);
    const fseg_geometry grid = seedGrid();
    fseg_error error{};
    fseg_seg_file *file = nullptr;
    fseg_status status = fseg_seg_file_open(path.c_str(), &file, &error);
    if (status == FSEG_OK) {
        const size_t count = fseg_seg_file_content(file)->segment_count;
        fseg_mask *mask = nullptr;
        for (size_t i = 0; i < count && i < 4; ++i) {
            status = fseg_seg_file_read(file, i, &grid, 0.5, &mask, &error);
            if (status == FSEG_OK) {
                checkMask(mask, 1);
                fseg_mask_free(mask);
            }
            fuzz::note(status, error);
        }
        status = fseg_seg_file_read_labels(file, &grid, 0.5, &mask, &error);
        if (status == FSEG_OK) {
            checkMask(mask, count);
            fseg_mask_free(mask);
        }
    }
    fseg_seg_file_free(file);
    fuzz::note(status, error);
    return 0;
}
