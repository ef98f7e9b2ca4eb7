// Pretraining: every variant runs, repeats itself, goes on after an interruption, touches only what
// it trains, and says before what memory it needs.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "frugalseg/pretrainer.h"
#include "frugalseg/random.h"
#include "pretraining_names.h"

namespace
{

constexpr int side = 32, subjects = 5, depth = 9, steps = 30;

fseg_unet_config smallNetwork()
{
    fseg_unet_config config = fseg_unet_default_config(1, 2);
    config.levels = 4;
    const int widths[] = {8, 8, 16, 16};
    std::copy(widths, widths + 4, config.widths);
    return config;
}

fseg_pretrainer_options optionsFor(fseg_pretrain_loss loss,
                                   fseg_contrast_variant variant = FSEG_VARIANT_PARTITION)
{
    fseg_pretrainer_options o = fseg_pretrainer_default_options(loss, side, side, steps);
    o.batch = 3;
    o.corruption.patches_size = 8;
    o.variant = variant;
    o.volumes = 2;
    o.partitions = 3;
    o.ccl.neighbours = 20;
    o.queries = 8;
    return o;
}

struct PretrainingRun {
    fseg_context *context = nullptr;
    fseg_sampler *sampler = nullptr;
    fseg_model *model = nullptr;
    fseg_pretrainer *pretrainer = nullptr;

