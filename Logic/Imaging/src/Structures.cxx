/* The table of coded structures: the only place where codes, labels and colours stand. */
#include "frugalseg/seg.h"
#include <cstring>

namespace
{

constexpr fseg_code anatomy = {"123037004", "SCT", "Anatomical Structure"};
constexpr fseg_code none = {nullptr, nullptr, nullptr};
constexpr fseg_code right = {"24028007", "SCT", "Right"};
constexpr fseg_code left = {"7771000", "SCT", "Left"};

constexpr fseg_code sct(const char *value, const char *meaning)
{
    return {value, "SCT", meaning};
}

/* Values, meanings and colours of 3D Slicer's list "General Anatomy". The zones of the prostate and
 * the rectum are not in it: meanings from DICOM PS3.16, colours ours, apart from their neighbours'.
 */
const fseg_structure structures[] = {
    {"liver", "Liver", anatomy, sct("10200004", "Liver"), none, "T-62000", {221, 130, 101}},
    {"prostate",
     "Prostate",
     anatomy,
     sct("41216001", "Prostate"),
     none,
     "T-92000",
     {230, 158, 140}},
    {"prostate-peripheral-zone",
     "Prostate, peripheral zone",
     anatomy,
     sct("279706003", "Peripheral zone of the prostate"),
     none,
     "T-D05E4",
     {70, 163, 117}},
    {"prostate-transition-zone",
     "Prostate, transition zone",
     anatomy,
     sct("399384005", "Transition zone of the prostate"),
     none,
     "T-D0823",
     {150, 120, 220}},
    {"spleen", "Spleen", anatomy, sct("78961009", "Spleen"), none, "T-C3000", {157, 108, 162}},
    {"kidney-right",
     "Kidney, right",
     anatomy,
     sct("64033007", "Kidney"),
     right,
     "T-71000",
     {185, 102, 83}},
    {"kidney-left",
     "Kidney, left",
     anatomy,
     sct("64033007", "Kidney"),
     left,
     "T-71000",
     {185, 102, 83}},
    {"gallbladder",
     "Gallbladder",
     anatomy,
     sct("28231008", "Gallbladder"),
     none,
     "T-63000",
     {139, 150, 98}},
    {"pancreas",
     "Pancreas",
     anatomy,
     sct("15776009", "Pancreas"),
     none,
     "T-65000",
     {249, 180, 111}},
    {"stomach", "Stomach", anatomy, sct("69695003", "Stomach"), none, "T-57000", {216, 132, 105}},
    {"bladder", "Bladder", anatomy, sct("89837001", "Bladder"), none, "T-74000", {222, 154, 132}},
    {"rectum", "Rectum", anatomy, sct("34402009", "Rectum"), none, "T-59600", {204, 168, 143}},
    {"seminal-vesicle-right",
     "Seminal vesicle, right",
     anatomy,
     sct("64739004", "Seminal Vesicle"),
     right,
     "T-93000",
     {245, 172, 147}},
    {"seminal-vesicle-left",
     "Seminal vesicle, left",
     anatomy,
     sct("64739004", "Seminal Vesicle"),
     left,
     "T-93000",
     {245, 172, 147}},
};

} // namespace

extern "C" {

const fseg_structure *fseg_structure_find(const char *name)
{
    for (const fseg_structure &structure : structures) {
        if (name && std::strcmp(structure.name, name) == 0) {
            return &structure;
        }
    }
    return nullptr;
}

const fseg_structure *fseg_structure_at(size_t index)
{
    return index < sizeof structures / sizeof *structures ? &structures[index] : nullptr;
}

} // extern "C"
