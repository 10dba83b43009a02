// Where an image stands in a sequence of tokens. Plain data. Tested by request/image_span_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "braid/request/ids.h"
#include "braid/request/image_patches.h"

namespace braid {

// An image's tokens are placeholders: negative ids, which say which image they are of and where in it. So the same
// image in the same place is the same tokens, for the prefix cache and for everybody else who compares tokens.
struct ImageSpan {
  int32_t first = 0;   // of its tokens in the sequence
  int32_t tokens = 0;  // one for each row of its features
  PatchGrid grid;      // of those rows: after the tower has merged patches
  ImageKey key{};

  int32_t end() const { return first + tokens; }
  bool operator==(const ImageSpan&) const = default;
};

// The id of an image's token number `index`: 31 bits of a mix of key and index (splitmix64, Steele et al., OOPSLA
// 2014), negative.
inline TokenId placeholder_token(const ImageKey& key, int32_t index) {
  uint64_t words[4];
  static_assert(sizeof words == sizeof(ImageKey));
  std::memcpy(words, key.data(), sizeof words);
  // Each word of the key in turn, so that a few tokens depend on all of it.
  uint64_t x = words[static_cast<size_t>(index) % 4] + 0x9E3779B97F4A7C15U * (static_cast<uint64_t>(index) + 1);
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  x ^= x >> 31;
  return -1 - static_cast<TokenId>(x & 0x7FFFFFFFU);
}

inline bool is_placeholder(TokenId token) {
  return token < 0;
}

}  // namespace braid
