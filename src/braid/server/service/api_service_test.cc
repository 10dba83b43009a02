// The service's answers, with a real engine, a tiny model and fake clients.
#include <chrono>
#include <set>
#include <thread>

#include "tests/support/matches.h"
#include "tests/support/server/service/api_service_fixture.h"

namespace braid {
namespace {

using testing::FakeClient;
using testing::kTinyModel;
using testing::send;
using testing::text_of;

class ApiServiceTest : public testing::ApiServiceFixture {};

TEST_F(ApiServiceTest, AStreamJoinsToTheWholeAnswer) {
  start();
  const Json whole = chat("")->json();
  const auto events = chat(R"("stream":true,"stream_options":{"include_usage":true})")->events();
  EXPECT_EQ(text_of(events), whole["choices"][0]["message"]["content"]);
  EXPECT_FALSE(text_of(events).empty());
  EXPECT_EQ(events[0]["choices"][0]["delta"]["role"], "assistant");
  EXPECT_EQ(events.back()["usage"]["completion_tokens"], whole["usage"]["completion_tokens"]);
  std::set<std::string> ids;
  for (const Json& event : events) ids.insert(event["id"]);
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_TRUE(ids.begin()->starts_with("chatcmpl-"));
  EXPECT_NE(whole["id"], *ids.begin());
  EXPECT_EQ(whole["model"], "tiny");

  const Json completed = complete("")->json();
  const auto completion_events = complete(R"("stream":true)")->events();
  EXPECT_EQ(text_of(completion_events), completed["choices"][0]["text"]);
  EXPECT_EQ(completed["usage"]["completion_tokens"], 8);
  EXPECT_EQ(completed["choices"][0]["finish_reason"], "length");
}

TEST_F(ApiServiceTest, ChoicesAreTheSameStreamedOrNotAndTheFirstEqualsTheOnlyOne) {
  start();
  const std::string members = R"("temperature":1,"seed":3,"n":3)";
  const Json alone = complete(R"("temperature":1,"seed":3)")->json();
  const Json whole = complete(members)->json();
  const auto events = complete(members + R"(,"stream":true)")->events();
  ASSERT_EQ(whole["choices"].size(), 3U);
  EXPECT_EQ(whole["choices"][0]["text"], alone["choices"][0]["text"]);
  EXPECT_NE(whole["choices"][1]["text"], whole["choices"][0]["text"]);
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(text_of(events, i), whole["choices"][static_cast<size_t>(i)]["text"]);
}

TEST_F(ApiServiceTest, TheUsageOfSeveralPromptsIsTheirSum) {
  start();
  const Json one = post("/v1/completions", R"({"prompt":"The","max_tokens":4,"ignore_eos":true})")->json();
  const Json two = post("/v1/completions", R"({"prompt":["The","The"],"max_tokens":4,"ignore_eos":true})")->json();
  EXPECT_EQ(two["choices"].size(), 2U);
  EXPECT_EQ(two["usage"]["prompt_tokens"], 2 * one["usage"]["prompt_tokens"].get<int>());
  EXPECT_EQ(two["usage"]["completion_tokens"], 8);
}

TEST_F(ApiServiceTest, AGenerateStreamWaitsForItsClientAndSendsOnceWhatCameMeanwhile) {
  start();
  const std::string body = R"({"text":"The quick","stream":true,"return_logprob":true,"top_logprobs_num":2,
    "sampling_params":{"temperature":0,"max_new_tokens":8,"ignore_eos":true,"n":2}})";
  const auto whole = post("/generate", body)->events();
  const auto client = std::make_shared<FakeClient>();
  client->stop_reading();
  send(router_, "POST", "/generate", body, client);
  (void)complete("")->json();  // it asks for as many tokens, and is submitted later
  client->read_on();
  const auto events = client->events();
  ASSERT_EQ(events.size(), 2U);
  ASSERT_GT(whole.size(), 2U);
  for (const Json& event : events) {
    const auto same = std::ranges::find_if(whole, [&](const Json& other) {
      return other["index"] == event["index"] && !other["meta_info"]["finish_reason"].is_null();
    });
    ASSERT_NE(same, whole.end());
    EXPECT_EQ(event["text"], (*same)["text"]);
    EXPECT_EQ(event["meta_info"]["output_top_logprobs"], (*same)["meta_info"]["output_top_logprobs"]);
  }
}

// The value of a metric; -1 if there is none.
double metric(const std::string& text, const std::string& name) {
  const std::string start = "\n" + name + "{model_name=\"tiny\"} ";
  const size_t at = text.find(start);
  return at == std::string::npos ? -1 : std::stod(text.substr(at + start.size()));
}

