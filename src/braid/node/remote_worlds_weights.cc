// The front's side of a check of all processes' weights. Tested by tests/e2e/test_check_weights.py.
#include <fmt/ranges.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>

#include "braid/node/remote_worlds.h"

namespace braid {

WeightReport RemoteWorlds::check_weights() {
  std::unique_lock lock(mutex_);
  AskedWeights& asked = asked_weights_.emplace(AskedWeights{.id = ++last_weights_, .awaited = {}, .report = {}});
  for (size_t index = 0; index < worlds_.size(); ++index) {
    const World& world = worlds_[index];
    if (world.state != State::kRuns) asked.report.unchecked.push_back(fmt::format("world {} does not run", index));
    for (const Process& process : world.processes) {
      if (world.state != State::kRuns) continue;
      asked.awaited.insert(process.peer);
      tell(process.peer, WeightsWanted{.id = asked.id});
    }
  }
  changed_.wait(lock, [&] { return is_stopping_ || asked.awaited.empty(); });
  AskedWeights whole = *std::exchange(asked_weights_, std::nullopt);
  if (!whole.awaited.empty()) whole.report.unchecked.emplace_back("the server ends");
  whole.report.nodes = nodes();
  std::ranges::sort(whole.report.ranks, {}, &RankStatus::rank);
  return std::move(whole.report);
}

std::string new_kept_key() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

// Keys and values that came of damaged weights must not outlive them, on whichever node they are kept.
void RemoteWorlds::take_weights(Process& process, WeightsChecked checked) {
  if (checked.num_bad_pages > 0) kept_key_ = new_kept_key();
  if (!asked_weights_ || asked_weights_->id != checked.id || !process.ready) return;
  if (asked_weights_->awaited.erase(process.peer) == 0) return;
  WeightReport& report = asked_weights_->report;
  std::vector<RankStatus>& ranks = process.ready->ranks;
  if (checked.ranks.size() == ranks.size()) {
    report.num_pages += checked.num_pages;
    report.num_bad_pages += checked.num_bad_pages;
    const int32_t node = node_of(process.hello, nodes());
    for (size_t i = 0; i < ranks.size(); ++i) {
      ranks[i].weights = std::move(checked.ranks[i]);
      report.ranks.push_back(ranks[i]);
      report.ranks.back().node = node;
    }
  } else {
    report.unchecked.push_back(fmt::format("pid {} on {} says what {} ranks have, and has {}", process.hello.pid,
                                           process.hello.host, checked.ranks.size(), ranks.size()));
  }
  if (asked_weights_->awaited.empty()) changed_.notify_all();
}

void RemoteWorlds::lose_from_weights(const World& world, const std::string& reason) {
  if (!asked_weights_) return;
  for (const Process& process : world.processes) {
    if (asked_weights_->awaited.erase(process.peer) == 0) continue;
    std::vector<int32_t> ranks;
    for (const RankStatus& rank : process.ready->ranks) ranks.push_back(rank.rank);
    asked_weights_->report.unchecked.push_back(fmt::format("rank {} (pid {} on {}): {}", fmt::join(ranks, ", "),
                                                           process.hello.pid, process.hello.host,
                                                           reason.substr(0, reason.find('\n'))));
  }
  if (asked_weights_->awaited.empty()) changed_.notify_all();
}

}  // namespace braid
