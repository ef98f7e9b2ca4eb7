// The network's grid: orientation by direction cosines only, and the way back.
#include "ImagingTestHelpers.h"

#include <algorithm>
#include <cstring>
#include <limits>

using namespace imaging_test;

namespace
{

Grid makeGrid(const fseg_volume &volume, const fseg_input_spec &spec,
              const fseg_mask *labels = nullptr, int multiple = 32)
{
    fseg_network_grid *grid = nullptr;
    fseg_error error{};
    EXPECT_EQ(fseg_network_grid_create(&volume, labels, &spec, multiple, &grid, &error), FSEG_OK)
        << error.message;
    return Grid(grid);
}

/** A stand-in for the network that knows no orientation: bright pixels are foreground. */
std::vector<float> brightAsForeground(const fseg_network_grid &grid)
{
    const size_t count = countOf(grid.geometry);
    std::vector<float> probabilities(count);
    for (size_t i = 0; i < count; ++i) {
        probabilities[i] = std::clamp(grid.slices[i], 0.0F, 1.0F);
    }
    return probabilities;
}

Mask restore(const fseg_network_grid &grid, const std::vector<float> &probabilities)
{
    fseg_mask *mask = nullptr;
    fseg_error error{};
    EXPECT_EQ(fseg_network_grid_mask(&grid, probabilities.data(), 0.5, &mask, &error), FSEG_OK)
        << error.message;
    return Mask(mask);
}

std::array<double, 3> positionOf(const fseg_geometry &g, double i, double j, double k)
{
    std::array<double, 3> p{};
    for (size_t r = 0; r < 3; ++r) {
        p[r] = g.ijk_to_lps[r][0] * i + g.ijk_to_lps[r][1] * j + g.ijk_to_lps[r][2] * k +
               g.ijk_to_lps[r][3];
    }
    return p;
}

/** Every arrangement of the volume in memory must give the same grid and the same mask. */
void expectSameMaskInAllArrangements(const fseg_geometry &geometry, double spacing)
{
    const Volume original = makePhantom(geometry);
    const fseg_input_spec spec = makeSpec(spacing);
    const Grid first = makeGrid(*original, spec);
    const Mask truth = restore(*first, brightAsForeground(*first));
    const size_t voxels = countOf(geometry);
    const size_t marked =
        static_cast<size_t>(std::count(truth->voxels, truth->voxels + voxels, uint8_t{1}));
    ASSERT_GT(marked, voxels / 100);
    ASSERT_LT(marked, voxels / 2);
    for (const Arrangement &how : allArrangements()) {
        const Volume moved = rearrange(*original, how);
        const Grid grid = makeGrid(*moved, spec);
        ASSERT_EQ(grid->width, first->width);
        ASSERT_EQ(grid->height, first->height);
        ASSERT_EQ(grid->depth, first->depth);
        EXPECT_TRUE(fseg_geometry_equal(&grid->geometry, &first->geometry, 1e-6));
        ASSERT_EQ(std::memcmp(grid->slices, first->slices, countOf(first->geometry) * 4), 0);
        const Mask mask = restore(*grid, brightAsForeground(*grid));
        EXPECT_TRUE(fseg_geometry_equal(&mask->geometry, &moved->geometry, 1e-12));
        const std::vector<size_t> indices = rearrangedIndices(geometry, how);
        size_t different = 0;
        for (size_t i = 0; i < indices.size(); ++i) {
            different += mask->voxels[i] != truth->voxels[indices[i]] ? 1 : 0;
        }
        ASSERT_EQ(different, 0u);
    }
}

} // namespace

TEST(NetworkGrid, SameMaskHoweverTheVolumeLiesInMemory)
{
    expectSameMaskInAllArrangements(makeGeometry({40, 33, 9}, {1.25, 1.25, 7.0}), 2.0);
}

TEST(NetworkGrid, SameMaskHoweverAnObliqueVolumeLiesInMemory)
{
    expectSameMaskInAllArrangements(makeGeometry({40, 33, 9}, {0.7, 0.7, 3.6}, {0.31, -0.22, 0.47}),
                                    1.0);
    expectSameMaskInAllArrangements(makeGeometry({31, 36, 11}, {2.5, 2.5, 5.0}, {1.2, 0.4, -2.0}),
                                    2.0);
}

TEST(NetworkGrid, SameMaskWhenTheVolumeIsIsotropic)
{
    expectSameMaskInAllArrangements(makeGeometry({24, 27, 21}, {1.5, 1.5, 1.5}, {0.1, -0.2, 0.3}),
                                    2.0);
}

