// Messages are text for people: whole UTF-8 whatever a file put into them.
#include <gtest/gtest.h>
#include <string>

#include "frugalseg/status.h"

namespace
{

std::string messageOf(const std::string &part)
{
    fseg_error error{};
    EXPECT_EQ(FSEG_ERROR_BAD_INPUT,
              fseg_error_set(&error, FSEG_ERROR_BAD_INPUT, "<%s>", part.c_str()));
    EXPECT_EQ(FSEG_ERROR_BAD_INPUT, error.status);
    return error.message;
}

TEST(Status, MessagesKeepTextOfEveryLanguage)
{
    for (const std::string text : {"plain", "Müller", "肝臓", "🙂", "печень"}) {
        EXPECT_EQ("<" + text + ">", messageOf(text));
    }
}

TEST(Status, WhatIsNoTextBecomesAQuestionMark)
{
    EXPECT_EQ("<a?b>", messageOf("a\xff"
                                 "b"));
    EXPECT_EQ("<" + std::string(3, '?') + ">",
              messageOf("\xe8\x82\xc3")); // two that begin and do not end
    EXPECT_EQ("<" + std::string(2, '?') + ">", messageOf("\xc0\xaf")); // an overlong slash
    EXPECT_EQ("<" + std::string(3, '?') + ">",
              messageOf("\xed\xa0\x80")); // half of a surrogate pair
    EXPECT_EQ("<" + std::string(4, '?') + ">", messageOf("\xf4\x90\x80\x80"));
}

TEST(Status, AMessageThatIsTooLongEndsBehindAWholeCharacter)
{
    for (int shift = 0; shift < 4; ++shift) {
        std::string text(static_cast<size_t>(shift), 'a');
        for (int i = 0; i < 400; ++i) {
            text += "肝";
        }
        const std::string message = messageOf(text);
        EXPECT_EQ(std::string::npos, message.find('?'));
        EXPECT_EQ(0u, (message.size() - 1 - static_cast<size_t>(shift)) % 3) << shift;
        EXPECT_GT(message.size(), 500u);
    }
}

TEST(Status, EveryStatusHasAText)
{
    for (int status = FSEG_OK; status < 64; ++status) {
        EXPECT_STRNE("", fseg_status_text(static_cast<fseg_status>(status)));
    }
    EXPECT_STREQ("unknown status", fseg_status_text(static_cast<fseg_status>(1000)));
}

} // namespace
