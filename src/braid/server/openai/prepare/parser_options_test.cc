#include "braid/server/openai/prepare/parser_options.h"

#include <gtest/gtest.h>

#include "tests/support/server/openai/parsed_requests.h"

namespace braid::openai {
namespace {

using testing::chat;

TEST(ParserOptions, FollowTheModelAndTheRequest) {
  using parsers::ReasoningFormat;
  using parsers::ToolFormat;
  const parsers::TemplateFormats formats{.reasoning = ReasoningFormat::kQwen3,
                                         .tools = ToolFormat::kMistral,
                                         .ids = parsers::CallIdStyle::kNineAlphanumeric};
  const auto options = [&](const std::string& members, std::string_view prompt) {
    return parser_options(chat(R"({"messages":[{"role":"user","content":"x"}])" + members + "}"), formats, prompt, 5);
  };
  const std::string tools = R"(,"tools":[{"type":"function","function":{"name":"f"}}])";
  const auto plain = options("", "x");
  EXPECT_EQ(plain.reasoning, ReasoningFormat::kQwen3);
  EXPECT_TRUE(plain.separate_reasoning && !plain.begins_inside_reasoning);
  EXPECT_EQ(plain.tools, ToolFormat::kNone) << "there are none";
  EXPECT_FALSE(looks_for_special_tokens(plain));
  EXPECT_TRUE(options("", "x<think>\n").begins_inside_reasoning);
  EXPECT_FALSE(options(R"(,"separate_reasoning":false)", "x").separate_reasoning);
  const auto called = options(tools + R"(,"parallel_tool_calls":false)", "x");
  EXPECT_EQ(called.tools, ToolFormat::kMistral);
  EXPECT_TRUE(called.tool_set->knows("f"));
  EXPECT_FALSE(called.parallel_tool_calls);
  EXPECT_EQ(called.id_style, parsers::CallIdStyle::kNineAlphanumeric);
  EXPECT_TRUE(looks_for_special_tokens(called));
  EXPECT_EQ(options(tools + R"(,"tool_choice":"none")", "x").tools, ToolFormat::kNone);
  // A continued message of the assistant may be in the middle of its thinking.
  const auto continued = chat(R"({"messages":[{"role":"user","content":"x"},
    {"role":"assistant","content":"<think>so"}],"continue_final_message":true})");
  EXPECT_TRUE(parser_options(continued, formats, "x<think>so", 5).begins_inside_reasoning);
}

}  // namespace
}  // namespace braid::openai
