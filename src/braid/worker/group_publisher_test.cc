// The publisher of a group reports what its scheduler does.
#include "braid/worker/group_publisher.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "braid/request/prefix_hash.h"
#include "braid/worker/kept_group_pages.h"
#include "tests/support/worker/counted_result.h"
#include "tests/support/worker/published_requests.h"

namespace braid {
namespace {

using testing::commands_of;
using testing::kPublisherConfig;
using testing::published_request;

class GroupPublisherTest : public ::testing::Test {
 protected:
  GroupOutputs step() {
    const auto plan = publisher_.plan();
    CHECK(plan != nullptr);
    return publisher_.commit(testing::counted_result(*plan, 7), 0.5);
  }

  GroupPublisher publisher_{kPublisherConfig};
};

TEST_F(GroupPublisherTest, OutputsCountTheCommandsTakenSoFar) {
  EXPECT_EQ(publisher_.plan(), nullptr);
  EXPECT_FALSE(publisher_.report().has_value()) << "nothing has happened";
  publisher_.take(commands_of({published_request(1, 5, 2), published_request(2, 3, 2)}));
  const GroupOutputs first = step();
  EXPECT_EQ(first.load.num_commands, 2U);
  EXPECT_EQ(first.load.exchange, ExchangeCounts());
  EXPECT_EQ(first.load.num_steps, 1U);
  EXPECT_EQ(first.load.step_seconds, 0.5);
  EXPECT_EQ(first.load.credits.num_requests, 2);
  EXPECT_EQ(first.load.scheduler.num_running, 2);
  ASSERT_EQ(first.outcomes.size(), 2U);
  EXPECT_EQ(first.outcomes[0].token->token, 7);
  const GroupOutputs last = step();
  EXPECT_EQ(last.outcomes[1].finish, FinishReason::kLength);
  EXPECT_TRUE(last.load.credits.is_idle);
  EXPECT_EQ(publisher_.plan(), nullptr);
  EXPECT_FALSE(publisher_.report().has_value()) << "the last outputs said it all";
}

TEST_F(GroupPublisherTest, TheShapeOfAStepCountsPromptsApartFromDecodes) {
  publisher_.take(commands_of({published_request(1, 3, 9)}));
  EXPECT_EQ(step().step->num_prefills, 1);
  publisher_.take(commands_of({published_request(2, 12, 9)}));
  const GroupOutputs mixed = step();
  EXPECT_EQ(mixed.step->num_sequences, 2);
  EXPECT_EQ(mixed.step->num_prefills, 1);
  EXPECT_EQ(mixed.step->num_prompt_tokens, 8);  // a chunk
  EXPECT_EQ(mixed.step->num_context_tokens, 4 + 8);
  EXPECT_EQ(mixed.step->num_prefill_pairs, 8 * 8 / 2);
  EXPECT_EQ(mixed.load.scheduler.num_prefill_tokens, 4);
  EXPECT_EQ(mixed.load.scheduler.num_prefill_pairs, 4 * 8 + 4 * 4 / 2) << "behind the chunk";
  EXPECT_EQ(step().step->num_prefill_pairs, 4 * 8 + 4 * 4 / 2);
}

TEST_F(GroupPublisherTest, CommandsThatNoStepFollowsAreReportedAlone) {
  publisher_.take(commands_of({published_request(1, 12, 9)}));
  (void)step();
  publisher_.take(commands_of({GroupCommand{.abort = {5}, .finish = {1}, .flush_cache = true}}));
  EXPECT_EQ(publisher_.plan(), nullptr);
  const auto outputs = publisher_.report();
  ASSERT_TRUE(outputs.has_value());
  EXPECT_FALSE(outputs->step.has_value());
  EXPECT_EQ(outputs->load.num_commands, 4U);
  EXPECT_EQ(outputs->flushed_tokens, std::vector<int64_t>{8});  // the full pages of the first chunk
  EXPECT_EQ(outputs->load.scheduler.num_free_pages, kPublisherConfig.num_pages);
}

// Pages that a sequence holds are not flushed.
TEST(GroupPublisher, WhatIsFlushedIsNotForTheNextStart) {
  const std::string name = "0-0";
  const auto keeper = MemoryKeeper::make(
      std::filesystem::path(::testing::TempDir()) / ("flush-" + std::to_string(getpid())), std::span(&name, 1));
  ASSERT_TRUE(keeper.ok()) << keeper.error().message;
  SchedulerConfig config = kPublisherConfig;
  config.page_size = 16;
  config.context_len = 64;
  const KvShape shape{.num_layers = 1, .num_kv_heads = 1, .head_dim = 8, .page_size = 16};
  const auto records =
      KeptPages::open(*KeptMemory::open(keeper->folder(), name, 0).value(), "", shape, config.kv_groups(), 1).value();
  GroupPublisher publisher(config, {}, nullptr, {.found = {}, .records = records.get()});
  const auto step = [&] {
    const auto plan = publisher.plan();
    begin_kept_step(*records, *plan, config.page_size);
    const StepResult result = testing::counted_result(*plan, 7);
    end_kept_step(*records, *plan, result, config.page_size);
    publisher.commit(result, 0.1);
  };
  publisher.take(commands_of({published_request(1, 20, 1)}));
  for (int i = 0; i < 3; ++i) step();
  EXPECT_EQ(records->marks().size(), 2U);
  publisher.take(commands_of({published_request(2, 8, 9)}));
  step();
  ASSERT_EQ(records->marks().size(), 2U) << "a full page of the first, and in place of its last one the second's";
  publisher.take(commands_of({GroupCommand{.flush_cache = true}}));
  ASSERT_EQ(records->marks().size(), 1U);
  EXPECT_EQ(records->chains(records->marks())[0].tokens, std::vector<TokenId>(8, 2));
}

TEST_F(GroupPublisherTest, APausedGroupBeginsNoStepAndTakesCommands) {
  publisher_.take(commands_of({published_request(1, 12, 9)}));
  (void)step();
  publisher_.take(commands_of({GroupCommand{.is_paused = true}}));
  EXPECT_EQ(publisher_.plan(), nullptr);
  EXPECT_EQ(publisher_.report()->load.scheduler.num_running, 1);
  publisher_.take(commands_of({published_request(2, 3, 2)}));
  EXPECT_EQ(publisher_.plan(), nullptr);
  EXPECT_EQ(publisher_.report()->load.num_commands, 3U);
  publisher_.take(commands_of({GroupCommand{.is_paused = false}}));
  EXPECT_NE(publisher_.plan(), nullptr);
}

TEST_F(GroupPublisherTest, ARequestThatCanNeverRunIsAnOutcomeBesideTheOthers) {
  publisher_.take(commands_of({published_request(1, 33, 2), published_request(2, 3, 2)}));
  const GroupOutputs outputs = step();
  ASSERT_EQ(outputs.outcomes.size(), 2U);
  EXPECT_EQ(outputs.outcomes[0].request, 1U);
  EXPECT_EQ(outputs.outcomes[0].finish, FinishReason::kError);
  EXPECT_EQ(outputs.outcomes[0].error, "prompt has 33 tokens, the context is 32");
  EXPECT_EQ(outputs.outcomes[1].token->token, 7);
}

// Two groups; the target takes what the source's outputs report.
class GroupPublisherMovesTest : public ::testing::Test {
 protected:
  static GroupOutputs run(GroupPublisher& publisher, const StepPlan& plan) {
    return publisher.commit(testing::counted_result(plan, 10), 0.5);
  }
  static GroupOutputs step(GroupPublisher& publisher) {
    const auto plan = publisher.plan();
    CHECK(plan != nullptr);
    return run(publisher, *plan);
  }
  static GroupCommand departs(RequestId id) {
    return {.depart = {{.request = id, .move = {.id = 40 + id, .from_group = 0, .to_group = 1}}}};
  }
  static SchedulerStats stats(const GroupPublisher& publisher) { return publisher.load().scheduler; }

