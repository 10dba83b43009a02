// Requests whose keys differ once they are longer than SchedulerConfig::long_rope_from.
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <vector>

#include "braid/scheduler/scheduler.h"
#include "tests/support/scheduler/fake_model.h"

namespace braid {
namespace {

constexpr int32_t kLongFrom = 12;

class SchedulerLongRopeTest : public ::testing::Test {
 protected:
  void add(RequestId id, size_t prompt_len, int32_t max_new_tokens) {
    SchedulerRequest request{.id = id, .prompt = std::vector<TokenId>(prompt_len), .arrival = id};
    std::iota(request.prompt.begin(), request.prompt.end(), 50);
    request.sampling.max_new_tokens = max_new_tokens;
    tokens_[id] = request.prompt;
    ASSERT_TRUE(scheduler_.add(std::move(request)).ok());
  }
  // Runs a step and returns each request's new tokens, negative for long requests. The model checks that no key of the
  // other kind is read.
  std::map<RequestId, int> step() {
    std::map<RequestId, int> parts;
    const auto plan = scheduler_.plan();
    if (!plan) return parts;
    for (const SequencePlan& sequence : plan->sequences) {
      const auto count = static_cast<int>(sequence.new_tokens.size());
      EXPECT_EQ(sequence.has_long_rope, tokens_.at(sequence.request).size() > kLongFrom);
      parts[sequence.request] = sequence.has_long_rope ? -count : count;
    }
    const StepResult result =
        model_.run(*plan, [this](RequestId id) -> const std::vector<TokenId>& { return tokens_.at(id); });
    for (const RequestOutcome& outcome : scheduler_.commit(result)) {
      cached_[outcome.request] = outcome.cached_tokens;
      if (outcome.token) tokens_.at(outcome.request).push_back(outcome.token->token);
    }
    scheduler_.check_invariants();
    return parts;
  }
  void run() {
    while (!step().empty()) {
    }
    scheduler_.check_idle_invariants();
  }

  using Parts = std::map<RequestId, int>;
  const SchedulerConfig config_{.num_pages = 40,
                                .page_size = 4,
                                .context_len = 64,
                                .max_running_requests = 4,
                                .chunked_prefill_size = 8,
                                .long_rope_from = kLongFrom};
  Scheduler scheduler_{config_};
  FakeModel model_{config_, 100};
  std::map<RequestId, std::vector<TokenId>> tokens_;
  std::map<RequestId, int32_t> cached_;
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
  EXPECT_EQ(tokens_.at(1).size(), 16U);
  EXPECT_EQ(scheduler_.stats().num_preemptions, 0U);
}

TEST_F(SchedulerLongRopeTest, ARequestThatEndsWithTheFirstTokenBeyondIsNotRecomputed) {
  add(1, 12, 1);
  EXPECT_EQ(step(), (Parts{{1, 8}}));
  EXPECT_EQ(step(), (Parts{{1, 4}}));
  EXPECT_EQ(step(), Parts{});
  add(2, 12, 1);  // still finds it cached as a short request
  run();
  EXPECT_EQ(cached_.at(2), 8);
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
  EXPECT_EQ(cached_.at(2), 0);
  add(3, 10, 1);
  add(4, 24, 1);
  run();
  EXPECT_EQ(cached_.at(3), 8);
  EXPECT_EQ(cached_.at(4), 20);
  EXPECT_EQ(scheduler_.probe(tokens_.at(1)).num_cached_pages, 3) << "13 tokens: a long request's";
  EXPECT_EQ(scheduler_.probe(std::vector<TokenId>(tokens_.at(1).begin(), tokens_.at(1).begin() + 9)).num_cached_pages,
            2);
}

// Both kinds at once and little room: a preempted request continues with the keys of its kind.
TEST_F(SchedulerLongRopeTest, RequestsOfBothKindsShareAPool) {
  for (RequestId id = 1; id <= 12; ++id) add(id, 4 + id, 12);
  run();
  for (const auto& [id, tokens] : tokens_) EXPECT_EQ(tokens.size(), 4 + id + 12) << id;
}

}  // namespace
}  // namespace braid
