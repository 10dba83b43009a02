// A rank's fault ends its world within the timeout with a report that names it; no rank hangs.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "braid/parallel/local_world.h"
#include "braid/parallel/message_world.h"
#include "braid/worker/world.h"
#include "tests/support/worker/world_feed.h"

namespace braid {
namespace {

constexpr int32_t kFaultyRank = 2;
constexpr uint64_t kFaultyStep = 3;
constexpr double kTimeoutS = 1.0;

// What the faulty rank does in its step instead of the gather that all others do.
using Fault = std::function<Status(WorldCommunicator world)>;

Status gather(WorldCommunicator world, size_t bytes) {
  const std::vector<std::byte> own(bytes);
  std::vector<std::byte> all(bytes * static_cast<size_t>(world.size()));
  return world.all_gather(own, all);
}

// Runs four ranks in two groups whose steps gather 64 bytes. Returns the reason of their end.
std::string run_until_failure(const Fault& fault) {
  const ParallelLayout layout{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};
  const LocalWorld local(layout, {.timeout_s = kTimeoutS});
  std::vector<std::unique_ptr<WorldHeaders>> headers;
  std::vector<WorldMember> members;
  for (int32_t rank = 0; rank < layout.tp_size; ++rank) {
    const RankPlace place = place_of(layout, rank);
    headers.push_back(std::make_unique<WorldHeaders>(local.world(rank)));
    members.push_back(
        {.group = place.attn_dp_rank,
         .is_publisher = place.attn_tp_rank == 0,
         .execute = [&, rank](const StepPlan& plan, std::span<const StepHeader> all) -> Result<StepResult> {
           const bool is_faulty = rank == kFaultyRank && all[0].round >= kFaultyStep;
           TRY_STATUS(is_faulty ? fault(local.world(rank)) : gather(local.world(rank), 64));
           StepResult result{.step = plan.step};
           for (const SequencePlan& sequence : plan.sequences) {
             if (sequence.has_result()) result.sequences.push_back({.request = sequence.request});
           }
           return result;
         },
         .headers = headers.back().get()});
  }
  std::mutex mutex;
  std::condition_variable failed;
  std::vector<std::string> reasons;
  testing::WorldFeed feed(
      2, {.num_pages = 64, .page_size = 4, .context_len = 200, .max_running_requests = 4, .chunked_prefill_size = 8},
      DispatchMode::kBroadcast);
  World world(
      feed.groups(), std::move(members), [](int32_t, GroupOutputs) {},
      [&](const std::string& reason) {
        const std::lock_guard lock(mutex);
        reasons.push_back(reason);
        failed.notify_all();
      });
  SchedulerRequest request{.id = 1, .prompt = {1, 2, 3}, .arrival = 1};
  request.sampling.max_new_tokens = 100;
  feed.send(world, 0, {.add = {std::move(request)}});
  std::unique_lock lock(mutex);
  failed.wait(lock, [&] { return !reasons.empty(); });
  return reasons.front();
}

TEST(WorldFault, ASkippedOperationIsNamedWithItsRank) {
  const std::string reason = run_until_failure([](const WorldCommunicator&) { return Status(); });
  EXPECT_NE(reason.find("different operations"), std::string::npos) << reason;
  EXPECT_NE(reason.find("rank 2"), std::string::npos) << reason;
  EXPECT_NE(reason.find("all_gather"), std::string::npos) << reason;
}

TEST(WorldFault, AWrongSizeIsNamedWithItsRank) {
  const std::string reason = run_until_failure([](const WorldCommunicator& world) { return gather(world, 60); });
  EXPECT_NE(reason.find("rank 2"), std::string::npos) << reason;
  EXPECT_NE(reason.find("step 3"), std::string::npos) << reason;
}

TEST(WorldFault, AnExceptionOfARankEndsAllRanksWithIt) {
  const std::string reason =
      run_until_failure([](const WorldCommunicator&) -> Status { throw std::runtime_error("no memory for the step"); });
  EXPECT_NE(reason.find("no memory for the step"), std::string::npos) << reason;
}

TEST(WorldFault, AnErrorOfARankEndsAllRanksWithIt) {
  const std::string reason =
      run_until_failure([](const WorldCommunicator&) -> Status { return fail("the cache is lost"); });
  EXPECT_NE(reason.find("the cache is lost"), std::string::npos) << reason;
}

TEST(WorldFault, AMissingRankIsNamedAfterTheTimeout) {
  const std::string reason = run_until_failure([](const WorldCommunicator& world) {
    std::this_thread::sleep_for(std::chrono::duration<double>(2 * kTimeoutS));
    return gather(world, 64);
  });
  EXPECT_NE(reason.find("waited longer than"), std::string::npos) << reason;
  EXPECT_NE(reason.find("rank 2"), std::string::npos) << reason;
  EXPECT_NE(reason.find("step 3"), std::string::npos) << reason;
}

// Two ranks meet, and one comes three timeouts late.
template <typename AnyWorld>
Status meet_late(bool gets_on) {
  constexpr double kShortS = 0.5;
  const AnyWorld world({.tp_size = 2}, {.timeout_s = kShortS});
  std::atomic<uint64_t> num_operations = 0;
  world.watch([&] { return Progress{.num_operations = num_operations.load()}; });
  Status waited;
  std::thread waiter([&] { waited = gather(world.world(0), 64); });
  for (int i = 0; i < 60; ++i) {
    std::this_thread::sleep_for(std::chrono::duration<double>(kShortS / 20));
    num_operations += gets_on ? 1 : 0;
  }
  const Status came = gather(world.world(1), 64);
  waiter.join();
  return came.ok() ? waited : came;
}

TEST(WorldFault, ARankThatGetsOnIsWaitedForHoweverSlowItIs) {
  EXPECT_TRUE(meet_late<LocalWorld>(true).ok());
  EXPECT_TRUE(meet_late<MessageWorld>(true).ok());
  EXPECT_FALSE(meet_late<LocalWorld>(false).ok());
  EXPECT_FALSE(meet_late<MessageWorld>(false).ok());
}

TEST(WorldFault, StopSaysWhetherEveryRankHasComeBack) {
  std::promise<void> go_on;
  std::promise<void> is_held;
  SingleRankHeaders headers;
  testing::WorldFeed feed(
      1, {.num_pages = 8, .page_size = 4, .context_len = 16, .max_running_requests = 1, .chunked_prefill_size = 8},
      DispatchMode::kBroadcast);
  std::vector<WorldMember> members;
  members.push_back({.execute = [&](const StepPlan&, std::span<const StepHeader>) -> Result<StepResult> {
                       is_held.set_value();
                       go_on.get_future().wait();
                       return fail("the cache is lost");
                     },
                     .headers = &headers});
  World world(
      feed.groups(), std::move(members), [](int32_t, GroupOutputs) {}, [](const std::string&) {});
  feed.send(world, 0, {.add = {SchedulerRequest{.id = 1, .prompt = {1, 2, 3}, .arrival = 1}}});
  is_held.get_future().wait();
  EXPECT_FALSE(world.stop(0.01));
  go_on.set_value();
  EXPECT_TRUE(world.stop(60));
}

}  // namespace
}  // namespace braid
