/* Target: NIfTI and NRRD files, as an image, as several and as a label map. The suffix follows the
 * first bytes. */
#include "frugalseg/imaging.h"
#include "fuzz_target.h"

#include <cmath>
#include <cstring>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bool nrrd = size >= 4 && std::memcmp(data, "NRRD", 4) == 0;
    const bool compressed = size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
    const std::string path = fuzz::writeFile(nrrd         ? "input.nrrd"
                                             : compressed ? "input.nii.gz"
                                                          : "input.nii",
                                             data, size);
    fseg_error error{};
    fseg_volume *volume = nullptr;
    const fseg_status status = fseg_volume_read(path.c_str(), &volume, &error);
    fuzz::note(status, error);
    if (volume) {
        const size_t *extent = volume->geometry.size;
        for (size_t i = 0; i < extent[0] * extent[1] * extent[2]; ++i) {
            if (!std::isfinite(volume->voxels[i])) {
                fuzz::broken("an image holds values that are not finite");
            }
        }
    }
    fseg_volume_free(volume);
    fseg_volume **volumes = nullptr;
    size_t count = 0;
    if (fseg_volume_read_stack(path.c_str(), &volumes, &count, &error) == FSEG_OK && count == 0) {
        fuzz::broken("a file was read as no volume at all");
    }
    fseg_volume_free_stack(volumes, count);
    fseg_mask *mask = nullptr;
    (void)fseg_mask_read(path.c_str(), -1, &mask, &error);
    fseg_mask_free(mask);
    return 0;
}
