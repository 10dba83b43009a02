#include "braid/tokenizer/model/merge_table.h"

#include <bit>

namespace braid {

MergeTable::MergeTable(size_t num_merges) {
  const size_t size = std::bit_ceil(num_merges * 2 + 2);
  entries_.resize(size);
  mask_ = size - 1;
  shift_ = 64 - std::countr_zero(size);
}

void MergeTable::insert(TokenId left, TokenId right, Merge merge) {
  const uint64_t wanted = key(left, right);
  size_t i = slot(wanted);
  while (entries_[i].key != kFree && entries_[i].key != wanted) i = (i + 1) & mask_;
  entries_[i] = {wanted, merge};
}

void MergeTable::for_each(FunctionRef<void(TokenId left, TokenId right)> visit) const {
  for (const Entry& entry : entries_) {
    if (entry.key != kFree)
      visit(static_cast<TokenId>(entry.key >> 32), static_cast<TokenId>(entry.key & ~uint32_t{0}));
  }
}

}  // namespace braid
