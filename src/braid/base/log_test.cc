#include <gtest/gtest.h>
#include <spdlog/sinks/null_sink.h>

#include <regex>

#include "braid/base/log_format.h"
#include "braid/base/log_parts.h"
#include "tests/support/base/test_pipe.h"

namespace braid {
namespace {

using testing::TestPipe;

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

TEST(Log, LinesHaveTheirFormat) {
  TestPipe pipe;
  make_logger(pipe.write_end(), {}, LogFormat::kText)->warn("a {}", 1);
  EXPECT_TRUE(std::regex_match(pipe.read_line(), std::regex(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} warning a 1\n)")));
  make_logger(pipe.write_end(), {}, LogFormat::kJson)->info("\"b\"");
  EXPECT_TRUE(std::regex_match(pipe.read_line(),
                               std::regex(R"(\{"time":"[-0-9T:.+]+","level":"info","message":"\\"b\\""\}\n)")));
}

TEST(Log, ALongMessageIsCutBetweenCharacters) {
  const std::string message = std::string(kMaxLogMessageBytes - 1, 'a') + "\xc3\xa9" + "b";
  EXPECT_EQ(escape_log_message(message, LogFormat::kText),
            std::string(kMaxLogMessageBytes - 1, 'a') + " … (3 bytes more)");
}

TEST(Log, NobodyWaitsForItsReaderAndItSaysWhatItDropped) {
  TestPipe pipe;
  const size_t num_bytes_before = pipe.fill();
  const auto logger = make_logger(pipe.write_end(), {}, LogFormat::kText);
  const std::string message(50'000, '-');
  logger->info("{}", message);
  // Only when its thread is in the middle of a line, all that is dropped is said at once.
  (void)pipe.read(num_bytes_before);
  pipe.wait_for(num_bytes_before);
  for (int i = 1; i < 50; ++i) logger->info("{}", message);
  const uint64_t num_dropped = num_dropped_log_lines(*logger);
  EXPECT_GT(num_dropped, 20U);
  EXPECT_LT(num_dropped, 40U);
  for (uint64_t i = 0; i < 50 - num_dropped; ++i) EXPECT_TRUE(pipe.read_line().ends_with(message + "\n"));
  EXPECT_TRUE(pipe.read_line().ends_with(
      fmt::format(" warning {} lines of the log were dropped here: they were not taken in time\n", num_dropped)));
}

TEST(Log, PartsHaveLevelsOfTheirOwnWhichChange) {
  TestPipe pipe;
  const auto logger = make_logger(pipe.write_end(), *parse_log_levels("warning,dp=debug"), LogFormat::kText);
  const auto dp = log_of(LogPart::kDp, logger);
  const auto server = log_of(LogPart::kServer, logger);
  EXPECT_TRUE(dp->should_log(spdlog::level::debug));
  EXPECT_FALSE(server->should_log(spdlog::level::info));
  EXPECT_EQ(log_levels(*logger).text(), "warning,dp=debug");
  server->info("not written");
  dp->debug("of dp");
  EXPECT_TRUE(pipe.read_line().ends_with("debug of dp\n"));

  set_log_levels(*logger, *parse_log_levels("error,server=info"));
  EXPECT_EQ(log_levels(*logger).text(), "error,server=info");
  dp->warn("not written");
  logger->warn("not written");
  server->info("of server");
  EXPECT_TRUE(pipe.read_line().ends_with("info of server\n"));
}

TEST(Log, ALoggerOfTheCallersIsItsOwnForEveryPart) {
  const auto logger = std::make_shared<Logger>("mine", std::make_shared<spdlog::sinks::null_sink_mt>());
  EXPECT_EQ(log_of(LogPart::kDp, logger), logger);
  set_log_levels(*logger, *parse_log_levels("error,dp=debug"));
  EXPECT_EQ(log_levels(*logger).text(), "error");
  EXPECT_EQ(num_dropped_log_lines(*logger), 0U);
}

}  // namespace
}  // namespace braid
