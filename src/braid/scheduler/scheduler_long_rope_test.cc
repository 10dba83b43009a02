// Requests whose keys differ once they are longer than SchedulerConfig::long_rope_from.
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <vector>

#include "tests/support/scheduler/scheduled_group.h"

namespace braid {
namespace {

constexpr int32_t kLongFrom = 12;

class SchedulerLongRopeTest : public ::testing::Test {
 protected:
  using Parts = std::map<RequestId, int>;

  void add(RequestId id, size_t prompt_len, int32_t max_new_tokens) {
    std::vector<TokenId> prompt(prompt_len);
    std::iota(prompt.begin(), prompt.end(), 50);
    ASSERT_TRUE(group_.add(id, std::move(prompt), max_new_tokens).ok());
  }
  // Runs a step and returns each request's new tokens, negative for long requests. The model checks that no key of the
  // other kind is read.
  Parts step() {
    const auto tokens = group_.tokens;
    Parts parts;
    if (!group_.step()) return parts;
    for (const SequencePlan& sequence : group_.plan.sequences) {
      const auto count = static_cast<int>(sequence.new_tokens.size());
      EXPECT_EQ(sequence.has_long_rope, tokens.at(sequence.request).size() > kLongFrom);
      parts[sequence.request] = sequence.has_long_rope ? -count : count;
    }
    return parts;
  }
  void run() {
    while (!step().empty()) {
    }
    group_.scheduler.check_idle_invariants();
  }
  int32_t cached(RequestId id) const { return group_.last.at(id).cached_tokens; }

  ScheduledGroup group_{{.num_pages = 40,
                         .page_size = 4,
                         .context_len = 64,
                         .max_running_requests = 4,
                         .chunked_prefill_size = 8,
                         .long_rope_from = kLongFrom},
                        100};
};

TEST_F(SchedulerLongRopeTest, ARequestThatGrowsBeyondIsRecomputedOnce) {
  add(1, 11, 5);
  EXPECT_EQ(step(), (Parts{{1, 8}}));
  EXPECT_EQ(step(), (Parts{{1, 3}}));
  EXPECT_EQ(step(), (Parts{{1, 1}}));  // 12 tokens
  EXPECT_EQ(step(), (Parts{{1, -8}}));
  EXPECT_EQ(step(), (Parts{{1, -5}}));
  EXPECT_EQ(step(), (Parts{{1, -1}}));
  EXPECT_EQ(step(), (Parts{{1, -1}}));
  EXPECT_EQ(step(), Parts{});
  EXPECT_EQ(group_.tokens.at(1).size(), 16U);
  EXPECT_EQ(group_.scheduler.stats().num_preemptions, 0U);
}

TEST_F(SchedulerLongRopeTest, ARequestThatEndsWithTheFirstTokenBeyondIsNotRecomputed) {
  add(1, 12, 1);
  EXPECT_EQ(step(), (Parts{{1, 8}}));
  EXPECT_EQ(step(), (Parts{{1, 4}}));
  EXPECT_EQ(step(), Parts{});
  add(2, 12, 1);  // still finds it cached as a short request
  run();
  EXPECT_EQ(cached(2), 8);
}

TEST_F(SchedulerLongRopeTest, ALongPromptIsLongFromItsFirstChunkOn) {
  add(1, 20, 2);
  EXPECT_EQ(step(), (Parts{{1, -8}}));
  run();
}

TEST_F(SchedulerLongRopeTest, ThePrefixCacheKeepsTheTwoKindsApart) {
  add(1, 12, 1);
  run();
  add(2, 20, 1);
  run();
  EXPECT_EQ(cached(2), 0);
  add(3, 10, 1);
  add(4, 24, 1);
  run();
  EXPECT_EQ(cached(3), 8);
  EXPECT_EQ(cached(4), 20);
  EXPECT_EQ(group_.scheduler.probe(group_.tokens.at(1)).num_cached_pages, 3) << "13 tokens: a long request's";
  EXPECT_EQ(group_.scheduler.probe(std::vector<TokenId>(group_.tokens.at(1).begin(), group_.tokens.at(1).begin() + 9))
                .num_cached_pages,
            2);
}

// Both kinds at once and little room: a preempted request continues with the keys of its kind.
TEST_F(SchedulerLongRopeTest, RequestsOfBothKindsShareAPool) {
  for (RequestId id = 1; id <= 12; ++id) add(id, 4 + id, 12);
  run();
  for (const auto& [id, tokens] : group_.tokens) EXPECT_EQ(tokens.size(), 4 + id + 12) << id;
}

}  // namespace
}  // namespace braid
