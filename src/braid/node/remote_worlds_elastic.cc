// The front's world when nodes are gone, and with --elastic it goes on without them: the same layout, so the same bits,
// with the ranks of a lost node on those that are left. Tested by tests/cluster/test_elastic.py.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "braid/base/clock.h"
#include "braid/node/remote_worlds.h"

namespace braid {
namespace {

constexpr double kComplaint_s = 10;  // how often a node that is missing is named
constexpr double kQuiet_s = 1;       // a node says something ten times a second

}  // namespace

// Whether the world can start now, at its places.
bool RemoteWorlds::find_places(int32_t index, double now_s) {
  World& world = worlds_[static_cast<size_t>(index)];
  if (elastic_) return find_elastic_places(world, now_s);
  const std::vector<int32_t> missing = missing_nodes(index);
  if (missing.empty()) return true;
  complain(world, missing, "which has not come yet", now_s);
  return false;
}

void RemoteWorlds::complain(World& world, const std::vector<int32_t>& missing, const std::string& what, double now_s) {
  if (missing.empty() || now_s < world.next_complaint_s) return;
  world.next_complaint_s = now_s + kComplaint_s;
  logger_->info("waits for node {}, {}", fmt::join(missing, " and "), what);
}

bool RemoteWorlds::find_elastic_places(World& world, double now_s) {
  const ElasticNodes::Plan plan = elastic_->plan(now_s, quiet_nodes(now_s));
  if (plan.nodes.empty()) {
    std::string what;
    if (context_len_ == 0) {
      what = "which has not come yet";
    } else if (std::isinf(plan.until_s)) {
      what = "which may be gone";
    } else {
      what = fmt::format("and goes on without it in {:.0f} s (--elastic-after)", std::ceil(plan.until_s - now_s));
    }
    complain(world, plan.awaited, what, now_s);
    return false;
  }
  const bool was_smaller = elastic_->is_smaller();
  elastic_->start(plan.nodes);
  world.places = options_.elastic.places(plan.nodes);
  world.start.least_context_len = elastic_->is_smaller() ? context_len_ : 0;
  if (elastic_->is_smaller()) {
    std::vector<int32_t> ranks_on_node(options_.elastic.ranks_on_node.size());
    for (const ProcessPlace& place : world.places) ranks_on_node[static_cast<size_t>(place.node)] += place.num_ranks;
    logger_->warn("the model goes on without node {}: ranks on each node {}", fmt::join(elastic_->left_out(), " and "),
                  fmt::join(ranks_on_node, ","));
    if (smaller_since_unix_s_ == 0) smaller_since_unix_s_ = unix_seconds();
  } else if (was_smaller) {
    logger_->info("the model starts on all nodes again");
  }
  return true;
}

std::vector<bool> RemoteWorlds::quiet_nodes(double now_s) const {
  std::vector<bool> quiet(nodes_.size());
  for (size_t node = 1; node < nodes_.size(); ++node) {
    quiet[node] = !nodes_[node].peer.empty() && now_s > nodes_[node].heard_s + kQuiet_s;
  }
  return quiet;
}

// Of a start that failed: nodes are gone or unsteady, so it is no fault that the controller should count.
bool RemoteWorlds::tries_again_by_itself(const std::string& reason) {
  const double now_s = monotonic_seconds();
  if (!elastic_ || !elastic_->fail_start(now_s, quiet_nodes(now_s))) return false;
  if (elastic_->is_smaller()) {
    elastic_problem_ = reason;
    logger_->error("the model cannot go on without node {}: {}; it is tried again, also when a node returns",
                   fmt::join(elastic_->left_out(), " and "), reason);
  } else {
    logger_->error("the model did not start on all nodes, and it is tried again: {}", reason);
  }
  return true;
}

// Of a world that is ready. Other instructions have other bits, so later starts have those of the first, also without
// the node that had the least. An error if a node has come that has less.
Status RemoteWorlds::keep_bits(const World& world) {
  if (!elastic_) return {};
  const ProcessReady& ready = *world.processes.front().ready;
  const std::string isa = ready.ranks.empty() ? isa_ : ready.ranks.front().kernels;
  if (!isa_.empty() && isa != isa_) {
    return fail("a node has no instructions of {}, with which the model began: with those of {} answers would change",
                isa_, isa);
  }
  isa_ = isa;
  if (context_len_ == 0) context_len_ = ready.context_len;
  elastic_->run(monotonic_seconds());
  elastic_problem_.clear();
  if (!elastic_->is_smaller()) smaller_since_unix_s_ = 0;
  return {};
}

std::optional<WorldRestart::Capacity> RemoteWorlds::capacity(const World& world) const {
  if (!elastic_) return std::nullopt;
  const ProcessReady& ready = *world.processes.front().ready;
  return WorldRestart::Capacity{
      .load = ready.load, .num_kv_tokens = ready.num_kv_tokens, .max_moving_tokens = ready.max_moving_tokens};
}

void RemoteWorlds::take_elastic_node(int32_t number) {
  const double now_s = monotonic_seconds();
  elastic_->come(number, now_s);
  const std::vector<int32_t> left_out = elastic_->left_out();
  if (std::ranges::find(left_out, number) == left_out.end()) return;
  logger_->info("node {} is back: the model starts again with it in {:.0f} s", number,
                std::ceil(elastic_->due_back_s(number) - now_s));
}

void RemoteWorlds::take_nodes_back(double now_s) {
  if (!elastic_ || worlds_.front().state != State::kRuns || is_stopping_) return;
  const std::vector<int32_t> due = elastic_->due_back(now_s);
  if (due.empty()) return;
  end_world(0, fmt::format("node {} is back (--elastic)", fmt::join(due, " and ")), true);
}

std::optional<ElasticStatus> RemoteWorlds::elastic_status() const {
  if (!elastic_) return std::nullopt;
  return ElasticStatus{
      .left_out = elastic_->left_out(), .since_unix_s = smaller_since_unix_s_, .problem = elastic_problem_};
}

}  // namespace braid
