// What a request says of its answer's form, as the grammar that the engine enforces.
#pragma once

#include <memory>

#include "braid/base/result.h"
#include "braid/grammar/grammar_compiler.h"
#include "braid/server/openai/structured_output.h"

namespace braid::openai {

// Null where it says nothing. An error, which is the request's own, says what cannot be enforced. Takes as long as
// compiling does; equal requests share one grammar.
Result<std::shared_ptr<const CompiledGrammar>> compile_form(const StructuredOutput& output, GrammarCompiler& compiler);

}  // namespace braid::openai
