#include "braid/scheduler/scheduler.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/scheduler/scheduled_group.h"

namespace braid {
namespace {

using Parts = std::vector<std::pair<RequestId, size_t>>;

SchedulerConfig config_of(int32_t num_pages, int32_t page_size = 4, int32_t chunk = 8) {
  return {.num_pages = num_pages,
          .page_size = page_size,
          .context_len = static_cast<int32_t>(clamp_context(1000, num_pages, page_size)),
          .max_running_requests = 4,
          .chunked_prefill_size = chunk};
}

std::vector<TokenId> count_from(TokenId first, size_t count) {
  std::vector<TokenId> tokens(count);
  for (size_t i = 0; i < count; ++i) tokens[i] = first + static_cast<TokenId>(i);
  return tokens;
}

TEST(Scheduler, MixesDecodesWithChunksOfPrefill) {
  SchedulerConfig config = config_of(100);
  config.overtaking_price = 0;
  ScheduledGroup group(config);
  ASSERT_TRUE(group.add(1, count_from(0, 3), 10).ok());
  ASSERT_TRUE(group.step());
  ASSERT_TRUE(group.add(2, count_from(100, 20), 2).ok());
  ASSERT_TRUE(group.add(3, count_from(200, 5), 2).ok());
  group.step();
  EXPECT_EQ(group.planned(), (Parts{{1, 1}, {2, 8}}));
  group.step();
  EXPECT_EQ(group.planned(), (Parts{{1, 1}, {2, 8}}));
  group.step();
  EXPECT_EQ(group.planned(), (Parts{{1, 1}, {2, 4}, {3, 4}}));
  EXPECT_TRUE(group.plan.sequences[1].samples);
  EXPECT_FALSE(group.plan.sequences[2].samples);
  group.step();
  EXPECT_EQ(group.planned(), (Parts{{1, 1}, {2, 1}, {3, 1}}));
  group.run();
}

TEST(Scheduler, APreemptedRequestContinuesWithTheSameTokens) {
  for (const bool radix_cache : {false, true}) {
    SchedulerConfig config = config_of(6);
    config.radix_cache = radix_cache;
    ScheduledGroup crowded(config);
    ScheduledGroup alone(config_of(100));
    for (RequestId id = 1; id <= 3; ++id) {
      ASSERT_TRUE(crowded.add(id, count_from(static_cast<TokenId>(10 * id), 4), 16).ok());
      ASSERT_TRUE(alone.add(id, count_from(static_cast<TokenId>(10 * id), 4), 16).ok());
    }
    crowded.run();
    alone.run();
    EXPECT_GT(crowded.scheduler.stats().num_preemptions, 0U);
    EXPECT_EQ(alone.scheduler.stats().num_preemptions, 0U);
    EXPECT_EQ(crowded.tokens, alone.tokens);
  }
}

TEST(Scheduler, AFinishedRequestsPagesServeTheNextWithItsPrefix) {
  ScheduledGroup group(config_of(100));
  ASSERT_TRUE(group.add(1, count_from(0, 10), 7).ok());
  group.run();
  EXPECT_EQ(group.last.at(1).cached_tokens, 0);
  std::vector<TokenId> longer = group.tokens.at(1);  // 17 tokens, of which 16 are in the cache
  longer.push_back(5);
  ASSERT_TRUE(group.add(2, longer, 1).ok());
  ASSERT_TRUE(group.add(3, count_from(0, 8), 1).ok());  // both its pages are cached, but the last token is recomputed
  group.step();
  EXPECT_EQ(group.planned(), (Parts{{2, 2}, {3, 4}}));
  EXPECT_EQ(group.last.at(2).cached_tokens, 16);
  EXPECT_EQ(group.last.at(3).cached_tokens, 4);
  EXPECT_EQ(group.scheduler.stats().num_cached_tokens, 20U);
  EXPECT_EQ(group.scheduler.stats().num_prompt_tokens, 36U);
}

TEST(Scheduler, ASharedPromptThatArrivesAtOnceIsComputedOnce) {
  ScheduledGroup group(config_of(100));
  for (RequestId id = 1; id <= 4; ++id) {
    SamplingParams params;
    params.seed = id;
    ASSERT_TRUE(group.add(id, count_from(0, 30), 3, params).ok());
  }
  group.run();
  EXPECT_EQ(group.last.at(1).cached_tokens, 0);
  for (RequestId id = 2; id <= 4; ++id) EXPECT_EQ(group.last.at(id).cached_tokens, 28);
  EXPECT_NE(group.tokens.at(1), group.tokens.at(2));
}

TEST(Scheduler, AStopTokenEndsTheOutputAndIsPartOfIt) {
  ScheduledGroup probe(config_of(100));
  ASSERT_TRUE(probe.add(1, count_from(0, 5), 6).ok());
  probe.run();
  EXPECT_EQ(probe.last.at(1).finish, FinishReason::kLength);
  const std::vector<TokenId> all = probe.tokens.at(1);
  ASSERT_EQ(all.size(), 11U);
  for (const int32_t min_new_tokens : {0, 2, 3}) {
    ScheduledGroup group(config_of(100));
    SamplingParams params;
    params.stop_token_ids = {all[7]};  // the third of the output
    params.min_new_tokens = min_new_tokens;
    ASSERT_TRUE(group.add(1, count_from(0, 5), 6, params).ok());
    group.run();
    const bool stops = min_new_tokens < 3;
    EXPECT_EQ(group.tokens.at(1).size(), stops ? 8U : 11U);
    EXPECT_EQ(group.last.at(1).finish, stops ? FinishReason::kStop : FinishReason::kLength);
  }
}

TEST(Scheduler, TheContextEndsWithLengthAndALongerPromptIsAnError) {
  ScheduledGroup group(config_of(3));  // 12 tokens
  EXPECT_EQ(group.add(1, count_from(0, 13)).error().message, "prompt has 13 tokens, the context is 12");
  EXPECT_FALSE(group.add(1, {}).ok());
  EXPECT_FALSE(group.add(1, {1}, 0).ok());
  ASSERT_TRUE(group.add(2, count_from(0, 9), 100).ok());
  ASSERT_TRUE(group.add(3, count_from(50, 12), 100).ok());
  group.run();
  EXPECT_EQ(group.tokens.at(2).size(), 12U);
  EXPECT_EQ(group.last.at(2).finish, FinishReason::kLength);
  EXPECT_EQ(group.tokens.at(3).size(), 13U);
  EXPECT_EQ(group.last.at(3).finish, FinishReason::kLength);
}

TEST(Scheduler, AnErrorEndsItsRequestAloneAndLeavesNothingInTheCache) {
  ScheduledGroup group(config_of(100));
  group.errors[1] = "the model's logit for token 3 is NaN";
  ASSERT_TRUE(group.add(1, count_from(0, 8)).ok());
  ASSERT_TRUE(group.add(2, count_from(100, 8)).ok());
  group.run();
  EXPECT_EQ(group.last.at(1).finish, FinishReason::kError);
  EXPECT_EQ(group.last.at(1).error, "the model's logit for token 3 is NaN");
  EXPECT_FALSE(group.last.at(1).token.has_value());
  EXPECT_EQ(group.last.at(2).finish, FinishReason::kLength);
  EXPECT_EQ(group.scheduler.probe(count_from(0, 9)).num_cached_pages, 0);
}

TEST(Scheduler, AbortFreesEverythingAtOnceOrAfterTheStepUnderWay) {
  SchedulerConfig config = config_of(10);
  config.radix_cache = false;
  ScheduledGroup group(config);
  ASSERT_TRUE(group.add(1, count_from(0, 20), 10).ok());
  EXPECT_FALSE(group.scheduler.abort(2));
  group.step();
  EXPECT_TRUE(group.scheduler.abort(1));
  EXPECT_FALSE(group.scheduler.abort(1));
  EXPECT_EQ(group.scheduler.stats().num_free_pages, 10);
  ASSERT_TRUE(group.add(3, count_from(0, 4), 10).ok());
  const auto plan = group.scheduler.plan();
  EXPECT_TRUE(group.scheduler.abort(3));
  EXPECT_FALSE(group.scheduler.abort(3));
  EXPECT_EQ(group.scheduler.stats().num_free_pages, 9);
  StepResult result{.step = plan->step, .sequences = {}};
  result.sequences.emplace_back().request = 3;
  EXPECT_TRUE(group.scheduler.commit(result).empty());
  group.scheduler.check_idle_invariants();
  EXPECT_EQ(group.scheduler.stats().num_free_pages, 10);
}

TEST(Scheduler, CreditsCountWhatAdmittedRequestsStillNeed) {
  ScheduledGroup group(config_of(20));
  EXPECT_TRUE(group.scheduler.credits().is_idle);
  EXPECT_EQ(group.scheduler.credits().num_requests, 4);
  EXPECT_EQ(group.scheduler.credits().num_pages, 20);
  ASSERT_TRUE(group.add(1, count_from(0, 20), 10).ok());  // 5 pages and one to grow
  EXPECT_FALSE(group.scheduler.credits().is_idle);
  EXPECT_EQ(group.scheduler.credits().num_requests, 3);
  EXPECT_EQ(group.scheduler.credits().num_pages, 14);
  group.step();
  EXPECT_EQ(group.scheduler.credits().num_pages, 14);
  group.run();
  EXPECT_EQ(group.scheduler.credits().num_pages, 20);
}

// The scores of the prompt tokens from `start` on, each given all tokens before it.
std::vector<ScoredToken> scores_of(const std::vector<TokenId>& prompt, size_t start) {
  std::vector<ScoredToken> scores;
  uint64_t history = 0;
  for (size_t i = 0; i < prompt.size(); ++i) {
    if (i >= start && i > 0) scores.push_back(FakeModel::score(history, prompt[i]));
    history = FakeModel::extend(history, prompt[i]);
  }
  return scores;
}

SamplingParams scoring_from(int32_t start) {
  SamplingParams params;
  params.prompt_logprobs_start = start;
  params.top_logprobs = 3;
  return params;
}

TEST(Scheduler, APromptIsScoredInTheChunksThatComputeItAndThenDecodes) {
  ScheduledGroup group(config_of(100));
  const auto prompt = count_from(0, 19);
  ASSERT_TRUE(group.add(1, prompt, 3, scoring_from(0)).ok());
  group.step();
  EXPECT_EQ(group.plan.sequences[0].scoring, (PromptScoring{.tokens = count_from(1, 8), .top_logprobs = 3}));
  EXPECT_EQ(group.scored.at(1).size(), 8U);
  EXPECT_FALSE(group.last.at(1).token.has_value());
  group.step();
  group.step();
  EXPECT_EQ(group.plan.sequences[0].scoring, (PromptScoring{.tokens = {17, 18}, .top_logprobs = 3}));
  EXPECT_TRUE(group.last.at(1).token.has_value());
  group.run();
  EXPECT_EQ(group.scored.at(1), scores_of(prompt, 0));
  EXPECT_EQ(group.tokens.at(1).size(), 22U);
}

TEST(Scheduler, WithoutTokensToGenerateThePromptIsOnlyScored) {
  // With 17 tokens, the last chunk is a single token that scores nothing.
  for (const size_t prompt_len : {1U, 2U, 8U, 16U, 17U}) {
    ScheduledGroup group(config_of(100));
    const auto prompt = count_from(0, prompt_len);
    ASSERT_TRUE(group.add(1, prompt, 0, scoring_from(0)).ok());
    group.run();
    EXPECT_EQ(group.last.at(1).finish, FinishReason::kLength);
    EXPECT_EQ(group.tokens.at(1), prompt);
    EXPECT_EQ(group.scored[1], scores_of(prompt, 0));
  }
}

TEST(Scheduler, ScoredTokensAreComputedThoughThePrefixCacheHasThem) {
  for (const int32_t start : {0, 1, 4, 5, 11, 15, 16}) {
    ScheduledGroup group(config_of(100));
    const auto prompt = count_from(0, 16);
    ASSERT_TRUE(group.add(1, prompt, 1).ok());
    group.run();
    ASSERT_TRUE(group.add(2, prompt, 1, scoring_from(start)).ok());
    group.run();
    EXPECT_EQ(group.scored[2], scores_of(prompt, static_cast<size_t>(start)));
    EXPECT_EQ(group.tokens.at(2)[16], group.tokens.at(1)[16]);
    EXPECT_EQ(group.last.at(2).cached_tokens, std::min(start > 0 ? start - 1 : 0, 15) / 4 * 4) << start;
  }
}

TEST(Scheduler, APreemptedRequestsPromptIsScoredOnce) {
  SchedulerConfig config = config_of(7, 4, 3);
  ScheduledGroup group(config);
  const auto prompt = count_from(50, 12);
  ASSERT_TRUE(group.add(1, count_from(0, 4), 20).ok());
  ASSERT_TRUE(group.add(2, prompt, 12, scoring_from(0)).ok());
  group.run();
  EXPECT_GT(group.scheduler.stats().num_preemptions, 0U);
  EXPECT_EQ(group.scored.at(2), scores_of(prompt, 0));
  ScheduledGroup alone(config_of(100));
  ASSERT_TRUE(alone.add(2, prompt, 12, scoring_from(0)).ok());
  alone.run();
  EXPECT_EQ(group.tokens.at(2), alone.tokens.at(2));
}

TEST(Scheduler, AnErrorWhileAPromptIsScoredEndsItsRequest) {
  ScheduledGroup group(config_of(100));
  group.errors[1] = "the model's logit for token 3 is NaN";
  ASSERT_TRUE(group.add(1, count_from(0, 20), 4, scoring_from(0)).ok());
  group.step();
  EXPECT_EQ(group.last.at(1).finish, FinishReason::kError);
  EXPECT_TRUE(group.last.at(1).prompt_logprobs.empty());
  group.run();
}

TEST(Scheduler, PlansCarryOnlyTheTokensThatPenaltiesCount) {
  ScheduledGroup group(config_of(100));
  SamplingParams plain;
  SamplingParams presence;
  presence.presence_penalty = 1.0F;
  SamplingParams repetition;
  repetition.repetition_penalty = 1.1F;
  ASSERT_TRUE(group.add(1, {1, 2}, 5, plain).ok());
  ASSERT_TRUE(group.add(2, {3, 4}, 5, presence).ok());
  ASSERT_TRUE(group.add(3, {5, 6}, 5, repetition).ok());
  group.step();
  group.step();
  ASSERT_EQ(group.plan.sequences.size(), 3U);
  const auto& states = group.plan.sequences;
  EXPECT_TRUE(states[0].sampling.prompt_tokens.empty() && states[0].sampling.output_tokens.empty());
  EXPECT_TRUE(states[1].sampling.prompt_tokens.empty());
  EXPECT_EQ(states[1].sampling.output_tokens, std::vector<TokenId>{group.tokens.at(2)[2]});
  EXPECT_EQ(states[2].sampling.prompt_tokens, (std::vector<TokenId>{5, 6}));
  EXPECT_EQ(states[2].sampling.num_output_tokens, 1);
}

TEST(Scheduler, ClampContextToWhatThePoolHolds) {
  EXPECT_EQ(clamp_context(100, 10, 16), 100);
  EXPECT_EQ(clamp_context(161, 10, 16), 160);
}

// A request goes on where the pages of an earlier start end: only what they lack is computed.
TEST(Scheduler, PagesOfAnEarlierStartAreNotComputedAgain) {
  Scheduler scheduler(config_of(20));
  scheduler.adopt(std::vector<KeptPage>{{.page = 11, .parent = -1, .tokens = count_from(0, 4)},
                                        {.page = 13, .parent = 0, .tokens = count_from(4, 3)}});
  scheduler.check_idle_invariants();
  for (const RequestId id : {1, 2}) {
    SchedulerRequest request{.id = id, .prompt = count_from(id == 1 ? 0 : 50, 9), .arrival = id};
    request.sampling.max_new_tokens = 3;
    ASSERT_TRUE(scheduler.add(std::move(request)).ok());
  }
  const auto plan = scheduler.plan();
  ASSERT_TRUE(plan.has_value());
  const SequencePlan& first = plan->sequences[0];
  EXPECT_EQ(first.first_position, 7);
  EXPECT_EQ(first.new_tokens, count_from(7, 2));
  ASSERT_EQ(first.page_tables[0].pages.size(), 3U);
  EXPECT_EQ(first.page_tables[0].pages[0], 11);
  EXPECT_EQ(first.page_tables[0].pages[1], 13);
  EXPECT_EQ(plan->sequences[1].first_position, 0);
  scheduler.check_invariants();
}

TEST(Scheduler, PagesOfAnEarlierStartThatNobodyWantsAreFreeInTheEnd) {
  ScheduledGroup group(config_of(100));
  group.scheduler.adopt(std::vector<KeptPage>{{.page = 11, .parent = -1, .tokens = count_from(500, 3)}});
  ASSERT_TRUE(group.add(1, count_from(0, 3), static_cast<int32_t>(Scheduler::kKeptSteps)).ok());
  group.run();
  EXPECT_EQ(group.scheduler.stats().num_free_pages + group.scheduler.stats().num_cached_pages, 100);
}

}  // namespace
}  // namespace braid
