#include "braid/parallel/rank_spread.h"

namespace braid {

RankSpread::RankSpread(std::span<const int32_t> ranks_of_each) : first_{0} {
  for (const int32_t num_ranks : ranks_of_each) {
    process_of_.insert(process_of_.end(), static_cast<size_t>(num_ranks), num_processes());
    first_.push_back(first_.back() + num_ranks);
  }
}

IndexRange RankSpread::ranks_of(int32_t process) const {
  const auto i = static_cast<size_t>(process);
  return {.begin = first_[i], .end = first_[i + 1]};
}

bool RankSpread::has_rank(int32_t process, int32_t rank) const {
  return rank >= 0 && rank < num_ranks() && process_of(rank) == process;
}

}  // namespace braid
