// Moving average of the weights and deep supervision: what they compute, and that a run with them
// goes on after an interruption as if there had been none.
#include <cmath>
#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "frugalseg/random.h"
#include "frugalseg/trainer.h"

namespace
{

constexpr int batch = 2, size = 32, steps = 20;

struct Data {
    std::vector<float> images = std::vector<float>(batch * size * size);
    std::vector<uint8_t> labels = std::vector<uint8_t>(batch * size * size);
    explicit Data(int step)
    {
        fseg_random random = fseg_random_create(9, uint64_t(step));
        const float cx = fseg_random_range(&random, 10, 22);
        for (size_t i = 0; i < images.size(); ++i) {
            const float x = float(i % size), y = float(i / size % size);
            labels[i] = std::hypot(x - cx, y - 16) < 8;
            images[i] = (labels[i] ? 0.8f : 0.3f) + 0.1f * fseg_random_normal(&random);
        }
    }
};

struct AverageRun {
    fseg_context *context = nullptr;
    fseg_model *model = nullptr;
    fseg_trainer *trainer = nullptr;
    AverageRun(double decay, double supervision)
    {
        const fseg_context_options o = {1, FSEG_ISA_AUTO};
        EXPECT_EQ(FSEG_OK, fseg_context_create(&o, &context, nullptr));
        const fseg_unet_config config = fseg_unet_default_config(1, 2);
        EXPECT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
        fseg_trainer_options t = fseg_trainer_default_options(batch, size, size, steps);
        t.average_decay = decay;
        t.deep_supervision = supervision;
        EXPECT_EQ(FSEG_OK, fseg_trainer_create(context, model, &t, &trainer, nullptr));
    }
    ~AverageRun()
    {
        fseg_trainer_free(trainer);
        fseg_model_free(model);
        fseg_context_free(context);
    }
    double step(int i)
    {
        const Data data(i);
        double loss = 0;
        EXPECT_EQ(FSEG_OK, fseg_trainer_step(trainer, data.images.data(), data.labels.data(), &loss,
                                             nullptr));
        return loss;
    }
    double lossNow()
    {
        const Data data(0);
        double loss = 0;
        EXPECT_EQ(FSEG_OK, fseg_trainer_gradients(trainer, data.images.data(), data.labels.data(),
                                                  &loss, nullptr));
        return loss;
    }
    std::vector<float> weights() const
    {
        std::vector<float> all;
        for (size_t i = 0; i < fseg_model_tensor_count(model); ++i) {
            const fseg_tensor *t = fseg_model_tensor(model, i);
            all.insert(all.end(), t->data, t->data + t->count);
        }
        return all;
    }
    std::vector<float> average()
    {
        fseg_trainer_show_average(trainer, 1);
        std::vector<float> shown = weights();
        fseg_trainer_show_average(trainer, 0);
        return shown;
    }
};

TEST(TrainerAverage, IsTheRecursionOfTheWeights)
{
    AverageRun run(0.5, 0);
    std::vector<float> expected = run.weights();
    for (int i = 0; i < 12; ++i) {
        run.step(i);
        const double decay = std::min(0.5, (2.0 + i) / (11.0 + i));
        const std::vector<float> now = run.weights();
        for (size_t k = 0; k < now.size(); ++k)
            expected[k] += float(1 - decay) * (now[k] - expected[k]);
    }
    const std::vector<float> average = run.average();
    double most = 0;
    for (size_t k = 0; k < average.size(); ++k)
        most = std::max(most, std::fabs(double(average[k]) - double(expected[k])));
    EXPECT_LT(most, 1e-6);
}

TEST(TrainerAverage, ShowingItLeavesTrainingAsItWas)
{
    AverageRun shown(0.9, 0), plain(0, 0);
    for (int i = 0; i < 6; ++i) {
        EXPECT_EQ(plain.step(i), shown.step(i));
        EXPECT_NE(shown.average(), shown.weights());
        EXPECT_EQ(plain.weights(), shown.weights());
    }
    const std::vector<float> average = shown.average();
    fseg_trainer_use_average(shown.trainer);
    EXPECT_EQ(average, shown.weights());
    fseg_trainer_use_average(plain.trainer); // has none: keeps its weights
}

TEST(TrainerAverage, WithSupervisionGoesOnFromACheckpoint)
{
    const std::string path = testing::TempDir() + "frugalseg-trainer-average.fseg";
    AverageRun whole(0.8, 0.5), first(0.8, 0.5), second(0.8, 0.5);
    std::vector<double> expected, got;
    for (int i = 0; i < 8; ++i)
        expected.push_back(whole.step(i));
    for (int i = 0; i < 3; ++i)
        got.push_back(first.step(i));
    ASSERT_EQ(FSEG_OK, fseg_trainer_save(first.trainer, path.c_str(), nullptr));
    ASSERT_EQ(FSEG_OK, fseg_trainer_restore(second.trainer, path.c_str(), nullptr));
    for (int i = 3; i < 8; ++i)
        got.push_back(second.step(i));
    EXPECT_EQ(expected, got);
    EXPECT_EQ(whole.average(), second.average());
    std::filesystem::remove(path);
}

TEST(TrainerAverage, ACheckpointWithoutOneIsRefusedAndChangesNothing)
{
    const std::string path = testing::TempDir() + "frugalseg-trainer-no-average.fseg";
    AverageRun plain(0, 0), run(0.8, 0);
    plain.step(0);
    run.step(0);
    const std::vector<float> before = run.weights(), average = run.average();
    ASSERT_EQ(FSEG_OK, fseg_trainer_save(plain.trainer, path.c_str(), nullptr));
    fseg_error error;
    EXPECT_NE(FSEG_OK, fseg_trainer_restore(run.trainer, path.c_str(), &error));
    EXPECT_STRNE("", error.message);
    EXPECT_EQ(before, run.weights());
    EXPECT_EQ(average, run.average());
    std::filesystem::remove(path);
}

TEST(TrainerSupervision, LeavesTheModelsShapeAlone)
{
    AverageRun with(0, 0.5), without(0, 0);
    EXPECT_EQ(fseg_model_tensor_count(without.model), fseg_model_tensor_count(with.model));
    EXPECT_GT(with.lossNow(), without.lossNow());
    EXPECT_GT(fseg_trainer_memory(with.trainer), fseg_trainer_memory(without.trainer));
}

TEST(TrainerSupervision, GradientsAreThoseOfTheSumOfLosses)
{
    AverageRun run(0, 0.7);
    for (int i = 0; i < 3; ++i)
        run.step(i); // heads that say something
    for (const char *name : {"dec3.norm2.weight", "dec2.norm2.weight", "dec4.norm2.bias",
                             "enc2.norm2.weight", "dec1.norm2.weight"}) {
        run.lossNow();
        const fseg_tensor *t = fseg_model_find(run.model, name);
        size_t index = 0;
        while (fseg_model_tensor(run.model, index) != t)
            ++index;
        const float *g = fseg_trainer_gradient(run.trainer, index);
        // Along the gradient itself, where the change of the loss is largest.
        const std::vector<float> gradient(g, g + t->count), start(t->data, t->data + t->count);
        double square = 0;
        for (const float value : gradient)
            square += double(value) * double(value);
        const double step = 0.02 / std::sqrt(square);
        const auto lossAt = [&](double by) {
            for (size_t k = 0; k < t->count; ++k)
                t->data[k] = start[k] + float(by * double(gradient[k]));
            return run.lossNow();
        };
        // GroupNorm's scale and shift are read from the model in every pass: nothing to repack.
        const double measured = (lossAt(step) - lossAt(-step)) / (2 * step);
        lossAt(0);
        EXPECT_NEAR(square, measured, 0.02 * square) << name;
    }
}

TEST(TrainerSupervision, RefusesOptionsOutOfRange)
{
    AverageRun run(0, 0);
    fseg_trainer *trainer = nullptr;
    fseg_error error;
    fseg_trainer_options o = fseg_trainer_default_options(1, 32, 32, 10);
    o.average_decay = 1.0;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_trainer_create(run.context, run.model, &o, &trainer, &error));
    o = fseg_trainer_default_options(1, 32, 32, 10);
    o.deep_supervision = -1;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_trainer_create(run.context, run.model, &o, &trainer, &error));
    EXPECT_EQ(nullptr, trainer);
}

} // namespace
