// Where one output stands in its grammar: which tokens may come next, and whether it may end. Cheap to copy; a copy
// goes its own way.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/compiled_grammar.h"
#include "braid/request/ids.h"

namespace braid {

class GrammarMatcher {
 public:
  // `at_text_start`: the grammar's text is the first that the tokenizer's decoder sees, which may drop a space there.
  explicit GrammarMatcher(std::shared_ptr<const CompiledGrammar> grammar, bool at_text_start = true);

  // The output goes on with this token. An error, and nothing changed, if the grammar does not allow it.
  Status accept(TokenId token);
  // The same with plain bytes, which need be no token.
  Status accept_bytes(std::string_view bytes);

  // Sets the bits (id % 32 of word id / 32) of all tokens that may come next, clears all others. `end_tokens` end an
  // output: they are allowed exactly if it is complete. An error if no token is left, or the grammar is too ambiguous.
  Status fill_mask(std::span<uint32_t> mask, std::span<const TokenId> end_tokens) const;
  size_t mask_words() const;

  bool is_complete() const { return is_complete_; }    // what was accepted is a whole text of the grammar
  bool can_continue() const { return can_continue_; }  // a longer text starts with it

 private:
  // Under the grammar's lock: moves to the grammar's current memory, if that was replaced.
  void follow_memory() const;
  void set_config(grammar::ConfigId config);

  std::shared_ptr<const CompiledGrammar> grammar_;
  mutable std::shared_ptr<CompiledGrammar::Memory> memory_;  // of which config_ is a number
  mutable grammar::ConfigId config_ = 0;
  bool at_text_start_ = false;
  bool is_complete_ = false;
  bool can_continue_ = false;
};

}  // namespace braid