  GroupPublisher source_{kPublisherConfig};
  GroupPublisher target_{kPublisherConfig};
};

TEST_F(GroupPublisherMovesTest, ASequenceLeavesInOneStepAndContinuesInAnother) {
  source_.take(commands_of({published_request(1, 5, 6), published_request(2, 3, 6)}));
  (void)step(source_);
  source_.take(commands_of({departs(1)}));
  const auto leaving = source_.plan();
  ASSERT_EQ(leaving->sequences.size(), 1U);
  EXPECT_EQ(leaving->sequences[0].request, 2U);
  ASSERT_EQ(leaving->leaving.size(), 1U);
  EXPECT_EQ(leaving->leaving[0].move, (Move{.id = 41, .from_group = 0, .to_group = 1, .num_pages = 2}));
  EXPECT_EQ(leaving->leaving[0].pages.at(0).size(), 2U);
  GroupOutputs told = run(source_, *leaving);
  ASSERT_EQ(told.departed.size(), 1U);
  EXPECT_EQ(told.departed[0].move, leaving->leaving[0].move);
  EXPECT_EQ(told.departed[0].sequence.output, std::vector<TokenId>{10});
  EXPECT_EQ(told.load.num_commands, 3U);
  EXPECT_EQ(told.load.scheduler.num_running, 1);

  target_.take(commands_of({GroupCommand{.arrive = std::move(told.departed)}}));
  const auto arriving = target_.plan();
  ASSERT_EQ(arriving->arriving.size(), 1U);
  EXPECT_EQ(arriving->arriving[0].pages.at(0).size(), 2U);
  ASSERT_EQ(arriving->sequences.size(), 1U);
  EXPECT_EQ(arriving->sequences[0].new_tokens, std::vector<TokenId>{10}) << "nothing is computed again";
  const GroupOutputs news = run(target_, *arriving);
  EXPECT_EQ(news.outcomes.at(0).token->token, 11);
  EXPECT_EQ(news.load.num_commands, 1U);
}

TEST_F(GroupPublisherMovesTest, TheLastSequenceLeavesInAStepWithoutTokens) {
  source_.take(commands_of({published_request(1, 4, 6)}));
  (void)step(source_);
  source_.take(commands_of({departs(1)}));
  const auto plan = source_.plan();
  ASSERT_NE(plan, nullptr);
  EXPECT_EQ(plan->num_tokens(), 0);
  EXPECT_TRUE(plan->moves_pages());
  const GroupOutputs told = run(source_, *plan);
  EXPECT_EQ(told.departed.size(), 1U);
  EXPECT_FALSE(told.step.has_value());
  EXPECT_TRUE(told.load.credits.is_idle);
  EXPECT_EQ(source_.plan(), nullptr);
  EXPECT_FALSE(source_.report().has_value());
}

TEST_F(GroupPublisherMovesTest, ASequenceAbortedOnItsWayIsTakenAndDropped) {
  source_.take(commands_of({published_request(1, 5, 6)}));
  (void)step(source_);
  source_.take(commands_of({departs(1)}));
  GroupOutputs told = step(source_);
  for (const bool at_once : {true, false}) {
    GroupPublisher target(kPublisherConfig);
    GroupCommand command{.arrive = told.departed};
    if (at_once) command.abort = {1};
    target.take(commands_of({std::move(command)}));
    if (!at_once) target.take(commands_of({GroupCommand{.finish = {1}}}));
    const auto plan = target.plan();
    ASSERT_NE(plan, nullptr);
    EXPECT_TRUE(plan->sequences.empty());
    ASSERT_EQ(plan->arriving.size(), 1U);
    EXPECT_TRUE(plan->arriving[0].pages.empty());
    EXPECT_EQ(run(target, *plan).load.num_commands, 2U);
    EXPECT_EQ(stats(target).num_free_pages, kPublisherConfig.num_pages);
    EXPECT_EQ(target.plan(), nullptr);
  }
}

TEST_F(GroupPublisherMovesTest, WithoutRoomItsPagesAreDroppedAndItIsRecomputed) {
  source_.take(commands_of({published_request(9, 20, 6)}));
  (void)step(source_), (void)step(source_), (void)step(source_);
  source_.take(commands_of({departs(9)}));
  GroupOutputs told = step(source_);
  target_.take(commands_of({published_request(1, 8, 20), published_request(2, 8, 20), published_request(3, 8, 20),
                            published_request(4, 8, 20)}));
  for (int i = 0; i < 4; ++i) (void)step(target_);
  target_.take(commands_of({GroupCommand{.arrive = std::move(told.departed)}}));
  const auto plan = target_.plan();
  ASSERT_EQ(plan->arriving.size(), 1U);
  EXPECT_TRUE(plan->arriving[0].pages.empty()) << "as many run as may";
  (void)run(target_, *plan);
  EXPECT_EQ(stats(target_).num_waiting, 1);
  TokenId last = 0;
  while (const auto next = target_.plan()) {
    for (const RequestOutcome& outcome : run(target_, *next).outcomes) {
      if (outcome.request == 9) last = outcome.token->token;
    }
  }
  EXPECT_EQ(last, 15) << "its sixth";
}

TEST_F(GroupPublisherMovesTest, SequencesThatEndedOrHaveNotBegunStay) {
  source_.take(commands_of({published_request(1, 5, 1), published_request(2, 12, 4)}));
  EXPECT_EQ(step(source_).outcomes.at(0).finish, FinishReason::kLength);
  source_.take(commands_of({departs(1), departs(2), departs(3)}));
  const GroupOutputs outputs = step(source_);
  EXPECT_TRUE(outputs.departed.empty());
  EXPECT_EQ(outputs.stayed, (std::vector<RequestId>{1, 2, 3}));
  EXPECT_EQ(outputs.load.num_commands, 5U);
}

TEST_F(GroupPublisherMovesTest, ASequenceThatWaitsForPagesLeavesWithoutAny) {
  GroupPublisher source(
      {.num_pages = 8, .page_size = 4, .context_len = 32, .max_running_requests = 4, .chunked_prefill_size = 8});
  source.take(commands_of({published_request(1, 8, 20), published_request(2, 8, 20)}));
  while (stats(source).num_preemptions == 0) (void)step(source);
  source.take(commands_of({departs(2)}));
  GroupOutputs told = step(source);
  ASSERT_EQ(told.departed.size(), 1U);
  EXPECT_EQ(told.departed[0].move.num_pages, 0);
  const size_t num_output = told.departed[0].sequence.output.size();
  target_.take(commands_of({GroupCommand{.arrive = std::move(told.departed)}}));
  const auto plan = target_.plan();
  EXPECT_TRUE(plan->arriving.empty()) << "nothing comes";
  EXPECT_EQ(plan->num_tokens(), kPublisherConfig.chunked_prefill_size);
  (void)run(target_, *plan);
  TokenId first = 0;
  while (first == 0) {
    const auto outcomes = step(target_).outcomes;
    if (!outcomes.empty()) first = outcomes[0].token->token;
  }
  EXPECT_EQ(first, 10 + static_cast<TokenId>(num_output));
}

// What its ranks gave is still on its way out of the process.
TEST_F(GroupPublisherMovesTest, ADepartureIsReportedWhenItsPagesHaveLeft) {
  std::set<MoveId> giving = {41, 42};
  GroupPublisher source(kPublisherConfig, [&](MoveId move) { return giving.contains(move); });
  source.take(commands_of({published_request(1, 5, 6), published_request(2, 3, 6), published_request(3, 3, 9)}));
  (void)step(source);
  source.take(commands_of({departs(1), departs(2)}));
  const auto leaving = source.plan();
  EXPECT_EQ(leaving->leaving.size(), 2U);
  EXPECT_TRUE(run(source, *leaving).departed.empty());
  EXPECT_TRUE(source.has_moves());
  giving.erase(42);
  EXPECT_TRUE(step(source).departed.empty()) << "in order";
  source.take(commands_of({GroupCommand{.finish = {3}}}));
  EXPECT_EQ(source.plan(), nullptr);
  EXPECT_TRUE(source.report()->departed.empty());
  EXPECT_FALSE(source.report().has_value()) << "no news";
  giving.clear();
  EXPECT_EQ(source.plan(), nullptr);
  EXPECT_EQ(source.report()->departed.size(), 2U);
  EXPECT_FALSE(source.has_moves());
}

TEST_F(GroupPublisherMovesTest, PagesThatTakeLongTravelInStepsFarApart) {
  SchedulerConfig config = kPublisherConfig;
  config.moved_piece_pages = 1;
  GroupPublisher source(config);
  source.take(commands_of({published_request(1, 8, 20), published_request(2, 2, 28)}));
  const auto timed_step = [&](double page_s) {
    const auto plan = source.plan();
    StepResult result = testing::counted_result(*plan, 10);
    result.move_s = page_s * static_cast<double>(plan->leaving.size());
    source.count_step(plan->num_tokens());
    GroupOutputs outputs = source.commit(result, 0.01 + result.move_s);
    return std::pair(plan->leaving.size(), outputs.departed.size());
  };
  for (int i = 0; i < 6; ++i) (void)timed_step(0);
  source.take(commands_of({departs(1)}));
  std::vector<size_t> pieces;
  for (size_t departed = 0; departed == 0;) {
    const auto [num_pieces, num_departed] = timed_step(1e-3);
    pieces.push_back(num_pieces);
    departed = num_departed;
    EXPECT_LE(num_pieces, 1U);
    ASSERT_LT(pieces.size(), 20U);
  }
  EXPECT_GE(pieces.size(), 6U) << "each step saves half a millisecond";
}

SchedulerConfig pieces_config(int32_t max_moved_pages) {
  SchedulerConfig config = kPublisherConfig;
  config.max_moved_pages = max_moved_pages;
  return config;
}

// Where request 1 of 5 pages is in `source`, and request 2 decodes beside it.
class GroupPublisherPiecesTest : public GroupPublisherMovesTest {
 protected:
  GroupPublisherPiecesTest() {
    source_pieces_.take(commands_of({published_request(1, 17, 8), published_request(2, 3, 20)}));
    while (stats(source_pieces_).num_prefill_tokens > 0 || source_pieces_.load().num_steps == 0) {
      (void)step(source_pieces_);
    }
    source_pieces_.take(commands_of({departs(1)}));
  }
  // Steps the source until request 1 has left.
  GroupOutputs leave() {
    while (true) {
      GroupOutputs outputs = step(source_pieces_);
      if (!outputs.departed.empty()) return outputs;
    }
  }

