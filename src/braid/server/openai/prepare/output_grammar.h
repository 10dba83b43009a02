// Compiles the form that a request asks for (JSON, a regex, a tool call, …) to the grammar that the engine enforces.
// Tested by output_grammar_test.cc.
#pragma once

#include <optional>

#include "braid/grammar/grammar_compiler.h"
#include "braid/request/grammar_constraint.h"
#include "braid/server/openai/parse/requests.h"
#include "braid/server/parsers/output_parser.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid::openai {

// For an output that obeys from its first token; nullopt if the request asks for no form. The error names the parameter
// that cannot be enforced. Takes as long as compiling does; equal requests share one grammar.
Result<std::optional<GrammarConstraint>, ApiError> output_grammar(const CommonParameters& common,
                                                                  GrammarCompiler& compiler);

// For a chat: the grammar begins behind the thinking, if the model thinks. Calls forced by tool_choice are a form, too.
// `options` change accordingly: the parser looks for nothing else in an output that has a form. If the request asks for
// no form, calls of strict tools obey their schemas, in the format of options.tools.
Result<std::optional<GrammarConstraint>, ApiError> chat_grammar(const ChatRequest& request, const Tokenizer& tokenizer,
                                                                GrammarCompiler& compiler,
                                                                parsers::ParserOptions& options);

}  // namespace braid::openai
