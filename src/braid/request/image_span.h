// Where an image lies in a sequence. Its tokens there are placeholders, whose rows get the image's features instead of
// an embedding. Plain data. Tested by model/grid_positions_test.cc.
#pragma once

#include <cstdint>

#include "braid/request/image_patches.h"
#include "braid/request/ids.h"

namespace braid {

// In a sequence's token ids a placeholder is a negative number, made from the image's key and the place within the
// image: where equal numbers are equal tokens, equal images in equal places are, too.
inline bool is_placeholder(TokenId token) {
  return token < 0;
}

struct ImageSpan {
  int32_t first = 0;  // index in the sequence of its first placeholder
  ImageKey key = {};
  PatchGrid grid;  // after the tower merged patches: one token each, row by row

  int32_t num_tokens() const { return static_cast<int32_t>(grid.count()); }
  int32_t end() const { return first + num_tokens(); }

  bool operator==(const ImageSpan&) const = default;
};

}  // namespace braid
