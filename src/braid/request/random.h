// Counter-based random numbers: a number is a function of its key and its position, without state between draws. So a
// preempted or restarted request draws the same numbers again.
#pragma once

#include <array>
#include <cstdint>

namespace braid {

// Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11.
using PhiloxBlock = std::array<uint32_t, 4>;
PhiloxBlock philox4x32(PhiloxBlock counter, std::array<uint32_t, 2> key);

// The number in [0, 1), with 53 bits, that a request with this seed draws for its output token `position`.
double draw_uniform(uint64_t seed, uint64_t position);

// The seed of a choice of a request with n > 1. Choice 0 has the request's own seed.
uint64_t choice_seed(uint64_t seed, int32_t choice);

}  // namespace braid
