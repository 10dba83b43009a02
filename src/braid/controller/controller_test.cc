// The controller with groups that run ahead of it: new steps and commands are under way while it handles older outputs.
#include "braid/controller/controller.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "tests/support/tokenizer/tiny_tokenizer.h"
#include "tests/support/worker/fake_group.h"

namespace braid {
namespace {

constexpr SchedulerConfig kSmallGroup{
    .num_pages = 24, .page_size = 4, .context_len = 64, .max_running_requests = 3, .chunked_prefill_size = 8};

struct SmallGroup : FakeGroup {
  SmallGroup() : FakeGroup(kSmallGroup) {}
};

class ControllerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { tokenizer_ = testing::load_tiny_tokenizer(); }
  static void TearDownTestSuite() { tokenizer_ = nullptr; }

  struct Ended {
    std::vector<TokenId> tokens;
    std::string text;
    Delta last;
    int num_ends = 0;
  };

  std::shared_ptr<Submission> submission(SubmissionId id, size_t prompt_len, int32_t max_new_tokens) {
    auto made = std::make_shared<Submission>();
    made->id = id;
    prompts_[id] = std::vector<TokenId>(prompt_len, static_cast<TokenId>(id));
    made->request.prompt = prompts_[id];
    made->request.sampling.max_new_tokens = max_new_tokens;
    made->on_delta = [this, id](const Delta& delta) {
      Ended& ended = ended_[id];
      EXPECT_EQ(ended.num_ends, 0) << "a delta after the last one";
      for (const SampledToken& token : delta.tokens) ended.tokens.push_back(token.token);
      ended.text += delta.text;
      ended.last = delta;
      ended.num_ends += delta.finish != FinishReason::kNone ? 1 : 0;
    };
    return made;
  }
  std::vector<TokenId> expected_tokens(SubmissionId id, int32_t num_tokens) const {
    return FakeModel::output_of(prompts_.at(id), 0, num_tokens, kVisibleTokens);
  }
  std::string expected_text(SubmissionId id, int32_t num_tokens) const {
    return tokenizer_->decode(expected_tokens(id, num_tokens), true);
  }
  void dispatch() { controller_.dispatch(0); }

