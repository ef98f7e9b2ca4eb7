// Behaviour of the augmentation of training samples.
#include "frugalseg/augment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

namespace
{

const int side = 64;

struct Sample {
    int channels, height, width;
    std::vector<float> image;
    std::vector<uint8_t> label;

    Sample(int c, int h, int w)
        : channels(c), height(h), width(w), image(static_cast<size_t>(c) * h * w),
          label(static_cast<size_t>(h) * w)
    {
    }
    float *channel(int c)
    {
        return image.data() + static_cast<size_t>(c) * height * width;
    }
    fseg_status apply(const fseg_augment_options &options, fseg_random &random)
    {
        return fseg_augment_apply(&options, &random, channels, height, width, image.data(),
                                  label.data());
    }
};

// A bright disc with label 3 off the centre, on a textured ground.
Sample disc(int channels = 1, int height = side, int width = side)
{
    Sample s(channels, height, width);
    for (int c = 0; c < channels; ++c)
        for (int y = 0; y < height; ++y)
            for (int x = 0; x < width; ++x) {
                const bool inside = std::hypot(y - 0.4 * height, x - 0.6 * width) < 0.15 * width;
                const size_t i = static_cast<size_t>(y) * width + x;
                s.channel(c)[i] = inside ? 1.0f : 0.0f;
                s.label[i] = inside ? 3 : 0;
            }
    return s;
}

Sample ramp()
{
    Sample s(1, side, side);
    std::iota(s.image.begin(), s.image.end(), 0.0f);
    for (float &v : s.image)
        v /= side * side;
    return s;
}

template <typename T> std::pair<double, double> centroid(const T *values, int height, int width)
{
    double sum = 0.0, sy = 0.0, sx = 0.0;
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const double v = static_cast<double>(values[static_cast<size_t>(y) * width + x]);
            sum += v;
            sy += v * y;
            sx += v * x;
        }
    return {sy / sum, sx / sum};
}

fseg_augment_options everything()
{
    fseg_augment_options o = fseg_augment_default_options();
    o.affine_probability = o.flip_horizontal_probability = o.elastic_probability = 1.0;
    o.gamma_probability = o.curve_probability = o.brightness_probability = 1.0;
    o.contrast_probability = o.noise_probability = o.blur_probability = o.bias_probability = 1.0;
    return o;
}

TEST(Augment, NoOptionsLeaveEveryByteAsItWas)
{
    Sample s = disc(3);
    s.image[5] = -0.0f;
    const Sample before = s;
    fseg_random random = fseg_random_create(1, 1);
    ASSERT_EQ(s.apply(fseg_augment_no_options(), random), FSEG_OK);
    EXPECT_EQ(s.image, before.image);
    EXPECT_EQ(s.label, before.label);
}

TEST(Augment, TransformsOfZeroStrengthLeaveTheSampleAsItWas)
{
    fseg_augment_options o = everything();
    o.flip_horizontal_probability = 0.0;
    o.rotation_degrees = o.shear = o.translation = o.elastic_sigma_px = 0.0;
    o.scale_low = o.scale_high = 1.0;
    o.curve_probability = 0.0;
    o.gamma_low = o.gamma_high = o.contrast_low = o.contrast_high = 1.0;
    o.brightness = o.noise_sigma = o.bias_strength = o.blur_sigma_low = o.blur_sigma_high = 0.0;
    Sample s = disc(2);
    const Sample before = s;
    fseg_random random = fseg_random_create(1, 1);
    ASSERT_EQ(s.apply(o, random), FSEG_OK);
    EXPECT_EQ(s.label, before.label);
    for (size_t i = 0; i < s.image.size(); ++i)
        ASSERT_NEAR(s.image[i], before.image[i], 1e-6f);
}

TEST(Augment, SameStreamGivesTheSameBytesAndAnotherDiffers)
{
    Sample a = disc(3), b = disc(3), c = disc(3);
    fseg_random ra = fseg_random_create(5, 9), rb = ra, rc = fseg_random_create(5, 10);
    ASSERT_EQ(a.apply(everything(), ra), FSEG_OK);
    ASSERT_EQ(b.apply(everything(), rb), FSEG_OK);
    ASSERT_EQ(c.apply(everything(), rc), FSEG_OK);
    EXPECT_EQ(a.image, b.image);
    EXPECT_EQ(a.label, b.label);
    EXPECT_NE(a.image, c.image);
}

