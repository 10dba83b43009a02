#include <gtest/gtest.h>

#include "braid/server/openai/parse/requests.h"
#include "braid/server/openai/prepare/chat_renderer.h"
#include "tests/support/server/openai/parsed_requests.h"

namespace braid::openai {
namespace {

using testing::chat;
using testing::kLimits;

// The parameter that the error of a chat body names.
std::string refused_chat(const std::string& body) {
  const auto parsed = parse_chat_request(body, kLimits);
  return parsed.ok() ? "accepted" : parsed.error().param;
}

TEST(ChatRequest, MessagesBecomePlainTemplateVariables) {
  const auto request = chat(R"({"messages":[{"role":"developer","content":"d"},{"role":"user","content":[
    {"type":"text","text":"a"},{"type":"text","text":"b"}]},{"role":"assistant","tool_calls":[
    {"function":{"name":"f","arguments":"{\"x\":1}"}}]}],"tools":[{"type":"function","function":{"name":"f"}}],
    "chat_template_kwargs":{"enable_thinking":false},"max_tokens":5,"max_completion_tokens":7})");
  const Json as_object = template_variables(request, ArgumentStyle::kObject);
  EXPECT_EQ(as_object["messages"][0]["role"], "developer");
  EXPECT_EQ(as_object["messages"][1]["content"], "a\nb");
  EXPECT_EQ(as_object["messages"][2]["content"], nullptr);
  EXPECT_EQ(as_object["messages"][2]["tool_calls"][0]["function"]["arguments"]["x"], 1);
  const Json as_text = template_variables(request, ArgumentStyle::kText);
  EXPECT_EQ(as_text["messages"][2]["tool_calls"][0]["function"]["arguments"], "{\"x\":1}");
  EXPECT_EQ(as_object["enable_thinking"], false);
  EXPECT_EQ(as_object["tools"].size(), 1U);
  EXPECT_EQ(as_object["add_generation_prompt"], true);
  EXPECT_EQ(request.common.max_tokens, 7);
}

TEST(ChatRequest, ErrorNamesTheWrongParameter) {
  for (const char* body :
       {"{}", R"({"messages":[]})", R"({"messages":"x"})", R"({"messages":[{"content":"x"}]})",
        R"({"messages":[{"role":"user"}]})", R"({"messages":[{"role":"user","content":5}]})",
        R"({"messages":[{"role":"user","content":[{"type":"image_url"}]}]})",
        R"({"messages":[{"role":5,"content":"x"}]})", R"({"messages":[{"role":"user","content":"x","tool_calls":5}]})",
        R"({"messages":[{"role":"assistant","content":"x"},{"role":"assistant","content":"y"}]})"}) {
    EXPECT_EQ(refused_chat(body), "messages") << body;
  }
  EXPECT_EQ(refused_chat(R"({"messages":[5]})"), "messages[0]");
  const std::string ok = R"("messages":[{"role":"user","content":"x"}])";
  EXPECT_EQ(refused_chat("{" + ok + R"(,"top_logprobs":3})"), "top_logprobs");
  EXPECT_EQ(refused_chat("{" + ok + R"(,"logprobs":true,"top_logprobs":21})"), "top_logprobs");
  EXPECT_EQ(refused_chat("{" + ok + R"(,"functions":[{}]})"), "functions");
  EXPECT_EQ(refused_chat("{" + ok + R"(,"tool_choice":"required"})"), "tool_choice");
  EXPECT_EQ(refused_chat("{" + ok + R"(,"tools":[{"x":1}]})"), "tools");
  EXPECT_EQ(refused_chat("{" + ok + R"(,"continue_final_message":true,"add_generation_prompt":true})"),
            "continue_final_message");
  EXPECT_EQ(refused_chat("{" + ok + R"(,"chat_template_kwargs":5})"), "chat_template_kwargs");
  EXPECT_EQ(refused_chat("{" + ok + R"(,"separate_reasoning":1})"), "separate_reasoning");
}

TEST(ChatRequest, ImagesStayWhereTheyAreForTheTemplateAndTheirUrlsAreKept) {
  const auto request = chat(R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":[
    {"type":"image_url","image_url":{"url":"data:a","detail":"high"}},{"type":"text","text":"b"},
    {"type":"image_url","image_url":"data:c"}]},{"role":"user","content":[{"type":"text","text":"d"}]},
    {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:e"}}]}]})");
  EXPECT_EQ(request.media.images, (std::vector<std::string>{"data:a", "data:c", "data:e"}));
  const Json variables = template_variables(request, ArgumentStyle::kObject);
  EXPECT_EQ(variables["messages"][1]["content"], *parse_json(R"([{"type":"image"},{"type":"text","text":"b"},
    {"type":"image"}])"));
  EXPECT_EQ(variables["messages"][2]["content"], "d");
  EXPECT_EQ(variables["messages"][3]["content"], *parse_json(R"([{"type":"image"}])"));
}

