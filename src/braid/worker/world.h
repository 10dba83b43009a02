// The ranks that step together, each on a thread of its own: a thin driver round the groups' publishers and the step
// protocol. Without work all of them sleep.
//
// Each round: a publisher takes its group's commands from its link and plans; all ranks exchange headers and derive the
// same decision (step_protocol.h); all execute, park or end. What a rank cannot go on from travels in its header, or
// breaks the exchange, and ends the world, with the first reason that came.
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

// What one rank does in a step whose tokens of each rank's group `headers` say, on the rank's thread. `plan` is of its
// own group; of no sequences if that is idle. The publisher's result counts, its subscribers' are dropped. An error
// ends the world.
using ExecuteStep = std::function<Result<StepResult>(const StepPlan& plan, std::span<const StepHeader> headers)>;

struct WorldMember {
  int32_t group = 0;         // of this world
  bool is_publisher = true;  // of its group; each has one
  ExecuteStep execute;
  HeaderExchange* headers = nullptr;  // must outlive the world
  StepTrace* trace = nullptr;         // of all ranks, this one being trace_rank in it; may be none
  int32_t trace_rank = 0;
  std::function<void()> begin = {};  // what the rank's thread does first; may be none
  // A few milliseconds' work of its own for when there is none; false: nothing is left of it. May be none.
  std::function<bool()> use_idle_time = {};
};

// A group of the world, as its publisher needs it.
struct WorldGroup {
  SchedulerConfig scheduler;
  GroupInbox inbox;
};

class World {
 public:
  // Both are called on ranks' threads. on_failure at most once; nothing is executed after it, and no group answers
  // commands any more.
  using OnOutputs = std::function<void(int32_t group, GroupOutputs outputs)>;
  using OnFailure = std::function<void(const std::string& reason)>;

  // `prefill_alignment`: for how many steps a request may be held, so that groups begin their prefills together; 0: for
  // none.
  World(std::vector<WorldGroup> groups, std::vector<WorldMember> members, OnOutputs on_outputs, OnFailure on_failure,
        int32_t prefill_alignment = 0);
  // Ends the world after the step that is under way; whatever its requests still lacked is lost.
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Something was put into a link of one of its groups. From any thread, and behind that: ranks that still sleep find
  // it.
  void wake();
  // What the group's prefix cache has of a prompt, from any thread.
  PrefixProbe probe(int32_t group, std::span<const TokenId> prompt) const;

 private:
  struct Group {
    explicit Group(WorldGroup group) : inbox(std::move(group.inbox)), publisher(group.scheduler) {}

    GroupInbox inbox;          // its publisher's thread's own
    mutable std::mutex mutex;  // of the publisher, which its rank's thread alone changes
    GroupPublisher publisher;
    // What the subscribers follow in even and in odd rounds. The publisher writes one before an exchange of headers,
    // and they read it behind that; it writes the same one again two exchanges later.
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
  uint64_t work_count_ = 0;  // moves on after work was put into a link
  bool is_stopping_ = false;
  bool has_failed_ = false;

  std::vector<std::thread> threads_;
};

}  // namespace braid
