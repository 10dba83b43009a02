// Moves a sequence's pages from one rank to another, piece by piece: rank i of the source group hands over its part of
// a piece, and rank i of the target group takes it in a later step. Both follow their group's plan, so an
// implementation may block in send and receive; it decides nothing. The rank's team copies.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <tuple>

#include "braid/base/result.h"
#include "braid/kv/kv_cache.h"
#include "braid/kv/kv_page_copy.h"
#include "braid/wire/move.h"

namespace braid {

class KvPageTransfer {
 public:
  virtual ~KvPageTransfer() = default;
  // Copies the pages out of the cache without waiting for the receiver. The pages may be overwritten at once.
  virtual Status give(const MovedPages& piece, int32_t attn_tp_rank, ThreadTeam& team, const KvCache& cache) = 0;
  // Copies them into the piece's pages of another cache; without KV groups, drops them. Each piece is taken once. Never
  // waits for ever; an error ends the world.
  virtual Status take(const MovedPages& piece, int32_t attn_tp_rank, ThreadTeam& team, KvCache& cache) = 0;

  // Whether pages of the move that this rank of the source gave are still on their way out of this process. The target
  // is told of a sequence when they are not, so that its ranks find what they take.
  virtual bool is_giving(MoveId /*move*/, int32_t /*from_group*/, int32_t /*attn_tp_rank*/) { return false; }
  // Lets all moves leave as fast as the link allows, for some milliseconds: for a step in which no group computes.
  virtual Status finish(int32_t /*group*/, int32_t /*attn_tp_rank*/) { return {}; }
};

// Between ranks of one process, of one world or of several.
class LocalKvPageTransfer final : public KvPageTransfer {
 public:
  // `timeout_s`: how long to wait for a part that another world has not handed over yet. (Within a world, the header
  // exchange orders every give before its take.)
  explicit LocalKvPageTransfer(double timeout_s) : timeout_s_(timeout_s) {}

  Status give(const MovedPages& piece, int32_t attn_tp_rank, ThreadTeam& team, const KvCache& cache) override;
  Status take(const MovedPages& piece, int32_t attn_tp_rank, ThreadTeam& team, KvCache& cache) override;
  // A group's world has ended: every take of a part that it has not given returns an error with this reason, now and
  // later.
  void abort(int32_t group, const std::string& reason);

  // The group is lost: the parts that nobody will take are dropped, now and later. Those are the ones for the group in
  // moves before `next_move`, and the ones of `begun`, its moves that did not come to their end.
  void lose(int32_t group, std::span<const MoveId> begun, MoveId next_move);
  // The group starts again, and gives the parts of moves from `next_move` on.
  void restart(int32_t group, MoveId next_move);

  int64_t num_parts_on_the_way() const;

 private:
  using PartKey = std::tuple<MoveId, int32_t, int32_t>;  // with the piece, and attn_tp_rank
  struct Part {
    int32_t to_group = 0;
    KvPageCopy pages;
  };

  struct EndedGroup {
    std::string reason;
    MoveId next_move = std::numeric_limits<MoveId>::max();  // the first one that it gives parts of, once it is back
  };

  bool is_wanted(MoveId move, int32_t to_group) const;
  bool has_ended(const Move& move) const;

  const double timeout_s_;
  mutable std::mutex mutex_;
  std::condition_variable given_;
  std::map<PartKey, Part> parts_;
  std::map<int32_t, EndedGroup> ended_groups_;
  std::map<int32_t, MoveId> lost_groups_;  // and the first move after the loss
  std::set<MoveId> lost_moves_;
};

}  // namespace braid
