#include "braid/worker/move_pieces.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"

namespace braid {

MovePieces::MovePieces(const Move& move, std::vector<std::vector<PageId>> pages, int32_t piece_pages)
    : move_(move), pages_(std::move(pages)), piece_pages_(piece_pages) {
  CHECK(move.num_pages >= 0 && piece_pages >= 1, "pieces of {} of {} pages", piece_pages, move.num_pages);
}

int32_t MovePieces::next_size() const {
  return std::min(piece_pages_, num_left());
}

MovedPages MovePieces::take_next() {
  const int32_t size = next_size();
  CHECK(size > 0, "move {} has no more pieces", move_.id);
  MovedPages piece{.move = move_, .piece = num_done_ / piece_pages_};
  // The part of each KV group's list that lies in [num_done_, num_done_ + size) of all lists together.
  int32_t before = 0;
  for (const std::vector<PageId>& of_kv_group : pages_) {
    const auto count = static_cast<int32_t>(of_kv_group.size());
    const int32_t first = std::clamp(num_done_ - before, 0, count);
    const int32_t end = std::clamp(num_done_ + size - before, 0, count);
    piece.pages.emplace_back(of_kv_group.begin() + first, of_kv_group.begin() + end);
    before += count;
  }
  CHECK(pages_.empty() || before == move_.num_pages, "move {} of {} pages has {}", move_.id, move_.num_pages, before);
  num_done_ += size;
  return piece;
}

}  // namespace braid
