#include "braid/tokenizer/model/vocabulary.h"

#include <algorithm>

namespace braid {

Result<Vocabulary> Vocabulary::make(std::vector<std::pair<std::string, int64_t>> tokens) {
  Vocabulary vocabulary;
  vocabulary.storage_ = std::move(tokens);
  int64_t num_ids = 0;
  for (const auto& [token, id] : vocabulary.storage_) {
    if (id < 0 || id >= kMaxTokenIds) {
      return fail("the token \"{}\" has the id {}, ids lie in [0, {})", token.substr(0, 100), id, kMaxTokenIds);
    }
    num_ids = std::max(num_ids, id + 1);
  }
  vocabulary.tokens_.resize(num_ids);
  vocabulary.ids_.reserve(vocabulary.storage_.size());
  for (const auto& [token, id] : vocabulary.storage_) {
    if (vocabulary.tokens_[id].data() != nullptr) {
      return fail("the id {} is given twice, to \"{}\" and to \"{}\"", id, vocabulary.tokens_[id].substr(0, 100),
                  token.substr(0, 100));
    }
    vocabulary.tokens_[id] = token;
    vocabulary.ids_.emplace(token, static_cast<TokenId>(id));
  }
  return vocabulary;
}

}  // namespace braid
