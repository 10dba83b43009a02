// Calls written as JSON objects: hermes, granite, llama3_json, mistral and forced calls. Tests tool_stage.h,
// tagged_json_stages.cc, llama3_json_stage.cc, mistral_stage.cc and json_text.h.
#include "tests/support/server/parsers/parsing.h"

namespace braid::parsers {
namespace {

using testing::parse;
using testing::parsed;

std::string hermes(std::string_view text) {
  return parsed({.tools = ToolFormat::kHermes}, text);
}

TEST(Hermes, CallsAreFoundBetweenContent) {
  EXPECT_EQ(hermes("<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, {\"b\": null}]}}\n</tool_call>"),
            "[0 f {\"a\": [1, {\"b\": null}]}]");
  EXPECT_EQ(hermes("I look.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"name\": "
                   "\"g\", \"arguments\": {\"x\": 1}}\n</tool_call>"),
            "I look.[0 f {}][1 g {\"x\": 1}]");
  EXPECT_EQ(hermes("<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\nDone.\n"), "[0 f {}]\nDone.\n");
  EXPECT_EQ(hermes("<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>\n"), "[0 f {}]");
}

TEST(Hermes, KeysComeInAnyOrderAndUnderEitherName) {
  EXPECT_EQ(hermes("<tool_call>{\"arguments\": {\"a\": \"}\"}, \"name\": \"f\"}</tool_call>"), "[0 f {\"a\": \"}\"}]");
  EXPECT_EQ(hermes("<tool_call>{\"type\":\"function\",\"id\":[1],\"function\":\"f\",\"parameters\":{\"a\":1},\"x\":2}"
                   "</tool_call>"),
            "[0 f {\"a\":1}]");
  EXPECT_EQ(hermes("<tool_call>{\"name\": \"f\"}</tool_call>"), "[0 f {}]");
  EXPECT_EQ(hermes("<tool_call>{\"name\": \"f\", \"arguments\": null}</tool_call>"), "[0 f {}]");
  EXPECT_EQ(hermes("<tool_call>{\"arguments\": null, \"name\": \"f\"}</tool_call>"), "[0 f {}]");
}

TEST(Hermes, ArgumentsAsAStringAreTheStringsText) {
  EXPECT_EQ(hermes(R"(<tool_call>{"name": "f", "arguments": "{\"a\": \"\\n \u00e9\ud83d\ude00\"}"}</tool_call>)"),
            R"([0 f {"a": "\n é😀"}])");
  EXPECT_EQ(hermes(R"(<tool_call>{"arguments": "{\"a\":1}", "name": "f"}</tool_call>)"), R"([0 f {"a":1}])");
  EXPECT_EQ(hermes(R"(<tool_call>{"name": "f", "arguments": ""}</tool_call>)"), "[0 f {}]");
}

TEST(Hermes, MarkersInsideStringsAreText) {
  EXPECT_EQ(hermes(R"(<tool_call>{"name": "f", "arguments": {"a": "</tool_call>\"}<tool_call>"}}</tool_call>)"),
            R"([0 f {"a": "</tool_call>\"}<tool_call>"}])");
}

TEST(Hermes, ControlsInsideStringsAreEscaped) {
  EXPECT_EQ(hermes("<tool_call>{\"name\": \"f\", \"arguments\": {\n\t\"a\": \"x\n\ty\x01\"}}</tool_call>"),
            "[0 f {\n\t\"a\": \"x\\n\\ty\\u0001\"}]");
}

TEST(Hermes, WhatIsNoCallIsContent) {
  for (const char* text : {"<tool_call>",
                           "<tool_call>hello</tool_call>",
                           "<tool_call>\n{\"name\": 5, \"arguments\": {}}</tool_call>",
                           "<tool_call>{}</tool_call>",
                           "<tool_call>[]</tool_call>",
                           "<tool_call>[1]",
                           "<tool_call>{\"name\"",
                           "a <tool_call>{\"name\": \"f\"",
                           "<tool_call>{\"name\": \"not a name\", \"arguments\": {}}</tool_call>",
                           "<tool_call>{\"name\": \"f\", \"arguments\": 5}</tool_call>",
                           "<tool_call>{\"name\": \"f\", \"arguments\": nil}",
                           "<tool_call>{\"arguments\": {\"a\": 1}}</tool_call>",
                           "<tool_call>{'name': 'f'}</tool_call>",
                           "<tool_call>{\"name\": \"\"}</tool_call>",
                           "\n\n<tool_cal",
                           "</tool_call>",
                           "a\n\n",
                           "\n",
                           "<tool_call>{\"name\": \"f\" \"arguments\": {}}</tool_call>",
                           "é<tool_cäll>"}) {
    EXPECT_EQ(hermes(text), text);
  }
}

