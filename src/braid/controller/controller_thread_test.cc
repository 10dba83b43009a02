// The controller's thread when something throws (a caller's callback, or the controller itself), when its log is stuck,
// and when groups are lost.
#include "braid/controller/controller_thread.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/ostream_sink.h>

#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <map>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "braid/wire/transport/in_process_link.h"
#include "tests/support/tokenizer/tiny_tokenizer.h"
#include "tests/support/worker/fake_group.h"

namespace braid {
namespace {

constexpr SchedulerConfig kThreadedGroup{
    .num_pages = 24, .page_size = 4, .context_len = 64, .max_running_requests = 3, .chunked_prefill_size = 8};

class NoGroups final : public GroupHost {
 public:
  std::vector<int32_t> lost;  // the controller's thread adds them

  Progress progress(int32_t) const override { return {}; }
  // Each time, the ranks have done a hundred steps more.
  ClusterStatus cluster() const override {
    const uint64_t num_steps = 100 * ++num_looks;
    ClusterStatus cluster{.nodes = {{.host = "here"}}, .ranks = {}};
    for (size_t i = 0; i < even_work_s.size(); ++i) {
      const RankCounts counts{.num_steps = num_steps, .even_work_s = static_cast<double>(num_steps) * even_work_s[i]};
      cluster.ranks.push_back({.rank = static_cast<int32_t>(i), .pid = 4711, .counts = counts});
    }
    return cluster;
  }
  std::vector<double> even_work_s;  // of each rank in a step
  void wake(int32_t) override {}
  void lose(int32_t group, std::span<const MoveId>, MoveId) override { lost.push_back(group); }
  void restart(int32_t first_group, WorldStart start) override {
    started.insert_or_assign(first_group, std::move(start));
    ++num_starts;
  }
  std::map<int32_t, WorldStart> started;  // as `lost`
  std::atomic<int> num_starts = 0;
  mutable std::atomic<uint64_t> num_looks = 0;
};

// Waits for `holds`; false after ten seconds.
template <typename Condition>
bool comes_true(const Condition& holds) {
  for (int i = 0; i < 10'000 && !holds(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return holds();
}

// Groups whose outputs the test makes up. Each is a world of its own.
class ControllerThreadTest : public ::testing::Test {
 protected:
  explicit ControllerThreadTest(size_t num_groups = 1, std::shared_ptr<Logger> logger = make_null_logger(),
                                int32_t max_restarts = 0)
      : links_(make_in_process_links(static_cast<int32_t>(num_groups))),
        thread_({.rank_window_s = 0.01,
                 .max_restarts = max_restarts,
                 .on_failure =
                     [this](const std::string& reason) {
                       failure_.set_value(reason);
                       if (on_failure_throws_) throw std::runtime_error("the supervisor is gone");
                     }},
                {.loads = std::vector<GroupLoad>(num_groups, FakeGroup(kThreadedGroup).load())}, *thread_tokenizer_,
                std::move(logger), std::move(links_.controller)) {}

  static void SetUpTestSuite() { thread_tokenizer_ = testing::load_tiny_tokenizer(); }
  static void TearDownTestSuite() { thread_tokenizer_ = nullptr; }

  void SetUp() override { thread_.start(groups_); }

  SubmissionId submit(DeltaCallback on_delta, int32_t n = 1, int32_t max_new_tokens = 8) {
    GenerationRequest request{.prompt = std::vector<TokenId>{40, 41, 42}};
    request.sampling.max_new_tokens = max_new_tokens;
    request.n = n;
    return thread_.submit(std::move(request), std::move(on_delta)).value();
  }
  // So that the group may report tokens of this many requests.
  void wait_until_bound(int64_t num_requests) {
    const int64_t num_left = kThreadedGroup.max_running_requests - num_requests;
    ASSERT_TRUE(comes_true([&] { return thread_.stats().num_free_slots == num_left; }));
  }
  // The request with this number, in order of their choices, gets a token.
  void give_token(RequestId request) {
    GroupOutputs outputs{.load = FakeGroup(kThreadedGroup).load()};
    outputs.outcomes.push_back({.request = request, .token = SampledToken{.token = 50}});
    thread_.on_outputs(0, std::move(outputs));
  }
  void break_the_controller() { thread_.on_outputs(7, {}); }  // there is no such group

  static std::unique_ptr<Tokenizer> thread_tokenizer_;
  NoGroups groups_;
  InProcessLinks links_;
  std::promise<std::string> failure_;
  bool on_failure_throws_ = false;
  ControllerThread thread_;
};
std::unique_ptr<Tokenizer> ControllerThreadTest::thread_tokenizer_;

TEST_F(ControllerThreadTest, ACallbackThatThrowsEndsItsOwnRequestAlone) {
  std::promise<Delta> heard;
  int num_deltas = 0;
  const SubmissionId broken = submit([&](const Delta&) {
    ++num_deltas;
    throw std::runtime_error("the client's buffer is full");
  });
  submit([&](const Delta& delta) { heard.set_value(delta); }, 1, 1);
  wait_until_bound(2);
  give_token(1);
  // The group sees the abort, after which nothing is held.
  GroupOutputs seen{.load = FakeGroup(kThreadedGroup).load()};
  seen.load.num_commands = 100;
  thread_.on_outputs(0, std::move(seen));
  thread_.wait(broken);
  GroupOutputs outputs{.load = FakeGroup(kThreadedGroup).load()};
  outputs.outcomes.push_back({.request = 2, .token = SampledToken{.token = 50}, .finish = FinishReason::kLength});
  thread_.on_outputs(0, std::move(outputs));
  EXPECT_EQ(heard.get_future().get().finish, FinishReason::kLength);
  EXPECT_EQ(num_deltas, 1);
  EXPECT_EQ(thread_.stats().failure, "");
}

TEST_F(ControllerThreadTest, WhatAnExceptionLeavesOfABatchEndsWithTheError) {
  // The callback holds the thread, so that the next events are one batch.
  std::promise<void> is_held;
  std::promise<void> may_go_on;
  std::vector<Delta> first;
  const SubmissionId running = submit([&](const Delta& delta) {
    first.push_back(delta);
    if (first.size() > 1) return;
    is_held.set_value();
    may_go_on.get_future().wait();
  });
  wait_until_bound(1);
  give_token(1);
  is_held.get_future().wait();
  break_the_controller();
  std::vector<Delta> later;
  const SubmissionId waiting = submit([&](const Delta& delta) { later.push_back(delta); }, 2);
  auto flushed = std::async(std::launch::async, [&] { return thread_.flush_cache(); });
  EXPECT_EQ(flushed.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  may_go_on.set_value();
  EXPECT_EQ(flushed.get(), 0);
  thread_.wait(running);
  thread_.wait(waiting);
  const std::string error = failure_.get_future().get();
  EXPECT_EQ(error.find("the engine has failed: the controller: "), 0U) << error;
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first.back().error, error);
  ASSERT_EQ(later.size(), 2U) << "both of its choices";
  EXPECT_EQ(later[1].index, 1);
  for (const Delta& delta : later) {
    EXPECT_EQ(delta.finish, FinishReason::kError);
    EXPECT_EQ(delta.error, error);
    EXPECT_EQ(delta.usage.prompt_tokens, 3);
  }
}

TEST_F(ControllerThreadTest, CallbacksThatThrowWhileEverythingEndsKeepNoOthersWaiting) {
  on_failure_throws_ = true;
  std::vector<SubmissionId> ids;
  int num_told = 0;
  for (int i = 0; i < 6; ++i) {
    ids.push_back(submit([&num_told, i](const Delta& delta) {
      num_told += delta.finish == FinishReason::kError ? 1 : 0;
      if (i % 2 == 0) throw 5;  // not even an exception
      throw std::runtime_error("the client has left");
    }));
  }
  break_the_controller();
  for (const SubmissionId id : ids) thread_.wait(id);
  failure_.get_future().wait();
  EXPECT_EQ(num_told, 6);
  EXPECT_FALSE(thread_.submit({.prompt = std::vector<TokenId>{40}}, [](const Delta&) {}).ok());
}

// Every line waits until release(), as a caller's own logger may.
class StuckSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void release() { released_.count_down(); }

 protected:
  void sink_it_(const spdlog::details::log_msg&) override { released_.wait(); }
  void flush_() override {}

 private:
  std::latch released_{1};
};

class StuckLogTest : public ControllerThreadTest {
 protected:
  explicit StuckLogTest(const std::shared_ptr<StuckSink>& sink = std::make_shared<StuckSink>())
      : ControllerThreadTest(1, std::make_shared<Logger>("stuck", sink)), sink_(sink) {}

