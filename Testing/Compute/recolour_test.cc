// Organs in other grey values: what changes, what does not, and the fixed shifts.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "frugalseg/recolour.h"

namespace
{

constexpr int depth = 3, height = 40, width = 48;
constexpr size_t count = size_t(depth) * height * width;

struct Body {
    std::vector<float> image = std::vector<float>(count);
    std::vector<uint8_t> labels = std::vector<uint8_t>(count);
    Body()
    {
        fseg_random random = fseg_random_create(5, 0);
        for (size_t i = 0; i < count; ++i) {
            const int x = int(i % width), y = int(i / width % height), z = int(i / width / height);
            if (z > 0 && std::hypot(x - 14, y - 20) < 9)
                labels[i] = 1;
            else if (std::hypot(x - 36, y - 20) < 7)
                labels[i] = 4;
            const float base = labels[i] == 1 ? 400.f : labels[i] == 4 ? 700.f : 100.f;
            image[i] = base + 20 * fseg_random_normal(&random);
        }
    }
    double mean(int label) const
    {
        return fseg_label_mean(image.data(), labels.data(), count, label);
    }
    // Of voxels at least three pixels inside an organ.
    std::vector<float> inner(int label) const
    {
        const int cx = label == 1 ? 14 : 36, radius = label == 1 ? 5 : 3;
        std::vector<float> values;
        for (size_t i = 0; i < count; ++i)
            if (labels[i] == label &&
                std::hypot(int(i % width) - cx, int(i / width % height) - 20) < radius)
                values.push_back(image[i]);
        return values;
    }
    fseg_status shift(fseg_shift kind, uint64_t seed = 1)
    {
        return fseg_shift_apply(kind, seed, image.data(), labels.data(), depth, height, width, 1);
    }
};

double meanOf(const std::vector<float> &values)
{
    double sum = 0;
    for (const float value : values)
        sum += double(value);
    return sum / double(values.size());
}

double deviationOf(const std::vector<float> &values)
{
    double sum = 0;
    for (const float value : values)
        sum += std::pow(double(value) - meanOf(values), 2);
    return std::sqrt(sum / double(values.size()));
}

TEST(Recolour, GivesAnOrganTheMeanAndScalesItsTexture)
{
    Body body;
    const std::vector<float> before = body.inner(1);
    ASSERT_EQ(FSEG_OK, fseg_recolour_label(body.image.data(), body.labels.data(), depth, height,
                                           width, 1, 250, 0.5, 0.8));
    const std::vector<float> after = body.inner(1);
    EXPECT_NEAR(250, meanOf(after), 5);
    EXPECT_NEAR(0.5 * deviationOf(before), deviationOf(after), 0.3);
}

TEST(Recolour, LeavesEverythingBeyondTheBorderAlone)
{
    Body body;
    const Body before;
    ASSERT_EQ(FSEG_OK, fseg_recolour_label(body.image.data(), body.labels.data(), depth, height,
                                           width, 1, 900, 1, 0.8));
    size_t changed = 0;
    for (size_t i = 0; i < count; ++i) {
        const double x = double(i % width), y = double(i / width % height);
        changed += body.image[i] != before.image[i];
        // The blur reaches 3 pixels along each axis; there is no liver in slice 0.
        if (std::hypot(x - 14, y - 20) > 9 + 4.3 || i < size_t(height) * width) {
            EXPECT_EQ(before.image[i], body.image[i]) << i;
        }
    }
    EXPECT_GT(changed, 300U);
}

TEST(Recolour, FadesOverTheBorder)
{
    Body body;
    const Body before;
    ASSERT_EQ(FSEG_OK, fseg_recolour_label(body.image.data(), body.labels.data(), depth, height,
                                           width, 1, 900, 1, 0.8));
    const size_t row = (size_t(1) * height + 20) * width; // through the organ's centre
    const auto change = [&](size_t x) { return body.image[row + x] - before.image[row + x]; };
    EXPECT_NEAR(500, change(14), 10);
    EXPECT_GT(change(22), change(23)); // last pixel inside, first one outside
    EXPECT_GT(change(23), 20);
    EXPECT_LT(change(23), 0.5 * change(14));
}

TEST(Recolour, RandomColoursRepeatAndReachTheRange)
{
    const fseg_recolour_options options = fseg_recolour_default_options();
    double low, high, least = 1e9, most = -1e9;
    const Body before;
    fseg_volume_range(before.image.data(), count, &low, &high);
    for (uint64_t k = 0; k < 40; ++k) {
        Body a, b;
        fseg_random first = fseg_random_create(3, k), second = fseg_random_create(3, k);
        ASSERT_EQ(FSEG_OK, fseg_recolour(&options, &first, a.image.data(), a.labels.data(), depth,
                                         height, width));
        ASSERT_EQ(FSEG_OK, fseg_recolour(&options, &second, b.image.data(), b.labels.data(), depth,
                                         height, width));
        EXPECT_EQ(a.image, b.image);
        const double mean = (meanOf(a.inner(1)) - low) / (high - low);
        least = std::min(least, mean);
        most = std::max(most, mean);
    }
    EXPECT_LT(least, 0.2);
    EXPECT_GT(most, 1.0);
}

TEST(Recolour, RefusesNonsense)
{
    Body body;
    const Body before;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_recolour_label(body.image.data(), body.labels.data(), depth, height, width, 0,
                                  100, 1, 1));
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_recolour_label(body.image.data(), body.labels.data(), depth, height, width, 1,
                                  NAN, 1, 1));
    fseg_recolour_options options = fseg_recolour_default_options();
    options.mean_high = options.mean_low - 1;
    fseg_random random = fseg_random_create(1, 1);
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, fseg_recolour(&options, &random, body.image.data(),
                                                         body.labels.data(), depth, height, width));
    EXPECT_EQ(FSEG_OK, fseg_recolour_label(body.image.data(), body.labels.data(), depth, height,
                                           width, 9, 100, 1, 1)); // an organ that is not there
    EXPECT_EQ(before.image, body.image);
}

