// What a card says about how an answer becomes a mask.
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "frugalseg/answer.h"

namespace
{

fseg_status readCard(const std::string &card, fseg_answer_options *out, fseg_error *error)
{
    const fseg_unet_config config = fseg_unet_default_config(1, 2);
    fseg_model *model = nullptr;
    EXPECT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
    EXPECT_EQ(FSEG_OK, fseg_model_set_card(model, card.c_str(), error));
    const fseg_status status = fseg_model_read_answer(model, out, error);
    fseg_model_free(model);
    return status;
}

TEST(ModelAnswer, WithoutKeysIsThePlainLargestComponent)
{
    fseg_answer_options answer;
    fseg_error error;
    ASSERT_EQ(FSEG_OK, readCard("{}", &answer, &error));
    EXPECT_EQ(0U, answer.views);
    EXPECT_EQ(0.0, answer.smooth_mm);
    EXPECT_EQ(0.0, answer.smooth_through_mm);
    EXPECT_FALSE(answer.fill_holes);
    EXPECT_FALSE(answer.keep_all);
}

TEST(ModelAnswer, KeysAreRead)
{
    fseg_answer_options answer;
    fseg_error error;
    ASSERT_EQ(FSEG_OK, readCard(R"({"average": ["smaller", "flip-columns"], "smooth_mm": 2,
        "smooth_through_mm": 3.5, "fill_holes": true, "keep": "all"})",
                                &answer, &error));
    EXPECT_EQ(1U | 4U, answer.views);
    EXPECT_EQ(2.0, answer.smooth_mm);
    EXPECT_EQ(3.5, answer.smooth_through_mm);
    EXPECT_TRUE(answer.fill_holes);
    EXPECT_TRUE(answer.keep_all);
}

TEST(ModelAnswer, WrongKeysAreNamed)
{
    const char *const wrong[][2] = {{R"({"average": ["sideways"]})", "average"},
                                    {R"({"average": "larger"})", "average"},
                                    {R"({"smooth_mm": -1})", "smooth_mm"},
                                    {R"({"smooth_through_mm": "2"})", "smooth_through_mm"},
                                    {R"({"fill_holes": 1})", "fill_holes"},
                                    {R"({"keep": "two"})", "keep"}};
    for (const auto &entry : wrong) {
        fseg_answer_options answer;
        fseg_error error;
        EXPECT_EQ(FSEG_ERROR_FILE_FORMAT, readCard(entry[0], &answer, &error)) << entry[0];
        EXPECT_NE(std::string(error.message).find(entry[1]), std::string::npos) << error.message;
    }
}

TEST(ModelAnswer, ViewsAreParsed)
{
    unsigned views = 99;
    fseg_error error;
    EXPECT_EQ(FSEG_OK, fseg_answer_parse_views("none", &views, &error));
    EXPECT_EQ(0U, views);
    EXPECT_EQ(FSEG_OK, fseg_answer_parse_views("larger,flip-rows,larger", &views, &error));
    EXPECT_EQ(8U | 2U, views);
    for (const char *text : {"larger,", "larg", ",", "larger larger"})
        EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, fseg_answer_parse_views(text, &views, &error))
            << text;
    EXPECT_EQ(8U | 2U, views);
}

} // namespace
