// The contrastive kernel: golden values, finite differences, who is paired with whom, edge cases.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <set>
#include <vector>

#include "frugalseg/contrast.h"

namespace
{

struct Pairs {
    fseg_pair_set set{};
    ~Pairs()
    {
        fseg_pair_set_free(&set);
    }
    std::set<uint32_t> positives(size_t a) const
    {
        return {set.positive + set.positive_start[a], set.positive + set.positive_start[a + 1]};
    }
    std::set<uint32_t> negatives(size_t a) const
    {
        return {set.negative + set.negative_start[a], set.negative + set.negative_start[a + 1]};
    }
};

fseg_contrast_options options(double temperature, double normalization = 0, double epsilon = 0,
                              fseg_contrast_form form = FSEG_CONTRAST_PAIRWISE)
{
    fseg_contrast_options o = fseg_contrast_default_options();
    o.temperature = temperature;
    o.normalization = normalization;
    o.epsilon = epsilon;
    o.form = form;
    return o;
}

double lossOf(const fseg_contrast_options &o, const Pairs &pairs, const std::vector<double> &z,
              size_t dim, std::vector<double> *gradient = nullptr)
{
    double loss = NAN;
    if (gradient)
        gradient->assign(z.size(), NAN);
    EXPECT_EQ(FSEG_OK, fseg_contrast_f64(&o, &pairs.set, z.data(), z.size() / dim, dim, &loss,
                                         gradient ? gradient->data() : nullptr));
    return loss;
}

double lossInFloat(const fseg_contrast_options &o, const Pairs &pairs, const std::vector<double> &z,
                   size_t dim)
{
    const std::vector<float> f(z.begin(), z.end());
    double loss = NAN;
    EXPECT_EQ(FSEG_OK,
              fseg_contrast_f32(&o, &pairs.set, f.data(), f.size() / dim, dim, &loss, nullptr));
    return loss;
}

std::vector<double> randomVectors(size_t count, size_t dim, uint64_t seed = 1)
{
    std::vector<double> z(count * dim);
    fseg_random random = fseg_random_create(seed, 0);
    for (double &v : z)
        v = fseg_random_normal(&random);
    return z;
}

void expectGradient(const fseg_contrast_options &o, const Pairs &pairs, std::vector<double> z,
                    size_t dim)
{
    std::vector<double> gradient;
    lossOf(o, pairs, z, dim, &gradient);
    double scale = 1;
    for (double g : gradient)
        scale = std::max(scale, std::fabs(g));
    for (size_t i = 0; i < z.size(); ++i) {
        const double before = z[i], step = 1e-5;
        z[i] = before + step;
        const double up = lossOf(o, pairs, z, dim);
        z[i] = before - step;
        const double down = lossOf(o, pairs, z, dim);
        z[i] = before;
        ASSERT_NEAR((up - down) / (2 * step), gradient[i], 1e-6 * scale) << i;
    }
}

// ---- golden values of the method note ----------------------------------------------------------

// The golden pairs (1,0),(0.8,0.6) and (0,1),(-0.6,0.8), in our order: b and b + images.
struct Ntxent : Pairs {
    Ntxent()
    {
        EXPECT_EQ(FSEG_OK, fseg_pairs_ntxent(2, &set));
    }
};
const std::vector<double> ntxentInOurOrder{1, 0, 0, 1, 0.8, 0.6, -0.6, 0.8};

TEST(Contrast, NtxentHasTheGoldenValues)
{
    const Ntxent pairs;
    EXPECT_NEAR(0.4301902771, lossOf(options(0.5), pairs, ntxentInOurOrder, 2), 1e-10);
    EXPECT_NEAR(0.0637798398, lossOf(options(0.1), pairs, ntxentInOurOrder, 2), 1e-10);
    EXPECT_NEAR(0.4301902771, lossInFloat(options(0.5), pairs, ntxentInOurOrder, 2), 1e-5);
    EXPECT_NEAR(0.0637798398, lossInFloat(options(0.1), pairs, ntxentInOurOrder, 2), 1e-5);
}

TEST(Contrast, LengthsOfTheVectorsDoNotMatterAndTheGradientIsTheGoldenOne)
{
    // Scaled by 1, 2, 0.5, 3 in the golden order.
    const std::vector<double> z{1, 0, 0, 0.5, 1.6, 1.2, -1.8, 2.4};
    std::vector<double> gradient;
    EXPECT_NEAR(0.4301902771, lossOf(options(0.5), Ntxent(), z, 2, &gradient), 1e-10);
    const std::vector<double> expected{0,           -0.02978539, 1.24494143,  0,
                                       -0.18674121, 0.24898829,  -0.00794277, -0.00595708};
    for (size_t i = 0; i < 8; ++i)
        EXPECT_NEAR(expected[i], gradient[i], 1e-8) << i;
}

TEST(Contrast, SlicePartitionsHaveTheGoldenValues)
{
    std::vector<double> z;
    for (int k = 0; k < 12; ++k) {
        z.push_back(std::cos(k));
        z.push_back(std::sin(k));
    }
    Pairs pairs;
    ASSERT_EQ(FSEG_OK, fseg_pairs_partition(4, 3, 2, &pairs.set));
    // The method note gives 6.9145468067 and 24.6396876885, true to 1e-8 of the value; a plain
    // evaluation of the formula in NumPy gives the digits below.
    EXPECT_NEAR(6.914546806892, lossOf(options(0.5, 6), pairs, z, 2), 1e-11);
    EXPECT_NEAR(24.639687736784, lossOf(options(0.1, 6), pairs, z, 2), 1e-11);
    EXPECT_NEAR(1, lossOf(options(0.5, 6), pairs, z, 2) / 6.9145468067, 1e-8);
    EXPECT_NEAR(1, lossOf(options(0.1, 6), pairs, z, 2) / 24.6396876885, 1e-8);
    EXPECT_NEAR(6.9145468067, lossInFloat(options(0.5, 6), pairs, z, 2), 1e-5);
    EXPECT_NEAR(24.6396876885, lossInFloat(options(0.1, 6), pairs, z, 2), 1e-5);
    // The mean over anchors is half of that.
    EXPECT_NEAR(6.914546806892 / 2, lossOf(options(0.5), pairs, z, 2), 1e-10);
}

TEST(Contrast, ConstraintMapsHaveTheGoldenValues)
{
    std::vector<double> z;
    for (double degrees : {0, 10, 25, 40, 60, 90, 130, 180}) {
        z.push_back(std::cos(degrees * M_PI / 180));
        z.push_back(std::sin(degrees * M_PI / 180));
    }
    const std::vector<float> f(z.begin(), z.end());
    const uint8_t labels[] = {0, 0, 1, 0, 1, 1, 0, 1};
    const uint32_t query = 0;
    const double expected[2][2] = {{1.0086921587, 0.3486581997}, {0.7842781393, 0.1855061468}};
    for (int self : {0, 1}) {
        const fseg_ccl_options o = {4, self};
        Pairs pairs, single;
        ASSERT_EQ(FSEG_OK, fseg_pairs_ccl_f64(&o, z.data(), 8, 2, labels, &query, 1, &pairs.set));
        ASSERT_EQ(FSEG_OK, fseg_pairs_ccl_f32(&o, f.data(), 8, 2, labels, &query, 1, &single.set));
        EXPECT_EQ(pairs.positives(0), single.positives(0));
        const auto pairwise = options(0.1, 0, 1e-7);
        const auto setWise = options(0.1, 0, 1e-7, FSEG_CONTRAST_SET_WISE);
        EXPECT_NEAR(expected[self][0], lossOf(pairwise, pairs, z, 2), 1e-10);
        EXPECT_NEAR(expected[self][1], lossOf(setWise, pairs, z, 2), 1e-10);
        EXPECT_NEAR(expected[self][0], lossInFloat(pairwise, pairs, z, 2), 1e-5);
        EXPECT_NEAR(expected[self][1], lossInFloat(setWise, pairs, z, 2), 1e-5);
    }
}

// ---- gradients ---------------------------------------------------------------------------------

TEST(Contrast, GradientsOfEveryVariantEqualFiniteDifferencesTo1e6)
{
    const double position[] = {0.1, 0.15, 0.5, 0.55, 0.9};
    for (double temperature : {0.1, 0.5}) {
        Pairs ntxent, partition, draws, positions, local;
        ASSERT_EQ(FSEG_OK, fseg_pairs_ntxent(4, &ntxent.set));
        ASSERT_EQ(FSEG_OK, fseg_pairs_partition(6, 3, 3, &partition.set));
        ASSERT_EQ(FSEG_OK, fseg_pairs_partition_pairs(4, 2, &draws.set));
        ASSERT_EQ(FSEG_OK, fseg_pairs_position(5, position, 0.1, &positions.set));
        ASSERT_EQ(FSEG_OK, fseg_pairs_local(1, &local.set));
        const auto supcon = options(temperature, 0, 0, FSEG_CONTRAST_SUPCON);
        expectGradient(options(temperature), ntxent, randomVectors(8, 3), 3);
        expectGradient(options(temperature, 9), partition, randomVectors(18, 3), 3);
        expectGradient(options(temperature, 8), draws, randomVectors(16, 9), 9);
        expectGradient(supcon, positions, randomVectors(10, 3), 3);
        expectGradient(options(temperature), local, randomVectors(26, 4), 4);
    }
}

TEST(Contrast, GradientsOfBothConstrainedFormsEqualFiniteDifferencesTo1e6)
{
    const std::vector<double> z = randomVectors(30, 5);
    std::vector<uint8_t> labels(30);
    for (size_t i = 0; i < 30; ++i)
        labels[i] = i % 3;
    const uint32_t queries[] = {3, 17, 22};
    for (int self : {0, 1})
        for (auto form : {FSEG_CONTRAST_PAIRWISE, FSEG_CONTRAST_SET_WISE}) {
            const fseg_ccl_options o = {12, self};
            Pairs pairs;
            ASSERT_EQ(FSEG_OK, fseg_pairs_ccl_f64(&o, z.data(), 30, 5, labels.data(), queries, 3,
                                                  &pairs.set));
            expectGradient(options(0.1, 0, 1e-7, form), pairs, z, 5);
            expectGradient(options(0.5, 0, 0, form), pairs, z, 5);
        }
}

TEST(Contrast, FloatGradientAgreesWithDouble)
{
    Pairs pairs;
    ASSERT_EQ(FSEG_OK, fseg_pairs_partition(12, 3, 4, &pairs.set));
    const std::vector<double> z = randomVectors(36, 128);
    const std::vector<float> f(z.begin(), z.end());
    std::vector<double> gradient, d(f.begin(), f.end());
    std::vector<float> single(f.size());
    double loss;
    const auto o = options(0.1);
    lossOf(o, pairs, d, 128, &gradient);
    ASSERT_EQ(FSEG_OK, fseg_contrast_f32(&o, &pairs.set, f.data(), 36, 128, &loss, single.data()));
    double scale = 0;
    for (double g : gradient)
        scale = std::max(scale, std::fabs(g));
    for (size_t i = 0; i < f.size(); ++i)
        EXPECT_NEAR(gradient[i], single[i], 1e-5 * scale);
}

// ---- pairs -------------------------------------------------------------------------------------

TEST(Contrast, PartitionNegativesFollowTheNumberOfPartitions)
{
    // The released code used stride 4 whatever the number of partitions was.
    for (int partitions : {2, 3, 4, 6}) {
        Pairs pairs;
        ASSERT_EQ(FSEG_OK, fseg_pairs_partition(12, 3, partitions, &pairs.set));
        ASSERT_EQ(36u, pairs.set.anchors);
        for (uint32_t i = 0; i < 36; ++i) {
            std::set<uint32_t> positive, negative;
            for (uint32_t j = 0; j < 36; ++j) {
                if (j % 12 % uint32_t(partitions) != i % 12 % uint32_t(partitions))
                    negative.insert(j);
                else if (j != i && j % 12 == i % 12)
                    positive.insert(j);
            }
            EXPECT_EQ(positive, pairs.positives(i));
            EXPECT_EQ(negative, pairs.negatives(i));
        }
    }
}

TEST(Contrast, NtxentLeavesOutOnlyTheAnchorAndItsPositive)
{
    Pairs pairs;
    ASSERT_EQ(FSEG_OK, fseg_pairs_ntxent(3, &pairs.set));
    EXPECT_EQ((std::set<uint32_t>{4}), pairs.positives(1));
    EXPECT_EQ((std::set<uint32_t>{0, 2, 3, 5}), pairs.negatives(1));
    EXPECT_EQ((std::set<uint32_t>{1}), pairs.positives(4));
}

TEST(Contrast, BothDrawsOfAPartitionArePositives)
{
    Pairs pairs;
    ASSERT_EQ(FSEG_OK, fseg_pairs_partition_pairs(4, 2, &pairs.set));
    EXPECT_EQ((std::set<uint32_t>{5, 9}), pairs.positives(1));  // x_i: x_i', x_j
    EXPECT_EQ((std::set<uint32_t>{1, 13}), pairs.positives(5)); // x_i': x_i, x_j'
    EXPECT_EQ((std::set<uint32_t>{1, 13}), pairs.positives(9)); // x_j: x_i, x_j'
    EXPECT_EQ((std::set<uint32_t>{5, 9}), pairs.positives(13)); // x_j': x_i', x_j
    EXPECT_EQ((std::set<uint32_t>{0, 2, 4, 6, 8, 10, 12, 14}), pairs.negatives(13));
}

TEST(Contrast, SupconPutsThePositivesIntoTheDenominator)
{
    Pairs pairs;
    const double position[] = {0.1, 0.12, 0.9};
    ASSERT_EQ(FSEG_OK, fseg_pairs_position(3, position, 0.1, &pairs.set));
    EXPECT_EQ((std::set<uint32_t>{1, 3, 4}), pairs.positives(0));
    EXPECT_EQ((std::set<uint32_t>{2, 5}), pairs.negatives(0));
    // All vectors equal: every one of the other five has probability 1/5.
    const std::vector<double> z(6 * 2, 1.0);
    EXPECT_NEAR(std::log(5), lossOf(options(0.1, 0, 0, FSEG_CONTRAST_SUPCON), pairs, z, 2), 1e-12);
}

TEST(Contrast, LocalRegionsLieInsideAndMeetTheirTwinsInTheOtherView)
{
    for (int region = 0; region < FSEG_LOCAL_REGIONS; ++region) {
        int y, x;
        fseg_local_region(region, 16, 40, &y, &x);
        EXPECT_TRUE(y >= 0 && y + 3 <= 16 && x >= 0 && x + 3 <= 40);
    }
    Pairs pairs;
    ASSERT_EQ(FSEG_OK, fseg_pairs_local(2, &pairs.set));
    ASSERT_EQ(4u * 13, pairs.set.anchors);
    for (uint32_t a = 0; a < 52; ++a) {
        EXPECT_EQ((std::set<uint32_t>{(a + 26) % 52}), pairs.positives(a));
        EXPECT_EQ(10u, pairs.negatives(a).size());
        for (uint32_t n : pairs.negatives(a)) {
            EXPECT_EQ(a / 13 % 2, n / 13 % 2) << "another image";
            EXPECT_NE(a % 13, n % 13);
        }
    }
}

TEST(Contrast, QueriesAreDistinctForegroundBlocks)
{
    std::vector<uint8_t> foreground(100, 0);
    for (size_t i = 40; i < 70; ++i)
        foreground[i] = 1;
    fseg_random random = fseg_random_create(3, 0);
    std::vector<uint32_t> queries(100);
    EXPECT_EQ(20u, fseg_ccl_draw_queries(foreground.data(), 100, 20, &random, queries.data()));
    const std::set<uint32_t> drawn(queries.begin(), queries.begin() + 20);
    EXPECT_EQ(20u, drawn.size());
    EXPECT_TRUE(*drawn.begin() >= 40 && *drawn.rbegin() < 70);
    // Fewer foreground blocks than queries: all of them; none: none.
    EXPECT_EQ(30u, fseg_ccl_draw_queries(foreground.data(), 100, 50, &random, queries.data()));
    EXPECT_EQ(0u, fseg_ccl_draw_queries(foreground.data(), 30, 20, &random, queries.data()));
}

TEST(Contrast, BlocksTakeTheMajorityLabel)
{
    std::vector<uint8_t> labels(8 * 8, 3);
    for (int y = 0; y < 4; ++y)
        for (int x = 0; x < 4; ++x)
            labels[size_t(y * 8 + 4 + x)] = uint8_t(x < 2 ? 7 : 2); // a tie
    labels[7 * 8] = 9;
    uint8_t out[4];
    ASSERT_EQ(FSEG_OK, fseg_block_majority(labels.data(), 8, 8, 4, out));
    EXPECT_EQ((std::vector<uint8_t>{3, 2, 3, 3}), std::vector<uint8_t>(out, out + 4));
}

TEST(Contrast, OnlyTheNearestVectorsTakePart)
{
    const std::vector<double> z = randomVectors(60, 4);
    std::vector<uint8_t> labels(60, 0);
    const uint32_t query = 5;
    const fseg_ccl_options o = {10, 0};
    Pairs pairs;
    ASSERT_EQ(FSEG_OK,
              fseg_pairs_ccl_f64(&o, z.data(), 60, 4, labels.data(), &query, 1, &pairs.set));
    EXPECT_EQ(10u, pairs.positives(0).size());
    EXPECT_EQ(0u, pairs.positives(0).count(5));
    auto cosine = [&](size_t j) {
        double dot = 0, a = 0, b = 0;
        for (size_t k = 0; k < 4; ++k) {
            dot += z[20 + k] * z[4 * j + k];
            a += z[20 + k] * z[20 + k];
            b += z[4 * j + k] * z[4 * j + k];
        }
        return dot / std::sqrt(a * b);
    };
    double nearest = 2;
    for (uint32_t j : pairs.positives(0))
        nearest = std::min(nearest, cosine(j));
    for (uint32_t j = 0; j < 60; ++j)
        if (j != 5 && !pairs.positives(0).count(j)) {
            EXPECT_LE(cosine(j), nearest);
        }
    // More neighbours than vectors: all others.
    const fseg_ccl_options many = {1000, 0};
    Pairs all;
    ASSERT_EQ(FSEG_OK,
              fseg_pairs_ccl_f64(&many, z.data(), 60, 4, labels.data(), &query, 1, &all.set));
    EXPECT_EQ(59u, all.positives(0).size());
}

// ---- edges -------------------------------------------------------------------------------------

TEST(Contrast, NoNegativesGiveLossZeroAndAnchorsWithoutPositivesAreSkipped)
{
    const std::vector<double> z = randomVectors(6, 3);
    const uint32_t queries[] = {0, 1};
    const uint8_t same[6] = {0}, alone[6] = {7, 1, 1, 2, 2, 2};
    const fseg_ccl_options o = {5, 0};
    for (auto form : {FSEG_CONTRAST_PAIRWISE, FSEG_CONTRAST_SET_WISE}) {
        Pairs pairs, half, one;
        std::vector<double> gradient;
        ASSERT_EQ(FSEG_OK, fseg_pairs_ccl_f64(&o, z.data(), 6, 3, same, queries, 2, &pairs.set));
        EXPECT_EQ(0.0, lossOf(options(0.1, 0, 1e-7, form), pairs, z, 3, &gradient));
        for (double g : gradient)
            EXPECT_EQ(0.0, g);
        // Query 0 has a label of its own: the mean is over query 1 alone.
        ASSERT_EQ(FSEG_OK, fseg_pairs_ccl_f64(&o, z.data(), 6, 3, alone, queries, 2, &half.set));
        ASSERT_EQ(FSEG_OK, fseg_pairs_ccl_f64(&o, z.data(), 6, 3, alone, queries + 1, 1, &one.set));
        EXPECT_EQ(lossOf(options(0.1, 0, 0, form), one, z, 3),
                  lossOf(options(0.1, 0, 0, form), half, z, 3));
    }
    Pairs none;
    ASSERT_EQ(FSEG_OK, fseg_pairs_ccl_f64(&o, z.data(), 6, 3, same, nullptr, 0, &none.set));
    EXPECT_EQ(0.0, lossOf(options(0.1), none, z, 3));
}

TEST(Contrast, ExtremeVectorsStayFinite)
{
    // A tiny temperature would overflow exponentials; a zero vector has no direction.
    std::vector<double> z = randomVectors(8, 3), gradient;
    z[3] = z[4] = z[5] = 0;
    for (size_t k = 0; k < 3; ++k)
        z[k] *= 1e30;
    Pairs pairs;
    ASSERT_EQ(FSEG_OK, fseg_pairs_ntxent(4, &pairs.set));
    EXPECT_TRUE(std::isfinite(lossOf(options(1e-4), pairs, z, 3, &gradient)));
    for (double g : gradient)
        EXPECT_TRUE(std::isfinite(g));
}

TEST(Contrast, RefusesWhatCannotBeComputed)
{
    std::vector<double> z = randomVectors(8, 3);
    Pairs pairs;
    ASSERT_EQ(FSEG_OK, fseg_pairs_ntxent(4, &pairs.set));
    double loss;
    auto o = options(0.1);
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_contrast_f64(&o, &pairs.set, z.data(), 7, 3, &loss, nullptr)); // index 7
    o.temperature = 0;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_contrast_f64(&o, &pairs.set, z.data(), 8, 3, &loss, nullptr));
    o.temperature = 0.1;
    z[4] = NAN;
    EXPECT_EQ(FSEG_ERROR_NOT_FINITE,
              fseg_contrast_f64(&o, &pairs.set, z.data(), 8, 3, &loss, nullptr));
    Pairs refused;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, fseg_pairs_partition(6, 3, 1, &refused.set));
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, fseg_pairs_ntxent(0, &refused.set));
    EXPECT_EQ(nullptr, refused.set.anchor);
}

} // namespace