TEST(Augment, LabelsStayValuesThatWereThere)
{
    fseg_random random = fseg_random_create(2, 0);
    for (int n = 0; n < 50; ++n) {
        Sample s = disc();
        s.label[100] = 200;
        ASSERT_EQ(s.apply(everything(), random), FSEG_OK);
        for (uint8_t v : s.label)
            ASSERT_TRUE(v == 0 || v == 3 || v == 200) << int(v);
    }
}

TEST(Augment, IntensityTransformsLeaveLabelsAlone)
{
    fseg_augment_options o = everything();
    o.affine_probability = o.elastic_probability = o.flip_horizontal_probability = 0.0;
    Sample s = disc();
    const Sample before = s;
    fseg_random random = fseg_random_create(3, 0);
    ASSERT_EQ(s.apply(o, random), FSEG_OK);
    EXPECT_EQ(s.label, before.label);
    EXPECT_NE(s.image, before.image);
}

TEST(Augment, GeometryMovesImageAndLabelTogether)
{
    fseg_augment_options o = fseg_augment_no_options();
    o.affine_probability = 1.0;
    o.elastic_probability = 0.5;
    o.flip_horizontal_probability = 0.3;
    fseg_random random = fseg_random_create(4, 0);
    double largestMove = 0.0;
    const auto start = centroid(disc(1, 96, 80).label.data(), 96, 80);
    for (int n = 0; n < 100; ++n) {
        Sample s = disc(2, 96, 80); // not square: catches swapped axes
        ASSERT_EQ(s.apply(o, random), FSEG_OK);
        const auto image = centroid(s.channel(1), 96, 80);
        const auto label = centroid(s.label.data(), 96, 80);
        ASSERT_NEAR(image.first, label.first, 0.35);
        ASSERT_NEAR(image.second, label.second, 0.35);
        largestMove = std::max(largestMove,
                               std::hypot(label.first - start.first, label.second - start.second));
    }
    EXPECT_GT(largestMove, 5.0);
}

TEST(Augment, RotationScaleAndFlipDoWhatTheySay)
{
    // A scale of 1.25 multiplies the area by its square and the distance from the centre by it.
    fseg_augment_options o = fseg_augment_no_options();
    o.affine_probability = 1.0;
    o.rotation_degrees = o.shear = o.translation = 0.0;
    o.scale_low = o.scale_high = 1.25;
    Sample s = disc();
    const double area = std::accumulate(s.image.begin(), s.image.end(), 0.0);
    const auto before = centroid(s.label.data(), side, side);
    fseg_random random = fseg_random_create(5, 0);
    ASSERT_EQ(s.apply(o, random), FSEG_OK);
    EXPECT_NEAR(std::accumulate(s.image.begin(), s.image.end(), 0.0), area * 1.5625, area * 0.04);
    const auto after = centroid(s.label.data(), side, side);
    const double centre = 0.5 * (side - 1);
    EXPECT_NEAR(after.first - centre, 1.25 * (before.first - centre), 0.3);
    EXPECT_NEAR(after.second - centre, 1.25 * (before.second - centre), 0.3);

    // A rotation keeps the distance from the centre; over many draws its angle fills the range.
    o.scale_low = o.scale_high = 1.0;
    o.rotation_degrees = 20.0;
    double smallest = 0.0, largest = 0.0;
    const double startAngle = std::atan2(before.first - centre, before.second - centre);
    const double distance = std::hypot(before.first - centre, before.second - centre);
    for (int n = 0; n < 100; ++n) {
        Sample r = disc();
        ASSERT_EQ(r.apply(o, random), FSEG_OK);
        const auto c = centroid(r.label.data(), side, side);
        ASSERT_NEAR(std::hypot(c.first - centre, c.second - centre), distance, 0.4);
        const double turn =
            (std::atan2(c.first - centre, c.second - centre) - startAngle) * 180.0 / M_PI;
        smallest = std::min(smallest, turn);
        largest = std::max(largest, turn);
    }
    EXPECT_GT(smallest, -23.0);
    EXPECT_LT(smallest, -15.0);
    EXPECT_LT(largest, 23.0);
    EXPECT_GT(largest, 15.0);

    // A flip alone mirrors the columns exactly.
    o = fseg_augment_no_options();
    o.flip_horizontal_probability = 1.0;
    Sample f = ramp(), original = ramp();
    ASSERT_EQ(f.apply(o, random), FSEG_OK);
    for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x)
            ASSERT_EQ(f.image[static_cast<size_t>(y) * side + x],
                      original.image[static_cast<size_t>(y) * side + side - 1 - x]);
}

