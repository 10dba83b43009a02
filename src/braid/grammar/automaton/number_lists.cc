#include "braid/grammar/automaton/number_lists.h"

#include <algorithm>
#include <array>

#include "braid/grammar/mixed_bits.h"

namespace braid::grammar {
namespace {

constexpr uint64_t kOdd = 0x9E3779B97F4A7C15ULL;

// Polynomials in an odd number, then mixed: lists may have hundreds of numbers. A long list has four, whose products do
// not wait for each other.
uint64_t hash_of_list(std::span<const uint32_t> list) {
  uint64_t hash = list.size();
  if (list.size() >= 16) {
    std::array<uint64_t, 4> sums{};
    for (; list.size() >= 4; list = list.subspan(4)) {
      for (size_t i = 0; i < 4; ++i) sums[i] = sums[i] * kOdd + list[i];
    }
    for (const uint64_t sum : sums) hash = mixed_bits(hash + sum);
  }
  for (const uint32_t value : list) hash = hash * kOdd + value;
  return mixed_bits(hash);
}

}  // namespace

uint32_t NumberLists::find_or_add(std::span<const uint32_t> list) {
  if (slots_.size() < 2 * (ends_.size() + 1)) grow();
  const uint64_t hash = hash_of_list(list);
  const size_t mask = slots_.size() - 1;
  size_t slot = hash & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const uint32_t number = slots_[slot] - 1;
    if (hashes_[number] == hash && std::ranges::equal((*this)[number], list)) return number;
  }
  values_.insert(values_.end(), list.begin(), list.end());
  ends_.push_back(values_.size());
  hashes_.push_back(hash);
  slots_[slot] = size();
  return size() - 1;
}

void NumberLists::grow() {
  slots_.assign(std::max<size_t>(64, 2 * slots_.size()), 0);
  const size_t mask = slots_.size() - 1;
  for (uint32_t number = 0; number < size(); ++number) {
    size_t slot = hashes_[number] & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = number + 1;
  }
}

}  // namespace braid::grammar
