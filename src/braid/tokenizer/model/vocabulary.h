// Tokens and their ids, both ways.
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

// Ids must lie below this: four times the largest published vocabulary, and a bound on what a hostile file costs.
inline constexpr int64_t kMaxTokenIds = 1 << 21;

class Vocabulary {
 public:
  // Ids may have gaps. An id out of range or given twice is an error that names the token. Where a token comes twice,
  // its first id is what text becomes; both ids become text.
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
  std::vector<std::pair<std::string, int64_t>> storage_;  // never changes, so that views into it stay
  std::vector<std::string_view> tokens_;                  // by id; data() == nullptr: no such id
  std::unordered_map<std::string_view, TokenId> ids_;
};

}  // namespace braid
