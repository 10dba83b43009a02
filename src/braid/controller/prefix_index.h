// Which groups have which prefixes: a hash table from prefixes (request/prefix_hash.h) to sets of groups. One walk over
// a prompt's prefixes so answers for all groups at once. Nearly every prefix is in one group only: a slot has room for
// its number, and larger sets lie beside the table.
//
// 16 bytes a slot, and at most three quarters of the slots are used. It never shrinks. Tested by prefix_index_test.cc.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace braid {

// Calls `act` for every bit that is set.
template <typename Act>
void for_each_group(std::span<const uint64_t> groups, const Act& act) {
  for (size_t word = 0; word < groups.size(); ++word) {
    for (uint64_t left = groups[word]; left != 0; left &= left - 1) {
      act(static_cast<int32_t>(word * 64) + std::countr_zero(left));
    }
  }
}

class PrefixIndex {
 public:
  explicit PrefixIndex(int32_t num_groups);

  // The groups that have a prefix, and those where a sequence holds it. Valid until the next change.
  struct Holders {
    int32_t only = -1;  // the only group that has it
    bool is_only_held = false;
    std::span<const uint64_t> cached = {};  // if there are several: a bit for each group
    std::span<const uint64_t> held = {};

    bool is_empty() const { return only < 0 && cached.empty(); }
    bool is_held(int32_t group) const;
    // Removes the groups that do not have it, or do not hold it, from a set.
    void keep_cached(std::span<uint64_t> groups) const;
    void keep_held(std::span<uint64_t> groups) const;
    template <typename Act>
    void for_each(const Act& act) const {
      if (only >= 0) act(only);
      for_each_group(cached, act);
    }
  };
  Holders find(uint64_t prefix) const;

  // Each returns false if that changes nothing. Only a prefix that the group has can be held.
  bool add(uint64_t prefix, int32_t group);
  bool remove(uint64_t prefix, int32_t group);
  bool set_held(uint64_t prefix, int32_t group, bool is_held);
  // Removes all prefixes of the group. O(all prefixes).
  void clear(int32_t group);

  int64_t num_prefixes() const { return static_cast<int64_t>(num_used_); }
  int64_t num_bytes() const;
  int32_t num_words() const { return num_words_; }  // of a set of groups

 private:
  // The groups: 2 * the only group + is_held; or kMany + the place in sets_.
  struct Slot {
    uint64_t prefix = 0;  // 0: the slot is free
    uint32_t groups = 0;
  };
  static constexpr uint32_t kMany = uint32_t{1} << 31;

  static uint64_t key_of(uint64_t prefix) { return prefix == 0 ? 1 : prefix; }
  size_t home_of(uint64_t key) const { return (key * 0x9e3779b97f4a7c15U) >> shift_; }
  size_t next(size_t at) const { return (at + 1) & (slots_.size() - 1); }
  size_t place_of(uint64_t key) const;
  uint64_t* set_of(uint32_t groups) { return sets_.data() + size_t{groups & ~kMany} * stride(); }
  const uint64_t* set_of(uint32_t groups) const { return sets_.data() + size_t{groups & ~kMany} * stride(); }
  size_t stride() const { return 2 * static_cast<size_t>(num_words_); }
  void spread(Slot& slot);
  void narrow(Slot& slot);
  bool remove_at(size_t at, int32_t group);
  void free_slot(size_t at);
  void resize(size_t num_slots);

  const int32_t num_words_;
  std::vector<Slot> slots_;  // a power of two; linear probing
  int shift_ = 0;
  size_t num_used_ = 0;
  std::vector<uint64_t> sets_;  // [sets][2: cached, held][num_words_]
  std::vector<uint32_t> free_sets_;
};

}  // namespace braid
