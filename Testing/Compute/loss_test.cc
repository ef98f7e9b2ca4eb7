// The segmentation losses: golden values, finite differences, refusal of bad input.
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

} // namespace
