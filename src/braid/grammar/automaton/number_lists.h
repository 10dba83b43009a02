// Numbers different lists in the order in which they are first met: what the subset constructions and products of
// automata look up for each of their edges. All lists lie in one array. Tested by number_lists_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace braid::grammar {

class NumberLists {
 public:
  // The number of this list. A new one gets the number size().
  uint32_t find_or_add(std::span<const uint32_t> list);

  uint32_t size() const { return static_cast<uint32_t>(ends_.size()); }
  // Valid until a list is added.
  std::span<const uint32_t> operator[](uint32_t number) const {
    const size_t begin = number == 0 ? 0 : ends_[number - 1];
    return std::span(values_).subspan(begin, ends_[number] - begin);
  }

 private:
  void grow();

  std::vector<uint32_t> values_;
  std::vector<size_t> ends_;      // of each list, in values_
  std::vector<uint64_t> hashes_;  // of each list
  std::vector<uint32_t> slots_;   // a number + 1, or 0; at most half of them are taken
};

}  // namespace braid::grammar