TEST(Augment, OutsideTheImageEdgesRepeatAndLabelsAreBackground)
{
    fseg_augment_options o = fseg_augment_no_options();
    o.affine_probability = 1.0;
    o.rotation_degrees = o.shear = o.translation = 0.0;
    o.scale_low = o.scale_high = 0.5; // half the size: the outer ring lies outside
    Sample s(1, side, side);
    std::fill(s.image.begin(), s.image.end(), 0.7f);
    std::fill(s.label.begin(), s.label.end(), uint8_t(1));
    fseg_random random = fseg_random_create(6, 0);
    ASSERT_EQ(s.apply(o, random), FSEG_OK);
    for (float v : s.image)
        ASSERT_NEAR(v, 0.7f, 1e-6f);
    EXPECT_EQ(s.label[0], 0);
    EXPECT_EQ(s.label[(side / 2) * side + side / 2], 1);
    EXPECT_NEAR(std::accumulate(s.label.begin(), s.label.end(), 0.0), side * side / 4.0, side * 2);
}

TEST(Augment, ElasticDisplacementIsSmoothAndDoesNotFold)
{
    fseg_augment_options o = fseg_augment_no_options();
    o.elastic_probability = 1.0;
    fseg_random random = fseg_random_create(7, 0);
    for (int n = 0; n < 20; ++n) {
        Sample s(1, 160, 160);
        for (int y = 0; y < 160; ++y)
            for (int x = 0; x < 160; ++x)
                s.image[static_cast<size_t>(y) * 160 + x] = static_cast<float>(x);
        ASSERT_EQ(s.apply(o, random), FSEG_OK);
        // The image now holds the source column of each pixel. At the sides it may stand still
        // where the edge repeats; elsewhere it grows.
        double square = 0.0;
        for (int y = 0; y < 160; ++y)
            for (int x = 30; x < 130; ++x) {
                const float *p = &s.image[static_cast<size_t>(y) * 160 + x];
                ASSERT_GT(p[1] - p[0], 0.0f);
                ASSERT_LT(p[1] - p[0], 2.5f);
                square += std::pow(p[0] - x, 2);
            }
        const double rms = std::sqrt(square / (160.0 * 100.0));
        EXPECT_GT(rms, 1.0);
        EXPECT_LT(rms, 6.0);
    }
}

TEST(Augment, ToneCurvesKeepTheOrderAndTheRangeOfIntensities)
{
    fseg_augment_options o = fseg_augment_no_options();
    o.gamma_probability = 1.0;
    o.curve_probability = 1.0;
    fseg_random random = fseg_random_create(8, 0);
    double change = 0.0;
    for (int n = 0; n < 100; ++n) {
        Sample s = ramp();
        const Sample before = s;
        ASSERT_EQ(s.apply(o, random), FSEG_OK);
        for (size_t i = 1; i < s.image.size(); ++i)
            ASSERT_GE(s.image[i], s.image[i - 1] - 1e-6f);
        ASSERT_NEAR(s.image.front(), before.image.front(), 1e-5f);
        ASSERT_NEAR(s.image.back(), before.image.back(), 1e-5f);
        change += std::fabs(s.image[s.image.size() / 2] - before.image[s.image.size() / 2]);
    }
    EXPECT_GT(change / 100.0, 0.05);
}

TEST(Augment, GammaIsAPowerOfTheNormalizedIntensity)
{
    fseg_augment_options o = fseg_augment_no_options();
    o.gamma_probability = 1.0;
    o.gamma_low = o.gamma_high = 2.0;
    Sample s = ramp();
    const Sample before = s;
    const double span = before.image.back();
    fseg_random random = fseg_random_create(9, 0);
    ASSERT_EQ(s.apply(o, random), FSEG_OK);
    for (size_t i = 0; i < s.image.size(); ++i)
        ASSERT_NEAR(s.image[i], std::pow(before.image[i] / span, 2.0) * span, 2e-6);
}

