/**
 * @file ImagingTestHelpers.h
 * Volumes, masks and folders for the tests of imaging.h.
 */
#ifndef FRUGALSEG_TESTING_IMAGING_HELPERS_H
#define FRUGALSEG_TESTING_IMAGING_HELPERS_H

#include "frugalseg/imaging.h"
#include "frugalseg/random.h"
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace imaging_test
{

struct Free {
    void operator()(fseg_volume *volume) const
    {
        fseg_volume_free(volume);
    }
    void operator()(fseg_mask *mask) const
    {
        fseg_mask_free(mask);
    }
    void operator()(fseg_network_grid *grid) const
    {
        fseg_network_grid_free(grid);
    }
    void operator()(fseg_series_list *list) const
    {
        fseg_series_list_free(list);
    }
};
using Volume = std::unique_ptr<fseg_volume, Free>;
using Mask = std::unique_ptr<fseg_mask, Free>;
using Grid = std::unique_ptr<fseg_network_grid, Free>;
using SeriesList = std::unique_ptr<fseg_series_list, Free>;

/** A temporary folder, removed with its content. */
class Folder
{
  public:
    Folder()
    {
        std::string pattern = (std::filesystem::temp_directory_path() / "fseg-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }
    ~Folder()
    {
        std::filesystem::remove_all(path_);
    }
    std::string operator/(const std::string &name) const
    {
        return (path_ / name).string();
    }
    std::string string() const
    {
        return path_.string();
    }
    size_t entries() const
    {
        return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_),
                                                 std::filesystem::directory_iterator()));
    }

  private:
    std::filesystem::path path_;
};

/** Rotation by three angles, columns scaled by the spacing. */
inline fseg_geometry makeGeometry(std::array<size_t, 3> size, std::array<double, 3> spacing,
                                  std::array<double, 3> angles = {0, 0, 0},
                                  std::array<double, 3> origin = {-12.5, 30.25, 7.0})
{
    const double cx = std::cos(angles[0]), sx = std::sin(angles[0]);
    const double cy = std::cos(angles[1]), sy = std::sin(angles[1]);
    const double cz = std::cos(angles[2]), sz = std::sin(angles[2]);
    const double r[3][3] = {{cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx},
                            {sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx},
                            {-sy, cy * sx, cy * cx}};
    fseg_geometry geometry{};
    for (size_t row = 0; row < 3; ++row) {
        for (size_t axis = 0; axis < 3; ++axis) {
            geometry.ijk_to_lps[row][axis] = r[row][axis] * spacing[axis];
        }
        geometry.ijk_to_lps[row][3] = origin[row];
        geometry.size[row] = size[row];
    }
    geometry.ijk_to_lps[3][3] = 1.0;
    return geometry;
}

inline Volume makeVolume(const fseg_geometry &geometry)
{
    fseg_volume *volume = nullptr;
    EXPECT_EQ(fseg_volume_create(&geometry, &volume, nullptr), FSEG_OK);
    return Volume(volume);
}

inline Mask makeMask(const fseg_geometry &geometry)
{
    fseg_mask *mask = nullptr;
    EXPECT_EQ(fseg_mask_create(&geometry, &mask, nullptr), FSEG_OK);
    return Mask(mask);
}

inline size_t countOf(const fseg_geometry &geometry)
{
    return geometry.size[0] * geometry.size[1] * geometry.size[2];
}

