// A batch over an engine that the test drives: answers, invalid lines, resuming, and files that fail. Tests
// batch_file.h and batch_request.h, too.
#include "braid/cli/batch_command.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include "braid/cli/batch_file.h"

namespace braid {
namespace {

// One token for each byte.
class ByteTokenizer : public Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view text, bool) const override {
    std::vector<TokenId> ids;
    for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
    return ids;
  }
  std::string decode(std::span<const TokenId> ids, bool) const override {
    std::string text;
    for (const TokenId id : ids) text += static_cast<char>(id);
    return text;
  }
  // Not used: nothing here streams.
  std::unique_ptr<TextStream> start_stream(TextStreamOptions) const override { return nullptr; }
  std::string token_bytes(TokenId id) const override { return std::string(1, static_cast<char>(id)); }
  std::optional<TokenId> token_to_id(std::string_view) const override { return std::nullopt; }
  bool is_special(TokenId) const override { return false; }
  int64_t vocab_size() const override { return 256; }
};

// Answers each prompt with its own bytes, up to max_tokens, from its own thread, the newest request first.
class EchoBackend : public BatchBackend {
 public:
  EchoBackend() : thread_([this](const std::stop_token& stop) { run(stop); }) {}
  ~EchoBackend() override {
    thread_.request_stop();
    thread_.join();
  }

  const openai::RequestModel& model() const override { return model_; }
  Result<SubmissionId, SubmitError> submit(GenerationRequest request, DeltaCallback on_delta) override {
    if (std::get<std::vector<TokenId>>(request.prompt).size() > 100)
      return SubmitError{.message = "prompt has too many tokens"};
    const std::lock_guard lock(mutex_);
    pending_.emplace_back(std::move(request), std::move(on_delta));
    most_in_flight = std::max(most_in_flight, pending_.size());
    return ++num_submitted;
  }

  uint64_t num_submitted = 0;
  size_t most_in_flight = 0;
  std::atomic<int> num_with_grammar = 0;

 private:
  static Result<std::string> render(const Json& variables) {
    const Json& messages = variables["messages"];
    if (messages[0]["role"] == "odd") return fail("line 1: no such role");
    return messages.back()["content"].get<std::string>();
  }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::optional<std::pair<GenerationRequest, DeltaCallback>> next;
      {
        const std::lock_guard lock(mutex_);
        if (!pending_.empty()) {
          next = std::move(pending_.back());
          pending_.pop_back();
        }
      }
      if (next) {
        answer(next->first, next->second);
      } else {
        std::this_thread::yield();
      }
    }
  }

  void answer(const GenerationRequest& request, const DeltaCallback& on_delta) {
    num_with_grammar += request.grammar ? 1 : 0;
    const auto& prompt = std::get<std::vector<TokenId>>(request.prompt);
    if (request.sampling.prompt_logprobs_start == 0) {
      Delta scored;
      for (size_t k = 1; k < prompt.size(); ++k) scored.prompt_logprobs.push_back({prompt[k], -1.5F, {}});
      on_delta(scored);
    }
    for (int32_t i = 0; i < request.n; ++i) {
      if (i == 1 && tokenizer_.decode(prompt, false) == "fail") {
        on_delta({.index = i, .finish = FinishReason::kError, .error = "the engine died"});
        continue;
      }
      const int32_t count = std::min(request.sampling.max_new_tokens, static_cast<int32_t>(prompt.size()));
      for (int32_t k = 0; k < count; ++k) {
        Delta delta;
        delta.index = i;
        delta.text = static_cast<char>(prompt[k]);
        delta.tokens = {{.token = prompt[k], .logprob = -0.5F, .top_logprobs = {}}};
        on_delta(delta);
      }
      Delta last;
      last.index = i;
      last.finish = FinishReason::kLength;
      on_delta(last);
    }
  }

  ByteTokenizer tokenizer_;
  GrammarCompiler grammars_{tokenizer_};
  GenerationDefaults defaults_;
  openai::RequestModel model_{
      .tokenizer = tokenizer_,
      .defaults = defaults_,
      .grammars = grammars_,
      .renderer = {render, true},
      .formats = {.reasoning = parsers::ReasoningFormat::kQwen3, .tools = parsers::ToolFormat::kHermes}};
  std::mutex mutex_;
  std::vector<std::pair<GenerationRequest, DeltaCallback>> pending_;
  std::jthread thread_;
};

