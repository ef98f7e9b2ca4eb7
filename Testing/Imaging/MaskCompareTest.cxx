// Dice and surface distance on cases that can be worked out by hand; see test_compare.py for the
// rest.
#include "ImagingTestHelpers.h"

using namespace imaging_test;

namespace
{

/** A box of ones from `low` to `high`, exclusive. */
Mask makeBox(const fseg_geometry &geometry, std::array<size_t, 3> low, std::array<size_t, 3> high)
{
    Mask mask = makeMask(geometry);
    for (size_t k = low[2]; k < high[2]; ++k) {
        for (size_t j = low[1]; j < high[1]; ++j) {
            for (size_t i = low[0]; i < high[0]; ++i) {
                mask->voxels[i + geometry.size[0] * (j + geometry.size[1] * k)] = 1;
            }
        }
    }
    return mask;
}

const fseg_geometry grid = makeGeometry({20, 20, 10}, {2.0, 1.0, 5.0}, {0.3, 0.2, 0.1});

} // namespace

TEST(MaskCompare, EqualMasksAgreeFully)
{
    const Mask box = makeBox(grid, {3, 3, 2}, {9, 12, 6});
    fseg_mask_agreement agreement{};
    ASSERT_EQ(fseg_mask_compare(box.get(), box.get(), &agreement, nullptr), FSEG_OK);
    EXPECT_EQ(agreement.dice, 1.0);
    EXPECT_EQ(agreement.hd95_mm, 0.0);
    EXPECT_NEAR(agreement.volume_ml, 6 * 9 * 4 * 10.0 / 1000.0, 1e-9);
}

TEST(MaskCompare, AShiftByOneSliceIsOneSliceOfDistance)
{
    const Mask a = makeBox(grid, {3, 3, 2}, {9, 12, 3});
    const Mask b = makeBox(grid, {3, 3, 3}, {9, 12, 4});
    fseg_mask_agreement agreement{};
    ASSERT_EQ(fseg_mask_compare(a.get(), b.get(), &agreement, nullptr), FSEG_OK);
    EXPECT_EQ(agreement.dice, 0.0);
    EXPECT_NEAR(agreement.hd95_mm, 5.0, 1e-4);
}

TEST(MaskCompare, MasksAtTheImageBorderHaveASurfaceThere)
{
    const Mask a = makeBox(grid, {0, 0, 0}, {20, 20, 10});
    const Mask b = makeBox(grid, {0, 0, 0}, {20, 20, 9});
    fseg_mask_agreement agreement{};
    ASSERT_EQ(fseg_mask_compare(a.get(), b.get(), &agreement, nullptr), FSEG_OK);
    EXPECT_NEAR(agreement.dice, 2.0 * 9 / 19, 1e-12);
    EXPECT_NEAR(agreement.hd95_mm, 5.0, 1e-4);
}

TEST(MaskCompare, EmptyMasksFollowTheDocumentedRule)
{
    const Mask empty = makeMask(grid);
    const Mask box = makeBox(grid, {3, 3, 2}, {9, 12, 6});
    fseg_mask_agreement agreement{};
    ASSERT_EQ(fseg_mask_compare(empty.get(), empty.get(), &agreement, nullptr), FSEG_OK);
    EXPECT_EQ(agreement.dice, 1.0);
    EXPECT_EQ(agreement.hd95_mm, 0.0);
    ASSERT_EQ(fseg_mask_compare(empty.get(), box.get(), &agreement, nullptr), FSEG_OK);
    EXPECT_EQ(agreement.dice, 0.0);
    EXPECT_EQ(agreement.hd95_mm, 200.0);
    EXPECT_EQ(agreement.volume_ml, 0.0);
    EXPECT_GT(agreement.truth_ml, 0.0);
}

TEST(MaskCompare, MasksOnDifferentGridsAreRefused)
{
    const Mask a = makeMask(grid);
    const Mask b = makeMask(makeGeometry({20, 20, 10}, {2.0, 1.0, 5.5}, {0.3, 0.2, 0.1}));
    fseg_mask_agreement agreement{};
    EXPECT_EQ(fseg_mask_compare(a.get(), b.get(), &agreement, nullptr), FSEG_ERROR_BAD_INPUT);
}
