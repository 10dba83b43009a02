// Everything that the grammar of strict tools allows is read as a call whose arguments match the schema.
#include "braid/server/parsers/strict_calls.h"

#include <gtest/gtest.h>

#include "braid/grammar/grammar_compiler.h"
#include "braid/grammar/json/schema_validator.h"
#include "tests/support/grammar/byte_tokenizer.h"
#include "tests/support/grammar/grammars.h"
#include "tests/support/server/parsers/parsing.h"
#include "tests/support/server/parsers/schema_example.h"

namespace braid::parsers {
namespace {

const char* const kParameters = R"({"type": "object", "properties": {
    "name": {"type": "string"}, "code": {"type": "string", "pattern": "^[<>/a-c]{1,9}$"},
    "count": {"type": "integer", "minimum": 3, "maximum": 40}, "maybe": {"type": ["string", "null"], "maxLength": 6},
    "either": {"anyOf": [{"type": "integer", "minimum": 5, "maximum": 7}, {"type": "string", "maxLength": 3}]},
    "flag": {"type": "boolean"}, "kind": {"enum": ["a", "true", 1, null, ["x"]]},
    "list": {"type": "array", "items": {"type": "string", "maxLength": 8}, "maxItems": 2},
    "place": {"$ref": "#/$defs/place"}},
  "required": ["name", "code", "either", "kind"],
  "$defs": {"place": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"],
    "additionalProperties": false}}})";

GrammarCompiler::Compiled compile(const StrictCall& call, GrammarCompiler& compiler) {
  return compiler.tagged_objects(*parse_json(call.schema), call.tagged->objects, call.tagged->tags);
}

// A text of the grammar, byte by byte. In one of three draws it closes what is open as soon as it can.
std::optional<std::string> draw(const std::shared_ptr<const CompiledGrammar>& grammar, std::mt19937& random) {
  constexpr std::string_view kBytes = "ax<>/p\"\\ \n\xC3\xA9-0139.,:[]{}eNTFbcdfghijklmnoqrstuvwyz_=245678";
  GrammarMatcher matcher(grammar, false);
  std::string text;
  const auto goes_on = [&](std::string_view bytes) {
    GrammarMatcher copy = matcher;
    if (!copy.accept_bytes(bytes).ok()) return false;
    matcher = copy;
    text += bytes;
    return true;
  };
  while (text.size() < 3000) {
    if (matcher.is_complete()) return text;
    if (random() % 3 == 0 && (goes_on("\n</parameter>") || goes_on("</arg_value>"))) continue;
    const size_t first = random() % kBytes.size();
    bool has_gone_on = false;
    for (size_t i = 0; i < kBytes.size() && !has_gone_on; ++i) {
      has_gone_on = goes_on(kBytes.substr((first + i) % kBytes.size(), 1));
    }
    EXPECT_TRUE(has_gone_on) << text;
    if (!has_gone_on) break;
  }
  return std::nullopt;
}

TEST(StrictCalls, TextBetweenTagsIsReadAsArgumentsThatMatchTheSchema) {
  const grammar::testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  const std::vector<ToolSpec> tools = {{.name = "f", .parameters = kParameters, .is_strict = true}};
  const Json schema = *parse_json(kParameters);
  auto document = grammar::SchemaDocument::of(schema);
  ASSERT_TRUE(document.ok());
  std::mt19937 random(7);
  int num_read = 0;
  for (const ToolFormat format : {ToolFormat::kQwen3Coder, ToolFormat::kGlm45}) {
    const ParserOptions options{.tools = format, .tool_set = std::make_shared<ToolSet>(tools)};
    for (const StrictCall& call : strict_calls(format, tools)) {
      const auto grammar = compile(call, compiler);
      ASSERT_TRUE(grammar.ok()) << grammar.error().message;
      for (int i = 0; i < 60; ++i) {
        const auto drawn = draw(*grammar, random);
        if (!drawn) continue;
        const std::string text = call.begins[0].marker + *drawn;
        OutputParser parser(options);
        Events events = parser.push(text);
        testing::append(events, parser.finish());
        ASSERT_EQ(events.size(), 2U) << text;
        EXPECT_EQ(events[0].name, "f");
        const auto arguments = parse_json(events[1].text);
        ASSERT_TRUE(arguments.ok()) << events[1].text << ": " << arguments.error().message;
        const auto verdict = grammar::is_valid(*document, &schema, *arguments);
        EXPECT_TRUE(verdict.ok() && *verdict) << text << " is read as " << events[1].text;
        ++num_read;
      }
    }
  }
  EXPECT_GT(num_read, 60);
}

