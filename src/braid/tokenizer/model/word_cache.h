// A cache of words and their ids. The number of slots is fixed; a new word replaces the one in its slot. Tested by
// ../tokenizer_reference_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "braid/request/ids.h"

namespace braid {

class WordCache {
 public:
  static constexpr size_t kMaxWordBytes = 31;
  static constexpr size_t kMaxIds = 7;

  WordCache() : slots_(kNumSlots) {}

  // The ids of `word`; empty if it is not cached. (Words without ids are never cached.)
  std::span<const TokenId> find(std::string_view word) const {
    if (word.size() > kMaxWordBytes) return {};
    const Slot& slot = slots_[place(word)];
    if (slot.length != word.size() || std::memcmp(slot.word.data(), word.data(), word.size()) != 0) return {};
    return {slot.ids.data(), slot.num_ids};
  }

  void insert(std::string_view word, std::span<const TokenId> ids) {
    if (word.empty() || word.size() > kMaxWordBytes || ids.empty() || ids.size() > kMaxIds) return;
    Slot& slot = slots_[place(word)];
    slot.length = static_cast<uint8_t>(word.size());
    std::memcpy(slot.word.data(), word.data(), word.size());
    slot.num_ids = static_cast<uint32_t>(ids.size());
    std::copy(ids.begin(), ids.end(), slot.ids.begin());
  }

 private:
  static constexpr size_t kNumSlots = 1 << 14;  // of 64 bytes: 1 MB
  struct alignas(64) Slot {
    uint8_t length = 0;
    std::array<char, kMaxWordBytes> word{};
    uint32_t num_ids = 0;
    std::array<TokenId, kMaxIds> ids{};
  };
  static_assert(sizeof(Slot) == 64);

  static size_t place(std::string_view word) {
    uint64_t hash = word.size();
    size_t i = 0;
    for (; i + 8 <= word.size(); i += 8) hash = mix(hash, word.substr(i, 8));
    return static_cast<size_t>(mix(hash, word.substr(i)) >> 50);
  }
  static uint64_t mix(uint64_t hash, std::string_view bytes) {
    uint64_t value = 0;
    std::memcpy(&value, bytes.data(), bytes.size());
    hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
    return hash ^ (hash >> 29);
  }
  static_assert(kNumSlots == size_t{1} << (64 - 50));

  std::vector<Slot> slots_;
};

}  // namespace braid
