// Training in bfloat16: every operator against the reference on rounded inputs, the gradients of
// the whole network against single precision, and that it learns, repeats itself and can be
// interrupted.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "frugalseg/operators.h"
#include "frugalseg/random.h"
#include "frugalseg/trainer.h"
extern "C" {
#include "network.h"
}

namespace
{

bool available()
{
    return fseg_isa_available(FSEG_ISA_AVX512_BF16);
}

struct Context {
    fseg_context *handle = nullptr;
    explicit Context(fseg_isa isa = FSEG_ISA_AVX512, int threads = 2)
    {
        const fseg_context_options options = {threads, isa};
        EXPECT_EQ(FSEG_OK, fseg_context_create(&options, &handle, nullptr));
    }
    ~Context()
    {
        fseg_context_free(handle);
    }
};

// ---- rounding ---------------------------------------------------------------------------------

TEST(Bfloat16, RoundingTakesTheNearestAndTiesToEven)
{
    // One bit of the result is 2^-7 of a number between 1 and 2.
    std::vector<float> values = {1 + 0x1p-8f, 1 + 3 * 0x1p-8f,       1 + 0x1p-8f + 0x1p-20f,
                                 -2.0f,       0x1.fffffep127f,       INFINITY,
                                 0.0f,        1 + 0x1p-8f - 0x1p-20f};
    fseg_round_bfloat16(values.data(), values.size());
    EXPECT_EQ(
        (std::vector<float>{1, 1 + 4 * 0x1p-8f, 1 + 2 * 0x1p-8f, -2, INFINITY, INFINITY, 0, 1}),
        values);
    values = {NAN};
    fseg_round_bfloat16(values.data(), 1);
    EXPECT_TRUE(std::isnan(values[0]));
}

// ---- operators ----------------------------------------------------------------------------------

struct Case {
    const fseg_operator *op;
    fseg_operator_shape shape;
};

std::vector<Case> allCases()
{
    std::vector<Case> cases;
    size_t count;
    const fseg_operator *table = fseg_operators(&count);
    for (size_t i = 0; i < count; ++i) {
        const std::string name = table[i].name;
        if (name == "concat" || name == "softmax" || name == "dense" ||
            name.find("winograd") != std::string::npos || name.find("nested") != std::string::npos)
            continue; // no tensors in the blocked layout, or float alone
        const bool norm = name.rfind("group_norm", 0) == 0;
        // Odd and even, narrow and wide, one and several blocks of channels, wider than one patch
        // of the weight gradient.
        for (fseg_operator_shape s : {fseg_operator_shape{2, 3, 4, 6, 2, 1, 1e-3, {}},
                                      {1, 17, 6, 26, 18, 1, 1e-3, {}},
                                      {3, 32, 2, 2, 33, 4, 1e-3, {}},
                                      {1, 2, 34, 10, 5, 2, 1e-3, {}},
                                      {1, 16, 4, 130, 40, 4, 1e-3, {}},
                                      {1, 9, 3, 7, 16, 3, 1e-3, {}},
                                      {1, 4, 5, 67, 3, 2, 1e-3, {}}}) {
            if (name == "max_pool2" && (s.height % 2 || s.width % 2))
                continue;
            s.groups = norm ? s.groups : 1;
            s.precision = FSEG_PRECISION_BFLOAT16;
            cases.push_back({&table[i], s});
        }
    }
    return cases;
}

// Tensors of one precision, filled with the same numbers, each a bfloat16.
template <class T> struct Tensors {
    std::vector<T> x, x2, weight, bias, y, dy, dx, dx2, dweight, dbias;
    explicit Tensors(const fseg_operator_sizes &s)
        : x(s.x), weight(s.weight), bias(s.bias), y(s.y), dy(s.y), dx(s.x), dweight(s.weight),
          dbias(s.bias)
    {
        fseg_random random = fseg_random_create(11, s.x);
        for (auto *v : {&x, &weight, &bias, &dy})
            for (T &value : *v) {
                float f = fseg_random_normal(&random);
                fseg_round_bfloat16(&f, 1);
                value = f;
            }
    }
    template <class View> View view()
    {
        return View{x.data(),  x2.data(), weight.data(), bias.data(),    y.data(),
                    dy.data(), dx.data(), dx2.data(),    dweight.data(), dbias.data()};
    }
};

double largestDifference(const std::vector<float> &a, const std::vector<double> &b)
{
    double worst = 0, scale = 1e-30;
    for (size_t i = 0; i < b.size(); ++i) {
        scale = std::max(scale, std::fabs(b[i]));
        worst = std::max(worst, std::fabs(double(a[i]) - b[i]));
    }
    return worst / scale;
}

class Bfloat16Operator : public testing::TestWithParam<Case>
{
};

TEST_P(Bfloat16Operator, AgreesWithTheReferenceOnRoundedInputs)
{
    if (!available())
        GTEST_SKIP() << "this processor has no AVX-512 BF16";
    const Context context;
    const fseg_operator *op = GetParam().op;
    const fseg_operator_shape shape = GetParam().shape;
    Tensors<float> f(op->sizes(&shape));
    Tensors<double> d(op->sizes(&shape));
    auto fast = f.view<fseg_operator_f32>();
    auto reference = d.view<fseg_operator_f64>();
    op->forward_f64(&shape, &reference);
    op->backward_f64(&shape, &reference);
    ASSERT_EQ(FSEG_OK, op->forward_fast(context.handle, &shape, &fast));
    ASSERT_EQ(FSEG_OK, op->backward_fast(context.handle, &shape, &fast));
    // Tensors are rounded once when written; sums over a tensor stay in float. The weights of an
    // upsampling convolution are sums of those given and rounded once more.
    const double tolerance = strcmp(op->name, "upsample2_conv2x2") == 0 ? 0x1p-7 : 0x1p-8;
    EXPECT_LE(largestDifference(f.y, d.y), tolerance) << "y";
    EXPECT_LE(largestDifference(f.dx, d.dx), tolerance) << "dx";
    EXPECT_LE(largestDifference(f.dweight, d.dweight), 2e-5) << "dweight";
    EXPECT_LE(largestDifference(f.dbias, d.dbias), 2e-5) << "dbias";
}

INSTANTIATE_TEST_SUITE_P(All, Bfloat16Operator, testing::ValuesIn(allCases()),
                         [](const testing::TestParamInfo<Case> &each) {
                             return std::string(each.param.op->name) + "_" +
                                    std::to_string(each.index);
                         });

TEST(Bfloat16, OperatorsRefuseAContextWithoutItsKernels)
{
    const Context context(FSEG_ISA_PORTABLE);
    size_t count;
    const fseg_operator *op = fseg_operators(&count); // conv3x3
    fseg_operator_shape shape = {1, 1, 2, 2, 1, 1, 1e-3, FSEG_PRECISION_BFLOAT16};
    Tensors<float> f(op->sizes(&shape));
    auto fast = f.view<fseg_operator_f32>();
    EXPECT_EQ(FSEG_ERROR_UNSUPPORTED, op->forward_fast(context.handle, &shape, &fast));
    EXPECT_EQ(FSEG_ERROR_UNSUPPORTED, op->backward_fast(context.handle, &shape, &fast));
}

// ---- training
// ------------------------------------------------------------------------------------

constexpr int batch = 2, size = 64, steps = 30;

struct Data {
    std::vector<float> images = std::vector<float>(batch * size * size);
    std::vector<uint8_t> labels = std::vector<uint8_t>(batch * size * size);
    explicit Data(int step)
    {
        // Bright discs on noise: the label is the disc.
        fseg_random random = fseg_random_create(9, uint64_t(step));
        for (int n = 0; n < batch; ++n) {
            const float cx = fseg_random_range(&random, 16, 48),
                        cy = fseg_random_range(&random, 16, 48);
            for (int y = 0; y < size; ++y)
                for (int x = 0; x < size; ++x) {
                    const bool in = std::hypot(float(x) - cx, float(y) - cy) < 12;
                    const size_t i = size_t((n * size + y) * size + x);
                    labels[i] = in;
                    images[i] = (in ? 0.8f : 0.3f) + 0.1f * fseg_random_normal(&random);
                }
        }
    }
};

struct PrecisionRun {
    Context context;
    fseg_model *model = nullptr;
    fseg_trainer *trainer = nullptr;
    explicit PrecisionRun(fseg_precision precision, int threads = 2)
        : context(FSEG_ISA_AVX512, threads)
    {
        const fseg_unet_config config = fseg_unet_default_config(1, 2);
        EXPECT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
        fseg_trainer_options o = fseg_trainer_default_options(batch, size, size, steps);
        o.precision = precision;
        EXPECT_EQ(FSEG_OK, fseg_trainer_create(context.handle, model, &o, &trainer, nullptr));
    }
    ~PrecisionRun()
    {
        fseg_trainer_free(trainer);
        fseg_model_free(model);
    }
    std::vector<double> stepsFrom(int first, int end)
    {
        std::vector<double> losses;
        for (int i = first; i < end; ++i) {
            const Data data(i);
            losses.push_back(0);
            EXPECT_EQ(FSEG_OK, fseg_trainer_step(trainer, data.images.data(), data.labels.data(),
                                                 &losses.back(), nullptr));
        }
        return losses;
    }
};

class Bfloat16Training : public testing::Test
{
  protected:
    void SetUp() override
    {
        if (!available())
            GTEST_SKIP() << "this processor has no AVX-512 BF16";
    }
};

TEST_F(Bfloat16Training, GradientsPointWhereThoseOfSinglePrecisionDo)
{
    PrecisionRun exact(FSEG_PRECISION_FLOAT32), rounded(FSEG_PRECISION_BFLOAT16);
    // After some steps, so that no layer is still special.
    exact.stepsFrom(0, 8);
    const std::string path = testing::TempDir() + "frugalseg-bfloat16-gradients.fseg";
    ASSERT_EQ(FSEG_OK, fseg_trainer_save(exact.trainer, path.c_str(), nullptr));
    ASSERT_EQ(FSEG_OK, fseg_trainer_restore(rounded.trainer, path.c_str(), nullptr));
    std::filesystem::remove(path);
    const Data data(20);
    double lossExact, lossRounded;
    ASSERT_EQ(FSEG_OK, fseg_trainer_gradients(exact.trainer, data.images.data(), data.labels.data(),
                                              &lossExact, nullptr));
    ASSERT_EQ(FSEG_OK, fseg_trainer_gradients(rounded.trainer, data.images.data(),
                                              data.labels.data(), &lossRounded, nullptr));
    EXPECT_NEAR(lossExact, lossRounded, 0.01 * lossExact);
    EXPECT_NE(lossExact, lossRounded);
    double dot = 0, a2 = 0, b2 = 0;
    for (size_t i = 0; i < fseg_model_tensor_count(exact.model); ++i) {
        const float *a = fseg_trainer_gradient(exact.trainer, i);
        const float *b = fseg_trainer_gradient(rounded.trainer, i);
        double tensorDot = 0, tensorA = 0, tensorB = 0;
        for (size_t k = 0; k < fseg_model_tensor(exact.model, i)->count; ++k) {
            tensorDot += double(a[k]) * double(b[k]);
            tensorA += double(a[k]) * double(a[k]);
            tensorB += double(b[k]) * double(b[k]);
        }
        // The bias before a GroupNorm moves nothing of importance; its gradient is rounding alone
        // where groups are single channels, and small elsewhere.
        if (std::string(fseg_model_tensor(exact.model, i)->name).find("conv") !=
                std::string::npos &&
            fseg_model_tensor(exact.model, i)->rank == 4) {
            EXPECT_GT(tensorDot / std::sqrt(tensorA * tensorB), 0.95)
                << fseg_model_tensor(exact.model, i)->name;
        }
        dot += tensorDot;
        a2 += tensorA;
        b2 += tensorB;
    }
    EXPECT_GT(dot / std::sqrt(a2 * b2), 0.99);
    EXPECT_NEAR(1, std::sqrt(b2 / a2), 0.03);
}

TEST_F(Bfloat16Training, LossFallsAsInSinglePrecision)
{
    PrecisionRun exact(FSEG_PRECISION_FLOAT32), rounded(FSEG_PRECISION_BFLOAT16);
    const std::vector<double> a = exact.stepsFrom(0, steps), b = rounded.stepsFrom(0, steps);
    EXPECT_LT(b.back(), 0.6 * b.front());
    EXPECT_NEAR(a.front(), b.front(), 0.01 * a.front());
    EXPECT_NEAR(a.back(), b.back(), 0.2 * a.back());
}

TEST_F(Bfloat16Training, SameSeedGivesTheSameLossesForAnyThreadCount)
{
    PrecisionRun a(FSEG_PRECISION_BFLOAT16, 1), b(FSEG_PRECISION_BFLOAT16, 2),
        c(FSEG_PRECISION_BFLOAT16, 3);
    const std::vector<double> losses = a.stepsFrom(0, 5);
    EXPECT_EQ(losses, b.stepsFrom(0, 5));
    EXPECT_EQ(losses, c.stepsFrom(0, 5));
}

TEST_F(Bfloat16Training, GoesOnFromACheckpointToTheSameLossCurve)
{
    const std::string path = testing::TempDir() + "frugalseg-bfloat16.fseg";
    PrecisionRun whole(FSEG_PRECISION_BFLOAT16), first(FSEG_PRECISION_BFLOAT16),
        second(FSEG_PRECISION_BFLOAT16);
    const std::vector<double> expected = whole.stepsFrom(0, 7);
    first.stepsFrom(0, 3);
    ASSERT_EQ(FSEG_OK, fseg_trainer_save(first.trainer, path.c_str(), nullptr));
    ASSERT_EQ(FSEG_OK, fseg_trainer_restore(second.trainer, path.c_str(), nullptr));
    EXPECT_EQ(std::vector<double>(expected.begin() + 3, expected.end()), second.stepsFrom(3, 7));
    std::filesystem::remove(path);
}

TEST_F(Bfloat16Training, NeedsLittleMoreThanHalfTheMemory)
{
    PrecisionRun run(FSEG_PRECISION_FLOAT32);
    auto bytes = [&](fseg_precision precision) {
        const int last = fseg_network_find_node(run.model, "head.conv2");
        fseg_network_scope scope{};
        scope.last = last;
        scope.precision = precision;
        return fseg_network_predict(run.model, 8, 256, 256, &scope);
    };
    EXPECT_GT(bytes(FSEG_PRECISION_BFLOAT16), 100u << 20);
    EXPECT_LT(bytes(FSEG_PRECISION_BFLOAT16), bytes(FSEG_PRECISION_FLOAT32) * 6 / 10);
}

TEST(Bfloat16, TrainingSaysWhatIsMissingWhereTheKernelsAre)
{
    const Context context(FSEG_ISA_PORTABLE);
    fseg_model *model = nullptr;
    const fseg_unet_config config = fseg_unet_default_config(1, 2);
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
    fseg_trainer_options o = fseg_trainer_default_options(1, 32, 32, 1);
    o.precision = FSEG_PRECISION_BFLOAT16;
    fseg_trainer *trainer = nullptr;
    fseg_error error;
    EXPECT_EQ(FSEG_ERROR_UNSUPPORTED,
              fseg_trainer_create(context.handle, model, &o, &trainer, &error));
    EXPECT_EQ(nullptr, trainer);
    EXPECT_NE(nullptr, strstr(error.message, "bfloat16"));
    EXPECT_NE(nullptr, strstr(error.message, "float32"));
    o.precision = fseg_precision(7);
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_trainer_create(context.handle, model, &o, &trainer, &error));
    fseg_model_free(model);
}

} // namespace
