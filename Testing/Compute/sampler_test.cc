// Behaviour of the sampler of training batches.
#include "compute_context.h"
#include "frugalseg/sampler.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <vector>

namespace
{

using Sampler = std::unique_ptr<fseg_sampler, decltype(&fseg_sampler_free)>;

fseg_sampler_options plain(int batch, int height, int width)
{
    fseg_sampler_options options = fseg_sampler_default_options(batch, height, width);
    options.augment = fseg_augment_no_options();
    return options;
}

Sampler makeSampler(const fseg_sampler_options &options)
{
    fseg_sampler *sampler = nullptr;
    fseg_error error{};
    EXPECT_EQ(fseg_sampler_create(&options, &sampler, &error), FSEG_OK) << error.message;
    return Sampler(sampler, fseg_sampler_free);
}

// Every voxel of slice k of subject n holds 100 n + k + 1; slices in [from, to) have a square
// label.
void addSubject(fseg_sampler *sampler, int n, int depth, int height, int width, int from, int to,
                double weight = 1.0)
{
    const size_t pixels = static_cast<size_t>(height) * width;
    std::vector<float> image(pixels * depth);
    std::vector<uint8_t> label(pixels * depth);
    for (int k = 0; k < depth; ++k)
        for (size_t i = 0; i < pixels; ++i)
            image[k * pixels + i] = static_cast<float>(100 * n + k + 1);
    for (int k = from; k < to; ++k)
        for (int y = height / 2; y < height / 2 + 4; ++y)
            for (int x = width / 4; x < width / 4 + 4; ++x)
                label[k * pixels + static_cast<size_t>(y) * width + x] = 2;
    fseg_error error{};
    ASSERT_EQ(
        fseg_sampler_add(sampler, image.data(), label.data(), depth, height, width, weight, &error),
        FSEG_OK)
        << error.message;
}

struct Batch {
    std::vector<float> images;
    std::vector<uint8_t> labels;
    explicit Batch(const fseg_sampler_options &o)
        : images(static_cast<size_t>(o.batch) * o.context_slices * o.height * o.width),
          labels(static_cast<size_t>(o.batch) * o.height * o.width)
    {
    }
};

TEST(Sampler, TheSameSeedAndStepGiveTheSameBytesForAnyThreadCount)
{
    fseg_sampler_options options = fseg_sampler_default_options(8, 64, 64);
    options.context_slices = 3;
    options.seed = 42;
    Sampler sampler = makeSampler(options);
    addSubject(sampler.get(), 0, 10, 80, 70, 3, 7);
    addSubject(sampler.get(), 1, 5, 50, 90, 0, 5);
    Batch one(options), two(options), four(options), other(options);
    ASSERT_EQ(fseg_sampler_draw(sampler.get(), makeContext(1).get(), 17, one.images.data(),
                                one.labels.data()),
              FSEG_OK);
    ASSERT_EQ(fseg_sampler_draw(sampler.get(), makeContext(2).get(), 17, two.images.data(),
                                two.labels.data()),
              FSEG_OK);
    ASSERT_EQ(fseg_sampler_draw(sampler.get(), makeContext(4).get(), 17, four.images.data(),
                                four.labels.data()),
              FSEG_OK);
    ASSERT_EQ(fseg_sampler_draw(sampler.get(), makeContext(2).get(), 18, other.images.data(),
                                other.labels.data()),
              FSEG_OK);
    EXPECT_EQ(one.images, two.images);
    EXPECT_EQ(one.labels, two.labels);
    EXPECT_EQ(one.images, four.images);
    EXPECT_NE(one.images, other.images);
}

TEST(Sampler, ASampleDependsOnSeedStepAndPlaceButNotOnTheBatchSize)
{
    fseg_sampler_options small = fseg_sampler_default_options(2, 32, 32);
    fseg_sampler_options large = fseg_sampler_default_options(6, 32, 32);
    Sampler a = makeSampler(small), b = makeSampler(large);
    addSubject(a.get(), 0, 10, 40, 40, 3, 7);
    addSubject(b.get(), 0, 10, 40, 40, 3, 7);
    Batch first(small), second(large);
    Context context = makeContext(2);
    ASSERT_EQ(
        fseg_sampler_draw(a.get(), context.get(), 5, first.images.data(), first.labels.data()),
        FSEG_OK);
    ASSERT_EQ(
        fseg_sampler_draw(b.get(), context.get(), 5, second.images.data(), second.labels.data()),
        FSEG_OK);
    second.images.resize(first.images.size());
    EXPECT_EQ(first.images, second.images);
    large.seed = 1;
    Sampler c = makeSampler(large);
    addSubject(c.get(), 0, 10, 40, 40, 3, 7);
    Batch third(large);
    ASSERT_EQ(
        fseg_sampler_draw(c.get(), context.get(), 5, third.images.data(), third.labels.data()),
        FSEG_OK);
    third.images.resize(first.images.size());
    EXPECT_NE(first.images, third.images);
}

// Share of samples that come from slices with foreground, and how often each subject is drawn.
double foregroundShare(const Sampler &sampler, const fseg_sampler_options &options, int from,
                       int to, std::vector<int> *subjects)
{
    Context context = makeContext(1);
    Batch batch(options);
    int foreground = 0, total = 0;
    for (int step = 0; step < 200; ++step) {
        EXPECT_EQ(fseg_sampler_draw(sampler.get(), context.get(), step, batch.images.data(),
                                    batch.labels.data()),
                  FSEG_OK);
        for (int i = 0; i < options.batch; ++i) {
            const int value = static_cast<int>(
                batch.images[static_cast<size_t>(i) * options.height * options.width]);
            const int k = (value - 1) % 100;
            foreground += k >= from && k < to;
            if (subjects)
                ++(*subjects)[static_cast<size_t>((value - 1) / 100)];
            ++total;
        }
    }
    return foreground / static_cast<double>(total);
}

TEST(Sampler, TheForegroundFractionIsRespected)
{
    for (double fraction : {0.0, 0.3, 0.67, 1.0}) {
        fseg_sampler_options options = plain(16, 16, 16);
        options.foreground_fraction = fraction;
        Sampler sampler = makeSampler(options);
        addSubject(sampler.get(), 0, 40, 16, 16, 10, 14); // foreground in a tenth of the slices
        addSubject(sampler.get(), 1, 40, 16, 16, 10, 14);
        EXPECT_NEAR(foregroundShare(sampler, options, 10, 14, nullptr), fraction, 0.035);
    }
}

TEST(Sampler, SetsWithOnlyForegroundOrOnlyBackgroundStillGiveSamples)
{
    fseg_sampler_options options = plain(4, 16, 16);
    Sampler allForeground = makeSampler(options), allBackground = makeSampler(options);
    addSubject(allForeground.get(), 0, 5, 16, 16, 0, 5);
    addSubject(allBackground.get(), 0, 5, 16, 16, 0, 0);
    EXPECT_EQ(foregroundShare(allForeground, options, 0, 5, nullptr), 1.0);
    EXPECT_EQ(foregroundShare(allBackground, options, 0, 0, nullptr), 0.0);
}

TEST(Sampler, SubjectsAreDrawnByWeight)
{
    const fseg_sampler_options options = plain(16, 16, 16);
    Sampler sampler = makeSampler(options);
    addSubject(sampler.get(), 0, 8, 16, 16, 2, 5, 1.0);
    addSubject(sampler.get(), 1, 8, 16, 16, 2, 5, 3.0);
    EXPECT_EQ(fseg_sampler_count(sampler.get()), 2u);
    std::vector<int> subjects(2);
    foregroundShare(sampler, options, 2, 5, &subjects);
    EXPECT_NEAR(subjects[1] / 3200.0, 0.75, 0.03);
}

TEST(Sampler, LargeSlicesAreCroppedAroundTheForegroundAndSmallOnesZeroPadded)
{
    fseg_sampler_options options = plain(8, 24, 24);
    options.foreground_fraction = 1.0;
    Sampler large = makeSampler(options), small = makeSampler(options);
    addSubject(large.get(), 0, 3, 100, 90, 0, 3);
    addSubject(small.get(), 0, 3, 10, 12, 0, 3);
    Context context = makeContext(1);
    Batch batch(options);
    const size_t pixels = 24 * 24;
    std::set<std::vector<uint8_t>> windows;
    for (int step = 0; step < 20; ++step) {
        ASSERT_EQ(fseg_sampler_draw(large.get(), context.get(), step, batch.images.data(),
                                    batch.labels.data()),
                  FSEG_OK);
        for (int i = 0; i < options.batch; ++i) {
            const auto begin = batch.labels.begin() + static_cast<long>(i * pixels);
            const std::vector<uint8_t> window(begin, begin + static_cast<long>(pixels));
            int count = 0;
            for (uint8_t v : window)
                count += v == 2;
            ASSERT_GE(count, 4);
            windows.insert(window);
        }
    }
    EXPECT_GT(windows.size(), 50u);

    ASSERT_EQ(
        fseg_sampler_draw(small.get(), context.get(), 0, batch.images.data(), batch.labels.data()),
        FSEG_OK);
    for (int y = 0; y < 24; ++y)
        for (int x = 0; x < 24; ++x) {
            const bool inside = y >= 7 && y < 17 && x >= 6 && x < 18;
            ASSERT_EQ(batch.images[static_cast<size_t>(y) * 24 + x] != 0.0f, inside)
                << y << " " << x;
        }
    int count = 0;
    for (size_t i = 0; i < pixels; ++i)
        count += batch.labels[i] == 2;
    EXPECT_EQ(count, 16);
}

TEST(Sampler, ChannelsAreTheSliceAndItsNeighboursWithTheEdgesRepeated)
{
    const int depth = 4;
    std::vector<float> image(depth * 6);
    for (size_t i = 0; i < image.size(); ++i)
        image[i] = static_cast<float>(i);
    std::vector<float> out(5 * 6);
    fseg_stack_slices(image.data(), depth, 2, 3, 0, 5, out.data());
    const int expected[5] = {0, 0, 0, 1, 2};
    for (int c = 0; c < 5; ++c)
        for (int i = 0; i < 6; ++i)
            ASSERT_EQ(out[static_cast<size_t>(c * 6 + i)], static_cast<float>(expected[c] * 6 + i));
    fseg_stack_slices(image.data(), depth, 2, 3, 3, 3, out.data());
    EXPECT_EQ(out[0], 12.0f);
    EXPECT_EQ(out[6], 18.0f);
    EXPECT_EQ(out[12], 18.0f);

    // A drawn sample holds the same stack.
    fseg_sampler_options options = plain(8, 16, 16);
    options.context_slices = 3;
    Sampler sampler = makeSampler(options);
    addSubject(sampler.get(), 0, 6, 16, 16, 1, 5);
    Batch batch(options);
    ASSERT_EQ(fseg_sampler_draw(sampler.get(), makeContext(2).get(), 3, batch.images.data(),
                                batch.labels.data()),
              FSEG_OK);
    for (int i = 0; i < 8; ++i) {
        const float *p = batch.images.data() + static_cast<size_t>(i) * 3 * 256;
        const float k = p[256];
        EXPECT_EQ(p[0], k > 1.0f ? k - 1.0f : 1.0f);
        EXPECT_EQ(p[512], k < 6.0f ? k + 1.0f : 6.0f);
    }
}

TEST(Sampler, BadOptionsAreRefusedWithASentence)
{
    std::vector<fseg_sampler_options> wrong(8, fseg_sampler_default_options(4, 32, 32));
    wrong[0].batch = 0;
    wrong[1].height = 0;
    wrong[2].width = -5;
    wrong[3].context_slices = 2;
    wrong[4].context_slices = 0;
    wrong[5].foreground_fraction = 1.1;
    wrong[6].foreground_fraction = std::numeric_limits<double>::quiet_NaN();
    wrong[7].augment.gamma_low = -1.0;
    for (size_t i = 0; i < wrong.size(); ++i) {
        fseg_sampler *sampler = nullptr;
        fseg_error error{};
        EXPECT_EQ(fseg_sampler_create(&wrong[i], &sampler, &error), FSEG_ERROR_INVALID_ARGUMENT)
            << i;
        EXPECT_EQ(sampler, nullptr);
        EXPECT_NE(error.message[0], '\0') << i;
    }
    fseg_sampler *sampler = nullptr;
    EXPECT_EQ(fseg_sampler_create(nullptr, &sampler, nullptr), FSEG_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(fseg_sampler_create(&wrong[0], nullptr, nullptr), FSEG_ERROR_INVALID_ARGUMENT);
    fseg_sampler_free(nullptr);
    EXPECT_EQ(fseg_sampler_count(nullptr), 0u);
}

TEST(Sampler, BadSubjectsAreRefusedAndNotAdded)
{
    const fseg_sampler_options options = plain(1, 8, 8);
    Sampler sampler = makeSampler(options);
    std::vector<float> image(64, 0.5f);
    std::vector<uint8_t> label(64);
    fseg_error error{};
    auto add = [&](const float *i, const uint8_t *l, int depth, double weight) {
        return fseg_sampler_add(sampler.get(), i, l, depth, 8, 8, weight, &error);
    };
    EXPECT_EQ(add(nullptr, label.data(), 1, 1.0), FSEG_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(add(image.data(), nullptr, 1, 1.0), FSEG_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(add(image.data(), label.data(), 0, 1.0), FSEG_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(add(image.data(), label.data(), 1, 0.0), FSEG_ERROR_INVALID_ARGUMENT);
    image[20] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_EQ(add(image.data(), label.data(), 1, 1.0), FSEG_ERROR_NOT_FINITE);
    EXPECT_NE(error.message[0], '\0');
    EXPECT_EQ(fseg_sampler_count(sampler.get()), 0u);

    Batch batch(options);
    Context context = makeContext(1);
    EXPECT_EQ(fseg_sampler_draw(sampler.get(), context.get(), 0, batch.images.data(),
                                batch.labels.data()),
              FSEG_ERROR_INVALID_ARGUMENT); // an empty sampler has nothing to give
    image[20] = 0.5f;
    ASSERT_EQ(add(image.data(), label.data(), 1, 1.0), FSEG_OK);
    EXPECT_EQ(fseg_sampler_draw(sampler.get(), context.get(), -1, batch.images.data(),
                                batch.labels.data()),
              FSEG_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(fseg_sampler_draw(sampler.get(), context.get(), 0, nullptr, batch.labels.data()),
              FSEG_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(
        fseg_sampler_draw(nullptr, context.get(), 0, batch.images.data(), batch.labels.data()),
        FSEG_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(fseg_sampler_draw(sampler.get(), context.get(), 0, batch.images.data(),
                                batch.labels.data()),
              FSEG_OK);
}

} // namespace
