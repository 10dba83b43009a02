#include "braid/tokenizer/model/vocabulary.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace braid {
namespace {

// Above the id of a slot.
uint32_t mark_of(size_t hash, int id_bits) {
  const auto bits = static_cast<uint32_t>(uint64_t{hash} >> (32 + id_bits));
  return std::max(bits, uint32_t{1}) << id_bits;
}

}  // namespace

Result<Vocabulary> Vocabulary::make(const std::vector<std::pair<std::string, int64_t>>& tokens) {
  int64_t num_ids = 0;
  size_t num_chars = 0;
  for (const auto& [token, id] : tokens) {
    if (id < 0 || id >= kMaxTokenIds) {
      return fail("the token \"{}\" has the id {}, ids lie in [0, {})", token.substr(0, 100), id, kMaxTokenIds);
    }
    num_ids = std::max(num_ids, id + 1);
    num_chars += token.size();
  }
  std::vector<const std::string*> by_id(static_cast<size_t>(num_ids), nullptr);
  for (const auto& [token, id] : tokens) {
    const std::string*& own = by_id[static_cast<size_t>(id)];
    if (own != nullptr) {
      return fail("the id {} is given twice, to \"{}\" and to \"{}\"", id, own->substr(0, 100), token.substr(0, 100));
    }
    own = &token;
  }
  Vocabulary vocabulary;
  vocabulary.text_.reserve(num_chars);
  vocabulary.begins_.reserve(by_id.size() + 1);
  vocabulary.exists_.reserve(by_id.size());
  for (const std::string* token : by_id) {
    vocabulary.begins_.push_back(vocabulary.text_.size());
    vocabulary.exists_.push_back(token != nullptr);
    if (token != nullptr) vocabulary.text_.insert(vocabulary.text_.end(), token->begin(), token->end());
  }
  vocabulary.begins_.push_back(vocabulary.text_.size());
  vocabulary.slots_.assign(std::bit_ceil(tokens.size() + tokens.size() / 2 + 1), kFree);
  for (const auto& [token, id] : tokens) vocabulary.insert(static_cast<TokenId>(id));
  return vocabulary;
}

void Vocabulary::insert(TokenId id) {
  const std::string_view token = text_of(id);
  if (find(token)) return;
  const size_t hash = std::hash<std::string_view>()(token);
  size_t at = hash & (slots_.size() - 1);
  while (slots_[at] != kFree) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = mark_of(hash, kIdBits) | static_cast<Slot>(id);
}

std::optional<TokenId> Vocabulary::find(std::string_view token) const {
  const size_t hash = std::hash<std::string_view>()(token);
  const Slot mark = mark_of(hash, kIdBits);
  for (size_t at = hash & (slots_.size() - 1); slots_[at] != kFree; at = (at + 1) & (slots_.size() - 1)) {
    constexpr Slot kIdMask = (Slot{1} << kIdBits) - 1;
    if ((slots_[at] & ~kIdMask) != mark) continue;
    const auto id = static_cast<TokenId>(slots_[at] & kIdMask);
    if (text_of(id) == token) return id;
  }
  return std::nullopt;
}

}  // namespace braid
