#include "braid/worker/worker.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "braid/base/system_info.h"
#include "braid/worker/group_inbox.h"

namespace braid {
namespace {

// Calls `before_step` before each step of each rank.
void watch_steps(std::vector<WorldMember>& members, int32_t world,
                 const std::function<void(int32_t, int32_t, const StepPlan&)>& before_step) {
  for (WorldMember& member : members) {
    const int32_t tp_rank = member.tp_rank;
    member.execute = [execute = std::move(member.execute), before_step, world, tp_rank](
                         const StepPlan& plan, std::span<const StepHeader> headers) -> Result<StepResult> {
      before_step(world, tp_rank, plan);
      return execute(plan, headers);
    };
  }
}

// The error of a failed collective has the report already; an error of a rank alone has not.
std::string with_report(const std::string& reason, const ThreadWorld* world) {
  if (world == nullptr || reason.find('\n') != std::string::npos) return reason;
  return fmt::format("{}\n{}", reason, world->report());
}

}  // namespace

void Worker::start(std::vector<std::unique_ptr<PublisherLink>> links, GroupListener& listener, MaskSource& masks,
                   WorkerOptions options, std::span<const uint64_t> last_maps) {
  const ParallelLayout& layout = ranks_->layout();
  CHECK(worlds_.empty());
  options_ = std::move(options);
  listener_ = &listener;
  masks_ = &masks;
  worlds_.resize(static_cast<size_t>(layout.num_worlds()));
  auto link = links.begin();
  for (int32_t index = 0; index < layout.num_worlds(); ++index) {
    WorldStart start{.links = {}, .last_maps = {}, .num_restarts = 0};
    for (const int32_t group : ranks_->published_groups(index)) {
      CHECK(link != links.end());
      start.links.push_back(std::move(*link++));
      const auto number = static_cast<size_t>(index * groups_per_world() + group);
      start.last_maps.push_back(last_maps.empty() ? 0 : last_maps[number]);
    }
    make_world(index, std::move(start));
  }
  CHECK(link == links.end());
}

void Worker::stop() {
  for (OwnWorld& own : worlds_) {
    if (own.restarter.joinable()) own.restarter.join();
  }
  worlds_.clear();
}

void Worker::make_world(int32_t index, WorldStart start) {
  OwnWorld& own = worlds_[static_cast<size_t>(index)];
  const int32_t first_group = options_.first_group + index * groups_per_world();
  const int32_t num_groups = options_.num_groups > 0 ? options_.num_groups : ranks_->layout().num_groups();
  const AssignmentLimits limits =
      assignment_limits(ranks_->scheduler_config(), num_groups, ranks_->config().vocab_size);
  std::vector<WorldGroup> groups;
  own.desks.clear();
  std::function<void()> on_images_made = options_.on_images_made;
  if (!on_images_made) on_images_made = [parking = ranks_->parking(index)] { parking->wake(); };
  ranks_->on_images_made(index, on_images_made);
  for (const int32_t group : ranks_->published_groups(index)) {
    const size_t i = groups.size();
    groups.push_back(
        {.group = group,
         .scheduler = ranks_->scheduler_config(),
         .inbox = GroupInbox(std::move(start.links[i]), first_group + group, limits, start.last_maps[i]),
         .is_giving = [this, index,
                       group](MoveId move) { return ranks_->page_transfer_of(index).is_giving(move, group, 0); },
         .kept = ranks_->take_kept_pages(index, group)});
    if (ranks_->images() == nullptr) continue;
    groups.back().images = ranks_->image_desk(index, group);
    if (groups.back().images != nullptr) continue;
    own.desks.push_back(std::make_unique<ImageStoreDesk>(*ranks_->images(), on_images_made));
    groups.back().images = own.desks.back().get();
  }
  own.masks = std::make_unique<WorldMasks>(*masks_);
  std::vector<WorldMember> members = ranks_->members(index, own.masks.get());
  if (options_.before_step) watch_steps(members, index, options_.before_step);
  own.world = std::make_unique<World>(
      std::move(groups), std::move(members),
      [this, first_group](int32_t group, GroupOutputs outputs) {
        listener_->on_outputs(first_group + group, std::move(outputs));
      },
      [this, index, first_group, masks = own.masks.get(),
       num_restarts = start.num_restarts](const std::string& reason) {
        masks->end();
        for (int32_t group = first_group; group < first_group + groups_per_world(); ++group) {
          ranks_->page_transfer().abort(group, reason.substr(0, reason.find('\n')));
        }
        listener_->on_failure(first_group, with_report(reason, ranks_->world(index)), num_restarts);
      },
      options_.prefill_alignment, ranks_->parking(index));
}

ClusterStatus Worker::cluster() const {
  ClusterStatus cluster{.nodes = {{.host = host_name()}}, .ranks = {}};
  for (int32_t world = 0; world < ranks_->layout().num_worlds(); ++world) {
    std::ranges::move(ranks_->status(world), std::back_inserter(cluster.ranks));
  }
  return cluster;
}

void Worker::lose(int32_t group, std::span<const MoveId> begun, MoveId next_move) {
  ranks_->page_transfer().lose(group, begun, next_move);
  own_of(group).masks->end();
}

void Worker::restart(int32_t first_group, WorldStart start) {
  OwnWorld& own = own_of(first_group);
  if (own.restarter.joinable()) own.restarter.join();  // it has reported
  own.restarter = std::thread([this, first_group, start = std::move(start)]() mutable {
    WorldRestart outcome{.group = first_group};
    try {
      outcome = try_restart(first_group / groups_per_world(), std::move(start));
    } catch (const std::exception& exception) {  // the edge of a thread
      outcome.outcome = WorldRestart::Outcome::kFailed;
      outcome.error = exception.what();
    }
    listener_->on_restart(std::move(outcome));
  });
}

WorldRestart Worker::try_restart(int32_t index, WorldStart start) {
  OwnWorld& own = worlds_[static_cast<size_t>(index)];
  WorldRestart restart{.group = index * groups_per_world()};
  if (const ThreadWorld* const ranks = ranks_->world(index)) ranks->abort("the world is to start again");
  if (own.world != nullptr && !own.world->stop(options_.stop_timeout_s)) {
    restart.outcome = WorldRestart::Outcome::kStuck;
    restart.error = fmt::format("a rank's thread has not come back within {} s", options_.stop_timeout_s);
    return restart;
  }
  own.world.reset();
  for (int32_t group = restart.group; group < restart.group + groups_per_world(); ++group) {
    ranks_->page_transfer().restart(group, start.next_move);
  }
  if (const Status made = ranks_->restart_world(index); !made.ok()) {
    restart.outcome = WorldRestart::Outcome::kFailed;
    restart.error = made.error().message;
    return restart;
  }
  make_world(index, std::move(start));
  return restart;
}

void Worker::wake(int32_t group) {
  world_of(group).wake();
}

}  // namespace braid
