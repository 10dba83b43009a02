// Calls between tags or markers of their own: deepseek_v3, qwen3_coder, glm45, gpt_oss. Tests their stages,
// tagged_parameters.h and tagged_value.h.
#include "tests/support/server/parsers/parsing.h"

namespace braid::parsers {
namespace {

using testing::parsed;

std::string deepseek(std::string_view text) {
  return parsed({.tools = ToolFormat::kDeepSeekV3}, text);
}

TEST(DeepSeekV3, FencedCallsAreRead) {
  EXPECT_EQ(deepseek("I look.\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"a\": "
                     "\"```\"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>g\n```json\n{}\n```"
                     "<｜tool▁call▁end｜><｜tool▁calls▁end｜>"),
            "I look.[0 f {\"a\": \"```\"}][1 g {}]");
}

TEST(DeepSeekV3, CallsOfV31AreRead) {
  EXPECT_EQ(deepseek("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": 1}<｜tool▁call▁end｜>"
                     "<｜tool▁call▁begin｜>g<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>"),
            "[0 f {\"a\": 1}][1 g {}]");
}

TEST(DeepSeekV3, WhatIsNoCallIsContent) {
  for (const char* text :
       {"<｜tool▁calls▁begin｜>", "<｜tool▁calls▁begin｜>hello", "<｜tool▁call▁begin｜>f", "<｜tool▁call▁end｜>",
        "<｜tool▁call▁begin｜>f<｜tool▁sep｜>", "<｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n[1]\n```",
        "<｜tool▁call▁begin｜>f<｜tool▁se", "<｜tool", "<｜", "｜tool▁calls▁begin｜>",
        "<｜tool▁call▁begin｜> <｜tool▁sep｜> {}"}) {
    EXPECT_EQ(deepseek(text), text);
  }
}

TEST(DeepSeekV3, ACallThatGoesWrongEndsThere) {
  EXPECT_EQ(deepseek("<｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\": {}<｜tool▁call▁end｜><｜tool▁calls▁end｜>!"),
            "[0 f {\"a\": {}]!");
  EXPECT_EQ(deepseek("<｜tool▁call▁begin｜>f<｜tool▁sep｜>{}}<｜tool▁call▁end｜><｜tool▁calls▁end｜>!"), "[0 f {}]}!");
}

ParserOptions tagged(ToolFormat format) {
  const std::vector<ToolSpec> tools = {{.name = "f", .parameters = R"({"type": "object", "properties": {
        "text": {"type": "string"}, "count": {"type": "integer"}, "flag": {"type": "boolean"},
        "list": {"type": "array"}, "place": {"$ref": "#/$defs/a~1b"}, "maybe": {"type": ["string", "null"]},
        "either": {"anyOf": [{"type": "number"}, {"enum": ["x"]}]}, "free": {}},
        "$defs": {"a/b": {"type": "object"}}})"}};
  return {.tools = format, .tool_set = std::make_shared<ToolSet>(tools)};
}

std::string qwen3_coder(std::string_view text) {
  return parsed(tagged(ToolFormat::kQwen3Coder), text);
}

std::string parameter(std::string_view key, std::string_view value) {
  return std::string("<parameter=").append(key) + ">\n" + std::string(value) + "\n</parameter>\n";
}

TEST(Qwen3Coder, ParametersBecomeJson) {
  EXPECT_EQ(qwen3_coder("Let me.\n<tool_call>\n<function=f>\n" + parameter("text", "Paris") + parameter("count", "3") +
                        "</function>\n</tool_call>\n<tool_call>\n<function=g>\n</function>\n</tool_call>"),
            "Let me.[0 f {\"text\": \"Paris\", \"count\": 3}][1 g {}]");
  EXPECT_EQ(qwen3_coder("<function=f><parameter=text>a</parameter></function>!"), "[0 f {\"text\": \"a\"}]!");
}

