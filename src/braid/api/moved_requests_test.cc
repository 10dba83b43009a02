// A request that moves between groups while it runs gets the same bits: tokens, log-probabilities and grammars, in
// every layout, with pages that move along and with prefixes that are recomputed.
#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <random>

#include "braid/grammar/compiled_grammar.h"
#include "braid/grammar/grammar_compiler.h"
#include "tests/support/api/tiny_engine.h"
#include "tests/support/api/windowed_model.h"
#include "tests/support/sanitizer.h"

namespace braid {
namespace {

struct MovedLayout {
  std::string name;
  ParallelLayout layout;
  const char* model = testing::kTinyModel;
  int64_t max_total_tokens = 4096;
  uint64_t least_moves = 10;
  int32_t prefill_alignment = 0;
  int32_t max_moved_pages = 2;  // most requests move in several pieces
  bool has_windows = false;     // uses WindowedModel instead of `model`
};

void PrintTo(const MovedLayout& tested, std::ostream* out) {
  *out << tested.name;
}

// Moves requests back and forth whenever it is allowed to.
constexpr RebalanceOptions kRestless{
    .start_gap = 1, .start_share = 0, .stop_gap = 0, .max_under_way = 4, .min_stay = 3, .min_left = 1, .room_share = 0};

EngineOptions moved_options(const MovedLayout& tested, bool moves) {
  EngineOptions options{.source = {.model_path = tested.model}};
  options.rank = {.layout = tested.layout,
                  .threads_per_rank = 1,
                  .chunked_prefill_size = 48,
                  .max_running_requests = 32,
                  .max_total_tokens = tested.max_total_tokens};
  if (!moves) return options;
  options.rank.max_moved_pages = tested.max_moved_pages;
  options.kv_rebalance = kRestless;
  options.prefill_alignment = tested.prefill_alignment;
  return options;
}

// All requests prefer group 0, so it is too full again and again.
std::vector<GenerationRequest> requests_to_move(Engine& engine) {
  std::mt19937 random(20261122);
  std::vector<GenerationRequest> requests;
  for (int i = 0; i < 14; ++i) {
    std::vector<TokenId> prompt(5 + random() % 60);
    for (TokenId& token : prompt) token = static_cast<TokenId>(random() % 250);
    GenerationRequest request{.prompt = std::move(prompt), .ignore_eos = true};
    request.sampling.temperature = i % 2 == 0 ? 0.0F : 0.9F;
    request.sampling.repetition_penalty = i % 3 == 0 ? 1.2F : 1.0F;
    request.sampling.seed = random();
    request.sampling.max_new_tokens = static_cast<int32_t>(10 + random() % 60);
    request.sampling.logprobs = true;
    request.sampling.top_logprobs = 2;
    request.sampling.prompt_logprobs_start = i % 4 == 0 ? 1 : -1;
    request.dp_rank = 0;
    if (i % 5 == 1) {
      const auto grammar = engine.grammars().regex("([a-c]{4}-\\d{3},){10,12}");
      CHECK(grammar.ok());
      request.grammar = GrammarConstraint{.grammar = *grammar};
      request.sampling.max_new_tokens = 120;
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

using MovedBits = std::vector<uint32_t>;

void add_token(const SampledToken& token, MovedBits& bits) {
  bits.push_back(static_cast<uint32_t>(token.token));
  bits.push_back(std::bit_cast<uint32_t>(token.logprob));
  for (const TokenLogprob& top : token.top_logprobs) {
    bits.push_back(static_cast<uint32_t>(top.token));
    bits.push_back(std::bit_cast<uint32_t>(top.logprob));
  }
}

std::vector<MovedBits> run_requests(Engine& engine, bool together) {
  const auto requests = requests_to_move(engine);
  std::vector<MovedBits> results(requests.size());
  std::vector<SubmissionId> ids;
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto id = engine.submit(requests[i], [&results, i](const Delta& delta) {
      EXPECT_NE(delta.finish, FinishReason::kError) << delta.error;
      for (const ScoredToken& token : delta.prompt_logprobs) add_token(token, results[i]);
      for (const SampledToken& token : delta.tokens) add_token(token, results[i]);
      if (delta.finish != FinishReason::kNone) results[i].push_back(static_cast<uint32_t>(delta.finish));
    });
    CHECK(id.ok(), "{}", id.error().message);
    ids.push_back(*id);
    if (!together) engine.wait(*id);
  }
  for (const SubmissionId id : ids) engine.wait(id);
  return results;
}

uint64_t num_moved(const EngineStats& stats) {
  uint64_t given = 0;
  uint64_t taken = 0;
  for (const GroupMoves& moves : stats.moves) given += moves.num_given, taken += moves.num_taken;
  EXPECT_EQ(given, taken);
  return given;
}

class MovedRequests : public ::testing::TestWithParam<MovedLayout> {};

TEST_P(MovedRequests, GetTheSameBitsAsWithoutMoves) {
  const testing::WindowedModel windowed;
  const auto own_options = [&](bool moves) {
    EngineOptions options = moved_options(GetParam(), moves);
    if (GetParam().has_windows) options.source = windowed.source();
    return options;
  };
  const auto still = testing::load_tiny_engine(own_options(false));
  const auto alone = run_requests(*still, false);
  for (const MovedBits& bits : alone) EXPECT_GT(bits.size(), 20U);
  EXPECT_EQ(num_moved(still->stats()), 0U);
  const auto engine = testing::load_tiny_engine(own_options(true));
  // At least twice, and until enough have moved: how many do depends on which thread is faster.
  constexpr int kLeastRounds = testing::kUnderThreadSanitizer ? 1 : 2;
  constexpr int kMostRounds = 20;
  for (int i = 0; i < kLeastRounds || (i < kMostRounds && num_moved(engine->stats()) < GetParam().least_moves); ++i) {
    EXPECT_EQ(run_requests(*engine, true), alone);
    engine->flush_cache();
  }
  const EngineStats stats = engine->stats();
  EXPECT_GE(num_moved(stats), GetParam().least_moves);
  EXPECT_EQ(stats.scheduler.num_running + stats.scheduler.num_waiting, 0);
  EXPECT_EQ(stats.scheduler.num_free_pages + stats.scheduler.num_cached_pages, stats.scheduler.num_pages);
}

constexpr const char* kTinyMixture = "tests/fixtures/models/gguf_qwen3_moe/model.gguf";
INSTANTIATE_TEST_SUITE_P(
    Layouts, MovedRequests,
    ::testing::Values(
        MovedLayout{.name = "tp2_dp2", .layout = {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}},
        MovedLayout{.name = "tp4_dp2", .layout = {.tp_size = 4, .dp_size = 2, .enable_dp_attention = true}},
        MovedLayout{.name = "tp4_dp4", .layout = {.tp_size = 4, .dp_size = 4, .enable_dp_attention = true}},
        MovedLayout{.name = "mixture_tp2_dp2",
                    .layout = {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true},
                    .model = kTinyMixture},
        MovedLayout{.name = "windows_tp4_dp2",
                    .layout = {.tp_size = 4, .dp_size = 2, .enable_dp_attention = true},
                    .has_windows = true},
        MovedLayout{.name = "windows_scarce_replicas",
                    .layout = {.tp_size = 1, .dp_size = 2},
                    .max_total_tokens = 1024,
                    .least_moves = 1,
                    .has_windows = true},
        MovedLayout{.name = "aligned_tp2_dp2",
                    .layout = {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true},
                    .prefill_alignment = 8},
        MovedLayout{.name = "replicas", .layout = {.tp_size = 1, .dp_size = 3}},
        MovedLayout{.name = "replicas_of_two", .layout = {.tp_size = 2, .dp_size = 2}},
        // So few pages that requests are preempted, and that arriving requests find none.
        MovedLayout{.name = "scarce_tp2_dp2",
                    .layout = {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true},
                    .max_total_tokens = 1024,
                    .least_moves = 1}),
    [](const auto& tested) { return tested.param.name; });

TEST(MovedRequestsAbort, FreesEverythingAtAnyPointOfAMove) {
  const auto engine = testing::load_tiny_engine(
      moved_options({.layout = {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}}, true));
  std::mt19937 random(5);
  for (int round = 0; round < 20; ++round) {
    std::vector<SubmissionId> ids;
    std::atomic<int> num_ends = 0;
    for (int i = 0; i < 8; ++i) {
      GenerationRequest request{.prompt = std::vector<TokenId>(4 + random() % 20, 7), .ignore_eos = true};
      request.sampling.max_new_tokens = static_cast<int32_t>(5 + random() % 30);
      request.dp_rank = 0;
      ids.push_back(
          engine->submit(request, [&](const Delta& delta) { num_ends += delta.finish != FinishReason::kNone ? 1 : 0; })
              .value());
    }
    for (const SubmissionId id : ids) {
      if (random() % 2 == 0) engine->abort(id);
    }
    if (round % 4 == 0) engine->flush_cache();
    for (const SubmissionId id : ids) engine->wait(id);
    EXPECT_EQ(num_ends, 8);
    const SchedulerStats stats = engine->stats().scheduler;
    EXPECT_EQ(stats.num_running + stats.num_waiting, 0);
    EXPECT_EQ(stats.num_free_pages + stats.num_cached_pages, stats.num_pages);
  }
  EXPECT_GT(num_moved(engine->stats()), 5U);
  for (int i = 0; i < 8; ++i) {  // the engine ends while some are moving
    GenerationRequest request{.prompt = std::vector<TokenId>(30, 7), .ignore_eos = true};
    request.sampling.max_new_tokens = 400;
    request.dp_rank = 0;
    ASSERT_TRUE(engine->submit(request, [](const Delta&) {}).ok());
  }
}

}  // namespace
}  // namespace braid