class Batch : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("braid_batch_" + std::to_string(::getpid()) +
                                                        testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    options_ = {.input_path = folder_ / "in.jsonl", .output_path = folder_ / "out.jsonl", .model_name = "tiny"};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string line(const std::string& id, const std::string& body, const std::string& url = "/v1/completions") {
    return R"({"custom_id":")" + id + R"(","method":"POST","url":")" + url + R"(","body":)" + body + "}\n";
  }
  void write(const std::string& path, const std::string& text) const { std::ofstream(path, std::ios::binary) << text; }
  std::string read_output() const {
    std::stringstream text;
    text << std::ifstream(options_.output_path, std::ios::binary).rdbuf();
    return text.str();
  }
  std::map<std::string, Json> answers() const {
    std::map<std::string, Json> by_id;
    std::istringstream in(read_output());
    for (std::string text; std::getline(in, text);) {
      const Json json = Json::parse(text, nullptr, false);
      EXPECT_FALSE(json.is_discarded()) << text;
      const std::string id = json["custom_id"].is_string() ? json["custom_id"].get<std::string>() : "";
      EXPECT_TRUE(id.empty() || !by_id.contains(id)) << "twice: " << id;
      by_id[id] = json;
    }
    return by_id;
  }

  std::filesystem::path folder_;
  BatchOptions options_;
};

TEST_F(Batch, EachLineIsAnswered) {
  write(options_.input_path, line("a", R"({"prompt":"hello","max_tokens":3,"n":2,"model":"whatever"})") + "\n" +
                                 line("b", R"({"messages":[{"role":"user","content":"hi"}]})", "/v1/chat/completions") +
                                 line("c", R"({"prompt":[[65,66],[67]],"echo":true,"return_token_ids":true})") +
                                 line("d", R"({"prompt":"x","temperature":"hot"})") +
                                 line("e", R"({"messages":[{"role":"odd","content":"hi"}]})", "/v1/chat/completions") +
                                 line("f", "{\"prompt\":\"" + std::string(200, 'x') + "\"}"));
  EchoBackend backend;
  const auto progress = run_batch(options_, backend);
  ASSERT_TRUE(progress.ok()) << progress.error().message;
  EXPECT_EQ(progress->num_done, 6);
  EXPECT_EQ(progress->num_errors, 3);
  auto by_id = answers();
  ASSERT_EQ(by_id.size(), 6U);
  EXPECT_EQ(by_id["a"]["response"]["status_code"], 200);
  EXPECT_EQ(by_id["a"]["response"]["body"]["choices"][1]["text"], "hel");
  EXPECT_EQ(by_id["a"]["error"], nullptr);
  EXPECT_EQ(by_id["b"]["response"]["body"]["choices"][0]["message"]["content"], "hi");
  EXPECT_EQ(by_id["c"]["response"]["body"]["choices"][0]["text"], "ABAB");
  EXPECT_EQ(by_id["c"]["response"]["body"]["choices"][1]["token_ids"], Json::parse("[67]"));
  EXPECT_EQ(by_id["c"]["response"]["body"]["usage"]["prompt_tokens"], 3);
  EXPECT_EQ(by_id["d"]["response"]["body"]["error"]["param"], "temperature");
  EXPECT_EQ(by_id["e"]["response"]["status_code"], 400);
  EXPECT_NE(by_id["f"]["response"]["body"]["error"]["message"].get<std::string>().find("too many tokens"),
            std::string::npos);
}

