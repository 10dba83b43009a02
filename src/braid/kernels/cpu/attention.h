// Attention over paged keys and values: cuts a call into tiles, and shares them between the team's threads. What is
// computed for a tile is the tiers' affair (attention_kernels.h).
#pragma once

#include <span>
#include <vector>

#include "braid/base/thread_team.h"
#include "braid/kernels/cpu/attention_kernels.h"
#include "braid/kernels/ops.h"
#include "braid/tensor/buffer.h"

namespace braid::cpu {

class PagedAttention {
 public:
  PagedAttention(const AttentionTier& tier, ThreadTeam& team) : tier_(tier), team_(team) {}

  // As Ops::paged_attention.
  void forward(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
               const AttentionParams& params, Rows out);

 private:
  // Blocks of one tile that one thread computes on its own, to be joined when all are there.
  struct Part {
    size_t tile = 0;
    int64_t first_kv_tile = 0;
    int64_t end_kv_tile = 0;
  };

  void plan(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
            const AttentionParams& params, Rows out);
  // The first block of a tile; none where there is no such tile.
  KvTilePlace first_of_tile(size_t index) const;
  void run_whole(const AttentionKernels& kernels);
  void run_in_parts(const AttentionKernels& kernels);

  const AttentionTier tier_;
  ThreadTeam& team_;

  // Of the call under way; members so that their memory stays.
  std::vector<QueryTile> tiles_;
  std::vector<Part> parts_;
  std::vector<int64_t> partial_offsets_;  // of each tile's partial results, in floats
  Buffer partials_;
};

}  // namespace braid::cpu
