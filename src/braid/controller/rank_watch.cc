#include "braid/controller/rank_watch.h"

#include <utility>

#include "braid/base/median.h"

namespace braid {

std::vector<RankWatch::Change> RankWatch::look(std::span<const RankStatus> ranks, double now_s) {
  if (!is_due(now_s)) return {};
  std::vector<Change> changes;
  for (const RankStatus& rank : ranks) {
    const std::optional<double> own = even_work_of_step(rank);
    std::vector<double> others;
    for (const RankStatus& other : ranks) {
      if (other.world != rank.world || other.rank == rank.rank) continue;
      if (const std::optional<double> seen = even_work_of_step(other)) others.push_back(*seen);
    }
    Watched& watched = ranks_[rank.rank];
    const double usual = others.empty() ? 0 : median(std::move(others));
    watched.times_slower = own && usual > 0 ? *own / usual : 0;
    const bool is_slow = watched.times_slower >= kSlow;
    if (watched.times_slower > 0 && is_slow != watched.is_slow) {
      watched.is_slow = is_slow;
      changes.push_back({.rank = rank.rank, .times_slower = watched.times_slower, .is_slow = is_slow});
    }
  }
  for (const RankStatus& rank : ranks) ranks_[rank.rank].counts = rank.counts;
  looked_s_ = now_s;
  return changes;
}

// Since the last look, in seconds. None where a rank has not stepped enough, or counts anew in another process.
std::optional<double> RankWatch::even_work_of_step(const RankStatus& rank) const {
  const auto found = ranks_.find(rank.rank);
  if (found == ranks_.end() || !looked_s_) return std::nullopt;
  const RankCounts& before = found->second.counts;
  if (rank.counts.num_steps < before.num_steps + kMinSteps) return std::nullopt;
  const double seconds = rank.counts.even_work_s - before.even_work_s;
  if (seconds <= 0) return std::nullopt;
  return seconds / static_cast<double>(rank.counts.num_steps - before.num_steps);
}

double RankWatch::times_slower(int32_t rank) const {
  const auto found = ranks_.find(rank);
  return found == ranks_.end() ? 0 : found->second.times_slower;
}

}  // namespace braid
