#include "braid/base/log_levels.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

std::string error_of(std::string_view text) {
  const auto levels = parse_log_levels(text);
  return levels.ok() ? "" : levels.error().message;
}

TEST(LogLevels, OneForAllAndOthersForParts) {
  const auto levels = parse_log_levels("warning,dp=debug,server=off");
  ASSERT_TRUE(levels.ok());
  EXPECT_EQ(levels->general, spdlog::level::warn);
  EXPECT_EQ(levels->of(LogPart::kDp), spdlog::level::debug);
  EXPECT_EQ(levels->of(LogPart::kServer), spdlog::level::off);
  EXPECT_EQ(levels->of(LogPart::kWorker), spdlog::level::warn);
  EXPECT_EQ(parse_log_levels("dp=trace")->general, spdlog::level::info);
}

TEST(LogLevels, TheirTextReadsBack) {
  for (const char* text : {"info", "trace", "error", "off", "info,server=warning,dp=debug", "debug,weights=off"}) {
    const auto levels = parse_log_levels(text);
    ASSERT_TRUE(levels.ok()) << text;
    EXPECT_EQ(levels->text(), text);
  }
  EXPECT_EQ(parse_log_levels("info,dp=info")->text(), "info");
}

TEST(LogLevels, ErrorsSayWhatIsAllowed) {
  EXPECT_EQ(error_of("loud"), "\"loud\" is no level: must be one of trace, debug, info, warning, error, off");
  EXPECT_EQ(error_of("info,attention=debug"),
            "\"attention\" is no part of the log: must be one of server, controller, scheduler, worker, dp, weights");
  EXPECT_NE(error_of("info,dp=loud").find("\"loud\" is no level"), std::string::npos);
  EXPECT_EQ(error_of("dp=debug,info"), "\"info\" is no PART=LEVEL: one level for all comes first, like info,dp=debug");
  EXPECT_NE(error_of(""), "");
  EXPECT_NE(error_of("info,"), "");
}

}  // namespace
}  // namespace braid
