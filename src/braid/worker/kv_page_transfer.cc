#include "braid/worker/kv_page_transfer.h"

#include <chrono>
#include <optional>

#include "braid/base/check.h"

namespace braid {

Status LocalKvPageTransfer::give(const MovedPages& piece, int32_t attn_tp_rank, ThreadTeam& team,
                                 const KvCache& cache) {
  Part part{.to_group = piece.move.to_group, .pages = KvPageCopy::gather(team, cache, piece.pages)};
  {
    const std::lock_guard lock(mutex_);
    if (!is_wanted(piece.move.id, piece.move.to_group)) return {};
    const bool is_new = parts_.emplace(PartKey(piece.move.id, piece.piece, attn_tp_rank), std::move(part)).second;
    CHECK(is_new, "rank {} of group {} gives its part of piece {} of move {} twice", attn_tp_rank,
          piece.move.from_group, piece.piece, piece.move.id);
  }
  given_.notify_all();
  return {};
}

Status LocalKvPageTransfer::take(const MovedPages& piece, int32_t attn_tp_rank, ThreadTeam& team, KvCache& cache) {
  const Move& move = piece.move;
  std::optional<KvPageCopy> pages;
  {
    std::unique_lock lock(mutex_);
    auto found = parts_.end();
    const bool in_time = given_.wait_for(lock, std::chrono::duration<double>(timeout_s_), [&] {
      found = parts_.find(PartKey(move.id, piece.piece, attn_tp_rank));
      return found != parts_.end() || has_ended(move);
    });
    if (found == parts_.end()) {
      const std::string who = fmt::format("rank {} of group {} waits for piece {} of move {} from group {}",
                                          attn_tp_rank, move.to_group, piece.piece, move.id, move.from_group);
      if (!in_time) return fail("{}, longer than {} s", who, timeout_s_);
      return fail("{}: {}", who, ended_groups_.at(move.from_group).reason);
    }
    pages = std::move(found->second.pages);
    parts_.erase(found);
  }
  return piece.pages.empty() ? Status() : pages->scatter(team, cache, piece.pages);
}

void LocalKvPageTransfer::abort(int32_t group, const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    EndedGroup& ended = ended_groups_[group];
    ended.next_move = EndedGroup().next_move;
    ended.reason = reason.empty() ? "its world has ended" : reason;
  }
  given_.notify_all();
}

void LocalKvPageTransfer::lose(int32_t group, std::span<const MoveId> begun, MoveId next_move) {
  const std::lock_guard lock(mutex_);
  lost_groups_[group] = next_move;
  lost_moves_.insert(begun.begin(), begun.end());
  std::erase_if(parts_, [&](const auto& entry) { return !is_wanted(std::get<0>(entry.first), entry.second.to_group); });
}

void LocalKvPageTransfer::restart(int32_t group, MoveId next_move) {
  const std::lock_guard lock(mutex_);
  if (const auto ended = ended_groups_.find(group); ended != ended_groups_.end()) ended->second.next_move = next_move;
}

bool LocalKvPageTransfer::is_wanted(MoveId move, int32_t to_group) const {
  const auto lost = lost_groups_.find(to_group);
  return (lost == lost_groups_.end() || move >= lost->second) && !lost_moves_.contains(move);
}

bool LocalKvPageTransfer::has_ended(const Move& move) const {
  const auto ended = ended_groups_.find(move.from_group);
  return ended != ended_groups_.end() && move.id < ended->second.next_move;
}

int64_t LocalKvPageTransfer::num_parts_on_the_way() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(parts_.size());
}

}  // namespace braid
