// Random loads on a queue and a scheduler with small pools: each request gets what it gets alone, pages are consistent,
// no request starves. BRAID_TEST_SEED=n runs only that seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>

#include "braid/controller/request_queue.h"
#include "braid/scheduler/scheduler.h"
#include "braid/wire/step_plan_codec.h"
#include "tests/support/scheduler/fake_model.h"

namespace braid {
namespace {

constexpr int32_t kSmallVocab = 50;

struct Tracked {
  SchedulerRequest request;
  std::vector<TokenId> tokens;  // prompt and output so far
  std::vector<ScoredToken> scored;
  FinishReason finish = FinishReason::kNone;
  bool is_aborted = false;
  bool is_admitted = false;
  int32_t abort_after = -1;  // output tokens
};

// What the request gets alone, without a scheduler or pages.
std::pair<std::vector<TokenId>, FinishReason> run_alone(const SchedulerRequest& request, int64_t context_len,
                                                        std::vector<ScoredToken>& scored) {
  std::vector<TokenId> tokens = request.prompt;
  const SamplingParams& params = request.sampling;
  uint64_t history = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const bool is_scored = params.prompt_logprobs_start >= 0 && i > 0;
    if (is_scored && static_cast<int32_t>(i) >= params.prompt_logprobs_start) {
      scored.push_back(FakeModel::score(history, tokens[i]));
    }
    history = FakeModel::extend(history, tokens[i]);
  }
  if (params.max_new_tokens == 0) return {tokens, FinishReason::kLength};
  for (int32_t output = 0;; ++output) {
    const TokenId token = FakeModel::next_token(history, params.seed, output, kSmallVocab);
    tokens.push_back(token);
    history = FakeModel::extend(history, token);
    if (output >= params.min_new_tokens && std::ranges::count(params.stop_token_ids, token) > 0) {
      return {tokens, FinishReason::kStop};
    }
    if (output + 1 >= params.max_new_tokens || static_cast<int64_t>(tokens.size()) >= context_len) {
      return {tokens, FinishReason::kLength};
    }
  }
}

class Load {
 public:
  Load(uint64_t seed, bool has_windows) : random_(seed) {
    config_.page_size = pick(1, 8);
    config_.num_pages = pick(2, 60);
    config_.max_running_requests = pick(1, 12);
    config_.chunked_prefill_size = pick(1, 40);
    config_.overtaking_price = static_cast<int32_t>(seed % 13);
    if (has_windows) add_windows();
    config_.context_len = static_cast<int32_t>(clamp_context(pick(4, 120), config_));
    config_.radix_cache = pick(0, 3) > 0;
    const int32_t num_prefixes = pick(1, 4);
    for (int32_t i = 0; i < num_prefixes; ++i) prefixes_.push_back(draw_tokens(pick(0, 40)));
    const int32_t num_requests = pick(1, 60);
    for (int32_t i = 0; i < num_requests; ++i) add_request(static_cast<RequestId>(i));
  }

