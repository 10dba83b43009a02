// What exchanges have moved, for metrics. Plain data.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

#include "braid/parallel/padding.h"

namespace braid {

struct ExchangeCounts {
  std::array<uint64_t, kNumPaddingModes> steps_by_padding{};  // steps whose rows were gathered in each mode
  uint64_t halved_steps = 0;                                  // of these, steps computed in two halves
  // That the ranks of a group received from other ranks, where these share no memory.
  uint64_t gathered_bytes = 0;   // rows, for attention and for the feed-forward layers
  uint64_t scattered_bytes = 0;  // partial sums

  ExchangeCounts& operator+=(const ExchangeCounts& other) {
    for (size_t i = 0; i < kNumPaddingModes; ++i) steps_by_padding[i] += other.steps_by_padding[i];
    halved_steps += other.halved_steps;
    gathered_bytes += other.gathered_bytes;
    scattered_bytes += other.scattered_bytes;
    return *this;
  }
  uint64_t whole_steps() const {
    const uint64_t all = std::accumulate(steps_by_padding.begin(), steps_by_padding.end(), uint64_t{0});
    return all - std::min(halved_steps, all);  // a peer may have sent anything
  }
  bool operator==(const ExchangeCounts&) const = default;
};

}  // namespace braid
