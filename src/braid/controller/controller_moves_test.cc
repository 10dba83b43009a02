// Requests that move between groups while they run, as the controller sees it. The test steps both groups.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <vector>

#include "braid/controller/controller.h"
#include "tests/support/tokenizer/tiny_tokenizer.h"
#include "tests/support/worker/fake_group.h"

namespace braid {
namespace {

constexpr SchedulerConfig kMovingConfig{
    .num_pages = 64, .page_size = 4, .context_len = 64, .max_running_requests = 6, .chunked_prefill_size = 32};
constexpr RebalanceOptions kMoveAtOnce{
    .start_gap = 2, .start_share = 0, .stop_gap = 1, .max_under_way = 4, .min_stay = 4, .min_left = 1, .room_share = 0};

class ControllerMovesTest : public ::testing::Test {
 protected:
  explicit ControllerMovesTest(const SchedulerConfig& config = kMovingConfig,
                               const RebalanceOptions& rebalance = kMoveAtOnce)
      : groups_{FakeGroup(config, &transfer_), FakeGroup(config, &transfer_)},
        controller_(*moving_tokenizer_, masks_, SchedulePolicy::kFcfs, LoadBalanceMethod::kMinimumTokens,
                    {FakeGroup(config).load(), FakeGroup(config).load()}, nullptr, rebalance) {}

  static void SetUpTestSuite() { moving_tokenizer_ = testing::load_tiny_tokenizer(); }
  static void TearDownTestSuite() { moving_tokenizer_ = nullptr; }

  static std::vector<TokenId> prompt_of(SubmissionId id) { return std::vector<TokenId>(6, static_cast<TokenId>(id)); }

  // A request for 40 tokens in group 0.
  std::shared_ptr<Submission> open(SubmissionId id, bool strict = false) {
    auto made = std::make_shared<Submission>();
    made->id = id;
    made->request.prompt = prompt_of(id);
    made->request.sampling.max_new_tokens = 40;
    made->request.dp_rank = 0;
    made->request.dp_rank_strict = strict;
    made->on_delta = [this, id](const Delta& delta) {
      EXPECT_EQ(finish_[id], FinishReason::kNone) << "news after the end";
      for (const SampledToken& token : delta.tokens) tokens_[id].push_back(token.token);
      finish_[id] = delta.finish;
    };
    controller_.open(made);
    controller_.dispatch(0);
    return made;
  }
  // The group takes its commands and steps once.
  std::optional<GroupOutputs> advance(int32_t group) {
    FakeGroup& own = groups_[static_cast<size_t>(group)];
    own.take(controller_.take_commands(group));
    return own.advance();
  }
  // Also passes the outputs to the controller. False: there were none.
  bool step(int32_t group) {
    auto outputs = advance(group);
    if (outputs) controller_.take_outputs(group, std::move(*outputs), 0);
    return outputs.has_value();
  }
  void run_to_the_end() {
    for (bool goes_on = true; goes_on;) {
      goes_on = step(0);
      goes_on = step(1) || goes_on;
    }
  }
  SchedulerStats stats(int32_t group) const { return groups_[static_cast<size_t>(group)].load().scheduler; }
  void expect_whole(SubmissionId id) {
    EXPECT_EQ(finish_[id], FinishReason::kLength);
    ASSERT_EQ(tokens_[id].size(), 40U);
    EXPECT_EQ(tokens_[id], FakeModel::output_of(prompt_of(id), 0, 40, kVisibleTokens));
  }
  void expect_nothing_left() {
    EXPECT_FALSE(controller_.has_moves_under_way());
    EXPECT_EQ(transfer_.num_parts(), 0U);
    for (int32_t group = 0; group < 2; ++group) {
      EXPECT_EQ(controller_.load(group).credits, groups_[static_cast<size_t>(group)].load().credits);
      EXPECT_EQ(stats(group).num_running + stats(group).num_waiting, 0);
    }
    EXPECT_EQ(controller_.num_free_slots(), 12);
  }