  void run() {
    const auto policy = static_cast<SchedulePolicy>(pick(0, 2));
    const int32_t max_overtaken = pick(0, 5);
    RequestQueue queue(policy, max_overtaken, pick(1, 20));
    Scheduler scheduler(config_);
    FakeModel model(config_, kSmallVocab);
    size_t next_arrival = 0;
    const int64_t total_tokens = static_cast<int64_t>(requests_.size()) * config_.context_len;
    int64_t steps = 0;
    // Each step computes at least one token; preemption recomputes some.
    const int64_t max_steps = 100 + 20 * total_tokens;
    while (next_arrival < requests_.size() || !queue.empty() || !scheduler.is_idle()) {
      ASSERT_LT(steps++, max_steps) << "somebody starves";
      while (next_arrival < requests_.size() && pick(0, 2) > 0) {
        queue.push(requests_.at(next_arrival++).request);
      }
      for (RequestQueue::Binding& bound : queue.pop_admissible(
               {scheduler.credits()},
               [&](const SchedulerRequest&asked, std::span<PrefixProbe> by_group) {
                 by_group[0] = scheduler.probe(asked.reusable_prompt());
               },
               [](auto&, auto) { return 0; })) {
        requests_.at(bound.request.id).is_admitted = true;
        ASSERT_TRUE(scheduler.add(std::move(bound.request)).ok());
      }
      abort_some(queue, scheduler, next_arrival);
      ASSERT_TRUE(!scheduler.is_idle() || queue.empty() || next_arrival == 0 || aborted_in_step_)
          << "idle while requests wait";
      const auto plan = scheduler.plan();
      if (!plan) continue;
      EXPECT_LE(plan->num_tokens(), max_step_tokens(config_));
      EXPECT_LE(static_cast<int32_t>(plan->sequences.size()), config_.max_running_requests);
      EXPECT_FALSE(plan->sequences.empty());
      const StepResult result =
          model.run(*plan, [this](RequestId id) -> const std::vector<TokenId>& { return requests_.at(id).tokens; });
      abort_some(queue, scheduler, next_arrival);  // while the step is under way
      for (const RequestOutcome& outcome : scheduler.commit(result)) take(outcome);
      scheduler.check_invariants();
      if (::testing::Test::HasFailure()) return;
    }
    scheduler.check_idle_invariants();
    EXPECT_EQ(scheduler.stats().num_free_pages + scheduler.stats().num_cached_pages, config_.num_pages);
    if (!config_.radix_cache) {
      EXPECT_EQ(scheduler.stats().num_free_pages, config_.num_pages);
    }
    num_preemptions += scheduler.stats().num_preemptions;
    num_cached_tokens += scheduler.stats().num_cached_tokens;
    for (const auto& [id, tracked] : requests_) {
      std::vector<ScoredToken> scored;
      const auto [tokens, finish] = run_alone(tracked.request, config_.context_len, scored);
      if (tracked.is_aborted) {
        ASSERT_LE(tracked.tokens.size(), tokens.size());
        EXPECT_TRUE(std::equal(tracked.tokens.begin(), tracked.tokens.end(), tokens.begin()));
        ASSERT_LE(tracked.scored.size(), scored.size());
        EXPECT_TRUE(std::equal(tracked.scored.begin(), tracked.scored.end(), scored.begin()));
      } else {
        EXPECT_EQ(tracked.tokens, tokens) << "request " << id;
        EXPECT_EQ(tracked.scored, scored) << "request " << id;
        num_scored_tokens += scored.size();
        EXPECT_EQ(tracked.finish, finish) << "request " << id;
      }
    }
  }

  uint64_t num_preemptions = 0;
  uint64_t num_cached_tokens = 0;
  uint64_t num_scored_tokens = 0;

 private:
  StepPlanLimits wire_limits() const {
    StepPlanLimits limits;
    limits.max_sequences = config_.max_running_requests;
    limits.max_step_tokens = max_step_tokens(config_);
    limits.context_len = config_.context_len;
    limits.vocab_size = kSmallVocab;
    limits.page_size = config_.page_size;
    for (const KvGroupPool& group : config_.kv_groups()) {
      limits.kv_groups.push_back({.window = group.window, .num_pages = group.num_pages});
    }
    return limits;
  }

  // One to three KV groups, with or without one that sees all positions; each pool as small as allowed, or larger.
  void add_windows() {
    const auto pages = [&](int32_t window) {
      return static_cast<int32_t>(most_kept_pages(window, config_.chunked_prefill_size, config_.page_size)) +
             (pick(0, 1) == 0 ? 0 : pick(0, 40));
    };
    int32_t window = pick(1, 60);
    if (pick(0, 2) == 0) {
      config_.window = window;
      config_.num_pages = pages(window);
      window = pick(0, window - 1);
    }
    for (int32_t i = pick(1, 2); i > 0 && window > 0; --i) {
      config_.narrower_kv_groups.push_back({.window = window, .num_pages = pages(window)});
      window = pick(0, window - 1);
    }
  }

  int32_t pick(int32_t low, int32_t high) { return std::uniform_int_distribution<int32_t>(low, high)(random_); }

  std::vector<TokenId> draw_tokens(int32_t count) {
    std::vector<TokenId> tokens;
    for (int32_t i = 0; i < count; ++i) tokens.push_back(pick(0, 3));
    return tokens;
  }

