#include "braid/grammar/mask/vocabulary.h"

#include <algorithm>
#include <limits>
#include <numeric>

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

uint64_t kind_of_byte(uint8_t byte) {
  const auto is_in = [byte](uint8_t first, uint8_t last) { return first <= byte && byte <= last; };
  if (is_in('0', '9')) return 1;
  if (is_in('a', 'f')) return 2;
  if (is_in('g', 'z')) return 4;
  if (is_in('A', 'F')) return 8;
  if (is_in('G', 'Z')) return 16;
  if (byte >= 0x80) return 32;
  if (byte < ' ') return byte == '\n' ? 64 : 128;
  constexpr std::string_view kOthers = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\x7f";
  return uint64_t{256} << kOthers.find(static_cast<char>(byte));
}

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
    if (bytes.find('"') != std::string::npos) tokens_with_quotes_.push_back(static_cast<TokenId>(id));
    if (const size_t open = bytes.find('['); open != std::string::npos && bytes.find(',', open) != std::string::npos) {
      tokens_with_arrays_.push_back(static_cast<TokenId>(id));
    }
  }
  first_byte_.push_back(static_cast<uint32_t>(all_bytes_.size()));
  build_trie();
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
  kinds_below_.assign(nodes_.size(), 0);
  std::vector<uint32_t> parents(max_depth_ + 1, 0);  // by depth
  std::vector<uint32_t> parent_of(nodes_.size(), 0);
  for (uint32_t node = 1; node < nodes_.size() - 1; ++node) {
    parent_of[node] = parents[nodes_[node].depth - size_t{1}];
    parents[nodes_[node].depth] = node;
  }
  for (size_t node = nodes_.size() - 2; node > 0; --node) {
    kinds_below_[parent_of[node]] |= kinds_below_[node] | kind_of_byte(nodes_[node].byte);
  }
  root_children_.assign(256, 0);
  for (uint32_t node = 1; node < nodes_.size() - 1; node = nodes_[node].subtree_end) {
    root_children_[nodes_[node].byte] = node;
  }
}

}  // namespace braid::grammar
