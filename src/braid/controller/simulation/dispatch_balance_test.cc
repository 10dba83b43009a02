// How evenly the default dispatch spreads loads over four groups, in virtual time.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "braid/controller/simulation/balance_simulation.h"
#include "tests/support/sanitizer.h"
#include "tests/support/tokenizer/tiny_tokenizer.h"

namespace braid {
namespace {

// The most that a group has, over the mean of all.
double most_over_mean(const std::vector<int64_t>& by_group) {
  const auto sum = std::accumulate(by_group.begin(), by_group.end(), int64_t{0});
  return static_cast<double>(*std::ranges::max_element(by_group)) * static_cast<double>(by_group.size()) /
         static_cast<double>(std::max<int64_t>(1, sum));
}

class DispatchBalanceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { balance_tokenizer_ = testing::load_tiny_tokenizer(); }
  static void TearDownTestSuite() { balance_tokenizer_ = nullptr; }

  int32_t between(int32_t low, int32_t high) { return std::uniform_int_distribution<int32_t>(low, high)(random_); }
  // The prompt of one request: a beginning that all with this number share, and an end of its own.
  std::vector<TokenId> prompt(TokenId beginning, int32_t shared_len, int32_t own_len) {
    std::vector<TokenId> tokens(static_cast<size_t>(shared_len), beginning);
    for (int32_t i = 0; i < own_len; ++i) tokens.push_back(between(1000, 30000));
    return tokens;
  }

  static std::unique_ptr<Tokenizer> balance_tokenizer_;
  std::mt19937 random_{3};
};
std::unique_ptr<Tokenizer> DispatchBalanceTest::balance_tokenizer_;

constexpr SchedulerConfig kBalancedGroup{
    .num_pages = 8192, .page_size = 16, .context_len = 65536, .max_running_requests = 32, .chunked_prefill_size = 512};

TEST_F(DispatchBalanceTest, OneSystemPromptOfAllRequestsIsServedByAllGroups) {
  constexpr int kRequests = 1000;  // with fewer, the group that had the prefix first weighs too much
  const bool is_short = testing::kUnderSanitizer;
  for (const int32_t shared_len : is_short ? std::vector{2048} : std::vector{256, 2048, 16384}) {
    for (const int64_t at_once : is_short ? std::vector<int64_t>{16} : std::vector<int64_t>{4, 16, 64}) {
      SCOPED_TRACE(fmt::format("{} shared tokens, {} requests at once", shared_len, at_once));
      BalanceSimulation simulation(*balance_tokenizer_, {.scheduler = kBalancedGroup});
      // A tenth of what is shared, at most: so nine tenths of a prompt can be found.
      const int32_t own_len = shared_len / 16;
      // The first request leaves the prefix in one group, before the others come.
      simulation.submit(prompt(1, shared_len, 1), 8);
      while (simulation.num_open() > 0) ASSERT_TRUE(simulation.step());
      for (int i = 0; i < kRequests;) {
        for (; simulation.num_open() < at_once; ++i) {
          simulation.submit(prompt(1, shared_len, between(1, own_len)), between(8, 128));
        }
        ASSERT_TRUE(simulation.step());
      }
      while (simulation.num_open() > 0) ASSERT_TRUE(simulation.step());
      EXPECT_LE(most_over_mean(simulation.num_requests()), 1.3) << fmt::format("{}", simulation.num_requests());
      EXPECT_LE(most_over_mean(simulation.num_tokens()), 1.3) << fmt::format("{}", simulation.num_tokens());
      EXPECT_GE(simulation.hit_rate(), 0.9);
    }
  }
}

// With one request at a time every group is idle whenever one is picked.
TEST_F(DispatchBalanceTest, GroupsThatAreMostlyIdleShareTheWorkToo) {
  using enum LoadBalanceMethod;
  std::vector methods = {kMeasuredTime};
  if (!testing::kUnderSanitizer) methods.insert(methods.end(), {kPrefixAffinity, kMinimumTokens, kShortestQueue});
  for (const LoadBalanceMethod method : methods) {
    SCOPED_TRACE(load_balance_method_name(method));
    BalanceSimulation simulation(*balance_tokenizer_, {.scheduler = kBalancedGroup, .method = method});
    for (int i = 0; i < 1000; ++i) {
      simulation.submit(prompt(1, 2048, between(1, 128)), between(8, 128));
      while (simulation.num_open() > 0) ASSERT_TRUE(simulation.step());
    }
    EXPECT_LE(most_over_mean(simulation.num_requests()), 1.3) << fmt::format("{}", simulation.num_requests());
    EXPECT_LE(most_over_mean(simulation.num_tokens()), 1.3) << fmt::format("{}", simulation.num_tokens());
    EXPECT_GE(simulation.hit_rate(), 0.9);
  }
}

// A fifth of the requests is long; some come in bursts, and nights are quiet.
TEST_F(DispatchBalanceTest, AWeekOfVirtualTimeLeavesNoDrift) {
  constexpr double kDay = 24 * 3600;
  BalanceSimulation simulation(*balance_tokenizer_,
                               {.scheduler = kBalancedGroup, .rebalance = RebalanceOptions{.start_gap = 3}});
  std::vector<int64_t> before(4, 0);
  constexpr int kDays = testing::kUnderSanitizer ? 1 : 7;
  for (int day = 1; day <= kDays; ++day) {
    while (simulation.now_s() < kDay * day) {
      const double hour = std::fmod(simulation.now_s(), kDay) / 3600;
      const int32_t most = 2 + static_cast<int32_t>(14 * std::pow(std::sin(hour / 24 * 3.1416), 2));
      for (int32_t i = between(1, most); i > 0; --i) {
        const bool is_long = between(1, 5) == 1;
        simulation.submit(prompt(between(1, 6), 512, is_long ? between(512, 8192) : between(8, 256)), between(4, 64));
      }
      simulation.run_until(simulation.now_s() + between(120, 1200));
    }
    std::vector<int64_t> today = simulation.num_tokens();
    for (size_t group = 0; group < today.size(); ++group) {
      today[group] -= std::exchange(before[group], today[group]);
    }
    EXPECT_LE(most_over_mean(today), 1.3) << fmt::format("day {}: {}", day, today);
  }
  while (simulation.step()) {
  }
  EXPECT_LE(most_over_mean(simulation.num_tokens()), 1.15) << fmt::format("{}", simulation.num_tokens());
  EXPECT_EQ(simulation.num_open(), 0);
  EXPECT_FALSE(simulation.controller().has_moves_under_way());
  EXPECT_EQ(simulation.controller().num_free_slots(), 4 * kBalancedGroup.max_running_requests);
  for (int32_t group = 0; group < 4; ++group) {
    const SchedulerStats stats = simulation.controller().load(group).scheduler;
    EXPECT_EQ(stats.num_running + stats.num_waiting, 0);
    EXPECT_EQ(stats.num_prefill_tokens + stats.num_context_tokens, 0);
  }
}

}  // namespace
}  // namespace braid
