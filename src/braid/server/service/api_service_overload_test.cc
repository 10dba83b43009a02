// The service with a real engine, a tiny model and fake clients, when more comes than its threads can do: requests to
// be read, and tokens to be written.
#include <atomic>
#include <chrono>
#include <latch>
#include <thread>

#include "braid/server/service/delta_backlog.h"
#include "tests/support/server/service/api_service_fixture.h"

namespace braid {
namespace {

using testing::FakeClient;
using testing::send;

// The thread that answers it stands still until release().
class StuckClient : public FakeClient {
 public:
  void respond(http::Response response) override {
    wait();
    FakeClient::respond(std::move(response));
  }
  void write(std::string_view bytes) override {
    wait();
    FakeClient::write(bytes);
  }
  void wait_until_stuck() { is_stuck_.wait(false); }
  void release() { released_.count_down(); }

 private:
  void wait() {
    is_stuck_ = true;
    is_stuck_.notify_all();
    released_.wait();
  }

  std::atomic<bool> is_stuck_ = false;
  std::latch released_{1};
};

class ApiServiceOverloadTest : public testing::ApiServiceFixture {
 protected:
  // Occupies the only worker until the client is released.
  std::shared_ptr<StuckClient> occupy_worker() {
    auto client = std::make_shared<StuckClient>();
    send(router_, "POST", "/v1/completions", "{", client);
    client->wait_until_stuck();
    return client;
  }
  // Until the engine has computed so many tokens, and no request runs.
  void wait_for_tokens(uint64_t num_tokens) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    const auto has_ended = [&] {
      const EngineStats stats = engine_->stats();
      return stats.num_output_tokens >= num_tokens && stats.scheduler.num_running == 0;
    };
    while (!has_ended() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
};

TEST_F(ApiServiceOverloadTest, TooManyRequestsToReadAre503AtOnce) {
  ServiceOptions options;
  options.max_unread_requests = 2;
  start(options);
  const auto stuck = occupy_worker();
  std::vector<std::shared_ptr<FakeClient>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(complete(""));
  EXPECT_FALSE(clients[0]->has_head() || clients[1]->has_head());
  EXPECT_TRUE(clients[2]->has_head() && clients[3]->has_head() && clients[4]->has_head());
  EXPECT_EQ(clients[4]->status(), 503);
  EXPECT_EQ(clients[4]->json()["error"]["code"], "overloaded");
  EXPECT_NE(clients[4]->header("Retry-After"), "");
  EXPECT_EQ(post("/tokenize", R"({"prompt":"x"})")->status(), 503);
  stuck->release();
  EXPECT_EQ(clients[0]->status(), 200);
  EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(60)));
  EXPECT_EQ(complete("")->status(), 200) << "the room is given back";
}

TEST_F(ApiServiceOverloadTest, ARequestWhoseClientHasLeftIsNotRead) {
  start();
  const auto stuck = occupy_worker();
  const auto gone = complete("");
  const auto hold = std::make_shared<int>();
  const auto waiting = std::make_shared<FakeClient>();
  router_.handle({.method = "POST",
                  .path = "/v1/completions",
                  .body = R"({"prompt":"x","max_tokens":1})",
                  .client = "test",
                  .body_hold = hold},
                 waiting);
  EXPECT_EQ(hold.use_count(), 2) << "a body that waits counts";
  gone->leave_early();
  stuck->release();
  EXPECT_EQ(waiting->status(), 200);
  EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(60)));
  EXPECT_FALSE(gone->has_head());
  // The engine counts a token a moment after it has handed it on.
  while (engine_->stats().num_output_tokens == 0) std::this_thread::yield();
  EXPECT_EQ(engine_->stats().num_output_tokens, 1U);
  EXPECT_EQ(hold.use_count(), 1);
}

TEST_F(ApiServiceOverloadTest, AServerThatReadsNoRequestIsUnhealthy) {
  ServiceOptions options;
  options.health_timeout_s = 0.05;
  start(options);
  const auto stuck = occupy_worker();
  EXPECT_EQ(get("/health_generate")->status(), 503);
  stuck->release();
  EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(60)));
}

TEST_F(ApiServiceOverloadTest, ABodyDoesNotCountOnceItIsParsed) {
  start();
  hold();
  const auto body = std::make_shared<int>();
  const auto client = std::make_shared<FakeClient>();
  router_.handle({.method = "POST",
                  .path = "/v1/completions",
                  .body = R"({"prompt":"x","max_tokens":1})",
                  .client = "test",
                  .body_hold = body},
                 client);
  EXPECT_EQ(post("/v1/completions", "{")->status(), 400);  // once it is refused, the one before it is submitted
  EXPECT_EQ(body.use_count(), 1);
  EXPECT_FALSE(client->has_head());
  release();
  EXPECT_EQ(client->status(), 200);
}

TEST_F(ApiServiceOverloadTest, AnAnswerThatIsWrittenTooSlowlyEndsWithAnError) {
  ServiceOptions options;
  options.max_unwritten_bytes = 5 * sizeof(Delta);
  start(options);
  const auto stuck = std::make_shared<StuckClient>();
  const std::string endless = R"({"prompt":"x","stream":true,"ignore_eos":true,"max_tokens":400})";
  hold();
  send(router_, "POST", "/v1/completions", endless, stuck);
  stuck->wait_for_head();
  release();
  wait_for_tokens(2);  // one is hold()'s; it is aborted while the output thread still stands
  EXPECT_LT(engine_->stats().num_output_tokens, 200U);
  stuck->release();
  const auto events = stuck->events();
  EXPECT_EQ(events.back()["error"]["code"], "overloaded");
  EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(60)));

  // The room is given back: three tokens may wait again. No more are asked for, as all of them may wait for a thread
  // that the machine does not run just now.
  const auto again = std::make_shared<StuckClient>();
  send(router_, "POST", "/v1/completions", R"({"prompt":"x","stream":true,"ignore_eos":true,"max_tokens":1})", again);
  again->wait_until_stuck();
  const uint64_t num_before = engine_->stats().num_output_tokens;
  const auto beside = post("/v1/completions", R"({"prompt":"x","ignore_eos":true,"max_tokens":3})");
  wait_for_tokens(num_before + 3);
  again->release();
  EXPECT_EQ(beside->status(), 200);
}

TEST(DeltaBacklog, AFullOneHasRoomForTheShareOfEveryRequest) {
  DeltaBacklog backlog(6400);
  DeltaBacklog::Part large(backlog);
  EXPECT_TRUE(large.has_room());
  large.add(10'000);
  EXPECT_FALSE(large.has_room());
  {
    DeltaBacklog::Part small(backlog);
    EXPECT_TRUE(small.has_room());
    small.add(100);
    EXPECT_FALSE(small.has_room());
  }
  large.remove(3600);
  EXPECT_FALSE(large.has_room()) << "what the other had is gone, and 6400 are left";
  large.remove(1);
  EXPECT_TRUE(large.has_room());
}

TEST(DeltaBacklog, ADeltaCountsWithItsLogprobs) {
  Delta delta{.text = "abc"};
  const size_t plain = delta_bytes(delta);
  delta.tokens.resize(1);
  delta.tokens[0].top_logprobs.resize(100);
  EXPECT_GE(delta_bytes(delta), plain + 100 * sizeof(TokenLogprob));
}

}  // namespace
}  // namespace braid