TEST_F(Batch, AFailedChoiceIsAServerError) {
  write(options_.input_path, line("a", R"({"prompt":"fail","n":3})"));
  EchoBackend backend;
  const auto progress = run_batch(options_, backend);
  ASSERT_TRUE(progress.ok()) << progress.error().message;
  EXPECT_EQ(progress->num_errors, 1);
  const Json response = answers()["a"]["response"];
  EXPECT_EQ(response["status_code"], 500);
  EXPECT_EQ(response["body"]["error"]["message"], "the engine died");
  EXPECT_EQ(response["body"]["error"]["param"], nullptr);
}

TEST_F(Batch, CallsAndThinkingAreSeparated) {
  const std::string said = R"("messages":[{"role":"user","content":"<think>so</think><tool_call>)"
                           R"({\"name\":\"f\",\"arguments\":{\"a\":1}}</tool_call>"}])";
  const std::string tools = R"("tools":[{"type":"function","function":{"name":"f"}}])";
  write(options_.input_path,
        line("called", "{" + said + "," + tools + "}", "/v1/chat/completions") +
            line("none", "{" + said + R"(,"tool_choice":"none",)" + tools + "}", "/v1/chat/completions") +
            line("forced",
                 R"({"messages":[{"role":"user","content":"{\"name\":\"f\",\"arguments\":{}}"}],)"
                 R"("tool_choice":{"type":"function","function":{"name":"f"}},)" +
                     tools + "}",
                 "/v1/chat/completions"));
  EchoBackend backend;
  ASSERT_TRUE(run_batch(options_, backend).ok());
  auto by_id = answers();
  const Json& message = by_id["called"]["response"]["body"]["choices"][0]["message"];
  EXPECT_EQ(message["reasoning_content"], "so");
  EXPECT_EQ(message["content"], nullptr);
  EXPECT_EQ(message["tool_calls"][0]["function"], Json::parse(R"({"name":"f","arguments":"{\"a\":1}"})"));
  const Json& content = by_id["none"]["response"]["body"]["choices"][0]["message"]["content"];
  EXPECT_TRUE(content.get<std::string>().starts_with("<tool_call>"));
  const Json& forced = by_id["forced"]["response"]["body"]["choices"][0]["message"];
  EXPECT_EQ(forced["tool_calls"][0]["function"], Json::parse(R"({"name":"f","arguments":"{}"})"));
}

TEST_F(Batch, EchoWithLogprobsScoresThePrompt) {
  write(options_.input_path, line("a", R"({"prompt":"abc","echo":true,"logprobs":0,"max_tokens":0})") +
                                 line("b", R"({"prompt":["ab","c"],"echo":true,"logprobs":0,"max_tokens":1,"n":2})") +
                                 line("c", R"({"prompt":"ab","echo":true,"max_tokens":1})"));
  EchoBackend backend;
  ASSERT_TRUE(run_batch(options_, backend).ok());
  auto by_id = answers();
  const Json& scored = by_id["a"]["response"]["body"]["choices"][0];
  EXPECT_EQ(scored["text"], "abc");
  EXPECT_EQ(scored["logprobs"]["tokens"], Json::parse(R"(["a","b","c"])"));
  EXPECT_EQ(scored["logprobs"]["token_logprobs"], Json::parse("[null,-1.5,-1.5]"));
  const Json& choices = by_id["b"]["response"]["body"]["choices"];
  ASSERT_EQ(choices.size(), 4U);
  EXPECT_EQ(choices[1]["logprobs"]["token_logprobs"], Json::parse("[null,-1.5,-0.5]"));
  EXPECT_EQ(choices[3]["logprobs"]["token_logprobs"], Json::parse("[null,-0.5]"));
  EXPECT_EQ(by_id["c"]["response"]["body"]["choices"][0]["logprobs"], nullptr);
}

