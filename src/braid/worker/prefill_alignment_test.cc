// Groups that align their prefills: tests the publishers and headers without ranks.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "braid/worker/group_publisher.h"
#include "braid/worker/step_protocol.h"
#include "tests/support/worker/counted_result.h"

namespace braid {
namespace {

constexpr SchedulerConfig kAlignedConfig{
    .num_pages = 256, .page_size = 4, .context_len = 128, .max_running_requests = 12, .chunked_prefill_size = 16};

struct AlignedRun {
  int num_prefill_rounds = 0;  // rounds in which any group computes prompts
  int num_aligned_rounds = 0;  // rounds in which more than one group does
  std::map<RequestId, std::vector<TokenId>> tokens;
  std::map<RequestId, int> waited;  // rounds from a request's arrival to its first token
  int32_t most_held_steps = 0;
};

// Runs the same requests in the same rounds and groups, whatever the alignment.
AlignedRun run_aligned(uint32_t seed, int32_t alignment) {
  constexpr int32_t kNumGroups = 3;
  constexpr int kRounds = 150;
  std::mt19937 random(seed);
  std::vector<std::unique_ptr<GroupPublisher>> groups;
  for (int32_t i = 0; i < kNumGroups; ++i) groups.push_back(std::make_unique<GroupPublisher>(kAlignedConfig));
  AlignedRun run;
  std::map<RequestId, int> came_at;
  RequestId next = 1;
  bool may_begin = true;
  bool is_busy = true;
  for (int round = 0; is_busy; ++round) {
    is_busy = round < kRounds;
    std::vector<StepHeader> headers(kNumGroups);
    std::vector<std::shared_ptr<const StepPlan>> plans;
    int num_prefilling = 0;
    for (size_t group = 0; group < groups.size(); ++group) {
      std::vector<GroupCommand> commands;
      if (round < kRounds && random() % 12 == 0) {
        SchedulerRequest request{.id = next, .prompt = std::vector<TokenId>(1 + random() % 30, 5), .arrival = next};
        request.sampling.max_new_tokens = static_cast<int32_t>(1 + random() % 60);
        came_at[next++] = round;
        commands.push_back({.add = {std::move(request)}});
      }
      groups[group]->take(std::move(commands));
      plans.push_back(groups[group]->plan(may_begin));
      const PrefillState& state = groups[group]->prefill_state();
      headers[group].num_tokens = plans[group] != nullptr ? plans[group]->num_tokens() : 0;
      headers[group].held_steps = state.held_steps;
      headers[group].prefill_goes_on = state.goes_on;
      run.most_held_steps = std::max(run.most_held_steps, state.held_steps);
      if (plans[group] == nullptr) continue;
      is_busy = true;
      const bool prefills = std::ranges::any_of(plans[group]->sequences, [](const SequencePlan& sequence) {
        return sequence.new_tokens.size() > 1 || sequence.sampling.num_output_tokens == 0;
      });
      num_prefilling += prefills ? 1 : 0;
    }
    run.num_prefill_rounds += num_prefilling > 0 ? 1 : 0;
    run.num_aligned_rounds += num_prefilling > 1 ? 1 : 0;
    may_begin = may_begin_prefills(headers, alignment);
    for (size_t group = 0; group < groups.size(); ++group) {
      if (plans[group] == nullptr) continue;
      for (const RequestOutcome& outcome : groups[group]->commit(testing::counted_result(*plans[group]), 0).outcomes) {
        run.tokens[outcome.request].push_back(outcome.token->token);
        run.waited.emplace(outcome.request, round - came_at.at(outcome.request));
      }
    }
  }
  return run;
}

TEST(PrefillAlignment, GroupsPrefillTogetherAndNoRequestWaitsBeyondTheBound) {
  int num_plain = 0;
  int num_aligned = 0;
  int num_together_plain = 0;
  int num_together_aligned = 0;
  int num_held = 0;
  constexpr int32_t kBound = 12;
  for (uint32_t seed = 1; seed <= 40; ++seed) {
    const AlignedRun plain = run_aligned(seed, 0);
    const AlignedRun aligned = run_aligned(seed, kBound);
    EXPECT_EQ(plain.most_held_steps, 0);
    EXPECT_LE(aligned.most_held_steps, kBound) << "seed " << seed;
    EXPECT_EQ(aligned.tokens, plain.tokens) << "seed " << seed;
    num_plain += plain.num_prefill_rounds;
    num_aligned += aligned.num_prefill_rounds;
    num_together_plain += plain.num_aligned_rounds;
    num_together_aligned += aligned.num_aligned_rounds;
    num_held += aligned.most_held_steps > 1 ? 1 : 0;
  }
  EXPECT_GT(num_held, 20);
  EXPECT_LT(num_aligned, num_plain * 4 / 5) << "fewer steps are slowed down by any prefill";
  EXPECT_GT(num_together_aligned, 2 * num_together_plain);
}

}  // namespace
}  // namespace braid
