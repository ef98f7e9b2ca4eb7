// What the fast single-precision path may not cost: accuracy against direct convolution with a
// trained model, on every instruction set; its convolutions against the reference at sizes with
// many tiles and channels.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "frugalseg/operators.h"
#include "frugalseg/phantom.h"
#include "frugalseg/random.h"
#include "frugalseg/session.h"

extern "C" {
#include "network.h"
}

namespace
{

struct Context {
    fseg_context *handle = nullptr;
    explicit Context(fseg_isa isa, int threads = 2)
    {
        const fseg_context_options options = {threads, isa};
        EXPECT_EQ(FSEG_OK, fseg_context_create(&options, &handle, nullptr));
    }
    ~Context()
    {
        fseg_context_free(handle);
    }
};

std::vector<fseg_isa> families()
{
    std::vector<fseg_isa> found;
    for (int isa = FSEG_ISA_PORTABLE; isa <= FSEG_ISA_AVX512; ++isa)
        if (fseg_isa_available(fseg_isa(isa)))
            found.push_back(fseg_isa(isa));
    return found;
}

enum { SIDE = 128, SLICES = 3 };

// Slices of the phantom through the liver, neighbours as channels, grey values in 0..1.
std::vector<float> phantomSlices(int channels)
{
    const Context context(FSEG_ISA_AUTO);
    fseg_phantom_options o = fseg_phantom_default_options(1);
    o.columns = o.rows = SIDE;
    o.spacing_mm[0] = o.spacing_mm[1] = 3.0;
    o.slices = SLICES + channels;
    std::vector<float> image(size_t(SIDE * SIDE) * size_t(o.slices));
    std::vector<uint8_t> labels(image.size());
    EXPECT_EQ(FSEG_OK, fseg_phantom_abdomen(context.handle, &o, image.data(), labels.data(),
                                            nullptr, nullptr));
    std::vector<float> sorted = image;
    std::nth_element(sorted.begin(), sorted.end() - long(sorted.size() / 50), sorted.end());
    const float top = *(sorted.end() - long(sorted.size() / 50));
    std::vector<float> out;
    for (int n = 0; n < SLICES; ++n)
        for (int c = 0; c < channels; ++c)
            for (size_t i = 0; i < size_t(SIDE * SIDE); ++i)
                out.push_back(std::min(1.0f, image[size_t(n + c) * SIDE * SIDE + i] / top));
    return out;
}

class FastInference : public testing::Test
{
  protected:
    void SetUp() override
    {
        ASSERT_EQ(FSEG_OK, fseg_model_load(FSEG_TEST_MODELS "/liver-t2.fseg", &model, nullptr));
        images = phantomSlices(fseg_model_config(model)->in_channels);
    }
    void TearDown() override
    {
        fseg_model_free(model);
    }

    // Every node by definition.
    std::vector<float> direct(const Context &context)
    {
        fseg_network_scope scope = {};
        scope.last = int(fseg_model_node_count(model)) - 1;
        scope.direct = 1;
        fseg_network *network = nullptr;
        EXPECT_EQ(FSEG_OK, fseg_network_create_scope(context.handle, model, SLICES, SIDE, SIDE,
                                                     &scope, &network, nullptr));
        std::vector<float> out(size_t(SLICES * fseg_model_config(model)->classes) * SIDE * SIDE);
        EXPECT_EQ(FSEG_OK, fseg_network_forward(network, images.data(), SLICES, out.data(), nullptr,
                                                0.0, 1.0));
        fseg_network_free(network);
        return out;
    }

    std::vector<float> fast(const Context &context)
    {
        fseg_session *session = nullptr;
        EXPECT_EQ(FSEG_OK, fseg_session_create(context.handle, model, SLICES, SIDE, SIDE, &session,
                                               nullptr));
        std::vector<float> out(size_t(SLICES * fseg_model_config(model)->classes) * SIDE * SIDE);
        EXPECT_EQ(FSEG_OK, fseg_session_logits(session, images.data(), SLICES, out.data(), nullptr,
                                               nullptr));
        fseg_session_free(session);
        return out;
    }