TEST(ChatRequest, VideosAreListsOfFrames) {
  const auto request = chat(R"({"messages":[{"role":"user","content":[
    {"type":"video","video":["data:a","file:///b"],"fps":0.5},{"type":"image_url","image_url":"data:c"},
    {"type":"video_url","video_url":{"url":"data:video/jpeg;base64,AAA,BB,C"}},
    {"type":"video_url","video_url":"data:video/jpeg;base64,D","sample_fps":4},{"type":"text","text":"t"}]}]})");
  EXPECT_EQ(request.media.images, (std::vector<std::string>{"data:c"}));
  ASSERT_EQ(request.media.videos.size(), 3U);
  EXPECT_EQ(request.media.videos[0].frames, (std::vector<std::string>{"data:a", "file:///b"}));
  EXPECT_EQ(request.media.videos[0].fps, 0.5);
  EXPECT_EQ(request.media.videos[1].frames, (std::vector<std::string>{"AAA", "BB", "C"}));
  EXPECT_EQ(request.media.videos[1].fps, 2.0) << "as Qwen's processors sample by default";
  EXPECT_EQ(request.media.videos[2].fps, 4.0);
  const Json variables = template_variables(request, ArgumentStyle::kObject);
  EXPECT_EQ(variables["messages"][0]["content"], *parse_json(R"([{"type":"video"},{"type":"image"},{"type":"video"},
    {"type":"video"},{"type":"text","text":"t"}])"));
}

TEST(ChatRequest, AVideoThatIsNoListOfFramesIsNamed) {
  const auto error_of = [](const std::string& part, size_t max_images = 3) {
    ProtocolLimits limits = kLimits;
    limits.max_images = max_images;
    const auto parsed = parse_chat_request(R"({"messages":[{"role":"user","content":[)" + part + "]}]}", limits);
    return parsed.ok() ? "accepted" : parsed.error().message;
  };
  for (const char* part :
       {R"({"type":"video","video":"file:///a.mp4"})", R"({"type":"video_url","video_url":{"url":"http://b/c.mp4"}})",
        R"({"type":"video_url","video_url":{"url":"data:video/mp4;base64,AA"}})", R"({"type":"video","video":[]})",
        R"({"type":"video","video":[5]})", R"({"type":"video"})", R"({"type":"video_url","video_url":{}})"}) {
    EXPECT_NE(error_of(part).find("messages[0].content: a video "), std::string::npos) << error_of(part);
    EXPECT_NE(error_of(part).find("video files are not decoded"), std::string::npos) << error_of(part);
  }
  EXPECT_EQ(error_of(R"({"type":"video","video":["a"],"fps":"2"})"),
            R"(messages[0].content: a video has fps "2": must be a number)");
  EXPECT_EQ(error_of(R"({"type":"video","video":["a"],"nframes":2})"),
            R"(messages[0].content: a video has "nframes", which is not supported: beside its frames it may have fps)");
  EXPECT_EQ(error_of(R"({"type":"video","video":["a","b","c"],"fps":null})"), "accepted");
  EXPECT_EQ(error_of(R"({"type":"video","video":"data:video/jpeg;base64,)" + std::string(1'000'000, ',') + R"("})"),
            "messages[0].content: a video has 1000001 frames: at most 256 are allowed");
  const std::string image = R"(,{"type":"image_url","image_url":{"url":"x"}})";
  EXPECT_EQ(error_of(R"({"type":"video","video":["a","b","c"]})" + image),
            "the messages have more than 3 images (frames of videos are counted)");
  EXPECT_EQ(error_of(R"({"type":"video","video":["a","b","c"]})", 2),
            "the messages have more than 2 images (frames of videos are counted)");
}

TEST(ChatRequest, APartThatIsNoImageIsNamed) {
  const auto error_of = [](const std::string& part, ProtocolLimits limits = kLimits) {
    const auto parsed = parse_chat_request(R"({"messages":[{"role":"user","content":[)" + part + "]}]}", limits);
    return parsed.ok() ? "accepted" : parsed.error().message;
  };
  EXPECT_EQ(error_of(R"({"type":"image_url","image_url":{}})"),
            R"(messages[0].content has an image_url part without a url: {"type":"image_url","image_url":{}})");
  EXPECT_NE(error_of(R"({"type":"input_audio"})").find("must be {\"type\": \"text\""), std::string::npos);
  EXPECT_NE(error_of("5").find("has the part 5"), std::string::npos);
  ProtocolLimits limits = kLimits;
  limits.max_images = 1;
  const std::string image = R"({"type":"image_url","image_url":{"url":"x"}})";
  EXPECT_EQ(error_of(image, limits), "accepted");
  EXPECT_EQ(error_of(image + "," + image, limits),
            "the messages have more than 1 images (frames of videos are counted)");
}

}  // namespace
}  // namespace braid::openai
