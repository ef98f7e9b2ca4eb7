// Every operator of the table: finite differences in double, and each fast version against the
// reference on every instruction set and for awkward sizes.
#include <cmath>
#include <cstdlib>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "frugalseg/operators.h"
#include "frugalseg/random.h"

namespace
{

struct Case {
    std::string op;
    fseg_operator_shape shape;
};

std::vector<fseg_operator_shape> shapesOf(const std::string &name)
{
    // n, channels, height, width, out_channels, groups, epsilon
    if (name == "max_pool2")
        return {{2, 3, 4, 6, 0, 1, 1e-3, {}}, {1, 17, 2, 8, 0, 1, 1e-3, {}}};
    if (name.rfind("group_norm", 0) == 0)
        return {{2, 6, 3, 5, 0, 3, 1e-3, {}},
                {1, 32, 2, 3, 0, 8, 1e-3, {}},
                {1, 24, 3, 2, 0, 1, 1e-3, {}}};
    if (name == "dense")
        return {{3, 4, 2, 3, 5, 1, 1e-3, {}}, {1, 128, 1, 1, 9, 1, 1e-3, {}}};
    return {{2, 3, 4, 5, 2, 1, 1e-3, {}},
            {1, 17, 3, 13, 18, 1, 1e-3, {}},
            {1, 1, 1, 1, 1, 1, 1e-3, {}},
            {1, 2, 5, 26, 33, 1, 1e-3, {}}};
}

std::vector<Case> allCases()
{
    std::vector<Case> cases;
    size_t count;
    const fseg_operator *table = fseg_operators(&count);
    for (size_t i = 0; i < count; ++i)
        for (const auto &shape : shapesOf(table[i].name))
            cases.push_back({table[i].name, shape});
    return cases;
}

const fseg_operator *find(const std::string &name)
{
    size_t count;
    const fseg_operator *table = fseg_operators(&count);
    for (size_t i = 0; i < count; ++i)
        if (name == table[i].name)
            return &table[i];
    return nullptr;
}

template <class T> struct Tensors {
    std::vector<T> x, x2, weight, bias, y, dy, dx, dx2, dweight, dbias;

    explicit Tensors(const fseg_operator_sizes &s)
        : x(s.x), x2(s.x2), weight(s.weight), bias(s.bias), y(s.y), dy(s.y), dx(s.x), dx2(s.x2),
          dweight(s.weight), dbias(s.bias)
    {
        fseg_random random = fseg_random_create(7, s.x);
        for (auto *v : {&x, &x2, &weight, &bias, &dy})
            for (T &value : *v)
                value = T(fseg_random_normal(&random));
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
    for (size_t i = 0; i < b.size(); ++i)
        scale = std::max(scale, std::fabs(b[i]));
    for (size_t i = 0; i < b.size(); ++i)
        worst = std::max(worst, std::fabs(a[i] - b[i]));
    return worst / scale;
}

class Operator : public testing::TestWithParam<Case>
{
  protected:
    const fseg_operator *op = find(GetParam().op);
    fseg_operator_shape shape = GetParam().shape;
    fseg_operator_sizes sizes = op->sizes(&shape);

    // The same values in both precisions: doubles rounded to float.
    Tensors<double> inDouble()
    {
        Tensors<double> t(sizes);
        for (auto *v : {&t.x, &t.x2, &t.weight, &t.bias, &t.dy})
            for (double &value : *v)
                value = float(value);
        return t;
    }

    void expectFloatAgrees(Tensors<float> &f, bool backward, double tolerance)
    {
        Tensors<double> d = inDouble();
        auto view = d.view<fseg_operator_f64>();
        op->forward_f64(&shape, &view);
        op->backward_f64(&shape, &view);
        if (!backward) {
            EXPECT_LE(largestDifference(f.y, d.y), tolerance) << "y";
            return;
        }
        EXPECT_LE(largestDifference(f.dx, d.dx), tolerance) << "dx";
        EXPECT_LE(largestDifference(f.dx2, d.dx2), tolerance) << "dx2";
        EXPECT_LE(largestDifference(f.dweight, d.dweight), tolerance) << "dweight";
        EXPECT_LE(largestDifference(f.dbias, d.dbias), tolerance) << "dbias";
    }
};

TEST_P(Operator, GradientEqualsFiniteDifferencesTo1e6)
{
    Tensors<double> t = inDouble();
    auto view = t.view<fseg_operator_f64>();
    // The scalar function is sum dy * y.
    auto value = [&] {
        op->forward_f64(&shape, &view);
        double sum = 0;
        for (size_t i = 0; i < t.y.size(); ++i)
            sum += t.dy[i] * t.y[i];
        return sum;
    };
    value();
    op->backward_f64(&shape, &view);
    const double step = 1e-5;
    auto check = [&](std::vector<double> &input, const std::vector<double> &gradient,
                     const char *name) {
        double scale = 1;
        for (double g : gradient)
            scale = std::max(scale, std::fabs(g));
        for (size_t i = 0; i < input.size(); ++i) {
            const double before = input[i];
            input[i] = before + step;
            const double up = value();
            input[i] = before - step;
            const double down = value();
            input[i] = before;
            ASSERT_NEAR((up - down) / (2 * step), gradient[i], 1e-6 * scale) << name << " " << i;
        }
    };
    check(t.x, t.dx, "dx");
    check(t.x2, t.dx2, "dx2");
    check(t.weight, t.dweight, "dweight");
    check(t.bias, t.dbias, "dbias");
}

TEST_P(Operator, SinglePrecisionReferenceAgreesWithDouble)
{
    Tensors<float> t(sizes);
    auto view = t.view<fseg_operator_f32>();
    op->forward_f32(&shape, &view);
    expectFloatAgrees(t, false, 1e-5);
    op->backward_f32(&shape, &view);
    expectFloatAgrees(t, true, 1e-5);
}

TEST_P(Operator, FastVersionsAgreeWithReferenceOnEveryInstructionSet)
{
    for (int isa = FSEG_ISA_PORTABLE; isa <= FSEG_ISA_AVX512; ++isa) {
        if (!fseg_isa_available(fseg_isa(isa)))
            continue;
        SCOPED_TRACE(fseg_isa_name(fseg_isa(isa)));
        const fseg_context_options options = {2, fseg_isa(isa)};
        fseg_context *context = nullptr;
        ASSERT_EQ(FSEG_OK, fseg_context_create(&options, &context, nullptr));
        Tensors<float> t(sizes);
        auto view = t.view<fseg_operator_f32>();
        ASSERT_EQ(FSEG_OK, op->forward_fast(context, &shape, &view));
        expectFloatAgrees(t, false, 1e-5);
        ASSERT_EQ(FSEG_OK, op->backward_fast(context, &shape, &view));
        expectFloatAgrees(t, true, 2e-5);
        fseg_context_free(context);
    }
}

INSTANTIATE_TEST_SUITE_P(All, Operator, testing::ValuesIn(allCases()),
                         [](const testing::TestParamInfo<Case> &each) {
                             return each.param.op + "_" + std::to_string(each.index);
                         });

TEST(OperatorTable, NamesAreUniqueAndComplete)
{
    for (const char *name : {"conv3x3", "conv3x3_winograd", "upsample2_conv2x2_nested", "conv2x2",
                             "conv1x1", "upsample2_conv2x2", "group_norm", "group_norm_relu",
                             "relu", "max_pool2", "upsample2", "concat", "softmax", "dense"})
        EXPECT_NE(nullptr, find(name)) << name;
    size_t count;
    fseg_operators(&count);
    EXPECT_EQ(14u, count);
}

} // namespace