TEST(StrictCalls, BetweenTagsOtherToolsTakeAnyArguments) {
  const grammar::testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  const std::vector<ToolSpec> tools = {{.name = "f", .parameters = kParameters, .is_strict = true}, {.name = "free"}};
  const auto begins = [&](ToolFormat format, std::string_view text) {
    for (const StrictCall& call : strict_calls(format, tools)) {
      if (call.begins[0].marker != "<tool_call>") continue;
      const auto grammar = compile(call, compiler);
      return grammar.ok() && grammar::testing::accepts(*grammar, text);
    }
    return false;
  };
  EXPECT_TRUE(begins(ToolFormat::kQwen3Coder, "\n<function=free>"));
  EXPECT_FALSE(begins(ToolFormat::kQwen3Coder, "\n<function=f>"));
  EXPECT_FALSE(begins(ToolFormat::kQwen3Coder, "\n<function=unknown>"));
  EXPECT_TRUE(begins(ToolFormat::kGlm45, "free\n"));
  EXPECT_TRUE(begins(ToolFormat::kGlm45, "free<"));
  EXPECT_FALSE(begins(ToolFormat::kGlm45, "f\n"));
}

TEST(StrictCalls, AToolWithoutParametersTakesNone) {
  const grammar::testing::ByteTokenizer tokenizer;
  GrammarCompiler compiler(tokenizer);
  const std::vector<ToolSpec> tools = {{.name = "f", .is_strict = true}};
  const auto calls = strict_calls(ToolFormat::kGlm45, tools);
  ASSERT_EQ(calls.size(), 1U);
  const auto grammar = compile(calls[0], compiler);
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  EXPECT_TRUE(grammar::testing::accepts(*grammar, "f\n</tool_call>"));
  EXPECT_FALSE(grammar::testing::accepts(*grammar, "f\n<arg_key>a</arg_key><arg_value>1</arg_value></tool_call>"));
}

const std::vector<ToolSpec> kTwoTools = {
    {.name = "f", .parameters = R"({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})"},
    {.name = "g"}};

std::vector<ToolSpec> strict_tools() {
  std::vector<ToolSpec> tools = kTwoTools;
  tools[0].is_strict = true;
  return tools;
}

TEST(StrictCalls, EverythingTheyAllowIsReadAsACall) {
  for (const ToolFormat format : {ToolFormat::kHermes, ToolFormat::kGranite, ToolFormat::kLlama3Json,
                                  ToolFormat::kMistral, ToolFormat::kDeepSeekV3, ToolFormat::kHarmony}) {
    const auto calls = strict_calls(format, strict_tools());
    ASSERT_FALSE(calls.empty()) << name_of(format);
    for (const StrictCall& call : calls) {
      auto schema = parse_json(call.schema);
      ASSERT_TRUE(schema.ok());
      const std::string value = testing::example_of(*schema, *schema);
      for (const StrictCall::Begin& begin : call.begins) {
        if (begin.marker.starts_with(';')) continue;  // only between calls
        EXPECT_TRUE(value.starts_with(begin.json) || begin.json == "{\"name\":\"") << begin.json << " " << value;
        std::string text = begin.marker + value + call.end;
        if (format == ToolFormat::kHarmony) {
          text = (begin.marker.find("<|channel|>") == std::string::npos ? "<|channel|>commentary" : "") + text;
        } else if (begin.marker.starts_with("<｜tool▁sep｜>")) {
          text = "<｜tool▁call▁begin｜>function" + text;
        }
        const std::string line = testing::parsed({.tools = format}, text);
        EXPECT_TRUE(line == "[0 f {\"a\": 7}]" || line == "[0 g {}]")
            << name_of(format) << ": " << text << ": " << line;
      }
    }
  }
}

TEST(StrictCalls, ToolsThatAreNotStrictTakeAnyObject) {
  const auto calls = strict_calls(ToolFormat::kHermes, strict_tools());
  ASSERT_EQ(calls.size(), 1U);
  const auto schema = parse_json(calls[0].schema);
  ASSERT_TRUE(schema.ok());
  EXPECT_EQ((*schema)["$defs"]["f"]["additionalProperties"], false);
  EXPECT_EQ((*schema)["$defs"]["g"], Json({{"type", "object"}}));
}

TEST(StrictCalls, EmptyIfNoToolIsStrict) {
  EXPECT_TRUE(strict_calls(ToolFormat::kHermes, kTwoTools).empty());
  EXPECT_TRUE(strict_calls(ToolFormat::kQwen3Coder, kTwoTools).empty());
  EXPECT_TRUE(strict_calls(ToolFormat::kNone, strict_tools()).empty());
}

}  // namespace
}  // namespace braid::parsers
