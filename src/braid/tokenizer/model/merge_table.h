// Which adjacent ids merge, in which order, and into which id. A flat hash table: it is read for every pair of every
// word. Tested by ../tokenizer_reference_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/request/ids.h"

namespace braid {

struct Merge {
  uint32_t rank = 0;  // lower ranks merge first, equal ranks from left to right
  TokenId merged = 0;
};

class MergeTable {
 public:
  explicit MergeTable(size_t num_merges);

  // A repeated pair takes the later rank.
  void insert(TokenId left, TokenId right, Merge merge);

  void for_each(FunctionRef<void(TokenId left, TokenId right)> visit) const;

  const Merge* find(TokenId left, TokenId right) const {
    const uint64_t wanted = key(left, right);
    for (size_t i = slot(wanted);; i = (i + 1) & mask_) {
      if (entries_[i].key == wanted) return &entries_[i].merge;
      if (entries_[i].key == kFree) return nullptr;
    }
  }

 private:
  static constexpr uint64_t kFree = ~uint64_t{0};  // no pair has this key: ids are not negative
  struct Entry {
    uint64_t key = kFree;
    Merge merge;
  };
  static uint64_t key(TokenId left, TokenId right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t slot(uint64_t wanted) const { return (wanted * 0x9E3779B97F4A7C15u) >> shift_; }

  std::vector<Entry> entries_;  // a power of two, at most half full
  size_t mask_ = 0;
  int shift_ = 0;
};

}  // namespace braid
