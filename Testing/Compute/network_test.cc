// Inference sessions: batches, sizes, determinism, cancel. Parity with PyTorch is in parity/.
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

#include "frugalseg/random.h"
#include "frugalseg/session.h"

namespace
{

class Session : public testing::Test
{
  protected:
    void SetUp() override
    {
        fseg_unet_config config = fseg_unet_default_config(1, 3);
        ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
        const fseg_context_options options = {2, FSEG_ISA_AUTO};
        ASSERT_EQ(FSEG_OK, fseg_context_create(&options, &context, nullptr));
        fseg_random random = fseg_random_create(3, 3);
        images.resize(5 * 64 * 32);
        for (float &x : images)
            x = fseg_random_uniform(&random);
    }

    void TearDown() override
    {
        fseg_model_free(model);
        fseg_context_free(context);
    }

    std::vector<float> logits(fseg_context *c, int batch, size_t count)
    {
        fseg_session *session = nullptr;
        EXPECT_EQ(FSEG_OK, fseg_session_create(c, model, batch, 64, 32, &session, nullptr));
        std::vector<float> out(count * 3 * 64 * 32);
        EXPECT_EQ(FSEG_OK,
                  fseg_session_logits(session, images.data(), count, out.data(), nullptr, nullptr));
        fseg_session_free(session);
        return out;
    }

    fseg_model *model = nullptr;
    fseg_context *context = nullptr;
    std::vector<float> images;
};

TEST_F(Session, BatchSizeAndThreadCountDoNotChangeABit)
{
    const std::vector<float> whole = logits(context, 5, 5);
    EXPECT_EQ(whole, logits(context, 2, 5));
    EXPECT_EQ(whole, logits(context, 1, 5));
    const fseg_context_options options = {1, FSEG_ISA_AUTO};
    fseg_context *single = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_context_create(&options, &single, nullptr));
    EXPECT_EQ(whole, logits(single, 5, 5));
    fseg_context_free(single);
}

TEST_F(Session, MemoryReusedBetweenNodesLeavesNoTrace)
{
    // The second run starts with whatever the first left in the arena.
    fseg_session *session = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_session_create(context, model, 2, 64, 32, &session, nullptr));
    std::vector<float> first(2 * 3 * 64 * 32), second(first.size());
    for (float *out : {first.data(), second.data()})
        ASSERT_EQ(FSEG_OK, fseg_session_logits(session, images.data(), 2, out, nullptr, nullptr));
    EXPECT_EQ(first, second);
    fseg_session_free(session);
}

TEST_F(Session, ProbabilitiesSumToOne)
{
    fseg_session *session = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_session_create(context, model, 2, 64, 32, &session, nullptr));
    std::vector<float> p(2 * 3 * 64 * 32);
    ASSERT_EQ(FSEG_OK,
              fseg_session_probabilities(session, images.data(), 2, p.data(), nullptr, nullptr));
    for (size_t n = 0; n < 2; ++n)
        for (size_t i = 0; i < 64 * 32; ++i) {
            float sum = 0;
            for (size_t c = 0; c < 3; ++c)
                sum += p[(n * 3 + c) * 64 * 32 + i];
            ASSERT_NEAR(1.0f, sum, 1e-5);
        }
    fseg_session_free(session);
}

TEST_F(Session, CancelStopsWithinOneNode)
{
    fseg_session *session = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_session_create(context, model, 1, 64, 32, &session, nullptr));
    int calls = 0;
    const fseg_progress progress = {[](void *user, double fraction, const char *) {
                                        EXPECT_GE(fraction, 0.0);
                                        EXPECT_LE(fraction, 1.0);
                                        return ++*static_cast<int *>(user) == 3 ? 1 : 0;
                                    },
                                    &calls};
    std::vector<float> out(5 * 3 * 64 * 32);
    fseg_error error;
    EXPECT_EQ(FSEG_ERROR_CANCELLED,
              fseg_session_logits(session, images.data(), 5, out.data(), &progress, &error));
    EXPECT_EQ(3, calls);
    EXPECT_STRNE("", error.message);
    fseg_session_free(session);
}

TEST_F(Session, RefusesSizesThatTheNetworkCannotHalve)
{
    for (int height : {0, 16, 33, 20000}) {
        fseg_session *session = nullptr;
        fseg_error error;
        EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
                  fseg_session_create(context, model, 1, height, 32, &session, &error));
        EXPECT_EQ(nullptr, session);
        EXPECT_NE(nullptr, strstr(error.message, "multiples of 32"));
    }
}

TEST_F(Session, BfloatInferenceStaysCloseToSinglePrecision)
{
    if (!fseg_isa_available(FSEG_ISA_AVX512_BF16))
        GTEST_SKIP() << "this processor has no AVX-512 BF16";
    const fseg_context_options options = {2, FSEG_ISA_AVX512_BF16};
    fseg_context *reduced = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_context_create(&options, &reduced, nullptr));
    const std::vector<float> exact = logits(context, 2, 5), rounded = logits(reduced, 2, 5);
    EXPECT_EQ(rounded, logits(reduced, 5, 5)); // as independent of the batch as the others
    double difference = 0, square = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
        difference += std::pow(double(exact[i]) - double(rounded[i]), 2);
        square += std::pow(double(exact[i]), 2);
    }
    // Eight bits of mantissa, rounded twice a layer over some 30 layers.
    EXPECT_LT(std::sqrt(difference / square), 0.05);
    EXPECT_GT(difference, 0);
    fseg_context_free(reduced);
}

TEST_F(Session, AnnouncesItsMemory)
{
    fseg_session *small = nullptr, *large = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_session_create(context, model, 1, 64, 64, &small, nullptr));
    ASSERT_EQ(FSEG_OK, fseg_session_create(context, model, 4, 64, 64, &large, nullptr));
    EXPECT_GT(fseg_session_memory(small), fseg_model_parameter_count(model) * sizeof(float));
    EXPECT_GT(fseg_session_memory(large), fseg_session_memory(small));
    fseg_session_free(small);
    fseg_session_free(large);
}

} // namespace
