// What a request says of its answer's form, as the grammars that the engine enforces.
#pragma once

#include <optional>

#include "braid/grammar/grammar_compiler.h"
#include "braid/request/grammar_constraint.h"
#include "braid/server/openai/parse/requests.h"
#include "braid/server/parsers/output_parser.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid::openai {

using AnswerForm = ApiResult<std::optional<GrammarConstraint>>;

// From the answer's first token on; nothing where the request says nothing. The error, the request's own, says what
// cannot be enforced. Takes as long as compiling does; equal requests share one grammar.
AnswerForm answer_form(const CommonParameters& common, GrammarCompiler& compiler);

// Of a chat's answer: behind the thinking, where the model thinks. Calls that tool_choice forces are a form, too, and
// `options` change to what reads such an answer: nothing else is looked for in it. Without a form, the calls of strict
// tools have one, as options.tools writes them.
AnswerForm chat_form(const ChatRequest& request, const Tokenizer& tokenizer, GrammarCompiler& compiler,
                     parsers::ParserOptions& options);

}  // namespace braid::openai