TEST_F(ApiServiceTest, CountersAreTheSumsOfUsageAndGaugesReturnToZero) {
  start({.metrics_prefix = "sglang:"});
  const Json whole = complete(R"("n":2)")->json();
  const auto events = chat(R"("stream":true,"stream_options":{"include_usage":true})")->events();
  const Json again = complete("")->json();  // its prompt is in the prefix cache, if it fills a page
  std::string text = get("/metrics")->body();
  // The last answer may arrive before the step that made it has ended.
  for (int i = 0; i < 6000 && metric(text, "sglang:num_running_reqs") > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    text = get("/metrics")->body();
  }
  const Json streamed = events.back()["usage"];
  const auto sum = [&](const char* key) {
    return whole["usage"][key].get<int>() + streamed[key].get<int>() + again["usage"][key].get<int>();
  };
  EXPECT_EQ(metric(text, "sglang:prompt_tokens_total"), sum("prompt_tokens"));
  EXPECT_EQ(metric(text, "sglang:generation_tokens_total"), sum("completion_tokens"));
  EXPECT_EQ(metric(text, "sglang:num_requests_total"), 3);
  for (const char* name : {"time_to_first_token", "inter_token_latency", "e2e_request_latency", "queue_time"}) {
    EXPECT_EQ(metric(text, "sglang:" + std::string(name) + "_seconds_count"), 3) << name;
  }
  for (const char* name : {"num_running_reqs", "num_queue_reqs", "token_usage", "gen_throughput"}) {
    EXPECT_EQ(metric(text, "sglang:" + std::string(name)), 0) << name;
  }
}

TEST_F(ApiServiceTest, MaxTokensDefaultsTo16ForACompletionAndToTheContextForAChat) {
  start();
  const Json completed = post("/v1/completions", R"({"prompt":"The","ignore_eos":true})")->json();
  EXPECT_EQ(completed["usage"]["completion_tokens"], 16);
  const Json answer = endless(R"("temperature":0)")->json();
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
  EXPECT_GT(answer["usage"]["completion_tokens"], 16);
}

TEST_F(ApiServiceTest, BadRequestsAreRefusedBeforeAnyEvent) {
  start();
  const auto refused = [&](const std::shared_ptr<FakeClient>& client, int status) {
    EXPECT_EQ(client->status(), status) << client->body();
    return client->json()["error"];
  };
  EXPECT_EQ(refused(chat(R"("stream":true,"temperature":-1)"), 400)["param"], "temperature");
  EXPECT_EQ(refused(post("/v1/chat/completions", "{"), 400)["type"], "invalid_request_error");
  EXPECT_EQ(refused(chat(R"("model":"other")"), 404)["code"], "model_not_found");
  std::string ids = "1";
  for (int i = 0; i < 5000; ++i) ids += ",1";
  for (const char* stream : {"false", "true"}) {
    const Json error = refused(post("/v1/completions", R"({"prompt":[)" + ids + R"(],"stream":)" + stream + "}"), 400);
    EXPECT_EQ(error["code"], "context_length_exceeded");
    EXPECT_EQ(error["param"], "prompt");
    EXPECT_NE(error["message"].get<std::string>().find("prompt has 5001 tokens"), std::string::npos);
  }
  EXPECT_EQ(refused(post("/v1/completions", R"({"prompt":["The",""]})"), 400)["message"], "the prompt has no tokens");
  EXPECT_EQ(refused(post("/generate", R"({"text":["The",""]})"), 400)["param"], "text");
  const Json top_p = refused(post("/generate", R"({"text":"The","sampling_params":{"top_p":2}})"), 400);
  EXPECT_EQ(top_p["param"], "sampling_params.top_p");
  EXPECT_EQ(top_p["message"], "top_p is 2: must be a number from 1e-09 to 1");
  const Json form = refused(chat(R"("stream":true,"regex":"(a)\\1")"), 400);
  EXPECT_EQ(form["param"], "regex");
  EXPECT_NE(form["message"].get<std::string>().find("back-reference"), std::string::npos);
  EXPECT_EQ(refused(complete(R"("guided_json":{"$ref":"#"})"), 400)["param"], "guided_json");
  EXPECT_EQ(refused(post("/v1/embeddings", "{}"), 501)["code"], "not_implemented");
  EXPECT_EQ(refused(complete(R"("dp_rank":1)"), 400)["message"], "dp_rank is 1: must be an integer from 0 to 0");
  EXPECT_EQ(refused(complete(R"("dp_rank_strict":true)"), 400)["message"],
            "dp_rank_strict is true, and no dp_rank is given");
  const std::string plain = R"({"prompt":"The","max_tokens":2})";
  for (const char* rank : {"1", "-1", "x", ""}) {
    const Json error = refused(post("/v1/completions", plain, {{"x-data-parallel-rank", rank}}), 400);
    EXPECT_EQ(error["param"], "X-data-parallel-rank") << rank;
  }
  EXPECT_EQ(post("/v1/completions", plain, {{"X-Data-Parallel-Rank", "0"}})->status(), 200);
  EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(60)));
}

TEST_F(ApiServiceTest, AnswersObeyTheRequestedFormStreamedOrNot) {
  start();
  const auto ask = [&](const char* path, const std::string& prompt, const std::string& members) {
    return post(path, "{" + prompt + R"(,"temperature":1,"seed":5,"max_tokens":60,)" + members + "}");
  };
  const std::string messages = R"("messages":[{"role":"user","content":"hello"}])";
  const std::string members = R"("n":2,"regex":"[a-c]{3,5}-(yes|no)!")";
  const std::string form = "[a-c]{3,5}-(yes|no)!";
  const Json whole = ask("/v1/chat/completions", messages, members)->json();
  const auto events = ask("/v1/chat/completions", messages, members + R"(,"stream":true)")->events();
  for (int64_t i = 0; i < 2; ++i) {
    const Json& choice = whole["choices"][static_cast<size_t>(i)];
    EXPECT_EQ(choice["finish_reason"], "stop");
    const auto text = choice["message"]["content"].get<std::string>();
    EXPECT_TRUE(matches(text, form)) << text;
    EXPECT_EQ(text_of(events, i), text);
  }
  const Json completed =
      ask("/v1/completions", R"("prompt":["x","y"])", R"("structured_outputs":{"choice":["one","two"]})")->json();
  for (const Json& choice : completed["choices"]) EXPECT_TRUE(choice["text"] == "one" || choice["text"] == "two");
  const Json generated =
      post("/generate", R"({"text":"x","sampling_params":{"ebnf":"root ::= \"a\"{1,3} \"b\""}})")->json();
  EXPECT_TRUE(matches(generated["text"].get<std::string>(), "a{1,3}b")) << generated;
}