TEST(NetworkGrid, SameMaskInRandomObliques)
{
    fseg_random random = fseg_random_create(11, 0);
    for (int n = 0; n < 20; ++n) {
        std::array<double, 3> angles{};
        for (double &angle : angles) {
            angle = fseg_random_range(&random, -3.1F, 3.1F);
        }
        const fseg_geometry geometry = makeGeometry({30, 26, 8}, {1.3, 1.3, 4.0}, angles);
        const Volume original = makePhantom(geometry);
        const fseg_input_spec spec = makeSpec(2.0);
        const Grid first = makeGrid(*original, spec);
        const Mask truth = restore(*first, brightAsForeground(*first));
        const Arrangement how = allArrangements()[fseg_random_below(&random, 48)];
        const Volume moved = rearrange(*original, how);
        const Grid grid = makeGrid(*moved, spec);
        const Mask mask = restore(*grid, brightAsForeground(*grid));
        const std::vector<size_t> indices = rearrangedIndices(geometry, how);
        for (size_t i = 0; i < indices.size(); ++i) {
            ASSERT_EQ(mask->voxels[i], truth->voxels[indices[i]]);
        }
    }
}

TEST(NetworkGrid, AxialSlicesAreSeenFromTheFeetWithAnteriorUp)
{
    // Stored reversed along all axes: columns to the right, rows to anterior, slices to the feet.
    fseg_geometry geometry = makeGeometry({32, 32, 4}, {2, 2, 8});
    for (int axis = 0; axis < 3; ++axis) {
        geometry.ijk_to_lps[axis][axis] *= -1.0;
    }
    const Volume volume = makePhantom(geometry);
    const Grid grid = makeGrid(*volume, makeSpec(2.0));
    EXPECT_GT(grid->geometry.ijk_to_lps[0][0], 0.0); // to the patient's left
    EXPECT_GT(grid->geometry.ijk_to_lps[1][1], 0.0); // to posterior
    EXPECT_GT(grid->geometry.ijk_to_lps[2][2], 0.0); // to the head
    // The voxel stored last is the grid's first.
    const std::array<double, 3> first = positionOf(grid->geometry, 0, 0, 0);
    const std::array<double, 3> last = positionOf(geometry, 31, 31, 3);
    for (size_t r = 0; r < 3; ++r) {
        EXPECT_NEAR(first[r], last[r], 1e-9);
    }
}

TEST(NetworkGrid, CoronalAndSagittalSlicesStandUpright)
{
    // Slices to posterior, columns to the left, rows to the feet.
    fseg_geometry coronal = makeGeometry({32, 32, 4}, {2, 2, 8});
    const double c[3][3] = {{2, 0, 0}, {0, 0, 8}, {0, -2, 0}};
    fseg_geometry sagittal = coronal;
    const double s[3][3] = {{0, 0, 8}, {2, 0, 0}, {0, -2, 0}};
    for (int r = 0; r < 3; ++r) {
        for (int a = 0; a < 3; ++a) {
            coronal.ijk_to_lps[r][a] = c[r][a];
            sagittal.ijk_to_lps[r][a] = s[r][a];
        }
    }
    for (const fseg_geometry &geometry : {coronal, sagittal}) {
        const Volume volume = makePhantom(geometry);
        const Grid grid = makeGrid(*volume, makeSpec(2.0));
        EXPECT_TRUE(fseg_geometry_equal(&grid->geometry, &geometry, 1e-9))
            << "an image that stands upright already must stay as it is";
    }
}

TEST(NetworkGrid, ThinSlicesStaySlices)
{
    const Volume volume = makePhantom(makeGeometry({20, 21, 30}, {2.0, 2.0, 0.5}));
    const Grid grid = makeGrid(*volume, makeSpec(2.0));
    EXPECT_EQ(grid->depth, 30);
    EXPECT_EQ(grid->width, 32);
    EXPECT_EQ(grid->height, 32);
}

TEST(NetworkGrid, ResamplesInPlaneOnlyAndKeepsTheCentre)
{
    const Volume volume = makePhantom(makeGeometry({100, 80, 5}, {1.25, 1.25, 7.7}));
    const Grid grid = makeGrid(*volume, makeSpec(2.0));
    EXPECT_EQ(grid->width, 64);  // 62 or 63 pixels of 2 mm, padded
    EXPECT_EQ(grid->height, 64); // 50, padded
    EXPECT_EQ(grid->depth, 5);
    double spacing[3];
    fseg_geometry_spacing(&grid->geometry, spacing);
    EXPECT_NEAR(spacing[0], 2.0, 1e-12);
    EXPECT_NEAR(spacing[1], 2.0, 1e-12);
    EXPECT_NEAR(spacing[2], 7.7, 1e-12);
    // Height: 80 * 1.25 / 2 = 50 pixels, 7 of padding on each side: centre = row 31.5.
    const std::array<double, 3> middle = positionOf(volume->geometry, 49.5, 39.5, 2);
    const std::array<double, 3> of = positionOf(grid->geometry, 0, 31.5, 2);
    EXPECT_NEAR(of[1], middle[1], 1e-9);
    EXPECT_NEAR(of[2], middle[2], 1e-9);
}

