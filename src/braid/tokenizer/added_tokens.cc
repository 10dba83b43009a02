#include "braid/tokenizer/added_tokens.h"

#include <algorithm>
#include <utility>

#include "braid/tokenizer/model/vocabulary.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid {
namespace {

// Longer than any published token. Bounds the cost of a search at each byte.
constexpr size_t kMaxContentBytes = 1024;

}  // namespace

TokenTrie::TokenTrie() {
  roots_.fill(kNone);
}

uint32_t TokenTrie::child(uint32_t node, char byte) const {
  uint32_t found = nodes_[node].first_child;
  while (found != kNone && nodes_[found].byte != byte) found = nodes_[found].next_sibling;
  return found;
}

void TokenTrie::insert(std::string_view text, size_t token) {
  if (text.empty()) return;
  const auto add_node = [this](char byte, uint32_t sibling) {
    nodes_.push_back({byte, kNone, kNone, sibling});
    return static_cast<uint32_t>(nodes_.size() - 1);
  };
  uint32_t& root = roots_[static_cast<uint8_t>(text[0])];
  if (root == kNone) root = add_node(text[0], kNone);
  uint32_t node = root;
  for (const char byte : text.substr(1)) {
    uint32_t next = child(node, byte);
    if (next == kNone) {
      next = add_node(byte, nodes_[node].first_child);
      nodes_[node].first_child = next;
    }
    node = next;
  }
  if (nodes_[node].token == kNone) nodes_[node].token = static_cast<uint32_t>(token);
}

std::optional<TokenTrie::Match> TokenTrie::find(std::string_view text, size_t from) const {
  if (nodes_.empty()) return std::nullopt;
  for (size_t begin = from; begin < text.size(); ++begin) {
    std::optional<Match> longest;
    uint32_t node = roots_[static_cast<uint8_t>(text[begin])];
    for (size_t end = begin + 1; node != kNone; ++end) {
      if (nodes_[node].token != kNone) longest = Match{begin, end, nodes_[node].token};
      if (end == text.size()) break;
      node = child(node, text[end]);
    }
    if (longest) return longest;
  }
  return std::nullopt;
}

Result<AddedTokens> AddedTokens::make(std::vector<AddedToken> tokens, const Normalizer* normalizer) {
  AddedTokens added;
  RegexScratch scratch;
  added.tokens_ = std::move(tokens);
  for (size_t i = 0; i < added.tokens_.size(); ++i) {
    AddedToken& token = added.tokens_[i];
    if (token.content.size() > kMaxContentBytes) {
      return fail("the added token \"{}…\" has {} bytes, at most {} are allowed", token.content.substr(0, 50),
                  token.content.size(), kMaxContentBytes);
    }
    if (token.id < 0 || token.id >= kMaxTokenIds) {
      return fail("the added token \"{}\" has the id {}, ids lie in [0, {})", token.content, token.id, kMaxTokenIds);
    }
    if (!added.by_id_.emplace(token.id, i).second) return fail("two added tokens have the id {}", token.id);
    if (!added.by_content_.emplace(token.content, token.id).second) {
      return fail("the added token \"{}\" is given twice", token.content);
    }
    const bool is_changed =
        token.normalized && normalizer != nullptr && normalizer->normalize(token.content, scratch, token.text);
    if (!is_changed) token.text = token.content;
    if (token.text.size() > kMaxContentBytes) {
      return fail("the added token \"{}\" has {} bytes when it is normalised, at most {} are allowed",
                  token.content.substr(0, 50), token.text.size(), kMaxContentBytes);
    }
    added.tries_[token.normalized ? 1 : 0].insert(token.text, i);
    added.max_id_ = std::max<int64_t>(added.max_id_, token.id);
  }
  return added;
}

bool AddedTokens::touches_word(std::string_view text, size_t begin, size_t end) const {
  if (begin > 0 &&
      word_.contains(unicode::decode_valid(text.data() + unicode::last_character(text.substr(0, begin))))) {
    return true;
  }
  return end < text.size() && word_.contains(unicode::decode_valid(text.data() + end));
}

void AddedTokens::split(std::string_view text, bool is_normalized, FunctionRef<void(const Part&)> sink) const {
  const TokenTrie& trie = tries_[is_normalized ? 1 : 0];
  size_t done = 0;
  size_t from = 0;
  size_t space_end = 0;  // end of the white space after an earlier match: each run is scanned once, not once a match
  while (const std::optional<TokenTrie::Match> match = trie.find(text, from)) {
    const AddedToken& token = tokens_[match->token];
    size_t begin = match->begin;
    size_t end = match->end;
    from = end;
    if (token.single_word && touches_word(text, begin, end)) continue;
    if (token.lstrip) {
      while (begin > done) {
        const size_t previous = unicode::last_character(text.substr(0, begin));
        if (!space_.contains(unicode::decode_valid(text.data() + previous))) break;
        begin = previous;
      }
      begin = std::max(begin, done);
    }
    if (token.rstrip) {
      end = std::max(end, space_end);
      while (end < text.size() && space_.contains(unicode::decode_valid(text.data() + end))) {
        end += unicode::sequence_length(text[end]);
      }
      space_end = end;
    }
    if (done < begin) sink({done, begin, std::nullopt});
    // A match that strips both sides has nothing left if the token before took the white space around it.
    if (begin < end) sink({begin, end, token.id});
    // A match inside white space that the token before took still counts, as in the reference.
    done = end;
  }
  if (done < text.size()) sink({done, text.size(), std::nullopt});
}

const AddedToken* AddedTokens::find(TokenId id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[found->second];
}

std::optional<TokenId> AddedTokens::find(std::string_view content) const {
  const auto found = by_content_.find(std::string(content));
  return found == by_content_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace braid
