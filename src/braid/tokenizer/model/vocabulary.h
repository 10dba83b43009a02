// Tokens to ids and back. Tested by ../json/tokenizer_json_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
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
  static Result<Vocabulary> make(std::vector<std::pair<std::string, int64_t>> tokens);

  std::optional<TokenId> find(std::string_view token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<std::string_view> token(TokenId id) const {
    if (id < 0 || static_cast<size_t>(id) >= tokens_.size() || tokens_[id].data() == nullptr) return std::nullopt;
    return tokens_[id];
  }
  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }  // largest id + 1

 private:
  std::vector<std::pair<std::string, int64_t>> storage_;  // never changes: views point into it
  std::vector<std::string_view> tokens_;                  // by id; data() is null if there is no such id
  std::unordered_map<std::string_view, TokenId> ids_;
};

}  // namespace braid
