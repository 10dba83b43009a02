// Where an image lies in a sequence. Its tokens there are placeholders, whose rows get the image's features instead of
// an embedding. Plain data. Tested by request/image_span_test.cc and model/grid_positions_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "braid/request/ids.h"
#include "braid/request/image_patches.h"

namespace braid {

// In a sequence's token ids a placeholder is a negative number, made from the image's key and the place within the
// image: where equal numbers are equal tokens, equal images in equal places are, too.
inline bool is_placeholder(TokenId token) {
  return token < 0;
}

// The id of an image's placeholder number `index`: 31 bits of a mix of key and index (splitmix64, Steele et al., OOPSLA
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

struct ImageSpan {
  int32_t first = 0;  // index in the sequence of its first placeholder
  ImageKey key = {};
  PatchGrid grid;  // after the tower merged patches: one token each, row by row
  // Of frames of a video whose time is in their positions (Qwen2.5-VL): the time of their tokens, from the video's
  // first.
  int32_t time = 0;
  // Its rows and columns begin where those of the image before do, which ends where this one begins: frames of one
  // video.
  bool continues_video = false;

  // None of its tokens has a time as large as this.
  int64_t positions_end() const { return int64_t{first} + time + grid.frames; }
  int32_t num_tokens() const { return static_cast<int32_t>(grid.count()); }
  int32_t end() const { return first + num_tokens(); }
  bool operator==(const ImageSpan&) const = default;
};

}  // namespace braid
