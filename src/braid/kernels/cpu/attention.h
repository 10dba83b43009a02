// Attention over paged keys and values: cuts a call into query tiles and shares them between the team's threads. The
// tiers compute the tiles (attention_kernels.h). Tested by kernels/paged_attention_test.cc.
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

  // Ops::paged_attention.
  void forward(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
               const AttentionParams& params, Rows out);

 private:
  // KV tiles of one query tile that one thread computes. The results are joined when all parts are done.
  struct Part {
    size_t tile = 0;
    int64_t first_kv_tile = 0;
    int64_t end_kv_tile = 0;
  };

  void plan(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
            const AttentionParams& params, Rows out);
  // The first KV tile of query tile `index`; none if there is no such query tile.
  KvTilePlace first_of_tile(size_t index) const;
  void run_whole(const AttentionKernels& kernels);
  void run_in_parts(const AttentionKernels& kernels);

  const AttentionTier tier_;
  ThreadTeam& team_;

  // Of the current call; members so that their memory is reused.
  std::vector<QueryTile> tiles_;
  std::vector<Part> parts_;
  std::vector<int64_t> partial_offsets_;  // of each query tile's partial results, in floats
  Buffer partials_;
};

}  // namespace braid::cpu
