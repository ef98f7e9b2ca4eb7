// Pretraining and training by several ranks: each holds its share of the subjects and works on its
// share of every batch, and together they do what one process does. The ranks are threads here; the
// same code on MPI is tested through the program (Testing/CommandLine/test_mpi.py).
#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <mutex>
#include <thread>
#include <vector>

#include "frugalseg/pretrainer.h"
#include "frugalseg/random.h"
#include "frugalseg/trainer.h"
#include "pretraining_names.h"

namespace
{

// Collective operations of threads: all deposit a pointer, wait, read what they need, wait.
class Team
{
  public:
    explicit Team(int size)
        : size_(size), data_(size_t(size)), counts_(size_t(size)), members_(size_t(size))
    {
        for (int r = 0; r < size; ++r)
            members_[size_t(r)] = {this, r};
    }
    fseg_communicator communicator(int rank)
    {
        fseg_communicator c = {};
        c.rank = rank;
        c.size = size_;
        c.user = &members_[size_t(rank)];
        c.sum_f32 = sum<float>;
        c.sum_f64 = sum<double>;
        c.gather = gather;
        c.exchange = exchange;
        return c;
    }

  private:
    struct Member {
        Team *team;
        int rank;
    };
    void wait()
    {
        std::unique_lock<std::mutex> lock(mutex_);
        const unsigned turn = turn_;
        if (++waiting_ == size_) {
            waiting_ = 0;
            ++turn_;
            changed_.notify_all();
        } else {
            changed_.wait(lock, [&] { return turn_ != turn; });
        }
    }
    template <typename Real> static fseg_status sum(void *user, Real *values, size_t count)
    {
        const Member *m = static_cast<Member *>(user);
        m->team->data_[size_t(m->rank)] = values;
        m->team->wait();
        std::vector<Real> total(count, Real(0));
        for (const void *part : m->team->data_)
            for (size_t i = 0; i < count; ++i)
                total[i] += static_cast<const Real *>(part)[i];
        m->team->wait();
        std::copy(total.begin(), total.end(), values);
        m->team->wait();
        return FSEG_OK;
    }
    static fseg_status gather(void *user, const void *mine, size_t bytes, void *all)
    {
        const Member *m = static_cast<Member *>(user);
        m->team->data_[size_t(m->rank)] = mine;
        m->team->wait();
        for (size_t r = 0; r < m->team->data_.size(); ++r)
            memcpy(static_cast<char *>(all) + r * bytes, m->team->data_[r], bytes);
        m->team->wait();
        return FSEG_OK;
    }
    static fseg_status exchange(void *user, const void *send, const size_t *send_bytes,
                                void *receive, const size_t *receive_bytes)
    {
        const Member *m = static_cast<Member *>(user);
        m->team->data_[size_t(m->rank)] = send;
        m->team->counts_[size_t(m->rank)] = send_bytes;
        m->team->wait();
        char *to = static_cast<char *>(receive);
        for (size_t r = 0; r < m->team->data_.size(); ++r) {
            const size_t *counts = m->team->counts_[r];
            const char *from = static_cast<const char *>(m->team->data_[r]);
            for (int i = 0; i < m->rank; ++i)
                from += counts[i];
            EXPECT_EQ(receive_bytes[r], counts[m->rank]);
            memcpy(to, from, receive_bytes[r]);
            to += receive_bytes[r];
        }
        m->team->wait();
        return FSEG_OK;
    }