TEST(Qwen3Coder, ValuesHaveTheKindsOfTheSchema) {
  const auto value = [](std::string_view key, std::string_view text) {
    const std::string line =
        qwen3_coder("<tool_call>\n<function=f>\n" + parameter(key, text) + "</function>\n</tool_call>");
    const std::string begin = "[0 f {\"" + std::string(key) + "\": ";
    EXPECT_TRUE(line.starts_with(begin) && line.ends_with("}]")) << line;
    return line.substr(begin.size(), line.size() - begin.size() - 2);
  };
  EXPECT_EQ(value("text", "3"), "\"3\"");
  EXPECT_EQ(value("text", "a\n\"b\"\\\t\x01é\n"), R"("a\n\"b\"\\\t\u0001é\n")");
  EXPECT_EQ(value("text", "</param> <parameter=x>"), R"("</param> <parameter=x>")");
  EXPECT_EQ(value("text", ""), "\"\"");
  EXPECT_EQ(value("count", " -12 "), "-12");
  EXPECT_EQ(value("count", "twelve"), "\"twelve\"");
  EXPECT_EQ(value("count", "12 "), "12");
  EXPECT_EQ(value("flag", "True"), "true");
  EXPECT_EQ(value("flag", "false"), "false");
  EXPECT_EQ(value("flag", "1"), "\"1\"");
  EXPECT_EQ(value("list", "[1, {\"a\": []}]"), "[1, {\"a\": []}]");
  EXPECT_EQ(value("list", "[1,"), "\"[1,\"");
  EXPECT_EQ(value("place", "{\"x\": 1}"), "{\"x\": 1}");
  EXPECT_EQ(value("place", "[1]"), "\"[1]\"");
  EXPECT_EQ(value("maybe", "null"), "null");
  EXPECT_EQ(value("maybe", "None"), "null");
  EXPECT_EQ(value("maybe", "5"), "\"5\"");
  EXPECT_EQ(value("either", "5.5e1"), "5.5e1");
  EXPECT_EQ(value("either", "x"), "\"x\"");
  EXPECT_EQ(value("free", "[true]"), "[true]");
  EXPECT_EQ(value("free", "word"), "\"word\"");
}

TEST(Qwen3Coder, StringsAreStreamed) {
  OutputParser parser(tagged(ToolFormat::kQwen3Coder));
  EXPECT_EQ(testing::line_of(parser.push("<tool_call>\n<function=f>\n<parameter=text>\nab")), "[0 f {\"text\": \"ab]");
  const Events more = parser.push("c\n");
  ASSERT_EQ(more.size(), 1U);
  EXPECT_EQ(more[0].text, "c");
}

TEST(Qwen3Coder, WhatIsNoCallIsContent) {
  for (const char* text : {"<tool_call>", "<tool_call>\n{\"name\": \"f\"}\n</tool_call>", "<function=", "<function=f",
                           "<function=a b>", "<function=>", "<tool_call>\n<functions>", "</function>"}) {
    EXPECT_EQ(qwen3_coder(text), text);
  }
  EXPECT_EQ(qwen3_coder("<tool_call>\n<tool_call>\n<function=f>\n</function>\n</tool_call>"), "<tool_call>\n[0 f {}]");
}

TEST(Qwen3Coder, ACallThatGoesWrongEndsThere) {
  EXPECT_EQ(qwen3_coder("<function=f>\n" + parameter("text", "a") + "and</function>"),
            "[0 f {\"text\": \"a\"}]\nand</function>");
  EXPECT_EQ(qwen3_coder("<function=f>\n<parameter=text>\na</para"), "[0 f {\"text\": \"a</para]");
  EXPECT_EQ(qwen3_coder("<function=f>\n<parameter=count>\n1"), "[0 f {\"count\": 1]");
  EXPECT_EQ(qwen3_coder("<function=f>\n"), "[0 f {]");
}

TEST(Qwen3Coder, AValueTooLongToBeKeptIsAString) {
  const std::string digits((size_t{1} << 20) + 10, '1');
  OutputParser parser(tagged(ToolFormat::kQwen3Coder));
  Events all;
  testing::append(all, parser.push("<function=f><parameter=count>" + digits));
  testing::append(all, parser.push("</parameter></function>"));
  testing::append(all, parser.finish());
  EXPECT_EQ(testing::line_of(all), "[0 f {\"count\": \"" + digits + "\"}]");
}

std::string glm45(std::string_view text) {
  return parsed(tagged(ToolFormat::kGlm45), text);
}