  void add_request(RequestId id) {
    Tracked& tracked = requests_[id];
    SchedulerRequest& request = tracked.request;
    request.id = id;
    request.arrival = id;
    request.priority = pick(-2, 2);
    request.prompt = prefixes_[static_cast<size_t>(pick(0, static_cast<int32_t>(prefixes_.size()) - 1))];
    for (const TokenId token : draw_tokens(pick(0, 20))) request.prompt.push_back(token);
    if (request.prompt.empty()) request.prompt.push_back(1);
    if (static_cast<int32_t>(request.prompt.size()) > config_.context_len) {
      request.prompt.resize(static_cast<size_t>(config_.context_len));
    }
    request.sampling.seed = static_cast<uint64_t>(pick(0, 2));
    request.sampling.max_new_tokens = pick(1, 60);
    request.sampling.min_new_tokens = pick(0, 5);
    if (pick(0, 1) == 0) request.sampling.repetition_penalty = 1.5F;
    if (pick(0, 1) == 0) request.sampling.stop_token_ids = {pick(0, kSmallVocab - 1), pick(0, kSmallVocab - 1)};
    if (pick(0, 3) == 0) {
      request.sampling.prompt_logprobs_start = pick(0, static_cast<int32_t>(request.prompt.size()));
      if (pick(0, 2) == 0) request.sampling.max_new_tokens = 0;
    }
    if (pick(0, 9) == 0) tracked.abort_after = pick(0, 10);
    tracked.tokens = request.prompt;
  }

  void abort_some(RequestQueue& queue, Scheduler& scheduler, size_t num_arrived) {
    aborted_in_step_ = false;
    for (RequestId id = 0; id < num_arrived; ++id) {
      Tracked& tracked = requests_.at(id);
      const auto num_output = static_cast<int32_t>(tracked.tokens.size() - tracked.request.prompt.size());
      if (tracked.abort_after < 0 || num_output < tracked.abort_after || tracked.is_aborted) continue;
      if (tracked.finish != FinishReason::kNone || pick(0, 3) > 0) continue;
      aborted_in_step_ = true;
      tracked.is_aborted = true;
      EXPECT_TRUE(tracked.is_admitted ? scheduler.abort(id) : queue.abort(id));
      EXPECT_FALSE(scheduler.abort(id));
    }
  }

  void take(const RequestOutcome& outcome) {
    Tracked& tracked = requests_.at(outcome.request);
    EXPECT_FALSE(tracked.is_aborted);
    EXPECT_EQ(tracked.finish, FinishReason::kNone);
    tracked.scored.insert(tracked.scored.end(), outcome.prompt_logprobs.begin(), outcome.prompt_logprobs.end());
    ASSERT_TRUE(outcome.token || !outcome.prompt_logprobs.empty() || outcome.finish == FinishReason::kLength);
    if (outcome.token) tracked.tokens.push_back(outcome.token->token);
    tracked.finish = outcome.finish;
    EXPECT_LT(outcome.cached_tokens, static_cast<int32_t>(tracked.request.prompt.size()));
    EXPECT_EQ(outcome.cached_tokens % config_.page_size, 0);
  }

  std::mt19937_64 random_;
  SchedulerConfig config_;
  std::vector<std::vector<TokenId>> prefixes_;
  std::map<RequestId, Tracked> requests_;
  bool aborted_in_step_ = false;
};

struct RandomTotals {
  uint64_t num_preemptions = 0;
  uint64_t num_cached_tokens = 0;
  uint64_t num_scored_tokens = 0;
};

void run_loads(uint64_t last, bool has_windows, RandomTotals least) {
  uint64_t first = 1;
  if (const char* chosen = std::getenv("BRAID_TEST_SEED")) first = last = std::stoull(chosen);
  RandomTotals totals;
  for (uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("BRAID_TEST_SEED=" + std::to_string(seed));
    Load load(seed, has_windows);
    load.run();
    if (::testing::Test::HasFailure()) return;
    totals.num_preemptions += load.num_preemptions;
    totals.num_cached_tokens += load.num_cached_tokens;
    totals.num_scored_tokens += load.num_scored_tokens;
  }
  if (first == last) return;
  EXPECT_GT(totals.num_preemptions, least.num_preemptions);
  EXPECT_GT(totals.num_cached_tokens, least.num_cached_tokens);
  EXPECT_GT(totals.num_scored_tokens, least.num_scored_tokens);
}

TEST(RequestQueueRandom, EveryRequestGetsWhatItGetsAloneAndPagesComeBack) {
  run_loads(500, false, {.num_preemptions = 1000, .num_cached_tokens = 10000, .num_scored_tokens = 10000});
}

TEST(RequestQueueRandom, EveryRequestGetsWhatItGetsAloneWithWindowsToo) {
  run_loads(250, true, {.num_preemptions = 50, .num_cached_tokens = 1000, .num_scored_tokens = 1000});
}

}  // namespace
}  // namespace braid
