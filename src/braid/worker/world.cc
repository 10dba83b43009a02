#include "braid/worker/world.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "braid/base/check.h"
#include "braid/base/clock.h"
#include "braid/base/thread_role.h"
#include "braid/base/timer_slack.h"

namespace braid {

World::World(std::vector<WorldGroup> groups, std::vector<WorldMember> members, OnOutputs on_outputs,
             OnFailure on_failure, int32_t prefill_alignment, std::shared_ptr<Parking> parking)
    : members_(std::move(members)),
      on_outputs_(std::move(on_outputs)),
      on_failure_(std::move(on_failure)),
      prefill_alignment_(prefill_alignment),
      parking_(std::move(parking)) {
  for (const WorldMember& member : members_) {
    CHECK(member.headers != nullptr && member.execute);
    groups_.try_emplace(member.group, std::make_unique<Group>());
  }
  for (WorldGroup& group : groups) {
    Group& own = *groups_.at(group.group);
    CHECK(own.publishing == nullptr);
    own.publishing = std::make_unique<Publishing>(std::move(group));
  }
  for (const auto& [group, own] : groups_) {
    const auto num_publishers = std::ranges::count_if(
        members_, [&](const WorldMember& member) { return member.group == group && member.is_publisher; });
    CHECK(num_publishers == (own->publishing != nullptr ? 1 : 0), "group {} has {} publishers", group, num_publishers);
  }
  for (size_t rank = 0; rank < members_.size(); ++rank) {
    threads_.emplace_back([this, rank] {
      run_rank(rank);
      const std::lock_guard lock(mutex_);
      ++num_ended_ranks_;
      rank_ended_.notify_all();
    });
  }
}

World::~World() {
  begin_stop();
  for (std::thread& thread : threads_) thread.join();
}

bool World::stop(double timeout_s) {
  begin_stop();
  std::unique_lock lock(mutex_);
  return rank_ended_.wait_for(lock, std::chrono::duration<double>(timeout_s),
                              [&] { return num_ended_ranks_ == members_.size(); });
}

void World::begin_stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake();
}

void World::run_rank(size_t rank) {
  set_thread_role(ThreadRole::kRank);
  wake_up_on_time();  // naps between messages of other processes are shorter than the usual slack
  const WorldMember& member = members_[rank];
  std::vector<StepHeader> headers(member.headers->num_ranks());
  bool may_begin = true;  // new prefills, in this round
  if (member.begin) member.begin();
  for (uint64_t round = 1;; ++round) {
    const auto traced = [&](TracePhase phase) { return TraceScope(member.trace, member.trace_rank, phase, round); };
    StepHeader own{.round = round};
    {
      const TraceScope scope = traced(TracePhase::kPlan);
      auto prepared = try_prepare(member, round, may_begin);
      if (prepared.ok()) {
        own = prepared.value();
      } else {
        fail_world(prepared.error().message);
        own.has_failed = true;
      }
    }
    const double ready_s = monotonic_seconds();
    {
      const TraceScope scope = traced(TracePhase::kHeader);
      if (const Status met = member.headers->exchange(own, headers); !met.ok()) {
        fail_world(met.error().message);
        return;
      }
    }
    may_begin = may_begin_prefills(headers, prefill_alignment_);
    const StepDecision decision = decide_step(headers);
    switch (decision.kind) {
      case StepDecision::Kind::kExecute: {
        if (member.counters != nullptr) {
          const double waited_s = monotonic_seconds() - ready_s;
          member.counters->add({.step_s = waited_s, .exchange_s = waited_s});
        }
        if (const Status executed = try_execute(member, headers); !executed.ok()) {
          fail_world(executed.error().message);
          member.headers->abort(executed.error().message);
          return;
        }
        break;
      }
      case StepDecision::Kind::kPark: {
        const TraceScope scope = traced(TracePhase::kIdle);
        parking_->park(decision.work_count, member.use_idle_time);
        break;
      }
      case StepDecision::Kind::kAgain:
        if (const Status taken = try_take_images(member, headers); !taken.ok()) {
          fail_world(taken.error().message);
          member.headers->abort(taken.error().message);
          return;
        }
        break;
      case StepDecision::Kind::kEnd:
        if (!decision.failed_ranks.empty()) {
          fail_world(fmt::format("rank {} cannot go on after {} rounds", decision.failed_ranks.front(), round));
        }
        return;
    }
  }
}