TEST(Shift, DarkAndBrightAreWhatTheySay)
{
    Body dark, bright;
    double low, high;
    fseg_volume_range(dark.image.data(), count, &low, &high);
    const double other = bright.mean(4);
    ASSERT_EQ(FSEG_OK, dark.shift(FSEG_SHIFT_DARK));
    EXPECT_NEAR(low + 0.05 * (high - low), meanOf(dark.inner(1)), 8);
    ASSERT_EQ(FSEG_OK, bright.shift(FSEG_SHIFT_BRIGHT));
    EXPECT_NEAR(1.2 * other, meanOf(bright.inner(1)), 8);
    EXPECT_NEAR(other, bright.mean(4), 1);
}

TEST(Shift, BiasSpansItsRangeSmoothly)
{
    Body body;
    std::fill(body.image.begin(), body.image.end(), 100.f);
    ASSERT_EQ(FSEG_OK, body.shift(FSEG_SHIFT_BIAS));
    const auto [low, high] = std::minmax_element(body.image.begin(), body.image.end());
    EXPECT_NEAR(100 * std::exp(-0.5), double(*low), 0.1);
    EXPECT_NEAR(100 * std::exp(0.5), double(*high), 0.1);
    for (size_t i = 1; i < count; ++i)
        if (i % width != 0) {
            EXPECT_LT(std::fabs(body.image[i] - body.image[i - 1]), 12.f);
        }
}

TEST(Shift, NoiseHasItsSigmaAndRepeats)
{
    Body a, b, c;
    for (Body *body : {&a, &b, &c})
        for (size_t i = 0; i < count; ++i)
            body->image[i] = i % 50 == 0 ? 0.f : 1000.f; // range 0 to 1000
    ASSERT_EQ(FSEG_OK, a.shift(FSEG_SHIFT_NOISE, 7));
    ASSERT_EQ(FSEG_OK, b.shift(FSEG_SHIFT_NOISE, 7));
    ASSERT_EQ(FSEG_OK, c.shift(FSEG_SHIFT_NOISE, 8));
    EXPECT_EQ(a.image, b.image);
    EXPECT_NE(a.image, c.image);
    std::vector<float> bright;
    for (size_t i = 0; i < count; ++i)
        if (i % 50 != 0)
            bright.push_back(a.image[i]);
    EXPECT_NEAR(60, deviationOf(bright), 3);
}

TEST(Shift, NamesAndNumbersAgree)
{
    for (int i = FSEG_SHIFT_NONE; i <= FSEG_SHIFT_NOISE; ++i)
        EXPECT_EQ(i, fseg_shift_from_name(fseg_shift_name(fseg_shift(i))));
    EXPECT_EQ(-1, fseg_shift_from_name("darker"));
    EXPECT_EQ(-1, fseg_shift_from_name(nullptr));
}

} // namespace