TEST_F(ApiServiceTest, ListsTheModel) {
  start();
  const Json list = get("/v1/models")->json();
  ASSERT_EQ(list["data"].size(), 1U);
  EXPECT_EQ(list["data"][0]["id"], "tiny");
  EXPECT_GT(list["data"][0]["max_model_len"], 0);
  EXPECT_EQ(get("/v1/models/tiny")->json(), list["data"][0]);
  EXPECT_EQ(get("/v1/models/else")->status(), 404);
  EXPECT_EQ(get("/v1/models/else")->json()["error"]["code"], "model_not_found");
}

TEST_F(ApiServiceTest, GenerateEqualsACompletion) {
  start();
  const Json completed = complete(R"("return_token_ids":true,"logprobs":0)")->json()["choices"][0];
  const std::string params = R"("sampling_params":{"temperature":0,"max_new_tokens":8,"ignore_eos":true})";
  const Json one = post("/generate", R"({"text":"The quick","return_logprob":true,)" + params + "}")->json();
  EXPECT_EQ(one["text"], completed["text"]);
  EXPECT_EQ(one["output_ids"], completed["token_ids"]);
  EXPECT_EQ(one["meta_info"]["finish_reason"], Json::parse(R"({"type":"length","length":8})"));
  ASSERT_EQ(one["meta_info"]["output_token_logprobs"].size(), 8U);
  EXPECT_EQ(one["meta_info"]["output_token_logprobs"][3][0], completed["logprobs"]["token_logprobs"][3]);
  const auto events = post("/generate", R"({"text":"The quick","stream":true,)" + params + "}")->events();
  EXPECT_EQ(events.back()["text"], completed["text"]);
  const Json list = post("/generate", R"({"text":["The quick","x"],"rid":["a","b"],)" + params + "}")->json();
  EXPECT_EQ(list[0]["text"], completed["text"]);
  EXPECT_EQ(list[1]["meta_info"]["id"], "b");
  EXPECT_EQ(post("/generate", R"({"text":"x","return_logprob":true,"logprob_start_len":5000})")->status(), 400);
}

