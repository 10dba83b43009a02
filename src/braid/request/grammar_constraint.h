// The form that a request asks for its output. Plain data.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "braid/request/ids.h"

namespace braid {

class CompiledGrammar;  // grammar/compiled_grammar.h

// A part of an otherwise free output that obeys a grammar. After `trigger` the output continues with a text of the
// grammar, whose first bytes, `begin`, are the trigger's last ones. Behind that text the output is free again.
struct TriggeredGrammar {
  std::string trigger;         // special tokens count as their own text; not empty
  std::string begin = {};      // "": the grammar's text begins behind the trigger
  bool only_at_start = false;  // of the output, or right behind the thinking
  std::shared_ptr<const CompiledGrammar> grammar = nullptr;
};

struct GrammarConstraint {
  // From this engine's compiler, Engine::grammars(), like those of `triggered`. Null: the output is free, except for
  // `triggered`.
  std::shared_ptr<const CompiledGrammar> grammar = nullptr;
  std::vector<TriggeredGrammar> triggered = {};  // empty if `grammar` is set

  // For models that think first: the form begins behind this text, the end of the thinking. A special token counts as
  // its own text, and white space behind it may be part of its last token. Empty: from the first token on.
  std::string starts_after = {};
  // With `starts_after`: the output may begin to think with this token; an output that begins with another token obeys
  // from its start. Absent: the prompt has opened the thinking.
  std::optional<TokenId> may_open_with = {};

  // Tokens that end the output; allowed exactly where it is complete. Engine::submit() adds the model's own, and the
  // request's stop tokens that have no text.
  std::vector<TokenId> end_tokens = {};
};

}  // namespace braid
