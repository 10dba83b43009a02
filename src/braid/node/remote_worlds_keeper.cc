// The thread of RemoteWorlds that starts the worlds' processes, watches them, and ends them.
// Tested by tests/cluster.
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "braid/base/clock.h"
#include "braid/node/remote_worlds.h"

namespace braid {
namespace {

constexpr int kLookMs = 50;           // how often the keeper looks at the worlds
constexpr double kBeat_s = 0.1;       // how soon a process that is killed is missed
constexpr double kLastWords_s = 0.2;  // for the message of a process whose job has ended already
constexpr double kTidyEnd_s = 0.1;    // for a job that was told to end; then it is killed
constexpr double kStop_s = 10;        // for the steps that are under way when all ends

}  // namespace

// The only thread that starts processes: they end with the thread that started them (ChildProcess).
void RemoteWorlds::keep() {
  std::optional<double> stopping_since_s;
  for (;;) {
    const double now_s = monotonic_seconds();
    {
      const std::lock_guard lock(mutex_);
      look_after_nodes(now_s);
      take_nodes_back(now_s);
      tell_nodes(now_s);
      for (int32_t world = 0; world < std::ssize(worlds_); ++world) look_after(world, now_s);
      if (profile_) {
        profile_->look(now_s);
        advance_profile();
      }
      if (is_stopping_ && !stopping_since_s) stopping_since_s = now_s;
      const bool all_ended = std::ranges::none_of(worlds_, [](const World& world) { return world.job.has_value(); });
      if (stopping_since_s && (all_ended || now_s > *stopping_since_s + kStop_s)) {
        for (World& world : worlds_) world.job.reset();
        for (const Node& node : nodes_) {
          if (!node.peer.empty()) tell(node.peer, ProcessStop{});
        }
        for (const Node& node : waiting_nodes_) tell(node.peer, ProcessStop{});
        return;
      }
    }
    tell_news();
    wait_for_jobs();
  }
}

void RemoteWorlds::wait_for_jobs() {
  std::vector<pollfd> files{{.fd = wake_keeper_.file(), .events = POLLIN, .revents = 0}};
  {
    const std::lock_guard lock(mutex_);
    for (const World& world : worlds_) {
      if (world.job && !world.job_ended_s) files.push_back({.fd = world.job->file(), .events = POLLIN, .revents = 0});
    }
  }
  poll(files.data(), files.size(), kLookMs);
  static_cast<void>(wake_keeper_.take());
}

void RemoteWorlds::look_after(int32_t index, double now_s) {
  World& world = worlds_[static_cast<size_t>(index)];
  if (world.job && !world.job_ended_s && world.job->ending()) world.job_ended_s = now_s;
  if (is_stopping_) {
    if (world.job_ended_s) world.job.reset();
    if (world.job && world.state != State::kRuns) end_job(world, now_s);  // nobody there may have heard of the end
    return;
  }
  if (world.state == State::kEnded || (world.must_launch && world.job)) {
    end_job(world, now_s);
    if (world.state == State::kEnded || world.job) return;
  }
  if (world.must_launch) {
    if (find_places(index, now_s)) launch_world(index);
    return;
  }
  if (world.job_ended_s && now_s > *world.job_ended_s + kLastWords_s) {
    end_world(index, fmt::format("the processes of world {} have ended: {}", index, world.job->ending()->text));
    return;
  }
  if (now_s >= world.next_beat_s) {
    world.next_beat_s = now_s + kBeat_s;
    for (const Process& process : world.processes) tell(process.peer, ProcessBeat{});
  }
  for (const Process& process : world.processes) {
    if (now_s < process.heard_s + options_.silence_s) continue;
    end_world(index, fmt::format("process {} (pid {} on {}) has said nothing for {} s", process.hello.process,
                                 process.hello.pid, process.hello.host, options_.silence_s));
    return;
  }
  if (world.state == State::kStarting && now_s > world.since_s + options_.start_timeout_s) {
    end_world(index, fmt::format("{} of {} processes are there after {} s", world.processes.size(),
                                 num_processes(index), options_.start_timeout_s));
  }
}

// A job that is asked to end removes its files; one that does not is killed.
void RemoteWorlds::end_job(World& world, double now_s) {
  lose_from_profile(world, "its world has ended");
  lose_from_weights(world, "its world has ended");
  for (const Process& process : world.processes) worlds_by_peer_.erase(process.peer);
  world.processes.clear();
  if (!world.job) return;
  if (!world.job_told_s) {
    const auto index = static_cast<int32_t>(&world - worlds_.data());
    for (const Node& node : nodes_) {
      if (!node.peer.empty()) tell(node.peer, EndCommands{.world = index});
    }
  }
  if (!world.job_told_s && !world.job_ended_s) {
    world.job->signal(SIGTERM);
    world.job_told_s = now_s;
  }
  if (!world.job_ended_s && now_s < *world.job_told_s + kTidyEnd_s) return;
  world.job.reset();
  world.job_ended_s.reset();
  world.job_told_s.reset();
}

void RemoteWorlds::launch_world(int32_t index) {
  World& world = worlds_[static_cast<size_t>(index)];
  world.must_launch = false;
  world.since_s = monotonic_seconds();
  if (world.places != world.measured_places) world.start.exchange_costs = {};
  const WorldLaunch launch{
      .world = index, .num_launches = world.num_launches++, .places = world.places, .isa = isa_, .kept_key = kept_key_};
  if (!options_.command) return;
  auto job = ChildProcess::start(options_.command(launch));
  if (job.ok()) {
    world.job = std::move(job).value();
  } else {
    end_world(index, fmt::format("the processes of world {} cannot be started: {}", index, job.error().message));
  }
}

void RemoteWorlds::tell_news() {
  std::vector<News> news;
  GroupListener* listener = nullptr;
  {
    const std::lock_guard lock(mutex_);
    news = std::exchange(news_, {});
    listener = listener_;
  }
  for (News& one : news) {
    if (one.restart) {
      listener->on_restart(*std::move(one.restart));
    } else if (one.is_planned) {
      listener->on_planned_end(one.world * options_.groups_per_world, one.failure, one.num_restarts);
    } else {
      listener->on_failure(one.world * options_.groups_per_world, one.failure, one.num_restarts);
    }
  }
}

}  // namespace braid
