// The client of `braid bench serving` against a server with canned answers.
#include "braid/bench/serving/client.h"

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "braid/base/log.h"
#include "braid/bench/serving/long_prompts.h"
#include "braid/formats/json.h"
#include "braid/server/http/server.h"

namespace braid::serving {
namespace {

// Each request gets one token at once. Requests for more than one token continue when a request for one token arrives.
class CannedServer {
 public:
  CannedServer() {
    const auto handle = [this](const http::Request& request, const std::shared_ptr<http::Responder>& responder) {
      answer(parse_json(request.body).value()["max_tokens"].get<int>(), responder);
    };
    server_ = std::move(http::HttpServer::start({.port = 0}, handle, make_null_logger())).value();
  }
  ~CannedServer() {
    server_->stop();
    for (std::thread& thread : threads_) thread.join();
  }

  LoadOptions load() const { return {.server = {.host = "127.0.0.1", .port = std::to_string(server_->port())}}; }
  // For each request for one token: how many of the other requests had their first token when it arrived.
  std::vector<int> num_begun_before() {
    const std::lock_guard lock(mutex_);
    return num_begun_before_;
  }

 private:
  static constexpr std::string_view kToken = "data: {\"choices\": [{\"text\": \"a\"}]}\n\n";
  static constexpr std::string_view kEnd =
      "data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 3, \"completion_tokens\": 2}}\n\ndata: [DONE]\n\n";

  void answer(int num_tokens, const std::shared_ptr<http::Responder>& responder) {
    const std::lock_guard lock(mutex_);
    if (num_tokens == 1) {
      num_begun_before_.push_back(num_begun_);
      begin(*responder);
      end(*responder);
      for (const auto& other : waiting_) end(*other);
      waiting_.clear();
      return;
    }
    waiting_.push_back(responder);
    // The second one starts late; a late request that did not wait for it would arrive before.
    threads_.emplace_back([this, responder, delay = std::chrono::milliseconds(waiting_.size() == 1 ? 0 : 100)] {
      std::this_thread::sleep_for(delay);
      const std::lock_guard begin_lock(mutex_);
      begin(*responder);
      ++num_begun_;
    });
  }
  static void begin(http::Responder& responder) {
    responder.start_stream({.content_type = "text/event-stream", .headers = {}, .body = std::string(kToken)});
  }
  static void end(http::Responder& responder) {
    responder.write(std::string(kToken) + std::string(kEnd));
    responder.finish();
  }

  std::mutex mutex_;
  int num_begun_ = 0;
  std::vector<int> num_begun_before_;
  std::vector<std::shared_ptr<http::Responder>> waiting_;
  std::vector<std::thread> threads_;
  std::unique_ptr<http::HttpServer> server_;
};

TEST(BaseUrl, IsHostAndPort) {
  EXPECT_EQ(parse_base_url("http://localhost:8000/").value().port, "8000");
  EXPECT_EQ(parse_base_url("http://[::1]:8000").value().host, "::1");
  EXPECT_EQ(parse_base_url("http://example").value().port, "80");
  for (const char* url : {"https://a:1", "a:1", "http://", "http://a:0", "http://a:x", "http://a/b"}) {
    EXPECT_FALSE(parse_base_url(url).ok()) << url;
  }
}

TEST(RunLoad, LateRequestsComeWhenAllOthersHaveTheirFirstToken) {
  CannedServer server;
  const Prompt prompt{.content = std::vector<TokenId>{1, 2, 3}, .output_len = 2};
  const std::vector<Prompt> prompts(2, prompt);
  const std::vector<Prompt> late = {{.content = std::vector<TokenId>{4}, .output_len = 1}};
  size_t num_ended = 0;
  const LoadResult result =
      run_load(server.load(), prompts, {.prompts = late}, [&](size_t count) { num_ended = count; });
  EXPECT_EQ(server.num_begun_before(), std::vector<int>{2});
  EXPECT_EQ(num_ended, 3U);
  ASSERT_EQ(result.requests.size(), 2U);
  ASSERT_EQ(result.late.size(), 1U);
  for (const RequestTimes& request : result.requests) {
    EXPECT_EQ(request.error, "");
    EXPECT_EQ(request.pieces_s.size(), 2U);
    EXPECT_EQ(request.output_tokens, 2);
    EXPECT_LE(request.pieces_s.front(), result.late[0].start_s);
  }
  EXPECT_EQ(result.late[0].error, "");
}

TEST(RunLoad, LateRequestsComeEvenIfTheOthersFail) {
  const LoadOptions nobody{.server = {.host = "127.0.0.1", .port = "1"}};
  const std::vector<Prompt> one = {{.content = std::vector<TokenId>{1}, .output_len = 1}};
  const LoadResult result = run_load(nobody, one, {.prompts = one}, [](size_t) {});
  EXPECT_NE(result.requests[0].error, "");
  EXPECT_NE(result.late[0].error, "");
}

TEST(MeasureChunk, AChunkThatCannotBeMeasuredIsAnError) {
  const LoadOptions nobody{.server = {.host = "127.0.0.1", .port = "1"}};
  EXPECT_NE(measure_chunk(nobody, {}, 8, 4).error().message.find("a prompt of 4 tokens: "), std::string::npos);
}

}  // namespace
}  // namespace braid::serving