    int size_, waiting_ = 0;
    unsigned turn_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<const void *> data_;
    std::vector<const size_t *> counts_;
    std::vector<Member> members_;
};

void onEveryRank(int size, const std::function<void(int, fseg_communicator *)> &body)
{
    Team team(size);
    std::vector<std::thread> threads;
    for (int r = 0; r < size; ++r)
        threads.emplace_back([&team, &body, r] {
            fseg_communicator c = team.communicator(r);
            body(r, &c);
        });
    for (std::thread &t : threads)
        t.join();
}

constexpr int side = 32, subjects = 5, depth = 9, steps = 20;

fseg_unet_config smallNetwork()
{
    fseg_unet_config config = fseg_unet_default_config(1, 2);
    config.levels = 4;
    const int widths[] = {8, 8, 16, 16};
    std::copy(widths, widths + 4, config.widths);
    return config;
}

// A disc whose place and size follow the slice; the subjects differ in their number of slices.
void addSubject(fseg_sampler *sampler, int subject, float factor = 1.0f)
{
    const int slices = depth + subject;
    fseg_random random = fseg_random_create(9, uint64_t(subject));
    std::vector<float> image(size_t(slices * side * side));
    std::vector<uint8_t> label(image.size());
    for (int k = 0; k < slices; ++k)
        for (int y = 0; y < side; ++y)
            for (int x = 0; x < side; ++x) {
                const bool in = std::hypot(x - 8 - k, y - 16) < 5 + k / 2;
                const size_t i = size_t((k * side + y) * side + x);
                label[i] = in;
                image[i] = ((in ? 0.8f : 0.3f) + 0.1f * fseg_random_uniform(&random)) * factor;
            }
    EXPECT_EQ(FSEG_OK, fseg_sampler_add(sampler, image.data(), label.data(), slices, side, side,
                                        1 + 0.1 * subject, nullptr));
}

// What one rank holds. Subject i belongs to rank i mod size; subject `broken` is too bright for
// float arithmetic.
struct Rank {
    fseg_context *context = nullptr;
    fseg_sampler *sampler = nullptr;
    fseg_model *model = nullptr;

