// Pretraining learns: it restores held-out images better than smoothing does, and finds the place
// of a slice in the body of held-out subjects.
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "frugalseg/phantom.h"
#include "frugalseg/pretrainer.h"
extern "C" {
#include "augment_internal.h"
}

namespace
{

constexpr int side = 64, depth = 24;
constexpr size_t pixels = size_t(side) * side;

// Small abdominal phantoms, each in a sampler of its own kind: the first for learning, the rest
// held out.
struct Phantoms {
    fseg_context *context = nullptr;
    std::vector<std::vector<float>> images;

    explicit Phantoms(int count)
    {
        const fseg_context_options two = {2, FSEG_ISA_AUTO};
        EXPECT_EQ(FSEG_OK, fseg_context_create(&two, &context, nullptr));
        for (int i = 0; i < count; ++i) {
            fseg_phantom_options o = fseg_phantom_default_options(uint64_t(100 + i));
            o.columns = o.rows = side;
            o.slices = depth;
            o.spacing_mm[0] = o.spacing_mm[1] = 5.6;
            o.spacing_mm[2] = 9;
            std::vector<float> image(depth * pixels);
            std::vector<uint8_t> labels(image.size());
            EXPECT_EQ(FSEG_OK, fseg_phantom_abdomen(context, &o, image.data(), labels.data(),
                                                    nullptr, nullptr));
            std::vector<float> sorted = image;
            std::nth_element(sorted.begin(), sorted.begin() + long(sorted.size() * 99 / 100),
                             sorted.end());
            const float high = sorted[sorted.size() * 99 / 100];
            for (float &v : image)
                v /= high;
            images.push_back(image);
        }
    }
    ~Phantoms()
    {
        fseg_context_free(context);
    }

