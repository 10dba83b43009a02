// Thinking, separated from content.
#include "tests/support/server/parsers/parsing.h"

namespace braid::parsers {
namespace {

using testing::parsed;

std::string qwen3(std::string_view text, bool begins_inside = false, bool separate = true) {
  return parsed(
      {.reasoning = ReasoningFormat::kQwen3, .begins_inside_reasoning = begins_inside, .separate_reasoning = separate},
      text);
}

TEST(ReasoningStage, IsBetweenTheTagsWithoutTheirLineBreaks) {
  EXPECT_EQ(qwen3("<think>\nOne, two.\n</think>\n\nThree."), "(One, two.)Three.");
  EXPECT_EQ(qwen3("\n<think>a</think>b"), "(a)b");
  EXPECT_EQ(qwen3("<think>\n\n</think>\n\nb"), "b");
  EXPECT_EQ(qwen3("<think>a\n\n  b\n</think>\n  c\n"), "(a\n\n  b)  c\n");
}

TEST(ReasoningStage, BeginsInsideIfThePromptEndsInside) {
  EXPECT_EQ(qwen3("\nHm.\n</think>\n\nYes.", true), "(Hm.)Yes.");
  EXPECT_EQ(qwen3("<think>\nHm.</think>Yes.", true), "(Hm.)Yes.");
  EXPECT_EQ(qwen3("</think>\n\nYes.", true), "Yes.");
  EXPECT_EQ(qwen3("never closed <think> </thin", true), "(never closed <think> </thin)");
}

TEST(ReasoningStage, TagsElsewhereAreText) {
  EXPECT_EQ(qwen3("The tag <think> begins it, </think> ends it."), "The tag <think> begins it, </think> ends it.");
  EXPECT_EQ(qwen3("<thinking>a"), "<thinking>a");
  EXPECT_EQ(qwen3("<think>a</think>b</think><think>c"), "(a)b</think><think>c");
  EXPECT_EQ(qwen3("<think>a<</think</thinK></think>b"), "(a<</think</thinK>)b");
  EXPECT_EQ(qwen3("\n\n<thi"), "\n\n<thi");
}

TEST(ReasoningStage, LineBreaksBeyondThoseOfATagAreText) {
  const std::string many(12, '\n');
  EXPECT_EQ(qwen3("<think>a" + many + "</think>b"), "(a" + many.substr(8) + ")b");
  EXPECT_EQ(qwen3("<think>a" + many + "b</think>c"), "(a" + many + "b)c");
}

TEST(ReasoningStage, WithoutSeparationEverythingIsContent) {
  for (const char* text : {"<think>\nOne.\n</think>\n\nTwo.", "\n<think>a", "no tags", "<think></think>"}) {
    EXPECT_EQ(qwen3(text, false, false), text);
    EXPECT_EQ(qwen3(text, true, false), text);
  }
}

TEST(ReasoningStage, ACallInsideThinkingIsNotACall) {
  const std::string thought =
      "<think>I may say <tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call></think>";
  ParserOptions options{.reasoning = ReasoningFormat::kQwen3, .tools = ToolFormat::kHermes};
  EXPECT_EQ(parsed(options, thought + "No."),
            "(I may say <tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>)No.");
  options.separate_reasoning = false;
  EXPECT_EQ(parsed(options, thought + "No."), thought + "No.");
  EXPECT_EQ(parsed(options, "<think>\na\n</think>\n\n<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>"),
            "<think>\na\n</think>\n\n[0 f {}]");
}

TEST(ReasoningStage, GraniteHasTagsAroundTheAnswerToo) {
  ParserOptions options{.reasoning = ReasoningFormat::kGranite, .tools = ToolFormat::kGranite};
  EXPECT_EQ(parsed(options, "<think>\na\n</think>\n<response>\nb\n</response>\n"), "(a)b\n");
  EXPECT_EQ(parsed(options, "<think>a</think><response>b</resp"), "(a)b</resp");
  EXPECT_EQ(parsed(options, "<think>a</think>b</response>"), "(a)b</response>");
  EXPECT_EQ(parsed(options, "<response>b</response>"), "<response>b</response>");
  EXPECT_EQ(
      parsed(options, "<think>a</think><response>b<|tool_call|>[{\"name\": \"f\", \"arguments\": {}}]</response>"),
      "(a)b[0 f {}]");
  options.separate_reasoning = false;
  for (const char* text : {"<think>\na</think>\n<response>\nb\n</response>c", "<think>a</think><respon", "<response>",
                           "<think>a</think><response>b <|tool_call|>[{\"never a call</response>c"}) {
    EXPECT_EQ(parsed(options, text), text);
  }
}

TEST(ReasoningStage, OtherFormatsHaveOtherTags) {
  EXPECT_EQ(parsed({.reasoning = ReasoningFormat::kMistral}, "[THINK]a[/THINK]b"), "(a)b");
  EXPECT_EQ(parsed({.reasoning = ReasoningFormat::kNone}, "<think>a</think>b"), "<think>a</think>b");
}

}  // namespace
}  // namespace braid::parsers
