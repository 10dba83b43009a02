// Prefixes that one group copies from another, as the controller sees it. The test steps both groups.
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

// A step copies two pages.
constexpr SchedulerConfig kSharingConfig{.num_pages = 64,
                                         .page_size = 4,
                                         .context_len = 64,
                                         .max_running_requests = 6,
                                         .chunked_prefill_size = 32,
                                         .max_moved_pages = 2};
constexpr int32_t kPrefixLen = 20;
constexpr int32_t kOutputLen = 5;

class ControllerPrefixesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { sharing_tokenizer_ = testing::load_tiny_tokenizer(); }
  static void TearDownTestSuite() { sharing_tokenizer_ = nullptr; }

  // All prompts of one beginning share 20 tokens.
  static std::vector<TokenId> prompt_of(SubmissionId id, TokenId beginning) {
    std::vector<TokenId> prompt(kPrefixLen, beginning);
    for (int i = 0; i < 3; ++i) prompt.push_back(static_cast<TokenId>(100 + id));
    return prompt;
  }
  void open(SubmissionId id, int32_t group, TokenId beginning = 1) {
    auto made = std::make_shared<Submission>();
    made->id = id;
    made->request.prompt = prompts_[id] = prompt_of(id, beginning);
    made->request.sampling.max_new_tokens = kOutputLen;
    made->request.dp_rank = group;
    made->request.dp_rank_strict = true;
    made->on_delta = [this, id](const Delta& delta) {
      EXPECT_EQ(finish_[id], FinishReason::kNone) << "news after the end";
      for (const SampledToken& token : delta.tokens) tokens_[id].push_back(token.token);
      if (!delta.tokens.empty()) cached_[id] = delta.usage.cached_tokens;
      finish_[id] = delta.finish;
    };
    controller_.open(made);
    controller_.dispatch(now_s_);
  }
  // The group takes its commands and steps once. False: it had nothing to do.
  bool step(int32_t group) {
    now_s_ += step_s_;
    FakeGroup& own = groups_[static_cast<size_t>(group)];
    own.take(controller_.take_commands(group));
    auto outputs = own.advance();
    if (outputs) controller_.take_outputs(group, std::move(*outputs), now_s_);
    for (const SubmissionId id : controller_.take_ended()) closed_.push_back(id);
    return outputs.has_value();
  }
  void run_to_the_end() {
    for (bool goes_on = true; goes_on;) {
      goes_on = step(0);
      goes_on = step(1) || goes_on;
    }
  }
  void expect_whole(SubmissionId id) {
    EXPECT_EQ(finish_[id], FinishReason::kLength) << id;
    EXPECT_EQ(tokens_[id], FakeModel::output_of(prompts_[id], 0, kOutputLen, kVisibleTokens)) << id;
  }
  void expect_nothing_left() {
    EXPECT_FALSE(controller_.has_moves_under_way());
    EXPECT_EQ(transfer_.num_parts(), 0U);
    for (int32_t group = 0; group < 2; ++group) {
      const SchedulerStats stats = groups_[static_cast<size_t>(group)].load().scheduler;
      EXPECT_EQ(controller_.load(group).credits, groups_[static_cast<size_t>(group)].load().credits);
      EXPECT_EQ(stats.num_running + stats.num_waiting, 0);
      EXPECT_EQ(stats.num_free_pages + stats.num_cached_pages, stats.num_pages);
    }
    EXPECT_EQ(controller_.num_free_slots(), 12);
    EXPECT_EQ(closed_.size(), finish_.size());
  }
  GroupMoves moves(int32_t group) const { return controller_.moves().at(static_cast<size_t>(group)); }

  static std::unique_ptr<Tokenizer> sharing_tokenizer_;
  MaskWorker masks_;
  FakePageTransfer transfer_;
  std::array<FakeGroup, 2> groups_{FakeGroup(kSharingConfig, &transfer_), FakeGroup(kSharingConfig, &transfer_)};
  Controller controller_{*sharing_tokenizer_,
                         masks_,
                         SchedulePolicy::kFcfs,
                         LoadBalanceMethod::kMeasuredTime,
                         {FakeGroup(kSharingConfig).load(), FakeGroup(kSharingConfig).load()},
                         nullptr,
                         std::nullopt,
                         ShareOptions{.min_tokens = 8}};
  double now_s_ = 0;
  double step_s_ = 1e-5;
  std::map<SubmissionId, std::vector<TokenId>> prompts_;
  std::map<SubmissionId, std::vector<TokenId>> tokens_;
  std::map<SubmissionId, int32_t> cached_;
  std::map<SubmissionId, FinishReason> finish_;
  std::vector<SubmissionId> closed_;
};
std::unique_ptr<Tokenizer> ControllerPrefixesTest::sharing_tokenizer_;