TEST(Glm45, KeysAndValuesBecomeJson) {
  EXPECT_EQ(glm45("I look.\n<tool_call>f\n<arg_key>text</arg_key>\n<arg_value>New\nYork</arg_value>\n<arg_key>count"
                  "</arg_key>\n<arg_value>2</arg_value>\n</tool_call>\n<tool_call>g</tool_call>"),
            "I look.[0 f {\"text\": \"New\\nYork\", \"count\": 2}][1 g {}]");
  EXPECT_EQ(glm45("<tool_call>f<arg_key>free</arg_key><arg_value>{\"a\": 1}</arg_value></tool_call>"),
            "[0 f {\"free\": {\"a\": 1}}]");
}

TEST(Glm45, WhatIsNoCallIsContent) {
  for (const char* text :
       {"<tool_call>", "<tool_call>f", "<tool_call>f g</tool_call>", "<tool_call>{}</tool_call>",
        "<tool_call></tool_call>", "<tool_call>f<arg_key>text</arg_key>a</tool_call>", "<arg_key>a</arg_key>"}) {
    EXPECT_EQ(glm45(text), text);
  }
}

TEST(Glm45, ACallThatGoesWrongEndsThere) {
  EXPECT_EQ(glm45("<tool_call>f<arg_key>text</arg_key><arg_value>a</arg_value> b</tool_call>"),
            "[0 f {\"text\": \"a\"}] b</tool_call>");
  EXPECT_EQ(glm45("<tool_call>f<arg_key>text</arg_key><arg_value>a"), "[0 f {\"text\": \"a]");
}

ParserOptions harmony(bool separate = true, ToolFormat tools = ToolFormat::kHarmony) {
  return {.reasoning = ReasoningFormat::kHarmony, .separate_reasoning = separate, .tools = tools};
}

TEST(Harmony, ChannelsAreThinkingContentAndCalls) {
  EXPECT_EQ(parsed(harmony(),
                   "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>"
                   "Yes.\n<|return|>"),
            "(Hm.)Yes.\n");
  EXPECT_EQ(parsed(harmony(),
                   "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary "
                   "to=functions.f <|constrain|>json<|message|>{\"a\": 1}<|call|>"),
            "(Hm.)[0 f {\"a\": 1}]");
  EXPECT_EQ(parsed(harmony(),
                   "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant to=functions.f"
                   "<|channel|>commentary json<|message|>{}"),
            "I look.[0 f {}]");
  EXPECT_EQ(parsed(harmony(), " to=functions.f<|channel|>commentary<|message|><|call|>"), "[0 f {}]");
  EXPECT_EQ(parsed(harmony(), "<|channel|>analysis to=browser.search code<|message|>{}<|call|>"),
            "[0 browser.search {}]");
}

TEST(Harmony, AMessageMayEndWhereTheNextBegins) {
  EXPECT_EQ(parsed(harmony(),
                   "<|channel|>analysis<|message|>a<|channel|>final<|message|>b<|start|>assistant<|channel|>"
                   "final<|message|>c"),
            "(a)bc");
}

TEST(Harmony, WhatIsNoMessageIsContent) {
  for (const char* text : {"Hello.", "<|chan", "<|channel|>analysis", "<|start|>assistant", "a<|end|>b", " to"}) {
    EXPECT_EQ(parsed(harmony(), text), text);
  }
  const std::string endless = "<|channel|>" + std::string(5000, 'x');
  EXPECT_EQ(parsed(harmony(), endless), endless);
}

TEST(Harmony, WithoutSeparationThinkingIsContentWithItsMarkers) {
  EXPECT_EQ(parsed(harmony(false),
                   "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final"
                   "<|message|>Yes."),
            "<|channel|>analysis<|message|>Hm.<|end|>Yes.");
}

TEST(Harmony, WithoutToolsACallIsContent) {
  const std::string call = "<|channel|>commentary to=functions.f<|message|>{}<|call|>";
  EXPECT_EQ(parsed(harmony(true, ToolFormat::kNone), "<|channel|>analysis<|message|>a<|end|>" + call), "(a)" + call);
}

}  // namespace
}  // namespace braid::parsers
