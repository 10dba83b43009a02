// Results in, OpenAI's JSON out: in one piece, and as a stream.
#include "braid/server/openai/write/streams.h"

#include <gtest/gtest.h>

#include <map>

#include "braid/server/openai/write/logprobs.h"
#include "braid/server/openai/write/responses.h"
#include "braid/tokenizer/unicode/utf8.h"
#include "tests/support/server/openai/parsed_requests.h"
#include "tests/support/server/openai/tiny_tokenizer.h"

namespace braid::openai {
namespace {

using testing::TinyTokenizer;

using testing::completion;

ChatRequest chat_with(const std::string& members) {
  return testing::chat(R"({"messages":[{"role":"user","content":"x"}],)" + members + "}");
}

// The events of a stream, parsed; the last one is [DONE].
std::vector<Json> events_of(std::string_view stream) {
  std::vector<Json> events;
  while (!stream.empty()) {
    const size_t end = stream.find("\n\n");
    if (end == std::string_view::npos || !stream.starts_with("data: ")) {
      ADD_FAILURE() << "not an event: " << stream;
      break;
    }
    const std::string_view data = stream.substr(6, end - 6);
    events.push_back(data == "[DONE]" ? Json("[DONE]") : Json::parse(data));
    stream.remove_prefix(end + 2);
  }
  return events;
}

PromptResult tiny_result() {
  ChoiceResult choice;
  choice.add(
      {.text = "a", .tokens = {{0, -0.5F, {{0, -0.5F}, {3, -1.0F}}}}, .matched_stop = {}, .usage = {}, .error = {}});
  choice.add({.text = "\xc3\xa9",
              .tokens = {{3, -0.25F, {{3, -0.25F}}}, {4, -2.0F, {}}},
              .finish = FinishReason::kStop,
              .matched_stop = TokenId{4},
              .usage = {.prompt_tokens = 2, .cached_tokens = 1, .output_tokens = 3},
              .error = {}});
  return {.prompt_ids = {0, 1}, .prompt_text = "P", .choices = {choice, choice}};
}

TEST(Response, ChatHasLogprobsWithoutTheStopAndAllTokenIds) {
  const auto request = chat_with(R"("logprobs":true,"top_logprobs":2,"return_token_ids":true)");
  const Json response = chat_response({"chatcmpl-1", 5, "m"}, request, tiny_result(), TinyTokenizer());
  EXPECT_EQ(response["object"], "chat.completion");
  const Json& choice = response["choices"][1];
  EXPECT_EQ(choice["index"], 1);
  EXPECT_EQ(choice["message"]["content"], "a\xc3\xa9");
  EXPECT_EQ(choice["finish_reason"], "stop");
  EXPECT_EQ(choice["token_ids"], Json::parse("[0,3,4]"));
  ASSERT_EQ(choice["logprobs"]["content"].size(), 2U);
  EXPECT_EQ(choice["logprobs"]["content"][1]["bytes"], Json::parse("[195,169]"));
  EXPECT_EQ(choice["logprobs"]["content"][0]["top_logprobs"].size(), 2U);
  EXPECT_EQ(response["prompt_token_ids"], Json::parse("[0,1]"));
  EXPECT_EQ(response["usage"], Json::parse(R"({"prompt_tokens":2,"completion_tokens":6,"total_tokens":8,
    "prompt_tokens_details":{"cached_tokens":1}})"));
}

TEST(Response, CompletionsEchoAndSumUpTheirPrompts) {
  const auto request = completion(R"({"prompt":["x","y"],"echo":true,"n":2})");
  const Json response =
      completion_response({"cmpl-1", 5, "m"}, request, {tiny_result(), tiny_result()}, TinyTokenizer());
  EXPECT_EQ(response["choices"].size(), 4U);
  EXPECT_EQ(response["choices"][3]["index"], 3);
  EXPECT_EQ(response["choices"][3]["text"], "Pa\xc3\xa9");
  EXPECT_EQ(response["choices"][0]["logprobs"], nullptr);
  EXPECT_EQ(response["usage"]["prompt_tokens"], 4);
  EXPECT_EQ(response["usage"]["completion_tokens"], 12);
}

TEST(Response, LegacyLogprobsRunInParallel) {
  const auto request = completion(R"({"prompt":"x","logprobs":2})");
  const Json response = completion_response({"cmpl-1", 5, "m"}, request, {tiny_result()}, TinyTokenizer());
  const Json& logprobs = response["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs["tokens"], Json::parse(R"(["a","é"])"));
  EXPECT_EQ(logprobs["text_offset"], Json::parse("[0,1]"));
  EXPECT_EQ(logprobs["top_logprobs"][0].size(), 2U);
}

TEST(Response, LogprobsDropTheFirstSpaceWhereTheTextDoes) {
  PromptResult result{.prompt_ids = {TinyTokenizer::kA}, .choices = {{.text = "b b"}}};
  result.choices[0].tokens = {{.token = TinyTokenizer::kSpaceB}, {.token = TinyTokenizer::kSpaceB}};
  const auto logprobs = [&](const char* body) -> Json {
    return completion_response({}, completion(body), {result}, TinyTokenizer())["choices"][0]["logprobs"];
  };
  EXPECT_EQ(logprobs(R"({"prompt":"x","logprobs":0})")["tokens"], Json::parse(R"(["b"," b"])"));
  result.continues_text = true;
  result.choices[0].text = " b b";
  EXPECT_EQ(logprobs(R"({"prompt":"x","logprobs":0})")["tokens"], Json::parse(R"([" b"," b"])"));
  EXPECT_EQ(logprobs(R"({"prompt":"x","logprobs":0})")["text_offset"], Json::parse("[0,2]"));
  // A token that the text leaves out does not begin it.
  result.prompt_ids = {TinyTokenizer::kStop, TinyTokenizer::kSpaceB};
  result.choices[0].prompt_logprobs = {{.token = TinyTokenizer::kSpaceB}};
  const Json echoed = logprobs(R"({"prompt":"b","logprobs":0,"echo":true})");
  EXPECT_EQ(echoed["tokens"], Json::parse(R"(["</s>","b"," b"," b"])"));
  EXPECT_EQ(echoed["text_offset"], Json::parse("[0,0,1,3]"));
}

TEST(Response, EchoedLogprobsBeginWithThePromptsAndItsFirstTokenHasNone) {
  const auto request = completion(R"({"prompt":"x","echo":true,"logprobs":1,"n":2})");
  PromptResult result = tiny_result();
  result.prompt_ids = {4, 1, 2, 0};  // "</s>" has no place in the text; the character of 1 and 2 begins in 1
  result.prompt_text =
      "\xc3\xa9"
      "a";
  result.choices[0].prompt_logprobs = {
      {1, -3.0F, {{0, -1.0F}}}, {2, -0.125F, {{2, -0.125F}}}, {0, -2.0F, {{3, -1.5F}}}};
  const Json response = completion_response({"cmpl-1", 5, "m"}, request, {result}, TinyTokenizer());
  for (const Json& choice : response["choices"]) {
    const Json& logprobs = choice["logprobs"];
    EXPECT_EQ(choice["text"],
              "\xc3\xa9"
              "aa\xc3\xa9");
    EXPECT_EQ(logprobs["token_logprobs"], Json::parse("[null,-3.0,-0.125,-2.0,-0.5,-0.25]"));
    EXPECT_EQ(logprobs["top_logprobs"][0], nullptr);
    EXPECT_EQ(logprobs["top_logprobs"][3], Json::parse(R"({"é":-1.5})"));
    EXPECT_EQ(logprobs["text_offset"], Json::parse("[0,0,1,1,2,3]"));
    EXPECT_EQ(logprobs["tokens"][0], "</s>");
    EXPECT_EQ(logprobs["bytes"][1], Json::parse("[195]"));
  }
}

TEST(Response, TheBytesOfLogprobsJoinToTheText) {
  const TinyTokenizer tokenizer;
  CommonParameters common;
  const TokenNames names(tokenizer, common);
  EXPECT_EQ(names.bytes(TinyTokenizer::kHalf, false) + names.bytes(TinyTokenizer::kOtherHalf, false), "\xc3\xa9");
  EXPECT_EQ(names.shown(TinyTokenizer::kHalf, false), "\xef\xbf\xbd");
  EXPECT_EQ(names.bytes(TinyTokenizer::kSpaceB, true), "b") << "the decoder drops the first space";
  EXPECT_EQ(names.bytes(TinyTokenizer::kSpaceB, false), " b");
  EXPECT_EQ(names.bytes(TinyTokenizer::kStop, false), "") << "a special token is not in the text";
  EXPECT_EQ(names.shown(TinyTokenizer::kStop, false), "</s>");
  common.skip_special_tokens = false;
  EXPECT_EQ(TokenNames(tokenizer, common).bytes(TinyTokenizer::kStop, false), "</s>");
}

TEST(Response, AFailedChoiceIsAServerError) {
  PromptResult result = tiny_result();
  EXPECT_FALSE(find_error({result}).has_value());
  result.choices[1].finish = FinishReason::kError;
  result.choices[1].error = "the engine died";
  EXPECT_EQ(find_error({result})->status, 500);
  EXPECT_EQ(to_json(*find_error({result}))["error"]["param"], nullptr);
}

// What the engine says of one choice: "é" in two tokens, then a stop.
const Delta kDeltas[] = {
    {.text = "a", .tokens = {{TinyTokenizer::kA, -0.5F, {}}}, .usage = {.cached_tokens = 1}},
    {.text = "", .tokens = {{TinyTokenizer::kHalf, -1.0F, {}}}, .usage = {.cached_tokens = 1}},
    {.text = "\xc3\xa9", .tokens = {{TinyTokenizer::kOtherHalf, -1.5F, {}}}, .usage = {.cached_tokens = 1}},
    {.text = "",
     .tokens = {{TinyTokenizer::kStop, -2.0F, {}}},
     .finish = FinishReason::kStop,
     .matched_stop = TokenId{TinyTokenizer::kStop},
     .usage = {.cached_tokens = 1}}};

PromptResult waiting(size_t num_choices) {
  return {.prompt_ids = {0, 1}, .prompt_text = "P", .choices = std::vector<ChoiceResult>(num_choices)};
}

std::vector<Json> stream_of(AnswerWriter& writer, int32_t num_choices, size_t num_prompts = 1) {
  std::string stream;
  for (Delta delta : kDeltas) {
    for (size_t prompt = 0; prompt < num_prompts; ++prompt) {
      for (delta.index = 0; delta.index < num_choices; ++delta.index) stream += writer.push(prompt, delta);
    }
  }
  return events_of(stream + writer.finish());
}

TEST(ChatStream, HasARoleDeltasAFinishTheUsageAndAnEnd) {
  const TinyTokenizer tokenizer;
  const auto writer = make_chat_stream({"chatcmpl-1", 5, "m"}, chat_with(R"("stream_options":{"include_usage":true})"),
                                       waiting(1), tokenizer, make_plain_parser);
  const auto events = stream_of(*writer, 1);
  ASSERT_EQ(events.size(), 6U);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(events[i]["id"], "chatcmpl-1");
    EXPECT_EQ(events[i]["object"], "chat.completion.chunk");
    EXPECT_EQ(events[i]["created"], 5);
    EXPECT_EQ(events[i]["model"], "m");
  }
  EXPECT_EQ(events[0]["choices"], Json::parse(R"([{"index":0,"delta":{"role":"assistant","content":""},
    "logprobs":null,"finish_reason":null}])"));
  EXPECT_EQ(events[1]["choices"][0]["delta"], Json::parse(R"({"content":"a"})"));
  EXPECT_EQ(events[2]["choices"][0]["delta"], Json::parse(R"({"content":"é"})")) << "half a character is no event";
  EXPECT_EQ(events[3]["choices"], Json::parse(R"([{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}])"));
  EXPECT_EQ(events[3]["usage"], nullptr);
  EXPECT_EQ(events[4]["choices"], Json::array());
  EXPECT_EQ(events[4]["usage"], Json::parse(R"({"prompt_tokens":2,"completion_tokens":4,"total_tokens":6,
    "prompt_tokens_details":{"cached_tokens":1}})"));
  EXPECT_EQ(events[5], "[DONE]");
}

TEST(ChatStream, WithoutAskingThereIsNoUsage) {
  const TinyTokenizer tokenizer;
  const auto writer =
      make_chat_stream({"chatcmpl-1", 5, "m"}, chat_with(R"("stream":true)"), waiting(1), tokenizer, make_plain_parser);
  const auto events = stream_of(*writer, 1);
  ASSERT_EQ(events.size(), 5U);
  for (size_t i = 0; i < 4; ++i) EXPECT_FALSE(events[i].contains("usage"));
}

TEST(ChatStream, LogprobsAndIdsJoinToThoseOfTheWholeAnswer) {
  const TinyTokenizer tokenizer;
  const auto request = chat_with(R"("logprobs":true,"return_token_ids":true,"n":2)");
  const auto stream = make_chat_stream({"c", 5, "m"}, request, waiting(2), tokenizer, make_plain_parser);
  const auto whole = make_chat_answer({"c", 5, "m"}, request, waiting(2), tokenizer, make_plain_parser);
  for (Delta delta : kDeltas) {
    for (delta.index = 0; delta.index < 2; ++delta.index) EXPECT_EQ(whole->push(0, delta), "");
  }
  const Json answer = Json::parse(whole->finish());
  std::string text[2];
  Json logprobs[2] = {Json::array(), Json::array()};
  Json ids[2] = {Json::array(), Json::array()};
  Json prompt_ids;
  for (const Json& event : stream_of(*stream, 2)) {
    if (event == "[DONE]") break;
    if (event.contains("prompt_token_ids")) prompt_ids = event["prompt_token_ids"];
    const Json& choice = event["choices"][0];
    const auto index = choice["index"].get<size_t>();
    text[index] += choice["delta"].value("content", "");
    if (!choice["logprobs"].is_null()) {
      for (const Json& entry : choice["logprobs"]["content"]) logprobs[index].push_back(entry);
    }
    if (choice.contains("token_ids")) {
      for (const Json& id : choice["token_ids"]) ids[index].push_back(id);
    }
  }
  EXPECT_EQ(prompt_ids, answer["prompt_token_ids"]);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(text[i], answer["choices"][i]["message"]["content"]);
    EXPECT_EQ(logprobs[i], answer["choices"][i]["logprobs"]["content"]);
    EXPECT_EQ(logprobs[i].size(), 3U) << "the stop token is not listed";
    EXPECT_EQ(ids[i], answer["choices"][i]["token_ids"]);
    EXPECT_EQ(ids[i].size(), 4U);
  }
}

