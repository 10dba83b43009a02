// Worlds of one or more ranks that only count: what each rank executes, how ranks sleep, and how they end.
#include "braid/worker/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <latch>
#include <map>
#include <stdexcept>

#include "tests/support/worker/counted_result.h"
#include "tests/support/worker/world_feed.h"

namespace braid {

void PrintTo(DispatchMode mode, std::ostream* out) {
  *out << dispatch_mode_name(mode);
}

namespace {

constexpr SchedulerConfig kCountingConfig{
    .num_pages = 64, .page_size = 4, .context_len = 200, .max_running_requests = 4, .chunked_prefill_size = 8};

// Exchanges the headers of several ranks under a mutex.
class MeetingPlace {
 public:
  explicit MeetingPlace(size_t num_ranks) : arrived_(num_ranks) {}

  Status meet(size_t rank, const StepHeader& own, std::span<StepHeader> all) {
    std::unique_lock lock(mutex_);
    arrived_[rank] = own;
    const uint64_t meeting = num_meetings_;
    if (++num_arrived_ == arrived_.size()) {
      met_ = arrived_;
      num_arrived_ = 0;
      ++num_meetings_;
      changed_.notify_all();
    }
    changed_.wait(lock, [&] { return num_meetings_ != meeting || !aborted_.empty(); });
    if (num_meetings_ == meeting) return Error{aborted_};
    std::ranges::copy(met_, all.begin());
    return {};
  }
  size_t num_ranks() const { return arrived_.size(); }
  void abort(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    if (aborted_.empty()) aborted_ = reason;
    changed_.notify_all();
  }
  uint64_t num_meetings() {
    const std::lock_guard lock(mutex_);
    return num_meetings_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<StepHeader> arrived_;
  std::vector<StepHeader> met_;
  size_t num_arrived_ = 0;
  uint64_t num_meetings_ = 0;
  std::string aborted_;
};

class RankAtMeeting final : public HeaderExchange {
 public:
  RankAtMeeting(MeetingPlace& place, size_t rank) : place_(place), rank_(rank) {}
  Status exchange(const StepHeader& own, std::span<StepHeader> all) override { return place_.meet(rank_, own, all); }
  size_t num_ranks() const override { return place_.num_ranks(); }
  void abort(const std::string& reason) override { place_.abort(reason); }

 private:
  MeetingPlace& place_;
  const size_t rank_;
};

// `num_groups` groups of `group_size` ranks.
class CountingWorld {
 public:
  CountingWorld(int32_t num_groups, int32_t group_size, DispatchMode mode = DispatchMode::kBroadcast,
                const std::function<bool(size_t rank)>& use_idle_time = {},
                const GroupPublisher::IsGiving& is_giving = {})
      : place_(static_cast<size_t>(num_groups * group_size)),
        executed_(place_size(num_groups, group_size)),
        feed_(num_groups, kCountingConfig, mode) {
    std::vector<WorldMember> members;
    for (size_t rank = 0; rank < executed_.size(); ++rank) {
      std::function<bool()> idle;
      if (use_idle_time) idle = [use_idle_time, rank] { return use_idle_time(rank); };
      exchanges_.push_back(std::make_unique<RankAtMeeting>(place_, rank));
      members.push_back(
          {.group = static_cast<int32_t>(rank) / group_size,
           .is_publisher = static_cast<int32_t>(rank) % group_size == 0,
           .execute = [this, rank](const StepPlan& plan,
                                   std::span<const StepHeader> headers) { return execute(rank, plan, headers); },
           .headers = exchanges_.back().get(),
           .use_idle_time = std::move(idle)});
    }
    std::vector<WorldGroup> made = feed_.groups();
    for (WorldGroup& group : made) group.is_giving = is_giving;
    world_ = std::make_unique<World>(
        std::move(made), std::move(members),
        [this](int32_t group, GroupOutputs outputs) { take(group, std::move(outputs)); },
        [this](const std::string& reason) { fail(reason); });
  }

