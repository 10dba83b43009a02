// The pieces in which a sequence's pages travel from one DP group to another, so that no step copies more than a
// bounded number of pages. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/request/ids.h"
#include "braid/wire/move.h"

namespace braid {

// One sequence's pages, on the one side or on the other. Every piece but the last has `piece_pages` pages.
class MovePieces {
 public:
  // `pages`: by KV group, move.num_pages in all. Empty: the pieces are received and dropped.
  MovePieces(const Move& move, std::vector<std::vector<PageId>> pages, int32_t piece_pages);

  const Move& move() const { return move_; }
  bool has_pages() const { return !pages_.empty(); }
  void drop_pages() { pages_.clear(); }
  bool is_done() const { return num_done_ == move_.num_pages; }
  int32_t num_left() const { return move_.num_pages - num_done_; }
  int32_t next_size() const;  // pages of the next piece; 0 if all are done
  MovedPages take_next();

 private:
  Move move_;
  std::vector<std::vector<PageId>> pages_;
  int32_t piece_pages_ = 0;
  int32_t num_done_ = 0;
};

}  // namespace braid
