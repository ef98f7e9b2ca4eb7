// Corruptions: what they change, what they keep, and that they repeat themselves.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

#include "frugalseg/corrupt.h"

namespace
{

constexpr int channels = 2, height = 96, width = 128;
constexpr size_t pixels = size_t(height) * width;

struct Sample {
    std::vector<float> image = std::vector<float>(channels * pixels), clean;
    std::vector<uint8_t> mask = std::vector<uint8_t>(pixels, 0);
    Sample()
    {
        // Every pixel has a value of its own, so that moving and changing can be told apart.
        for (size_t i = 0; i < image.size(); ++i)
            image[i] = float(i * 7919 % image.size()) / float(image.size());
        clean = image;
    }
    size_t masked() const
    {
        return size_t(std::count(mask.begin(), mask.end(), 1));
    }
    // Pixels outside the mask are those of the clean image.
    void expectUnchangedOutsideMask() const
    {
        for (size_t i = 0; i < pixels; ++i)
            for (int c = 0; c < channels; ++c)
                if (!mask[i]) {
                    ASSERT_EQ(clean[size_t(c) * pixels + i], image[size_t(c) * pixels + i]) << i;
                }
    }
    size_t changed() const
    {
        size_t count = 0;
        for (size_t i = 0; i < pixels; ++i)
            count += clean[i] != image[i];
        return count;
    }
};

using Corruption = std::function<fseg_status(fseg_random *, float *, uint8_t *)>;

const std::map<std::string, Corruption> &corruptions()
{
    static const std::map<std::string, Corruption> all = {
        {"swap",
         [](fseg_random *r, float *i, uint8_t *m) {
             return fseg_corrupt_swap(16, 0, r, channels, height, width, i, m);
         }},
        {"shuffle",
         [](fseg_random *r, float *i, uint8_t *m) {
             return fseg_corrupt_shuffle(0.5, 0, r, channels, height, width, i, m);
         }},
        {"intensity",
         [](fseg_random *r, float *i, uint8_t *m) {
             return fseg_corrupt_intensity(r, channels, height, width, i, m);
         }},
        {"inpaint",
         [](fseg_random *r, float *i, uint8_t *m) {
             return fseg_corrupt_inpaint(r, channels, height, width, i, m);
         }},
        {"outpaint",
         [](fseg_random *r, float *i, uint8_t *m) {
             return fseg_corrupt_outpaint(r, channels, height, width, i, m);
         }},
        {"patches", [](fseg_random *r, float *i, uint8_t *m) {
             return fseg_corrupt_patches(32, 0.75, r, channels, height, width, i, m);
         }}};
    return all;
}

TEST(Corrupt, TheMaskHoldsEveryChangedPixel)
{
    for (const auto &[name, corrupt] : corruptions())
        for (uint64_t seed = 0; seed < 5; ++seed) {
            SCOPED_TRACE(name);
            Sample s;
            fseg_random random = fseg_random_create(seed, 0);
            ASSERT_EQ(FSEG_OK, corrupt(&random, s.image.data(), s.mask.data()));
            s.expectUnchangedOutsideMask();
            EXPECT_GT(s.masked(), 0u);
            // Few masked pixels may keep their value by chance.
            EXPECT_GT(double(s.changed()), 0.8 * double(s.masked()));
            for (float v : s.image)
                ASSERT_TRUE(v >= 0 && v <= 1);
        }
}

TEST(Corrupt, SameStreamGivesTheSameBytesAndAnotherStreamOthers)
{
    for (const auto &[name, corrupt] : corruptions()) {
        SCOPED_TRACE(name);
        Sample a, b, other;
        fseg_random first = fseg_random_create(1, 5), again = first;
        fseg_random different = fseg_random_create(1, 6);
        corrupt(&first, a.image.data(), a.mask.data());
        corrupt(&again, b.image.data(), nullptr);
        corrupt(&different, other.image.data(), other.mask.data());
        EXPECT_EQ(a.image, b.image);
        EXPECT_NE(a.image, other.image);
    }
}

TEST(Corrupt, SwappedPatchesKeepTheHistogramOfEachChannel)
{
    Sample s;
    fseg_random random = fseg_random_create(2, 0);
    ASSERT_EQ(FSEG_OK, fseg_corrupt_swap(32, 0, &random, channels, height, width, s.image.data(),
                                         s.mask.data()));
    for (int c = 0; c < channels; ++c) {
        std::vector<float> before(s.clean.begin() + long(c * pixels),
                                  s.clean.begin() + long((c + 1) * pixels));
        std::vector<float> after(s.image.begin() + long(c * pixels),
                                 s.image.begin() + long((c + 1) * pixels));
        EXPECT_NE(before, after);
        std::sort(before.begin(), before.end());
        std::sort(after.begin(), after.end());
        EXPECT_EQ(before, after);
    }
    // Whole patches, none overlapping, in pairs.
    EXPECT_EQ(0u, s.masked() % (2 * 32 * 32));
}

TEST(Corrupt, AsManyPairsAreSwappedAsWanted)
{
    Sample s;
    fseg_random random = fseg_random_create(2, 0);
    ASSERT_EQ(FSEG_OK, fseg_corrupt_swap(8, 5, &random, channels, height, width, s.image.data(),
                                         s.mask.data()));
    EXPECT_EQ(size_t(5 * 2 * 64), s.masked());
}

TEST(Corrupt, ShufflingKeepsPixelsNearTheirPlace)
{
    // Values are the row, so a value tells how far a pixel came.
    std::vector<float> image(pixels);
    for (size_t i = 0; i < pixels; ++i)
        image[i] = float(i / width);
    fseg_random random = fseg_random_create(3, 0);
    ASSERT_EQ(FSEG_OK,
              fseg_corrupt_shuffle(1.9, 6, &random, 1, height, width, image.data(), nullptr));
    float farthest = 0;
    for (size_t i = 0; i < pixels; ++i)
        farthest = std::max(farthest, std::fabs(image[i] - float(i / width)));
    EXPECT_GT(farthest, 0);
    EXPECT_LE(farthest, 5);
}

TEST(Corrupt, ShuffledWindowsReachTheCoverage)
{
    // A coverage of 1.9 leaves about exp(-1.9) = 15 % of the pixels alone.
    Sample s;
    fseg_random random = fseg_random_create(3, 0);
    ASSERT_EQ(FSEG_OK, fseg_corrupt_shuffle(1.9, 0, &random, channels, height, width,
                                            s.image.data(), s.mask.data()));
    EXPECT_NEAR(1 - std::exp(-1.9), double(s.masked()) / pixels, 0.05);
}

TEST(Corrupt, MaskedPatchesHideTheirShareBehindTheMean)
{
    Sample s;
    fseg_random random = fseg_random_create(4, 0);
    ASSERT_EQ(FSEG_OK, fseg_corrupt_patches(32, 0.75, &random, channels, height, width,
                                            s.image.data(), s.mask.data()));
    EXPECT_EQ(pixels * 3 / 4, s.masked());
    double mean = 0;
    for (size_t i = 0; i < pixels; ++i)
        mean += double(s.clean[i]) / pixels;
    for (size_t i = 0; i < pixels; ++i)
        if (s.mask[i]) {
            ASSERT_NEAR(mean, s.image[i], 1e-5);
        }
    // Patches that the edge cuts.
    ASSERT_EQ(FSEG_OK, fseg_corrupt_patches(40, 1.0, &random, channels, height, width,
                                            s.image.data(), s.mask.data()));
    EXPECT_EQ(pixels, s.masked());
}

TEST(Corrupt, PaintingLeavesTheInsideOrTheOutside)
{
    for (uint64_t seed = 0; seed < 10; ++seed) {
        Sample in, out;
        fseg_random random = fseg_random_create(seed, 0);
        fseg_corrupt_inpaint(&random, channels, height, width, in.image.data(), in.mask.data());
        fseg_corrupt_outpaint(&random, channels, height, width, out.image.data(), out.mask.data());
        EXPECT_LE(in.masked(), 5 * pixels / 9);
        EXPECT_GE(in.masked(), pixels / 36);
        EXPECT_LE(out.masked(), pixels - pixels * 9 / 49);
        for (int x = 0; x < width; ++x) { // the margin
            EXPECT_EQ(0, in.mask[size_t(x)]);
            EXPECT_EQ(1, out.mask[size_t(x)]);
        }
    }
}

TEST(Corrupt, IntensityCurvesAreMonotoneBothWays)
{
    int rising = 0, falling = 0;
    for (uint64_t seed = 0; seed < 20; ++seed) {
        std::vector<float> ramp(256);
        for (size_t i = 0; i < 256; ++i)
            ramp[i] = float(i) / 255;
        fseg_random random = fseg_random_create(seed, 0);
        ASSERT_EQ(FSEG_OK, fseg_corrupt_intensity(&random, 1, 16, 16, ramp.data(), nullptr));
        rising += std::is_sorted(ramp.begin(), ramp.end());
        falling += std::is_sorted(ramp.rbegin(), ramp.rend());
    }
    EXPECT_EQ(20, rising + falling);
    EXPECT_TRUE(rising >= 5 && falling >= 5);
}

TEST(Corrupt, ACompositionIsItsPartsInOrder)
{
    fseg_corrupt_options o = fseg_corrupt_no_options();
    o.swap_probability = o.patches_probability = 1;
    Sample whole, parts;
    whole.mask.assign(pixels, 1); // cleared first
    fseg_random random = fseg_random_create(5, 0), again = random;
    ASSERT_EQ(FSEG_OK, fseg_corrupt_apply(&o, &random, channels, height, width, whole.image.data(),
                                          whole.mask.data()));
    fseg_random_uniform(&again);
    fseg_corrupt_swap(32, 0, &again, channels, height, width, parts.image.data(),
                      parts.mask.data());
    for (int i = 0; i < 4; ++i)
        fseg_random_uniform(&again);
    fseg_corrupt_patches(32, 0.75, &again, channels, height, width, parts.image.data(),
                         parts.mask.data());
    EXPECT_EQ(parts.image, whole.image);
    EXPECT_EQ(parts.mask, whole.mask);
}

TEST(Corrupt, NothingSwitchedOnChangesNothing)
{
    const fseg_corrupt_options o = fseg_corrupt_no_options();
    Sample s;
    fseg_random random = fseg_random_create(6, 0);
    ASSERT_EQ(FSEG_OK, fseg_corrupt_apply(&o, &random, channels, height, width, s.image.data(),
                                          s.mask.data()));
    EXPECT_EQ(s.clean, s.image);
    EXPECT_EQ(0u, s.masked());
}

TEST(Corrupt, ModelsGenesisMixesItsCorruptions)
{
    const fseg_corrupt_options o = fseg_corrupt_models_genesis();
    size_t untouched = 0;
    for (uint64_t i = 0; i < 100; ++i) {
        Sample s;
        fseg_random random = fseg_random_create(7, i);
        ASSERT_EQ(FSEG_OK, fseg_corrupt_apply(&o, &random, channels, height, width, s.image.data(),
                                              s.mask.data()));
        s.expectUnchangedOutsideMask();
        untouched += s.masked() == 0;
    }
    EXPECT_LE(untouched, 3u); // probability 0.5 * 0.1 * 0.1
}

TEST(Corrupt, RefusesWhatDoesNotFitAndLeavesTheImage)
{
    Sample s;
    fseg_random random = fseg_random_create(8, 0);
    fseg_corrupt_options o = fseg_corrupt_context_restoration();
    o.swap_patch = 97;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_corrupt_apply(&o, &random, channels, height, width, s.image.data(), nullptr));
    o = fseg_corrupt_masked_patches();
    o.patches_ratio = 1.5;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_corrupt_apply(&o, &random, channels, height, width, s.image.data(), nullptr));
    o = fseg_corrupt_models_genesis();
    o.paint_probability = NAN;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_corrupt_apply(&o, &random, channels, height, width, s.image.data(), nullptr));
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_corrupt_inpaint(&random, 1, 8, 8, s.image.data(), nullptr));
    EXPECT_EQ(s.clean, s.image);
}

} // namespace
