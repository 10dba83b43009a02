#include "braid/grammar/mask/vocabulary.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "braid/grammar/mask/utf8_place.h"

namespace braid::grammar {
namespace {

// Tries it with the decoder itself, on the first few tokens that would show it.
bool drops_first_space(const Tokenizer& tokenizer, const Vocabulary& vocabulary) {
  int asked = 0;
  for (TokenId id = 0; id < vocabulary.size() && asked < 4; ++id) {
    const std::string_view bytes = vocabulary.bytes(id);
    if (vocabulary.is_special(id) || bytes.size() < 2 || bytes[0] != ' ' || bytes[1] < 'a' || bytes[1] > 'z') continue;
    ++asked;
    const TokenId ids[] = {id};
    if (tokenizer.decode(ids, false) == bytes.substr(1)) return true;
  }
  return false;
}

}  // namespace

Vocabulary::Vocabulary(const Tokenizer& tokenizer) {
  const auto count = static_cast<size_t>(tokenizer.vocab_size());
  first_byte_.reserve(count + 1);
  special_.resize(count, 0);
  constexpr size_t kMaxTokenBytes = std::numeric_limits<uint16_t>::max();
  for (size_t id = 0; id < count; ++id) {
    first_byte_.push_back(static_cast<uint32_t>(all_bytes_.size()));
    const std::string bytes = tokenizer.token_bytes(static_cast<TokenId>(id));
    if (tokenizer.is_special(static_cast<TokenId>(id)) || bytes.empty() || bytes.size() > kMaxTokenBytes) {
      special_[id] = 1;
      continue;
    }
    tokens_.push_back(static_cast<TokenId>(id));
    all_bytes_ += bytes;
    for (const char byte : bytes) available_.set(static_cast<uint8_t>(byte));
  }
  first_byte_.push_back(static_cast<uint32_t>(all_bytes_.size()));
  build_trie();
  find_kinds();
  find_json_tokens();
  drops_first_space_ = grammar::drops_first_space(tokenizer, *this);
}

void Vocabulary::build_trie() {
  std::ranges::sort(tokens_, [this](TokenId a, TokenId b) {
    const int order = bytes(a).compare(bytes(b));
    return order != 0 ? order < 0 : a < b;
  });
  nodes_.push_back({});
  std::vector<uint32_t> path = {0};  // the nodes from the root to the last token's node
  std::string_view last;
  for (uint32_t i = 0; i < tokens_.size(); ++i) {
    const std::string_view token = bytes(tokens_[i]);
    size_t shared = 0;
    while (shared < last.size() && shared < token.size() && last[shared] == token[shared]) ++shared;
    while (path.size() > shared + 1) {
      nodes_[path.back()].subtree_end = static_cast<uint32_t>(nodes_.size());
      path.pop_back();
    }
    for (size_t at = shared; at < token.size(); ++at) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back(
          {.first_token = i, .depth = static_cast<uint16_t>(at + 1), .byte = static_cast<uint8_t>(token[at])});
    }
    max_depth_ = std::max(max_depth_, token.size());
    last = token;
  }
  for (const uint32_t node : path) nodes_[node].subtree_end = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back({.first_token = static_cast<uint32_t>(tokens_.size())});
  // A node's tokens come before those of its children, which are the next nodes, so first_token is already right. For
  // nodes on the path to a token, first_token is that token's index too.
  root_children_.assign(256, 0);
  for (uint32_t node = 1; node < nodes_.size() - 1; node = nodes_[node].subtree_end) {
    root_children_[nodes_[node].byte] = node;
  }
}

void Vocabulary::find_kinds() {
  kinds_below_.assign(nodes_.size(), 0);
  std::vector<uint32_t> parents(max_depth_ + 1, 0);  // by depth
  std::vector<uint32_t> parent_of(nodes_.size(), 0);
  for (uint32_t node = 1; node < nodes_.size() - 1; ++node) {
    parent_of[node] = parents[nodes_[node].depth - size_t{1}];
    parents[nodes_[node].depth] = node;
    const bool goes_on = nodes_[node].byte >= 0x80 && nodes_[node].byte < 0xC0;
    nodes_[node].num_begun = static_cast<uint16_t>(nodes_[parent_of[node]].num_begun + (goes_on ? 0 : 1));
  }
  lengths_.reserve(tokens_.size());
  for (uint32_t node = 0; node < nodes_.size() - 1; ++node) {
    lengths_.insert(lengths_.end(), tokens_at(node).size(), nodes_[node].num_begun);
  }
  // By node: bits of the places (Utf8Place) from which all that follows the node is characters.
  std::vector<uint8_t> fits(nodes_.size(), 0xFF);
  for (size_t node = nodes_.size() - 2; node > 0; --node) {
    const uint32_t parent = parent_of[node];
    kinds_below_[parent] |= kinds_below_[node] | kind_of_byte(nodes_[node].byte);
    for (int place = 0; place < kNumUtf8Places; ++place) {
      const Utf8Place next = utf8_place_after(static_cast<Utf8Place>(place), nodes_[node].byte);
      const bool fits_here = next != Utf8Place::kNone && (fits[node] >> static_cast<int>(next) & 1) != 0;
      if (!fits_here) fits[parent] = static_cast<uint8_t>(fits[parent] & ~(1U << place));
    }
  }
  for (size_t node = 0; node < nodes_.size() - 1; ++node) {
    kinds_below_[node] &= ~kNoCharacter;
    if ((fits[node] & 1) == 0) kinds_below_[node] |= kNoCharacter;
  }
}

void Vocabulary::find_json_tokens() {
  for (const TokenId token : tokens_) {
    const std::string_view text = bytes(token);
    const size_t quote = text.find('"');
    if (quote != std::string_view::npos) {
      // (A ',' would ask for an item more, of which there may be none.)
      const bool only_ends =
          text.find('\\') > quote && text.find_first_not_of(": \n\t", quote + 1) == std::string_view::npos;
      (only_ends ? tokens_ending_strings_ : tokens_past_strings_).push_back(token);
    }
    const size_t open = text.find('[');
    if (open != std::string_view::npos && text.find(',', open) != std::string_view::npos) {
      tokens_with_arrays_.push_back(token);
    }
  }
}

}  // namespace braid::grammar
