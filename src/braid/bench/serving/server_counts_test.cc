#include "braid/bench/serving/server_counts.h"

#include <gtest/gtest.h>

#include "braid/formats/json.h"

namespace braid::serving {
namespace {

TEST(ServerCounts, SinceIsTheDifferenceOfTwoReadings) {
  const auto info = [](int64_t tokens, int64_t even, int64_t prompt, int64_t cached) {
    const Json group = {{"num_prompt_tokens", prompt}, {"num_cached_tokens", cached}};
    const Json all = {{"dp_size", 2},
                      {"num_step_tokens", tokens},
                      {"num_even_step_tokens", even},
                      {"internal_states", Json::array({group, group})}};
    return parse_server_counts(all.dump());
  };
  const ServerSide during = info(190, 300, 500, 100)->since(*info(100, 200, 400, 75));
  EXPECT_EQ(during.dp_size, 2);
  EXPECT_DOUBLE_EQ(during.balance_ratio, 0.9);
  EXPECT_DOUBLE_EQ(during.prefix_hit_rate, 0.25);
}

TEST(ServerCounts, HaveTheProcessorTimeOfAllThreadsButTheRanks) {
  const auto info = [](const Json& cpu, const Json& chunk) {
    const Json all = {{"dp_size", 1},       {"num_step_tokens", 1},          {"num_even_step_tokens", 1},
                      {"cpu_seconds", cpu}, {"chunked_prefill_size", chunk}, {"internal_states", Json::array()}};
    return *parse_server_counts(all.dump());
  };
  const ServerCounts before = info({{"front", 1.5}, {"rank", 100}}, 512);
  EXPECT_EQ(before.chunked_prefill_size, 512);
  EXPECT_DOUBLE_EQ(*info({{"front", 1.75}}, 512).since(before).front_cpu_s, 0.25);
  EXPECT_FALSE(info("much", -1).since(before).front_cpu_s.has_value());
  EXPECT_FALSE(info(nullptr, -1).chunked_prefill_size.has_value());
}

TEST(ServerCounts, AreNothingForAServerThatReportsOtherThings) {
  for (const char* info : {"", "[]", "{}", "not json", R"({"dp_size": 2, "internal_states": []})",
                           R"({"dp_size": 2, "num_step_tokens": "1", "num_even_step_tokens": 1,
                               "internal_states": []})",
                           R"({"dp_size": 2, "num_step_tokens": 1, "num_even_step_tokens": 1,
                               "internal_states": [7]})"}) {
    EXPECT_FALSE(parse_server_counts(info).has_value()) << info;
  }
}

}  // namespace
}  // namespace braid::serving