  static std::unique_ptr<Tokenizer> moving_tokenizer_;
  MaskWorker masks_;
  FakePageTransfer transfer_;
  std::array<FakeGroup, 2> groups_;
  Controller controller_;
  std::map<SubmissionId, std::vector<TokenId>> tokens_;
  std::map<SubmissionId, FinishReason> finish_;
};
std::unique_ptr<Tokenizer> ControllerMovesTest::moving_tokenizer_;

TEST_F(ControllerMovesTest, RequestsMoveFromAFullGroupToAnEmptyOneWithoutLosingTokens) {
  for (SubmissionId id = 1; id <= 4; ++id) open(id);
  controller_.rebalance();
  EXPECT_FALSE(controller_.has_moves_under_way()) << "nobody has a token yet";
  ASSERT_TRUE(step(0));
  controller_.rebalance();
  EXPECT_TRUE(controller_.has_moves_under_way());
  EXPECT_EQ(controller_.num_free_slots(), 6) << "room is kept for two";
  ASSERT_TRUE(step(0));
  EXPECT_FALSE(controller_.has_moves_under_way());
  EXPECT_EQ(stats(0).num_running, 2);
  ASSERT_TRUE(step(1));
  EXPECT_EQ(stats(1).num_running, 2);
  EXPECT_EQ(controller_.moves()[0].num_given, 2U);
  EXPECT_EQ(controller_.moves()[1].num_taken, 2U);
  const auto told = controller_.take_moved();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].num_tokens, 7);
  controller_.rebalance();
  EXPECT_FALSE(controller_.has_moves_under_way()) << "they are even";
  run_to_the_end();
  for (SubmissionId id = 1; id <= 4; ++id) expect_whole(id);
  EXPECT_EQ(controller_.take_ended().size(), 4U);
  expect_nothing_left();
}

TEST_F(ControllerMovesTest, AnAbortDuringAMoveEndsTheRequestWhereverItIs) {
  // The abort comes before the source takes its order, before the controller sees the source's outputs, before the
  // target takes the sequence, or after that.
  for (int when = 0; when < 4; ++when) {
    const auto first = static_cast<SubmissionId>(10 * when + 1);
    for (SubmissionId id = first; id < first + 3; ++id) open(id);
    ASSERT_TRUE(step(0));
    controller_.rebalance();
    ASSERT_TRUE(controller_.has_moves_under_way());
    const SubmissionId moving = first + 2;
    if (when == 0) controller_.abort(moving);
    auto outputs = advance(0);
    if (when == 1) controller_.abort(moving);
    controller_.take_outputs(0, std::move(*outputs), 0);
    if (when == 2) controller_.abort(moving);
    outputs = advance(1);
    if (outputs) controller_.take_outputs(1, std::move(*outputs), 0);
    if (when == 3) controller_.abort(moving);
    EXPECT_EQ(finish_[moving], FinishReason::kAbort);
    for (const SubmissionId id : controller_.take_ended()) {
      EXPECT_EQ(id, moving);
      EXPECT_EQ(transfer_.num_parts(), 0U) << "it was told to hold nothing any more, and its pages are on their way";
      EXPECT_EQ(stats(1).num_running, 0);
    }
    run_to_the_end();
    for (SubmissionId id = first; id < moving; ++id) expect_whole(id);
    controller_.take_ended();
    expect_nothing_left();
  }
}

TEST_F(ControllerMovesTest, ARequestThatEndsBeforeItLeavesFreesTheRoomKeptForIt) {
  for (SubmissionId id = 1; id <= 2; ++id) open(id);
  for (int i = 0; i < 38; ++i) ASSERT_TRUE(step(0));
  auto last_but_one = advance(0);
  auto last = advance(0);  // the group is ahead: both requests have ended
  controller_.take_outputs(0, std::move(*last_but_one), 0);
  controller_.rebalance();
  ASSERT_TRUE(controller_.has_moves_under_way());
  controller_.take_outputs(0, std::move(*last), 0);
  EXPECT_TRUE(controller_.has_moves_under_way()) << "the group has not said yet what became of the order";
  run_to_the_end();
  for (SubmissionId id = 1; id <= 2; ++id) expect_whole(id);
  EXPECT_EQ(controller_.moves()[0].num_given, 0U);
  expect_nothing_left();
}