TEST(Augment, NoiseHasTheDrawnStrengthAndDiffersBetweenChannels)
{
    fseg_augment_options o = fseg_augment_no_options();
    o.noise_probability = 1.0;
    o.noise_sigma = 0.08;
    fseg_random random = fseg_random_create(10, 0);
    double largest = 0.0;
    for (int n = 0; n < 40; ++n) {
        Sample s(2, 128, 128);
        ASSERT_EQ(s.apply(o, random), FSEG_OK);
        const double count = 128.0 * 128.0;
        double mean = 0.0, square = 0.0, fourth = 0.0, product = 0.0;
        for (size_t i = 0; i < 128 * 128; ++i) {
            const double v = s.channel(0)[i];
            mean += v / count;
            square += v * v / count;
            fourth += v * v * v * v / count;
            product += v * s.channel(1)[i] / count;
        }
        const double sigma = std::sqrt(square);
        ASSERT_LE(sigma, 0.08 * 1.03);
        ASSERT_LT(std::fabs(mean), 0.05 * sigma);
        ASSERT_NEAR(fourth / (square * square), 3.0, 0.35); // Gaussian, not uniform
        ASSERT_LT(std::fabs(product), 0.05 * square);
        largest = std::max(largest, sigma);
    }
    EXPECT_GT(largest, 0.06);
}

TEST(Augment, BlurKeepsTheMeanAndSpreadsAPointByItsSigma)
{
    fseg_augment_options o = fseg_augment_no_options();
    o.blur_probability = 1.0;
    o.blur_sigma_low = o.blur_sigma_high = 1.2;
    Sample s(1, side, side);
    const int at = 30;
    s.image[static_cast<size_t>(at) * side + at] = 1.0f;
    fseg_random random = fseg_random_create(11, 0);
    ASSERT_EQ(s.apply(o, random), FSEG_OK);
    double sum = 0.0, vy = 0.0, vx = 0.0;
    for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x) {
            const double v = s.image[static_cast<size_t>(y) * side + x];
            sum += v;
            vy += v * (y - at) * (y - at);
            vx += v * (x - at) * (x - at);
        }
    EXPECT_NEAR(sum, 1.0, 1e-4);
    EXPECT_NEAR(std::sqrt(vy), 1.2, 0.05);
    EXPECT_NEAR(std::sqrt(vx), 1.2, 0.05);

    Sample flat(1, 3, 2); // smaller than the kernel
    std::fill(flat.image.begin(), flat.image.end(), 0.5f);
    ASSERT_EQ(flat.apply(o, random), FSEG_OK);
    for (float v : flat.image)
        ASSERT_NEAR(v, 0.5f, 1e-6f);
}

TEST(Augment, BiasFieldIsSmoothSharedByChannelsAndBounded)
{
    fseg_augment_options o = fseg_augment_no_options();
    o.bias_probability = 1.0;
    fseg_random random = fseg_random_create(12, 0);
    double widest = 0.0;
    for (int n = 0; n < 50; ++n) {
        Sample s(2, side, side);
        std::fill(s.image.begin(), s.image.end(), 0.5f);
        s.channel(1)[0] = 0.0f;
        ASSERT_EQ(s.apply(o, random), FSEG_OK);
        EXPECT_EQ(s.channel(1)[0], 0.0f); // background stays background
        for (size_t i = 1; i < side * side; ++i) {
            ASSERT_EQ(s.channel(0)[i], s.channel(1)[i]);
            ASSERT_LE(std::fabs(std::log(s.channel(0)[i] / 0.5f)), 0.5 + 1e-4);
            if (i % side != 0) {
                ASSERT_LT(std::fabs(std::log(s.channel(0)[i] / s.channel(0)[i - 1])), 0.1);
            }
        }
        const auto ends = std::minmax_element(s.channel(0), s.channel(0) + side * side);
        widest = std::max(widest, std::log(static_cast<double>(*ends.second / *ends.first)));
    }
    EXPECT_GT(widest, 0.8); // up to exp(+-0.5): a ratio of up to e
}

TEST(Augment, BrightnessAndContrastAreLinearAboutTheMean)
{
    fseg_augment_options o = fseg_augment_no_options();
    o.contrast_probability = 1.0;
    o.contrast_low = o.contrast_high = 1.5;
    Sample s = ramp();
    const Sample before = s;
    const double mean = std::accumulate(before.image.begin(), before.image.end(), 0.0) /
                        static_cast<double>(before.image.size());
    fseg_random random = fseg_random_create(13, 0);
    ASSERT_EQ(s.apply(o, random), FSEG_OK);
    for (size_t i = 0; i < s.image.size(); ++i)
        ASSERT_NEAR(s.image[i], mean + 1.5 * (before.image[i] - mean), 1e-5);

    o = fseg_augment_no_options();
    o.brightness_probability = 1.0;
    Sample b = ramp();
    ASSERT_EQ(b.apply(o, random), FSEG_OK);
    const float shift = b.image[0] - before.image[0];
    EXPECT_NE(shift, 0.0f);
    EXPECT_LE(std::fabs(shift), static_cast<float>(o.brightness));
    for (size_t i = 0; i < b.image.size(); ++i)
        ASSERT_NEAR(b.image[i] - before.image[i], shift, 1e-6f);
}