/** Three unequal ellipsoids, a bright mark in one corner and noise: nothing in it is symmetric. */
inline Volume makePhantom(const fseg_geometry &geometry, uint64_t seed = 7)
{
    Volume volume = makeVolume(geometry);
    const size_t *size = geometry.size;
    const double centres[3][6] = {{0.35, 0.45, 0.5, 0.22, 0.28, 0.3},
                                  {0.70, 0.60, 0.4, 0.12, 0.16, 0.2},
                                  {0.60, 0.25, 0.7, 0.18, 0.09, 0.15}};
    fseg_random random = fseg_random_create(seed, 1);
    size_t at = 0;
    for (size_t k = 0; k < size[2]; ++k) {
        for (size_t j = 0; j < size[1]; ++j) {
            for (size_t i = 0; i < size[0]; ++i, ++at) {
                const double x[3] = {(i + 0.5) / static_cast<double>(size[0]),
                                     (j + 0.5) / static_cast<double>(size[1]),
                                     (k + 0.5) / static_cast<double>(size[2])};
                double value = 60.0;
                for (int e = 0; e < 3; ++e) {
                    double distance = 0.0;
                    for (int axis = 0; axis < 3; ++axis) {
                        const double d = (x[axis] - centres[e][axis]) / centres[e][3 + axis];
                        distance += d * d;
                    }
                    value += distance < 1.0 ? 300.0 + 150.0 * e : 0.0;
                }
                if (i < 3 && j < 2 && k < 1) {
                    value = 900.0;
                }
                volume->voxels[at] =
                    std::round(static_cast<float>(value) + 10.0F * fseg_random_normal(&random));
            }
        }
    }
    return volume;
}

/** Memory order and direction of a rearranged grid: axis n of it is axis order[n] of the original,
 *  reversed if flip[n]. */
struct Arrangement {
    std::array<int, 3> order;
    std::array<bool, 3> flip;
};

inline std::vector<Arrangement> allArrangements()
{
    std::vector<Arrangement> all;
    std::array<int, 3> order = {0, 1, 2};
    do {
        for (unsigned bits = 0; bits < 8; ++bits) {
            all.push_back({order, {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0}});
        }
    } while (std::next_permutation(order.begin(), order.end()));
    return all;
}

inline fseg_geometry rearranged(const fseg_geometry &from, const Arrangement &how)
{
    fseg_geometry to = from;
    for (size_t row = 0; row < 3; ++row) {
        double origin = from.ijk_to_lps[row][3];
        for (size_t n = 0; n < 3; ++n) {
            const int axis = how.order[n];
            const double step = from.ijk_to_lps[row][axis];
            to.ijk_to_lps[row][n] = how.flip[n] ? -step : step;
            origin += how.flip[n] ? step * static_cast<double>(from.size[axis] - 1) : 0.0;
        }
        to.ijk_to_lps[row][3] = origin;
    }
    for (size_t n = 0; n < 3; ++n) {
        to.size[n] = from.size[how.order[n]];
    }
    return to;
}

/** Index into the original's memory of every voxel of the rearranged grid, in its memory order. */
inline std::vector<size_t> rearrangedIndices(const fseg_geometry &from, const Arrangement &how)
{
    std::vector<size_t> indices;
    const size_t step[3] = {1, from.size[0], from.size[0] * from.size[1]};
    size_t to[3];
    for (size_t n = 0; n < 3; ++n) {
        to[n] = from.size[how.order[n]];
    }
    for (size_t k = 0; k < to[2]; ++k) {
        for (size_t j = 0; j < to[1]; ++j) {
            for (size_t i = 0; i < to[0]; ++i) {
                const size_t at[3] = {i, j, k};
                size_t index = 0;
                for (size_t n = 0; n < 3; ++n) {
                    index += step[how.order[n]] * (how.flip[n] ? to[n] - 1 - at[n] : at[n]);
                }
                indices.push_back(index);
            }
        }
    }
    return indices;
}

inline Volume rearrange(const fseg_volume &volume, const Arrangement &how)
{
    Volume result = makeVolume(rearranged(volume.geometry, how));
    const std::vector<size_t> indices = rearrangedIndices(volume.geometry, how);
    for (size_t i = 0; i < indices.size(); ++i) {
        result->voxels[i] = volume.voxels[indices[i]];
    }
    return result;
}

inline fseg_input_spec makeSpec(double spacing)
{
    fseg_input_spec spec{};
    spec.spacing_mm = spacing;
    spec.context_slices = 1;
    spec.percentile_low = 1.0;
    spec.percentile_high = 99.0;
    spec.threshold = 0.5;
    return spec;
}

} // namespace imaging_test
#endif
