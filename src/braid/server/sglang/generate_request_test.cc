#include "braid/server/sglang/generate_request.h"

#include <gtest/gtest.h>

namespace braid::sglang {
namespace {

using openai::Prompt;

const openai::ProtocolLimits kLimits{.vocab_size = 100};

GenerateRequest generate(std::string_view body) {
  auto parsed = parse_generate_request(body, kLimits);
  if (!parsed.ok()) ADD_FAILURE() << body << ": " << parsed.error().message;
  return parsed.ok() ? *std::move(parsed) : GenerateRequest{};
}

// The parameter that the error names.
std::string refused(const std::string& body) {
  const auto parsed = parse_generate_request(body, kLimits);
  return parsed.ok() ? "accepted" : parsed.error().param;
}

TEST(GenerateRequest, ReadsOnePromptOrAList) {
  const auto one = generate(R"({"text":"a","sampling_params":{"max_new_tokens":5,"sampling_seed":7},"rid":"r",
    "stream":true,"timeout":2,"priority":3})");
  ASSERT_EQ(one.items.size(), 1U);
  EXPECT_FALSE(one.is_list);
  EXPECT_EQ(one.items[0].prompt, Prompt("a"));
  EXPECT_EQ(one.items[0].parameters.max_tokens, 5);
  EXPECT_EQ(one.items[0].parameters.seed, 7U);
  EXPECT_EQ(one.items[0].parameters.priority, 3);
  EXPECT_EQ(one.rid, "r");
  EXPECT_TRUE(one.stream);
  EXPECT_EQ(one.timeout_s, 2);

  const auto list = generate(R"({"input_ids":[[1,2],[3]],"sampling_params":[{"temperature":0},{"n":2}],
    "return_logprob":[true,false],"logprob_start_len":[0,-1],"top_logprobs_num":2,"rid":["x","y"]})");
  ASSERT_EQ(list.items.size(), 2U);
  EXPECT_TRUE(list.is_list);
  EXPECT_EQ(list.items[1].prompt, Prompt(std::vector<TokenId>{3}));
  EXPECT_EQ(list.items[0].parameters.temperature, 0.0F);
  EXPECT_EQ(list.items[1].parameters.n, 2);
  EXPECT_TRUE(list.items[0].parameters.logprobs && !list.items[1].parameters.logprobs);
  EXPECT_EQ(list.items[0].logprob_start_len, 0);
  EXPECT_EQ(list.items[0].parameters.top_logprobs, 2);
  EXPECT_EQ(list.items[1].rid, "y");

  EXPECT_TRUE(generate(R"({"text":["only"]})").is_list);
  EXPECT_EQ(generate(R"({"text":"a"})").items[0].parameters.max_tokens, 128);
  EXPECT_EQ(generate(R"({"text":["a","b"],"sampling_params":{"max_new_tokens":0}})").items[1].parameters.max_tokens, 0);
}

