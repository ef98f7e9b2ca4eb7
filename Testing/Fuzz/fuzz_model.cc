/* Target: a model file (.fseg). What loads must also describe itself, save and load again. */
#include "frugalseg/model.h"
#include "fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const std::string path = fuzz::writeFile("input.fseg", data, size);
    fseg_error error{};
    fseg_model *model = nullptr;
    const fseg_status status = fseg_model_load(path.c_str(), &model, &error);
    fuzz::note(status, error);
    if ((status == FSEG_OK) != (model != nullptr)) {
        fuzz::broken("a model without success, or success without a model");
    }
    if (model) {
        fseg_input_spec spec;
        fseg_model_scope scope;
        (void)fseg_model_input_spec(model, &spec, &error);
        (void)fseg_model_read_scope(model, &scope, &error);
        const std::string again = fuzz::scratch() + "/again.fseg";
        fseg_model *second = nullptr;
        if (fseg_model_save(model, again.c_str(), &error) != FSEG_OK ||
            fseg_model_load(again.c_str(), &second, &error) != FSEG_OK) {
            fuzz::broken(std::string("a loaded model cannot be saved and loaded: ") +
                         error.message);
        }
        fseg_model_free(second);
        fseg_model_free(model);
    }
    return 0;
}
