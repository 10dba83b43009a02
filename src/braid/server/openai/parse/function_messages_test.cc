#include "braid/server/openai/parse/function_messages.h"

#include <gtest/gtest.h>

#include "tests/support/server/openai/parsed_requests.h"

namespace braid::openai {
namespace {

TEST(FunctionMessages, BecomeToolCallsAndTheirAnswers) {
  const auto request = testing::chat(R"({"messages": [
    {"role": "user", "content": "weather?"},
    {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}, "tool_calls": null},
    {"role": "function", "name": "f", "content": "rain"},
    {"role": "assistant", "function_call": {"name": "g", "arguments": "{}"}},
    {"role": "function", "name": "g", "content": null},
    {"role": "assistant", "content": "It rains.", "function_call": null}]})");
  const Json& messages = request.messages;
  EXPECT_EQ(messages[1], Json::parse(R"({"role": "assistant", "content": null, "tool_calls": [
    {"id": "call00001", "type": "function", "function": {"name": "f", "arguments": "{}"}}]})"));
  EXPECT_EQ(messages[2], Json::parse(R"({"role": "tool", "name": "f", "content": "rain",
    "tool_call_id": "call00001"})"));
  EXPECT_EQ(messages[3]["tool_calls"][0]["id"], "call00002");
  EXPECT_EQ(messages[3]["content"], nullptr);
  EXPECT_EQ(messages[4]["tool_call_id"], "call00002");
  EXPECT_EQ(messages[5]["content"], "It rains.");
}

TEST(FunctionMessages, ErrorSaysWhatIsWrong) {
  const auto error_of = [](const std::string& members) {
    const auto parsed = parse_chat_request(R"({"messages": [{"role": "assistant", "content": null, )" + members + "}]}",
                                           testing::kLimits);
    return parsed.ok() ? "" : parsed.error().message;
  };
  EXPECT_EQ(error_of(R"("function_call": {"name": "f", "arguments": "{}"})"), "");
  EXPECT_EQ(error_of(R"("function_call": "f")"),
            R"(messages[0].function_call is "f": must be {"name": …, "arguments": …})");
  EXPECT_EQ(error_of(R"("function_call": {"arguments": "{}"})").find("messages[0].function_call is {"), 0U);
  EXPECT_EQ(error_of(R"("function_call": {"name": "f"}, "tool_calls": [])"),
            "messages[0] has both function_call, which is deprecated, and tool_calls");
}

}  // namespace
}  // namespace braid::openai
