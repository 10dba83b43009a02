// The ranks that step together, each on its own thread: a thin driver round the groups' publishers and the step
// protocol. Without work all of them sleep.
//
// In each round, every publisher takes its group's commands from its link and plans; all ranks exchange headers and
// derive the same decision (step_protocol.h); then all execute, park or end. A rank's failure travels in its header, or
// breaks the exchange. It ends the world, and the first reason is reported.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
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
#include "braid/worker/step_protocol.h"

namespace braid {

// Executes one rank's part of a step, on the rank's thread. `headers` has the tokens of every group. `plan` is the
// rank's own group's, without sequences if the group is idle. Only a publisher's result is used. An error ends the
// world.
using ExecuteStep = std::function<Result<StepResult>(const StepPlan& plan, std::span<const StepHeader> headers)>;

struct WorldMember {
  int32_t group = 0;         // of this world
  bool is_publisher = true;  // each group has exactly one
  ExecuteStep execute;
  HeaderExchange* headers = nullptr;  // must outlive the world
  StepTrace* trace = nullptr;         // of all ranks, where this one is trace_rank; may be null
  int32_t trace_rank = 0;
  std::function<void()> begin = {};  // called first on the rank's thread; may be empty
  // Called repeatedly while there is no work, for a few milliseconds each time, until it returns false. May be empty.
  std::function<bool()> use_idle_time = {};
};

// What a group's publisher needs.
struct WorldGroup {
  SchedulerConfig scheduler;
  GroupInbox inbox;
};

class World {
 public:
  // Both are called on ranks' threads. on_failure is called at most once; after it nothing is executed, and no group
  // answers commands.
  using OnOutputs = std::function<void(int32_t group, GroupOutputs outputs)>;
  using OnFailure = std::function<void(const std::string& reason)>;

  // `prefill_alignment`: the most steps for which a request may be held, so that groups begin their prefills together.
  World(std::vector<WorldGroup> groups, std::vector<WorldMember> members, OnOutputs on_outputs, OnFailure on_failure,
        int32_t prefill_alignment = 0);
  // Ends the world after the step that is under way. What its requests still lack is lost.
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Call after putting a map into a link of one of its groups: wakes ranks that sleep. From any thread.
  void wake();
  // What the group's prefix cache has of a prompt, from any thread.
  PrefixProbe probe(int32_t group, std::span<const TokenId> prompt) const;
  PrefixVersion prefix_version(int32_t group) const;

 private:
  struct Group {
    explicit Group(WorldGroup group) : inbox(std::move(group.inbox)), publisher(group.scheduler) {}

    GroupInbox inbox;          // used only by the publisher's thread
    mutable std::mutex mutex;  // guards the publisher, which only its rank's thread changes
    GroupPublisher publisher;
    // The plans of even and odd rounds, for the subscribers. The publisher writes one before a header exchange, and
    // they read it after that. It writes the same one again two exchanges later.
    std::array<std::shared_ptr<const StepPlan>, 2> plans;
  };

  void run_rank(size_t rank);
  Result<StepHeader> try_prepare(const WorldMember& member, uint64_t round, bool may_begin);
  Result<StepHeader> prepare(const WorldMember& member, uint64_t round, bool may_begin);
  Status try_execute(const WorldMember& member, std::span<const StepHeader> headers);
  Status execute(const WorldMember& member, std::span<const StepHeader> headers);
  void park(const WorldMember& member, uint64_t work_count);
  void fail_world(const std::string& reason);

  const std::vector<WorldMember> members_;
  const OnOutputs on_outputs_;
  const OnFailure on_failure_;
  const int32_t prefill_alignment_;
  std::vector<std::unique_ptr<Group>> groups_;

  std::mutex mutex_;
  std::condition_variable work_arrived_;
  uint64_t work_count_ = 0;  // raised after work was put into a link
  bool is_stopping_ = false;
  bool has_failed_ = false;

  std::vector<std::thread> threads_;
};

}  // namespace braid
