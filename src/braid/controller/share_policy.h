// Whether a group takes a prompt's prefix from another group that has it, instead of computing it (--share-prefixes).
// Pure functions over plain data. Tested by share_policy_test.cc.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "braid/wire/cluster_status.h"

namespace braid {

struct ShareOptions {
  int64_t min_tokens = 256;      // fewer are computed: a step or two do
  int32_t max_under_way = 8;     // copies at once
  double most_of_computing = 1;  // a copy may take so much of the time in which the group would compute the tokens
  // Of all that is on its way between groups, whose copies take memory.
  int64_t max_tokens = std::numeric_limits<int64_t>::max();
};

// How long it takes until a prefix has come, learnt from those that did.
class CopyRate {
 public:
  // A copy of so many tokens has left its group, so long after it was ordered. It arrives in as much time again.
  void take(int64_t num_tokens, double seconds) {
    num_tokens_ = kKept * num_tokens_ + static_cast<double>(num_tokens);
    seconds_ = kKept * seconds_ + 2 * seconds;
  }
  // Before any has been seen: 0, so that one is tried.
  double seconds_of(int64_t num_tokens) const {
    return num_tokens_ > 0 ? seconds_ / num_tokens_ * static_cast<double>(num_tokens) : 0;
  }
  // A copy was not made because it would take too long. If that is so no more, it is found out some time.
  void forget_a_little() { seconds_ *= kRemembered; }

 private:
  static constexpr double kKept = 0.75;
  static constexpr double kRemembered = 0.98;

  double num_tokens_ = 0;
  double seconds_ = 0;
};

// What a copy between two groups crosses. Each is learnt by itself: one of them says nothing of the others.
enum class CopyWay : uint8_t { kWithinProcess, kBetweenProcesses, kBetweenNodes };
inline constexpr size_t kNumCopyWays = 3;

// The longest way from a rank of one group to the rank with the same share of the other. `ranks`: ascending, as in
// ClusterStatus; of groups that are not there nothing is known, and they count as if in one process.
inline CopyWay copy_way(std::span<const RankStatus> ranks, int32_t from_group, int32_t to_group) {
  CopyWay longest = CopyWay::kWithinProcess;
  const auto first_of = [&](int32_t group) { return std::ranges::find(ranks, group, &RankStatus::group); };
  auto to = first_of(to_group);
  for (auto from = first_of(from_group); from != ranks.end() && from->group == from_group; ++from, ++to) {
    if (to == ranks.end() || to->group != to_group) break;
    CopyWay way = from->pid == to->pid ? CopyWay::kWithinProcess : CopyWay::kBetweenProcesses;
    if (from->node != to->node) way = CopyWay::kBetweenNodes;
    longest = std::max(longest, way);
  }
  return longest;
}

// How long it takes a group to compute prompt tokens, in steps that all groups of its world make together: its own work
// in them and the rest.
class PrefillRate {
 public:
  // A step that computed some of a prompt.
  void take(double own_s, double step_s) {
    if (!(own_s > 0) || !(step_s > own_s)) return;
    own_s_ = kKept * own_s_ + own_s;
    step_s_ = kKept * step_s_ + step_s;
  }
  double seconds_of(double own_s) const { return own_s_ > 0 ? own_s * step_s_ / own_s_ : own_s; }

 private:
  static constexpr double kKept = 0.99;

  double own_s_ = 0;
  double step_s_ = 0;
};

// The group that has the most pages of the prompt, if it has more than the `target`; ties go to the lowest.
// `num_pages`: by group. `is_down`: by group.
template <typename IsDown>
std::optional<int32_t> prefix_source(std::span<const int32_t> num_pages, int32_t target, const IsDown& is_down) {
  std::optional<int32_t> source;
  int32_t most = num_pages[static_cast<size_t>(target)];
  for (size_t group = 0; group < num_pages.size(); ++group) {
    if (num_pages[group] <= most || is_down(static_cast<int32_t>(group))) continue;
    source = static_cast<int32_t>(group);
    most = num_pages[group];
  }
  return source;
}

}  // namespace braid