  void submit(int32_t group, RequestId id, size_t prompt_len, int32_t max_new_tokens) {
    SchedulerRequest request{.id = id, .prompt = std::vector<TokenId>(prompt_len, 1), .arrival = id};
    request.sampling.max_new_tokens = max_new_tokens;
    feed_.send(*world_, group, {.add = {std::move(request)}});
  }
  void send(int32_t group, GroupCommand command) { feed_.send(*world_, group, std::move(command)); }
  void flush(int32_t group) { feed_.send(*world_, group, {.flush_cache = true}); }
  void send_bytes(int32_t group, SharedBytes bytes) { feed_.send_bytes(*world_, group, std::move(bytes)); }
  void wait_until(const std::function<bool()>& holds) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, holds);
  }
  void end() { world_ = nullptr; }

  // Access with the mutex held, or after end().
  std::map<RequestId, std::vector<TokenId>> tokens;
  std::map<RequestId, FinishReason> finished;
  std::map<RequestId, int32_t> groups;
  std::vector<std::string> failures;
  std::vector<MovingSequence> departed;

  // What each rank executed: rounds and plans.
  const std::vector<std::vector<std::pair<uint64_t, StepPlan>>>& executed() const { return executed_; }
  MeetingPlace& place() { return place_; }
  // Set before anything is submitted.
  std::function<void(size_t rank, const StepPlan& plan)> before_execute;
  std::string fail_in_outputs;

 private:
  static size_t place_size(int32_t num_groups, int32_t group_size) {
    return static_cast<size_t>(num_groups * group_size);
  }
  Result<StepResult> execute(size_t rank, const StepPlan& plan, std::span<const StepHeader> headers) {
    if (before_execute) before_execute(rank, plan);
    executed_[rank].emplace_back(headers[rank].round, plan);
    return testing::counted_result(plan);
  }
  void take(int32_t group, GroupOutputs outputs) {
    if (!fail_in_outputs.empty()) throw std::runtime_error(fail_in_outputs);
    const std::lock_guard lock(mutex_);
    for (MovingSequence& moving : outputs.departed) departed.push_back(std::move(moving));
    for (const RequestOutcome& outcome : outputs.outcomes) {
      groups[outcome.request] = group;
      if (outcome.token) tokens[outcome.request].push_back(outcome.token->token);
      if (outcome.finish != FinishReason::kNone) finished[outcome.request] = outcome.finish;
    }
    changed_.notify_all();
  }
  void fail(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    failures.push_back(reason);
    changed_.notify_all();
  }

