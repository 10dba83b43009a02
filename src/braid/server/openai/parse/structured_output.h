// The form that a request asks for its answer, as plain data. Whether it can be enforced is checked when it is compiled
// (prepare/output_grammar.h). Tested by structured_output_test.cc.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "braid/server/openai/parse/parameter_reader.h"

namespace braid::openai {

struct AnyJsonObject {
  bool operator==(const AnyJsonObject&) const = default;
};
struct JsonSchema {
  std::string schema;      // JSON text: an object, true or false
  bool is_strict = false;  // no keyword or format in it may be unknown
  bool operator==(const JsonSchema&) const = default;
};
struct RegexPattern {
  std::string pattern;  // matches the whole answer
  bool operator==(const RegexPattern&) const = default;
};
struct EbnfGrammar {
  std::string grammar;  // the GBNF dialect of llama.cpp and xgrammar
  bool operator==(const EbnfGrammar&) const = default;
};
struct OneOf {
  std::vector<std::string> choices;  // at least one, none empty
  bool operator==(const OneOf&) const = default;
};

using StructuredOutput = std::variant<std::monostate, AnyJsonObject, JsonSchema, RegexPattern, EbnfGrammar, OneOf>;

// Reads response_format; regex, ebnf and json_schema (SGLang's); structured_outputs, guided_json, guided_regex,
// guided_choice and guided_grammar (vLLM's). `name` becomes the name of the one that is there; two are an error.
StructuredOutput read_structured_output(ParameterReader& reader, std::string& name);

}  // namespace braid::openai
