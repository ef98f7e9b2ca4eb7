// Batches for pretraining: partitions, positions, views, unlabelled subjects.
#include <gtest/gtest.h>
#include <set>
#include <vector>

#include "frugalseg/sampler.h"

namespace
{

constexpr int side = 8;

struct Set {
    fseg_context *context = nullptr;
    fseg_sampler *sampler = nullptr;
    explicit Set(int subjects, int depth = 12, int larger = 0)
    {
        const fseg_context_options two = {2, FSEG_ISA_AUTO};
        EXPECT_EQ(FSEG_OK, fseg_context_create(&two, &context, nullptr));
        fseg_sampler_options o = fseg_sampler_default_options(1, side, side);
        o.seed = 3;
        EXPECT_EQ(FSEG_OK, fseg_sampler_create(&o, &sampler, nullptr));
        const int full = side + larger;
        for (int s = 0; s < subjects; ++s) {
            // A pixel's value says subject and slice, and its fraction the place.
            std::vector<float> image(size_t(depth * full * full));
            for (size_t i = 0; i < image.size(); ++i) {
                const size_t pixels = size_t(full * full);
                image[i] = float(s * 100) + float(i / pixels) + float(i % pixels) / 1000;
            }
            EXPECT_EQ(FSEG_OK, fseg_sampler_add_unlabelled(sampler, image.data(), depth, full, full,
                                                           1, nullptr));
        }
    }
    ~Set()
    {
        fseg_sampler_free(sampler);
        fseg_context_free(context);
    }
    std::vector<fseg_slice_choice> choose(int step, int volumes, int partitions, int draw = 0)
    {
        std::vector<fseg_slice_choice> choices(size_t(volumes * partitions));
        EXPECT_EQ(FSEG_OK,
                  fseg_sampler_choose(sampler, step, draw, volumes, partitions, choices.data()));
        return choices;
    }
    std::vector<float> view(const std::vector<fseg_slice_choice> &choices, int step, int number,
                            const fseg_augment_options *augment)
    {
        std::vector<float> images(choices.size() * side * side);
        EXPECT_EQ(FSEG_OK, fseg_sampler_view(sampler, context, choices.data(), choices.size(),
                                             augment, step, number, images.data(), nullptr));
        return images;
    }
};

TEST(SamplerViews, EachSliceComesFromItsPartitionAndVolumesDiffer)
{
    Set set(5, 13);
    std::set<int> slices;
    for (int step = 0; step < 200; ++step) {
        const auto choices = set.choose(step, 4, 3);
        std::set<size_t> subjects;
        for (size_t i = 0; i < choices.size(); ++i) {
            const auto &c = choices[i];
            EXPECT_EQ(int(i % 3), c.partition);
            EXPECT_EQ(choices[i - i % 3].subject, c.subject);
            EXPECT_GE(c.slice, 13 * c.partition / 3);
            EXPECT_LT(c.slice, 13 * (c.partition + 1) / 3);
            EXPECT_DOUBLE_EQ((c.slice + 1) / 13.0, c.position);
            subjects.insert(c.subject);
            slices.insert(c.slice);
        }
        EXPECT_EQ(4u, subjects.size());
    }
    EXPECT_EQ(13u, slices.size());
}

TEST(SamplerViews, MoreVolumesThanSubjectsRepeatEvenly)
{
    Set set(3);
    std::vector<int> times(3);
    for (const auto &c : set.choose(0, 6, 1))
        ++times[c.subject];
    EXPECT_EQ((std::vector<int>{2, 2, 2}), times);
}

TEST(SamplerViews, DrawsAreAFunctionOfStepAndDraw)
{
    Set a(6), b(6);
    auto slices = [](const std::vector<fseg_slice_choice> &choices) {
        std::vector<size_t> out;
        for (const auto &c : choices)
            out.push_back(c.subject * 100 + size_t(c.slice));
        return out;
    };
    EXPECT_EQ(slices(a.choose(7, 4, 3)), slices(b.choose(7, 4, 3)));
    EXPECT_NE(slices(a.choose(7, 4, 3)), slices(b.choose(8, 4, 3)));
    EXPECT_NE(slices(a.choose(7, 4, 3, 0)), slices(a.choose(7, 4, 3, 1)));
}

TEST(SamplerViews, ViewsShowTheSameWindowAndDifferByAugmentation)
{
    Set set(4, 12, 20);
    const auto choices = set.choose(1, 4, 3);
    const auto original = set.view(choices, 1, 0, nullptr);
    for (size_t i = 0; i < choices.size(); ++i) {
        const auto &c = choices[i];
        const float corner =
            float(c.subject * 100) + float(c.slice) + float(c.y * (side + 20) + c.x) / 1000;
        EXPECT_EQ(corner, original[i * side * side]);
    }
    EXPECT_EQ(original, set.view(choices, 1, 1, nullptr));
    fseg_augment_options bright = fseg_augment_no_options();
    bright.brightness_probability = 1;
    const auto first = set.view(choices, 1, 1, &bright), second = set.view(choices, 1, 2, &bright);
    EXPECT_NE(original, first);
    EXPECT_NE(first, second);
    EXPECT_EQ(first, set.view(choices, 1, 1, &bright));
}

TEST(SamplerViews, AVolumeOfFewerSlicesThanPartitionsStillServes)
{
    Set set(2, 2);
    for (const auto &c : set.choose(0, 2, 5))
        EXPECT_TRUE(c.slice == 0 || c.slice == 1);
}

TEST(SamplerViews, UnlabelledSubjectsHaveNoForegroundAndServeLabelledDraws)
{
    Set set(2);
    std::vector<float> images(side * side);
    std::vector<uint8_t> labels(side * side, 9);
    ASSERT_EQ(FSEG_OK,
              fseg_sampler_draw(set.sampler, set.context, 0, images.data(), labels.data()));
    EXPECT_EQ(std::vector<uint8_t>(side * side, 0), labels);
}

TEST(SamplerViews, RefusesNonsense)
{
    Set set(2);
    fseg_slice_choice choice;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, fseg_sampler_choose(set.sampler, 0, 0, 0, 3, &choice));
    ASSERT_EQ(FSEG_OK, fseg_sampler_choose(set.sampler, 0, 0, 1, 1, &choice));
    choice.slice = 99;
    std::vector<float> images(side * side);
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_sampler_view(set.sampler, set.context, &choice, 1, nullptr, 0, 0, images.data(),
                                nullptr));
}

} // namespace
