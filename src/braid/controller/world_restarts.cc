#include "braid/controller/world_restarts.h"

#include <algorithm>

#include "braid/base/check.h"

namespace braid {

bool WorldRestarts::fail(int32_t world, const std::string& reason, double now_s, double unix_s) {
  World& own = worlds_.at(static_cast<size_t>(world));
  CHECK(own.status.state != WorldStatus::State::kLost, "world {} is lost", world);
  if (own.status.state == WorldStatus::State::kRuns) {
    own.failed_s = now_s;
    if (now_s >= own.runs_since_s + kCalmS) own.delay_s = kFirstDelayS;
  }
  while (!own.restarts_s.empty() && own.restarts_s.front() <= now_s - kWindowS) own.restarts_s.pop_front();
  if (std::ssize(own.restarts_s) >= max_restarts_) {
    give_up(world, reason, unix_s);
    return false;
  }
  own.due_s = now_s + own.delay_s;
  own.delay_s = std::min(2 * own.delay_s, kMaxDelayS);
  own.restarts_s.push_back(*own.due_s);
  set_failed(own, WorldStatus::State::kRestarts, reason, unix_s);
  return true;
}

void WorldRestarts::end_on_purpose(int32_t world, const std::string& reason, double now_s) {
  World& own = worlds_.at(static_cast<size_t>(world));
  CHECK(runs(world), "world {} does not run", world);
  own.failed_s = now_s;
  own.due_s = now_s;
  own.status.state = WorldStatus::State::kRestarts;
  own.status.planned_end = reason;
}

void WorldRestarts::give_up(int32_t world, const std::string& reason, double unix_s) {
  World& own = worlds_.at(static_cast<size_t>(world));
  own.due_s.reset();
  set_failed(own, WorldStatus::State::kLost, reason, unix_s);
}

void WorldRestarts::set_failed(World& own, WorldStatus::State state, const std::string& reason, double unix_s) {
  own.status.state = state;
  own.status.planned_end.clear();
  own.status.last_error = reason;
  own.status.last_error_unix_s = unix_s;
}

std::optional<int32_t> WorldRestarts::take_due(double now_s) {
  for (size_t world = 0; world < worlds_.size(); ++world) {
    std::optional<double>& due_s = worlds_[world].due_s;
    if (!due_s || *due_s > now_s) continue;
    due_s.reset();
    return static_cast<int32_t>(world);
  }
  return std::nullopt;
}

std::optional<double> WorldRestarts::next_due_s() const {
  std::optional<double> next;
  for (const World& own : worlds_) {
    if (own.due_s && (!next || *own.due_s < *next)) next = own.due_s;
  }
  return next;
}

double WorldRestarts::succeed(int32_t world, double now_s) {
  World& own = worlds_.at(static_cast<size_t>(world));
  CHECK(own.status.state == WorldStatus::State::kRestarts && !own.due_s, "world {} is not starting", world);
  own.status.state = WorldStatus::State::kRuns;
  own.status.planned_end.clear();
  own.runs_since_s = now_s;
  ++own.status.num_restarts;
  return now_s - own.failed_s;
}

int32_t WorldRestarts::num_lost() const {
  return static_cast<int32_t>(
      std::ranges::count_if(worlds_, [](const World& own) { return own.status.state == WorldStatus::State::kLost; }));
}

}  // namespace braid