TEST(Augment, EachTransformComesAsOftenAsItsProbabilitySays)
{
    fseg_augment_options o = fseg_augment_no_options();
    o.brightness_probability = 0.3;
    fseg_random random = fseg_random_create(14, 0);
    int changed = 0;
    for (int n = 0; n < 2000; ++n) {
        Sample s(1, 4, 4);
        ASSERT_EQ(s.apply(o, random), FSEG_OK);
        changed += s.image[0] != 0.0f;
    }
    EXPECT_NEAR(changed, 600, 85); // 4 standard deviations
}

TEST(Augment, EveryShapeWorksWithEveryTransformAndWithoutALabel)
{
    // Run under the address and undefined-behaviour sanitizers, this shows that none reads outside.
    const int sizes[][3] = {{1, 1, 1}, {3, 1, 17}, {2, 33, 1}, {1, 2, 2}, {5, 7, 160}, {3, 64, 31}};
    fseg_augment_options o = everything();
    o.rotation_degrees = 180.0;
    o.scale_low = 0.05;
    o.scale_high = 20.0;
    o.translation = 1.0;
    o.elastic_sigma_px = 500.0;
    fseg_random random = fseg_random_create(15, 0);
    for (const auto &size : sizes)
        for (int grid : {2, 3, 8, 64})
            for (int n = 0; n < 10; ++n) {
                Sample s(size[0], size[1], size[2]);
                std::fill(s.image.begin(), s.image.end(), 0.5f);
                o.elastic_grid = grid;
                ASSERT_EQ(s.apply(o, random), FSEG_OK);
                ASSERT_EQ(fseg_augment_apply(&o, &random, size[0], size[1], size[2], s.image.data(),
                                             nullptr),
                          FSEG_OK);
                for (float v : s.image)
                    ASSERT_TRUE(std::isfinite(v));
            }
}

TEST(Augment, NonFinitePixelsDoNotBreakIt)
{
    Sample s = disc();
    s.image[0] = std::numeric_limits<float>::quiet_NaN();
    s.image[1] = std::numeric_limits<float>::infinity();
    fseg_random random = fseg_random_create(16, 0);
    EXPECT_EQ(s.apply(everything(), random), FSEG_OK);
}

TEST(Augment, BadArgumentsAreRefusedAndNothingIsChanged)
{
    Sample s = disc();
    const Sample before = s;
    fseg_random random = fseg_random_create(17, 0);
    const fseg_augment_options good = everything();
    float *image = s.image.data();
    uint8_t *label = s.label.data();
    const fseg_status bad = FSEG_ERROR_INVALID_ARGUMENT;
    EXPECT_EQ(fseg_augment_apply(nullptr, &random, 1, side, side, image, label), bad);
    EXPECT_EQ(fseg_augment_apply(&good, nullptr, 1, side, side, image, label), bad);
    EXPECT_EQ(fseg_augment_apply(&good, &random, 1, side, side, nullptr, label), bad);
    EXPECT_EQ(fseg_augment_apply(&good, &random, 0, side, side, image, label), bad);
    EXPECT_EQ(fseg_augment_apply(&good, &random, 1, -1, side, image, label), bad);
    EXPECT_EQ(fseg_augment_apply(&good, &random, 1, side, 1 << 30, image, label), bad);

    const double nan = std::numeric_limits<double>::quiet_NaN();
    std::vector<fseg_augment_options> wrong(10, good);
    wrong[0].affine_probability = 1.5;
    wrong[1].noise_probability = -0.1;
    wrong[2].bias_probability = nan;
    wrong[3].scale_low = 2.0; // above scale_high
    wrong[4].elastic_grid = 1;
    wrong[5].elastic_grid = 1000;
    wrong[6].gamma_low = 0.0;
    wrong[7].blur_sigma_high = 1e9;
    wrong[8].noise_sigma = nan;
    wrong[9].bias_strength = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < wrong.size(); ++i)
        EXPECT_EQ(fseg_augment_apply(&wrong[i], &random, 1, side, side, image, label), bad) << i;
    EXPECT_EQ(s.image, before.image);
    EXPECT_EQ(s.label, before.label);
}

} // namespace