    Rank(fseg_communicator *communicator, int batch, int broken = -1)
    {
        const fseg_context_options c = {1, FSEG_ISA_AUTO};
        EXPECT_EQ(FSEG_OK, fseg_context_create(&c, &context, nullptr));
        fseg_context_set_communicator(context, communicator);
        const fseg_sampler_options s = fseg_sampler_default_options(batch, side, side);
        EXPECT_EQ(FSEG_OK, fseg_sampler_create(&s, &sampler, nullptr));
        const int rank = fseg_communicator_rank(communicator);
        const int size = fseg_communicator_size(communicator);
        std::vector<size_t> numbers;
        for (int i = rank; i < subjects; i += size) {
            addSubject(sampler, i, i == broken ? 3e38f : 1.0f);
            numbers.push_back(size_t(i));
        }
        fseg_error error = {};
        EXPECT_EQ(FSEG_OK, fseg_sampler_share(sampler, context, numbers.data(), &error))
            << error.message;
        EXPECT_EQ(size_t(subjects), fseg_sampler_count(sampler));
        const fseg_unet_config config = smallNetwork();
        EXPECT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
    }
    ~Rank()
    {
        fseg_model_free(model);
        fseg_sampler_free(sampler);
        fseg_context_free(context);
    }
};

fseg_pretrainer_options optionsFor(fseg_pretrain_loss loss,
                                   fseg_contrast_variant variant = FSEG_VARIANT_PARTITION)
{
    // A low rate: else Adam and the choices of maxima amplify what rounding leaves (kernels depend
    // on the size of the batch) beyond the tolerance within 20 steps, as they do between two
    // instruction sets. The gradients are compared at their full size.
    fseg_pretrainer_options o = fseg_pretrainer_default_options(loss, side, side, 10000);
    o.batch = 6;
    o.learning_rate = 5e-5;
    o.corruption.patches_size = 8;
    o.variant = variant;
    o.volumes = 2;
    o.partitions = 3;
    o.ccl.neighbours = 100; // all vectors take part, whichever rounding makes more similar
    o.queries = 8;
    o.epsilon = 1e-5; // Adam makes no full steps of gradients that are nothing but rounding
    return o;
}

struct Course {
    std::vector<double> losses;
    std::vector<float> firstGradient, weights;
};

// The first gradient, the losses of all steps and the weights after them, as every rank sees them.
Course pretrain(const fseg_pretrainer_options &o, fseg_communicator *communicator)
{
    Rank rank(communicator, 1);
    fseg_pretrainer *pretrainer = nullptr;
    fseg_error error = {};
    EXPECT_EQ(FSEG_OK, fseg_pretrainer_create(rank.context, rank.model, &o, &pretrainer, &error))
        << error.message;
    Course course;
    for (int s = 0; s < steps; ++s) {
        fseg_pretrain_losses losses = {};
        EXPECT_EQ(FSEG_OK, fseg_pretrainer_step(pretrainer, rank.sampler, &losses, &error))
            << error.message;
        course.losses.push_back(losses.total);
        for (size_t i = 0; s == 0 && i < fseg_model_tensor_count(rank.model); ++i) {
            const float *g = fseg_pretrainer_gradient(pretrainer, i);
            course.firstGradient.insert(course.firstGradient.end(), g,
                                        g + fseg_model_tensor(rank.model, i)->count);
        }
    }
    for (size_t i = 0; i < fseg_model_tensor_count(rank.model); ++i) {
        const fseg_tensor *t = fseg_model_tensor(rank.model, i);
        course.weights.insert(course.weights.end(), t->data, t->data + t->count);
    }
    fseg_pretrainer_free(pretrainer);
    return course;
}

double largest(const std::vector<float> &values)
{
    double most = 0;
    for (float v : values)
        most = std::max(most, double(std::fabs(v)));
    return most;
}

void expectSameCourse(const Course &one, const Course &many)
{
    ASSERT_EQ(one.losses.size(), many.losses.size());
    for (size_t s = 0; s < one.losses.size(); ++s)
        EXPECT_NEAR(one.losses[s], many.losses[s], 1e-5 * std::max(1.0, one.losses[s]))
            << "step " << s;
    const double scale = largest(one.firstGradient);
    double worst = 0;
    for (size_t i = 0; i < one.firstGradient.size(); ++i)
        worst = std::max(worst, double(std::fabs(one.firstGradient[i] - many.firstGradient[i])));
    EXPECT_GT(scale, 0);
    EXPECT_LT(worst, 1e-4 * scale); // Winograd's rounding depends on the batch
}

std::vector<fseg_pretrainer_options> everyKind()
{
    std::vector<fseg_pretrainer_options> all;
    for (int variant = FSEG_VARIANT_SIMCLR; variant <= FSEG_VARIANT_CONSTRAINED; ++variant)
        all.push_back(optionsFor(FSEG_PRETRAIN_CONTRASTIVE, fseg_contrast_variant(variant)));
    all.push_back(optionsFor(FSEG_PRETRAIN_REGRESSION));
    all.push_back(optionsFor(FSEG_PRETRAIN_REGRESSION));
    all.back().corrupted_only = 0;
    all.back().corruption = fseg_corrupt_models_genesis();
    all.push_back(optionsFor(FSEG_PRETRAIN_BOTH));
    return all;
}

class EveryKindByRanks : public testing::TestWithParam<fseg_pretrainer_options>
{
};
INSTANTIATE_TEST_SUITE_P(Processes, EveryKindByRanks, testing::ValuesIn(everyKind()));

TEST_P(EveryKindByRanks, GivesTheLossesAndGradientsOfOneProcess)
{
    const Course one = pretrain(GetParam(), nullptr);
    for (int size : {2, 3}) {
        std::vector<Course> ranks((size_t(size)));
        onEveryRank(
            size, [&](int r, fseg_communicator *c) { ranks[size_t(r)] = pretrain(GetParam(), c); });
        for (const Course &rank : ranks) {
            expectSameCourse(one, rank);
            // All ranks hold the same model, to the bit.
            EXPECT_EQ(ranks[0].weights, rank.weights);
            EXPECT_EQ(ranks[0].losses, rank.losses);
        }
    }
}

TEST(Processes, NeedLessMemoryEach)
{
    const fseg_pretrainer_options o = optionsFor(FSEG_PRETRAIN_BOTH);
    const fseg_unet_config config = smallNetwork();
    fseg_model *model = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
    const size_t one = fseg_pretrainer_predict_memory(model, &o);
    const size_t three = fseg_pretrainer_predict_share(model, &o, 3);
    EXPECT_LT(three, one / 2);
    EXPECT_EQ(0u, fseg_pretrainer_predict_share(model, &o, 4)); // 6 slices over 4 processes
    fseg_model_free(model);
}

TEST(Processes, RefuseABatchThatTheyDoNotDivide)
{
    onEveryRank(4, [](int, fseg_communicator *c) {
        Rank rank(c, 1);
        fseg_pretrainer *pretrainer = nullptr;
        fseg_error error = {};
        const fseg_pretrainer_options o = optionsFor(FSEG_PRETRAIN_REGRESSION);
        EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT,
                  fseg_pretrainer_create(rank.context, rank.model, &o, &pretrainer, &error));
        EXPECT_NE(nullptr, strstr(error.message, "divide")) << error.message;
    });
}