TEST(CompletionStream, EchoesAndNumbersItsChoicesOverThePrompts) {
  const TinyTokenizer tokenizer;
  const auto request = completion(R"({"prompt":["x","y"],"n":2,"echo":true,"return_token_ids":true,
    "stream_options":{"include_usage":true}})");
  const auto writer = make_completion_stream({"cmpl-1", 5, "m"}, request, {waiting(2), waiting(2)}, tokenizer);
  std::string text[4];
  std::string reasons[4];
  Json usage;
  for (const Json& event : stream_of(*writer, 2, 2)) {
    if (event == "[DONE]") break;
    EXPECT_EQ(event["object"], "text_completion");
    if (event["choices"].empty()) {
      usage = event["usage"];
      continue;
    }
    const Json& choice = event["choices"][0];
    const auto index = choice["index"].get<size_t>();
    if (text[index].empty()) {
      EXPECT_EQ(choice["prompt_token_ids"], Json::parse("[0,1]"));
    }
    text[index] += choice["text"].get<std::string>();
    if (!choice["finish_reason"].is_null()) reasons[index] = choice["finish_reason"];
  }
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(text[i], "Pa\xc3\xa9");
    EXPECT_EQ(reasons[i], "stop");
  }
  EXPECT_EQ(usage["prompt_tokens"], 4) << "a prompt counts once, whatever n";
  EXPECT_EQ(usage["completion_tokens"], 16);
  EXPECT_EQ(usage["prompt_tokens_details"]["cached_tokens"], 2);
}