    fseg_sampler *sampler(size_t first, size_t end) const
    {
        fseg_sampler *out = nullptr;
        const fseg_sampler_options o = fseg_sampler_default_options(1, side, side);
        EXPECT_EQ(FSEG_OK, fseg_sampler_create(&o, &out, nullptr));
        for (size_t i = first; i < end; ++i)
            EXPECT_EQ(FSEG_OK, fseg_sampler_add_unlabelled(out, images[i].data(), depth, side, side,
                                                           1, nullptr));
        return out;
    }
};

fseg_unet_config smallNetwork()
{
    fseg_unet_config config = fseg_unet_default_config(1, 2);
    config.levels = 5;
    const int widths[] = {16, 16, 32, 32, 32};
    std::copy(widths, widths + 5, config.widths);
    return config;
}

double meanSquaredError(const std::vector<float> &a, const std::vector<float> &b,
                        const std::vector<uint8_t> &mask)
{
    double sum = 0, count = 0;
    for (size_t i = 0; i < a.size(); ++i)
        if (mask[i]) {
            sum += (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
            ++count;
        }
    return sum / count;
}

TEST(PretrainerLearning, RestoresHeldOutSlicesBetterThanTheBestSmoothing)
{
    const Phantoms phantoms(8);
    fseg_sampler *train = phantoms.sampler(0, 6), *held = phantoms.sampler(6, 8);
    fseg_model *model = nullptr;
    const fseg_unet_config config = smallNetwork();
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
    const int steps = 260;
    fseg_pretrainer_options o =
        fseg_pretrainer_default_options(FSEG_PRETRAIN_REGRESSION, side, side, steps);
    o.batch = 12;
    // Shuffled pixels are what smoothing undoes best.
    o.corruption = fseg_corrupt_no_options();
    o.corruption.shuffle_probability = 1;
    o.corruption.shuffle_side = 6;
    o.target_augment = fseg_augment_no_options();
    o.learning_rate = 1e-2;
    fseg_pretrainer *pretrainer = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_pretrainer_create(phantoms.context, model, &o, &pretrainer, nullptr));
    fseg_pretrain_losses losses;
    for (int step = 0; step < steps; ++step)
        ASSERT_EQ(FSEG_OK, fseg_pretrainer_step(pretrainer, train, &losses, nullptr));

    // Twelve held-out slices, corrupted alike for network and filters.
    std::vector<fseg_slice_choice> choices(12);
    std::vector<float> clean(12 * pixels), restored(12 * pixels);
    std::vector<uint8_t> mask(12 * pixels);
    ASSERT_EQ(FSEG_OK, fseg_sampler_choose(held, 0, 0, 12, 1, choices.data()));
    ASSERT_EQ(FSEG_OK, fseg_sampler_view(held, phantoms.context, choices.data(), 12, nullptr, 0, 0,
                                         clean.data(), nullptr));
    std::vector<float> corrupted = clean;
    for (size_t i = 0; i < 12; ++i) {
        fseg_random random = fseg_random_create(77, i);
        ASSERT_EQ(FSEG_OK,
                  fseg_corrupt_apply(&o.corruption, &random, 1, side, side,
                                     corrupted.data() + i * pixels, mask.data() + i * pixels));
    }
    ASSERT_EQ(FSEG_OK,
              fseg_pretrainer_reconstruct(pretrainer, corrupted.data(), restored.data(), nullptr));
    const double network = meanSquaredError(restored, clean, mask);
    double smoothing = meanSquaredError(corrupted, clean, mask), best = 0;
    std::vector<float> scratch(fseg_blur_scratch(side, side));
    for (double sigma = 0.25; sigma <= 5; sigma += 0.25) {
        std::vector<float> smooth = corrupted;
        for (size_t i = 0; i < 12; ++i)
            fseg_intensity_blur(float(sigma), side, side, smooth.data() + i * pixels,
                                scratch.data());
        const double error = meanSquaredError(smooth, clean, mask);
        best = error < smoothing ? sigma : best;
        smoothing = std::min(smoothing, error);
    }
    RecordProperty("network", std::to_string(network));
    RecordProperty("smoothing", std::to_string(smoothing));
    EXPECT_GT(best, 0.25) << "the corruption is one that smoothing helps against";
    EXPECT_LT(best, 5);
    EXPECT_LT(network, smoothing);
    fseg_pretrainer_free(pretrainer);
    fseg_model_free(model);
    fseg_sampler_free(train);
    fseg_sampler_free(held);
}

// Top-1 retrieval of the partition among all slices of the held-out phantoms.
double retrieval(const Phantoms &phantoms, const fseg_model *model, size_t first, size_t end,
                 int partitions)
{
    std::vector<float> images;
    std::vector<int> classes, groups;
    for (size_t i = first; i < end; ++i) {
        images.insert(images.end(), phantoms.images[i].begin(), phantoms.images[i].end());
        for (int k = 0; k < depth; ++k) {
            classes.push_back(k * partitions / depth);
            groups.push_back(int(i));
        }
    }
    const size_t dim = fseg_model_feature_count(model);
    std::vector<float> features(classes.size() * dim);
    EXPECT_EQ(FSEG_OK, fseg_model_features(phantoms.context, model, images.data(), classes.size(),
                                           side, side, features.data(), nullptr));
    return fseg_retrieval_top1(features.data(), classes.size(), dim, classes.data(), groups.data());
}

TEST(PretrainerLearning, FindsThePartitionOfHeldOutSlicesAtThreeTimesChance)
{
    constexpr int partitions = 6;
    const Phantoms phantoms(14);
    fseg_sampler *train = phantoms.sampler(0, 10);
    fseg_model *model = nullptr;
    const fseg_unet_config config = smallNetwork();
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
    const double before = retrieval(phantoms, model, 10, 14, partitions);
    const int steps = 100;
    fseg_pretrainer_options o =
        fseg_pretrainer_default_options(FSEG_PRETRAIN_CONTRASTIVE, side, side, steps);
    o.variant = FSEG_VARIANT_PARTITION_PAIRS;
    o.volumes = 3;
    o.partitions = partitions;
    fseg_pretrainer *pretrainer = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_pretrainer_create(phantoms.context, model, &o, &pretrainer, nullptr));
    fseg_pretrain_losses losses;
    for (int step = 0; step < steps; ++step)
        ASSERT_EQ(FSEG_OK, fseg_pretrainer_step(pretrainer, train, &losses, nullptr));
    const double after = retrieval(phantoms, model, 10, 14, partitions);
    RecordProperty("untrained", std::to_string(before));
    RecordProperty("pretrained", std::to_string(after));
    EXPECT_GE(after, 3.0 / partitions);
    EXPECT_GT(after, before);
    fseg_pretrainer_free(pretrainer);
    fseg_model_free(model);
    fseg_sampler_free(train);
}

} // namespace