  const std::shared_ptr<StuckSink> sink_;
};

TEST_F(StuckLogTest, AFailureIsPublishedBeforeItIsLogged) {
  break_the_controller();
  EXPECT_TRUE(comes_true([&] { return !thread_.stats().failure.empty(); }));
  EXPECT_FALSE(thread_.submit({.prompt = std::vector<TokenId>{40}}, [](const Delta&) {}).ok());
  sink_->release();
  EXPECT_EQ(failure_.get_future().get(), thread_.stats().failure);
}

class SlowRankTest : public ControllerThreadTest {
 protected:
  explicit SlowRankTest(std::shared_ptr<std::ostringstream> log = std::make_shared<std::ostringstream>())
      : ControllerThreadTest(1,
                             std::make_shared<Logger>("slow", std::make_shared<spdlog::sinks::ostream_sink_mt>(*log))),
        log_(std::move(log)) {
    groups_.even_work_s = {0.01, 0.02, 0.01};
  }

  const std::shared_ptr<std::ostringstream> log_;
};

TEST_F(SlowRankTest, ARankOfHalfSpeedIsNamedAndGoesOn) {
  submit([](const Delta&) {});
  wait_until_bound(1);
  ASSERT_TRUE(comes_true([&] { return thread_.cluster().ranks[1].times_slower > 1.9; }));
  EXPECT_LT(thread_.cluster().ranks[0].times_slower, 1.1);
  EXPECT_EQ(thread_.stats().failure, "");
  thread_.stop();
  EXPECT_NE(log_->str().find("rank 1 (group 0, node 0, pid 4711) is 2.0 times as slow as the other ranks"),
            std::string::npos)
      << log_->str();
}

class ReplicasThreadTest : public ControllerThreadTest {
 protected:
  ReplicasThreadTest() : ControllerThreadTest(3) {}
};

TEST_F(ReplicasThreadTest, AGroupIsLostOnceAndItsLinkIsClosed) {
  for (int i = 0; i < 2; ++i) thread_.on_failure(1, "its rank hangs", 0);
  EXPECT_TRUE(comes_true([&] { return thread_.stats().lost_groups.size() == 1; }));
  thread_.on_failure(2, "its rank hangs", 0);
  EXPECT_TRUE(comes_true([&] { return thread_.stats().lost_groups.size() == 2; }));
  EXPECT_EQ(thread_.stats().failure, "");
  EXPECT_FALSE(links_.publishers[1]->receive(0).ok());
  EXPECT_TRUE(links_.publishers[0]->receive(0).ok());
  thread_.stop();
  EXPECT_EQ(groups_.lost, (std::vector<int32_t>{1, 2}));
}

class RestartedReplicasThreadTest : public ControllerThreadTest {
 protected:
  RestartedReplicasThreadTest() : ControllerThreadTest(2, make_null_logger(), 3) {}