    explicit PretrainingRun(const fseg_pretrainer_options &o, int threads = 2)
    {
        const fseg_context_options c = {threads, FSEG_ISA_AUTO};
        EXPECT_EQ(FSEG_OK, fseg_context_create(&c, &context, nullptr));
        const fseg_sampler_options s = fseg_sampler_default_options(1, side, side);
        EXPECT_EQ(FSEG_OK, fseg_sampler_create(&s, &sampler, nullptr));
        for (int i = 0; i < subjects; ++i)
            add(i, false);
        const fseg_unet_config config = smallNetwork();
        EXPECT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
        EXPECT_EQ(FSEG_OK, fseg_pretrainer_create(context, model, &o, &pretrainer, nullptr));
    }
    ~PretrainingRun()
    {
        fseg_pretrainer_free(pretrainer);
        fseg_model_free(model);
        fseg_sampler_free(sampler);
        fseg_context_free(context);
    }
    // A disc whose place and size follow the slice, on noise; the label is a constraint map.
    void add(int subject, bool notFinite)
    {
        fseg_random random = fseg_random_create(9, uint64_t(subject));
        std::vector<float> image(depth * side * side);
        std::vector<uint8_t> label(image.size());
        for (int k = 0; k < depth; ++k)
            for (int y = 0; y < side; ++y)
                for (int x = 0; x < side; ++x) {
                    const bool in = std::hypot(x - 8 - k, y - 16) < 5 + k / 2;
                    const size_t i = size_t((k * side + y) * side + x);
                    label[i] = uint8_t(in + 2 * (y > 20));
                    image[i] = (in ? 0.8f : 0.3f) + 0.1f * fseg_random_uniform(&random);
                    if (notFinite)
                        image[i] *= 3e38f;
                }
        EXPECT_EQ(FSEG_OK, fseg_sampler_add(sampler, image.data(), label.data(), depth, side, side,
                                            1, nullptr));
    }
    double step()
    {
        fseg_pretrain_losses losses = {};
        fseg_error error = {};
        EXPECT_EQ(FSEG_OK, fseg_pretrainer_step(pretrainer, sampler, &losses, &error))
            << error.message;
        return losses.total;
    }
    std::vector<double> run(int count)
    {
        std::vector<double> losses;
        for (int i = 0; i < count; ++i)
            losses.push_back(step());
        return losses;
    }
    // Whether any tensor whose name begins so differs from the fresh model's.
    bool moved(const std::string &prefix) const
    {
        fseg_model *fresh = nullptr;
        const fseg_unet_config config = smallNetwork();
        EXPECT_EQ(FSEG_OK, fseg_model_create(&config, 1, &fresh, nullptr));
        bool any = false;
        for (size_t i = 0; i < fseg_model_tensor_count(model); ++i) {
            const fseg_tensor *a = fseg_model_tensor(model, i), *b = fseg_model_tensor(fresh, i);
            if (std::string(a->name).rfind(prefix, 0) == 0)
                any = any || memcmp(a->data, b->data, a->count * sizeof(float)) != 0;
        }
        fseg_model_free(fresh);
        return any;
    }
};

std::vector<fseg_pretrainer_options> everyKind()
{
    std::vector<fseg_pretrainer_options> all;
    for (int variant = FSEG_VARIANT_SIMCLR; variant <= FSEG_VARIANT_CONSTRAINED; ++variant)
        all.push_back(optionsFor(FSEG_PRETRAIN_CONTRASTIVE, fseg_contrast_variant(variant)));
    all.push_back(optionsFor(FSEG_PRETRAIN_CONTRASTIVE, FSEG_VARIANT_CONSTRAINED));
    all.back().partial_decoder = all.back().set_wise = 1;
    all.push_back(optionsFor(FSEG_PRETRAIN_CONTRASTIVE, FSEG_VARIANT_PARTITION_PAIRS));
    all.back().flatten_head = 1;
    all.push_back(optionsFor(FSEG_PRETRAIN_REGRESSION));
    all.push_back(optionsFor(FSEG_PRETRAIN_REGRESSION));
    all.back().no_skips = 1;
    all.back().error = FSEG_REGRESSION_ABSOLUTE;
    all.back().corrupted_only = 0;
    all.back().corruption = fseg_corrupt_models_genesis();
    all.push_back(optionsFor(FSEG_PRETRAIN_BOTH));
    return all;
}

class EveryPretraining : public testing::TestWithParam<fseg_pretrainer_options>
{
};

TEST_P(EveryPretraining, RepeatsItselfForAnyThreadCountAndGoesOnFromACheckpoint)
{
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    std::replace(name.begin(), name.end(), '/', '-');
    const std::string path = testing::TempDir() + "frugalseg-pretrainer-" + name + ".fseg";
    PretrainingRun whole(GetParam(), 1), first(GetParam(), 2), second(GetParam(), 2);
    const std::vector<double> expected = whole.run(5);
    EXPECT_EQ(std::vector<double>(expected.begin(), expected.begin() + 3), first.run(3));
    ASSERT_EQ(FSEG_OK, fseg_pretrainer_save(first.pretrainer, path.c_str(), nullptr));
    fseg_error error = {};
    ASSERT_EQ(FSEG_OK, fseg_pretrainer_restore(second.pretrainer, path.c_str(), &error))
        << error.message;
    EXPECT_EQ(3, fseg_pretrainer_steps_done(second.pretrainer));
    EXPECT_EQ(std::vector<double>(expected.begin() + 3, expected.end()), second.run(2));
    std::filesystem::remove(path);
}

TEST_P(EveryPretraining, LossFalls)
{
    PretrainingRun run(GetParam());
    fseg_pretrain_losses before, after;
    double sumBefore = 0, sumAfter = 0;
    for (int i = 0; i < 4; ++i) {
        ASSERT_EQ(FSEG_OK, fseg_pretrainer_evaluate(run.pretrainer, run.sampler, 1000 + i, &before,
                                                    nullptr));
        sumBefore += before.total;
    }
    run.run(steps);
    for (int i = 0; i < 4; ++i) {
        ASSERT_EQ(FSEG_OK,
                  fseg_pretrainer_evaluate(run.pretrainer, run.sampler, 1000 + i, &after, nullptr));
        sumAfter += after.total;
    }
    EXPECT_LT(sumAfter, sumBefore);
    EXPECT_TRUE(run.moved("enc"));
    EXPECT_FALSE(run.moved("head"));
}

TEST_P(EveryPretraining, HoldsThePredictedMemory)
{
    PretrainingRun run(GetParam());
    const size_t predicted = fseg_pretrainer_predict_memory(run.model, &GetParam());
    EXPECT_GT(predicted, 4 * sizeof(float) * fseg_model_parameter_count(run.model));
    EXPECT_EQ(predicted, fseg_pretrainer_memory(run.pretrainer));
}

INSTANTIATE_TEST_SUITE_P(All, EveryPretraining, testing::ValuesIn(everyKind()));

TEST(Pretrainer, GlobalContrastLeavesTheDecoderAndDecoderStagesCanLeaveTheEncoder)
{
    PretrainingRun global(optionsFor(FSEG_PRETRAIN_CONTRASTIVE));
    global.run(2);
    EXPECT_TRUE(global.moved("enc4"));
    EXPECT_FALSE(global.moved("dec"));
    fseg_pretrainer_options o = optionsFor(FSEG_PRETRAIN_CONTRASTIVE, FSEG_VARIANT_LOCAL);
    o.freeze_encoder = 1;
    PretrainingRun local(o);
    local.run(2);
    EXPECT_FALSE(local.moved("enc"));
    EXPECT_TRUE(local.moved("dec3"));
    EXPECT_FALSE(local.moved("dec2")); // above the features
}

TEST(Pretrainer, WithoutSkipsTheirWeightsRest)
{
    fseg_pretrainer_options o = optionsFor(FSEG_PRETRAIN_REGRESSION);
    for (int noSkips : {0, 1}) {
        o.no_skips = noSkips;
        PretrainingRun run(o);
        fseg_pretrain_losses losses;
        ASSERT_EQ(FSEG_OK,
                  fseg_pretrainer_evaluate(run.pretrainer, run.sampler, 0, &losses, nullptr));
        for (size_t i = 0; i < fseg_model_tensor_count(run.model); ++i) {
            const fseg_tensor *t = fseg_model_tensor(run.model, i);
            if (strcmp(t->name, "dec1.conv1.weight") != 0)
                continue;
            const float *gradient = fseg_pretrainer_gradient(run.pretrainer, i);
            double up = 0, skip = 0; // inputs are [up, skip]
            for (size_t k = 0; k < t->count; ++k)
                (k / 9 % t->shape[1] < t->shape[1] / 2 ? up : skip) += std::fabs(gradient[k]);
            EXPECT_GT(up, 0);
            EXPECT_EQ(noSkips == 1, skip == 0);
        }
    }
}

TEST(Pretrainer, BothIsTheWeightedSum)
{
    fseg_pretrainer_options o = optionsFor(FSEG_PRETRAIN_BOTH);
    o.contrast_weight = 0.25;
    PretrainingRun both(o), regression(optionsFor(FSEG_PRETRAIN_REGRESSION)),
        contrast(optionsFor(FSEG_PRETRAIN_CONTRASTIVE));
    fseg_pretrain_losses b, r, c;
    ASSERT_EQ(FSEG_OK, fseg_pretrainer_evaluate(both.pretrainer, both.sampler, 3, &b, nullptr));
    ASSERT_EQ(FSEG_OK,
              fseg_pretrainer_evaluate(regression.pretrainer, regression.sampler, 3, &r, nullptr));
    ASSERT_EQ(FSEG_OK,
              fseg_pretrainer_evaluate(contrast.pretrainer, contrast.sampler, 3, &c, nullptr));
    EXPECT_EQ(r.total, b.regression);
    EXPECT_EQ(c.total, b.contrast);
    EXPECT_DOUBLE_EQ(r.total + 0.25 * c.total, b.total);
    for (size_t i = 0; i < fseg_model_tensor_count(both.model); ++i)
        for (size_t k = 0; k < fseg_model_tensor(both.model, i)->count; ++k) {
            const double sum = fseg_pretrainer_gradient(regression.pretrainer, i)[k] +
                               0.25 * fseg_pretrainer_gradient(contrast.pretrainer, i)[k];
            ASSERT_NEAR(sum, fseg_pretrainer_gradient(both.pretrainer, i)[k],
                        1e-5 * (1 + std::fabs(sum)));
        }
}

TEST(Pretrainer, MemoryOfTheDefaultsStaysBelowFourGigabytesAt160)
{
    const fseg_unet_config config = fseg_unet_default_config(1, 2);
    fseg_model *model = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
    for (int variant = FSEG_VARIANT_SIMCLR; variant <= FSEG_VARIANT_CONSTRAINED; ++variant) {
        fseg_pretrainer_options o =
            fseg_pretrainer_default_options(FSEG_PRETRAIN_BOTH, 160, 160, 10);
        o.variant = fseg_contrast_variant(variant);
        const size_t bytes = fseg_pretrainer_predict_memory(model, &o);
        EXPECT_GT(bytes, size_t(100) << 20);
        EXPECT_LT(bytes, size_t(4) << 30) << variant;
        RecordProperty("MiB_" + std::to_string(variant), std::to_string(bytes >> 20));
    }
    fseg_model_free(model);
}

TEST(Pretrainer, NotFiniteLossNamesTheStepAndLeavesTheWeights)
{
    PretrainingRun run(optionsFor(FSEG_PRETRAIN_REGRESSION));
    run.run(2);
    fseg_sampler_free(run.sampler);
    const fseg_sampler_options s = fseg_sampler_default_options(1, side, side);
    ASSERT_EQ(FSEG_OK, fseg_sampler_create(&s, &run.sampler, nullptr));
    run.add(0, true);
    const fseg_tensor *t = fseg_model_find(run.model, "enc1.conv1.weight");
    const std::vector<float> before(t->data, t->data + t->count);
    fseg_pretrain_losses losses;
    fseg_error error;
    EXPECT_EQ(FSEG_ERROR_NOT_FINITE,
              fseg_pretrainer_step(run.pretrainer, run.sampler, &losses, &error));
    EXPECT_NE(nullptr, strstr(error.message, "step 2"));
    EXPECT_EQ(before, std::vector<float>(t->data, t->data + t->count));
    EXPECT_EQ(2, fseg_pretrainer_steps_done(run.pretrainer));
}

TEST(Pretrainer, AnotherKindOfCheckpointIsRefusedAndChangesNothing)
{
    const std::string path = testing::TempDir() + "frugalseg-pretrainer-other.fseg";
    PretrainingRun run(optionsFor(FSEG_PRETRAIN_REGRESSION)),
        control(optionsFor(FSEG_PRETRAIN_REGRESSION)), other(optionsFor(FSEG_PRETRAIN_CONTRASTIVE));
    fseg_error error;
    ASSERT_EQ(FSEG_OK, fseg_model_save(run.model, path.c_str(), nullptr));
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT,
              fseg_pretrainer_restore(run.pretrainer, path.c_str(), &error));
    other.run(1);
    ASSERT_EQ(FSEG_OK, fseg_pretrainer_save(other.pretrainer, path.c_str(), nullptr));
    EXPECT_NE(FSEG_OK, fseg_pretrainer_restore(run.pretrainer, path.c_str(), &error));
    EXPECT_EQ(control.step(), run.step());
    std::filesystem::remove(path);
}

