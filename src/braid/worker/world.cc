#include "braid/worker/world.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "braid/base/check.h"
#include "braid/base/clock.h"
#include "braid/base/thread_role.h"

namespace braid {

World::World(std::vector<WorldGroup> groups, std::vector<WorldMember> members, OnOutputs on_outputs,
             OnFailure on_failure, int32_t prefill_alignment)
    : members_(std::move(members)),
      on_outputs_(std::move(on_outputs)),
      on_failure_(std::move(on_failure)),
      prefill_alignment_(prefill_alignment) {
  for (WorldGroup& group : groups) groups_.push_back(std::make_unique<Group>(std::move(group)));
  std::vector<int32_t> num_publishers(groups_.size(), 0);
  for (const WorldMember& member : members_) {
    CHECK(member.headers != nullptr && member.execute);
    num_publishers.at(static_cast<size_t>(member.group)) += member.is_publisher ? 1 : 0;
  }
  for (const int32_t count : num_publishers) CHECK(count == 1, "a group has {} publishers", count);
  for (size_t rank = 0; rank < members_.size(); ++rank) threads_.emplace_back([this, rank] { run_rank(rank); });
}

World::~World() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake();
  for (std::thread& thread : threads_) thread.join();
}

void World::wake() {
  {
    const std::lock_guard lock(mutex_);
    ++work_count_;
  }
  work_arrived_.notify_all();
}

PrefixProbe World::probe(int32_t group, std::span<const TokenId> prompt) const {
  const Group& at = *groups_.at(static_cast<size_t>(group));
  const std::lock_guard lock(at.mutex);
  return at.publisher.probe(prompt);
}

PrefixVersion World::prefix_version(int32_t group) const {
  const Group& at = *groups_.at(static_cast<size_t>(group));
  const std::lock_guard lock(at.mutex);
  return at.publisher.prefix_version();
}

void World::run_rank(size_t rank) {
  set_thread_role(ThreadRole::kRank);
  const WorldMember& member = members_[rank];
  std::vector<StepHeader> headers(members_.size());
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
      case StepDecision::Kind::kExecute:
        if (const Status executed = try_execute(member, headers); !executed.ok()) {
          fail_world(executed.error().message);
          member.headers->abort(executed.error().message);
          return;
        }
        break;
      case StepDecision::Kind::kPark: {
        const TraceScope scope = traced(TracePhase::kIdle);
        park(member, decision.work_count);
        break;
      }
      case StepDecision::Kind::kAgain:
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

// Read work_count_ before the link: later work raises it, so ranks disagree and do not park.
Result<StepHeader> World::prepare(const WorldMember& member, uint64_t round, bool may_begin) {
  StepHeader header{.round = round};
  Group& group = *groups_[static_cast<size_t>(member.group)];
  {
    const std::lock_guard lock(mutex_);
    header.work_count = work_count_;
    header.must_stop = is_stopping_;
  }
  if (!member.is_publisher) return header;
  TRY(std::vector<GroupCommand> commands, group.inbox.take());
  std::shared_ptr<const StepPlan> plan;
  std::optional<GroupOutputs> outputs;
  {
    const std::lock_guard lock(group.mutex);
    group.publisher.take(std::move(commands));
    plan = group.publisher.plan(may_begin);
    header.held_steps = group.publisher.prefill_state().held_steps;
    header.prefill_goes_on = group.publisher.prefill_state().goes_on;
    if (plan == nullptr) outputs = group.publisher.report();
  }
  if (plan != nullptr) {
    header.num_tokens = plan->num_tokens();
    header.num_logit_rows = num_logit_rows(*plan);
    header.moves_pages = plan->moves_pages();
  }
  group.plans[round % 2] = std::move(plan);
  if (outputs) on_outputs_(member.group, std::move(*outputs));
  return header;
}

Status World::try_execute(const WorldMember& member, std::span<const StepHeader> headers) {
  try {
    return execute(member, headers);
  } catch (const std::exception& exception) {
    return Error{exception.what()};
  }
}

Status World::execute(const WorldMember& member, std::span<const StepHeader> headers) {
  Group& group = *groups_[static_cast<size_t>(member.group)];
  const std::shared_ptr<const StepPlan> plan = group.plans[headers.front().round % 2];
  const double start = monotonic_seconds();
  TRY(const StepResult result, member.execute(plan != nullptr ? *plan : StepPlan{}, headers));
  if (!member.is_publisher) return {};
  const double seconds = monotonic_seconds() - start;
  const int64_t longest = std::ranges::max(headers, {}, &StepHeader::num_tokens).num_tokens;
  const TraceScope scope(member.trace, member.trace_rank, TracePhase::kCommit, headers.front().round);
  GroupOutputs outputs;
  {
    const std::lock_guard lock(group.mutex);
    group.publisher.count_step(longest);
    if (plan == nullptr) return {};
    outputs = group.publisher.commit(result, seconds);
  }
  on_outputs_(member.group, std::move(outputs));
  return {};
}

void World::park(const WorldMember& member, uint64_t work_count) {
  std::unique_lock lock(mutex_);
  const auto has_work = [&] { return work_count_ != work_count; };
  for (bool is_useful = member.use_idle_time != nullptr; is_useful && !has_work();) {
    lock.unlock();
    is_useful = member.use_idle_time();
    lock.lock();
  }
  work_arrived_.wait(lock, has_work);
}

void World::fail_world(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(has_failed_, true)) return;
  }
  on_failure_(reason);
}

}  // namespace braid