TEST_F(Batch, AnAnswersGrammarIsCompiledOrItsLinesError) {
  write(options_.input_path,
        line("a", R"({"prompt":"x","regex":"[a-z]+"})") +
            line("b", R"({"prompt":"x","response_format":{"type":"json_object"}})") +
            line("c", R"({"messages":[{"role":"user","content":"hi"}],"guided_choice":["a","b"]})",
                 "/v1/chat/completions") +
            line("d", R"({"prompt":"x","guided_json":{"type":"integer","minimum":3}})") +
            line("e", R"({"prompt":"x","ebnf":"root ::= \"a\""})") + line("f", R"({"prompt":"x","regex":"(a)\\1"})") +
            line("g", R"({"prompt":"x","guided_json":{"$ref":"#"}})") + line("h", R"({"prompt":"x"})"));
  EchoBackend backend;
  ASSERT_TRUE(run_batch(options_, backend).ok());
  auto by_id = answers();
  EXPECT_EQ(backend.num_with_grammar, 5);
  for (const char* id : {"a", "b", "c", "d", "e", "h"})
    EXPECT_EQ(by_id[id]["response"]["status_code"], 200) << by_id[id];
  for (const auto& [id, reason] : {std::pair("f", "back-reference"), std::pair("g", "without end")}) {
    EXPECT_EQ(by_id[id]["response"]["status_code"], 400);
    EXPECT_NE(by_id[id]["response"]["body"]["error"]["message"].get<std::string>().find(reason), std::string::npos);
  }
}

TEST_F(Batch, ABadLineIsAnErrorLineAndNotTheEnd) {
  write(options_.input_path, std::string("not json\n") + "{\"custom_id\":5}\n[1]\n" +
                                 R"({"custom_id":"g","method":"GET","url":"/v1/completions","body":{}})" + "\n" +
                                 line("u", "{}", "/v1/embeddings") + line("ok", R"({"prompt":"a"})") +
                                 line("ok", R"({"prompt":"b"})") +
                                 R"({"custom_id":"nb","method":"POST","url":"/v1/completions"})");
  EchoBackend backend;
  const auto progress = run_batch(options_, backend);
  ASSERT_TRUE(progress.ok());
  EXPECT_EQ(progress->num_done, 8);
  EXPECT_EQ(progress->num_errors, 7);
  auto by_id = answers();
  EXPECT_EQ(by_id["ok"]["response"]["body"]["choices"][0]["text"], "a");
  for (const char* id : {"g", "u", "nb", ""}) EXPECT_EQ(by_id[id]["error"]["code"], "invalid_line") << id;

  // A second run finds all lines answered, those without a custom_id too.
  const std::string before = read_output();
  EXPECT_EQ(run_batch(options_, backend)->num_done, 8);
  EXPECT_EQ(read_output(), before);
  EXPECT_EQ(backend.num_submitted, 1U);
}

TEST_F(Batch, AnInterruptedRunResumesWhereverItWasCut) {
  std::string input;
  for (int i = 0; i < 12; ++i) input += line("id" + std::to_string(i), R"({"prompt":"p)" + std::to_string(i) + "\"}");
  write(options_.input_path, input);
  EchoBackend backend;
  ASSERT_TRUE(run_batch(options_, backend).ok());
  const std::string whole = read_output();
  for (size_t cut = 0; cut <= whole.size(); cut += 37) {
    write(options_.output_path, whole.substr(0, cut));
    const auto progress = run_batch(options_, backend);
    ASSERT_TRUE(progress.ok()) << cut;
    EXPECT_EQ(progress->num_done, 12);
    const auto by_id = answers();
    ASSERT_EQ(by_id.size(), 12U) << cut;
    EXPECT_EQ(by_id.at("id7")["response"]["body"]["choices"][0]["text"], "p7");
    const std::string kept = whole.substr(0, cut).substr(0, whole.substr(0, cut).rfind('\n') + 1);
    EXPECT_TRUE(read_output().starts_with(kept));
  }
}

