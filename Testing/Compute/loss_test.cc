// The segmentation losses: golden values, finite differences, refusal of bad input.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "frugalseg/loss.h"
#include "frugalseg/random.h"

namespace
{

fseg_loss_options only(double dice, double entropy, double tversky)
{
    fseg_loss_options o = fseg_loss_default_options();
    o.dice_weight = dice;
    o.cross_entropy_weight = entropy;
    o.tversky_weight = tversky;
    return o;
}

// Two classes; logits whose softmax gives the wanted foreground probabilities.
struct Golden {
    std::vector<double> logits;
    std::vector<uint8_t> labels{1, 1, 1, 0};
    Golden()
    {
        for (double p : {0.9, 0.8, 0.3, 0.1})
            logits.push_back(std::log(1 - p));
        for (double p : {0.9, 0.8, 0.3, 0.1})
            logits.push_back(std::log(p));
    }
};

TEST(Loss, TverskyHasTheGoldenValue)
{
    // K - sum of the indices over both classes, no smoothing: 0.5587378501; ours is the mean.
    Golden g;
    fseg_loss_options o = only(0, 0, 1);
    o.smooth = 0;
    double loss;
    ASSERT_EQ(FSEG_OK,
              fseg_loss_f64(&o, g.logits.data(), g.labels.data(), 1, 2, 4, &loss, nullptr));
    EXPECT_NEAR(0.5587378501 / 2, loss, 1e-9);
}

TEST(Loss, SoftDiceHasTheGoldenValue)
{
    Golden g;
    fseg_loss_options o = only(1, 0, 0);
    o.smooth = 0;
    double loss;
    ASSERT_EQ(FSEG_OK,
              fseg_loss_f64(&o, g.logits.data(), g.labels.data(), 1, 2, 4, &loss, nullptr));
    EXPECT_NEAR(0.2974983097, loss, 1e-9);
}

TEST(Loss, SinglePrecisionHasTheGoldenValuesTo1e5)
{
    Golden g;
    const std::vector<float> logits(g.logits.begin(), g.logits.end());
    fseg_loss_options o = only(1, 0, 0);
    o.smooth = 0;
    double loss;
    ASSERT_EQ(FSEG_OK, fseg_loss_f32(&o, logits.data(), g.labels.data(), 1, 2, 4, &loss, nullptr));
    EXPECT_NEAR(0.2974983097, loss, 1e-5);
}

TEST(Loss, CrossEntropyIsTheMeanNegativeLogProbability)
{
    Golden g;
    const fseg_loss_options o = only(0, 1, 0);
    double loss;
    ASSERT_EQ(FSEG_OK,
              fseg_loss_f64(&o, g.logits.data(), g.labels.data(), 1, 2, 4, &loss, nullptr));
    EXPECT_NEAR(-(std::log(0.9) + std::log(0.8) + std::log(0.3) + std::log(0.9)) / 4, loss, 1e-12);
}

TEST(Loss, GradientsEqualFiniteDifferencesTo1e6)
{
    const int batch = 2, classes = 3;
    const size_t pixels = 7;
    std::vector<double> logits(batch * classes * pixels), gradient(logits.size());
    std::vector<uint8_t> labels(batch * pixels);
    fseg_random random = fseg_random_create(1, 1);
    for (double &z : logits)
        z = 2 * fseg_random_normal(&random);
    for (uint8_t &l : labels)
        l = uint8_t(fseg_random_below(&random, classes));
    for (int background : {0, 1})
        for (const auto &weights :
             {std::vector<double>{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0.5, 0.5, 0}, {0.2, 0.3, 0.5}}) {
            fseg_loss_options o = only(weights[0], weights[1], weights[2]);
            o.include_background = background;
            double loss, up, down;
            ASSERT_EQ(FSEG_OK, fseg_loss_f64(&o, logits.data(), labels.data(), batch, classes,
                                             pixels, &loss, gradient.data()));
            for (size_t i = 0; i < logits.size(); ++i) {
                const double before = logits[i], step = 1e-5;
                logits[i] = before + step;
                fseg_loss_f64(&o, logits.data(), labels.data(), batch, classes, pixels, &up,
                              nullptr);
                logits[i] = before - step;
                fseg_loss_f64(&o, logits.data(), labels.data(), batch, classes, pixels, &down,
                              nullptr);
                logits[i] = before;
                EXPECT_NEAR((up - down) / (2 * step), gradient[i], 1e-8);
            }
        }
}

TEST(Loss, AbsentClassGivesAFiniteLoss)
{
    const std::vector<float> logits(2 * 2 * 3, 0.5f);
    const std::vector<uint8_t> labels(2 * 3, 0);
    for (const auto &o : {only(1, 0, 0), only(0, 0, 1)}) {
        double loss;
        EXPECT_EQ(FSEG_OK,
                  fseg_loss_f32(&o, logits.data(), labels.data(), 2, 2, 3, &loss, nullptr));
        EXPECT_TRUE(std::isfinite(loss));
    }
}

TEST(Loss, HugeLogitsDoNotOverflow)
{
    const std::vector<float> logits{3e4f, -3e4f, -3e4f, 3e4f};
    const std::vector<uint8_t> labels{0, 0};
    const fseg_loss_options o = fseg_loss_default_options();
    double loss;
    std::vector<float> gradient(4);
    EXPECT_EQ(FSEG_OK,
              fseg_loss_f32(&o, logits.data(), labels.data(), 1, 2, 2, &loss, gradient.data()));
    for (float g : gradient)
        EXPECT_TRUE(std::isfinite(g));
}

TEST(Loss, RefusesUnknownLabelAndNotFiniteLogits)
{
    const fseg_loss_options o = fseg_loss_default_options();
    const float nan[2] = {NAN, 0};
    const float fine[2] = {0, 0};
    const uint8_t two = 2, one = 1;
    double loss;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, fseg_loss_f32(&o, fine, &two, 1, 2, 1, &loss, nullptr));
    EXPECT_EQ(FSEG_ERROR_NOT_FINITE, fseg_loss_f32(&o, nan, &one, 1, 2, 1, &loss, nullptr));
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, fseg_loss_f32(&o, fine, &one, 1, 1, 1, &loss, nullptr));
}

