// The ranks of this process that step together, each on its own thread: a thin driver round the groups' publishers and
// the step protocol. Without work all of them sleep. Other ranks of the world may be in other processes, each of which
// has a World of its own; they meet in the header exchanges alone.
//
// In each round, every publisher takes its group's commands from its link and plans; all ranks exchange headers and
// derive the same decision (step_protocol.h); then all execute, park or end. A subscriber follows its publisher's plan:
// by pointer within a process (plan_board.h), as bytes from another one (plan_courier.h). A rank's failure travels in
// its header, or breaks the exchange. It ends the world, and the first reason is reported.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "braid/base/step_trace.h"
#include "braid/wire/group_command.h"
#include "braid/wire/group_outputs.h"
#include "braid/wire/step_plan.h"
#include "braid/wire/step_result.h"
#include "braid/worker/group_inbox.h"
#include "braid/worker/group_publisher.h"
#include "braid/worker/header_exchange.h"
#include "braid/worker/parking.h"
#include "braid/worker/plan_board.h"
#include "braid/worker/plan_courier.h"
#include "braid/worker/rank_counters.h"
#include "braid/worker/step_protocol.h"

namespace braid {

// Executes one rank's part of a step, on the rank's thread. `headers` has the tokens of every group. `plan` is the
// rank's own group's, without sequences if the group is idle. Only a publisher's result is used. An error ends the
// world.
using ExecuteStep = std::function<Result<StepResult>(const StepPlan& plan, std::span<const StepHeader> headers)>;

struct WorldMember {
  int32_t tp_rank = 0;       // in its world
  int32_t group = 0;         // of this world
  bool is_publisher = true;  // each group has exactly one
  ExecuteStep execute;
  HeaderExchange* headers = nullptr;  // must outlive the world, as must the next
  // Of a group with ranks in several processes: of its publisher, and of one rank in each of the other processes.
  PlanCourier* plans = nullptr;
  StepTrace* trace = nullptr;  // of all ranks, where this one is trace_rank; may be null
  int32_t trace_rank = 0;
  RankCounters* counters = nullptr;  // of this rank; may be null
  std::function<void()> begin = {};  // called first on the rank's thread; may be empty
  // Called repeatedly while there is no work, for a few milliseconds each time, until it returns false. May be empty.
  std::function<bool()> use_idle_time = {};
  std::function<uint32_t()> halved_sizes = {};  // for rank 0's headers; may be empty
};

// What a group's publisher needs, where it is in this process.
struct WorldGroup {
  int32_t group = 0;  // of this world
  SchedulerConfig scheduler;
  GroupInbox inbox;
  GroupPublisher::IsGiving is_giving = {};
  ImageDesk* images = nullptr;  // as GroupPublisher's
  KeptOfGroup kept = {};
};

class World {
 public:
  // Both are called on ranks' threads. on_failure is called at most once; after it nothing is executed, no result of a
  // step is reported, and no group answers commands.
  using OnOutputs = std::function<void(int32_t group, GroupOutputs outputs)>;
  using OnFailure = std::function<void(const std::string& reason)>;

  // `prefill_alignment`: the most steps for which a request may be held, so that groups begin their prefills together.
  // `parking`: may be woken by others too, such as the end of the world.
  World(std::vector<WorldGroup> groups, std::vector<WorldMember> members, OnOutputs on_outputs, OnFailure on_failure,
        int32_t prefill_alignment = 0, std::shared_ptr<Parking> parking = std::make_shared<Parking>());
  // Ends the world after the step that is under way. What its requests still lack is lost.
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Ends the world as the destructor does. False if a rank's thread has not come back within this time: it may be stuck
  // for ever, and the destructor with it.
  bool stop(double timeout_s);

  // Call after putting a map into a link of one of its groups: wakes ranks that sleep. From any thread. Where a world
  // has several processes, each of them calls it for every map, also for one that has nothing for its groups.
  void wake() { parking_->wake(); }

 private:
  struct Publishing {
    explicit Publishing(WorldGroup group)
        : inbox(std::move(group.inbox)),
          publisher(group.scheduler, std::move(group.is_giving), group.images, group.kept) {}

    GroupInbox inbox;  // used only by the publisher's thread, like the next
    GroupPublisher publisher;
  };
  // A group with ranks in this process.
  struct Group {
    std::unique_ptr<Publishing> publishing;  // null if the publisher is in another process
    PlanBoard plans;
  };

  Group& group_of(const WorldMember& member) { return *groups_.at(member.group); }
  void run_rank(size_t rank);
  Result<StepHeader> try_prepare(const WorldMember& member, uint64_t round, bool may_begin);
  Result<StepHeader> prepare(const WorldMember& member, uint64_t round, bool may_begin);
  Status try_take_images(const WorldMember& member, std::span<const StepHeader> headers);
  Status try_execute(const WorldMember& member, std::span<const StepHeader> headers);
  Status execute(const WorldMember& member, std::span<const StepHeader> headers);
  Result<std::shared_ptr<const StepPlan>> plan_of(const WorldMember& member, std::span<const StepHeader> headers);
  void fail_world(const std::string& reason);
  bool has_failed();
  void begin_stop();

  const std::vector<WorldMember> members_;
  const OnOutputs on_outputs_;
  const OnFailure on_failure_;
  const int32_t prefill_alignment_;
  std::map<int32_t, std::unique_ptr<Group>> groups_;
  const std::shared_ptr<Parking> parking_;

  std::mutex mutex_;
  std::condition_variable rank_ended_;
  size_t num_ended_ranks_ = 0;
  bool is_stopping_ = false;
  bool has_failed_ = false;

  std::vector<std::thread> threads_;
};

}  // namespace braid
