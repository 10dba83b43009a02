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

}  // namespace braid