// ---- on the threads of a context ----------------------------------------------------------------

struct Batch {
    int count, classes;
    size_t pixels;
    std::vector<float> logits;
    std::vector<uint8_t> labels;
    Batch(int batch, int classes_, size_t pixels_)
        : count(batch), classes(classes_), pixels(pixels_),
          logits(size_t(batch) * size_t(classes_) * pixels_), labels(size_t(batch) * pixels_)
    {
        fseg_random random = fseg_random_create(5, pixels_);
        for (float &z : logits)
            z = 6 * fseg_random_normal(&random);
        for (uint8_t &l : labels)
            l = uint8_t(fseg_random_below(&random, uint32_t(classes_)));
    }
    fseg_status parallel(const fseg_loss_options &o, double &loss, std::vector<float> &gradient,
                         int threads = 2) const
    {
        const fseg_context_options options = {threads, FSEG_ISA_AUTO};
        fseg_context *context = nullptr;
        EXPECT_EQ(FSEG_OK, fseg_context_create(&options, &context, nullptr));
        gradient.assign(logits.size(), -1);
        const fseg_status status =
            fseg_loss_parallel(context, &o, logits.data(), labels.data(), count, classes, pixels,
                               &loss, gradient.data());
        fseg_context_free(context);
        return status;
    }
};

TEST(Loss, OnThreadsItAgreesWithDouble)
{
    // Whole and broken blocks and parts, and as many classes as are allowed.
    for (const Batch &b :
         {Batch(1, 2, 1), Batch(2, 3, 63), Batch(3, 2, 64), Batch(2, 5, 4097), Batch(1, 64, 130)})
        for (const auto &weights :
             {std::vector<double>{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0.2, 0.3, 0.5}}) {
            fseg_loss_options o = only(weights[0], weights[1], weights[2]);
            o.include_background = b.classes == 3;
            const std::vector<double> logits(b.logits.begin(), b.logits.end());
            std::vector<double> expected(logits.size());
            std::vector<float> gradient;
            double loss, reference;
            ASSERT_EQ(FSEG_OK, fseg_loss_f64(&o, logits.data(), b.labels.data(), b.count, b.classes,
                                             b.pixels, &reference, expected.data()));
            ASSERT_EQ(FSEG_OK, b.parallel(o, loss, gradient));
            EXPECT_NEAR(reference, loss, 2e-6 * (1 + reference));
            double scale = 0;
            for (double g : expected)
                scale = std::max(scale, std::fabs(g));
            for (size_t i = 0; i < expected.size(); ++i)
                ASSERT_NEAR(expected[i], gradient[i], 2e-6 * scale) << i << " of " << b.pixels;
        }
}

TEST(Loss, OnThreadsItDoesNotDependOnTheirNumber)
{
    const Batch b(3, 2, 10000);
    const fseg_loss_options o = fseg_loss_default_options();
    double one, three;
    std::vector<float> a, c;
    ASSERT_EQ(FSEG_OK, b.parallel(o, one, a, 1));
    ASSERT_EQ(FSEG_OK, b.parallel(o, three, c, 3));
    EXPECT_EQ(one, three);
    EXPECT_EQ(a, c);
}

TEST(Loss, OnThreadsItRefusesWhatTheOthersDo)
{
    const fseg_loss_options o = fseg_loss_default_options();
    double loss;
    std::vector<float> gradient;
    Batch b(2, 2, 5000);
    b.logits[7] = 1e30f; // overflows nothing
    EXPECT_EQ(FSEG_OK, b.parallel(o, loss, gradient));
    for (float g : gradient)
        ASSERT_TRUE(std::isfinite(g));
    for (size_t at : {size_t(3), b.logits.size() - 1})
        for (float bad : {NAN, INFINITY}) {
            Batch broken = b;
            broken.logits[at] = bad;
            EXPECT_EQ(FSEG_ERROR_NOT_FINITE, broken.parallel(o, loss, gradient)) << at << bad;
        }
    b.labels[9999] = 2;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, b.parallel(o, loss, gradient));
}

} // namespace