  WorldStatus status() const { return thread_.stats().worlds.at(1); }
};

TEST_F(RestartedReplicasThreadTest, AWorldStartsAgainAndWhatTheOldOneStillSaysIsIgnored) {
  thread_.on_failure(1, "its rank hangs\nreport", 0);
  ASSERT_TRUE(comes_true([&] { return groups_.num_starts == 1; }));
  EXPECT_EQ(status().state, WorldStatus::State::kRestarts);
  EXPECT_EQ(status().last_error, "its rank hangs");
  EXPECT_FALSE(links_.publishers[1]->receive(0).ok());
  links_.publishers[1].reset();
  thread_.on_failure(1, "its rank wakes up", 0);
  thread_.on_restart({.group = 1});
  ASSERT_TRUE(comes_true([&] { return status().num_restarts == 1; }));
  EXPECT_EQ(status().state, WorldStatus::State::kRuns);
  EXPECT_TRUE(thread_.stats().lost_groups.empty());
  thread_.stop();
  EXPECT_EQ(groups_.lost, std::vector<int32_t>{1});
  EXPECT_TRUE(groups_.started.at(1).links.at(0)->receive(0).ok());
  EXPECT_EQ(groups_.started.at(1).num_restarts, 1);
}

TEST_F(RestartedReplicasThreadTest, AWorldThatWasEndedOnPurposeHasFailedInNothing) {
  for (int i = 0; i < 5; ++i) {
    thread_.on_planned_end(1, "node 1 is back", i);
    ASSERT_TRUE(comes_true([&] { return groups_.num_starts == i + 1; }));
    EXPECT_EQ(status().state, WorldStatus::State::kRestarts);
    EXPECT_EQ(thread_.stats().lost_groups.at(0).reason, "node 1 is back");
    GroupLoad load;
    load.credits.num_pages = 100 + i;
    thread_.on_restart({.group = 1, .capacity = WorldRestart::Capacity{.load = load}});
    ASSERT_TRUE(comes_true([&] { return status().num_restarts == static_cast<uint64_t>(i + 1); }));
    EXPECT_EQ(thread_.stats().groups.at(1).credits.num_pages, 100 + i) << "the new world's memory counts";
  }
  EXPECT_EQ(status().last_error, "");
}

TEST_F(RestartedReplicasThreadTest, AFailureOfTheNewWorldMayComeBeforeItsStartIsReported) {
  thread_.on_failure(1, "its rank hangs", 0);
  ASSERT_TRUE(comes_true([&] { return groups_.num_starts == 1; }));
  thread_.on_failure(1, "its rank hangs again", 1);
  submit([](const Delta&) {});  // so that the failure is read before the start
  ASSERT_TRUE(comes_true([&] { return thread_.stats().scheduler.num_waiting == 1; }));
  thread_.on_restart({.group = 1});
  ASSERT_TRUE(comes_true([&] { return groups_.num_starts == 2; }));
  EXPECT_EQ(status().num_restarts, 1U);
  EXPECT_EQ(status().last_error, "its rank hangs again");
}

TEST_F(RestartedReplicasThreadTest, AWorldThatCannotStartIsTriedAgainUntilItIsStuck) {
  thread_.on_failure(1, "its rank hangs", 0);
  ASSERT_TRUE(comes_true([&] { return groups_.num_starts == 1; }));
  thread_.on_restart({.group = 1, .outcome = WorldRestart::Outcome::kFailed, .error = "no memory"});
  ASSERT_TRUE(comes_true([&] { return groups_.num_starts == 2; }));
  EXPECT_EQ(status().last_error, "no memory");
  thread_.on_restart({.group = 1, .outcome = WorldRestart::Outcome::kStuck, .error = "a rank is stuck"});
  ASSERT_TRUE(comes_true([&] { return status().state == WorldStatus::State::kLost; }));
  EXPECT_EQ(thread_.stats().failure, "");
  thread_.on_failure(0, "its rank hangs", 0);
  ASSERT_TRUE(comes_true([&] { return groups_.num_starts == 3; }));
  thread_.on_restart({.group = 0, .outcome = WorldRestart::Outcome::kStuck, .error = "a rank is stuck"});
  EXPECT_EQ(failure_.get_future().get(), "the engine has failed: a rank is stuck");
}

}  // namespace
}  // namespace braid
