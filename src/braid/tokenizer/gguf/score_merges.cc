#include "braid/tokenizer/gguf/score_merges.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "braid/tokenizer/unicode/utf8.h"

namespace braid {
namespace {

// No merge makes a longer token. Published tokens have at most about 50 bytes, and each costs its length squared here.
constexpr size_t kMaxTokenBytes = 512;

struct FoundMerge {
  TokenId left = 0;
  TokenId right = 0;
  Merge merge;
};

}  // namespace

Result<MergeTable> merges_by_score(const GgufVocabulary& file, const Vocabulary& vocabulary) {
  std::vector<float> distinct = file.scores;
  for (size_t id = 0; id < distinct.size(); ++id) {
    if (std::isnan(distinct[id])) return fail("tokenizer.ggml.scores[{}] is not a number", id);
  }
  std::sort(distinct.begin(), distinct.end(), std::greater<>());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  const auto rank_of = [&](float score) {
    const auto found = std::lower_bound(distinct.begin(), distinct.end(), score, std::greater<>());
    return static_cast<uint32_t>(found - distinct.begin());
  };

  std::vector<FoundMerge> found;
  for (size_t id = 0; id < file.tokens.size(); ++id) {
    const int32_t type = file.token_types.empty() ? kGgufNormal : file.token_types[id];
    if (type != kGgufNormal && type != kGgufUserDefined) continue;
    const std::string_view token = *vocabulary.token(static_cast<TokenId>(id));
    if (token.size() > kMaxTokenBytes || vocabulary.find(token) != static_cast<TokenId>(id)) continue;
    size_t border = token.empty() ? 0 : unicode::sequence_length(token[0]);
    for (; border < token.size(); border += unicode::sequence_length(token[border])) {
      const std::optional<TokenId> left = vocabulary.find(token.substr(0, border));
      const std::optional<TokenId> right = vocabulary.find(token.substr(border));
      if (left && right) found.push_back({*left, *right, {rank_of(file.scores[id]), static_cast<TokenId>(id)}});
    }
  }
  MergeTable table(found.size());
  for (const FoundMerge& merge : found) table.insert(merge.left, merge.right, merge.merge);
  return table;
}

}  // namespace braid