TEST(CompletionStream, TextOffsetsGoOn) {
  const TinyTokenizer tokenizer;
  const auto request = completion(R"({"prompt":"x","logprobs":0})");
  const auto writer = make_completion_stream({"cmpl-1", 5, "m"}, request, {waiting(1)}, tokenizer);
  Json offsets = Json::array();
  for (const Json& event : stream_of(*writer, 1)) {
    if (event == "[DONE]" || event["choices"][0]["logprobs"].is_null()) continue;
    for (const Json& offset : event["choices"][0]["logprobs"]["text_offset"]) offsets.push_back(offset);
  }
  EXPECT_EQ(offsets, Json::parse("[0,1,2]"));
}

TEST(CompletionStream, EchoedLogprobsBeginEveryChoiceAsTheyDoInTheWholeAnswer) {
  const TinyTokenizer tokenizer;
  const auto request = completion(R"({"prompt":"x","echo":true,"logprobs":1,"n":2})");
  PromptResult prompt = waiting(2);
  prompt.prompt_ids = {TinyTokenizer::kA, TinyTokenizer::kWhole, TinyTokenizer::kA};
  prompt.prompt_text =
      "a\xc3\xa9"
      "a";
  // The second choice may be ahead of the first one's scores.
  std::vector<Delta> deltas;
  deltas.push_back({.index = 1, .text = "a", .tokens = {{TinyTokenizer::kA, -0.5F, {}}}});
  deltas.push_back({.index = 0, .prompt_logprobs = {{TinyTokenizer::kWhole, -3.0F, {{TinyTokenizer::kA, -1.0F}}}}});
  deltas.push_back({.index = 0, .prompt_logprobs = {{TinyTokenizer::kA, -4.0F, {}}}});
  deltas.push_back({.index = 0, .text = "a", .tokens = {{TinyTokenizer::kA, -0.75F, {}}}});
  for (int32_t index : {1, 0}) deltas.push_back({.index = index, .finish = FinishReason::kLength});
  const auto stream = make_completion_stream({"c", 5, "m"}, request, {prompt}, tokenizer);
  const auto whole = make_completion_answer({"c", 5, "m"}, request, {prompt}, tokenizer);
  std::string events;
  for (const Delta& delta : deltas) {
    events += stream->push(0, delta);
    whole->push(0, delta);
  }
  std::map<std::string, Json> joined[2];
  std::string text[2];
  for (const Json& event : events_of(events + stream->finish())) {
    if (event == "[DONE]") break;
    const Json& choice = event["choices"][0];
    const auto index = choice["index"].get<size_t>();
    text[index] += choice["text"].get<std::string>();
    if (choice["logprobs"].is_null()) continue;
    for (const auto& [name, values] : choice["logprobs"].items()) {
      for (const Json& value : values) joined[index][name].push_back(value);
    }
  }
  const Json answer = Json::parse(whole->finish());
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(text[i], answer["choices"][i]["text"]);
    EXPECT_EQ(joined[i]["token_logprobs"].size(), 4U);
    for (const auto& [name, values] : answer["choices"][i]["logprobs"].items()) EXPECT_EQ(joined[i][name], values);
  }
}