  GroupPublisher source_pieces_{pieces_config(2)};
  GroupPublisher target_pieces_{pieces_config(2)};
};

TEST_F(GroupPublisherPiecesTest, NoStepCopiesMoreThanItsShareAndOthersGoOn) {
  const int32_t free_before = stats(source_pieces_).num_free_pages;
  std::vector<size_t> sizes;
  GroupOutputs told;
  for (int32_t piece = 0; told.departed.empty(); ++piece) {
    const auto plan = source_pieces_.plan();
    ASSERT_EQ(plan->leaving.size(), 1U);
    EXPECT_EQ(plan->leaving[0].piece, piece);
    sizes.push_back(plan->leaving[0].pages.at(0).size());
    ASSERT_EQ(plan->sequences.size(), 1U);
    EXPECT_EQ(plan->sequences[0].request, 2U);
    if (piece < 2) {
      EXPECT_LE(stats(source_pieces_).num_free_pages, free_before) << "kept until all have left";
    }
    told = run(source_pieces_, *plan);
  }
  EXPECT_EQ(sizes, (std::vector<size_t>{2, 2, 1}));
  EXPECT_EQ(stats(source_pieces_).num_running, 1);

  target_pieces_.take(commands_of({published_request(3, 3, 20)}));
  (void)step(target_pieces_);
  target_pieces_.take(commands_of({GroupCommand{.arrive = std::move(told.departed)}}));
  sizes.clear();
  for (int32_t piece = 0; piece < 3; ++piece) {
    const auto plan = target_pieces_.plan();
    ASSERT_EQ(plan->arriving.size(), 1U);
    EXPECT_EQ(plan->arriving[0].piece, piece);
    sizes.push_back(plan->arriving[0].pages.at(0).size());
    EXPECT_EQ(plan->sequences.size(), piece < 2 ? 1U : 2U) << "it is computed from the step with its last piece on";
    const GroupOutputs outputs = run(target_pieces_, *plan);
    EXPECT_EQ(outputs.load.num_arriving_pages, std::max(0, 3 - 2 * piece));
    EXPECT_EQ(outputs.load.scheduler.num_running, 2);
  }
  EXPECT_EQ(sizes, (std::vector<size_t>{2, 2, 1}));
}

TEST_F(GroupPublisherPiecesTest, AnAbortBetweenPiecesDropsTheOthers) {
  GroupOutputs told = leave();
  for (int when = 0; when < 3; ++when) {
    GroupPublisher target(pieces_config(2));
    target.take(commands_of({GroupCommand{.arrive = told.departed}}));
    for (int piece = 0; piece < 3; ++piece) {
      if (piece == when) target.take(commands_of({GroupCommand{.abort = {1}}}));
      const auto plan = target.plan();
      ASSERT_NE(plan, nullptr);
      ASSERT_EQ(plan->arriving.size(), 1U);
      EXPECT_EQ(plan->arriving[0].pages.empty(), piece >= when);
      EXPECT_TRUE(plan->sequences.empty());
      (void)run(target, *plan);
    }
    EXPECT_EQ(stats(target).num_free_pages, kPublisherConfig.num_pages);
    EXPECT_EQ(target.plan(), nullptr);
    EXPECT_TRUE(target.load().credits.is_idle);
  }
}

// A group is not idle, and may have to wait, while a sequence that leaves still holds all pages.
TEST_F(GroupPublisherPiecesTest, ARequestWaitsForThePagesOfWhatLeaves) {
  GroupPublisher source({.num_pages = 8,
                         .page_size = 4,
                         .context_len = 32,
                         .max_running_requests = 4,
                         .chunked_prefill_size = 32,
                         .radix_cache = false,
                         .max_moved_pages = 1});
  source.take(commands_of({published_request(1, 28, 4)}));
  (void)step(source);
  source.take(commands_of({departs(1), published_request(2, 30, 2)}));
  int num_steps = 0;
  std::vector<TokenId> tokens;
  while (const auto plan = source.plan()) {
    ++num_steps;
    EXPECT_EQ(plan->leaving.size(), num_steps <= 7 ? 1U : 0U);
    EXPECT_EQ(plan->sequences.empty(), num_steps < 7) << num_steps;
    for (const RequestOutcome& outcome : run(source, *plan).outcomes) {
      if (outcome.token) tokens.push_back(outcome.token->token);
    }
  }
  EXPECT_EQ(tokens.size(), 2U);
}

TEST_F(GroupPublisherTest, OutputsTellWhatThePrefixCacheGainedAndLost) {
  publisher_.take(commands_of({published_request(1, 9, 3)}));
  const PrefixDigest first = step().prefixes;  // a chunk of two pages
  EXPECT_TRUE(first.is_whole);
  EXPECT_EQ(first.shape.page_size, 4);
  EXPECT_EQ(first.added, prefix_hashes(std::vector<TokenId>(8, 1), 4, false));
  EXPECT_EQ(first.held, first.added);
  EXPECT_TRUE(step().prefixes.is_empty()) << "the rest of the prompt and the first token fill no page";
  EXPECT_TRUE(step().prefixes.is_empty()) << "a decode step";
  const PrefixDigest last = step().prefixes;
  EXPECT_EQ(last.released.size(), 2U);
  EXPECT_TRUE(last.removed.empty());
  publisher_.take(commands_of({GroupCommand{.tell_prefixes = true}}));
  const PrefixDigest all = publisher_.report().value().prefixes;
  EXPECT_TRUE(all.is_whole);
  EXPECT_EQ(all.added.size(), 2U);
  EXPECT_TRUE(all.held.empty());
  publisher_.take(commands_of({GroupCommand{.flush_cache = true}}));
  const PrefixDigest none = publisher_.report().value().prefixes;
  EXPECT_TRUE(none.is_whole) << "shorter than what it lost";
  EXPECT_TRUE(none.added.empty());
}

}  // namespace
}  // namespace braid
