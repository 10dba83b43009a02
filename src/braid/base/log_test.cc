#include <gtest/gtest.h>

#include "braid/base/log_format.h"

namespace braid {
namespace {

TEST(Log, AMessageIsOneLineWithoutEscapesWhateverIsInIt) {
  const auto text = [](std::string_view message) { return escape_log_message(message, LogFormat::kText); };
  EXPECT_EQ(text("plain \xc3\xa9 \"text\""), "plain \xc3\xa9 \"text\"");
  EXPECT_EQ(text("a\nb\tc\r"), "a\\nb\\tc\\x0d");
  EXPECT_EQ(text("\x1b[31mred\x7f"), "\\x1b[31mred\\x7f");
  EXPECT_EQ(text("\xc2\x9b"
                 "31m"),
            "\\x9b31m")
      << "a terminal's other way to begin an escape";
  EXPECT_EQ(text("\xff\xed\xa0\x80"), "\\xff\\xed\\xa0\\x80");
}

TEST(Log, AMessageInJsonIsAJsonString) {
  const auto json = [](std::string_view message) { return escape_log_message(message, LogFormat::kJson); };
  EXPECT_EQ(json("\"a\\b\"\n\x01\xc3\xa9\xff"), "\\\"a\\\\b\\\"\\n\\u0001\xc3\xa9\\ufffd");
}

}  // namespace
}  // namespace braid
