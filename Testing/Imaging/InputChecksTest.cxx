// What is said about an image that lies outside a model's card, and numbers for people.
#include "ComputeTestHelpers.h"
#include "ImagingTestHelpers.h"

#include <cstring>

using namespace imaging_test;

namespace
{

const char *const card =
    ",\"contrast\":\"T2 fat-suppressed\",\"body_parts\":[\"ABDOMEN\",\"LIVER\"],"
    "\"orientation\":\"axial\",\"pixel_mm_low\":0.5,\"pixel_mm_high\":2.5,\"slice_mm_low\":3,"
    "\"slice_mm_high\":10,\"field_mm_low\":250,\"field_mm_high\":550";

/** Names of the checks, "body-part contrast", of a volume without voxels. */
std::string checksOf(const fseg_model *model, const fseg_geometry &geometry,
                     const fseg_series_info *series, const char *modality = "MR")
{
    fseg_volume place{};
    place.geometry = geometry;
    std::strcpy(place.modality, modality);
    fseg_segment_report report{};
    fseg_error error{};
    EXPECT_EQ(fseg_imaging_check_input(model, &place, series, &report, &error), FSEG_OK)
        << error.message;
    std::string names;
    for (int i = 0; i < report.warning_count; ++i) {
        EXPECT_GT(std::strlen(report.warnings[i]), 20u);
        names += (names.empty() ? "" : " ") + std::string(fseg_check_name(report.checks[i]));
    }
    return names;
}

fseg_series_info series(const char *description, const char *bodyPart = "", double repetition = 0.0,
                        double echo = 0.0, const char *protocol = "")
{
    fseg_series_info info{};
    std::strcpy(info.description, description);
    std::strcpy(info.body_part, bodyPart);
    std::strcpy(info.protocol, protocol);
    info.repetition_ms = repetition;
    info.echo_ms = echo;
    return info;
}

const fseg_geometry fitting = makeGeometry({256, 256, 30}, {1.5, 1.5, 7.0});

} // namespace

TEST(InputChecks, AnImageWithinTheCardGivesNoWarning)
{
    const Model model = makeModel(1, card);
    const fseg_series_info info = series("T2 SPIR", "Abdomen", 1600.0, 70.0);
    EXPECT_EQ(checksOf(model.get(), fitting, &info), "");
    EXPECT_EQ(checksOf(model.get(), fitting, nullptr), "");
}

TEST(InputChecks, EachRespectIsNamed)
{
    const Model model = makeModel(1, card);
    const fseg_series_info head = series("axial", "HEAD"), t1 = series("t1_vibe_dixon", "LIVER");
    EXPECT_EQ(checksOf(model.get(), fitting, &head), "body-part");
    EXPECT_EQ(checksOf(model.get(), fitting, &t1), "contrast");
    EXPECT_EQ(checksOf(model.get(), fitting, nullptr, "CT"), "modality");
    EXPECT_EQ(checksOf(model.get(), makeGeometry({128, 128, 30}, {3.0, 3.0, 7.0}), nullptr),
              "pixel-size");
    EXPECT_EQ(checksOf(model.get(), makeGeometry({1024, 1024, 30}, {0.4, 0.4, 7.0}), nullptr),
              "pixel-size");
    EXPECT_EQ(checksOf(model.get(), makeGeometry({256, 256, 30}, {1.5, 1.5, 12.0}), nullptr),
              "slice-distance");
    EXPECT_EQ(checksOf(model.get(), makeGeometry({128, 128, 30}, {1.5, 1.5, 7.0}), nullptr),
              "field-of-view");
    // A quarter turn about the left-right axis: slices from front to back.
    EXPECT_EQ(checksOf(model.get(),
                       makeGeometry({256, 256, 30}, {1.5, 1.5, 7.0}, {std::acos(0.0), 0.0, 0.0}),
                       nullptr),
              "orientation");
}

