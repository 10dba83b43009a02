// The position of one output in its grammar: which tokens may come next, and whether it may end. Cheap to copy; copies
// are independent.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/compiled_grammar.h"
#include "braid/grammar/unique_item_walk.h"
#include "braid/grammar/unique_items.h"
#include "braid/request/ids.h"

namespace braid {

class GrammarMatcher {
 public:
  // `at_text_start`: the grammar's text is at the beginning of the decoded text, where the tokenizer's decoder may drop
  // a space.
  explicit GrammarMatcher(std::shared_ptr<const CompiledGrammar> grammar, bool at_text_start = true);

  // Appends a token to the output. If the grammar does not allow it: an error, and nothing changes.
  Status accept(TokenId token);
  // The same for any bytes; they need not be a token.
  Status accept_bytes(std::string_view bytes);

  // Sets the bits (id % 32 of word id / 32) of all tokens that may come next, and clears all others. `end_tokens` end
  // an output: they are allowed if and only if it is complete. An error if no token is allowed, or if the grammar is
  // too ambiguous.
  Status fill_mask(std::span<uint32_t> mask, std::span<const TokenId> end_tokens) const;
  size_t mask_words() const;

  bool is_complete() const { return is_complete_; }    // the accepted text is a whole text of the grammar
  bool can_continue() const { return can_continue_; }  // a longer text of the grammar starts with the accepted text

 private:
  // Needs the grammar's lock. Moves to the grammar's current memory if it was replaced.
  void follow_memory() const;
  void set_config(grammar::ConfigId config);
  // The place after the bytes. An error if they are not allowed. `walk`: null if the grammar has no unique items.
  Result<grammar::UniqueItemWalk::Place> place_after(std::string_view bytes, grammar::UniqueItemWalk* walk) const;

  std::shared_ptr<const CompiledGrammar> grammar_;
  mutable std::shared_ptr<CompiledGrammar::Memory> memory_;  // config_ is an id in this memory
  mutable grammar::ConfigId config_ = 0;
  mutable grammar::UniqueItems unique_items_;  // masks read ahead, and drop that
  bool at_text_start_ = false;
  bool is_complete_ = false;
  bool can_continue_ = false;
};

}  // namespace braid