TEST_F(ControllerPrefixesTest, ARequestTakesItsPrefixFromTheGroupThatHasIt) {
  open(1, 0);
  run_to_the_end();
  EXPECT_EQ(cached_[1], 0);
  open(2, 1);
  EXPECT_TRUE(controller_.has_moves_under_way());
  EXPECT_FALSE(step(1)) << "it waits";
  run_to_the_end();
  for (const SubmissionId id : {1, 2}) expect_whole(id);
  EXPECT_EQ(cached_[2], kPrefixLen);
  EXPECT_EQ(moves(0).num_prefixes_given, 1U);
  EXPECT_EQ(moves(1).num_prefixes_taken, 1U);
  EXPECT_EQ(moves(1).num_prefix_tokens_taken, static_cast<uint64_t>(kPrefixLen));
  expect_nothing_left();
  // Both have it now.
  open(3, 0);
  open(4, 1);
  EXPECT_FALSE(controller_.has_moves_under_way());
  run_to_the_end();
  for (const SubmissionId id : {3, 4}) {
    expect_whole(id);
    EXPECT_EQ(cached_[id], kPrefixLen);
  }
  expect_nothing_left();
}

TEST_F(ControllerPrefixesTest, RequestsThatComeMeanwhileWaitForTheSameCopy) {
  open(1, 0);
  run_to_the_end();
  open(2, 1);
  open(3, 1);
  EXPECT_TRUE(step(0));
  open(4, 1);
  while (controller_.has_moves_under_way()) ASSERT_TRUE(step(0));
  open(5, 1);  // its pages are on their way into the group
  run_to_the_end();
  for (const SubmissionId id : {2, 3, 4, 5}) {
    expect_whole(id);
    EXPECT_EQ(cached_[id], kPrefixLen) << id;
  }
  EXPECT_EQ(moves(1).num_prefixes_taken, 1U);
  expect_nothing_left();
}

TEST_F(ControllerPrefixesTest, IfTheSourceHasEvictedThePrefixTheRequestComputesIt) {
  open(1, 0);
  run_to_the_end();
  controller_.flush([](int64_t) {});
  groups_[0].take(controller_.take_commands(0));  // and the controller has not heard of it
  open(2, 1);
  EXPECT_TRUE(controller_.has_moves_under_way());
  run_to_the_end();
  expect_whole(2);
  EXPECT_EQ(cached_[2], 0);
  EXPECT_EQ(moves(0).num_prefixes_gone, 1U);
  EXPECT_EQ(moves(1).num_prefixes_taken, 0U);
  expect_nothing_left();
}

// The pages that leave are held: what needs room meanwhile waits or takes others.
TEST_F(ControllerPrefixesTest, AFlushWhileThePrefixLeavesTakesNothingFromIt) {
  open(1, 0);
  run_to_the_end();
  open(2, 1);
  EXPECT_TRUE(step(0));
  controller_.flush([](int64_t) {});
  run_to_the_end();
  expect_whole(2);
  EXPECT_EQ(cached_[2], kPrefixLen);
  expect_nothing_left();
}

