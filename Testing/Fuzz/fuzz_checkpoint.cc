/* Target: checkpoints of training and of pretraining, restored into small runs. The first byte
 * chooses which ('p': pretraining), the rest is the file. */
#include "frugalseg/pretrainer.h"
#include "frugalseg/trainer.h"
#include "fuzz_target.h"

#include <cmath>

namespace
{

struct Runs {
    fseg_context *context = nullptr;
    fseg_model *model = nullptr;
    fseg_trainer *trainer = nullptr;
    fseg_pretrainer *pretrainer = nullptr;

    Runs()
    {
        fseg_error error{};
        fseg_context_options options = fseg_context_default_options();
        options.threads = 1;
        fseg_unet_config config = fseg_unet_default_config(1, 2);
        config.levels = 2;
        config.widths[0] = config.widths[1] = 4;
        const fseg_trainer_options training = fseg_trainer_default_options(2, 8, 8, 10);
        fseg_pretrainer_options pretraining =
            fseg_pretrainer_default_options(FSEG_PRETRAIN_REGRESSION, 8, 8, 10);
        pretraining.batch = 2;
        if (fseg_context_create(&options, &context, &error) != FSEG_OK ||
            fseg_model_create(&config, 1, &model, &error) != FSEG_OK ||
            fseg_trainer_create(context, model, &training, &trainer, &error) != FSEG_OK ||
            fseg_pretrainer_create(context, model, &pretraining, &pretrainer, &error) != FSEG_OK) {
            fuzz::broken(error.message);
        }
    }
    ~Runs()
    {
        fseg_pretrainer_free(pretrainer);
        fseg_trainer_free(trainer);
        fseg_model_free(model);
        fseg_context_free(context);
    }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const Runs runs;
    if (size == 0) {
        return 0;
    }
    const std::string path = fuzz::writeFile("input.checkpoint", data + 1, size - 1);
    fseg_error error{};
    if (data[0] == 'p') {
        fuzz::note(fseg_pretrainer_restore(runs.pretrainer, path.c_str(), &error), error);
    } else {
        const fseg_status status = fseg_trainer_restore(runs.trainer, path.c_str(), &error);
        fuzz::note(status, error);
        const fseg_trainer_best best = fseg_trainer_best_score(runs.trainer);
        if (status == FSEG_OK &&
            (best.scores < 0 || best.since_best < 0 || !std::isfinite(best.score))) {
            fuzz::broken("a restored run has a best score that no run can have");
        }
    }
    const fseg_tensor *first = fseg_model_tensor(runs.model, 0);
    for (size_t i = 0; i < first->count; ++i) {
        if (!std::isfinite(first->data[i])) {
            fuzz::broken("a checkpoint left weights that are not finite");
        }
    }
    return 0;
}
