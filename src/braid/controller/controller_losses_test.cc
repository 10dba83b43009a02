// Groups that are lost while others are left, as the controller sees it. The test steps both groups.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "braid/controller/controller.h"
#include "tests/support/tokenizer/tiny_tokenizer.h"
#include "tests/support/worker/fake_group.h"

namespace braid {
namespace {

constexpr SchedulerConfig kLostConfig{
    .num_pages = 64, .page_size = 4, .context_len = 64, .max_running_requests = 6, .chunked_prefill_size = 8};

class ControllerLossesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { lost_tokenizer_ = testing::load_tiny_tokenizer(); }
  static void TearDownTestSuite() { lost_tokenizer_ = nullptr; }

  static std::vector<TokenId> prompt_of(SubmissionId id) { return std::vector<TokenId>(20, static_cast<TokenId>(id)); }

  std::shared_ptr<Submission> open(SubmissionId id, int32_t group, bool strict = false, int32_t num_scored = 0,
                                   Controller* controller = nullptr) {
    auto made = std::make_shared<Submission>();
    made->id = id;
    made->request.prompt = prompt_of(id);
    made->request.sampling.max_new_tokens = 30;
    made->request.sampling.prompt_logprobs_start = num_scored > 0 ? 20 - num_scored : -1;
    made->request.dp_rank = group;
    made->request.dp_rank_strict = strict;
    made->on_delta = [this, id](const Delta& delta) {
      EXPECT_EQ(last_[id].finish, FinishReason::kNone) << "news after the end";
      for (const SampledToken& token : delta.tokens) tokens_[id].push_back(token.token);
      num_scored_[id] += std::ssize(delta.prompt_logprobs);
      last_[id] = delta;
    };
    (controller == nullptr ? controller_ : *controller).open(made);
    return made;
  }
  void dispatch() { controller_.dispatch(0); }
  // The group takes its commands, steps once, and tells the controller. False: there was nothing.
  bool step(int32_t group) {
    dispatch();
    FakeGroup& own = *groups_[static_cast<size_t>(group)];
    own.take(controller_.take_commands(group));
    auto outputs = own.advance();
    if (outputs) controller_.take_outputs(group, std::move(*outputs), 0);
    return outputs.has_value();
  }
  void expect_whole(SubmissionId id) {
    EXPECT_EQ(last_[id].finish, FinishReason::kLength) << last_[id].error;
    EXPECT_EQ(tokens_[id], FakeModel::output_of(prompt_of(id), 0, 30, kVisibleTokens));
    EXPECT_EQ(last_[id].usage.output_tokens, 30);
  }

