// Constraint maps: each step against what it should find, and the whole on tissues that only all
// contrasts together tell apart.
#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <vector>

#include "frugalseg/constraint_map.h"
#include "frugalseg/random.h"
extern "C" {
#include "cluster.h"
}

namespace
{

TEST(ConstraintMap, EigenvectorsSolveTheirEquationAndAreOrdered)
{
    const int n = 6;
    std::vector<double> a(n * n), v(n * n), values(n);
    fseg_random random = fseg_random_create(1, 0);
    for (int i = 0; i < n; ++i)
        for (int j = 0; j <= i; ++j)
            a[size_t(i * n + j)] = a[size_t(j * n + i)] = fseg_random_normal(&random);
    std::vector<double> copy = a;
    fseg_symmetric_eigen(copy.data(), n, v.data(), values.data());
    for (int k = 0; k < n; ++k) {
        double length = 0;
        for (int i = 0; i < n; ++i) {
            double av = 0;
            for (int j = 0; j < n; ++j)
                av += a[size_t(i * n + j)] * v[size_t(j * n + k)];
            EXPECT_NEAR(values[size_t(k)] * v[size_t(i * n + k)], av, 1e-12);
            length += v[size_t(i * n + k)] * v[size_t(i * n + k)];
        }
        EXPECT_NEAR(1, length, 1e-12);
        if (k > 0) {
            EXPECT_GE(values[size_t(k - 1)], values[size_t(k)]);
        }
    }
}

// The functional that total variation denoising makes small.
double energy(const std::vector<float> &u, const std::vector<float> &f, int side, double weight)
{
    double sum = 0;
    for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x) {
            const size_t i = size_t(y * side + x);
            const double gx = x + 1 < side ? double(u[i + 1]) - u[i] : 0;
            const double gy = y + 1 < side ? double(u[i + size_t(side)]) - u[i] : 0;
            sum +=
                std::hypot(gx, gy) + 0.5 * weight * (double(u[i]) - f[i]) * (double(u[i]) - f[i]);
        }
    return sum;
}

TEST(ConstraintMap, TotalVariationSmoothsNoiseKeepsEdgesAndMinimizesItsEnergy)
{
    const int side = 32;
    std::vector<float> f(side * side), scratch(5 * side * side);
    fseg_random random = fseg_random_create(2, 0);
    for (int i = 0; i < side * side; ++i)
        f[size_t(i)] = (i % side < 16 ? 0.2f : 0.8f) + 0.05f * fseg_random_normal(&random);
    std::vector<float> u = f;
    fseg_total_variation(8, 200, side, side, u.data(), scratch.data());
    double noise = 0, left = 0;
    for (int i = 0; i < side * side; ++i) {
        const double d = u[size_t(i)] - (i % side < 16 ? 0.2 : 0.8);
        noise += d * d;
        left += u[size_t(i)] / double(side * side);
    }
    EXPECT_LT(std::sqrt(noise / (side * side)), 0.025);
    double mean = 0;
    for (float v : f)
        mean += v / double(side * side);
    EXPECT_NEAR(mean, left, 1e-3);
    // A minimum: no small change of a pixel or of a region lowers it noticeably.
    const double least = energy(u, f, side, 8);
    EXPECT_LT(least, energy(f, f, side, 8));
    for (int i = 0; i < side * side; i += 37)
        for (float step : {-0.01f, 0.01f}) {
            std::vector<float> other = u;
            other[size_t(i)] += step;
            EXPECT_GT(energy(other, f, side, 8), least - 1e-3);
        }
    std::vector<float> blend = u;
    for (size_t i = 0; i < blend.size(); ++i)
        blend[i] = 0.9f * u[i] + 0.1f * f[i];
    EXPECT_GT(energy(blend, f, side, 8), least);
}

TEST(ConstraintMap, KMeansFindsSeparateClouds)
{
    std::vector<float> points;
    fseg_random random = fseg_random_create(3, 0);
    for (int i = 0; i < 30000; ++i) {
        points.push_back(float(i % 3) + 0.05f * fseg_random_normal(&random));
        points.push_back(float(i % 3 == 1) + 0.05f * fseg_random_normal(&random));
    }
    std::vector<uint8_t> labels(30000), again(30000);
    ASSERT_EQ(FSEG_OK, fseg_k_means(points.data(), 30000, 2, 3, 7, labels.data()));
    for (size_t i = 3; i < labels.size(); ++i)
        ASSERT_EQ(labels[i % 3], labels[i]);
    EXPECT_EQ(3u, std::set<uint8_t>(labels.begin(), labels.begin() + 3).size());
    fseg_k_means(points.data(), 30000, 2, 3, 7, again.data());
    EXPECT_EQ(labels, again);
}

