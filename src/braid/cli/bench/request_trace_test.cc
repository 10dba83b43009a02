#include "braid/cli/bench/request_trace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

namespace braid {
namespace {

TEST(HeavyTailedTrace, HasItsMedianALongTailAndNoMoreThanTheContext) {
  const TraceOptions options{.num_requests = 2001, .request_rate = 10, .prompt_len = 100, .output_len = 20};
  std::vector<TracedRequest> trace = heavy_tailed_trace(options);
  ASSERT_EQ(trace.size(), 2001U);
  EXPECT_TRUE(std::ranges::is_sorted(trace, {}, &TracedRequest::arrival_s));
  EXPECT_NEAR(trace.back().arrival_s, 200, 20);
  for (const TracedRequest& request : trace) {
    EXPECT_GE(request.output_len, 1);
    EXPECT_LE(static_cast<int64_t>(request.prompt.size()) + request.output_len, options.max_len);
  }
  std::ranges::sort(trace, {}, [](const TracedRequest& request) { return request.prompt.size(); });
  EXPECT_NEAR(static_cast<double>(trace[1000].prompt.size()), 100, 10);
  EXPECT_GE(trace[1980].prompt.size(), 800U);
}

TEST(SharedPrefixTrace, HasAPopularPrefix) {
  const TraceOptions options{.num_requests = 1000, .prompt_len = 10, .vocab_size = 50};
  const std::vector<TracedRequest> trace = shared_prefix_trace(options, 4, 64);
  std::map<std::vector<TokenId>, int> uses;
  for (const TracedRequest& request : trace) {
    ASSERT_GT(request.prompt.size(), 64U);
    EXPECT_EQ(request.arrival_s, 0);
    ++uses[{request.prompt.begin(), request.prompt.begin() + 64}];
  }
  ASSERT_EQ(uses.size(), 4U);
  std::vector<int> counts;
  for (const auto& [prefix, count] : uses) counts.push_back(count);
  std::ranges::sort(counts, std::greater());
  EXPECT_NEAR(counts[0], 480, 50);
  EXPECT_NEAR(counts[3], 120, 35);
}

TEST(RequestTrace, TheSameSeedGivesTheSame) {
  TraceOptions options{.num_requests = 20, .request_rate = 3, .seed = 5};
  const auto one = heavy_tailed_trace(options);
  const auto two = heavy_tailed_trace(options);
  options.seed = 6;
  const auto other = heavy_tailed_trace(options);
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].prompt, two[i].prompt);
    EXPECT_EQ(one[i].arrival_s, two[i].arrival_s);
    EXPECT_EQ(one[i].output_len, two[i].output_len);
  }
  EXPECT_NE(one[0].prompt, other[0].prompt);
}

}  // namespace
}  // namespace braid
