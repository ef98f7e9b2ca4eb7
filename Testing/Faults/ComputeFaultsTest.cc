// Every allocation and every write of the C library fails once: a clean error, nothing leaked,
// files whole.
#include "Faults.h"
#include "frugalseg/frugalseg.h"
#include "frugalseg/replacement.h"

#include <memory>
#include <vector>

namespace
{

using faults::everyAllocation;
using faults::everyWrite;

fseg_unet_config tiny()
{
    fseg_unet_config config = fseg_unet_default_config(1, 2);
    config.levels = 3;
    config.widths[0] = config.widths[1] = 4;
    config.widths[2] = 8;
    return config;
}

template <auto Free> struct Freeing {
    template <typename Object> void operator()(Object *object) const
    {
        Free(object);
    }
};
using Context = std::unique_ptr<fseg_context, Freeing<fseg_context_free>>;
using Model = std::unique_ptr<fseg_model, Freeing<fseg_model_free>>;
using Session = std::unique_ptr<fseg_session, Freeing<fseg_session_free>>;
using Trainer = std::unique_ptr<fseg_trainer, Freeing<fseg_trainer_free>>;
using Pretrainer = std::unique_ptr<fseg_pretrainer, Freeing<fseg_pretrainer_free>>;
using Sampler = std::unique_ptr<fseg_sampler, Freeing<fseg_sampler_free>>;

Context makeContext(int threads = 1)
{
    const fseg_context_options options = {threads, FSEG_ISA_AUTO};
    fseg_context *made = nullptr;
    EXPECT_EQ(fseg_context_create(&options, &made, nullptr), FSEG_OK);
    return Context(made);
}

Model makeModel(uint64_t seed = 1)
{
    const fseg_unet_config config = tiny();
    fseg_model *made = nullptr;
    EXPECT_EQ(fseg_model_create(&config, seed, &made, nullptr), FSEG_OK);
    EXPECT_EQ(fseg_model_set_card(
                  made, R"({"name": "faults", "spacing_mm": 2, "body_parts": ["LIVER"]})", nullptr),
              FSEG_OK);
    return Model(made);
}

/** Create with every allocation failing; `*out` must be null after a failure. */
template <typename Object, auto Free>
void everyAllocationOfCreating(
    const std::function<fseg_status(Object **, fseg_error *)> &create,
    const std::function<fseg_status(Object *, fseg_error *)> &use = nullptr,
    bool mayBlameTheFile = false)
{
    const size_t count = everyAllocation(
        [&](fseg_error *error) {
            Object *object = nullptr;
            fseg_status status = create(&object, error);
            EXPECT_EQ(status == FSEG_OK, object != nullptr);
            if (status == FSEG_OK && use) {
                status = use(object, error);
            }
            Free(object);
            return status;
        },
        1, nullptr, mayBlameTheFile);
    EXPECT_GT(count, 0u);
}

TEST(ComputeFaults, CreatingAContext)
{
    for (const int threads : {1, 3}) {
        everyAllocationOfCreating<fseg_context, fseg_context_free>(
            [&](fseg_context **out, fseg_error *error) {
                const fseg_context_options options = {threads, FSEG_ISA_AUTO};
                return fseg_context_create(&options, out, error);
            });
    }
}

TEST(ComputeFaults, CreatingAndCloningAModel)
{
    const fseg_unet_config config = tiny();
    everyAllocationOfCreating<fseg_model, fseg_model_free>(
        [&](fseg_model **out, fseg_error *error) {
            return fseg_model_create(&config, 1, out, error);
        });
    const Model model = makeModel();
    everyAllocationOfCreating<fseg_model, fseg_model_free>(
        [&](fseg_model **out, fseg_error *error) {
            return fseg_model_clone(model.get(), out, error);
        });
}

TEST(ComputeFaults, ReadingAndSettingACard)
{
    const Model model = makeModel();
    const std::string before = fseg_model_card(model.get());
    everyAllocation(
        [&](fseg_error *error) {
            const fseg_status status = fseg_model_set_card(model.get(), before.c_str(), error);
            EXPECT_EQ(before, fseg_model_card(model.get()));
            return status;
        },
        1, nullptr, true);
    everyAllocation([&](fseg_error *error) {
        fseg_input_spec spec;
        const fseg_status status = fseg_model_input_spec(model.get(), &spec, error);
        return status;
    });
    everyAllocation([&](fseg_error *error) {
        fseg_model_scope scope;
        return fseg_model_read_scope(model.get(), &scope, error);
    });
}

TEST(ComputeFaults, LoadingAModel)
{
    const faults::Folder folder;
    const std::string path = folder / "model.fseg";
    const Model model = makeModel();
    ASSERT_EQ(fseg_model_save(model.get(), path.c_str(), nullptr), FSEG_OK);
    everyAllocationOfCreating<fseg_model, fseg_model_free>(
        [&](fseg_model **out, fseg_error *error) {
            return fseg_model_load(path.c_str(), out, error);
        },
        nullptr, true);
}

TEST(ComputeFaults, SavingAModelNeverLosesTheFormerOne)
{
    const faults::Folder folder;
    const std::string path = folder / "model.fseg";
    const Model first = makeModel(1), second = makeModel(2);
    ASSERT_EQ(fseg_model_save(second.get(), path.c_str(), nullptr), FSEG_OK);
    const std::string fresh = faults::bytesOf(path);
    ASSERT_EQ(fseg_model_save(first.get(), path.c_str(), nullptr), FSEG_OK);
    const std::string former = faults::bytesOf(path);
    ASSERT_NE(former, fresh);
    const auto whole = [&](bool saved) {
        const std::string now = faults::bytesOf(path);
        EXPECT_TRUE(now == fresh || (!saved && now == former))
            << "neither the old file nor the new one";
        EXPECT_EQ(folder.entries(), "model.fseg ");
        if (now == fresh) {
            EXPECT_EQ(fseg_model_save(first.get(), path.c_str(), nullptr), FSEG_OK);
        }
    };
    EXPECT_GT(
        everyAllocation(
            [&](fseg_error *error) { return fseg_model_save(second.get(), path.c_str(), error); },
            3, whole, true),
        10u);
}

TEST(ComputeFaults, AFullDiskNeverCostsTheFormerModel)
{
    const faults::Folder folder;
    const std::string path = folder / "model.fseg";
    const Model first = makeModel(1), second = makeModel(2);
    ASSERT_EQ(fseg_model_save(second.get(), path.c_str(), nullptr), FSEG_OK);
    const std::string fresh = faults::bytesOf(path);
    ASSERT_EQ(fseg_model_save(first.get(), path.c_str(), nullptr), FSEG_OK);
    const std::string former = faults::bytesOf(path);
    EXPECT_GT(
        everyWrite(
            [&](fseg_error *error) { return fseg_model_save(second.get(), path.c_str(), error); },
            [&](bool saved) {
                const std::string now = faults::bytesOf(path);
                EXPECT_TRUE(now == fresh || (!saved && now == former))
                    << "neither the old file nor the new one";
                EXPECT_EQ(folder.entries(), "model.fseg ");
                ASSERT_EQ(fseg_model_save(first.get(), path.c_str(), nullptr), FSEG_OK);
            }),
        10u);
}

TEST(ComputeFaults, PlanningAndRunningInference)
{
    const Context context = makeContext();
    const Model model = makeModel();
    const std::vector<float> images(2 * 16 * 16, 0.25F);
    std::vector<float> logits(2 * 2 * 16 * 16);
    everyAllocationOfCreating<fseg_session, fseg_session_free>(
        [&](fseg_session **out, fseg_error *error) {
            return fseg_session_create(context.get(), model.get(), 2, 16, 16, out, error);
        },
        [&](fseg_session *session, fseg_error *error) {
            const fseg_status status = fseg_session_probabilities(session, images.data(), 2,
                                                                  logits.data(), nullptr, error);
            return status != FSEG_OK ? status
                                     : fseg_session_logits(session, images.data(), 2, logits.data(),
                                                           nullptr, error);
        });
    EXPECT_GT(fseg_session_predict_memory(model.get(), 2, 16, 16), 0u);
    for (size_t n = 1; n < 200; ++n) { // says 0, and that is all
        allocation::failAt(n);
        (void)fseg_session_predict_memory(model.get(), 2, 16, 16);
        allocation::failAt(0);
    }
}

TEST(ComputeFaults, Training)
{
    const Context context = makeContext();
    const std::vector<float> images(2 * 16 * 16, 0.25F);
    std::vector<uint8_t> labels(2 * 16 * 16);
    for (size_t i = 0; i < labels.size(); ++i) {
        labels[i] = i % 3 == 0;
    }
    const fseg_trainer_options options = fseg_trainer_default_options(2, 16, 16, 4);
    const Model model = makeModel();
    everyAllocationOfCreating<fseg_trainer, fseg_trainer_free>(
        [&](fseg_trainer **out, fseg_error *error) {
            return fseg_trainer_create(context.get(), model.get(), &options, out, error);
        },
        [&](fseg_trainer *trainer, fseg_error *error) {
            double loss = 0.0;
            fseg_status status =
                fseg_trainer_step(trainer, images.data(), labels.data(), &loss, error);
            if (status == FSEG_OK) {
                status = fseg_trainer_note_score(trainer, 0.5, error);
            }
            fseg_trainer_use_best(trainer);
            return status;
        });
}

TEST(ComputeFaults, CheckpointsOfTraining)
{
    const faults::Folder folder;
    const std::string path = folder / "run.checkpoint";
    const Context context = makeContext();
    const Model model = makeModel();
    const fseg_trainer_options options = fseg_trainer_default_options(2, 16, 16, 4);
    fseg_trainer *made = nullptr;
    ASSERT_EQ(fseg_trainer_create(context.get(), model.get(), &options, &made, nullptr), FSEG_OK);
    const Trainer trainer(made);
    ASSERT_EQ(fseg_trainer_note_score(made, 0.5, nullptr), FSEG_OK);
    ASSERT_EQ(fseg_trainer_save(made, path.c_str(), nullptr), FSEG_OK);
    const std::string good = faults::bytesOf(path);
    EXPECT_GT(everyAllocation(
                  [&](fseg_error *error) { return fseg_trainer_save(made, path.c_str(), error); },
                  17, nullptr, true),
              10u);
    EXPECT_EQ(faults::bytesOf(path), good);
    EXPECT_GT(
        everyAllocation(
            [&](fseg_error *error) { return fseg_trainer_restore(made, path.c_str(), error); }, 17,
            nullptr, true),
        10u);
    EXPECT_GT(
        everyWrite([&](fseg_error *error) { return fseg_trainer_save(made, path.c_str(), error); },
                   [&](bool) {
                       EXPECT_EQ(faults::bytesOf(path), good);
                       EXPECT_EQ(folder.entries(), "run.checkpoint ");
                   }),
        10u);
}

Sampler makeSampler(fseg_error *error, fseg_status *status)
{
    fseg_sampler_options options = fseg_sampler_default_options(2, 16, 16);
    fseg_sampler *made = nullptr;
    *status = fseg_sampler_create(&options, &made, error);
    Sampler sampler(made);
    std::vector<float> image;
    std::vector<uint8_t> label;
    const bool armed = *status == FSEG_OK;
    if (armed) {
        static std::vector<float> voxels(4 * 20 * 18, 0.5F);
        static std::vector<uint8_t> values(4 * 20 * 18, 1);
        for (int i = 0; i < 3 && *status == FSEG_OK; ++i) {
            *status = fseg_sampler_add(made, voxels.data(), values.data(), 4, 20, 18, 1.0, error);
        }
        if (*status == FSEG_OK) {
            *status = fseg_sampler_add_unlabelled(made, voxels.data(), 4, 20, 18, 1.0, error);
        }
    }
    return sampler;
}

TEST(ComputeFaults, SamplingBatches)
{
    const Context context = makeContext();
    std::vector<float> images(2 * 16 * 16);
    std::vector<uint8_t> labels(2 * 16 * 16);
    everyAllocation([&](fseg_error *error) {
        fseg_status status = FSEG_OK;
        const Sampler sampler = makeSampler(error, &status);
        if (status == FSEG_OK) {
            status =
                fseg_sampler_draw(sampler.get(), context.get(), 1, images.data(), labels.data());
            if (status != FSEG_OK) { // it takes no place for a sentence
                status = fseg_error_set(error, status, "a batch could not be drawn");
            }
        }
        return status;
    });
}

TEST(ComputeFaults, Pretraining)
{
    const Context context = makeContext();
    fseg_status status = FSEG_OK;
    const Sampler sampler = makeSampler(nullptr, &status);
    ASSERT_EQ(status, FSEG_OK);
    for (const fseg_pretrain_loss loss :
         {FSEG_PRETRAIN_REGRESSION, FSEG_PRETRAIN_CONTRASTIVE, FSEG_PRETRAIN_BOTH}) {
        const Model model = makeModel();
        fseg_pretrainer_options options = fseg_pretrainer_default_options(loss, 16, 16, 3);
        options.batch = 2;
        options.corruption.patches_size = 4;
        options.volumes = 2;
        options.partitions = 2;
        everyAllocationOfCreating<fseg_pretrainer, fseg_pretrainer_free>(
            [&](fseg_pretrainer **out, fseg_error *error) {
                return fseg_pretrainer_create(context.get(), model.get(), &options, out, error);
            },
            [&](fseg_pretrainer *pretrainer, fseg_error *error) {
                fseg_pretrain_losses losses{};
                return fseg_pretrainer_evaluate(pretrainer, sampler.get(), 0, &losses, error);
            });
    }
}

TEST(ComputeFaults, CheckpointsOfPretraining)
{
    const faults::Folder folder;
    const std::string path = folder / "run.checkpoint";
    const Context context = makeContext();
    const Model model = makeModel();
    fseg_pretrainer_options options =
        fseg_pretrainer_default_options(FSEG_PRETRAIN_BOTH, 16, 16, 3);
    options.volumes = options.partitions = options.batch = 2;
    fseg_pretrainer *made = nullptr;
    ASSERT_EQ(fseg_pretrainer_create(context.get(), model.get(), &options, &made, nullptr),
              FSEG_OK);
    const Pretrainer pretrainer(made);
    ASSERT_EQ(fseg_pretrainer_save(made, path.c_str(), nullptr), FSEG_OK);
    const std::string good = faults::bytesOf(path);
    everyAllocation(
        [&](fseg_error *error) { return fseg_pretrainer_save(made, path.c_str(), error); }, 17,
        nullptr, true);
    everyAllocation(
        [&](fseg_error *error) { return fseg_pretrainer_restore(made, path.c_str(), error); }, 17,
        nullptr, true);
    everyWrite([&](fseg_error *error) { return fseg_pretrainer_save(made, path.c_str(), error); },
               [&](bool) { EXPECT_EQ(faults::bytesOf(path), good); });
    EXPECT_EQ(folder.entries(), "run.checkpoint ");
}

TEST(ComputeFaults, PhantomsAndMaps)
{
    const Context context = makeContext();
    fseg_phantom_options options = fseg_phantom_default_options(3);
    options.columns = options.rows = 24;
    options.slices = 4;
    options.spacing_mm[0] = options.spacing_mm[1] = 16.0;
    options.spacing_mm[2] = 40.0;
    std::vector<float> image(24 * 24 * 4);
    std::vector<uint8_t> labels(24 * 24 * 4);
    everyAllocation([&](fseg_error *error) {
        return fseg_phantom_abdomen(context.get(), &options, image.data(), labels.data(), nullptr,
                                    error);
    });
    fseg_constraint_options constraint = fseg_constraint_default_options();
    everyAllocation([&](fseg_error *error) {
        return fseg_constraint_map(context.get(), &constraint, image.data(), 1, 4, 24, 24,
                                   labels.data(), nullptr, error);
    });
}

TEST(ComputeFaults, LossesAugmentationAndStatistics)
{
    const Context context = makeContext();
    std::vector<float> logits(2 * 2 * 64, 0.1F), gradient(2 * 2 * 64);
    std::vector<uint8_t> labels(2 * 64, 1);
    double loss = 0.0;
    const fseg_loss_options options = fseg_loss_default_options();
    // These take no place for a sentence; the status is all.
    const auto named = [](fseg_error *error, fseg_status status) {
        return status == FSEG_OK ? FSEG_OK : fseg_error_set(error, status, "failed");
    };
    everyAllocation([&](fseg_error *error) {
        return named(error, fseg_loss_f32(&options, logits.data(), labels.data(), 2, 2, 64, &loss,
                                          gradient.data()));
    });
    everyAllocation([&](fseg_error *error) {
        return named(error, fseg_loss_parallel(context.get(), &options, logits.data(),
                                               labels.data(), 2, 2, 64, &loss, gradient.data()));
    });
    const fseg_augment_options augment = fseg_augment_default_options();
    std::vector<float> image(32 * 32, 0.5F);
    std::vector<uint8_t> label(32 * 32, 1);
    everyAllocation([&](fseg_error *error) {
        fseg_random random = fseg_random_create(5, 1);
        return named(error,
                     fseg_augment_apply(&augment, &random, 1, 32, 32, image.data(), label.data()));
    });
    const double differences[] = {0.1, -0.2, 0.3, 0.4, 0.5, -0.6};
    fseg_wilcoxon_result result;
    everyAllocation(
        [&](fseg_error *error) { return named(error, fseg_wilcoxon(differences, 6, &result)); });
    std::vector<float> vectors(8 * 4);
    for (size_t i = 0; i < vectors.size(); ++i) {
        vectors[i] = static_cast<float>(i % 7) - 3.0F;
    }
    const fseg_contrast_options contrast = fseg_contrast_default_options();
    everyAllocation([&](fseg_error *error) {
        fseg_pair_set pairs{};
        fseg_status status = fseg_pairs_ntxent(4, &pairs);
        if (status == FSEG_OK) {
            status = fseg_contrast_f32(&contrast, &pairs, vectors.data(), 8, 4, &loss, nullptr);
        }
        fseg_pair_set_free(&pairs);
        return named(error, status);
    });
    for (const fseg_corrupt_options &corrupt :
         {fseg_corrupt_context_restoration(), fseg_corrupt_models_genesis(),
          fseg_corrupt_masked_patches()}) {
        everyAllocation([&](fseg_error *error) {
            fseg_random random = fseg_random_create(5, 1);
            std::fill(label.begin(), label.end(), 0);
            return named(error, fseg_corrupt_apply(&corrupt, &random, 1, 32, 32, image.data(),
                                                   label.data()));
        });
    }
}

} // namespace
