// Behaviour of the counter-based random numbers.
#include "frugalseg/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

namespace
{

struct KnownAnswer {
    std::array<uint32_t, 4> counter;
    std::array<uint32_t, 2> key;
    std::array<uint32_t, 4> expected;
};

// The three philox4x32-10 lines of the authors' kat_vectors (Random123).
const KnownAnswer knownAnswers[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

TEST(Random, PhiloxGivesTheAuthorsKnownAnswers)
{
    for (const KnownAnswer &answer : knownAnswers) {
        std::array<uint32_t, 4> out{};
        fseg_philox4x32(answer.counter.data(), answer.key.data(), out.data());
        EXPECT_EQ(out, answer.expected);
    }
}

TEST(Random, AStreamIsTheBlocksOfItsCounterInOrder)
{
    fseg_random random = fseg_random_create(0x0123456789abcdefULL, 0xfedcba9876543210ULL);
    const uint32_t key[2] = {0x89abcdef, 0x01234567};
    for (uint32_t n = 0; n < 5; ++n) {
        const uint32_t counter[4] = {n, 0, 0x76543210, 0xfedcba98};
        uint32_t block[4];
        fseg_philox4x32(counter, key, block);
        for (uint32_t word : block)
            EXPECT_EQ(fseg_random_u32(&random), word);
    }
}

TEST(Random, SameSeedAndStreamGiveTheSameNumbersAndOthersDiffer)
{
    fseg_random a = fseg_random_create(7, 1), b = fseg_random_create(7, 1);
    fseg_random otherStream = fseg_random_create(7, 2), otherSeed = fseg_random_create(8, 1);
    int equalStream = 0, equalSeed = 0;
    for (int i = 0; i < 1000; ++i) {
        const uint32_t value = fseg_random_u32(&a);
        ASSERT_EQ(value, fseg_random_u32(&b));
        equalStream += value == fseg_random_u32(&otherStream);
        equalSeed += value == fseg_random_u32(&otherSeed);
    }
    EXPECT_LE(equalStream, 1);
    EXPECT_LE(equalSeed, 1);
}

TEST(Random, ACopiedStreamContinuesAlike)
{
    fseg_random a = fseg_random_create(3, 4);
    for (int i = 0; i < 6; ++i)
        fseg_random_u32(&a);
    fseg_random b = a;
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(fseg_random_u32(&a), fseg_random_u32(&b));
}

TEST(Random, UniformFillsTheHalfOpenUnitIntervalEvenly)
{
    fseg_random random = fseg_random_create(11, 0);
    const int n = 200000;
    std::array<int, 20> bins{};
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < n; ++i) {
        const float u = fseg_random_uniform(&random);
        ASSERT_GE(u, 0.0f);
        ASSERT_LT(u, 1.0f);
        ++bins[static_cast<size_t>(u * 20.0f)];
        sum += u;
        squares += static_cast<double>(u) * u;
    }
    EXPECT_NEAR(sum / n, 0.5, 0.003);
    EXPECT_NEAR(squares / n, 1.0 / 3.0, 0.003);
    double chiSquare = 0.0;
    for (int count : bins)
        chiSquare += std::pow(count - n / 20.0, 2) / (n / 20.0);
    EXPECT_LT(chiSquare, 43.8); // 99.9 % point of 19 degrees of freedom
}

TEST(Random, RangeStaysBelowItsUpperEnd)
{
    fseg_random random = fseg_random_create(12, 0);
    for (int i = 0; i < 100000; ++i) {
        const float value = fseg_random_range(&random, 1.0f, 1.0f + 0x1p-22f); // few floats inside
        ASSERT_GE(value, 1.0f);
        ASSERT_LT(value, 1.0f + 0x1p-22f);
    }
    EXPECT_EQ(fseg_random_range(&random, 2.5f, 2.5f), 2.5f);
}

TEST(Random, BelowIsUniformOverAllIntegersBelowTheBound)
{
    fseg_random random = fseg_random_create(13, 0);
    const uint32_t bound = 7;
    const int n = 70000;
    std::array<int, 7> counts{};
    for (int i = 0; i < n; ++i) {
        const uint32_t value = fseg_random_below(&random, bound);
        ASSERT_LT(value, bound);
        ++counts[value];
    }
    for (int count : counts)
        EXPECT_NEAR(count, n / 7, 400); // 4 standard deviations
    EXPECT_EQ(fseg_random_below(&random, 1), 0u);

    // A bound of 3 * 2^30 would be visibly uneven without rejection: the lowest third twice as
    // often.
    int lowThird = 0;
    for (int i = 0; i < 30000; ++i)
        lowThird += fseg_random_below(&random, 3u << 30) < (1u << 30);
    EXPECT_NEAR(lowThird, 10000, 400);
}

TEST(Random, NormalHasTheMomentsAndTailsOfAGaussian)
{
    fseg_random random = fseg_random_create(14, 0);
    const int n = 200000;
    double m1 = 0.0, m2 = 0.0, m3 = 0.0, m4 = 0.0;
    int beyond2 = 0;
    for (int i = 0; i < n; ++i) {
        const double x = fseg_random_normal(&random);
        ASSERT_TRUE(std::isfinite(x));
        m1 += x;
        m2 += x * x;
        m3 += x * x * x;
        m4 += x * x * x * x;
        beyond2 += std::fabs(x) > 2.0;
    }
    EXPECT_NEAR(m1 / n, 0.0, 0.01);
    EXPECT_NEAR(m2 / n, 1.0, 0.015);
    EXPECT_NEAR(m3 / n, 0.0, 0.03);
    EXPECT_NEAR(m4 / n, 3.0, 0.1);
    EXPECT_NEAR(beyond2 / static_cast<double>(n), 0.0455, 0.002);
}

} // namespace
