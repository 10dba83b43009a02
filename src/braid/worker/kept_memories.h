// The memory that the ranks of this process find from the last start of their world and leave to the next one
// (base/kept_memory.h). Tested by kept_ranks_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "braid/base/kept_memory.h"
#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/kv/kept_pages.h"
#include "braid/weights/checkpoint.h"
#include "braid/worker/process_ranks.h"
#include "braid/worker/rank_options.h"

namespace braid {

class KeptMemories {
 public:
  // Of ranks of this checkpoint that compute in `isa` and have such a cache. What cannot be had is a line in the log,
  // and done without.
  KeptMemories(const RankOptions& options, const ProcessRanks& ranks, const Checkpoint& checkpoint,
               const KvShape& shape, CpuIsa isa, DType dtype, Logger& log);

  // Whether the world's processes tell each other what they have: the same in all of them.
  bool is_on() const { return is_on_; }
  // What the system has given for them: it is not available, but theirs.
  int64_t committed_bytes() const;
  // The memory of all KV pools of the world when these were made; 0: there are none.
  int64_t pool_bytes() const;
  // Of each own rank, once the size of the pools is known; null: it keeps none.
  Result<std::vector<std::unique_ptr<KeptPages>>> open(const KvShape& shape, std::span<const KvGroupPool> kv_groups,
                                                       int64_t pool_bytes);

 private:
  bool is_on_ = false;
  std::vector<std::optional<KeptMemory>> memories_;  // of each own rank
  std::vector<std::string> what_;                    // is in each
};

// The same as `kept_bytes`, the pools of the last start, unless memory has become much less or more since.
int64_t pool_bytes_like_before(int64_t pool_bytes, int64_t kept_bytes);

// The name of the memory of a rank's keys and values, by which the next one finds it.
std::string kept_memory_name(int32_t world, int64_t rank);
// The same for the weights of a process, by its first rank.
std::string kept_weights_name(int32_t world, int64_t first_rank);

}  // namespace braid
