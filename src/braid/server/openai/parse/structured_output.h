// What a request says of the shape that its answer must have, as plain data; whether it can be enforced is judged where
// it is compiled.
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
  std::string schema;  // JSON text: an object, true or false
  bool operator==(const JsonSchema&) const = default;
};
struct RegexPattern {
  std::string pattern;  // of the whole answer
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

// From response_format, regex, ebnf, json_schema (SGLang's), structured_outputs and guided_json, guided_regex,
// guided_choice, guided_grammar (vLLM's); `name` becomes the one that it is. More than one of them is an error.
StructuredOutput read_structured_output(ParameterReader& reader, std::string& name);

}  // namespace braid::openai