  MeetingPlace place_;
  std::vector<std::unique_ptr<RankAtMeeting>> exchanges_;
  std::vector<std::vector<std::pair<uint64_t, StepPlan>>> executed_;  // by rank; written only by that rank
  std::mutex mutex_;
  std::condition_variable changed_;
  testing::WorldFeed feed_;
  std::unique_ptr<World> world_;
};

// The other group is idle, and nothing else happens that could wake the ranks.
TEST(World, DoesNotSleepWhilePagesAreOnTheirWayOut) {
  std::atomic<int> num_questions{0};
  CountingWorld world(2, 1, DispatchMode::kBroadcast, {}, [&](MoveId) { return ++num_questions < 50; });
  // On a busy machine a request may end before its order comes: then the next one is ordered to leave.
  for (RequestId id = 5; world.departed.empty(); ++id) {
    world.submit(0, id, 12, 30);
    world.wait_until([&] { return world.tokens[id].size() >= 2; });
    world.send(0, {.depart = {{.request = id, .move = {.id = id, .from_group = 0, .to_group = 1}}}});
    world.wait_until([&] { return !world.departed.empty() || world.finished.contains(id); });
  }
  EXPECT_EQ(num_questions.load(), 50);
}

TEST(World, AllRanksTakePartInARequestOfOneGroup) {
  CountingWorld world(2, 2);
  world.submit(1, 5, 12, 4);
  world.wait_until([&] { return world.finished.contains(5); });
  world.end();
  EXPECT_EQ(world.tokens.at(5), (std::vector<TokenId>{0, 1, 2, 3}));
  EXPECT_EQ(world.groups.at(5), 1);
  const auto& executed = world.executed();
  ASSERT_EQ(executed[0].size(), 5U);  // two chunks of the prompt, and three more tokens
  for (size_t step = 0; step < executed[0].size(); ++step) {
    for (size_t rank = 0; rank < 4; ++rank) {
      EXPECT_EQ(executed[rank][step].first, executed[0][step].first) << "all execute in the same rounds";
    }
    EXPECT_TRUE(executed[0][step].second.sequences.empty()) << "an idle group's step has no tokens";
    EXPECT_TRUE(executed[1][step].second.sequences.empty());
    EXPECT_EQ(executed[2][step].second.sequences.size(), 1U);
    EXPECT_EQ(executed[3][step].second, executed[2][step].second) << "subscribers follow the publisher's plan";
  }
  EXPECT_TRUE(world.failures.empty());
}

class WorldDispatch : public ::testing::TestWithParam<DispatchMode> {};

TEST_P(WorldDispatch, ManySubmissionsFromManyThreadsAllEnd) {
  CountingWorld world(3, 1, GetParam());
  std::vector<std::thread> clients;
  for (int32_t client = 0; client < 4; ++client) {
    clients.emplace_back([&world, client] {
      for (int32_t i = 0; i < 25; ++i) {
        const RequestId id = static_cast<RequestId>(100 * client + i + 1);
        world.submit((client + i) % 3, id, 1 + static_cast<size_t>(i) % 9, 1 + i % 5);
        if (i % 7 == client) world.wait_until([&] { return world.finished.contains(id); });
      }
    });
  }
  for (std::thread& client : clients) client.join();
  world.wait_until([&] { return world.finished.size() == 100; });
  world.end();
  for (const auto& [id, tokens] : world.tokens) EXPECT_EQ(tokens.size(), 1 + (id % 100 - 1) % 5) << id;
  EXPECT_TRUE(world.failures.empty());
}
INSTANTIATE_TEST_SUITE_P(Modes, WorldDispatch, ::testing::Values(DispatchMode::kBroadcast, DispatchMode::kDirect),
                         [](const auto& mode) { return std::string(dispatch_mode_name(mode.param)); });

TEST(World, RanksSleepWithoutWork) {
  CountingWorld world(2, 1);
  world.submit(0, 1, 3, 2);
  world.wait_until([&] { return world.finished.contains(1); });
  const uint64_t before = world.place().num_meetings();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_LE(world.place().num_meetings(), before + 3) << "rounds go on while nobody has work";
  world.submit(1, 2, 3, 2);
  world.wait_until([&] { return world.finished.contains(2); });
  world.end();
}

TEST(World, UsesIdleTimeUntilNothingIsLeftToDo) {
  std::array<std::atomic<int>, 2> calls = {};
  CountingWorld world(2, 1, DispatchMode::kBroadcast, [&](size_t rank) { return ++calls[rank] % 10 != 0; });
  while (calls[0] < 10 || calls[1] < 10) std::this_thread::yield();
  world.submit(1, 1, 3, 2);
  world.wait_until([&] { return world.finished.contains(1); });
  while (calls[0] < 20 || calls[1] < 20) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const int before = calls[0];
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(calls[0], before) << "asked again, though nothing was left";
  world.end();
}

TEST(World, WorkAndTheEndInterruptIdleTime) {
  CountingWorld world(2, 2, DispatchMode::kBroadcast, [](size_t) { return true; });
  for (RequestId id = 1; id <= 3; ++id) {
    world.submit(id % 2, id, 3, 2);
    world.wait_until([&] { return world.finished.contains(id); });
  }
  world.end();
  EXPECT_TRUE(world.failures.empty());
}

TEST(World, ARankThatThrowsInAStepEndsTheWorldWithItsReason) {
  CountingWorld world(3, 1);
  world.before_execute = [](size_t rank, const StepPlan&) {
    if (rank == 1) throw std::runtime_error("rank 1 is out of memory");
  };
  world.submit(0, 1, 3, 5);
  world.wait_until([&] { return !world.failures.empty(); });
  world.end();
  EXPECT_EQ(world.failures, std::vector<std::string>{"rank 1 is out of memory"});
}

TEST(World, AFailureBetweenStepsTravelsInTheHeader) {
  CountingWorld world(2, 1);
  world.before_execute = [](size_t, const StepPlan&) { FAIL() << "no rank executes after a failure"; };
  world.fail_in_outputs = "the outputs cannot be taken";
  world.flush(1);  // answered at once, without a step
  world.wait_until([&] { return !world.failures.empty(); });
  world.end();
  EXPECT_EQ(world.failures, std::vector<std::string>{"the outputs cannot be taken"});
}

// Sends bytes to the parked publisher of group 1 and returns how its world ends.
std::string failure_after(const SharedBytes& bytes) {
  CountingWorld world(2, 2);
  world.before_execute = [](size_t, const StepPlan&) { FAIL() << "no rank executes after a failure"; };
  world.send_bytes(1, bytes);
  world.wait_until([&] { return !world.failures.empty(); });
  world.end();
  return world.failures.front();
}

TEST(World, ADamagedMapEndsTheWorldAndNamesThePublisher) {
  const std::vector<std::byte> noise(40, std::byte{7});
  EXPECT_EQ(failure_after(SharedBytes(noise)), "the publisher of group 1: an assignment map of 40 bytes is malformed");
}

TEST(World, AMissingMapEndsTheWorldAndNamesThePublisher) {
  EXPECT_EQ(failure_after(encode(AssignmentMap{.sequence = 3})),
            "the publisher of group 1: assignment map 3 comes after map 0");
}

TEST(World, EndsInTheMiddleOfItsWork) {
  CountingWorld world(2, 1);
  world.submit(0, 1, 3, 190);
  world.submit(1, 2, 3, 190);
  world.wait_until([&] { return world.tokens[1].size() > 2; });
  world.end();
  EXPECT_TRUE(world.failures.empty());
}

TEST(World, ASequenceMovesBetweenGroupsInStepsThatAllRanksExecute) {
  CountingWorld world(2, 2);
  std::latch is_ordered(1);  // before it could end
  world.before_execute = [&](size_t rank, const StepPlan& plan) {
    if (rank == 0 && !plan.sequences.empty() && plan.sequences[0].sampling.num_output_tokens == 3) is_ordered.wait();
  };
  world.submit(0, 5, 6, 30);
  world.wait_until([&] { return world.tokens[5].size() > 2; });
  world.send(0, {.depart = {{.request = 5, .move = {.id = 1, .from_group = 0, .to_group = 1}}}});
  is_ordered.count_down();
  world.wait_until([&] { return !world.departed.empty(); });
  world.send(1, {.arrive = world.departed});
  world.wait_until([&] { return world.finished.contains(5); });
  world.end();
  ASSERT_EQ(world.tokens.at(5).size(), 30U);
  for (TokenId i = 0; i < 30; ++i) EXPECT_EQ(world.tokens.at(5)[static_cast<size_t>(i)], i);
  EXPECT_EQ(world.groups.at(5), 1);
  int num_moves = 0;
  const auto& executed = world.executed();
  for (size_t step = 0; step < executed[0].size(); ++step) {
    for (size_t rank = 0; rank < 4; ++rank) {
      ASSERT_EQ(executed[rank].size(), executed[0].size());
      EXPECT_EQ(executed[rank][step].first, executed[0][step].first) << "all execute in the same rounds";
      num_moves += executed[rank][step].second.moves_pages() ? 1 : 0;
    }
  }
  EXPECT_EQ(num_moves, 4) << "two ranks give, two take";
  EXPECT_TRUE(world.failures.empty());
}

}  // namespace
}  // namespace braid
