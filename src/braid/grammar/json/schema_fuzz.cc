// libFuzzer: a JSON schema (up to the first NUL byte), then bytes that choose among the allowed tokens. For any input
// the schema compiles or is refused, within bounded time and memory, and the output is JSON that satisfies it.
#include <cstdint>
#include <string_view>

#include "braid/grammar/grammar_compiler.h"
#include "braid/grammar/json/schema_validator.h"
#include "tests/support/grammar/follow_masks.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const braid::grammar::testing::ByteTokenizer kTokenizer;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t border = input.find('\0');
  const auto schema = braid::parse_json(input.substr(0, border), {.max_depth = 300});
  if (!schema.ok()) return 0;
  braid::GrammarCompiler compiler(kTokenizer);
  const auto grammar = compiler.json_schema(*schema);
  if (!grammar.ok()) return 0;
  const std::string_view choices = border == std::string_view::npos ? "" : input.substr(border + 1);
  const auto text = braid::grammar::testing::follow_masks(*grammar, kTokenizer, choices);
  if (!text) return 0;
  const auto value = braid::parse_json(*text);
  CHECK(value.ok(), "{} is no JSON: {}", *text, value.error().message);
  auto document = braid::grammar::SchemaDocument::of(*schema);
  CHECK(document.ok());
  const auto valid = braid::grammar::is_valid(*document, &*schema, *value);
  CHECK(!valid.ok() || *valid, "{} does not satisfy the schema", *text);
  return 0;
}
