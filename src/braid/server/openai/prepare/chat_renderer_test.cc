#include "braid/server/openai/prepare/chat_renderer.h"

#include <gtest/gtest.h>

#include "tests/support/server/openai/parsed_requests.h"

namespace braid::openai {
namespace {

using testing::chat;

TEST(ChatRenderer, PassesArgumentsInTheStyleThatTheTemplateShowsWell) {
  const auto request = chat(R"({"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[
    {"function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","content":"y"}]})");
  const auto arguments_in = [](const Json& variables) {
    return variables["messages"][1]["tool_calls"][0]["function"]["arguments"];
  };
  // Like `{{ arguments | tojson }}`: text comes out quoted.
  const ChatRenderer as_json([&](const Json& v) { return Result<std::string>(arguments_in(v).dump()); }, false);
  EXPECT_EQ(*as_json.prompt(request), "{\"x\":1}");
  // Like `{{ arguments }}`: an object comes out as Python writes it.
  const ChatRenderer plain(
      [&](const Json& v) {
        const Json arguments = arguments_in(v);
        return Result<std::string>(arguments.is_string() ? arguments.get<std::string>() : "{'probe_key': …}");
      },
      false);
  EXPECT_EQ(*plain.prompt(request), "{\"x\":1}");
  // A template that accepts only text, and fails otherwise.
  const ChatRenderer strict(
      [&](const Json& v) -> Result<std::string> {
        if (v["messages"].size() < 3) return fail("no probes");
        if (!arguments_in(v).is_string()) return fail("arguments must be text");
        return std::string("fine");
      },
      false);
  EXPECT_EQ(*strict.prompt(request), "fine");
}

TEST(ChatRenderer, DeveloperBecomesSystemIfTheTemplateLacksTheRole) {
  const auto request = chat(R"({"messages":[{"role":"developer","content":"d"},{"role":"user","content":"x"}]})");
  const auto roles = [](const Json& v) { return Result<std::string>(v["messages"][0]["role"].get<std::string>()); };
  EXPECT_EQ(*ChatRenderer(roles, false).prompt(request), "system");
  EXPECT_EQ(*ChatRenderer(roles, true).prompt(request), "developer");
  const auto refuses = [](const Json&) { return Result<std::string>(fail("no such role")); };
  EXPECT_EQ(ChatRenderer(refuses, false).prompt(request).error().message, "no such role");
}

TEST(ChatRenderer, ContinuesTheFinalMessageWhereItEnds) {
  const auto request = chat(R"({"messages":[{"role":"assistant","content":"so far"}],"continue_final_message":true})");
  EXPECT_FALSE(request.add_generation_prompt);
  Json variables = template_variables(request, ArgumentStyle::kObject);
  mark_final_message(variables);
  const std::string content = variables["messages"][0]["content"];
  EXPECT_EQ(*cut_at_mark("<a>" + content + "</a>\n"), "<a>so far");
  // A template that trims drops the mark's space. Then the space in front of the mark is dropped, too.
  EXPECT_EQ(*cut_at_mark("<a>so far \nCONTINUE_FINAL_MESSAGE_TAG</a>"), "<a>so far");
  EXPECT_FALSE(cut_at_mark("nothing").ok());
}

}  // namespace
}  // namespace braid::openai
