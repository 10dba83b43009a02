// Which pages of one KV group the system has backed with memory. Pages are reserved at start and backed when first used
// or a little earlier: the pool hands out the lowest numbers first, so the next ones are known.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "braid/base/thread_team.h"
#include "braid/request/ids.h"

namespace braid {

class CommittedPages {
 public:
  // Page i is bytes [i * page_bytes, (i + 1) * page_bytes) of each of `memories`: the keys and the values of the KV
  // group's layers. `are_of_file`: they lie in a mapped file (tensor/buffer.h), each at the start of a huge page and
  // rounded up to whole ones.
  CommittedPages(std::vector<std::byte*> memories, int32_t num_pages, int64_t page_bytes, bool are_of_file = false);

  int32_t num_pages() const { return static_cast<int32_t>(is_committed_.size()); }
  int64_t committed_bytes() const;

  // Makes the system back these pages where it does not yet. Their content stays.
  void commit(ThreadTeam& team, std::span<const PageId> pages);

  // Notes that these pages were written, and so are backed. Returns those that were not backed before.
  std::vector<PageId> mark(std::span<const PageId> pages);

  // Backs memory behind the highest page that was ever committed on demand: at most `num_pieces` pieces of kPieceBytes
  // in one memory each. Returns how many it backed; fewer if nothing is left.
  static constexpr int64_t kPieceBytes = int64_t{2} << 20;  // a huge page
  int64_t commit_ahead(ThreadTeam& team, int64_t num_pieces);

  // Bytes of each memory that are backed behind that page.
  int64_t ahead_bytes() const;
  bool is_whole() const { return ahead_end_ == memory_bytes(); }

 private:
  int64_t memory_bytes() const { return num_pages() * page_bytes_; }
  int64_t used_end() const;  // of each memory
  // Splits the items over the team and touches the bytes that item(i) returns, with the memory in which they are.
  template <typename Item>
  void touch(ThreadTeam& team, int64_t num_items, const Item& item);
  void back_huge_pages(size_t memory, std::span<std::byte> bytes);

  std::vector<std::byte*> memories_;
  int64_t page_bytes_ = 0;
  std::vector<bool> is_committed_;  // [num_pages]
  // Of files: of each memory, whether the system was asked to back this huge page as one.
  std::vector<std::unique_ptr<std::atomic<bool>[]>> is_huge_;
  PageId highest_used_ = -1;
  // Every memory is backed up to ahead_end_, a multiple of kPieceBytes or its whole size. The first num_begun_ memories
  // have their next piece too.
  int64_t ahead_end_ = 0;
  size_t num_begun_ = 0;
};

}  // namespace braid
