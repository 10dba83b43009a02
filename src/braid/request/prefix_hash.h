// Hashes by which a DP group tells the controller what its prefix cache has: one for each full page, over all tokens up
// to the page's end. Equal in every process. Two prefixes may share a hash, so it never decides what a sequence reads.
// Tested by prefix_hash_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "braid/request/ids.h"

namespace braid {

// Set in the tokens by which the prefix cache finds the keys of a long request (ModelConfig::long_rope_from): no
// vocabulary has such tokens.
inline constexpr TokenId kLongPrefixBit = TokenId{1} << 30;

// The hash of a prefix that goes on with this page; `prefix`: the hash of what is before it, 0 if it is the first page.
// `bit`: set in each token.
inline uint64_t prefix_hash(uint64_t prefix, std::span<const TokenId> page, TokenId bit = 0) {
  uint64_t hash = (prefix + 1) * 0x9e3779b97f4a7c15U;
  const auto add = [&](uint64_t word) {
    hash = (hash ^ word) * 0xff51afd7ed558ccdU;
    hash ^= hash >> 32;
  };
  const auto at = [&](size_t i) { return uint64_t{static_cast<uint32_t>(page[i] | bit)}; };
  // Two tokens at a time: each addition waits for the one before it.
  size_t i = 0;
  for (; i + 1 < page.size(); i += 2) add(at(i) | at(i + 1) << 32);
  if (i < page.size()) add(at(i));
  return hash;
}

// The same prefix in another KV group (kv/kv_group.h). The widest one is number 0.
inline uint64_t prefix_hash_in(uint64_t prefix, int32_t kv_group) {
  if (kv_group == 0) return prefix;
  const uint64_t hash = (prefix ^ static_cast<uint64_t>(kv_group)) * 0xff51afd7ed558ccdU;
  return hash ^ (hash >> 32);
}

// Of every full page of the tokens.
inline std::vector<uint64_t> prefix_hashes(std::span<const TokenId> tokens, int32_t page_size, bool is_long) {
  const auto page_len = static_cast<size_t>(page_size);
  std::vector<uint64_t> hashes;
  hashes.reserve(tokens.size() / page_len);
  uint64_t hash = 0;
  for (size_t first = 0; first + page_len <= tokens.size(); first += page_len) {
    hash = prefix_hash(hash, tokens.subspan(first, page_len), is_long ? kLongPrefixBit : 0);
    hashes.push_back(hash);
  }
  return hashes;
}

}  // namespace braid
