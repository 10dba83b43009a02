// GBNF, the EBNF dialect of llama.cpp, with what xgrammar adds to its notation: a rule may go on over several lines,
// "[^]" is any character, left recursion is allowed. (docs: llama.cpp, grammars/README.md; xgrammar, "EBNF Grammar".)
//
//   root ::= item ("," item)*     # a comment
//   item ::= "a literal\n" | [a-z0-9_] | [^"\\]{2,5} | .
//
// What speaks of tokens instead of text (<think>, Token(…), TagDispatch(…)) is an error that names it.
#pragma once

#include <string_view>

#include "braid/base/result.h"
#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

// Errors say line and column.
Result<Grammar> parse_ebnf(std::string_view source);

}  // namespace braid::grammar