TEST(ConstraintMap, TissuesThatOnlyAllContrastsTellApartGetLabelsOfTheirOwn)
{
    // Four quadrants; each contrast alone shows two halves. The background is 0.
    const int side = 40, depth = 2, contrasts = 3;
    const size_t count = size_t(depth) * side * side;
    std::vector<float> images(contrasts * count);
    fseg_random random = fseg_random_create(4, 0);
    auto tissue = [&](size_t i) {
        const int y = int(i / side % side), x = int(i % side);
        if (y < 4 || x < 4 || y >= 36 || x >= 36)
            return 0;
        return 1 + (y >= 20) + 2 * (x >= 20);
    };
    for (size_t i = 0; i < count; ++i) {
        const int t = tissue(i);
        const float values[] = {t == 1 || t == 3 ? 900.f : 500.f, t < 3 ? 80.f : 50.f, 10.f};
        for (int c = 0; c < contrasts; ++c)
            images[size_t(c) * count + i] =
                t == 0 ? 0 : values[c] * (1 + 0.03f * fseg_random_normal(&random));
    }
    std::vector<uint8_t> first(count);
    for (int threads : {1, 2}) {
        const fseg_context_options o = {threads, FSEG_ISA_AUTO};
        fseg_context *context = nullptr;
        ASSERT_EQ(FSEG_OK, fseg_context_create(&o, &context, nullptr));
        fseg_constraint_options options = fseg_constraint_default_options();
        options.clusters = 5;
        std::vector<uint8_t> labels(count);
        ASSERT_EQ(FSEG_OK, fseg_constraint_map(context, &options, images.data(), contrasts, depth,
                                               side, side, labels.data(), nullptr, nullptr));
        std::map<int, std::map<int, size_t>> votes;
        for (size_t i = 0; i < count; ++i)
            ++votes[tissue(i)][labels[i]];
        size_t right = 0;
        std::set<int> winners;
        for (const auto &[t, of] : votes) {
            int winner = of.begin()->first;
            for (const auto &[label, n] : of)
                winner = n > of.at(winner) ? label : winner;
            winners.insert(winner);
            right += of.at(winner);
        }
        EXPECT_EQ(5u, winners.size());
        EXPECT_GT(double(right), 0.97 * double(count));
        if (threads == 1)
            first = labels;
        else
            EXPECT_EQ(first, labels);
        fseg_context_free(context);
    }
}

TEST(ConstraintMap, RefusesNonsenseAndStopsWhenAsked)
{
    fseg_context *context = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_context_create(nullptr, &context, nullptr));
    std::vector<float> image(64, 1.0f);
    std::vector<uint8_t> labels(64, 9);
    fseg_constraint_options o = fseg_constraint_default_options();
    fseg_error error;
    o.clusters = 1;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, fseg_constraint_map(context, &o, image.data(), 1, 1, 8,
                                                               8, labels.data(), nullptr, &error));
    o = fseg_constraint_default_options();
    // A constant image has one label.
    EXPECT_EQ(FSEG_OK, fseg_constraint_map(context, &o, image.data(), 1, 1, 8, 8, labels.data(),
                                           nullptr, &error));
    EXPECT_EQ(std::vector<uint8_t>(64, labels[0]), labels);
    const fseg_progress stop = {[](void *, double, const char *) { return 1; }, nullptr};
    EXPECT_EQ(FSEG_ERROR_CANCELLED, fseg_constraint_map(context, &o, image.data(), 1, 1, 8, 8,
                                                        labels.data(), &stop, &error));
    image[5] = NAN;
    EXPECT_EQ(FSEG_ERROR_NOT_FINITE, fseg_constraint_map(context, &o, image.data(), 1, 1, 8, 8,
                                                         labels.data(), nullptr, &error));
    fseg_context_free(context);
}

} // namespace