TEST(Hermes, ACallAfterAnInvalidOneIsFound) {
  EXPECT_EQ(hermes("<tool_call>\n<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"),
            "<tool_call>\n[0 f {}]");
  EXPECT_EQ(hermes("<tool_call>{\"name\": <tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"),
            "<tool_call>{\"name\": [0 f {}]");
}

TEST(Hermes, ACallThatGoesWrongEndsThere) {
  // One or two objects stay open.
  EXPECT_EQ(hermes("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}</tool_call>!"), "[0 f {\"a\": 1}]!");
  EXPECT_EQ(hermes("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": {}</tool_call><tool_call>{\"name\": \"g\"}"),
            "[0 f {\"a\": {}][1 g {}]");
  // A bracket too many, or anything else before the closing tag, is content.
  EXPECT_EQ(hermes("<tool_call>{\"name\": \"f\", \"arguments\": {}}} what\n</tool_call>\n!"), "[0 f {}]} what\n!");
  EXPECT_EQ(hermes("<tool_call>{\"name\": \"f\", \"arguments\": {}, oh}\n</tool_call>"), "[0 f {}], oh}");
  // Cut off, also in the middle of an escape sequence of arguments that are a string.
  EXPECT_EQ(hermes("<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"b\\"), "[0 f {\"a\": \"b\\]");
  EXPECT_EQ(hermes(R"(<tool_call>{"name": "f", "arguments": "{\"a\": \)"), R"([0 f {"a": \])");
  EXPECT_EQ(hermes(R"(<tool_call>{"name": "f", "arguments": "{\u00)"), R"([0 f {\u00])");
  EXPECT_EQ(hermes(R"(<tool_call>{"name": "f", "arguments": "{\ud83d)"), "[0 f {\uFFFD]");
}

TEST(Hermes, AListOfCallsIsReadToo) {
  EXPECT_EQ(hermes("<tool_call>[{\"name\": \"f\", \"arguments\": {}}, {\"name\": \"g\"}]</tool_call>"),
            "[0 f {}][1 g {}]");
}

TEST(Hermes, AHeadThatNeverEndsIsContent) {
  const std::string text = "<tool_call>{\"x\": \"" + std::string(size_t{2} << 20, 'x') + "\", \"name\": \"f\"}";
  OutputParser parser({.tools = ToolFormat::kHermes});
  size_t given = 0;
  size_t most_held = 0;
  Events all;
  for (size_t at = 0; at < text.size(); at += 4096) {
    const Events events = parser.push(std::string_view(text).substr(at, 4096));
    for (const Event& event : events) given += event.text.size();
    most_held = std::max(most_held, std::min(at + 4096, text.size()) - given);
    testing::append(all, events);
  }
  testing::append(all, parser.finish());
  EXPECT_EQ(testing::line_of(all), text);
  EXPECT_LE(most_held, (size_t{1} << 20) + 4096);
}

TEST(ToolStage, ContentIsHeldBackOnlyWhileItMayBeAMarker) {
  OutputParser parser({.reasoning = ReasoningFormat::kQwen3, .tools = ToolFormat::kHermes});
  const auto push = [&](std::string_view text) { return testing::line_of(parser.push(text)); };
  EXPECT_EQ(push("H"), "H");
  EXPECT_EQ(push("i <"), "i ");
  EXPECT_EQ(push("b> <tool"), "<b> ");
  EXPECT_EQ(push("box"), "<toolbox");
  EXPECT_EQ(push("\n"), "");
  EXPECT_EQ(push("."), "\n.");
}

TEST(ToolStage, ArgumentsComeInPiecesAsSoonAsTheNameIsKnown) {
  OutputParser parser({.tools = ToolFormat::kHermes});
  EXPECT_TRUE(parser.push("<tool_call>{\"name\": \"f\", \"arguments\": ").empty());
  const Events begin = parser.push("{\"a");
  ASSERT_EQ(begin.size(), 2U);
  EXPECT_EQ(begin[0].kind, Event::Kind::kCallBegin);
  EXPECT_EQ(begin[0].name, "f");
  EXPECT_EQ(begin[1].text, "{\"a");
  const Events more = parser.push("\": 1");
  ASSERT_EQ(more.size(), 1U);
  EXPECT_EQ(more[0].kind, Event::Kind::kCallArguments);
  EXPECT_EQ(more[0].text, "\": 1");
}

TEST(Granite, AListAfterItsMarkerIsRead) {
  const ParserOptions options{.tools = ToolFormat::kGranite};
  EXPECT_EQ(parsed(options,
                   "<|tool_call|>[{\"name\": \"f\", \"arguments\": {\"a\": 1}}, {\"name\": \"g\", "
                   "\"arguments\": {}}]"),
            "[0 f {\"a\": 1}][1 g {}]");
  EXPECT_EQ(parsed(options, "<tool_call>[{\"arguments\": {}, \"name\": \"f\"}]\n"), "[0 f {}]");
  EXPECT_EQ(parsed(options, "<|tool_call|>{\"name\": \"f\"}<|/tool_call|>"), "[0 f {}]");
  EXPECT_EQ(parsed(options, "<|tool_call|> none"), "<|tool_call|> none");
  // After a call comes something else: the call stays a call.
  EXPECT_EQ(parsed(options, "<|tool_call|>[{\"name\": \"f\"}, 5]"), "[0 f {}], 5]");
}

ParserOptions llama() {
  const std::vector<ToolSpec> tools = {{.name = "f"}, {.name = "g"}};
  return {.tools = ToolFormat::kLlama3Json, .tool_set = std::make_shared<ToolSet>(tools)};
}

TEST(Llama3Json, ABareObjectIsACall) {
  EXPECT_EQ(parsed(llama(), "{\"name\": \"f\", \"parameters\": {\"a\": 1}}"), "[0 f {\"a\": 1}]");
  EXPECT_EQ(parsed(llama(), "\n {\"type\": \"function\", \"name\": \"f\", \"parameters\": {}}\n"), "[0 f {}]");
  EXPECT_EQ(parsed(llama(), "{\"name\": \"f\", \"parameters\": {}}; {\"name\": \"g\", \"parameters\": {\"a\": \";\"}}"),
            "[0 f {}][1 g {\"a\": \";\"}]");
}

TEST(Llama3Json, ObjectsAfterTheTagAreCalls) {
  EXPECT_EQ(parsed(llama(), "<|python_tag|>{\"name\": \"f\", \"parameters\": {}};{\"name\": \"g\"}"),
            "[0 f {}][1 g {}]");
  EXPECT_EQ(parsed(llama(), "I call. <|python_tag|>{\"name\": \"f\"}"), "I call. [0 f {}]");
}

TEST(Llama3Json, AnyOtherObjectIsContentAndIsNotHeldBack) {
  for (const char* text : {"{\"title\": \"f\", \"name\": \"f\"}", "{\"name\": \"unknown\", \"parameters\": {}}", "{}",
                           "{", "{\"name\": ", "[{\"name\": \"f\"}]", "text {\"name\": \"f\", \"parameters\": {}}",
                           "<|python_tag|>print(1)", " \n{x}"}) {
    EXPECT_EQ(parsed(llama(), text), text);
  }
  OutputParser parser(llama());
  EXPECT_EQ(testing::line_of(parser.push("{\"title\": \"")), "{\"title\": \"");
}

TEST(Llama3Json, WhatFollowsACallIsContent) {
  EXPECT_EQ(parsed(llama(), "{\"name\": \"f\"}; then"), "[0 f {}]; then");
  EXPECT_EQ(parsed(llama(), "{\"name\": \"f\"} {\"name\": \"g\"}"), "[0 f {}][1 g {}]");
}

std::string mistral(std::string_view text) {
  return parsed({.tools = ToolFormat::kMistral}, text);
}

TEST(Mistral, AListOfObjectsIsRead) {
  EXPECT_EQ(mistral("[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": \"]\"}, \"id\": \"abc123xyz\"}, "
                    "{\"name\": \"g\", \"arguments\": {}}]"),
            "[0 f {\"a\": \"]\"}][1 g {}]");
  EXPECT_EQ(mistral("Sure.\n[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}}]"), "Sure.[0 f {}]");
}

TEST(Mistral, ANameAndItsArgumentsAreACall) {
  EXPECT_EQ(mistral("[TOOL_CALLS]f{\"a\": 1}[TOOL_CALLS]g{}"), "[0 f {\"a\": 1}][1 g {}]");
  EXPECT_EQ(mistral("[TOOL_CALLS]f[ARGS]{\"a\": \"[TOOL_CALLS]\"}\n[TOOL_CALLS]g[ARGS]{}"),
            "[0 f {\"a\": \"[TOOL_CALLS]\"}][1 g {}]");
  EXPECT_EQ(mistral("[TOOL_CALLS]f[CALL_ID]abc123xyz[ARGS]{}"), "[0 f {}]");
}

TEST(Mistral, WhatIsNoCallIsContent) {
  for (const char* text : {"[TOOL_CALLS]", "[TOOL_CALLS] []", "[TOOL_CALLS]f", "[TOOL_CALLS]f[ARGS]", "[TOOL_CALLS]f x",
                           "[TOOL_CALLS]f[CALL_ID]x{}", "[TOOL_CALLS]{}", "[TOOL_CALLS] [1]", "[TOOL[ARGS]{}"}) {
    EXPECT_EQ(mistral(text), text);
  }
}

TEST(ForcedFormat, TheWholeOutputIsACallOrAList) {
  const ParserOptions options{.tools = ToolFormat::kForced};
  EXPECT_EQ(parsed(options, "{\"name\": \"f\", \"arguments\": {\"a\": 1}}"), "[0 f {\"a\": 1}]");
  EXPECT_EQ(parsed(options, " [{\"name\":\"f\",\"arguments\":{}},\n{\"name\":\"g\",\"arguments\":{}}]\n"),
            "[0 f {}][1 g {}]");
  EXPECT_EQ(parsed({.reasoning = ReasoningFormat::kQwen3, .tools = ToolFormat::kForced},
                   "<think>a</think>\n\n[{\"name\":\"f\",\"arguments\":{}}]"),
            "(a)[0 f {}]");
  for (const char* text : {"", "hello", "[]", "{\"a\": 1}"}) EXPECT_EQ(parsed(options, text), text);
}

TEST(ForcedFormat, ACallThatIsCutOffKeepsItsBeginning) {
  const ParserOptions options{.tools = ToolFormat::kForced};
  for (const std::string begin : {"", "["}) {
    for (const char* text : {"{", "{\"na", "{\"name\":", "{\"name\": \"get_w", " {\n"}) {
      EXPECT_EQ(parsed(options, begin + text), "") << text;
    }
    for (const char* rest : {"", ",", ", \"argu", ", \"arguments\"", ", \"arguments\": "}) {
      EXPECT_EQ(parsed(options, begin + "{\"name\": \"f\"" + rest), "[0 f ]") << rest;
    }
    EXPECT_EQ(parsed(options, begin + "{\"name\": \"f\", \"arguments\": {\"a"), "[0 f {\"a]");
  }
  const std::string first = "[{\"name\": \"f\", \"arguments\": {}}";
  EXPECT_EQ(parsed(options, first), "[0 f {}]");
  EXPECT_EQ(parsed(options, first + ", {\"name\": \"g"), "[0 f {}]");
  EXPECT_EQ(parsed(options, first + ", {\"name\": \"g\""), "[0 f {}][1 g ]");
}

}  // namespace
}  // namespace braid::parsers