TEST_F(ControllerMovesTest, ARequestBoundStrictlyToAGroupStays) {
  for (SubmissionId id = 1; id <= 4; ++id) open(id, true);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(step(0));
    controller_.rebalance();
    EXPECT_FALSE(controller_.has_moves_under_way());
  }
  run_to_the_end();
  for (SubmissionId id = 1; id <= 4; ++id) expect_whole(id);
}

TEST_F(ControllerMovesTest, AFlushAndEndAllDuringAMoveLeaveNothingBehind) {
  for (SubmissionId id = 1; id <= 4; ++id) open(id);
  ASSERT_TRUE(step(0));
  controller_.rebalance();
  int num_flushed = 0;
  controller_.flush([&](int64_t) { ++num_flushed; });
  auto outputs = advance(0);
  controller_.end_all(FinishReason::kAbort, "");
  controller_.take_outputs(0, std::move(*outputs), 0);
  run_to_the_end();
  EXPECT_EQ(num_flushed, 1);
  for (SubmissionId id = 1; id <= 4; ++id) EXPECT_EQ(finish_[id], FinishReason::kAbort);
  expect_nothing_left();
}

TEST_F(ControllerMovesTest, AMovedRequestStaysForMinStayTokens) {
  for (SubmissionId id = 1; id <= 4; ++id) open(id);
  ASSERT_TRUE(step(0));
  controller_.rebalance();
  ASSERT_TRUE(step(0) && step(1));
  controller_.abort(1);
  controller_.abort(2);
  ASSERT_TRUE(step(0));
  EXPECT_EQ(stats(0).num_running, 0);
  EXPECT_EQ(stats(1).num_running, 2);
  while (tokens_[4].size() < 1U + kMoveAtOnce.min_stay) {
    controller_.rebalance();
    EXPECT_FALSE(controller_.has_moves_under_way()) << tokens_[4].size();
    ASSERT_TRUE(step(1));
  }
  controller_.rebalance();
  EXPECT_TRUE(controller_.has_moves_under_way());
  run_to_the_end();
  for (SubmissionId id = 3; id <= 4; ++id) expect_whole(id);
  EXPECT_EQ(controller_.moves()[0].num_given, 2U);
  EXPECT_EQ(controller_.moves()[0].num_taken, 1U);
  EXPECT_EQ(controller_.moves()[0].num_given_tokens, 14U);
  expect_nothing_left();
}

constexpr SchedulerConfig one_page_a_step() {
  SchedulerConfig config = kMovingConfig;
  config.max_moved_pages = 1;
  return config;
}

constexpr RebalanceOptions at_once_with(int64_t max_tokens) {
  RebalanceOptions options = kMoveAtOnce;
  options.max_tokens = max_tokens;
  return options;
}

// A page has 4 tokens. Requests have 6 and what they have generated.
class ControllerPiecesTest : public ControllerMovesTest {
 protected:
  ControllerPiecesTest() : ControllerMovesTest(one_page_a_step(), at_once_with(20)) {}
};

