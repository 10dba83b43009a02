// Lists that share their beginnings. An entry names the one before it, so the number of its last entry stands for a
// list, and several lists can go on from one entry without a copy. Tested by unique_items_test.cc.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace braid::grammar {

template <typename T>
class Chains {
 public:
  static constexpr uint32_t kEmpty = UINT32_MAX;  // the list without entries

  // Returns the list `before` with one entry more.
  uint32_t add(uint32_t before, T value) {
    entries_.push_back({std::move(value), before});
    return static_cast<uint32_t>(entries_.size() - 1);
  }
  T& last(uint32_t list) { return entries_[list].value; }
  const T& last(uint32_t list) const { return entries_[list].value; }
  uint32_t before(uint32_t list) const { return entries_[list].before; }
  bool contains(uint32_t list, const T& value) const {
    for (; list != kEmpty; list = before(list)) {
      if (last(list) == value) return true;
    }
    return false;
  }
  // The entries from the first one to the last one.
  std::vector<T> values(uint32_t list) const {
    std::vector<T> all;
    for (; list != kEmpty; list = before(list)) all.push_back(last(list));
    std::ranges::reverse(all);
    return all;
  }

  size_t size() const { return entries_.size(); }
  // Removes the entries that were added after there were `size`.
  void shrink(size_t size) { entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(size), entries_.end()); }

 private:
  struct Entry {
    T value = {};
    uint32_t before = kEmpty;
  };
  std::vector<Entry> entries_;
};

}  // namespace braid::grammar
