// Tokens to ids and back. Tested by ../json/tokenizer_json_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/request/ids.h"

namespace braid {

// Ids must be below this. It is four times the largest published vocabulary, and bounds the cost of a hostile file.
inline constexpr int64_t kMaxTokenIds = 1 << 21;

class Vocabulary {
 public:
  // Ids may have gaps. An id that is out of range or repeated is an error that names the token. If a token is repeated,
  // encoding uses its first id; decoding accepts both.
  static Result<Vocabulary> make(const std::vector<std::pair<std::string, int64_t>>& tokens);

  std::optional<TokenId> find(std::string_view token) const;
  std::optional<std::string_view> token(TokenId id) const {
    if (id < 0 || id >= size() || !exists_[static_cast<size_t>(id)]) return std::nullopt;
    return text_of(id);
  }
  int64_t size() const { return static_cast<int64_t>(exists_.size()); }  // largest id + 1

 private:
  // A slot of the table of hashes: an id below, and above it a part of its token's hash, which is never 0.
  using Slot = uint32_t;
  static constexpr int kIdBits = 21;
  static_assert(kMaxTokenIds == 1 << kIdBits);
  static constexpr Slot kFree = 0;

  std::string_view text_of(TokenId id) const {
    const size_t begin = begins_[static_cast<size_t>(id)];
    return {text_.data() + begin, begins_[static_cast<size_t>(id) + 1] - begin};
  }
  void insert(TokenId id);

  // Three blocks instead of a string for each token, which would take five times the memory.
  std::vector<char> text_;      // of all tokens, by id; never moves, because views point into it
  std::vector<size_t> begins_;  // of each token, and the end
  std::vector<bool> exists_;    // false: no token has this id
  std::vector<Slot> slots_{
      kFree};  // a power of two, at most two thirds full; a token is in the first free one from its own
};

}  // namespace braid