TEST(NetworkGrid, PadsSymmetricallyWithZeros)
{
    const Volume volume = makeVolume(makeGeometry({40, 40, 2}, {1, 1, 5}));
    for (size_t i = 0; i < countOf(volume->geometry); ++i) {
        volume->voxels[i] = static_cast<float>(500 + i % 7 * 100);
    }
    const Grid grid = makeGrid(*volume, makeSpec(1.0));
    ASSERT_EQ(grid->width, 64);
    for (int j = 0; j < 64; ++j) {
        for (int i = 0; i < 64; ++i) {
            if (i < 12 || i >= 52 || j < 12 || j >= 52) {
                ASSERT_EQ(grid->slices[j * 64 + i], 0.0F);
            }
        }
    }
}

TEST(NetworkGrid, PercentilesOfTheForegroundBecomeZeroAndOne)
{
    // Air at 3, tissue from 100 to 1100 in equal parts: 1 % is 110, 99 % is 1090.
    const Volume volume = makeVolume(makeGeometry({101, 40, 2}, {1, 1, 5}));
    for (size_t i = 0; i < countOf(volume->geometry); ++i) {
        volume->voxels[i] = i % 101 < 50 ? 3.0F : 100.0F + 20.0F * static_cast<float>(i % 101 - 50);
    }
    const fseg_input_spec spec = makeSpec(1.0);
    const Grid grid = makeGrid(*volume, spec, nullptr, 1);
    ASSERT_EQ(grid->width, 101);
    EXPECT_EQ(grid->slices[0], 0.0F);
    for (int i = 50; i < 101; ++i) {
        const double value = 100.0 + 20.0 * (i - 50);
        EXPECT_NEAR(grid->slices[i], std::clamp((value - 110.0) / 980.0, 0.0, 1.5), 0.02);
    }
}

TEST(NetworkGrid, ScaleOfTheScannerDoesNotMatter)
{
    const Volume volume = makePhantom(makeGeometry({40, 40, 4}, {1, 1, 5}));
    const Grid grid = makeGrid(*volume, makeSpec(2.0));
    for (size_t i = 0; i < countOf(volume->geometry); ++i) {
        volume->voxels[i] = volume->voxels[i] * 3.5F;
    }
    const Grid scaled = makeGrid(*volume, makeSpec(2.0));
    for (size_t i = 0; i < countOf(grid->geometry); ++i) {
        ASSERT_NEAR(grid->slices[i], scaled->slices[i], 1e-5);
    }
}

TEST(NetworkGrid, FineDetailDoesNotAliasWhenShrinking)
{
    // A pattern of one-pixel stripes has no counterpart on a grid three times as coarse: it must
    // fade to its mean, not turn into broad stripes.
    const Volume volume = makeVolume(makeGeometry({96, 96, 2}, {1, 1, 5}));
    for (size_t i = 0; i < countOf(volume->geometry); ++i) {
        volume->voxels[i] = i % 2 ? 1000.0F : 200.0F;
    }
    const Grid grid = makeGrid(*volume, makeSpec(3.0), nullptr, 1);
    float low = 10.0F, high = -10.0F;
    for (int j = 2; j < grid->height - 2; ++j) {
        for (int i = 2; i < grid->width - 2; ++i) {
            low = std::min(low, grid->slices[j * grid->width + i]);
            high = std::max(high, grid->slices[j * grid->width + i]);
        }
    }
    EXPECT_LT(high - low, 0.15F);
}

TEST(NetworkGrid, LabelsKeepTheirPlaceAndSizeWhenShrinking)
{
    const fseg_geometry geometry = makeGeometry({80, 80, 3}, {1, 1, 5});
    const Volume volume = makePhantom(geometry);
    const Mask labels = makeMask(geometry);
    for (size_t i = 0; i < countOf(geometry); ++i) {
        const size_t x = i % 80, y = i / 80 % 80;
        labels->voxels[i] = x >= 20 && x < 50 && y >= 30 && y < 60 ? 4 : 0;
    }
    const Grid grid = makeGrid(*volume, makeSpec(2.0), labels.get(), 1);
    ASSERT_EQ(grid->width, 40);
    size_t count = 0;
    double centre = 0.0;
    for (int j = 0; j < 40; ++j) {
        for (int i = 0; i < 40; ++i) {
            const uint8_t label = grid->labels[j * 40 + i];
            ASSERT_TRUE(label == 0 || label == 4);
            count += label ? 1 : 0;
            centre += label ? positionOf(grid->geometry, i, j, 0)[0] : 0.0;
        }
    }
    EXPECT_EQ(count, 15u * 15u);
    EXPECT_NEAR(centre / static_cast<double>(count), positionOf(geometry, 34.5, 0, 0)[0], 1e-9);
}

