// GBNF, the EBNF dialect of llama.cpp, with xgrammar's additions: a rule may span several lines, "[^]" is any
// character, left recursion is allowed. Tested by ebnf_parser_test.cc. (docs: llama.cpp, grammars/README.md; xgrammar,
// "EBNF Grammar".)
//
//   root ::= item ("," item)*     # a comment
//   item ::= "a literal\n" | [a-z0-9_] | [^"\\]{2,5} | .
//
// Constructs about tokens instead of text (<think>, Token(…), TagDispatch(…)) are errors that name them.
#pragma once

#include <string_view>

#include "braid/base/result.h"
#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

// Errors name line and column.
Result<Grammar> parse_ebnf(std::string_view source);

}  // namespace braid::grammar