Result<StepHeader> World::try_prepare(const WorldMember& member, uint64_t round, bool may_begin) {
  try {
    return prepare(member, round, may_begin);
  } catch (const std::exception& exception) {  // the edge of a thread, here and below: ends the world, not the process
    return Error{exception.what()};
  }
}

// Read the count before the link: later work raises it, so ranks disagree and do not park.
Result<StepHeader> World::prepare(const WorldMember& member, uint64_t round, bool may_begin) {
  StepHeader header{.round = round, .work_count = parking_->count()};
  if (member.tp_rank == 0 && member.halved_sizes) header.halved_sizes = member.halved_sizes();
  {
    const std::lock_guard lock(mutex_);
    header.must_stop = is_stopping_;
  }
  if (!member.is_publisher) {
    if (member.plans != nullptr) TRY_STATUS(member.plans->send_images(header));
    return header;
  }
  Publishing& group = *group_of(member).publishing;
  TRY(std::vector<GroupCommand> commands, group.inbox.take());
  group.publisher.take(std::move(commands));
  std::shared_ptr<const StepPlan> plan = group.publisher.plan(may_begin);
  header.held_steps = group.publisher.prefill_state().held_steps;
  header.prefill_goes_on = group.publisher.prefill_state().goes_on;
  std::optional<GroupOutputs> outputs;
  if (plan == nullptr) outputs = group.publisher.report();
  if (plan != nullptr) {
    header.num_tokens = plan->num_tokens();
    header.num_logit_rows = num_logit_rows(*plan);
    if (member.plans != nullptr) {
      TRY(header.plan_bytes, member.plans->send(*plan));
    }
  }
  if (member.plans != nullptr) TRY_STATUS(member.plans->send_images(header));
  header.moves_pages = group.publisher.has_moves() || (plan != nullptr && plan->moves_pages());
  group_of(member).plans.put(round, std::move(plan));
  if (outputs) on_outputs_(member.group, std::move(*outputs));
  return header;
}

Status World::try_take_images(const WorldMember& member, std::span<const StepHeader> headers) {
  if (member.plans == nullptr) return {};
  try {
    return member.plans->receive_images(headers);
  } catch (const std::exception& exception) {
    return Error{exception.what()};
  }
}

Status World::try_execute(const WorldMember& member, std::span<const StepHeader> headers) {
  try {
    return execute(member, headers);
  } catch (const std::exception& exception) {
    return Error{exception.what()};
  }
}

Result<std::shared_ptr<const StepPlan>> World::plan_of(const WorldMember& member, std::span<const StepHeader> headers) {
  PlanBoard& board = group_of(member).plans;
  const uint64_t round = headers.front().round;
  if (!member.is_publisher && member.plans != nullptr) {
    TRY(auto plan, member.plans->receive(headers));
    board.put(round, std::move(plan));
  }
  return board.wait_for(round);
}

Status World::execute(const WorldMember& member, std::span<const StepHeader> headers) {
  TRY(const std::shared_ptr<const StepPlan> plan, plan_of(member, headers));
  if (member.plans != nullptr) TRY_STATUS(member.plans->receive_images(headers));
  const double start = monotonic_seconds();
  TRY(const StepResult result, member.execute(plan != nullptr ? *plan : StepPlan{}, headers));
  if (!member.is_publisher) return {};
  Publishing& group = *group_of(member).publishing;
  if (has_failed()) return Error{"the world has ended"};  // its masks may have been errors
  const double seconds = monotonic_seconds() - start;
  const int64_t longest = std::ranges::max(headers, {}, &StepHeader::num_tokens).num_tokens;
  const TraceScope scope(member.trace, member.trace_rank, TracePhase::kCommit, headers.front().round);
  group.publisher.count_step(longest, result.exchange);
  if (plan == nullptr) return {};
  on_outputs_(member.group, group.publisher.commit(result, seconds));
  return {};
}

bool World::has_failed() {
  const std::lock_guard lock(mutex_);
  return has_failed_;
}

void World::fail_world(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(has_failed_, true)) return;
  }
  for (const auto& [group, own] : groups_) own->plans.end();
  on_failure_(reason);
}

}  // namespace braid