  static std::unique_ptr<Tokenizer> lost_tokenizer_;
  MaskWorker masks_;
  std::array<std::optional<FakeGroup>, 2> groups_{std::optional<FakeGroup>(kLostConfig),
                                                  std::optional<FakeGroup>(kLostConfig)};
  Controller controller_{*lost_tokenizer_,
                         masks_,
                         SchedulePolicy::kFcfs,
                         LoadBalanceMethod::kMinimumTokens,
                         {groups_[0]->load(), groups_[1]->load()},
                         nullptr};
  std::map<SubmissionId, std::vector<TokenId>> tokens_;
  std::map<SubmissionId, int64_t> num_scored_;
  std::map<SubmissionId, Delta> last_;
};
std::unique_ptr<Tokenizer> ControllerLossesTest::lost_tokenizer_;

TEST_F(ControllerLossesTest, RequestsOfALostGroupGoOnInAnotherWithTheSameTokens) {
  for (SubmissionId id = 1; id <= 3; ++id) open(id, 0);
  open(4, 1);
  for (int i = 0; i < 10; ++i) step(0);
  EXPECT_GT(tokens_[1].size(), 3U);
  EXPECT_LT(tokens_[3].size(), tokens_[1].size());
  open(5, 0);
  dispatch();  // on its way to the group when that is lost
  controller_.lose_groups(0, 1, "its rank hangs", false);
  EXPECT_TRUE(controller_.take_commands(0).empty());
  EXPECT_EQ(controller_.num_queued(), 4);
  controller_.take_outputs(0, *groups_[0]->advance(), 0);  // it wakes up, and nobody listens
  while (step(1)) {
  }
  for (SubmissionId id = 1; id <= 5; ++id) expect_whole(id);
  EXPECT_EQ(controller_.take_ended().size(), 5U);
  EXPECT_EQ(controller_.num_free_slots(), 6);
  EXPECT_EQ(controller_.load(0).scheduler.num_running, 0);
}

TEST_F(ControllerLossesTest, RequestsThatOnlyTheLostGroupMayTakeEndWithAnError) {
  open(1, 0, true);
  open(2, 0, false);
  step(0);
  for (SubmissionId id = 3; id <= 10; ++id) open(id, 0, true);  // more than fit
  dispatch();
  controller_.lose_groups(0, 1, "its rank hangs", false);
  open(11, 0, true);
  open(12, 0, false);
  while (step(1)) {
  }
  for (const SubmissionId id : {1, 3, 10}) {
    EXPECT_EQ(last_[id].finish, FinishReason::kError);
    EXPECT_EQ(last_[id].error, "group 0 is lost: its rank hangs");
  }
  EXPECT_EQ(last_[11].error, "group 0 is lost");
  expect_whole(2);
  expect_whole(12);
}

TEST_F(ControllerLossesTest, ScoresThatWereDeliveredAreNotDeliveredAgain) {
  open(1, 0, false, 16);
  step(0);
  step(0);  // 16 of 20 prompt tokens are computed
  const int64_t before = num_scored_[1];
  EXPECT_GT(before, 0);
  EXPECT_LT(before, 16);
  controller_.lose_groups(0, 1, "its rank hangs", false);
  while (step(1)) {
  }
  expect_whole(1);
  EXPECT_EQ(num_scored_[1], 16);
}

TEST_F(ControllerLossesTest, NobodyWaitsForWhatALostGroupHasNotAnswered) {
  const auto left = open(1, 0);
  step(0);
  controller_.abort(left->id);
  std::optional<int64_t> flushed;
  controller_.flush([&](int64_t num_tokens) { flushed = num_tokens; });
  EXPECT_TRUE(step(1));
  EXPECT_FALSE(flushed.has_value());
  EXPECT_TRUE(controller_.take_ended().empty());
  controller_.lose_groups(0, 1, "its rank hangs", false);
  EXPECT_EQ(flushed, 0);
  EXPECT_EQ(controller_.take_ended(), std::vector<SubmissionId>{1});
  controller_.flush([&](int64_t num_tokens) { flushed = num_tokens + 100; });
  EXPECT_TRUE(step(1));
  EXPECT_EQ(flushed, 100) << "the other group's answer is enough";
}

// The group starts again.
class ControllerRestartsTest : public ControllerLossesTest {
 protected:
  void lose(int32_t group) { controller_.lose_groups(group, 1, "its rank hangs", true); }
  void restart(int32_t group, bool keeps_pages = false) {
    groups_[static_cast<size_t>(group)].emplace(kLostConfig);
    controller_.restart_group(group, groups_[static_cast<size_t>(group)]->load(), keeps_pages);
  }
  void lose_all() {
    for (int32_t group = 0; group < 2; ++group) lose(group);
  }
};

TEST_F(ControllerRestartsTest, RequestsGoOnWhereTheyWere) {
  for (SubmissionId id = 1; id <= 3; ++id) open(id, 0, true);
  open(4, 0, true, 16);
  for (int i = 0; i < 12; ++i) step(0);
  EXPECT_FALSE(tokens_[1].empty());
  lose_all();
  open(5, 0, true);
  std::optional<int64_t> flushed;
  controller_.flush([&](int64_t num_tokens) { flushed = num_tokens; });
  EXPECT_EQ(flushed, 0) << "there is nothing to flush";
  EXPECT_FALSE(step(1));
  EXPECT_EQ(controller_.num_queued(), 5);
  restart(0);
  while (step(0)) {
  }
  for (SubmissionId id = 1; id <= 5; ++id) expect_whole(id);
  EXPECT_EQ(num_scored_[4], 16);
  EXPECT_EQ(controller_.num_resumed(), 4U);
  EXPECT_EQ(controller_.take_ended().size(), 5U);
  EXPECT_EQ(controller_.load(0).credits, groups_[0]->load().credits);
}

TEST_F(ControllerRestartsTest, RequestsGoBackToTheGroupThatHasTheirPages) {
  for (const bool keeps_pages : {false, true}) {
    const SubmissionId first = keeps_pages ? 11 : 1;
    for (SubmissionId id = first; id < first + 4; ++id) {
      const auto made = open(id, 0);
      dispatch();
      made->request.dp_rank.reset();  // the policy's choice from now on
    }
    for (int i = 0; i < 3; ++i) step(0);
    lose_all();
    restart(0, keeps_pages);
    restart(1, keeps_pages);
    EXPECT_EQ(step(1), !keeps_pages) << "one group has the requests of both";
    while (step(0) || step(1)) {
    }
    for (SubmissionId id = first; id < first + 4; ++id) expect_whole(id);
  }
}

// What a group keeps is flushed, whether it was asked before the loss and has not answered, or is lost already.
TEST_F(ControllerRestartsTest, PagesThatOutliveALossAreFlushedOnceTheGroupIsBack) {
  for (const bool is_lost_before : {false, true}) {
    std::optional<int64_t> flushed;
    if (is_lost_before) lose(0);
    controller_.flush([&](int64_t num_tokens) { flushed = num_tokens; });
    if (!is_lost_before) lose(0);
    step(1);
    EXPECT_EQ(flushed, 0);
    restart(0, true);
    const auto commands = controller_.take_commands(0);
    ASSERT_EQ(commands.size(), 1U);
    EXPECT_TRUE(commands[0].flush_cache);
    groups_[0]->take(commands);
    controller_.take_outputs(0, *groups_[0]->advance(), 0);
    lose(0);
    restart(0, true);
    EXPECT_TRUE(controller_.take_commands(0).empty()) << "once";
  }
}

TEST_F(ControllerRestartsTest, WhatOnlyTheLostGroupMayTakeEndsWhenItDoesNotComeBack) {
  open(1, 0, true);
  open(2, 0);
  step(0);
  lose(0);
  EXPECT_EQ(last_[1].finish, FinishReason::kNone);
  controller_.lose_groups(0, 1, "its rank is stuck", false);
  EXPECT_EQ(last_[1].error, "group 0 is lost: its rank is stuck");
  while (step(1)) {
  }
  expect_whole(2);
}

TEST_F(ControllerRestartsTest, NoRequestIsToBlameForAWorldThatWasEndedOnPurpose) {
  open(1, 0, true);
  for (int i = 0; i < 3; ++i) {
    step(0);
    controller_.lose_groups(0, 1, "node 1 is back", true, true);
    restart(0);
  }
  EXPECT_EQ(last_[1].finish, FinishReason::kNone);
  while (step(0)) {
  }
  expect_whole(1);
  EXPECT_EQ(controller_.num_set_aside(), 0U);
}

TEST_F(ControllerRestartsTest, TheOneThatWasLostTwiceWithoutATokenIsSetAside) {
  open(1, 0);
  while (tokens_[1].empty()) step(0);
  open(2, 0);
  dispatch();
  for (int i = 0; i < 2; ++i) {
    lose_all();
    EXPECT_EQ(last_[2].finish == FinishReason::kError, i == 1);
    restart(0);
    const size_t num_tokens = tokens_[1].size();
    dispatch();
    while (i == 0 && tokens_[1].size() == num_tokens) {  // the group computes the first alone
      FakeGroup& own = *groups_[0];
      own.take(controller_.take_commands(0));
      GroupOutputs outputs = *own.advance();
      std::erase_if(outputs.outcomes, [](const RequestOutcome& outcome) { return outcome.request != 1; });
      controller_.take_outputs(0, std::move(outputs), 0);
    }
  }
  EXPECT_EQ(controller_.num_set_aside(), 1U);
  EXPECT_TRUE(last_[2].error.starts_with("the request is set aside")) << last_[2].error;
  while (step(0)) {
  }
  expect_whole(1);
}

TEST_F(ControllerRestartsTest, OfSeveralThatMayHaveEndedItsWorldOneIsTriedAtATime) {
  for (SubmissionId id = 1; id <= 3; ++id) open(id, 0);
  const auto left = open(4, 0);
  for (int i = 0; i < 2; ++i) {
    dispatch();
    lose_all();
    restart(0);
  }
  EXPECT_EQ(controller_.num_set_aside(), 0U);
  EXPECT_EQ(controller_.num_queued(), 4);
  dispatch();
  EXPECT_EQ(controller_.num_queued(), 3);
  controller_.abort(left->id);  // while it waits to be tried
  EXPECT_EQ(last_[4].finish, FinishReason::kAbort);
  lose_all();
  EXPECT_EQ(last_[1].finish, FinishReason::kError);
  EXPECT_EQ(controller_.num_set_aside(), 1U);
  restart(0);
  while (step(0)) {
  }
  expect_whole(2);
  expect_whole(3);
}

TEST_F(ControllerRestartsTest, EverythingMayEndWhileRequestsWaitToBeTried) {
  for (SubmissionId id = 1; id <= 3; ++id) open(id, 0);
  for (int i = 0; i < 2; ++i) {
    dispatch();
    lose_all();
    restart(0);
  }
  controller_.end_all(FinishReason::kError, "the engine has failed");
  for (SubmissionId id = 1; id <= 3; ++id) EXPECT_EQ(last_[id].error, "the engine has failed");
  EXPECT_EQ(controller_.num_queued(), 0);
  EXPECT_EQ(controller_.take_ended().size(), 3U);
}

// Requests may move. Only group 0 is stepped.
class ControllerMoveLossesTest : public ControllerLossesTest {
 protected:
  Controller make_controller(size_t num_groups, int64_t max_tokens) {
    return {
        *lost_tokenizer_,
        masks_,
        SchedulePolicy::kFcfs,
        LoadBalanceMethod::kMinimumTokens,
        std::vector<GroupLoad>(num_groups, source_.load()),
        nullptr,
        RebalanceOptions{.start_gap = 2, .start_share = 0, .min_left = 1, .room_share = 0, .max_tokens = max_tokens}};
  }
  static void dispatch(Controller& controller) { controller.dispatch(0); }
  bool step_source(Controller& controller) {
    dispatch(controller);
    source_.take(controller.take_commands(0));
    auto outputs = source_.advance();
    if (outputs) controller.take_outputs(0, std::move(*outputs), 0);
    return outputs.has_value();
  }

