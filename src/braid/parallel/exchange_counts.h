// What exchanges have moved, for metrics. Plain data.
#pragma once

#include <array>
#include <cstdint>

#include "braid/parallel/padding.h"

namespace braid {

struct ExchangeCounts {
  std::array<uint64_t, kNumPaddingModes> steps_by_padding{};  // steps whose rows were gathered in each mode
  // That the ranks of a group received from other ranks, where these share no memory.
  uint64_t gathered_bytes = 0;   // rows, for attention and for the feed-forward layers
  uint64_t scattered_bytes = 0;  // partial sums

  ExchangeCounts& operator+=(const ExchangeCounts& other) {
    for (size_t i = 0; i < kNumPaddingModes; ++i) steps_by_padding[i] += other.steps_by_padding[i];
    gathered_bytes += other.gathered_bytes;
    scattered_bytes += other.scattered_bytes;
    return *this;
  }
  bool operator==(const ExchangeCounts&) const = default;
};

}  // namespace braid
