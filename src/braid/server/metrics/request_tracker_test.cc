#include "braid/server/metrics/request_tracker.h"

#include <gtest/gtest.h>

#include <vector>

namespace braid::metrics {
namespace {

TEST(RequestTracker, CountsThePromptOnceAndTheTokensOfEveryChoice) {
  RequestTracker tracker(2, 10);
  const std::vector<SampledToken> one(1);
  tracker.add({.index = 0, .tokens = one, .queue_s = 0.25}, 11);
  tracker.add({.index = 1, .tokens = one, .queue_s = 0.5}, 12);
  tracker.add({.index = 0,
               .tokens = one,
               .finish = FinishReason::kStop,
               .usage = {.prompt_tokens = 7, .cached_tokens = 4, .output_tokens = 2},
               .queue_s = 0.25},
              13);
  EXPECT_FALSE(tracker.has_ended());
  tracker.add(
      {.index = 1, .finish = FinishReason::kAbort, .usage = {.prompt_tokens = 7, .output_tokens = 1}, .queue_s = 0.5},
      15);
  ASSERT_TRUE(tracker.has_ended());
  const RequestRecord record = tracker.record();
  EXPECT_EQ(record.queue_s, 0.25);
  EXPECT_EQ(record.first_token_s, 1);
  EXPECT_EQ(record.inter_token_s, 2);  // choice 1 has no gap
  EXPECT_EQ(record.end_to_end_s, 5);
  EXPECT_EQ(record.prompt_tokens, 7);
  EXPECT_EQ(record.cached_tokens, 4);
  EXPECT_EQ(record.output_tokens, 3);
  EXPECT_TRUE(record.was_aborted);
}

}  // namespace
}  // namespace braid::metrics
