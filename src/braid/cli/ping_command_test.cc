#include "braid/cli/ping_command.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(PingReport, IsReadBack) {
  const auto figures = read_ping_report(
      ping_report({{.process = 1, .latency_s = 2.5e-5, .bytes_per_s = 1e9}, {.process = 2, .latency_s = 1}}));
  ASSERT_TRUE(figures.ok()) << figures.error().message;
  ASSERT_EQ(figures->size(), 2U);
  EXPECT_EQ(figures->front().process, 1);
  EXPECT_EQ(figures->front().latency_s, 2.5e-5);
  EXPECT_EQ(figures->front().bytes_per_s, 1e9);
  EXPECT_TRUE(read_ping_report("[]")->empty());
}

TEST(PingReport, AnotherTextIsNone) {
  for (const char* text : {"", "{}", "[1]", R"([{"process": 1}])", R"([{"process": "a", "latency_s": 1}])"}) {
    EXPECT_FALSE(read_ping_report(text).ok()) << text;
  }
}

}  // namespace
}  // namespace braid
