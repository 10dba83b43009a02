// Counter-based random numbers: a number is a function of its key and its place, with no state between draws, so that
// a preempted or restarted request draws the same numbers again.
#pragma once

#include <array>
#include <cstdint>

namespace braid {

// Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11.
using PhiloxBlock = std::array<uint32_t, 4>;
PhiloxBlock philox4x32(PhiloxBlock counter, std::array<uint32_t, 2> key);

// In [0, 1), 53 bits: the number that a request with this seed draws for its output token `position`.
double draw_uniform(uint64_t seed, uint64_t position);

// The seed of choice i of a request with n > 1: choice 0 draws as the only one would.
uint64_t choice_seed(uint64_t seed, int32_t choice);

}  // namespace braid