TEST(GenerateRequest, ErrorNamesTheWrongParameter) {
  EXPECT_EQ(refused("{}"), "text");
  EXPECT_EQ(refused(R"({"text":"a","input_ids":[1]})"), "text");
  EXPECT_EQ(refused(R"({"text":[1]})"), "text");
  EXPECT_EQ(refused(R"({"input_ids":"a"})"), "input_ids");
  EXPECT_EQ(refused(R"({"input_ids":[]})"), "input_ids");
  EXPECT_EQ(refused(R"({"input_ids":[[1],[]]})"), "input_ids");
  EXPECT_EQ(refused(R"({"input_ids":[[1],"a"]})"), "input_ids");
  EXPECT_EQ(refused(R"({"text":["a",[1]]})"), "text");
  EXPECT_EQ(refused(R"({"input_ids":[100]})"), "input_ids");
  EXPECT_EQ(refused(R"({"text":"a","sampling_params":5})"), "sampling_params");
  EXPECT_EQ(refused(R"({"text":"a","sampling_params":{"temperature":true}})"), "sampling_params.temperature");
  EXPECT_EQ(refused(R"({"text":"a","sampling_params":{"max_new_tokens":-1}})"), "sampling_params.max_new_tokens");
  EXPECT_EQ(refused(R"({"text":"a","sampling_params":{"max_new_tokens":1,"min_new_tokens":2}})"),
            "sampling_params.min_new_tokens");
  EXPECT_EQ(refused(R"({"text":["a","b"],"sampling_params":[{}]})"), "sampling_params");
  EXPECT_EQ(refused(R"({"text":["a","b"],"return_logprob":[true]})"), "return_logprob");
  EXPECT_EQ(refused(R"({"text":"a","return_logprob":1})"), "return_logprob");
  EXPECT_EQ(refused(R"({"text":"a","logprob_start_len":-2})"), "logprob_start_len");
  EXPECT_EQ(refused(R"({"text":"a","top_logprobs_num":101})"), "top_logprobs_num");
  EXPECT_EQ(refused(R"({"text":["a","b"],"rid":["x"]})"), "rid");
  EXPECT_EQ(refused(R"({"text":["a","b"],"rid":["x","x"]})"), "rid");
  EXPECT_EQ(refused(R"({"text":"a","rid":5})"), "rid");
  EXPECT_EQ(refused(R"({"text":"a","image_data":5})"), "image_data");
  EXPECT_EQ(refused(R"({"text":"a","image_data":["x",{}]})"), "image_data");
  EXPECT_EQ(refused(R"({"text":["a","b"],"image_data":["x"]})"), "image_data");
  EXPECT_EQ(refused(R"({"text":"a","stream":"yes"})"), "stream");
  EXPECT_EQ(refused(R"({"text":"a","sampling_params":{"json_schema":5}})"), "sampling_params.json_schema");
}

TEST(GenerateRequest, HasImagesOfEachPrompt) {
  using Urls = std::vector<std::string>;
  EXPECT_EQ(generate(R"({"text":"a","image_data":"x"})").items[0].media.images, Urls({"x"}));
  EXPECT_EQ(generate(R"({"text":"a","image_data":["x","y"]})").items[0].media.images, Urls({"x", "y"}));
  EXPECT_EQ(generate(R"({"text":"a","image_data":null})").items[0].media.images, Urls());
  const auto list = generate(R"({"text":["a","b","c"],"image_data":["x",["y","z"],null]})");
  EXPECT_EQ(list.items[0].media.images, Urls({"x"}));
  EXPECT_EQ(list.items[1].media.images, Urls({"y", "z"}));
  EXPECT_EQ(list.items[2].media.images, Urls());
}

TEST(GenerateRequest, HasVideosOfEachPrompt) {
  using Frames = std::vector<std::string>;
  const auto videos = [](const std::string& data) {
    return generate(R"({"text":"a","video_data":)" + data + "}").items[0].media.videos;
  };
  EXPECT_TRUE(videos("null").empty());
  EXPECT_EQ(videos(R"("data:video/jpeg;base64,A,B")").at(0).frames, Frames({"A", "B"}));
  const auto two = videos(R"([{"video":["x","y"],"fps":3},"data:video/jpeg;base64,C"])");
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(two[0].frames, Frames({"x", "y"}));
  EXPECT_EQ(two[0].fps, 3.0);
  EXPECT_EQ(two[1].frames, Frames({"C"}));
  const auto list = generate(R"({"text":["a","b"],"video_data":[null,[{"video":["x"]}]]})");
  EXPECT_TRUE(list.items[0].media.videos.empty());
  EXPECT_EQ(list.items[1].media.videos.at(0).frames, Frames({"x"}));
  for (const char* data : {R"("a.mp4")", "5", R"({"video":[]})", R"({"video":["x"],"size":3})", R"({"fps":3})"}) {
    EXPECT_EQ(refused(std::string(R"({"text":"a","video_data":)") + data + "}"), "video_data") << data;
  }
}

}  // namespace
}  // namespace braid::sglang
