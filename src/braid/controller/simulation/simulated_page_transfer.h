// For tests: the pages of sequences that move between ranks under virtual time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "braid/wire/move.h"

namespace braid {

// Does for simulated ranks what LocalKvPageTransfer does for threads.
class SimulatedPageTransfer {
 public:
  using Pages = std::vector<uint64_t>;
  using PartKey = std::tuple<MoveId, int32_t, int32_t>;  // a piece's number, and the rank in its group

  // `mixes_up` seeds a bug: take() returns the first part for the rank, whichever move it belongs to.
  explicit SimulatedPageTransfer(bool mixes_up) : mixes_up_(mixes_up) {}

  void give(const PartKey& part, int32_t to_group, Pages pages) {
    if (!is_wanted(part, to_group)) return;
    parts_[part] = {.to_group = to_group, .pages = std::move(pages)};
    const auto waiting = waiting_.extract(part);
    if (!waiting.empty()) waiting.mapped()();
  }
  std::optional<Pages> take(const PartKey& part) {
    auto found = parts_.find(part);
    if (mixes_up_) {
      found = parts_.begin();
      while (found != parts_.end() && std::get<2>(found->first) != std::get<2>(part)) ++found;
    }
    if (found == parts_.end()) return std::nullopt;
    return std::move(parts_.extract(found).mapped().pages);
  }
  void when_given(const PartKey& part, std::function<void()> then) { waiting_[part] = std::move(then); }
  void lose(int32_t group, const std::vector<MoveId>& begun, MoveId next_move) {
    lost_groups_[group] = next_move;
    lost_moves_.insert(begun.begin(), begun.end());
    std::erase_if(parts_, [&](const auto& entry) { return !is_wanted(entry.first, entry.second.to_group); });
  }
  size_t num_parts() const { return parts_.size(); }

 private:
  struct Part {
    int32_t to_group = 0;
    Pages pages;
  };

  bool is_wanted(const PartKey& part, int32_t to_group) const {
    const auto lost = lost_groups_.find(to_group);
    return (lost == lost_groups_.end() || std::get<0>(part) >= lost->second) &&
           !lost_moves_.contains(std::get<0>(part));
  }

  const bool mixes_up_;
  std::map<PartKey, Part> parts_;
  std::map<PartKey, std::function<void()>> waiting_;
  std::map<int32_t, MoveId> lost_groups_;  // and the first move after the loss
  std::set<MoveId> lost_moves_;
};

}  // namespace braid
