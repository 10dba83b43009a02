// Shared by tests of ranks that exchange rows.
#pragma once

#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "braid/parallel/dp_attention.h"

namespace braid::testing {

// A small exchange of this rank.
inline DpAttentionConfig small_exchange(const ParallelLayout& layout, int32_t rank) {
  return {.place = place_of(layout, rank), .hidden = 8, .dtype = DType::kFloat32, .max_group_tokens = 64};
}

// Runs work(rank) for all ranks at once, each on a thread of its own.
inline void on_each_rank(int32_t num_ranks, const std::function<void(int32_t rank)>& work) {
  std::vector<std::thread> threads;
  for (int32_t rank = 0; rank < num_ranks; ++rank) threads.emplace_back(work, rank);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace braid::testing
