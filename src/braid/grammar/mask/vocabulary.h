// A tokenizer's vocabulary for grammars: a trie of the bytes of every token that can be written. Built once for a
// tokenizer; immutable. Tested by ../grammar_matcher_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/grammar/automaton/character_bytes.h"
#include "braid/request/ids.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid::grammar {

// The byte's kind, as one bit. Of at most 64 kinds: bytes that patterns mostly treat alike share one.
constexpr uint64_t kind_of_byte(uint8_t byte) {
  const auto is_in = [byte](uint8_t first, uint8_t last) { return first <= byte && byte <= last; };
  if (is_in('0', '9')) return 1;
  if (is_in('A', 'F')) return 2;
  if (is_in('G', 'Z')) return 4;
  if (byte >= 0x80) return 8;
  if (byte < ' ') return byte == '\n' ? 16 : 32;
  constexpr std::string_view kAlone = "abcdefghiklmnoprstuvwy !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\x7f";
  static_assert(kAlone.size() <= 57);
  const size_t place = kAlone.find(static_cast<char>(byte));
  return place == std::string_view::npos ? 64 : uint64_t{128} << place;  // j, q, x, z are rare
}
inline constexpr uint64_t kNoCharacter = uint64_t{1} << 63;  // no byte's kind, see kinds_below()

class Vocabulary {
 public:
  // Excludes special tokens and tokens without bytes: no grammar's text contains them.
  explicit Vocabulary(const Tokenizer& tokenizer);

  int64_t size() const { return static_cast<int64_t>(first_byte_.size()) - 1; }  // ids lie in [0, size)
  std::string_view bytes(TokenId id) const {
    const auto i = static_cast<size_t>(id);
    return std::string_view(all_bytes_).substr(first_byte_[i], first_byte_[i + 1] - first_byte_[i]);
  }
  bool is_special(TokenId id) const { return special_[static_cast<size_t>(id)] != 0; }

  // The bytes that occur in tokens; no other byte can be written.
  const ByteSet& available_bytes() const { return available_; }
  // True if a text is shown without its first space when its first token contains it (SentencePiece's dummy prefix).
  bool drops_first_space() const { return drops_first_space_; }

  // The trie, in preorder: a node's subtree follows it, up to `subtree_end`. Node 0 is the root.
  struct Node {
    uint32_t subtree_end = 0;
    uint32_t first_token = 0;  // tokens that end here: tokens()[first_token, the next node's first_token)
    uint16_t depth = 0;        // bytes from the root
    uint16_t num_begun = 0;    // characters that begin there: bytes that do not continue one
    uint8_t byte = 0;
  };
  std::span<const Node> nodes() const { return std::span(nodes_).first(nodes_.size() - 1); }
  std::span<const TokenId> tokens_at(uint32_t node) const {
    return std::span(tokens_).subspan(nodes_[node].first_token,
                                      nodes_[node + 1].first_token - nodes_[node].first_token);
  }
  std::span<const TokenId> tokens_below(uint32_t node) const {  // at the node and below
    return std::span(tokens_).subspan(nodes_[node].first_token,
                                      nodes_[nodes_[node].subtree_end].first_token - nodes_[node].first_token);
  }
  // The number, in the order of bytes, of the first token at the node or after it; sorted_tokens() has their ids. A
  // part's end is a node as well.
  uint32_t first_token(uint32_t node) const { return nodes_[node].first_token; }
  std::span<const TokenId> sorted_tokens() const { return tokens_; }
  // Of each of the sorted tokens, the characters that begin in it (Node::num_begun).
  std::span<const uint16_t> sorted_lengths() const { return lengths_; }
  // The kinds of the bytes (kind_of_byte) below the node, without its own; and kNoCharacter if they are not all
  // characters, or the beginnings of one, which begin after the node.
  uint64_t kinds_below(uint32_t node) const { return kinds_below_[node]; }
  // In the order of their bytes: tokens that, in a string, end it and nothing more, and those that go on after it; and
  // tokens that open an array and separate items.
  std::span<const TokenId> tokens_ending_strings() const { return tokens_ending_strings_; }
  std::span<const TokenId> tokens_past_strings() const { return tokens_past_strings_; }
  std::span<const TokenId> tokens_with_arrays() const { return tokens_with_arrays_; }
  uint32_t child_of_root(uint8_t byte) const { return root_children_[byte]; }  // 0 if none
  size_t max_depth() const { return max_depth_; }

 private:
  void build_trie();
  void find_kinds();
  void find_json_tokens();

  std::string all_bytes_;
  std::vector<uint32_t> first_byte_;
  std::vector<char> special_;
  ByteSet available_;
  bool drops_first_space_ = false;
  std::vector<Node> nodes_;            // and one more, which ends the last node
  std::vector<TokenId> tokens_;        // sorted by their bytes
  std::vector<uint16_t> lengths_;      // of each
  std::vector<uint64_t> kinds_below_;  // by node
  std::vector<TokenId> tokens_ending_strings_;
  std::vector<TokenId> tokens_past_strings_;
  std::vector<TokenId> tokens_with_arrays_;
  std::vector<uint32_t> root_children_;
  size_t max_depth_ = 0;
};

// A set of tokens: bit id % 32 of word id / 32.
inline size_t mask_words(int64_t vocab_size) {
  return static_cast<size_t>((vocab_size + 31) / 32);
}
inline void set_bit(std::span<uint32_t> mask, TokenId id) {
  mask[static_cast<size_t>(id) / 32] |= uint32_t{1} << (static_cast<size_t>(id) % 32);
}
inline void clear_bit(std::span<uint32_t> mask, TokenId id) {
  mask[static_cast<size_t>(id) / 32] &= ~(uint32_t{1} << (static_cast<size_t>(id) % 32));
}
inline bool has_bit(std::span<const uint32_t> mask, TokenId id) {
  return (mask[static_cast<size_t>(id) / 32] >> (static_cast<size_t>(id) % 32) & 1) != 0;
}

}  // namespace braid::grammar
