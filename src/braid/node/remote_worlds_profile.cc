// The front's side of a profile of all processes. Tested by tests/e2e/test_profile.py and
// tests/cluster/test_profile.py.
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/system_info.h"
#include "braid/node/remote_worlds.h"

namespace braid {

void RemoteWorlds::start_profile() {
  const std::lock_guard lock(mutex_);
  profile_.emplace(++last_profile_, boot_id());
  for (int32_t world = 0; world < std::ssize(worlds_); ++world) {
    if (worlds_[static_cast<size_t>(world)].state == State::kRuns) add_to_profile(world);
  }
  changed_.notify_all();  // an earlier profile that is waited for has ended
}

Profile RemoteWorlds::stop_profile() {
  std::unique_lock lock(mutex_);
  if (!profile_) return {};
  const uint64_t id = profile_->id();
  const auto is_current = [&] { return profile_ && profile_->id() == id; };
  profile_->end(monotonic_seconds());
  advance_profile();
  changed_.wait(lock, [&] { return is_stopping_ || !is_current() || profile_->is_whole(); });
  if (!is_current()) return {};  // another call has it, or has begun anew
  ClusterProfile whole = *std::exchange(profile_, std::nullopt);
  lock.unlock();
  Profile profile = std::move(whole).profile();
  for (const ProfiledProcess& process : profile.processes) {
    logger_->info("profile: pid {} on node {} ({}): its clock is {:.3f} ms ahead, +- {:.3f} ms", process.pid,
                  process.node, process.host, 1e3 * process.clock_ahead_s, 1e3 * process.clock_error_s);
    if (process.missing.empty()) continue;
    logger_->warn("profile: of pid {} on node {} ({}) the last spans are missing: {}", process.pid, process.node,
                  process.host, process.missing);
  }
  return profile;
}

void RemoteWorlds::add_to_profile(int32_t index) {
  if (!profile_) return;
  const World& world = worlds_[static_cast<size_t>(index)];
  for (const Process& process : world.processes) {
    const ProcessHello& hello = process.hello;
    ProfiledProcess profiled{
        .node = node_of(hello, nodes()), .host = hello.host, .pid = hello.pid, .num_restarts = hello.num_restarts};
    for (const RankStatus& rank : process.ready->ranks) {
      profiled.ranks.push_back({.rank = rank.rank, .world = rank.world, .group = rank.group});
    }
    profile_->add(process.peer, std::move(profiled), hello.system, monotonic_seconds());
  }
  advance_profile();
}

void RemoteWorlds::lose_from_profile(const World& world, const std::string& reason) {
  if (!profile_) return;
  for (const Process& process : world.processes) profile_->lose(process.peer, reason);
  advance_profile();
}

void RemoteWorlds::advance_profile() {
  for (const auto& [peer, message] : profile_->outgoing()) tell(peer, message);
  if (profile_->is_whole()) changed_.notify_all();
}

}  // namespace braid
