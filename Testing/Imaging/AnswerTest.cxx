// From probabilities to a mask: averaging of views, smoothing in mm, holes, components.
#include "ComputeTestHelpers.h"
#include "ImagingTestHelpers.h"

#include "frugalseg/answering.h"
#include <algorithm>
#include <cmath>

using namespace imaging_test;

namespace
{

fseg_mask *maskOf(const fseg_volume &probabilities, const fseg_answer_options &answer)
{
    fseg_mask *mask = nullptr;
    fseg_error error{};
    EXPECT_EQ(fseg_segment_volume_mask(&probabilities, &answer, 0.5, &mask, &error), FSEG_OK)
        << error.message;
    return mask;
}

size_t sizeOf(const fseg_mask &mask)
{
    const uint8_t *voxels = mask.voxels;
    return static_cast<size_t>(
        std::count(voxels, voxels + countOf(mask.geometry), static_cast<uint8_t>(1)));
}

Volume zeros(const fseg_geometry &geometry)
{
    fseg_volume *volume = nullptr;
    EXPECT_EQ(fseg_volume_create(&geometry, &volume, nullptr), FSEG_OK);
    std::fill_n(volume->voxels, countOf(geometry), 0.0F);
    return Volume(volume);
}

/** A box of probability 1, from the first voxel to the last one. */
void box(fseg_volume &volume, std::array<size_t, 3> first, std::array<size_t, 3> last,
         float value = 1.0F)
{
    const size_t *size = volume.geometry.size;
    for (size_t k = first[2]; k <= last[2]; ++k) {
        for (size_t j = first[1]; j <= last[1]; ++j) {
            for (size_t i = first[0]; i <= last[0]; ++i) {
                volume.voxels[(k * size[1] + j) * size[0] + i] = value;
            }
        }
    }
}

} // namespace

TEST(Answer, SmoothingIsAGaussianInMillimetres)
{
    const fseg_geometry geometry = makeGeometry({41, 41, 21}, {1.0, 2.0, 4.0});
    const Volume volume = zeros(geometry);
    box(*volume, {0, 0, 0}, {19, 40, 20}); // an edge between columns 19 and 20
    fseg_answer_options answer{};
    answer.smooth_mm = 3;
    answer.smooth_through_mm = 6;
    // The edge of a half-space stays where it is; at threshold p it moves by the normal quantile.
    const Mask half(maskOf(*volume, answer));
    EXPECT_EQ(sizeOf(*half), 20u * 41u * 21u);
    fseg_mask *low = nullptr;
    ASSERT_EQ(fseg_segment_volume_mask(volume.get(), &answer, 0.1587, &low, nullptr), FSEG_OK);
    const Mask wide(low); // one sigma = 3 mm = 3 columns further
    EXPECT_EQ(sizeOf(*wide), 23u * 41u * 21u);
}

TEST(Answer, SmoothingAcrossSlicesClosesAGapThatOneWithinThemLeaves)
{
    const fseg_geometry geometry = makeGeometry({32, 32, 9}, {2.0, 2.0, 7.0});
    const Volume volume = zeros(geometry);
    box(*volume, {8, 8, 1}, {23, 23, 3});
    box(*volume, {8, 8, 5}, {23, 23, 7}); // slice 4 is missed
    fseg_answer_options answer{};
    answer.smooth_mm = 2;
    const size_t oneSide = sizeOf(*Mask(maskOf(*volume, answer)));
    answer.smooth_through_mm = 7;
    const size_t joined = sizeOf(*Mask(maskOf(*volume, answer)));
    EXPECT_LE(oneSide, 3u * 16 * 16);
    EXPECT_GT(joined, 6u * 14 * 14);
}

TEST(Answer, HolesAreFilledOnlyWhereTheyAreEnclosed)
{
    const fseg_geometry geometry = makeGeometry({24, 24, 10}, {1.0, 1.0, 1.0});
    const Volume volume = zeros(geometry);
    box(*volume, {4, 4, 2}, {19, 19, 8});
    box(*volume, {8, 8, 4}, {10, 10, 5}, 0.0F);   // enclosed: 18 voxels
    box(*volume, {14, 14, 2}, {15, 15, 6}, 0.0F); // open below: 20 voxels
    fseg_answer_options answer{};
    const size_t plain = sizeOf(*Mask(maskOf(*volume, answer)));
    EXPECT_EQ(plain, 16u * 16 * 7 - 18 - 20);
    answer.fill_holes = 1;
    EXPECT_EQ(sizeOf(*Mask(maskOf(*volume, answer))), plain + 18);
}