TEST_F(ApiServiceTest, AForcedCallObeysItsSchema) {
  start();
  const auto ask = [&](const std::string& members) {
    return post("/v1/chat/completions", R"({"messages":[{"role":"user","content":"hello"}],"max_tokens":200,"seed":1,
      "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object",
      "properties":{"x":{"enum":["a","b"]}},"required":["x"]}}},{"type":"function","function":{"name":"g"}}],)" +
                                            members + "}");
  };
  const std::string named = R"("tool_choice":{"type":"function","function":{"name":"f"}})";
  const Json whole = ask(named)->json()["choices"][0];
  EXPECT_EQ(whole["finish_reason"], "tool_calls") << whole;
  EXPECT_EQ(whole["message"]["content"], nullptr);
  ASSERT_EQ(whole["message"]["tool_calls"].size(), 1U);
  const Json function = whole["message"]["tool_calls"][0]["function"];
  EXPECT_EQ(function["name"], "f");
  const Json arguments = Json::parse(function["arguments"].get<std::string>());
  EXPECT_TRUE(arguments == Json({{"x", "a"}}) || arguments == Json({{"x", "b"}})) << arguments;
  std::string streamed;
  for (const Json& event : ask(named + R"(,"stream":true)")->events()) {
    for (const Json& call : event["choices"][0]["delta"].value("tool_calls", Json::array())) {
      streamed += call["function"]["arguments"].get<std::string>();
    }
  }
  EXPECT_EQ(streamed, function["arguments"]);
  const Json any = ask(R"("tool_choice":"required","parallel_tool_calls":false)")->json()["choices"][0]["message"];
  ASSERT_EQ(any["tool_calls"].size(), 1U);
  const std::string name = any["tool_calls"][0]["function"]["name"];
  EXPECT_TRUE(name == "f" || name == "g");
  EXPECT_EQ(ask(named + R"(,"regex":"a")")->json()["error"]["param"], "tool_choice");
  const auto remote = post("/v1/chat/completions", R"({"messages":[{"role":"user","content":"hello"}],
    "tool_choice":"required","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object",
    "properties":{"x":{"$ref":"http://127.0.0.1/"}}}}}]})");
  EXPECT_EQ(remote->status(), 400);
  EXPECT_EQ(remote->json()["error"]["param"], "tools");
  EXPECT_TRUE(remote->json()["error"]["message"].get<std::string>().starts_with("tools: schema f#/properties/x:"))
      << remote->json();
}

TEST_F(ApiServiceTest, TokenizeAndDetokenizeAreInverse) {
  start();
  const Json tokens = post("/tokenize", R"({"prompt":"The quick"})")->json();
  EXPECT_EQ(tokens["count"], tokens["tokens"].size());
  EXPECT_EQ(tokens["max_model_len"], get("/v1/models")->json()["data"][0]["max_model_len"]);
  EXPECT_EQ(post("/detokenize", Json{{"tokens", tokens["tokens"]}}.dump())->json()["text"], "The quick");
  const Json list = post("/tokenize", R"({"prompt":["The quick","x"]})")->json();
  EXPECT_EQ(list["tokens"][0], tokens["tokens"]);
  EXPECT_EQ(list["count"][0], tokens["count"]);
  const Json chatted = post("/tokenize", R"({"messages":[{"role":"user","content":"hello"}]})")->json();
  EXPECT_EQ(chatted["count"], chat("")->json()["usage"]["prompt_tokens"]);
}

TEST_F(ApiServiceTest, AFlushedCacheIsEmpty) {
  start();
  const std::string body = R"({"prompt":[)" + std::string("5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5") + "]}";
  const auto cached = [&] {
    return post("/v1/completions", body)->json()["usage"]["prompt_tokens_details"]["cached_tokens"].get<int>();
  };
  EXPECT_EQ(cached(), 0);
  EXPECT_EQ(cached(), 16);
  EXPECT_GE(post("/flush_cache", "")->json()["num_tokens"].get<int>(), 16);
  EXPECT_EQ(cached(), 0);
}

TEST_F(ApiServiceTest, ShowsServerInfoAndModelInfo) {
  start({.settings = {{"port", 5}}});
  const Json info = get("/get_server_info")->json();
  EXPECT_EQ(info["port"], 5);
  EXPECT_EQ(info["served_model_name"], "tiny");
  EXPECT_EQ(info["internal_states"].size(), 1U);
  const Json model = get("/get_model_info")->json();
  EXPECT_EQ(model["model_path"], kTinyModel);
  EXPECT_EQ(model["tokenizer_path"], kTinyModel);
  EXPECT_EQ(model["is_generation"], true);
  EXPECT_EQ(model["takes_images"], false);
}

}  // namespace
}  // namespace braid