TEST(Processes, AllStopWhenTheLossOfOneIsNotFiniteAndAllNameTheSlice)
{
    for (const fseg_pretrainer_options &o : everyKind()) {
        std::vector<fseg_slice_choice> culprits(2);
        std::vector<int> found(2, -1);
        onEveryRank(2, [&](int r, fseg_communicator *c) {
            Rank rank(c, 1, 1); // subject 1 is with rank 1
            fseg_pretrainer *pretrainer = nullptr;
            EXPECT_EQ(FSEG_OK,
                      fseg_pretrainer_create(rank.context, rank.model, &o, &pretrainer, nullptr));
            fseg_status status = FSEG_OK;
            fseg_pretrain_losses losses;
            fseg_error error = {};
            for (int s = 0; s < steps && status == FSEG_OK; ++s)
                status = fseg_pretrainer_step(pretrainer, rank.sampler, &losses, &error);
            EXPECT_EQ(FSEG_ERROR_NOT_FINITE, status) << error.message;
            found[size_t(r)] = fseg_pretrainer_culprit(pretrainer, &culprits[size_t(r)]);
            fseg_pretrainer_free(pretrainer);
        });
        EXPECT_EQ(found[0], found[1]);
        if (found[0] == 1) {
            EXPECT_EQ(1u, culprits[0].subject);
            EXPECT_EQ(1u, culprits[1].subject);
            EXPECT_EQ(culprits[0].slice, culprits[1].slice);
        }
    }
}

TEST(Processes, DrawTheLabelledBatchOfOneProcess)
{
    constexpr int batch = 6;
    constexpr size_t pixels = size_t(side) * side;
    std::vector<float> images(batch * pixels);
    std::vector<uint8_t> labels(images.size());
    Rank one(nullptr, batch);
    ASSERT_EQ(FSEG_OK,
              fseg_sampler_draw(one.sampler, one.context, 3, images.data(), labels.data()));
    for (int size : {2, 3})
        onEveryRank(size, [&](int r, fseg_communicator *c) {
            Rank rank(c, batch);
            const size_t share = pixels * size_t(batch / size);
            std::vector<float> mine(share);
            std::vector<uint8_t> mineLabels(share);
            EXPECT_EQ(FSEG_OK, fseg_sampler_draw(rank.sampler, rank.context, 3, mine.data(),
                                                 mineLabels.data()));
            const size_t first = size_t(r) * share;
            EXPECT_EQ(0, memcmp(mine.data(), images.data() + first, share * sizeof(float)));
            EXPECT_EQ(0, memcmp(mineLabels.data(), labels.data() + first, share));
        });
}

// Losses of supervised steps on drawn batches, as every rank sees them.
std::vector<double> train(fseg_communicator *communicator)
{
    constexpr int batch = 6;
    Rank rank(communicator, batch);
    fseg_trainer_options o = fseg_trainer_default_options(batch, side, side, 10000);
    o.epsilon = 1e-5;
    o.learning_rate = 5e-5;
    o.loss.tversky_weight = 0.5;
    fseg_trainer *trainer = nullptr;
    fseg_error error = {};
    EXPECT_EQ(FSEG_OK, fseg_trainer_create(rank.context, rank.model, &o, &trainer, &error))
        << error.message;
    const size_t share = size_t(batch / fseg_communicator_size(communicator)) * side * side;
    std::vector<float> images(share);
    std::vector<uint8_t> labels(share);
    std::vector<double> losses(steps);
    for (int s = 0; s < steps; ++s) {
        EXPECT_EQ(FSEG_OK,
                  fseg_sampler_draw(rank.sampler, rank.context, s, images.data(), labels.data()));
        EXPECT_EQ(FSEG_OK, fseg_trainer_step(trainer, images.data(), labels.data(),
                                             &losses[size_t(s)], &error))
            << error.message;
    }
    fseg_trainer_free(trainer);
    return losses;
}

TEST(Processes, TrainWithTheLossesOfOneProcess)
{
    const std::vector<double> one = train(nullptr);
    for (int size : {2, 3}) {
        std::vector<std::vector<double>> ranks((size_t(size)));
        onEveryRank(size, [&](int r, fseg_communicator *c) { ranks[size_t(r)] = train(c); });
        for (const std::vector<double> &losses : ranks)
            for (size_t s = 0; s < one.size(); ++s)
                EXPECT_NEAR(one[s], losses[s], 1e-5) << "step " << s;
    }
}

} // namespace
