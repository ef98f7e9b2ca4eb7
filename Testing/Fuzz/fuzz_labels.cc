/* Target: what the learning loop keeps beside labels. The first byte chooses the file that is the
 * input ('d' dataset.json, 's' splits_final.json, 'p' provenance, 't' salt, 'j' the journal of an
 * interrupted save, 'h' history.json of learned models); the others are valid. */
#include "FrugalSegDataset.h"
#include "FrugalSegModelHistory.h"
#include "fuzz_target.h"

#include <filesystem>

namespace fs = std::filesystem;

namespace
{

const char *const dataset = R"({"name": "liver", "numTraining": 2, "file_ending": ".nii.gz",
 "channel_names": {"0": "MR"}, "labels": {"background": 0, "liver": 1},
 "training": [{"image": "./imagesTr/case_0001_0000.nii.gz", "label": "./labelsTr/case_0001.nii.gz"}]})";
const char *const splits = R"([{"train": ["case_0001"], "val": ["case_0002"]}])";
const char *const provenance = R"({"identities": ["00ff"], "labels": [{"structure": "liver",
 "edited": true, "volume_ml": 1432.5, "model": {"name": "liver-t2", "version": "1.0"}}]})";

void makeFolder(const std::string &folder)
{
    fs::remove_all(folder);
    for (const char *part :
         {"imagesTr", "labelsTr", "provenance", ".frugalseg-staging", "models"}) {
        fs::create_directories(folder + "/" + part);
    }
    for (const char *name :
         {"imagesTr/case_0001_0000.nii.gz", "imagesTr/case_0002_0000.nii.gz",
          "labelsTr/case_0001.nii.gz", "labelsTr/case_0002.nii.gz",
          "models/liver-t2-learned-001.fseg", ".frugalseg-staging/0-case_0001.nii.gz"}) {
        fuzz::writeText("labels/" + std::string(name), "content");
    }
    fuzz::writeText("labels/dataset.json", dataset);
    fuzz::writeText("labels/splits_final.json", splits);
    fuzz::writeText("labels/provenance/case_0001.json", provenance);
    fuzz::writeText("labels/provenance/salt", "c2FsdA==\n");
}

void open(const std::string &folder, char which)
{
    if (which == 'h') {
        FrugalSegModelHistory history(folder + "/models");
        (void)history.CanRevert();
        if (history.GetCurrent().empty()) {
            fuzz::broken("the model in use has no name");
        }
        return;
    }
    FrugalSegDataset opened(folder);
    for (const auto &label : opened.GetLabels()) {
        if (label.first < 1 || label.first > 255) {
            fuzz::broken("a label's value does not fit a voxel");
        }
    }
    for (const FrugalSegCase &entry : opened.GetCases()) {
        const std::string image = fs::weakly_canonical(opened.GetImagePath(entry)).string();
        if (image.compare(0, folder.size(), folder) != 0) {
            fuzz::broken("a case's image lies outside the dataset's folder");
        }
        (void)opened.GetLabelPath(entry);
    }
    (void)opened.IdentityOf("1.2.3");
    opened.AssignRoles();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const std::string folder = fuzz::scratch() + "/labels";
    static bool changed = true;
    if (size == 0) {
        return 0;
    }
    const char which = static_cast<char>(data[0]);
    const char *name = which == 's'   ? "splits_final.json"
                       : which == 'p' ? "provenance/case_0001.json"
                       : which == 't' ? "provenance/salt"
                       : which == 'j' ? ".frugalseg-staging/journal.json"
                       : which == 'h' ? "models/history.json"
                                      : "dataset.json";
    if (changed) {
        makeFolder(folder);
    }
    changed = which == 'j'; // it moves files
    fuzz::writeFile("labels/" + std::string(name), data + 1, size - 1);
    fseg_error error{};
    try {
        open(folder, which);
    } catch (const FrugalSegFailure &failure) {
        error.status = failure.Status;
        snprintf(error.message, sizeof error.message, "%s", failure.what());
    }
    fuzz::note(error.status, error);
    if (which != 'j') { // valid again for the next input
        fuzz::writeText("labels/dataset.json", dataset);
        fuzz::writeText("labels/splits_final.json", splits);
        fuzz::writeText("labels/provenance/case_0001.json", provenance);
        fuzz::writeText("labels/provenance/salt", "c2FsdA==\n");
    }
    return 0;
}
