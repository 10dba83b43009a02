// Which process has which ranks of a world: consecutive ranks, process after process; not all need to have the same
// number.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "braid/base/index_range.h"

namespace braid {

class RankSpread {
 public:
  // How many ranks each process has, at least one.
  explicit RankSpread(std::span<const int32_t> ranks_of_each);

  int32_t num_processes() const { return static_cast<int32_t>(first_.size()) - 1; }
  int32_t num_ranks() const { return static_cast<int32_t>(process_of_.size()); }
  int32_t process_of(int32_t rank) const { return process_of_[static_cast<size_t>(rank)]; }
  IndexRange ranks_of(int32_t process) const;
  bool has_rank(int32_t process, int32_t rank) const;  // false for a rank that does not exist

 private:
  std::vector<int32_t> first_;       // [num_processes + 1]
  std::vector<int32_t> process_of_;  // [num_ranks]
};

}  // namespace braid
