#include "braid/server/openai/prepare/output_grammar.h"

#include <gtest/gtest.h>

#include "tests/support/server/openai/parsed_requests.h"

namespace braid::openai {
namespace {

using parsers::ReasoningFormat;
using parsers::ToolFormat;

// One token for each byte, then <think> and </think> if `thinks`.
class ByteTokenizer : public Tokenizer {
 public:
  explicit ByteTokenizer(bool thinks) : thinks_(thinks) {}
  std::vector<TokenId> encode(std::string_view, bool) const override { return {}; }
  std::string decode(std::span<const TokenId>, bool) const override { return ""; }
  std::unique_ptr<TextStream> start_stream(TextStreamOptions) const override { return nullptr; }
  std::string token_bytes(TokenId id) const override {
    return id < kThink ? std::string(1, static_cast<char>(id)) : id == kThink ? "<think>" : "</think>";
  }
  std::optional<TokenId> token_to_id(std::string_view token) const override {
    if (!thinks_) return std::nullopt;
    if (token == "<think>") return kThink;
    return token == "</think>" ? std::optional(kEndThink) : std::nullopt;
  }
  bool is_special(TokenId) const override { return false; }
  int64_t vocab_size() const override { return thinks_ ? 258 : 256; }

  static constexpr TokenId kThink = 256;
  static constexpr TokenId kEndThink = 257;

 private:
  bool thinks_;
};

struct Formed {
  Result<std::optional<GrammarConstraint>, ApiError> grammar;
  parsers::ParserOptions options;

