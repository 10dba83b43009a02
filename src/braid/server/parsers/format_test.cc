#include "braid/server/parsers/format.h"

#include <gtest/gtest.h>

namespace braid::parsers {
namespace {

TEST(Format, ThePromptTellsWhetherAnOutputBeginsInsideReasoning) {
  const auto inside = [](std::string_view prompt, std::string_view continued = {}) {
    return begins_inside_reasoning(ReasoningFormat::kQwen3, prompt, continued);
  };
  EXPECT_TRUE(inside("<|im_start|>assistant\n<think>\n"));
  EXPECT_FALSE(inside("<|im_start|>assistant\n<think>\n\n</think>\n\n"));
  EXPECT_FALSE(inside("<|im_start|>assistant\n"));
  EXPECT_FALSE(inside("What is <think>?<|im_end|>\n<|im_start|>assistant\n"));
  EXPECT_TRUE(inside("<|im_start|>assistant\n<think>\nWell", "<think>\nWell"));
  EXPECT_FALSE(inside("<|im_start|>assistant\n<think>\nWell</think>Yes", "<think>\nWell</think>Yes"));
  EXPECT_FALSE(inside("<|im_start|>assistant\nYes", "Yes"));
  const auto deepseek = [](std::string_view prompt, std::string_view continued = {}) {
    return begins_inside_reasoning(ReasoningFormat::kDeepSeekR1, prompt, continued);
  };
  EXPECT_TRUE(deepseek("<｜Assistant｜>"));
  EXPECT_TRUE(deepseek("<｜Assistant｜><think>\n"));
  EXPECT_FALSE(deepseek("<｜Assistant｜></think>"));
  EXPECT_FALSE(deepseek("<｜Assistant｜>The answer", "The answer"));
  EXPECT_FALSE(begins_inside_reasoning(ReasoningFormat::kNone, "<think>"));
}

TEST(Format, IsFoundByItsFlagsName) {
  for (const std::string& name : reasoning_format_names()) EXPECT_EQ(name_of(*find_reasoning_format(name)), name);
  for (const std::string& name : tool_format_names()) EXPECT_EQ(name_of(*find_tool_format(name)), name);
  EXPECT_EQ(find_tool_format("hermes"), ToolFormat::kHermes);
  EXPECT_EQ(find_reasoning_format("deepseek_r1"), ReasoningFormat::kDeepSeekR1);
  EXPECT_FALSE(find_tool_format("forced"));
  EXPECT_FALSE(find_tool_format(""));
}

}  // namespace
}  // namespace braid::parsers