TEST(InputChecks, OnlyKnownWordsOfTheSeriesAreRepeated)
{
    const Model model = makeModel(1, card);
    const struct {
        const char *part, *expected;
    } cases[] = {{"HEAD", "shows HEAD,"}, {"MILLER", "shows another body part,"}};
    for (const auto &one : cases) {
        fseg_volume place{};
        place.geometry = fitting;
        fseg_segment_report report{};
        const fseg_series_info info = series("axial", one.part);
        ASSERT_EQ(fseg_imaging_check_input(model.get(), &place, &info, &report, nullptr), FSEG_OK);
        ASSERT_EQ(report.warning_count, 1);
        EXPECT_NE(std::strstr(report.warnings[0], one.expected), nullptr) << report.warnings[0];
    }
}

TEST(InputChecks, OrientationIsThatOfTheSlicesHoweverTheyLieInMemory)
{
    const Model model = makeModel(1, card);
    fseg_geometry geometry = makeGeometry({256, 256, 30}, {1.5, 1.5, 7.0});
    // The same axial slices with the slice index first in memory.
    fseg_geometry turned = geometry;
    for (int axis = 0; axis < 3; ++axis) {
        const int from = (axis + 2) % 3;
        turned.size[axis] = geometry.size[from];
        for (int row = 0; row < 3; ++row) {
            turned.ijk_to_lps[row][axis] = geometry.ijk_to_lps[row][from];
        }
    }
    EXPECT_EQ(checksOf(model.get(), turned, nullptr), "");
    // Cubes show slices in every direction.
    EXPECT_EQ(checksOf(model.get(), makeGeometry({100, 100, 100}, {3.0, 3.0, 3.0}), nullptr),
              "pixel-size");
}

TEST(InputChecks, WeightingIsTakenFromWordsThenFromTimes)
{
    const struct {
        fseg_series_info info;
        const char *expected;
    } cases[] = {
        {series("T2 SPIR axial"), "T2"},
        {series("t2_tse_tra"), "T2"},
        {series("ax T2w fs"), "T2"},
        {series("axial", "", 0.0, 0.0, "T1_in-phase"), "T1"},
        {series("DWI b800"), "DWI"},
        {series("T1 and T2"), ""},
        {series("UT25 axial"), ""}, // no word
        {series("axial", "", 4000.0, 100.0), "T2"},
        {series("axial", "", 150.0, 4.6), "T1"},
        {series("axial", "", 900.0, 40.0), ""},
        {series("axial"), ""},
    };
    for (const auto &one : cases) {
        EXPECT_STREQ(fseg_imaging_weighting(&one.info), one.expected) << one.info.description;
    }
    EXPECT_STREQ(fseg_imaging_weighting(nullptr), "");
}

TEST(InputChecks, ACardWithoutScopeGivesOnlyTheOldWarnings)
{
    const Model model = makeModel(1);
    const fseg_series_info head = series("T1", "HEAD");
    EXPECT_EQ(checksOf(model.get(), makeGeometry({64, 64, 8}, {1.0, 1.0, 20.0}), &head), "");
    EXPECT_EQ(checksOf(model.get(), makeGeometry({64, 64, 8}, {5.0, 5.0, 7.0}), &head),
              "pixel-size");
}

TEST(Numbers, ThreeDigitsMatterAndNothingBecomesZero)
{
    const struct {
        double value;
        const char *text;
    } cases[] = {{1432.4, "1432"},    {123456.0, "123456"}, {432.16, "432"},
                 {43.216, "43.2"},    {4.3216, "4.32"},     {0.5, "0.500"},
                 {0.04712, "0.0471"}, {0.0, "0"},           {0.0000123, "0.0000123"},
                 {1e-9, "1.00e-09"},  {-2.5, "-2.50"}};
    for (const auto &one : cases) {
        char text[32];
        EXPECT_STREQ(fseg_imaging_format_number(one.value, text), one.text);
    }
    for (const double value : {1e300, -1e300, 9.99e14, -9.99e14, std::nan("")}) {
        char text[32];
        EXPECT_LT(std::strlen(fseg_imaging_format_number(value, text)), 31u);
    }
}
