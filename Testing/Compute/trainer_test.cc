// Training: it learns, it repeats itself, it goes on after an interruption, it refuses nonsense.
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

constexpr int batch = 2, size = 32, steps = 30;

struct Data {
    std::vector<float> images = std::vector<float>(batch * size * size);
    std::vector<uint8_t> labels = std::vector<uint8_t>(batch * size * size);
    explicit Data(int step)
    {
        // Bright discs on noise: the label is the disc.
        fseg_random random = fseg_random_create(9, uint64_t(step));
        for (int n = 0; n < batch; ++n) {
            const float cx = fseg_random_range(&random, 8, 24),
                        cy = fseg_random_range(&random, 8, 24);
            for (int y = 0; y < size; ++y)
                for (int x = 0; x < size; ++x) {
                    const bool in = std::hypot(float(x) - cx, float(y) - cy) < 6;
                    const size_t i = size_t((n * size + y) * size + x);
                    labels[i] = in;
                    images[i] = (in ? 0.8f : 0.3f) + 0.1f * fseg_random_normal(&random);
                }
        }
    }
};

struct TrainingRun {
    fseg_context *context = nullptr;
    fseg_model *model = nullptr;
    fseg_trainer *trainer = nullptr;
    explicit TrainingRun(int threads = 2)
    {
        const fseg_context_options o = {threads, FSEG_ISA_AUTO};
        EXPECT_EQ(FSEG_OK, fseg_context_create(&o, &context, nullptr));
        const fseg_unet_config config = fseg_unet_default_config(1, 2);
        EXPECT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
        const fseg_trainer_options t = fseg_trainer_default_options(batch, size, size, steps);
        EXPECT_EQ(FSEG_OK, fseg_trainer_create(context, model, &t, &trainer, nullptr));
    }
    ~TrainingRun()
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
    std::vector<double> stepsFrom(int first, int end)
    {
        std::vector<double> losses;
        for (int i = first; i < end; ++i)
            losses.push_back(step(i));
        return losses;
    }
};

TEST(Trainer, LossFallsOnADiscTask)
{
    TrainingRun run;
    const std::vector<double> losses = run.stepsFrom(0, steps);
    EXPECT_LT(losses.back(), 0.6 * losses.front());
    EXPECT_EQ(steps, fseg_trainer_steps_done(run.trainer));
}

TEST(Trainer, SameSeedGivesTheSameLossesForAnyThreadCount)
{
    TrainingRun a(1), b(2), c(2);
    const std::vector<double> losses = a.stepsFrom(0, 8);
    EXPECT_EQ(losses, b.stepsFrom(0, 8));
    EXPECT_EQ(losses, c.stepsFrom(0, 8));
}

TEST(Trainer, MemorySharedByTensorsLeavesNoTrace)
{
    // The second time starts with whatever the first left in the memory of the network.
    TrainingRun run, fresh;
    const Data data(3), other(4);
    auto gradients = [&](fseg_trainer *trainer, const Data &d) {
        double loss;
        EXPECT_EQ(FSEG_OK, fseg_trainer_gradients(trainer, d.images.data(), d.labels.data(), &loss,
                                                  nullptr));
        std::vector<float> all = {float(loss)};
        for (size_t i = 0; i < fseg_model_tensor_count(run.model); ++i) {
            const float *g = fseg_trainer_gradient(trainer, i);
            all.insert(all.end(), g, g + fseg_model_tensor(run.model, i)->count);
        }
        return all;
    };
    const std::vector<float> expected = gradients(fresh.trainer, data);
    gradients(run.trainer, other);
    EXPECT_EQ(expected, gradients(run.trainer, data));
}

TEST(Trainer, GoesOnFromACheckpointToTheSameLossCurve)
{
    const std::string path = testing::TempDir() + "frugalseg-trainer-test.fseg";
    TrainingRun whole, first, second;
    const std::vector<double> expected = whole.stepsFrom(0, 12);
    first.stepsFrom(0, 5);
    ASSERT_EQ(FSEG_OK, fseg_trainer_save(first.trainer, path.c_str(), nullptr));
    ASSERT_EQ(FSEG_OK, fseg_trainer_restore(second.trainer, path.c_str(), nullptr));
    EXPECT_EQ(5, fseg_trainer_steps_done(second.trainer));
    EXPECT_EQ(std::vector<double>(expected.begin() + 5, expected.end()), second.stepsFrom(5, 12));
    std::filesystem::remove(path);
}

