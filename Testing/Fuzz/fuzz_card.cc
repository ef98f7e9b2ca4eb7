/* Target: a model card, the JSON text that says what a network expects. */
#include "frugalseg/model.h"
#include "fuzz_target.h"

#include <cmath>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fseg_model *const model = [] {
        fseg_unet_config config = fseg_unet_default_config(1, 2);
        config.levels = 2;
        config.widths[0] = config.widths[1] = 4;
        fseg_model *made = nullptr;
        (void)fseg_model_create(&config, 1, &made, nullptr);
        return made;
    }();
    const std::string text(reinterpret_cast<const char *>(data), size);
    fseg_error error{};
    fseg_status status = fseg_model_set_card(model, text.c_str(), &error);
    if (status == FSEG_OK) {
        fseg_input_spec spec{};
        fseg_model_scope scope{};
        const fseg_status other = fseg_model_read_scope(model, &scope, &error);
        if (other == FSEG_OK &&
            !(std::isfinite(scope.entropy_high) && std::isfinite(scope.island_share))) {
            fuzz::broken("a scope has limits that are no numbers");
        }
        status = fseg_model_input_spec(model, &spec, &error);
        if (status == FSEG_OK &&
            !(spec.spacing_mm > 0.0 && spec.percentile_low <= spec.percentile_high)) {
            fuzz::broken("an input spec is accepted that no image can meet");
        }
    }
    fuzz::note(status, error);
    return 0;
}
