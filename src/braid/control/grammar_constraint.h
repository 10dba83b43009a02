// What a request may ask of its output's form. Plain data.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "braid/grammar/compiled_grammar.h"
#include "braid/request/ids.h"

namespace braid {

struct GrammarConstraint {
  // From this engine's own compiler (Engine::grammars()).
  std::shared_ptr<const CompiledGrammar> grammar;

  // For models that think first: the grammar holds behind these tokens, in a row (the end of thinking). Empty: from the
  // first token on.
  std::vector<TokenId> starts_after = {};
  // With `starts_after`: thinking is not under way yet, but may begin with this token. An output that begins with any
  // other obeys the grammar from there. Nothing: the prompt has opened the thinking.
  std::optional<TokenId> may_open_with = {};

  // Tokens that end an output, allowed exactly where it is complete. Engine::submit adds the model's own, and the
  // request's stop tokens that have no text.
  std::vector<TokenId> end_tokens = {};
};

}  // namespace braid