TEST(Stream, AFailureOnTheWayIsAnErrorAndAnEnd) {
  const auto events = events_of(failure_events(server_error("the engine died")));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0]["error"]["type"], "server_error");
  EXPECT_EQ(events[1], "[DONE]");
}

// As a parser of a thinking model does: all up to "a" is thinking, and the end of the text calls a tool.
class ThinkingParser : public MessageParser {
 public:
  MessageDelta push(std::string_view text) override {
    if (std::exchange(has_thought_, true)) return {.content = std::string(text)};
    return {.reasoning_content = std::string(text)};
  }
  MessageDelta finish() override {
    return {
        .tool_calls = {{.index = 0, .id = "call_1", .name = "f", .arguments = "{"}, {.index = 0, .arguments = "}"}}};
  }

 private:
  bool has_thought_ = false;
};

TEST(ChatStream, WhatTheParserFindsIsNoContent) {
  const TinyTokenizer tokenizer;
  const auto make_parser = [] { return std::make_unique<ThinkingParser>(); };
  const auto stream = make_chat_stream({"c", 5, "m"}, chat_with(R"("n":1)"), waiting(1), tokenizer, make_parser);
  std::string content;
  std::string reasoning;
  std::string arguments;
  std::string reason;
  for (const Json& event : stream_of(*stream, 1)) {
    if (event == "[DONE]") break;
    const Json& choice = event["choices"][0];
    content += choice["delta"].value("content", "");
    reasoning += choice["delta"].value("reasoning_content", "");
    if (choice["delta"].contains("tool_calls")) {
      for (const Json& call : choice["delta"]["tool_calls"]) {
        arguments += call["function"]["arguments"].get<std::string>();
      }
    }
    if (!choice["finish_reason"].is_null()) reason = choice["finish_reason"];
  }
  EXPECT_EQ(content, "\xc3\xa9");
  EXPECT_EQ(reasoning, "a");
  EXPECT_EQ(arguments, "{}");
  EXPECT_EQ(reason, "tool_calls");

  PromptResult result = waiting(1);
  result.choices[0].text = "a";
  result.choices[0].finish = FinishReason::kStop;
  const Json answer = chat_response({"c", 5, "m"}, chat_with(R"("n":1)"), result, tokenizer, make_parser);
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "tool_calls");
  const Json& message = answer["choices"][0]["message"];
  EXPECT_EQ(message["content"], nullptr);
  EXPECT_EQ(message["reasoning_content"], "a");
  EXPECT_EQ(message["tool_calls"], Json::parse(R"([{"id":"call_1","type":"function",
    "function":{"name":"f","arguments":"{}"}}])"));
}