TEST_F(ControllerPiecesTest, AMoveIsUnderWayUntilItsLastPieceHasLeft) {
  for (SubmissionId id = 1; id <= 2; ++id) open(id);
  ASSERT_TRUE(step(0));
  controller_.rebalance();
  ASSERT_TRUE(controller_.has_moves_under_way());
  ASSERT_TRUE(step(0));
  EXPECT_TRUE(controller_.has_moves_under_way()) << "one of its two pages has left";
  EXPECT_EQ(controller_.load(0).scheduler.num_running, 2) << "it holds pages";
  ASSERT_TRUE(step(0));
  EXPECT_FALSE(controller_.has_moves_under_way());
  EXPECT_EQ(controller_.load(0).scheduler.num_running, 1);
  ASSERT_TRUE(step(1));
  EXPECT_EQ(tokens_[2].size(), 1U) << "its second page has not come";
  EXPECT_EQ(controller_.load(1).num_arriving_pages, 1);
  ASSERT_TRUE(step(1));
  EXPECT_EQ(tokens_[2].size(), 2U);
  EXPECT_EQ(controller_.load(1).num_arriving_pages, 0);
  run_to_the_end();
  for (SubmissionId id = 1; id <= 2; ++id) expect_whole(id);
  controller_.take_ended();
  expect_nothing_left();
}

TEST_F(ControllerPiecesTest, ARequestThatEndsWhileItsPagesLeaveEndsOnceNoGroupHoldsThem) {
  for (SubmissionId id = 1; id <= 2; ++id) open(id);
  while (tokens_[2].size() < 4) ASSERT_TRUE(step(0));
  controller_.rebalance();
  ASSERT_TRUE(step(0));
  ASSERT_TRUE(controller_.has_moves_under_way()) << "one of its three pages has left";
  const SubmissionId moving = tokens_[1].size() > tokens_[2].size() ? 2 : 1;
  controller_.abort(moving);
  ASSERT_TRUE(step(0));
  EXPECT_TRUE(controller_.has_moves_under_way()) << "the second has left, and the group has seen the abort";
  EXPECT_EQ(stats(0).num_running, 2);
  EXPECT_TRUE(controller_.take_ended().empty()) << "the group holds its pages";
  ASSERT_TRUE(step(0));
  EXPECT_FALSE(controller_.has_moves_under_way());
  EXPECT_TRUE(controller_.take_ended().empty()) << "the other group has not seen the abort";
  ASSERT_TRUE(step(1));
  EXPECT_EQ(controller_.take_ended(), std::vector<SubmissionId>{moving});
  EXPECT_EQ(stats(0).num_running, 1);
  EXPECT_EQ(stats(1).num_running, 0);
  run_to_the_end();
  expect_whole(3 - moving);
  controller_.take_ended();
  expect_nothing_left();
}

TEST_F(ControllerPiecesTest, WhatIsOnItsWayStaysWithinTheLimit) {
  for (SubmissionId id = 1; id <= 6; ++id) open(id);
  while (tokens_[6].size() < 6) ASSERT_TRUE(step(0));
  size_t most = 0;  // pages
  for (int i = 0; i < 24; ++i) {
    controller_.rebalance();
    (void)step(0);
    if (i % 6 == 5) {
      for (int steps = 0; steps < 6; ++steps) (void)step(1);
    }
    most = std::max(most, transfer_.num_parts());
  }
  EXPECT_GE(controller_.moves()[0].num_given, 1U);
  EXPECT_GE(most, 3U);
  EXPECT_LE(most, 5U) << "two requests of 12 tokens are too many";
  run_to_the_end();
  for (SubmissionId id = 1; id <= 6; ++id) expect_whole(id);
  controller_.take_ended();
  expect_nothing_left();
}

TEST_F(ControllerPiecesTest, ARequestAboveTheLimitStaysAndIsCounted) {
  for (SubmissionId id = 1; id <= 4; ++id) open(id);
  while (tokens_[4].size() <= 20 - 6) ASSERT_TRUE(step(0));
  EXPECT_EQ(controller_.num_too_long_to_move(), 0U);
  for (int i = 0; i < 3; ++i) controller_.rebalance();
  EXPECT_FALSE(controller_.has_moves_under_way());
  EXPECT_EQ(controller_.num_too_long_to_move(), 4U) << "each is counted once";
  run_to_the_end();
  for (SubmissionId id = 1; id <= 4; ++id) expect_whole(id);
}

}  // namespace
}  // namespace braid