TEST_F(Batch, AStoppedRunFinishesTheLinesItStarted) {
  std::string input;
  for (int i = 0; i < 50; ++i) input += line("id" + std::to_string(i), R"({"prompt":"p"})");
  write(options_.input_path, input);
  std::atomic<bool> is_stopped = false;
  options_.is_stopped = &is_stopped;
  options_.max_in_flight = 4;
  options_.on_progress = [&](const BatchProgress& progress) { is_stopped = progress.num_done >= 5; };
  EchoBackend backend;
  const auto progress = run_batch(options_, backend);
  ASSERT_TRUE(progress.ok());
  EXPECT_LT(progress->num_done, 50);
  EXPECT_EQ(static_cast<int64_t>(backend.num_submitted), progress->num_done);
  EXPECT_LE(backend.most_in_flight, 4U);
  is_stopped = false;
  options_.on_progress = {};
  EXPECT_EQ(run_batch(options_, backend)->num_done, 50);
  EXPECT_EQ(answers().size(), 50U);
}

TEST_F(Batch, FilesThatFailAreNamed) {
  EchoBackend backend;
  EXPECT_FALSE(run_batch(options_, backend).ok());
  EXPECT_FALSE(std::filesystem::exists(options_.output_path));
  write(options_.input_path, line("a", R"({"prompt":"x"})"));
  BatchOptions same = options_;
  same.output_path = same.input_path;
  EXPECT_FALSE(run_batch(same, backend).ok());
  write(options_.output_path, "somebody's notes\nof two lines\n");
  EXPECT_FALSE(run_batch(options_, backend).ok());
  EXPECT_EQ(read_output(), "somebody's notes\nof two lines\n");
  for (const char* notes : {"one line of notes\n", "{\"key\":1}\n", "no newline"}) {
    write(options_.output_path, notes);
    EXPECT_FALSE(run_batch(options_, backend).ok()) << notes;
    EXPECT_EQ(read_output(), notes);
  }
  // A batch does not write the file that it reads, and one answer does not turn the next line into one.
  const std::string requests = line("a", R"({"prompt":"x"})");
  const std::string answer = R"({"id":"batch_req_0","custom_id":"b","response":null,"error":{}})";
  for (const std::string& foreign : {requests, answer + "\nnotes\n", answer + "\n" + requests}) {
    write(options_.output_path, foreign);
    EXPECT_FALSE(run_batch(options_, backend).ok()) << foreign;
    EXPECT_EQ(read_output(), foreign);
  }
  EXPECT_FALSE(run_batch({.input_path = "/dev/null", .output_path = options_.output_path}, backend).ok());
  EXPECT_FALSE(run_batch({.input_path = "-", .output_path = options_.output_path}, backend).ok());
  BatchOptions nowhere = options_;
  nowhere.output_path = folder_ / "none" / "out.jsonl";
  EXPECT_FALSE(run_batch(nowhere, backend).ok());
}

TEST_F(Batch, CheckingTheFilesChangesNothing) {
  write(options_.input_path, line("a", R"({"prompt":"x"})"));
  ASSERT_TRUE(check_batch_files(options_).ok());
  EXPECT_FALSE(std::filesystem::exists(options_.output_path));
  const std::string torn = R"({"id":"batch_req_0","custom_id":"b","response":null,"error":{}})"
                           "\n{\"id\":\"batch";
  write(options_.output_path, torn);
  ASSERT_TRUE(check_batch_files(options_).ok());
  EXPECT_EQ(read_output(), torn);
  for (const char* wrong : {"none/out.jsonl", "in.jsonl/out.jsonl", "."}) {
    options_.output_path = folder_ / wrong;
    EXPECT_FALSE(check_batch_files(options_).ok()) << wrong;
  }
}

}  // namespace
}  // namespace braid
