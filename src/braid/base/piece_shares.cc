#include "braid/base/piece_shares.h"

#include "braid/base/check.h"
#include "braid/base/index_range.h"

namespace braid {
namespace {

uint32_t next_of(uint64_t word) {
  return word & 0xffff;
}

uint32_t end_of(uint64_t word) {
  return (word >> 16) & 0xffff;
}

}  // namespace

void PieceShares::set(Share& share, int64_t first, int64_t count, Word flag) {
  share.first = first;
  share.word.store(job_ << 33 | flag | static_cast<Word>(count) << 16, std::memory_order_release);
}

void PieceShares::deal(int64_t count) {
  const int size = static_cast<int>(shares_.size());
  CHECK(count <= size * kMostPieces, "{} pieces for {} threads", count, size);
  ++job_;
  for (int thread = 0; thread < size; ++thread) {
    const IndexRange range = split_evenly(count, thread, size);
    set(shares_[static_cast<size_t>(thread)], range.begin, range.end - range.begin, kIsShared);
  }
}

void PieceShares::deal_one_each() {
  ++job_;
  for (size_t thread = 0; thread < shares_.size(); ++thread) set(shares_[thread], static_cast<int64_t>(thread), 1, 0);
}

std::optional<WorkPiece> PieceShares::take(int thread) {
  Share& own = shares_[static_cast<size_t>(thread)];
  Word word = own.word.load(std::memory_order_acquire);
  while (next_of(word) < end_of(word)) {
    if (!own.word.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
    const int64_t index = own.first + next_of(word);
    return WorkPiece{
        .thread = thread, .index = index, .likely_next = next_of(word) + 1 < end_of(word) ? index + 1 : -1};
  }
  for (size_t distance = 1; distance < shares_.size(); ++distance) {
    Share& other = shares_[(static_cast<size_t>(thread) + distance) % shares_.size()];
    word = other.word.load(std::memory_order_acquire);
    while ((word & kIsShared) != 0 && next_of(word) < end_of(word)) {
      constexpr Word kOneFewer = Word{1} << 16;
      if (!other.word.compare_exchange_weak(word, word - kOneFewer, std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
        continue;
      }
      const int64_t index = other.first + end_of(word) - 1;
      return WorkPiece{
          .thread = thread, .index = index, .likely_next = next_of(word) + 1 < end_of(word) ? index - 1 : -1};
    }
  }
  return std::nullopt;
}

}  // namespace braid
