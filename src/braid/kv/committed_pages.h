// Which pages of one KV group the system has backed with memory. Pages are reserved at start and backed when they are
// first needed, or a little earlier: the pool hands out the lowest numbers first, so what comes next is known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "braid/base/thread_team.h"
#include "braid/request/ids.h"

namespace braid {

class CommittedPages {
 public:
  // Page i is bytes [i * page_bytes, (i + 1) * page_bytes) of each of `memories`: keys and values of the group's
  // layers.
  CommittedPages(std::vector<std::byte*> memories, int32_t num_pages, int64_t page_bytes);

  int32_t num_pages() const { return static_cast<int32_t>(is_committed_.size()); }
  int64_t committed_bytes() const;

  // Has the system back these pages, where it does not yet. Changes nothing that is in them.
  void commit(ThreadTeam& team, std::span<const PageId> pages);

  // Of pages that were written, and so are backed. Those that were not before.
  std::vector<PageId> mark(std::span<const PageId> pages);

  // Backs the next memory behind the highest page that was ever committed on demand: at most `num_pieces` pieces, a
  // piece being kPieceBytes of one memory. How many it did; fewer where nothing is left.
  static constexpr int64_t kPieceBytes = int64_t{2} << 20;  // a huge page
  int64_t commit_ahead(ThreadTeam& team, int64_t num_pieces);

  // Bytes of each memory that lie ready behind that page.
  int64_t ahead_bytes() const;
  bool is_whole() const { return ahead_end_ == memory_bytes(); }

 private:
  int64_t memory_bytes() const { return num_pages() * page_bytes_; }
  int64_t used_end() const;  // of each memory
  // Work for the team: touches bytes of memories, each item(i) giving some.
  template <typename Item>
  static void touch(ThreadTeam& team, int64_t num_items, const Item& item);

  std::vector<std::byte*> memories_;
  int64_t page_bytes_ = 0;
  std::vector<bool> is_committed_;  // [num_pages]
  PageId highest_used_ = -1;
  // Before ahead_end_ every memory is backed, a multiple of kPieceBytes or all of it; and of the pieces behind it,
  // those of the first few memories.
  int64_t ahead_end_ = 0;
  size_t num_begun_ = 0;
};

}  // namespace braid
