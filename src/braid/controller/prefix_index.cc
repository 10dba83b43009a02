#include "braid/controller/prefix_index.h"

#include <algorithm>
#include <utility>

namespace braid {
namespace {

constexpr size_t kFirstSlots = 1024;

void set_bit(uint64_t* words, int32_t group, bool value) {
  const uint64_t bit = uint64_t{1} << (group % 64);
  uint64_t& word = words[group / 64];
  word = value ? word | bit : word & ~bit;
}
bool has_bit(const uint64_t* words, int32_t group) {
  return (words[group / 64] >> (group % 64) & 1) != 0;
}

void keep(std::span<uint64_t> groups, int32_t only, std::span<const uint64_t> others) {
  if (!others.empty()) {
    for (size_t word = 0; word < groups.size(); ++word) groups[word] &= others[word];
    return;
  }
  const bool has_only = only >= 0 && has_bit(groups.data(), only);
  std::ranges::fill(groups, 0);
  if (has_only) set_bit(groups.data(), only, true);
}

}  // namespace

bool PrefixIndex::Holders::is_held(int32_t group) const {
  return held.empty() ? only == group && is_only_held : has_bit(held.data(), group);
}

void PrefixIndex::Holders::keep_cached(std::span<uint64_t> groups) const {
  keep(groups, only, cached);
}

void PrefixIndex::Holders::keep_held(std::span<uint64_t> groups) const {
  keep(groups, is_only_held ? only : -1, held);
}

PrefixIndex::PrefixIndex(int32_t num_groups) : num_words_((num_groups + 63) / 64) {
  resize(kFirstSlots);
}

// Of the key, or of the free slot where it would be.
size_t PrefixIndex::place_of(uint64_t key) const {
  size_t at = home_of(key);
  while (slots_[at].prefix != 0 && slots_[at].prefix != key) at = next(at);
  return at;
}

PrefixIndex::Holders PrefixIndex::find(uint64_t prefix) const {
  const Slot& slot = slots_[place_of(key_of(prefix))];
  if (slot.prefix == 0) return {};
  if ((slot.groups & kMany) == 0) {
    return {.only = static_cast<int32_t>(slot.groups / 2), .is_only_held = slot.groups % 2 == 1};
  }
  const auto len = static_cast<size_t>(num_words_);
  return {.cached = {set_of(slot.groups), len}, .held = {set_of(slot.groups) + len, len}};
}

bool PrefixIndex::add(uint64_t prefix, int32_t group) {
  const uint64_t key = key_of(prefix);
  size_t at = place_of(key);
  if (slots_[at].prefix == 0) {
    if (4 * (num_used_ + 1) > 3 * slots_.size()) {
      resize(2 * slots_.size());
      at = place_of(key);
    }
    slots_[at] = {.prefix = key, .groups = 2 * static_cast<uint32_t>(group)};
    ++num_used_;
    return true;
  }
  Slot& slot = slots_[at];
  if ((slot.groups & kMany) == 0) {
    if (slot.groups / 2 == static_cast<uint32_t>(group)) return false;
    spread(slot);
  }
  uint64_t* const cached = set_of(slot.groups);
  if (has_bit(cached, group)) return false;
  set_bit(cached, group, true);
  return true;
}

bool PrefixIndex::remove(uint64_t prefix, int32_t group) {
  return remove_at(place_of(key_of(prefix)), group);
}

bool PrefixIndex::remove_at(size_t at, int32_t group) {
  Slot& slot = slots_[at];
  if (slot.prefix == 0) return false;
  if ((slot.groups & kMany) == 0) {
    if (slot.groups / 2 != static_cast<uint32_t>(group)) return false;
    free_slot(at);
    return true;
  }
  uint64_t* const cached = set_of(slot.groups);
  if (!has_bit(cached, group)) return false;
  set_bit(cached, group, false);
  set_bit(cached + num_words_, group, false);
  narrow(slot);
  return true;
}

bool PrefixIndex::set_held(uint64_t prefix, int32_t group, bool is_held) {
  Slot& slot = slots_[place_of(key_of(prefix))];
  if (slot.prefix == 0) return false;
  if ((slot.groups & kMany) == 0) {
    if (slot.groups / 2 != static_cast<uint32_t>(group)) return false;
    const uint32_t changed = 2 * static_cast<uint32_t>(group) + (is_held ? 1 : 0);
    return std::exchange(slot.groups, changed) != changed;
  }
  uint64_t* const cached = set_of(slot.groups);
  uint64_t* const held = cached + num_words_;
  if (!has_bit(cached, group) || has_bit(held, group) == is_held) return false;
  set_bit(held, group, is_held);
  return true;
}

// Gives the slot's only group a set.
void PrefixIndex::spread(Slot& slot) {
  if (free_sets_.empty()) {
    free_sets_.push_back(static_cast<uint32_t>(sets_.size() / stride()));
    sets_.resize(sets_.size() + stride());
  }
  const uint32_t set = kMany | free_sets_.back();
  free_sets_.pop_back();
  std::fill_n(set_of(set), stride(), 0);
  const auto only = static_cast<int32_t>(slot.groups / 2);
  set_bit(set_of(set), only, true);
  set_bit(set_of(set) + num_words_, only, slot.groups % 2 == 1);
  slot.groups = set;
}

// If one group is left in the slot's set, the slot has its number again.
void PrefixIndex::narrow(Slot& slot) {
  const uint64_t* const cached = set_of(slot.groups);
  int count = 0;
  int32_t last = 0;
  for (int32_t word = 0; word < num_words_; ++word) {
    count += std::popcount(cached[word]);
    if (cached[word] != 0) last = word * 64 + std::countr_zero(cached[word]);
  }
  if (count > 1) return;
  const uint32_t is_held = has_bit(cached + num_words_, last) ? 1 : 0;
  free_sets_.push_back(slot.groups & ~kMany);
  slot.groups = 2 * static_cast<uint32_t>(last) + is_held;
}

// Moves later slots of the run back, so that each is found from its home without a gap.
void PrefixIndex::free_slot(size_t at) {
  --num_used_;
  size_t gap = at;
  for (size_t other = next(gap); slots_[other].prefix != 0; other = next(other)) {
    const size_t home = home_of(slots_[other].prefix);
    const size_t mask = slots_.size() - 1;
    if (((other - home) & mask) < ((other - gap) & mask)) continue;  // its home lies behind the gap
    slots_[gap] = slots_[other];
    gap = other;
  }
  slots_[gap] = {};
}

void PrefixIndex::clear(int32_t group) {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.size()));
  num_used_ = 0;
  for (const Slot& slot : old) {
    if (slot.prefix == 0) continue;
    const size_t at = place_of(slot.prefix);
    slots_[at] = slot;
    ++num_used_;
    remove_at(at, group);
  }
}

void PrefixIndex::resize(size_t num_slots) {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(num_slots));
  shift_ = 64 - std::countr_zero(num_slots);
  for (const Slot& slot : old) {
    if (slot.prefix != 0) slots_[place_of(slot.prefix)] = slot;
  }
}

int64_t PrefixIndex::num_bytes() const {
  return static_cast<int64_t>(slots_.size() * sizeof(Slot) + sets_.capacity() * sizeof(uint64_t) +
                              free_sets_.capacity() * sizeof(uint32_t));
}

}  // namespace braid