TEST(Answer, AllComponentsStayWhenAskedFor)
{
    const fseg_geometry geometry = makeGeometry({24, 24, 10}, {1.0, 1.0, 1.0});
    const Volume volume = zeros(geometry);
    box(*volume, {1, 1, 1}, {9, 9, 8});
    box(*volume, {15, 15, 1}, {17, 17, 3});
    fseg_answer_options answer{};
    EXPECT_EQ(sizeOf(*Mask(maskOf(*volume, answer))), 9u * 9 * 8);
    answer.keep_all = 1;
    EXPECT_EQ(sizeOf(*Mask(maskOf(*volume, answer))), 9u * 9 * 8 + 27);
}

TEST(Answer, AveragesItsViews)
{
    const Context context = makeContext();
    const Model model = makeModel(3);
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}, {0.2, -0.1, 0.3}));
    const unsigned views = FSEG_VIEW_FLIP_COLUMNS | FSEG_VIEW_LARGER;
    fseg_error error{};
    const Volume sum = zeros(volume->geometry);
    for (const unsigned view : {0U, 1U, 8U}) {
        fseg_volume *one = nullptr;
        ASSERT_EQ(fseg_segment_volume_view(context.get(), model.get(), volume.get(), view, nullptr,
                                           &one, &error),
                  FSEG_OK)
            << error.message;
        const Volume owned(one);
        for (size_t i = 0; i < countOf(volume->geometry); ++i) {
            sum->voxels[i] += one->voxels[i] / 3.0F;
        }
    }
    fseg_answer_options answer{};
    const Mask byHand(maskOf(*sum, answer));
    answer.views = views;
    fseg_mask *mask = nullptr;
    fseg_segment_report report{};
    ASSERT_EQ(fseg_segment_volume_answer(context.get(), model.get(), volume.get(), nullptr, &answer,
                                         nullptr, &mask, nullptr, &report, &error),
              FSEG_OK)
        << error.message;
    const Mask owned(mask);
    size_t differing = 0;
    for (size_t i = 0; i < countOf(volume->geometry); ++i) {
        differing += mask->voxels[i] != byHand->voxels[i];
    }
    EXPECT_LE(differing, countOf(volume->geometry) / 1000); // rounding at the threshold
    EXPECT_GT(sizeOf(*owned), 0u);
}

TEST(Answer, TheCardsViewsAreUsedAndAskedForInMemory)
{
    const Context context = makeContext();
    const Model plain = makeModel(1), views = makeModel(1, R"(,"average":["smaller","larger"])");
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}));
    fseg_answer_options answer{};
    answer.views = FSEG_VIEW_SMALLER | FSEG_VIEW_LARGER;
    const auto segment = [&](const Model &model, const fseg_answer_options *how) {
        fseg_mask *mask = nullptr;
        EXPECT_EQ(fseg_segment_volume_answer(context.get(), model.get(), volume.get(), nullptr, how,
                                             nullptr, &mask, nullptr, nullptr, nullptr),
                  FSEG_OK);
        const Mask owned(mask);
        return std::vector<uint8_t>(mask->voxels, mask->voxels + countOf(mask->geometry));
    };
    EXPECT_EQ(segment(plain, &answer), segment(views, nullptr));
    size_t less = 0, more = 0;
    ASSERT_EQ(fseg_segment_volume_memory(plain.get(), &volume->geometry, 0, &less, nullptr),
              FSEG_OK);
    ASSERT_EQ(fseg_segment_volume_memory(views.get(), &volume->geometry, 0, &more, nullptr),
              FSEG_OK);
    EXPECT_GT(more, less);
}

TEST(Answer, RefusesNonsense)
{
    const Volume volume = zeros(makeGeometry({8, 8, 4}, {1.0, 1.0, 1.0}));
    fseg_mask *mask = nullptr;
    fseg_answer_options answer{};
    answer.smooth_mm = std::nan("");
    EXPECT_EQ(fseg_segment_volume_mask(volume.get(), &answer, 0.5, &mask, nullptr),
              FSEG_ERROR_INVALID_ARGUMENT);
    answer = {};
    answer.views = 64;
    EXPECT_EQ(fseg_segment_volume_mask(volume.get(), &answer, 0.5, &mask, nullptr),
              FSEG_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(mask, nullptr);
}
