// A sequence that moves between two groups gets the same tokens as in one group.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "braid/scheduler/scheduler.h"
#include "tests/support/scheduler/fake_model.h"

namespace braid {
namespace {

constexpr int32_t kMoveVocab = 97;

SchedulerConfig move_config(int32_t num_pages) {
  return {.num_pages = num_pages,
          .page_size = 4,
          .context_len = static_cast<int32_t>(clamp_context(64, num_pages, 4)),
          .max_running_requests = 8,
          .chunked_prefill_size = 16};
}

// Two groups, and what each request got from them.
struct TwoGroups {
  explicit TwoGroups(int32_t num_pages) : TwoGroups(move_config(num_pages)) {}
  explicit TwoGroups(const SchedulerConfig& own)
      : config(own), schedulers{Scheduler(config), Scheduler(config)}, models{model(), model()} {}

  FakeModel model() const { return {config, kMoveVocab}; }

  void add(int group, RequestId id, const std::vector<TokenId>& prompt, int32_t max_new_tokens, int32_t priority = 0) {
    tokens[id] = prompt;
    SchedulerRequest request{.id = id, .prompt = prompt, .priority = priority, .arrival = id};
    request.sampling.max_new_tokens = max_new_tokens;
    request.sampling.seed = id;
    request.sampling.frequency_penalty = 0.5F;  // makes its plans carry the output so far
    requests[id] = request;
    ASSERT_TRUE(schedulers[group].add(request).ok());
  }

  bool step(int group) {
    const auto plan = schedulers[group].plan();
    if (!plan) return false;
    for (const SequencePlan& sequence : plan->sequences) {
      if (!sequence.samples) continue;
      const auto output = std::span(tokens.at(sequence.request)).subspan(requests.at(sequence.request).prompt.size());
      EXPECT_TRUE(std::ranges::equal(sequence.sampling.output_tokens, output));
    }
    const StepResult result =
        models[group].run(*plan, [&](RequestId id) -> const std::vector<TokenId>& { return tokens.at(id); });
    for (const RequestOutcome& outcome : schedulers[group].commit(result)) {
      if (outcome.token) tokens.at(outcome.request).push_back(outcome.token->token);
      finish[outcome.request] = outcome.finish;
      cached[outcome.request] = outcome.cached_tokens;
    }
    schedulers[group].check_invariants();
    return true;
  }

  // False: it could not leave. `with_pages`: whether it continues without recomputing its tokens.
  bool move(RequestId id, int from, bool* with_pages = nullptr) {
    const auto departure = schedulers[from].depart(id);
    if (!departure) return false;
    const auto pages = schedulers[1 - from].arrive(departure->sequence, departure->num_pages());
    if (pages) {
      models[1 - from].copy_pages(models[from], departure->pages, *pages);
      schedulers[1 - from].check_invariants();
      schedulers[1 - from].settle(id);
    }
    if (with_pages != nullptr) *with_pages = pages.has_value();
    schedulers[from].check_invariants();
    schedulers[from].release_departed(id);
    schedulers[from].check_invariants();
    schedulers[1 - from].check_invariants();
    return true;
  }

  void expect_all_as_alone() {
    for (Scheduler& scheduler : schedulers) scheduler.check_idle_invariants();
    for (const auto& [id, request] : requests) {
      std::vector<TokenId> alone = request.prompt;
      const auto room = std::max<int32_t>(0, config.context_len - static_cast<int32_t>(alone.size()));
      const auto output = FakeModel::output_of(alone, request.sampling.seed,
                                               std::min(request.sampling.max_new_tokens, room), kMoveVocab);
      alone.insert(alone.end(), output.begin(), output.end());
      EXPECT_EQ(tokens.at(id), alone) << "request " << id;
      EXPECT_EQ(finish.at(id), FinishReason::kLength);
    }
  }