TEST(NetworkGrid, LabelsRestoredToTheSourceAgreeWithIt)
{
    const fseg_geometry geometry = makeGeometry({90, 75, 6}, {0.9, 0.9, 5}, {0.2, 0.1, 0.3});
    const Volume volume = makePhantom(geometry);
    const Mask labels = makeMask(geometry);
    for (size_t i = 0; i < countOf(geometry); ++i) {
        const double x = static_cast<double>(i % 90) - 40.0;
        const double y = static_cast<double>(i / 90 % 75) - 35.0;
        labels->voxels[i] = x * x + y * y < 25.0 * 25.0 ? 1 : 0;
    }
    const Grid grid = makeGrid(*volume, makeSpec(2.0), labels.get());
    std::vector<float> probabilities(grid->labels, grid->labels + countOf(grid->geometry));
    const Mask mask = restore(*grid, probabilities);
    fseg_mask_agreement agreement{};
    ASSERT_EQ(fseg_mask_compare(mask.get(), labels.get(), &agreement, nullptr), FSEG_OK);
    EXPECT_GT(agreement.dice, 0.97);
    EXPECT_LT(agreement.hd95_mm, 2.0);
}

TEST(NetworkGrid, OnlyTheLargestComponentIsKept)
{
    const Volume volume = makePhantom(makeGeometry({32, 32, 3}, {1, 1, 5}));
    const Grid grid = makeGrid(*volume, makeSpec(1.0));
    std::vector<float> probabilities(countOf(grid->geometry), 0.0F);
    for (int j = 4; j < 10; ++j) {
        for (int i = 4; i < 10; ++i) {
            probabilities[static_cast<size_t>(j * 32 + i)] = 1.0F; // 36 pixels in slice 0
        }
    }
    probabilities[20 * 32 + 20] = 1.0F;               // an island
    probabilities[1 * 32 * 32 + 10 * 32 + 10] = 1.0F; // touches by a corner only
    const Mask mask = restore(*grid, probabilities);
    EXPECT_EQ(std::count(mask->voxels, mask->voxels + countOf(mask->geometry), 1), 36);
}

TEST(NetworkGrid, NothingAboveTheThresholdGivesAnEmptyMask)
{
    const Volume volume = makePhantom(makeGeometry({32, 32, 3}, {1, 1, 5}));
    const Grid grid = makeGrid(*volume, makeSpec(1.0));
    const Mask mask = restore(*grid, std::vector<float>(countOf(grid->geometry), 0.5F));
    EXPECT_EQ(fseg_mask_volume_ml(mask.get()), 0.0);
}

TEST(NetworkGrid, ConstantAndNonFiniteImagesAreRefused)
{
    const Volume volume = makeVolume(makeGeometry({16, 16, 2}, {1, 1, 5}));
    const fseg_input_spec spec = makeSpec(1.0);
    fseg_network_grid *grid = nullptr;
    fseg_error error{};
    EXPECT_EQ(fseg_network_grid_create(volume.get(), nullptr, &spec, 32, &grid, &error),
              FSEG_ERROR_BAD_INPUT);
    EXPECT_NE(std::strstr(error.message, "constant"), nullptr);
    volume->voxels[3] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(fseg_network_grid_create(volume.get(), nullptr, &spec, 32, &grid, &error),
              FSEG_ERROR_NOT_FINITE);
    EXPECT_EQ(grid, nullptr);
}

TEST(NetworkGrid, LabelsOfAnotherGridAreRefused)
{
    const Volume volume = makePhantom(makeGeometry({16, 16, 2}, {1, 1, 5}));
    const Mask labels = makeMask(makeGeometry({16, 16, 2}, {1, 1, 5}, {0, 0, 0.1}));
    const fseg_input_spec spec = makeSpec(1.0);
    fseg_network_grid *grid = nullptr;
    EXPECT_EQ(fseg_network_grid_create(volume.get(), labels.get(), &spec, 32, &grid, nullptr),
              FSEG_ERROR_BAD_INPUT);
}

TEST(NetworkGrid, NonFiniteProbabilitiesAreRefused)
{
    const Volume volume = makePhantom(makeGeometry({16, 16, 2}, {1, 1, 5}));
    const Grid grid = makeGrid(*volume, makeSpec(1.0));
    std::vector<float> probabilities(countOf(grid->geometry), 0.0F);
    probabilities[9] = std::numeric_limits<float>::infinity();
    fseg_mask *mask = nullptr;
    EXPECT_EQ(fseg_network_grid_mask(grid.get(), probabilities.data(), 0.5, &mask, nullptr),
              FSEG_ERROR_NOT_FINITE);
    EXPECT_EQ(mask, nullptr);
}
