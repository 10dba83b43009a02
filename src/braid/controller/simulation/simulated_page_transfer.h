// For tests: the pages of sequences that move between ranks under virtual time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
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

  void give(const PartKey& part, Pages pages) {
    parts_[part] = std::move(pages);
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
    return std::move(parts_.extract(found).mapped());
  }
  void when_given(const PartKey& part, std::function<void()> then) { waiting_[part] = std::move(then); }
  size_t num_parts() const { return parts_.size(); }

 private:
  const bool mixes_up_;
  std::map<PartKey, Pages> parts_;
  std::map<PartKey, std::function<void()>> waiting_;
};

}  // namespace braid
