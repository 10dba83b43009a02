// What a request may ask of its output's form. Plain data.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "braid/request/ids.h"

namespace braid {

class CompiledGrammar;  // grammar/compiled_grammar.h

// A part of an otherwise free output: where it comes to `trigger`, it goes on with a text of the grammar, of which
// `begin` (the trigger's last bytes) is there already; and then it is free again.
struct TriggeredGrammar {
  std::string trigger;         // special tokens count as their own text; not empty
  std::string begin = {};      // "": the grammar's text starts behind the trigger
  bool only_at_start = false;  // of the output, behind the thinking
  std::shared_ptr<const CompiledGrammar> grammar = nullptr;
};

struct GrammarConstraint {
  // From this engine's own compiler (Engine::grammars()), as those of `triggered`. Null: the output is free, but for
  // `triggered`.
  std::shared_ptr<const CompiledGrammar> grammar = nullptr;
  std::vector<TriggeredGrammar> triggered = {};  // none with `grammar`

  // For models that think first: all of this holds behind this text (the end of thinking; a special token counts as its
  // own text, and white space behind it may be part of its last token). Empty: from the first token on.
  std::string starts_after = {};
  // With `starts_after`: thinking is not under way yet, but may begin with this token. An output that begins with any
  // other obeys from there. Nothing: the prompt has opened the thinking.
  std::optional<TokenId> may_open_with = {};

  // Tokens that end an output, allowed exactly where it is complete. Engine::submit adds the model's own, and the
  // request's stop tokens that have no text.
  std::vector<TokenId> end_tokens = {};
};

}  // namespace braid