  FakePageTransfer transfer_;
  FakeGroup source_{kLostConfig, &transfer_};
};

TEST_F(ControllerMoveLossesTest, WhatMovesToALostGroupGoesBackToItsSource) {
  Controller controller = make_controller(2, 1000);
  for (SubmissionId id = 1; id <= 3; ++id) open(id, 0, false, 0, &controller);
  while (tokens_[3].empty()) ASSERT_TRUE(step_source(controller));
  controller.rebalance();
  ASSERT_TRUE(controller.has_moves_under_way());
  EXPECT_TRUE(controller.lose_groups(1, 1, "its rank hangs", false).empty())
      << "its pages are dropped with all that go to it";
  step_source(controller);  // it leaves
  EXPECT_FALSE(controller.has_moves_under_way());
  ASSERT_EQ(controller.num_queued(), 1);
  dispatch(controller);
  std::vector<GroupCommand> commands = controller.take_commands(0);
  ASSERT_EQ(commands.at(0).arrive.size(), 1U);
  EXPECT_EQ(commands[0].arrive[0].move.from_group, 1);
  EXPECT_EQ(commands[0].arrive[0].move.to_group, 0);
  source_.take(std::move(commands));
  while (step_source(controller)) {
  }
  for (SubmissionId id = 1; id <= 3; ++id) expect_whole(id);
}

TEST_F(ControllerMoveLossesTest, WhatALostGroupHadNotTakenYetHoldsUpNoOtherMoves) {
  Controller controller = make_controller(3, 30);  // one request at a time
  for (SubmissionId id = 1; id <= 5; ++id) open(id, 0, false, 0, &controller);
  while (tokens_[5].empty()) ASSERT_TRUE(step_source(controller));
  controller.rebalance();
  ASSERT_TRUE(controller.has_moves_under_way());
  step_source(controller);  // one leaves for group 1, which does not take it
  ASSERT_FALSE(controller.has_moves_under_way());
  controller.rebalance();
  ASSERT_FALSE(controller.has_moves_under_way()) << "its copies still take the memory";
  EXPECT_TRUE(controller.lose_groups(1, 1, "its rank hangs", false).empty());
  controller.rebalance();
  EXPECT_TRUE(controller.has_moves_under_way());
}

TEST_F(ControllerMoveLossesTest, MovesThatALostGroupHadBegunAreNamed) {
  Controller controller = make_controller(2, 1000);
  for (SubmissionId id = 1; id <= 3; ++id) open(id, 0, false, 0, &controller);
  while (tokens_[3].empty()) ASSERT_TRUE(step_source(controller));
  controller.rebalance();
  std::vector<MoveId> ordered;
  for (const GroupCommand& command : controller.take_commands(0)) {
    for (const DepartOrder& order : command.depart) ordered.push_back(order.move.id);
  }
  EXPECT_EQ(ordered.size(), 1U);
  EXPECT_EQ(controller.lose_groups(0, 1, "its rank hangs", false), ordered);
  EXPECT_FALSE(controller.has_moves_under_way());
  EXPECT_EQ(controller.num_queued(), 3);
}

TEST_F(ControllerMoveLossesTest, WhatWasOrderedToAGroupBeforeItStartedAgainIsComputedAgain) {
  Controller controller = make_controller(2, 1000);
  for (SubmissionId id = 1; id <= 3; ++id) open(id, 0, false, 0, &controller);
  while (tokens_[3].empty()) ASSERT_TRUE(step_source(controller));
  controller.rebalance();
  ASSERT_TRUE(controller.has_moves_under_way());
  controller.lose_groups(1, 1, "its rank hangs", true);
  controller.restart_group(1, FakeGroup(kLostConfig).load());
  EXPECT_EQ(controller.next_move(), 2U);
  step_source(controller);  // it leaves
  EXPECT_FALSE(controller.has_moves_under_way());
  EXPECT_EQ(controller.num_queued(), 1) << "its pages were dropped";
}

}  // namespace
}  // namespace braid
