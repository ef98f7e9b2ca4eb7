/* Target: reports that the program reads back. The first byte chooses: 'l' the log of a training
 * run (JSON lines), 'r' the record of a finished task of a study, 'c' a study's configuration. What
 * a study makes of a record (choices, summary, texts) is made, and nothing is drawn. */
extern "C" {
#include "run_plot.h"
#include "study.h"
}
#include "fuzz_target.h"

#include <cstdlib>
#include <filesystem>
#include <string>

namespace
{

const char *const configuration =
    R"({"data": "data", "label": 1, "size": 32, "batch": 2, "steps": 3,
 "subsets": 1, "spacing_mm": 3, "learning_rates": [0.001],
 "folds": [{"test": ["a"], "validation": ["b"]}], "budgets": [1], "seeds": [1],
 "choose": {"budget": 1, "subset": 1}, "pretraining": {}, "arms": {"scratch": {}}})";

struct FreeText {
    void operator()(char *text) const
    {
        std::free(text);
    }
};

/** What `frugalseg study` makes of a configuration and the records that are there. */
fseg_status summarize(const std::string &config_path, const std::string &folder, fseg_error &error)
{
    study_config config{};
    fseg_status status = study_config_read(config_path.c_str(), &config, &error);
    if (status != FSEG_OK) {
        study_config_free(&config);
        return status;
    }
    study_store store{};
    status = study_store_open(folder.c_str(), false, &store, &error);
    if (status == FSEG_OK) {
        json_t *wanted = json_array();
        study_walk(&config, &store, wanted, nullptr, nullptr);
        json_decref(wanted);
        json_t *summary = study_summarize(&config, &store);
        for (auto *text : {study_headline, study_results_text, study_plot_script}) {
            const std::unique_ptr<char, FreeText> made(text(&config, summary));
        }
        json_decref(summary);
        study_store_free(&store);
    }
    study_config_free(&config);
    return status;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    namespace fs = std::filesystem;
    static const std::string folder = [] {
        setenv("PATH", "", 1); // no gnuplot: nothing is drawn
        const std::string path = fuzz::scratch() + "/study";
        fs::create_directories(path + "/out/runs");
        fs::create_directories(path + "/data/imagesTr");
        fs::create_directories(path + "/data/labelsTr");
        for (const char *name : {"a", "b", "c"}) {
            for (const char *part : {"imagesTr/", "labelsTr/"}) {
                fuzz::writeText("study/data/" + std::string(part) + name + ".nii.gz", "content");
            }
        }
        fuzz::writeText("study/study.json", configuration);
        return path;
    }();
    if (size == 0) {
        return 0;
    }
    const char which = static_cast<char>(data[0]);
    fseg_error error{};
    fseg_status status = FSEG_OK;
    if (which == 'l') {
        const std::string log = fuzz::writeFile("study/log.jsonl", data + 1, size - 1);
        status = run_plot_write(log.c_str(), (folder + "/none/plot").c_str(), &error);
    } else if (which == 'c') {
        const std::string path = fuzz::writeFile("study/input.json", data + 1, size - 1);
        status = summarize(path, folder + "/empty", error);
    } else {
        const std::string record = fuzz::writeFile("study/out/runs/input.json", data + 1, size - 1);
        status = summarize(folder + "/study.json", folder + "/out", error);
        fs::remove(record);
    }
    fuzz::note(status, error);
    return 0;
}