    fseg_model *model = nullptr;
    std::vector<float> images;
};

TEST_F(FastInference, KeepsLogitsTo1e3AndMasksToDice9995)
{
    for (fseg_isa isa : families()) {
        SCOPED_TRACE(fseg_isa_name(isa));
        const Context context(isa);
        const std::vector<float> a = direct(context), b = fast(context);
        double largest = 0, worst = 0;
        for (size_t i = 0; i < a.size(); ++i) {
            largest = std::max(largest, std::fabs(double(a[i])));
            worst = std::max(worst, std::fabs(double(a[i]) - double(b[i])));
        }
        EXPECT_LE(worst, 1e-3 * largest);
        EXPECT_GT(worst, 0.0); // they are different algorithms
        const size_t pixels = SIDE * SIDE;
        size_t both = 0, inA = 0, inB = 0;
        for (size_t n = 0; n < SLICES; ++n)
            for (size_t i = 0; i < pixels; ++i) {
                const size_t at = n * 2 * pixels + i;
                const bool inFirst = a[at + pixels] > a[at], inSecond = b[at + pixels] > b[at];
                both += inFirst && inSecond;
                inA += inFirst;
                inB += inSecond;
            }
        ASSERT_GT(inA, 500u); // there is something to disagree about
        EXPECT_GE(2.0 * double(both) / double(inA + inB), 0.9995);
    }
}

TEST_F(FastInference, IsTheSameForEveryNumberOfThreads)
{
    for (fseg_isa isa : families()) {
        SCOPED_TRACE(fseg_isa_name(isa));
        EXPECT_EQ(fast(Context(isa, 1)), fast(Context(isa, 3)));
    }
}

TEST_F(FastInference, HoldsNoMoreThanTheCacheWantsWhateverTheBatch)
{
    const Context context(FSEG_ISA_AUTO);
    size_t memory[2];
    for (int i = 0; i < 2; ++i) {
        fseg_session *session = nullptr;
        ASSERT_EQ(FSEG_OK, fseg_session_create(context.handle, model, i ? 64 : 1, 512, 512,
                                               &session, nullptr));
        memory[i] = fseg_session_memory(session);
        fseg_session_free(session);
    }
    EXPECT_EQ(memory[0], memory[1]);
}

TEST_F(FastInference, PredictsItsMemoryExactly)
{
    const fseg_context_options usual = {0, FSEG_ISA_AUTO};
    fseg_context *context = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_context_create(&usual, &context, nullptr));
    if (fseg_context_isa(context) != FSEG_ISA_AVX512_BF16)
        for (int side : {64, 224, 512}) {
            fseg_session *session = nullptr;
            ASSERT_EQ(FSEG_OK,
                      fseg_session_create(context, model, 4, side, side, &session, nullptr));
            EXPECT_EQ(fseg_session_predict_memory(model, 4, side, side),
                      fseg_session_memory(session));
            fseg_session_free(session);
        }
    EXPECT_EQ(0u, fseg_session_predict_memory(model, 1, 33, 64));
    fseg_context_free(context);
}

struct Size {
    const char *op;
    fseg_operator_shape shape;
};

TEST(FastConvolution, AgreesWithTheReferenceAtSizesWithManyTilesAndChannels)
{
    const Size sizes[] = {
        {"conv3x3_winograd", {2, 48, 20, 36, 80, 1, 1e-3, {}}},  // whole tiles, odd co blocks
        {"conv3x3_winograd", {3, 16, 17, 131, 16, 1, 1e-3, {}}}, // tiles over the edge
        {"conv3x3_winograd", {5, 130, 6, 7, 34, 1, 1e-3, {}}},   // channels over the block
        {"conv3x3_winograd", {1, 64, 4, 4, 128, 1, 1e-3, {}}},   // one tile, threads share channels
        {"upsample2_conv2x2_nested", {2, 33, 19, 70, 40, 1, 1e-3, {}}},
        {"upsample2_conv2x2_nested", {3, 128, 6, 5, 16, 1, 1e-3, {}}},
    };
    size_t count;
    const fseg_operator *table = fseg_operators(&count);
    for (const Size &size : sizes) {
        SCOPED_TRACE(size.op);
        const fseg_operator *op = std::find_if(table, table + count, [&](const fseg_operator &o) {
            return size.op == std::string(o.name);
        });
        ASSERT_NE(table + count, op);
        const fseg_operator_sizes n = op->sizes(&size.shape);
        std::vector<float> x(n.x), weight(n.weight), bias(n.bias), y(n.y);
        fseg_random random = fseg_random_create(5, n.x);
        for (auto *v : {&x, &weight, &bias})
            for (float &value : *v)
                value = fseg_random_normal(&random);
        const std::vector<double> dx(x.begin(), x.end()), dw(weight.begin(), weight.end()),
            db(bias.begin(), bias.end());
        std::vector<double> expected(n.y);
        fseg_operator_f64 d{};
        d.x = dx.data(), d.weight = dw.data(), d.bias = db.data(), d.y = expected.data();
        op->forward_f64(&size.shape, &d);
        const double largest =
            std::fabs(*std::max_element(expected.begin(), expected.end(), [](double a, double b) {
                return std::fabs(a) < std::fabs(b);
            }));
        fseg_operator_f32 f{};
        f.x = x.data(), f.weight = weight.data(), f.bias = bias.data(), f.y = y.data();
        for (fseg_isa isa : families()) {
            SCOPED_TRACE(fseg_isa_name(isa));
            const Context context(isa, 3);
            ASSERT_EQ(FSEG_OK, op->forward_fast(context.handle, &size.shape, &f));
            double worst = 0;
            for (size_t i = 0; i < y.size(); ++i)
                worst = std::max(worst, std::fabs(double(y[i]) - expected[i]));
            EXPECT_LE(worst, 1e-5 * largest);
        }
    }
}

} // namespace
