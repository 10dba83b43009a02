// The controller's thread when worlds of ranks fail, start again, or are lost for good. Tested by
// controller_thread_test.cc, api/engine_failure_test.cc, api/engine_restart_test.cc and wire/transport/link_test.cc.
#include <algorithm>
#include <utility>

#include "braid/base/check.h"
#include "braid/base/clock.h"
#include "braid/controller/controller_thread.h"

namespace braid {
namespace {

std::string first_line(const std::string& report) {
  return report.substr(0, report.find('\n'));
}

}  // namespace

// Links first: what they say of the publishers of a lost world is said before the world runs again. Then restarts: a
// failure may be that of the new world. An error if no world is left.
Status ControllerThread::look_after_worlds(std::vector<WorldRestart> restarts) {
  TRY_STATUS(hear_links());
  for (const WorldRestart& restart : restarts) TRY_STATUS(take_restart(restart));
  TRY_STATUS(take_failures());
  TRY_STATUS(find_stuck_worlds());
  start_due_worlds();
  return {};
}

// Finds groups whose maps could not be sent.
Status ControllerThread::hear_links() {
  while (true) {
    TRY(const std::optional<LinkEvent> event, link_->receive(0));
    if (!event) return {};
    if (event->kind != LinkEvent::Kind::kLeft) continue;
    TRY_STATUS(lose_world(event->group / groups_per_world_, event->reason));
  }
}

Status ControllerThread::take_failures() {
  for (WorldFailure& failure : std::exchange(failures_, {})) {
    const int32_t world = failure.world;
    if (failure.num_starts < num_starts_[static_cast<size_t>(world)]) continue;  // it has been lost for that before
    if (worlds_.runs(world)) {
      TRY_STATUS(lose_world(world, failure.report, failure.is_planned));
    } else if (!worlds_.is_lost(world)) {
      failures_.push_back(std::move(failure));  // of a world that has not reported its start yet
    }
  }
  return {};
}

// Finds worlds that have work and do not get on.
Status ControllerThread::find_stuck_worlds() {
  const double now_s = monotonic_seconds();
  if (now_s < next_look_s_) return {};
  next_look_s_ = now_s + watch_.interval_s();
  find_slow_ranks(now_s);
  for (int32_t world = 0; world < worlds_.num_worlds(); ++world) {
    const int32_t first = world * groups_per_world_;
    bool has_work = false;
    for (int32_t group = first; group < first + groups_per_world_; ++group) {
      has_work = has_work || controller_.has_work(group);
    }
    const bool rests = controller_.is_paused() && controller_.has_seen_pause();
    has_work = has_work && worlds_.runs(world) && !rests;
    const Progress progress = has_work ? groups_->progress(first) : Progress();
    if (!watch_.is_stuck(world, has_work, progress, now_s)) continue;
    TRY_STATUS(lose_world(world, "its ranks have work and do not get on"));
  }
  return {};
}

// They are named, and nothing else: who is slow today may be fast tomorrow.
void ControllerThread::find_slow_ranks(double now_s) {
  if (!rank_watch_.is_due(now_s)) return;  // changed by this thread alone
  const ClusterStatus cluster = groups_->cluster();
  std::vector<RankWatch::Change> changes;
  {
    const std::lock_guard lock(mutex_);
    changes = rank_watch_.look(cluster.ranks, now_s);
  }
  for (const RankWatch::Change& change : changes) {
    const RankStatus& rank = *std::ranges::find(cluster.ranks, change.rank, &RankStatus::rank);
    const std::string name =
        fmt::format("rank {} (group {}, node {}, pid {})", rank.rank, rank.group, rank.node, rank.pid);
    if (change.is_slow) {
      logger_->warn(
          "{} is {:.1f} times as slow as the other ranks, and all wait for it: other work, too few CPUs or a "
          "throttled host?",
          name, change.times_slower);
    } else {
      logger_->info("{} is as fast as the other ranks again", name);
    }
  }
}

// Takes a world out that runs. Its requests go to the others, or wait until it has started again.
Status ControllerThread::lose_world(int32_t world, const std::string& report, bool is_planned) {
  if (!worlds_.runs(world)) return {};
  const std::string reason = first_line(report);
  is_planned = is_planned && max_restarts_ > 0;
  bool returns = true;
  if (is_planned) {
    worlds_.end_on_purpose(world, reason, monotonic_seconds());
  } else {
    returns = worlds_.fail(world, reason, monotonic_seconds(), unix_seconds());
  }
  if (worlds_.num_lost() == worlds_.num_worlds()) return Error{report};
  const int32_t first = world * groups_per_world_;
  {
    const std::lock_guard lock(mutex_);
    for (int32_t i = 0; i < groups_per_world_; ++i) is_lost_[static_cast<size_t>(first + i)] = true;
  }
  outputs_taken_.notify_all();
  const std::vector<MoveId> begun = controller_.lose_groups(first, groups_per_world_, reason, returns, is_planned);
  for (int32_t group = first; group < first + groups_per_world_; ++group) {
    link_->leave_out(group);
    groups_->lose(group, begun, controller_.next_move());
  }
  groups_->wake(first);  // what still runs there finds its link closed, and ends
  if (is_planned) {
    logger_->warn("{} starts again, and its requests wait until then: {}", name_of(world), reason);
  } else if (returns) {
    logger_->error(
        "{} has failed and starts again, as it may {} times in ten minutes; its requests wait or go on in "
        "others: {}",
        name_of(world), max_restarts_, report);
  } else {
    log_loss(world, report);
  }
  return {};
}

// A world that was to start again will not.
Status ControllerThread::give_world_up(int32_t world, const std::string& report) {
  if (worlds_.num_lost() == worlds_.num_worlds()) return Error{report};
  controller_.lose_groups(world * groups_per_world_, groups_per_world_, first_line(report), false);
  log_loss(world, report);
  return {};
}

void ControllerThread::start_due_worlds() {
  while (const std::optional<int32_t> world = worlds_.take_due(monotonic_seconds())) {
    const int32_t first = *world * groups_per_world_;
    WorldStart start{.links = {},
                     .last_maps = {},
                     .next_move = controller_.next_move(),
                     .num_restarts = ++num_starts_[static_cast<size_t>(*world)]};
    for (int32_t group = first; group < first + groups_per_world_; ++group) {
      if (auto link = link_->let_back(group)) start.links.push_back(std::move(link));
      start.last_maps.push_back(dispatcher_.last_map(group));
    }
    groups_->restart(first, std::move(start));
  }
}

Status ControllerThread::take_restart(const WorldRestart& restart) {
  const int32_t world = restart.group / groups_per_world_;
  const std::string reason = first_line(restart.error);
  switch (restart.outcome) {
    case WorldRestart::Outcome::kRuns:
      break;
    case WorldRestart::Outcome::kFailed:
      logger_->error("{} cannot start again: {}", name_of(world), restart.error);
      if (worlds_.fail(world, reason, monotonic_seconds(), unix_seconds())) return {};
      return give_world_up(world, restart.error);
    case WorldRestart::Outcome::kStuck:
      worlds_.give_up(world, reason, unix_seconds());
      return give_world_up(world, restart.error);
  }
  controller_.place_ranks(groups_->cluster().ranks);  // they may be elsewhere now
  const double pause_s = worlds_.succeed(world, monotonic_seconds());
  for (int32_t group = restart.group; group < restart.group + groups_per_world_; ++group) {
    controller_.restart_group(group,
                              restart.capacity ? restart.capacity->load : first_loads_[static_cast<size_t>(group)],
                              restart.keeps_pages);
    const std::lock_guard lock(mutex_);
    is_lost_[static_cast<size_t>(group)] = false;
  }
  if (restart.capacity) {
    if (worlds_.num_worlds() == 1) num_kv_tokens_ = restart.capacity->num_kv_tokens * controller_.num_groups();
    controller_.limit_moving_tokens(restart.capacity->max_moving_tokens);
  }
  logger_->warn("{} runs again after {:.2f} s, restart {}; {} requests wait to go on or to begin", name_of(world),
                pause_s, worlds_.status(world).num_restarts, controller_.num_queued());
  return {};
}

void ControllerThread::log_loss(int32_t world, const std::string& report) const {
  logger_->critical("{} is lost, and its requests go on in the other {}: {}", name_of(world),
                    worlds_.num_worlds() - worlds_.num_lost(), report);
}

std::string ControllerThread::name_of(int32_t world) const {
  return worlds_.num_worlds() == 1 ? "the world of ranks" : fmt::format("replica {}", world);
}

std::vector<EngineStats::LostGroup> ControllerThread::lost_groups() const {
  std::vector<EngineStats::LostGroup> lost;
  for (int32_t group = 0; group < controller_.num_groups(); ++group) {
    const WorldStatus& world = worlds_.status(group / groups_per_world_);
    if (world.state != WorldStatus::State::kRuns) {
      lost.push_back({.group = group, .reason = world.planned_end.empty() ? world.last_error : world.planned_end});
    }
  }
  return lost;
}

}  // namespace braid