TEST(ChatStream, CallsComeInPiecesAndJoinToThoseOfTheWholeAnswer) {
  const TinyTokenizer tokenizer;
  const parsers::ParserOptions options{.reasoning = parsers::ReasoningFormat::kQwen3,
                                       .tools = parsers::ToolFormat::kHermes};
  const std::string text =
      "<think>\nhm é\n</think>\n\nWell:\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": \"ü\"}}\n"
      "</tool_call>\n<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>";
  const auto stream =
      make_chat_stream({"c", 5, "m"}, chat_with(R"("n":2)"), waiting(2), tokenizer, make_parsers(options));
  const auto whole =
      make_chat_answer({"c", 5, "m"}, chat_with(R"("n":2)"), waiting(2), tokenizer, make_parsers(options));
  std::string events;
  const auto say = [&](Delta delta) {
    for (delta.index = 0; delta.index < 2; ++delta.index) {
      events += stream->push(0, delta);
      whole->push(0, delta);
    }
  };
  for (size_t begin = 0; begin < text.size();) {
    const size_t size = unicode::sequence_length(text[begin]);
    say({.text = text.substr(begin, size)});
    begin += size;
  }
  say({.finish = FinishReason::kStop});
  const Json begun = {{"role", "assistant"}};
  Json messages[] = {begun, begun};
  size_t num_pieces = 0;
  for (const Json& event : events_of(events + stream->finish())) {
    if (event == "[DONE]") break;
    const Json& choice = event["choices"][0];
    Json& message = messages[choice["index"].get<size_t>()];
    for (const char* key : {"content", "reasoning_content"}) {
      const auto piece = choice["delta"].find(key);
      if (piece != choice["delta"].end()) message[key] = message.value(key, "") + piece->get<std::string>();
    }
    for (const Json& call : choice["delta"].value("tool_calls", Json::array())) {
      ++num_pieces;
      Json& known = message["tool_calls"][call["index"].get<size_t>()];
      if (call.contains("id")) {
        known = {{"id", call["id"]}, {"type", call["type"]}, {"function", call["function"]}};
      } else {
        std::string& arguments = known["function"]["arguments"].get_ref<std::string&>();
        arguments += call["function"]["arguments"].get<std::string>();
      }
    }
    EXPECT_TRUE(choice["finish_reason"].is_null() || choice["finish_reason"] == "tool_calls");
  }
  EXPECT_GT(num_pieces, 10U) << "arguments stream";
  const Json answer = Json::parse(whole->finish());
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(messages[i], answer["choices"][i]["message"]);
    EXPECT_EQ(messages[i]["content"], "Well:");
    EXPECT_EQ(messages[i]["reasoning_content"], "hm é");
    EXPECT_EQ(messages[i]["tool_calls"][0]["function"], Json::parse(R"({"name":"f","arguments":"{\"a\": \"ü\"}"})"));
    EXPECT_EQ(messages[i]["tool_calls"][1]["function"]["name"], "g");
  }
  EXPECT_NE(messages[0]["tool_calls"][0]["id"], messages[1]["tool_calls"][0]["id"]);
}

}  // namespace
}  // namespace braid::openai