  const GrammarConstraint& constraint() const { return **grammar; }
  std::string refused() const { return grammar.ok() ? "" : grammar.error().param + ": " + grammar.error().message; }
};

Formed formed(const std::string& members, parsers::ParserOptions options, bool has_thinking_tokens = true) {
  const ByteTokenizer tokenizer(has_thinking_tokens);
  GrammarCompiler compiler(tokenizer);
  const auto request = testing::chat(R"({"messages":[{"role":"user","content":"x"}])" + members + "}");
  auto grammar = chat_grammar(request, tokenizer, compiler, options);
  return {.grammar = std::move(grammar), .options = std::move(options)};
}

const std::string kTool = R"(,"tools":[{"type":"function","function":{"name":"f"}}])";
const std::string kRegex = R"(,"regex":"ab")";
const parsers::ParserOptions kThinks{.reasoning = ReasoningFormat::kQwen3, .tools = ToolFormat::kHermes};

TEST(ChatGrammar, WithoutAFormTheAnswerIsReadAsTheModelWritesIt) {
  const Formed free = formed(kTool, kThinks);
  EXPECT_FALSE(free.grammar->has_value());
  EXPECT_EQ(free.options.tools, ToolFormat::kHermes);
  EXPECT_EQ(free.options.reasoning, ReasoningFormat::kQwen3);
}

TEST(ChatGrammar, OnlyStrictFormsRefuseUnknownKeywords) {
  const auto format = [](const char* strict) {
    return fmt::format(R"(,"response_format":{{"type":"json_schema","json_schema":{{{}"schema":{{"madeUp":1}}}}}})",
                       strict);
  };
  EXPECT_EQ(formed(format(""), kThinks).refused(), "");
  EXPECT_EQ(formed(format(R"("strict":false,)"), kThinks).refused(), "");
  EXPECT_NE(formed(format(R"("strict":true,)"), kThinks).refused().find("\"madeUp\": this keyword is not known"),
            std::string::npos);
  const auto tool = [](const char* strict) {
    return fmt::format(
        R"(,"tools":[{{"type":"function","function":{{"name":"f",{}"parameters":{{"type":"object","madeUp":1}}}}}}])",
        strict);
  };
  EXPECT_EQ(formed(tool(""), kThinks).refused(), "");
  EXPECT_NE(formed(tool(R"("strict":true,)"), kThinks).refused().find("the function f: schema #: \"madeUp\""),
            std::string::npos);
}

TEST(ChatGrammar, BeginsBehindTheThinking) {
  const Formed may = formed(kRegex, kThinks);
  EXPECT_EQ(may.constraint().starts_after, "</think>");
  EXPECT_EQ(may.constraint().may_open_with, ByteTokenizer::kThink);
  EXPECT_EQ(may.options.reasoning, ReasoningFormat::kQwen3);
  EXPECT_EQ(may.options.tools, ToolFormat::kNone) << "what looks like a call is what was asked for";
  auto open = kThinks;
  open.begins_inside_reasoning = true;
  EXPECT_EQ(formed(kRegex, open).constraint().starts_after, "</think>");
  EXPECT_FALSE(formed(kRegex, open).constraint().may_open_with.has_value());
}

TEST(ChatGrammar, WithoutAThinkTokenTheModelThinksOnlyIfThePromptOpensTheThinking) {
  const Formed at_once = formed(kRegex, kThinks, false);
  EXPECT_TRUE(at_once.constraint().starts_after.empty());
  EXPECT_EQ(at_once.options.reasoning, ReasoningFormat::kNone);
  auto open = kThinks;
  open.begins_inside_reasoning = true;
  const Formed behind = formed(kRegex, open, false);
  EXPECT_EQ(behind.constraint().starts_after, "</think>");
  EXPECT_EQ(behind.options.reasoning, ReasoningFormat::kQwen3);
}

TEST(ChatGrammar, CallsOfStrictToolsObeyTheirSchemasAnywhere) {
  const std::string strict = R"(,"tools":[{"type":"function","function":{"name":"f","strict":true}}])";
  const Formed calls = formed(strict, kThinks);
  EXPECT_EQ(calls.constraint().grammar, nullptr);
  ASSERT_FALSE(calls.constraint().triggered.empty());
  for (const TriggeredGrammar& call : calls.constraint().triggered) {
    EXPECT_TRUE(call.trigger.starts_with("<tool_call>")) << call.trigger;
    EXPECT_NE(call.grammar, nullptr);
  }
  EXPECT_EQ(calls.options.tools, ToolFormat::kHermes);
  EXPECT_TRUE(formed(strict + kRegex, kThinks).constraint().triggered.empty());
}

TEST(ChatGrammar, CallsBetweenTagsObeyTheirSchemas) {
  const std::string strict = R"(,"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":
    {"properties":{"x":{"type":"integer"}}}}}])";
  for (const ToolFormat format : {ToolFormat::kQwen3Coder, ToolFormat::kGlm45}) {
    auto options = kThinks;
    options.tools = format;
    const Formed calls = formed(strict, options);
    ASSERT_EQ(calls.refused(), "");
    ASSERT_FALSE(calls.constraint().triggered.empty());
    EXPECT_EQ(calls.constraint().triggered.back().trigger, "<tool_call>");
    EXPECT_EQ(calls.options.tools, format);
  }
  auto options = kThinks;
  options.tools = ToolFormat::kQwen3Coder;
  const std::string unwritable = R"(,"tools":[{"type":"function","function":{"name":"f","strict":true,"parameters":
    {"properties":{"x>y":{}}}}}])";
  EXPECT_TRUE(formed(unwritable, options).refused().starts_with("tools: tools: schema f#: the property \"x>y\""))
      << formed(unwritable, options).refused();
}

TEST(ChatGrammar, AForcedCallIsAForm) {
  const Formed forced = formed(kTool + R"(,"tool_choice":"required")", kThinks);
  EXPECT_NE(forced.constraint().grammar, nullptr);
  EXPECT_EQ(forced.constraint().starts_after, "</think>");
  EXPECT_EQ(forced.options.tools, ToolFormat::kForced);
  EXPECT_EQ(formed(kTool + kRegex + R"(,"tool_choice":"required")", kThinks).refused(),
            "tool_choice: tool_choice forces a call, and regex asks for another form: one of them at most");
  const std::string bad = R"(,"tools":[{"type":"function","function":{"name":"g"}},{"type":"function","function":
    {"name":"f","parameters":{"properties":{"x":{"type":"y"}}}}}],"tool_choice":"required")";
  EXPECT_TRUE(formed(bad, kThinks).refused().starts_with("tools: tools: schema f#/properties/x: \"type\":"))
      << formed(bad, kThinks).refused();
}

}  // namespace
}  // namespace braid::openai
