#include "braid/server/sglang/text_requests.h"

#include <gtest/gtest.h>

namespace braid::sglang {
namespace {

const openai::ProtocolLimits kTextLimits{.vocab_size = 100};

TEST(TokenizeRequest, ReadsATextAListOrAConversation) {
  const auto tokenize = [](std::string_view body) { return parse_tokenize_request(body, kTextLimits); };
  const auto text = tokenize(R"({"prompt":"a","add_special_tokens":false})").value();
  EXPECT_EQ(std::get<std::string>(text.prompt), "a");
  EXPECT_FALSE(text.add_special_tokens);
  EXPECT_EQ(std::get<1>(tokenize(R"({"prompt":["a","b"]})")->prompt).size(), 2U);
  EXPECT_TRUE(
      std::holds_alternative<openai::ChatRequest>(tokenize(R"({"messages":[{"role":"user","content":"a"}]})")->prompt));
  for (const char* body : {"{}", R"({"prompt":5})", R"({"prompt":[1]})", R"({"prompt":"a","messages":[]})", "[",
                           R"({"prompt":"a","add_special_tokens":1})"}) {
    EXPECT_FALSE(tokenize(body).ok()) << body;
  }
}

TEST(DetokenizeRequest, ReadsTokensOrListsOfThem) {
  const auto detokenize = [](std::string_view body) { return parse_detokenize_request(body, kTextLimits); };
  EXPECT_EQ(detokenize(R"({"tokens":[1,2]})")->tokens.size(), 1U);
  EXPECT_TRUE(detokenize(R"({"tokens":[[1],[2]]})")->is_list);
  EXPECT_EQ(detokenize(R"({"tokens":[]})")->tokens.size(), 1U);
  for (const char* body : {"{}", R"({"tokens":"a"})", R"({"tokens":["a"]})", R"({"tokens":[100]})"}) {
    EXPECT_FALSE(detokenize(body).ok()) << body;
  }
}

TEST(AbortRequest, ReadsAnIdOrAll) {
  EXPECT_TRUE(parse_abort_request(R"({"abort_all":true})", kTextLimits)->all);
  EXPECT_EQ(parse_abort_request("{}", kTextLimits).error().param, "rid");
}

TEST(LoggingRequest, ReadsWhatIsToChange) {
  const auto logging = [](std::string_view body) { return parse_logging_request(body, kTextLimits); };
  EXPECT_EQ(logging(R"({"log_level":"info,dp=debug"})")->levels->text(), "info,dp=debug");
  EXPECT_FALSE(logging(R"({"log_requests":true})")->levels);
  EXPECT_EQ(logging(R"({"log_requests":true})")->log_requests, true);
  const auto wrong = logging(R"({"log_level":"info,db=debug"})");
  EXPECT_EQ(wrong.error().param, "log_level");
  EXPECT_NE(wrong.error().message.find("must be one of server, controller"), std::string::npos);
  EXPECT_EQ(logging(R"({"log_requests":1})").error().param, "log_requests");
}

}  // namespace
}  // namespace braid::sglang