  static std::unique_ptr<Tokenizer> tokenizer_;
  std::map<SubmissionId, std::vector<TokenId>> prompts_;
  std::map<SubmissionId, Ended> ended_;
  MaskWorker masks_;
  Controller controller_{*tokenizer_,           masks_, SchedulePolicy::kFcfs, LoadBalanceMethod::kMinimumTokens,
                         {SmallGroup().load()}, nullptr};
};
std::unique_ptr<Tokenizer> ControllerTest::tokenizer_;

TEST_F(ControllerTest, TokensPastAStopStringAreNeitherDeliveredNorCounted) {
  SmallGroup group;
  const auto stopped = submission(7, 5, 20);
  const std::string whole = expected_text(7, 20);
  stopped->request.stop_strings = {whole.substr(6, 2)};
  const size_t end = whole.find(stopped->request.stop_strings[0]);
  controller_.open(stopped);
  dispatch();
  group.take(controller_.take_commands(0));
  std::deque<GroupOutputs> unread;  // the group runs to the end before the controller sees any outputs
  while (auto outputs = group.advance()) unread.push_back(std::move(*outputs));
  ASSERT_EQ(unread.size(), 20U);
  for (GroupOutputs& outputs : unread) controller_.take_outputs(0, std::move(outputs), 0);
  const Ended& ended = ended_.at(7);
  EXPECT_EQ(ended.num_ends, 1);
  EXPECT_EQ(ended.last.finish, FinishReason::kStop);
  EXPECT_EQ(ended.text, whole.substr(0, end));
  EXPECT_LT(ended.tokens.size(), 20U);
  EXPECT_EQ(controller_.num_output_tokens(), ended.tokens.size());
  EXPECT_EQ(ended.last.usage.output_tokens, static_cast<int32_t>(ended.tokens.size()));

  EXPECT_TRUE(controller_.take_ended().empty()) << "the group has not seen yet that it is finished";
  group.take(controller_.take_commands(0));
  controller_.take_outputs(0, *group.advance(), 0);
  EXPECT_EQ(controller_.take_ended(), std::vector<SubmissionId>{7});
}

TEST_F(ControllerTest, AGroupGetsNoMoreRequestsThanItHasRoomFor) {
  SmallGroup group;
  for (SubmissionId id = 1; id <= 5; ++id) controller_.open(submission(id, 4, 30));
  dispatch();
  EXPECT_EQ(controller_.take_commands(0).at(0).add.size(), 3U) << "as many as may run";
  EXPECT_EQ(controller_.num_queued(), 2);
  EXPECT_EQ(controller_.load(0).scheduler.num_waiting, 3);
  dispatch();
  EXPECT_TRUE(controller_.take_commands(0).empty()) << "nothing has become free";
}

TEST_F(ControllerTest, ARequestGoesToTheGroupItNamesAndWaitsForItOnlyIfStrict) {
  Controller controller(*tokenizer_, masks_, SchedulePolicy::kFcfs, LoadBalanceMethod::kRoundRobin,
                        {SmallGroup().load(), SmallGroup().load()}, nullptr);
  const auto bound = [&] {
    controller.dispatch(0);
    std::string ids;
    for (int32_t group = 0; group < 2; ++group) {
      for (const GroupCommand& command : controller.take_commands(group)) {
        for (const SchedulerRequest& request : command.add) ids += fmt::format("{}>{} ", request.id, group);
      }
    }
    return ids;
  };
  for (SubmissionId id = 1; id <= 5; ++id) {  // one more than group 1 has room for
    const auto made = submission(id, 4, 30);
    made->request.dp_rank = 1;
    made->request.dp_rank_strict = id == 4;
    controller.open(made);
  }
  EXPECT_EQ(bound(), "5>0 1>1 2>1 3>1 ") << "the fifth goes elsewhere, the fourth waits";
  EXPECT_EQ(controller.num_queued(), 1);
}

TEST_F(ControllerTest, AFlushIsAnsweredWithTheGroupsTokensOrWhenAllEnd) {
  SmallGroup group;
  std::vector<int64_t> flushed;
  controller_.flush([&](int64_t num_tokens) { flushed.push_back(num_tokens); });
  group.take(controller_.take_commands(0));
  EXPECT_TRUE(flushed.empty());
  controller_.take_outputs(0, *group.advance(), 0);
  EXPECT_EQ(flushed, std::vector<int64_t>{0});
  controller_.flush([&](int64_t num_tokens) { flushed.push_back(num_tokens); });
  controller_.end_all(FinishReason::kError, "lost");
  EXPECT_EQ(flushed.size(), 2U) << "nobody waits for a group that has ended";
  group.take(controller_.take_commands(0));
  controller_.take_outputs(0, *group.advance(), 0);  // the group continues and answers late
  EXPECT_EQ(flushed.size(), 2U);
}

TEST_F(ControllerTest, EndAllTellsEveryChoiceTheReasonOnce) {
  SmallGroup group;
  for (SubmissionId id = 1; id <= 5; ++id) controller_.open(submission(id, 4, 30));
  dispatch();
  group.take(controller_.take_commands(0));
  controller_.take_outputs(0, *group.advance(), 0);
  controller_.end_all(FinishReason::kError, "a rank is lost");
  controller_.take_outputs(0, *group.advance(), 0);  // late
  for (SubmissionId id = 1; id <= 5; ++id) {
    EXPECT_EQ(ended_.at(id).num_ends, 1);
    EXPECT_EQ(ended_.at(id).last.finish, FinishReason::kError);
    EXPECT_EQ(ended_.at(id).last.error, "a rank is lost");
  }
  EXPECT_EQ(controller_.take_ended().size(), 5U);
}

TEST_F(ControllerTest, RequestsWaitInOneQueueAndGoToAGroupWithRoom) {
  std::vector<SmallGroup> groups(2);
  Controller controller(*tokenizer_, masks_, SchedulePolicy::kFcfs, LoadBalanceMethod::kRoundRobin,
                        {groups[0].load(), groups[1].load()}, nullptr);
  for (SubmissionId id = 1; id <= 9; ++id) controller.open(submission(id, 4, id == 2 ? 3 : 40));
  const auto dispatch_to = [&] {
    controller.dispatch(0);
    std::vector<size_t> sent;
    for (int32_t group = 0; group < 2; ++group) {
      auto commands = controller.take_commands(group);
      sent.push_back(commands.empty() ? 0 : commands.front().add.size());
      groups[static_cast<size_t>(group)].take(std::move(commands));
    }
    return sent;
  };
  EXPECT_EQ(dispatch_to(), (std::vector<size_t>{3, 3}));
  EXPECT_EQ(controller.num_queued(), 3);
  for (int step = 0; step < 3; ++step) controller.take_outputs(1, *groups[1].advance(), 0);
  EXPECT_EQ(dispatch_to(), (std::vector<size_t>{0, 1})) << "request 2 has ended in group 1";
  EXPECT_EQ(controller.num_free_slots(), 0);
}

TEST_F(ControllerTest, APromptGoesToTheGroupThatCachesItsPrefix) {
  std::vector<SmallGroup> groups(3);
  Controller controller(*tokenizer_, masks_, SchedulePolicy::kFcfs, LoadBalanceMethod::kPrefixAffinity,
                        {groups[0].load(), groups[1].load(), groups[2].load()}, nullptr);
  auto group_of_next = [&, id = SubmissionId{1}]() mutable {
    const auto made = submission(id++, 9, 1);
    made->request.prompt = std::vector<TokenId>(9, 1);
    controller.open(made);
    controller.dispatch(0);
    for (int32_t group = 0; group < 3; ++group) {
      auto commands = controller.take_commands(group);
      if (commands.empty()) continue;
      SmallGroup& own = groups[static_cast<size_t>(group)];
      own.take(std::move(commands));
      while (auto outputs = own.advance()) controller.take_outputs(group, std::move(*outputs), 0);
      return group;
    }
    return -1;
  };
  EXPECT_EQ(group_of_next(), 0);
  EXPECT_EQ(group_of_next(), 0) << "it has the prefix; without it, the one that computed least would be next";
  controller.flush([](int64_t) {});
  groups[0].take(controller.take_commands(0));
  controller.take_outputs(0, groups[0].advance().value(), 0);
  EXPECT_NE(group_of_next(), 0) << "its cache is empty now";
}

// Steps of the second group take twice as long.
TEST_F(ControllerTest, ByMeasuredTimeASlowGroupGetsFewerRequests) {
  std::vector<SmallGroup> groups(2);
  Controller controller(*tokenizer_, masks_, SchedulePolicy::kFcfs, LoadBalanceMethod::kMeasuredTime,
                        {groups[0].load(), groups[1].load()}, nullptr);
  std::vector<double> own_s(2);
  std::vector<int64_t> num_bound(2);
  SubmissionId next = 1;
  for (int turn = 0; turn < 3000; ++turn) {
    if (controller.num_queued() == 0 && turn % 3 == 0) controller.open(submission(next++, 6, 6));
    controller.dispatch(0);
    for (int32_t group = 0; group < 2; ++group) {
      const auto index = static_cast<size_t>(group);
      std::vector<GroupCommand> commands = controller.take_commands(group);
      for (const GroupCommand& command : commands) num_bound[index] += std::ssize(command.add);
      groups[index].take(std::move(commands));
      auto outputs = groups[index].advance();
      if (!outputs) continue;
      if (outputs->step) {
        own_s[index] += 0.001 * (1 + group) * static_cast<double>(outputs->step->num_sequences);
      }
      outputs->load.own_seconds = own_s[index];
      controller.take_outputs(group, std::move(*outputs), 0);
    }
    (void)controller.take_ended();
  }
  EXPECT_NEAR(controller.work_rates().slowness(1) / controller.work_rates().slowness(0), 2, 0.4);
  EXPECT_GT(static_cast<double>(num_bound[0]), 1.5 * static_cast<double>(num_bound[1]));
  EXPECT_GT(num_bound[1], 100);
}

TEST_F(ControllerTest, AGroupIsAskedForAllPrefixesWhenItsOutputsWereLost) {
  SmallGroup group;
  const auto run = [&](SubmissionId id, bool is_lost) {
    controller_.open(submission(id, 9, 1));
    dispatch();
    std::vector<GroupCommand> commands = controller_.take_commands(0);
    const bool is_asked = !commands.empty() && commands[0].tell_prefixes;
    group.take(std::move(commands));
    while (auto outputs = group.advance()) {
      if (is_lost) {
        outputs->prefixes = {};
        outputs->sequence = 0;
      }
      controller_.take_outputs(0, std::move(*outputs), 0);
    }
    return is_asked;
  };
  EXPECT_FALSE(run(1, false));
  EXPECT_EQ(controller_.prefixes().num_prefixes(0), 2);
  EXPECT_FALSE(run(2, true));
  EXPECT_FALSE(run(3, false)) << "the loss shows only now";
  EXPECT_EQ(controller_.prefixes().num_prefixes(0), 0);
  EXPECT_TRUE(run(4, false));
  EXPECT_EQ(controller_.prefixes().num_prefixes(0), 8);
}

// Commands and outputs are delayed by random numbers of events; clients leave at random.
TEST_F(ControllerTest, WithAnyDelaysEveryRequestEndsOnceWithItsOwnTokens) {
  const LoadBalanceMethod methods[] = {LoadBalanceMethod::kRoundRobin, LoadBalanceMethod::kShortestQueue,
                                       LoadBalanceMethod::kMinimumTokens, LoadBalanceMethod::kPrefixAffinity,
                                       LoadBalanceMethod::kMeasuredTime};
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    std::mt19937_64 random(seed);
    const auto one_in = [&](uint64_t n) { return random() % n == 0; };
    ended_.clear();
    const size_t num_groups = 1 + seed % 3;
    const auto method = methods[seed % std::size(methods)];
    std::vector<SmallGroup> groups(num_groups);
    std::vector<GroupLoad> loads;
    for (const SmallGroup& group : groups) loads.push_back(group.load());
    Controller controller(*tokenizer_, masks_, SchedulePolicy::kFcfs, method, loads, nullptr);
    std::vector<std::deque<std::vector<GroupCommand>>> commands(num_groups);
    std::vector<std::deque<GroupOutputs>> outputs(num_groups);
    std::map<SubmissionId, int32_t> lengths;
    std::set<SubmissionId> left;
    std::set<SubmissionId> closed;
    SubmissionId next = 1;
    const SubmissionId num_submissions = 12;
    int idle_events = 0;
    while (closed.size() < num_submissions) {
      ASSERT_LT(++idle_events, 5000) << "a request waits for ever";
      if (next <= num_submissions && one_in(4)) {
        lengths[next] = 1 + static_cast<int32_t>(random() % 20);
        const auto made = submission(next, 1 + random() % 20, lengths[next]);
        if (one_in(3)) made->request.stop_strings = {expected_text(next, lengths[next]).substr(0, 3)};
        controller.open(made);
        ++next;
      }
      if (next > 1 && one_in(20)) {
        const SubmissionId id = 1 + random() % (next - 1);
        left.insert(id);
        controller.abort(id);
      }
      if (one_in(2)) {
        controller.dispatch(0);
        for (size_t i = 0; i < num_groups; ++i) {
          auto sent = controller.take_commands(static_cast<int32_t>(i));
          if (!sent.empty()) commands[i].push_back(std::move(sent));
        }
      }
      for (size_t i = 0; i < num_groups; ++i) {
        if (!commands[i].empty() && one_in(3)) {
          groups[i].take(std::move(commands[i].front()));
          commands[i].pop_front();
        }
        if (one_in(2)) {
          if (auto made = groups[i].advance()) outputs[i].push_back(std::move(*made));
          const SchedulerStats stats = groups[i].load().scheduler;
          EXPECT_LE(stats.num_running + stats.num_waiting, kSmallGroup.max_running_requests);
        }
        if (!outputs[i].empty() && one_in(3)) {
          controller.take_outputs(static_cast<int32_t>(i), std::move(outputs[i].front()), 0);
          outputs[i].pop_front();
        }
      }
      for (const SubmissionId id : controller.take_ended()) EXPECT_TRUE(closed.insert(id).second);
    }
    uint64_t num_tokens = 0;
    for (const auto& [id, ended] : ended_) {
      EXPECT_EQ(ended.num_ends, 1);
      num_tokens += ended.tokens.size();
      EXPECT_EQ(ended.tokens, expected_tokens(id, static_cast<int32_t>(ended.tokens.size())));
      if (ended.last.finish == FinishReason::kLength) {
        EXPECT_EQ(static_cast<int32_t>(ended.tokens.size()), lengths.at(id));
        EXPECT_EQ(ended.text, expected_text(id, lengths.at(id)));
      } else if (ended.last.finish == FinishReason::kAbort) {
        EXPECT_TRUE(left.contains(id));
      } else {
        EXPECT_EQ(ended.last.finish, FinishReason::kStop) << ended.last.error;
      }
    }
    EXPECT_EQ(controller.num_output_tokens(), num_tokens);
    for (const SmallGroup& group : groups) {
      const SchedulerStats stats = group.load().scheduler;
      EXPECT_EQ(stats.num_running + stats.num_waiting, 0) << "what has ended holds nothing";
      EXPECT_EQ(stats.num_free_pages + stats.num_cached_pages, stats.num_pages);
    }
  }
}

}  // namespace
}  // namespace braid