TEST(Trainer, AFailedRestoreChangesNothing)
{
    const std::string path = testing::TempDir() + "frugalseg-trainer-model.fseg";
    TrainingRun run, control;
    run.stepsFrom(0, 2);
    control.stepsFrom(0, 2);
    ASSERT_EQ(FSEG_OK, fseg_model_save(run.model, path.c_str(), nullptr)); // not a checkpoint
    fseg_error error;
    EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, fseg_trainer_restore(run.trainer, path.c_str(), &error));
    EXPECT_STRNE("", error.message);
    EXPECT_EQ(control.step(2), run.step(2));
    std::filesystem::remove(path);
}

TEST(Trainer, CancelInsideAStepChangesNothing)
{
    for (int stop : {1, 40, 90}) { // in the forward pass, and twice in the backward pass
        TrainingRun run, control;
        struct Counter {
            int calls = 0, stop;
            double last = 0;
        } counter;
        counter.stop = stop;
        const fseg_progress progress = {[](void *user, double fraction, const char *) {
                                            Counter *c = static_cast<Counter *>(user);
                                            EXPECT_GE(fraction, c->last);
                                            c->last = fraction;
                                            return ++c->calls == c->stop ? 1 : 0;
                                        },
                                        &counter};
        fseg_trainer_set_progress(run.trainer, &progress);
        const Data data(0);
        double loss;
        fseg_error error;
        EXPECT_EQ(FSEG_ERROR_CANCELLED, fseg_trainer_step(run.trainer, data.images.data(),
                                                          data.labels.data(), &loss, &error));
        EXPECT_EQ(stop, counter.calls);
        fseg_trainer_set_progress(run.trainer, nullptr);
        EXPECT_EQ(control.stepsFrom(0, 3), run.stepsFrom(0, 3));
    }
}

TEST(Trainer, NotFiniteLossLeavesTheWeights)
{
    TrainingRun run;
    Data data(0);
    data.images[7] = NAN;
    const std::vector<float> before(fseg_model_tensor(run.model, 0)->data,
                                    fseg_model_tensor(run.model, 0)->data + 9);
    double loss;
    fseg_error error;
    EXPECT_EQ(FSEG_ERROR_NOT_FINITE, fseg_trainer_step(run.trainer, data.images.data(),
                                                       data.labels.data(), &loss, &error));
    EXPECT_NE(nullptr, strstr(error.message, "step 0"));
    EXPECT_EQ(0, memcmp(before.data(), fseg_model_tensor(run.model, 0)->data, 9 * sizeof(float)));
    EXPECT_EQ(0, fseg_trainer_steps_done(run.trainer));
}

TEST(Trainer, LearningRateWarmsUpAndFollowsACosine)
{
    fseg_trainer_options o = fseg_trainer_default_options(1, 32, 32, 1000);
    EXPECT_EQ(50, o.warmup_steps);
    EXPECT_NEAR(o.learning_rate / 50, fseg_trainer_learning_rate(&o, 0), 1e-12);
    EXPECT_NEAR(o.learning_rate, fseg_trainer_learning_rate(&o, 50), 1e-12);
    EXPECT_NEAR(0.01 * o.learning_rate, fseg_trainer_learning_rate(&o, 999), 1e-12);
    for (int i = 51; i < 1000; ++i)
        EXPECT_LT(fseg_trainer_learning_rate(&o, i), fseg_trainer_learning_rate(&o, i - 1));
}

TEST(Trainer, WeightDecayShrinksConvolutionsOnly)
{
    TrainingRun plain;
    fseg_model *model = nullptr;
    fseg_trainer *trainer = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_model_clone(plain.model, &model, nullptr));
    fseg_trainer_options o = fseg_trainer_default_options(batch, size, size, steps);
    o.weight_decay = 10;
    ASSERT_EQ(FSEG_OK, fseg_trainer_create(plain.context, model, &o, &trainer, nullptr));
    const Data data(0);
    double loss;
    const double start = fseg_model_find(model, "enc3.conv1.weight")->data[0];
    ASSERT_EQ(FSEG_OK,
              fseg_trainer_step(trainer, data.images.data(), data.labels.data(), &loss, nullptr));
    plain.step(0);
    const double rate = fseg_trainer_learning_rate(&o, 0);
    auto moved = [&](const char *name) {
        return double(fseg_model_find(model, name)->data[0]) -
               double(fseg_model_find(plain.model, name)->data[0]);
    };
    EXPECT_NEAR(-start * rate * 10, moved("enc3.conv1.weight"), 1e-6);
    EXPECT_EQ(0.0, moved("enc3.norm1.weight"));
    fseg_trainer_free(trainer);
    fseg_model_free(model);
}