TEST_F(ControllerPrefixesTest, AnAbortAtAnyTimeLeavesNothingBehind) {
  for (int num_steps = 0; num_steps < 12; ++num_steps) {
    SCOPED_TRACE(num_steps);
    const auto beginning = static_cast<TokenId>(2 + num_steps);
    const auto first = static_cast<SubmissionId>(10 * num_steps + 1);
    open(first, 0, beginning);
    run_to_the_end();
    open(first + 1, 1, beginning);
    open(first + 2, 1, beginning);
    ASSERT_TRUE(controller_.has_moves_under_way());
    for (int i = 0; i < num_steps; ++i) step(i % 2);
    const bool has_ended = finish_[first + 1] != FinishReason::kNone;
    controller_.abort(first + 1);
    run_to_the_end();
    if (!has_ended) {
      EXPECT_EQ(finish_[first + 1], FinishReason::kAbort);
    }
    expect_whole(first + 2);
    expect_nothing_left();
  }
}

TEST_F(ControllerPrefixesTest, IfAllThatWaitAreAbortedTheCopyIsReceivedAllTheSame) {
  open(1, 0);
  run_to_the_end();
  open(2, 1);
  open(3, 1);
  EXPECT_TRUE(step(0));
  controller_.abort(2);
  controller_.abort(3);
  run_to_the_end();
  expect_nothing_left();
}

TEST_F(ControllerPrefixesTest, IfTheSourceIsLostTheRequestBeginsWithout) {
  open(1, 0);
  run_to_the_end();
  open(2, 1);
  open(3, 1);
  EXPECT_TRUE(step(0));
  EXPECT_EQ(controller_.lose_groups(0, 1, "a fault", false).size(), 1U);
  while (step(1)) {
  }
  for (const SubmissionId id : {2, 3}) expect_whole(id);
  EXPECT_FALSE(controller_.has_moves_under_way());
}

TEST_F(ControllerPrefixesTest, IfTheTargetIsLostTheRequestsThatWaitForItEnd) {
  open(1, 0);
  run_to_the_end();
  open(2, 1);
  EXPECT_TRUE(step(0));
  controller_.lose_groups(1, 1, "a fault", false);
  EXPECT_EQ(finish_[2], FinishReason::kError) << "no other group may take it";
  while (step(0)) {
  }
  EXPECT_FALSE(controller_.has_moves_under_way());
  EXPECT_EQ(controller_.load(0).scheduler.num_running, 0);
}

TEST_F(ControllerPrefixesTest, WhatIsShortOrTakesTooLongIsComputed) {
  open(1, 0);
  run_to_the_end();
  step_s_ = 100;
  open(2, 1);  // the first is tried, and takes minutes
  run_to_the_end();
  EXPECT_EQ(moves(1).num_prefixes_taken, 1U);
  open(3, 0, 2);
  run_to_the_end();
  open(4, 1, 2);
  EXPECT_FALSE(controller_.has_moves_under_way());
  run_to_the_end();
  expect_whole(4);
  EXPECT_EQ(cached_[4], 0);
  expect_nothing_left();
}

TEST_F(ControllerPrefixesTest, WhatOneWayTakesSaysNothingOfAnother) {
  const auto place = [&](int32_t second_node, int64_t second_pid) {
    controller_.place_ranks({{.rank = 0, .group = 0, .node = 0, .pid = 1},
                             {.rank = 1, .group = 1, .node = second_node, .pid = second_pid}});
  };
  place(1, 2);
  open(1, 0);
  run_to_the_end();
  step_s_ = 100;
  open(2, 1);  // the first between the nodes takes minutes
  run_to_the_end();
  open(3, 0, 2);
  run_to_the_end();
  open(4, 1, 2);
  EXPECT_FALSE(controller_.has_moves_under_way()) << "that is known";
  run_to_the_end();
  SubmissionId id = 5;
  for (const auto& [node, pid] : {std::pair(0, 2), std::pair(0, 1)}) {
    place(node, pid);
    const auto beginning = static_cast<TokenId>(id);
    open(id++, 0, beginning);
    run_to_the_end();
    open(id++, 1, beginning);
    EXPECT_TRUE(controller_.has_moves_under_way()) << "this way has not been tried";
    run_to_the_end();
    expect_whole(id - 1);
  }
  expect_nothing_left();
}

}  // namespace
}  // namespace braid
