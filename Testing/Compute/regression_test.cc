// The regression loss of restored images.
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "frugalseg/random.h"
#include "frugalseg/regression.h"

namespace
{

constexpr int batch = 2, channels = 3;
constexpr size_t pixels = 7;

struct Images {
    std::vector<double> prediction = std::vector<double>(batch * channels * pixels);
    std::vector<double> target = prediction;
    std::vector<uint8_t> mask = std::vector<uint8_t>(batch * pixels);
    Images()
    {
        fseg_random random = fseg_random_create(4, 0);
        for (double &v : prediction)
            v = fseg_random_normal(&random);
        for (double &v : target)
            v = fseg_random_normal(&random);
        for (uint8_t &m : mask)
            m = uint8_t(fseg_random_below(&random, 2));
    }
    double loss(fseg_regression_error kind, bool masked, double *gradient = nullptr) const
    {
        double value = NAN;
        EXPECT_EQ(FSEG_OK, fseg_regression_f64(kind, prediction.data(), target.data(),
                                               masked ? mask.data() : nullptr, batch, channels,
                                               pixels, &value, gradient));
        return value;
    }
};

TEST(Regression, IsTheMeanErrorOverThePixelsThatCount)
{
    Images images;
    for (bool masked : {false, true}) {
        double squared = 0, absolute = 0, count = 0;
        for (size_t n = 0; n < batch; ++n)
            for (size_t c = 0; c < channels; ++c)
                for (size_t i = 0; i < pixels; ++i)
                    if (!masked || images.mask[n * pixels + i]) {
                        const size_t at = (n * channels + c) * pixels + i;
                        const double d = images.prediction[at] - images.target[at];
                        squared += d * d;
                        absolute += std::fabs(d);
                        ++count;
                    }
        EXPECT_NEAR(squared / count, images.loss(FSEG_REGRESSION_SQUARED, masked), 1e-14);
        EXPECT_NEAR(absolute / count, images.loss(FSEG_REGRESSION_ABSOLUTE, masked), 1e-14);
        const std::vector<float> p(images.prediction.begin(), images.prediction.end());
        const std::vector<float> t(images.target.begin(), images.target.end());
        double single;
        ASSERT_EQ(FSEG_OK, fseg_regression_f32(FSEG_REGRESSION_SQUARED, p.data(), t.data(),
                                               masked ? images.mask.data() : nullptr, batch,
                                               channels, pixels, &single, nullptr));
        EXPECT_NEAR(squared / count, single, 1e-5);
    }
}

TEST(Regression, GradientsEqualFiniteDifferencesTo1e6)
{
    Images images;
    std::vector<double> gradient(images.prediction.size());
    for (auto kind : {FSEG_REGRESSION_SQUARED, FSEG_REGRESSION_ABSOLUTE})
        for (bool masked : {false, true}) {
            images.loss(kind, masked, gradient.data());
            for (size_t i = 0; i < gradient.size(); ++i) {
                const double before = images.prediction[i], step = 1e-5;
                images.prediction[i] = before + step;
                const double up = images.loss(kind, masked);
                images.prediction[i] = before - step;
                const double down = images.loss(kind, masked);
                images.prediction[i] = before;
                EXPECT_NEAR((up - down) / (2 * step), gradient[i], 1e-6);
            }
        }
}

TEST(Regression, NothingToRestoreIsNoLossAndNotFiniteIsRefused)
{
    Images images;
    images.mask.assign(images.mask.size(), 0);
    std::vector<double> gradient(images.prediction.size(), NAN);
    EXPECT_EQ(0.0, images.loss(FSEG_REGRESSION_SQUARED, true, gradient.data()));
    for (double g : gradient)
        EXPECT_EQ(0.0, g);
    images.prediction[5] = INFINITY;
    double loss;
    EXPECT_EQ(FSEG_ERROR_NOT_FINITE,
              fseg_regression_f64(FSEG_REGRESSION_SQUARED, images.prediction.data(),
                                  images.target.data(), nullptr, batch, channels, pixels, &loss,
                                  nullptr));
}

} // namespace