// One step on the disc task with the given options; returns by how much a tensor moved at most.
double movedBy(const fseg_trainer_options &o, const char *name)
{
    TrainingRun run;
    fseg_model *model = nullptr;
    fseg_trainer *trainer = nullptr;
    EXPECT_EQ(FSEG_OK, fseg_model_clone(run.model, &model, nullptr));
    EXPECT_EQ(FSEG_OK, fseg_trainer_create(run.context, model, &o, &trainer, nullptr));
    const Data data(0);
    double loss, moved = 0;
    EXPECT_EQ(FSEG_OK,
              fseg_trainer_step(trainer, data.images.data(), data.labels.data(), &loss, nullptr));
    const fseg_tensor *after = fseg_model_find(model, name),
                      *before = fseg_model_find(run.model, name);
    for (size_t i = 0; i < after->count; ++i)
        moved = std::max(moved, std::fabs(double(after->data[i]) - double(before->data[i])));
    fseg_trainer_free(trainer);
    fseg_model_free(model);
    return moved;
}

TEST(Trainer, EncoderCanLearnSlowlyOrNotAtAll)
{
    fseg_trainer_options o = fseg_trainer_default_options(batch, size, size, steps);
    const double decoder = movedBy(o, "dec2.conv1.weight"),
                 encoder = movedBy(o, "enc2.conv1.weight");
    o.encoder_rate_factor = 0.1;
    EXPECT_NEAR(0.1 * encoder, movedBy(o, "enc2.conv1.weight"), 1e-3 * encoder);
    EXPECT_EQ(decoder, movedBy(o, "dec2.conv1.weight"));
    o.freeze_encoder = 1;
    EXPECT_EQ(0.0, movedBy(o, "enc2.conv1.weight"));
    EXPECT_EQ(0.0, movedBy(o, "enc1.norm1.bias"));
    EXPECT_GT(movedBy(o, "dec2.conv1.weight"), 0.5 * decoder);
}

TEST(Trainer, TransferTakesWhatItsScopeNames)
{
    const fseg_unet_config two = fseg_unet_default_config(1, 2),
                           five = fseg_unet_default_config(1, 5);
    for (auto scope : {FSEG_TRANSFER_ENCODER, FSEG_TRANSFER_ENCODER_DECODER}) {
        fseg_model *from = nullptr, *to = nullptr, *fresh = nullptr;
        ASSERT_EQ(FSEG_OK, fseg_model_create(&two, 1, &from, nullptr));
        ASSERT_EQ(FSEG_OK, fseg_model_create(&five, 2, &to, nullptr));
        ASSERT_EQ(FSEG_OK, fseg_model_create(&five, 2, &fresh, nullptr));
        ASSERT_EQ(FSEG_OK, fseg_model_transfer(to, from, scope, nullptr));
        for (size_t i = 0; i < fseg_model_tensor_count(to); ++i) {
            const fseg_tensor *t = fseg_model_tensor(to, i);
            const std::string name = t->name;
            const bool taken =
                name.rfind("enc", 0) == 0 ||
                (scope == FSEG_TRANSFER_ENCODER_DECODER && name.rfind("dec", 0) == 0);
            const fseg_tensor *expected = fseg_model_find(taken ? from : fresh, t->name);
            EXPECT_EQ(0, memcmp(expected->data, t->data, t->count * sizeof(float))) << name;
        }
        fseg_model_free(from);
        fseg_model_free(to);
        fseg_model_free(fresh);
    }
}

TEST(Trainer, TransferBetweenDifferentNetworksIsRefused)
{
    const fseg_unet_config one = fseg_unet_default_config(1, 2),
                           three = fseg_unet_default_config(3, 2);
    fseg_model *from = nullptr, *to = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_model_create(&three, 1, &from, nullptr));
    ASSERT_EQ(FSEG_OK, fseg_model_create(&one, 2, &to, nullptr));
    const float before = fseg_model_find(to, "enc2.conv1.weight")->data[0];
    fseg_error error;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_model_transfer(to, from, FSEG_TRANSFER_ENCODER, &error));
    EXPECT_NE(nullptr, strstr(error.message, "enc1.conv1.weight"));
    EXPECT_EQ(before, fseg_model_find(to, "enc2.conv1.weight")->data[0]);
    fseg_model_free(from);
    fseg_model_free(to);
}

TEST(Trainer, RefusesOptionsOutOfRange)
{
    TrainingRun run;
    fseg_trainer *trainer = nullptr;
    fseg_error error;
    fseg_trainer_options o = fseg_trainer_default_options(1, 32, 32, 0);
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_trainer_create(run.context, run.model, &o, &trainer, &error));
    o = fseg_trainer_default_options(1, 33, 32, 10);
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
              fseg_trainer_create(run.context, run.model, &o, &trainer, &error));
    EXPECT_EQ(nullptr, trainer);
}

} // namespace
