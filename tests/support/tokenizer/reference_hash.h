// The hash by which testdata/ records the reference's result for a string: FNV-1a over ids and decoded texts (hash_of()
// in tools/make_tokenizer_fixtures.py).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "braid/tokenizer/tokenizer.h"

namespace braid::testing {

inline constexpr uint32_t kHashStart = 0x811C9DC5;

inline uint32_t fnv(std::string_view data, uint32_t hash = kHashStart) {
  for (const char c : data) hash = (hash ^ static_cast<uint8_t>(c)) * 0x01000193u;
  return hash;
}

inline uint32_t fnv_u32(uint32_t value, uint32_t hash) {
  const char bytes[] = {static_cast<char>(value), static_cast<char>(value >> 8), static_cast<char>(value >> 16),
                        static_cast<char>(value >> 24)};
  return fnv({bytes, 4}, hash);
}

inline uint32_t reference_hash(const Tokenizer& tokenizer, std::string_view text) {
  const std::vector<TokenId> ids = tokenizer.encode(text, true);
  uint32_t hash = kHashStart;
  for (const TokenId id : ids) hash = fnv_u32(static_cast<uint32_t>(id), hash);
  hash = fnv(tokenizer.decode(ids, true), hash);
  return fnv(tokenizer.decode(ids, false), hash);
}

}  // namespace braid::testing