TEST(Pretrainer, ImpossibleOptionsAreNamed)
{
    PretrainingRun run(optionsFor(FSEG_PRETRAIN_REGRESSION));
    fseg_pretrainer *none = nullptr;
    fseg_error error;
    auto refused = [&](const fseg_pretrainer_options &o, const char *word) {
        EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
                  fseg_pretrainer_create(run.context, run.model, &o, &none, &error));
        EXPECT_NE(nullptr, strstr(error.message, word)) << error.message;
        EXPECT_EQ(0u, fseg_pretrainer_predict_memory(run.model, &o));
        EXPECT_EQ(nullptr, none);
    };
    fseg_pretrainer_options o = optionsFor(FSEG_PRETRAIN_REGRESSION);
    o.height = 33;
    refused(o, "multiples");
    o = optionsFor(FSEG_PRETRAIN_CONTRASTIVE);
    o.partitions = 1;
    refused(o, "partitions");
    o = optionsFor(FSEG_PRETRAIN_CONTRASTIVE);
    o.temperature = 0;
    refused(o, "temperature");
    o = optionsFor(FSEG_PRETRAIN_REGRESSION);
    o.learning_rate = NAN;
    refused(o, "rates");
    // A sampler of another size.
    fseg_sampler *larger = nullptr;
    const fseg_sampler_options s = fseg_sampler_default_options(1, 64, 64);
    ASSERT_EQ(FSEG_OK, fseg_sampler_create(&s, &larger, nullptr));
    fseg_pretrain_losses losses;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_pretrainer_step(run.pretrainer, larger, &losses, &error));
    EXPECT_NE(nullptr, strstr(error.message, "64"));
    fseg_sampler_free(larger);
}

TEST(Retrieval, LooksAmongOtherSubjectsOnly)
{
    // The nearest of all is of the own subject and does not count.
    const float vectors[] = {1, 0, 1, 0.01f, 0.9f, 0.3f, 0, 1, 0.1f, 1};
    const int classes[] = {0, 1, 0, 1, 1}, groups[] = {0, 0, 1, 1, 2};
    // 0 -> 2 right; 1 -> 2 wrong; 2 -> 1 wrong; 3 -> 4 right; 4 -> 3 right.
    EXPECT_DOUBLE_EQ(0.6, fseg_retrieval_top1(vectors, 5, 2, classes, groups));
}

} // namespace