  SchedulerConfig config;
  Scheduler schedulers[2];
  FakeModel models[2];
  std::map<RequestId, SchedulerRequest> requests;
  std::map<RequestId, std::vector<TokenId>> tokens;
  std::map<RequestId, FinishReason> finish;
  std::map<RequestId, int32_t> cached;
};

TEST(SchedulerMoves, ASequenceContinuesInAnotherGroupWithItsPages) {
  TwoGroups groups(16);
  groups.add(0, 1, {1, 2, 3, 4, 5}, 12);
  for (int i = 0; i < 4; ++i) groups.step(0);
  bool with_pages = false;
  ASSERT_TRUE(groups.move(1, 0, &with_pages));
  EXPECT_TRUE(with_pages);
  EXPECT_TRUE(groups.schedulers[0].is_idle());
  EXPECT_FALSE(groups.step(0));
  int steps = 0;
  while (groups.step(1)) ++steps;
  EXPECT_EQ(steps, 8);  // one token each: nothing was recomputed
  groups.expect_all_as_alone();
}

TEST(SchedulerMoves, APriorityTravels) {
  TwoGroups groups(16);
  ASSERT_TRUE(groups.schedulers[0].add({.id = 1, .prompt = {1, 2}, .priority = 3, .arrival = 1}).ok());
  const StepPlan plan = groups.schedulers[0].plan().value();
  StepResult result{.step = plan.step, .sequences = {}};
  result.sequences.emplace_back().request = 1;
  (void)groups.schedulers[0].commit(result);
  const auto departure = groups.schedulers[0].depart(1);
  ASSERT_TRUE(departure.has_value());
  EXPECT_EQ(departure->sequence.request.priority, 3);
}

TEST(SchedulerMoves, WhatArrivesMakesNoRoomInTheOthersPlace) {
  TwoGroups groups(16);
  groups.add(1, 1, std::vector<TokenId>(12, 3), 12);
  groups.step(1);
  groups.add(0, 2, std::vector<TokenId>(20, 4), 8);
  groups.step(0);
  groups.step(0);
  const auto departure = groups.schedulers[0].depart(2);
  ASSERT_TRUE(departure.has_value());
  const auto pages = groups.schedulers[1].arrive(departure->sequence, departure->num_pages());
  ASSERT_TRUE(pages.has_value());
  groups.add(1, 3, std::vector<TokenId>(40, 5), 2, 1);  // beside what arrives, it lacks room even without 1
  for (int i = 0; i < 3; ++i) groups.step(1);
  EXPECT_EQ(groups.schedulers[1].stats().num_preemptions, 0U);
  EXPECT_EQ(groups.tokens.at(1).size(), 16U);
  groups.models[1].copy_pages(groups.models[0], departure->pages, *pages);
  groups.schedulers[1].settle(2);
  groups.schedulers[0].release_departed(2);
  while (groups.step(1)) {
  }
  groups.expect_all_as_alone();
}

// Pages behind a window do not travel.
TEST(SchedulerMoves, OnlyPagesWithinAWindowTravel) {
  SchedulerConfig config = move_config(16);
  config.narrower_kv_groups = {{.window = 6, .num_pages = 9}};
  TwoGroups groups(config);
  groups.add(0, 1, std::vector<TokenId>(20, 3), 12);
  for (int i = 0; i < 4; ++i) groups.step(0);
  auto departure = groups.schedulers[0].depart(1);
  ASSERT_TRUE(departure.has_value());
  ASSERT_EQ(departure->pages.size(), 2U);
  EXPECT_EQ(departure->pages[0].size(), 6U);  // of 22 tokens
  EXPECT_EQ(departure->pages[1].size(), 3U);  // from token 15 on, which a token behind the last full page sees
  const auto pages = groups.schedulers[1].arrive(departure->sequence, departure->num_pages());
  ASSERT_TRUE(pages.has_value());
  groups.models[1].copy_pages(groups.models[0], departure->pages, *pages);
  groups.schedulers[1].settle(1);
  groups.schedulers[0].release_departed(1);
  while (groups.step(1)) {
  }
  groups.expect_all_as_alone();
}

TEST(SchedulerMoves, OnlyDecodingSequencesCanLeave) {
  TwoGroups groups(16);
  groups.add(0, 1, std::vector<TokenId>(40, 7), 3);
  EXPECT_FALSE(groups.move(1, 0));  // waits
  groups.step(0);
  EXPECT_FALSE(groups.move(1, 0));  // is in prefill
  EXPECT_FALSE(groups.move(2, 0));  // unknown
  while (groups.step(0)) {
  }
  EXPECT_FALSE(groups.move(1, 0));  // has ended
  groups.expect_all_as_alone();
}

TEST(SchedulerMoves, WithoutRoomItWaitsAndIsRecomputed) {
  TwoGroups groups(8);
  groups.add(1, 1, std::vector<TokenId>(20, 3), 10);
  groups.step(1);
  groups.step(1);
  groups.add(0, 2, {4, 4, 4, 4, 4, 4, 4, 4, 4}, 8);
  groups.step(0);
  groups.step(0);
  bool with_pages = true;
  ASSERT_TRUE(groups.move(2, 0, &with_pages));
  EXPECT_FALSE(with_pages);
  while (groups.step(1)) {
  }
  groups.expect_all_as_alone();
}

TEST(SchedulerMoves, AnAbortAfterTheMoveFreesEverythingThere) {
  TwoGroups groups(16);
  groups.add(0, 1, {1, 2, 3}, 9);
  groups.step(0);
  ASSERT_TRUE(groups.move(1, 0));
  EXPECT_FALSE(groups.schedulers[0].abort(1));
  EXPECT_TRUE(groups.schedulers[1].abort(1));
  groups.schedulers[0].check_idle_invariants();
  groups.schedulers[1].check_idle_invariants();
}

TEST(SchedulerMoves, RandomMovesDoNotChangeTheTokens) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&](int32_t low, int32_t high) {
      return std::uniform_int_distribution<int32_t>(low, high)(random);
    };
    SchedulerConfig config = move_config(pick(10, 30));
    if (seed % 2 == 1) config.narrower_kv_groups = {{.window = pick(1, 20), .num_pages = pick(11, 20)}};
    config.context_len = static_cast<int32_t>(clamp_context(config.context_len, config));
    TwoGroups groups(config);
    const int32_t num_requests = pick(1, 10);
    for (int32_t id = 1; id <= num_requests; ++id) {
      std::vector<TokenId> prompt(static_cast<size_t>(pick(1, 20)));
      for (TokenId& token : prompt) token = pick(0, 2);
      groups.add(pick(0, 1), static_cast<RequestId>(id), prompt, pick(1, 15));
    }
    bool is_idle = false;
    for (int steps = 0; !is_idle; ++steps) {
      ASSERT_LT(steps, 2000) << "somebody starves, seed " << seed;
      is_idle = !groups.step(0);
      is_idle = !groups.step(1) && is_idle;
      // Moves stop after 60 steps, or two groups without room could pass a sequence to and fro for ever.
      if (steps < 60 && pick(0, 1) > 0) groups.move(static_cast<RequestId>(pick(1, num_requests)), pick(0, 1));
      is_idle = is_idle && groups.schedulers[0].is_idle() && groups.schedulers[1].is_idle();
    }
    groups.expect_all_as_alone();
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace braid
