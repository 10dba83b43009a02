#include "braid/worker/worker.h"

#include <utility>

#include "braid/worker/group_inbox.h"

namespace braid {
namespace {

// Calls `before_step` before each step of each rank.
void watch_steps(std::vector<WorldMember>& members, int32_t world,
                 const std::function<void(int32_t, int32_t)>& before_step) {
  int32_t tp_rank = 0;
  for (WorldMember& member : members) {
    member.execute = [execute = std::move(member.execute), before_step, world, tp_rank](
                         const StepPlan& plan, std::span<const StepHeader> headers) -> Result<StepResult> {
      before_step(world, tp_rank);
      return execute(plan, headers);
    };
    ++tp_rank;
  }
}

// The error of a failed collective has the report already; an error of a rank alone has not.
std::string with_report(const std::string& reason, const ThreadWorld* world) {
  if (world == nullptr || reason.find('\n') != std::string::npos) return reason;
  return fmt::format("{}\n{}", reason, world->report());
}

}  // namespace

void Worker::start(std::vector<std::unique_ptr<PublisherLink>> links, GroupListener& listener, TokenMasks& masks,
                   const WorkerOptions& options) {
  const ParallelLayout& layout = ranks_->layout();
  CHECK(worlds_.empty() && std::ssize(links) == layout.num_groups());
  const AssignmentLimits limits =
      assignment_limits(ranks_->scheduler_config(), layout.num_groups(), ranks_->config().vocab_size);
  for (int32_t world = 0; world < layout.num_worlds(); ++world) {
    const int32_t first_group = world * groups_per_world();
    std::vector<WorldGroup> groups;
    for (int32_t group = first_group; group < first_group + groups_per_world(); ++group) {
      auto& link = links[static_cast<size_t>(group)];
      groups.push_back({.scheduler = ranks_->scheduler_config(), .inbox = GroupInbox(std::move(link), group, limits)});
    }
    std::vector<WorldMember> members = ranks_->members(world, &masks);
    if (options.before_step) watch_steps(members, world, options.before_step);
    worlds_.push_back(std::make_unique<World>(
        std::move(groups), std::move(members),
        [&listener, first_group](int32_t group, GroupOutputs outputs) {
          listener.on_outputs(first_group + group, std::move(outputs));
        },
        [this, &listener, world, first_group](const std::string& reason) {
          for (int32_t group = first_group; group < first_group + groups_per_world(); ++group) {
            ranks_->page_transfer().abort(group, reason.substr(0, reason.find('\n')));
          }
          listener.on_failure(first_group, with_report(reason, ranks_->world(world)));
        },
        options.prefill_alignment));
  }
}

PrefixProbe Worker::probe(int32_t group, std::span<const TokenId> prompt) const {
  return world_of(group).probe(group % groups_per_world(), prompt);
}

PrefixVersion Worker::prefix_version(int32_t group) const {
  return world_of(group).prefix_version(group % groups_per_world());
}

void Worker::wake(int32_t group) {
  world_of(group).wake();
}

}  // namespace braid
