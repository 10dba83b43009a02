// Moves a sequence's pages between ranks of one world that are in several processes. Ranks of the same process hand
// them over in memory (kv_page_transfer.h), the others through their world. A group's ranks may lie in several
// processes, too: each gives its share of the heads to the rank with its place in the other group.
#pragma once

#include <cstdint>

#include "braid/base/result.h"
#include "braid/parallel/hand_over.h"
#include "braid/parallel/rank_transport.h"
#include "braid/parallel/thread_world.h"
#include "braid/worker/kv_page_transfer.h"

namespace braid {

class ProcessKvPageTransfer final : public KvPageTransfer {
 public:
  // All of them outlive this object. `world` has ranks of the layout in other processes, to which `transport` leads.
  ProcessKvPageTransfer(LocalKvPageTransfer& local, const ThreadWorld& world, const RankTransport& transport,
                        const ParallelLayout& layout);

  Status give(const MovedPages& piece, int32_t attn_tp_rank, ThreadTeam& team, const KvCache& cache) override;
  Status take(const MovedPages& piece, int32_t attn_tp_rank, ThreadTeam& team, KvCache& cache) override;
  bool is_giving(MoveId move, int32_t from_group, int32_t attn_tp_rank) override;
  Status finish(int32_t group, int32_t attn_tp_rank) override;

 private:
  HandOverId id_of(const MovedPages& piece, int32_t attn_tp_rank) const;
  int32_t rank_of(int32_t group, int32_t attn_tp_rank) const { return group * attn_tp_size_ + attn_tp_rank; }
  bool are_in_one_process(const HandOverId& id) const;

  LocalKvPageTransfer& local_;
  HandOver& hand_over_;
  const RankTransport& transport_;
  const int32_t attn_tp_size_;
};

// The rate at which each rank of the world hands bytes over to the rank with its place in the next group, while all of
// them do, and to no rank of its own process: bytes a second, of the slowest. All ranks of the world call it at once,
// before any page moves.
Result<double> measure_hand_over_rate(const ThreadWorld& world, const RankTransport& transport, int32_t tp_rank,
                                      int32_t attn_tp_size);

}  // namespace braid
