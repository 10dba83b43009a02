// The service with a real engine, a tiny model and fake clients: requests that wait or are aborted, and an engine that
// is not loaded yet, stands still, drains or has failed.
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "tests/support/server/service/api_service_fixture.h"

namespace braid {
namespace {

using testing::FakeClient;
using testing::load_tiny_engine;
using testing::send;
using testing::text_of;

class ApiServiceLifeTest : public testing::ApiServiceFixture {};

TEST_F(ApiServiceLifeTest, ARidIsUniqueWhileItsRequestRuns) {
  start();
  hold();
  const auto running = endless(R"("stream":true,"rid":"mine")");
  const auto second = chat(R"("rid":"mine")");
  EXPECT_EQ(second->status(), 400);
  EXPECT_EQ(second->json()["error"]["param"], "rid");
  running->leave();
  release();
  EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(60)));
  EXPECT_EQ(chat(R"("rid":"mine")")->json()["id"], "mine");
}

TEST_F(ApiServiceLifeTest, AClientThatLeavesEndsItsRequest) {
  start();
  hold();
  std::vector<std::shared_ptr<FakeClient>> clients;
  for (int i = 0; i < 12; ++i) clients.push_back(endless(i % 2 == 0 ? R"("stream":true)" : R"("stream":false)"));
  for (const auto& client : clients) client->leave();
  release();
  EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(60)));
  const EngineStats stats = engine_->stats();
  EXPECT_LT(stats.num_output_tokens, 100U) << "they went on without their clients";
  EXPECT_EQ(complete("")->status(), 200);
}

TEST_F(ApiServiceLifeTest, ARequestThatTimesOutEndsWithAnError) {
  ServiceOptions options;
  options.request_timeout_s = 0.05;
  start(options);
  hold();
  const auto whole = endless(R"("stream":false,"timeout":100,"n":4)");
  const auto stream = endless();
  EXPECT_EQ(whole->status(), 408) << "--request-timeout is the most that a request may ask for";
  EXPECT_EQ(whole->json()["error"]["code"], "request_timeout");
  const auto events = stream->events();
  EXPECT_NE(events.back()["error"]["message"].get<std::string>().find("0.05 s"), std::string::npos);
  release();
  EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(60)));
}

TEST_F(ApiServiceLifeTest, AFullQueueIs429) {
  EngineOptions engine;
  engine.rank.max_running_requests = 2;
  engine.max_queued_requests = 1;
  start({}, engine);
  hold();
  const auto running = endless(R"("stream":true)");
  const auto refused =
      post("/v1/completions", R"({"prompt":["a","b"]})");  // there is room for one to wait, not for both
  EXPECT_EQ(refused->status(), 429);
  EXPECT_EQ(refused->header("Retry-After"), "1");
  EXPECT_EQ(refused->json()["error"]["type"], "rate_limit_error");
  running->leave();
  release();
  EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(60)));
}

TEST_F(ApiServiceLifeTest, AFailedEngineEndsEveryStreamWithItsReasonAndIsUnhealthy) {
  EngineOptions engine;
  engine.max_restarts = 0;
  engine.before_step = [](int32_t, int32_t, const StepPlan&) { throw std::runtime_error("the rank's memory is gone"); };
  start({}, engine);
  EXPECT_EQ(get("/health")->status(), 200);
  const std::string reason = "the engine has failed: the rank's memory is gone";
  EXPECT_EQ(complete(R"("stream":true)")->events().back()["error"]["message"], reason);
  const auto health = get("/health");
  EXPECT_EQ(health->status(), 503);
  EXPECT_EQ(health->json()["error"]["code"], "engine_failed");
  EXPECT_EQ(complete("")->json()["error"]["message"], reason);
}

TEST_F(ApiServiceLifeTest, AServerThatLostAReplicaAnswersEveryRequestAndIsHealthy) {
  EngineOptions engine;
  engine.rank.layout = {.dp_size = 2};
  engine.max_restarts = 0;
  engine.before_step = [](int32_t world, int32_t, const StepPlan&) {
    if (world == 0) throw std::runtime_error("the rank's memory is gone");
  };
  start({}, engine);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(complete("")->status(), 200);
  EXPECT_EQ(get("/health")->status(), 200);
  EXPECT_EQ(get("/health_generate")->status(), 200);
  EXPECT_TRUE(service_->has_lost_replica());
  const Json lost = get("/get_server_info")->json()["lost_dp_ranks"];
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_EQ(lost[0]["dp_rank"], 0);
  EXPECT_EQ(lost[0]["reason"], "the rank's memory is gone");
}

TEST_F(ApiServiceLifeTest, AnEngineThatStartsAgainIsAliveAndLosesNothing) {
  EngineOptions engine;
  std::atomic<int> num_steps = 0;
  engine.before_step = [&](int32_t, int32_t, const StepPlan&) {
    if (++num_steps == 8) throw std::runtime_error("the rank's memory is gone");
  };
  start({}, engine);
  EXPECT_EQ(get("/v1/status")->json()["state"], "running");
  EXPECT_TRUE(get("/v1/status")->json()["last_error"].is_null());
  const auto stream = complete(R"("stream":true,"max_tokens":20,"ignore_eos":true)");
  EXPECT_EQ(stream->events().back()["choices"][0]["finish_reason"], "length");
  const Json status = idle_status();
  EXPECT_EQ(status["state"], "running");
  EXPECT_EQ(status["num_restarts"], 1);
  EXPECT_EQ(status["num_resumed_reqs"], 1);
  EXPECT_EQ(status["num_set_aside_reqs"], 0);
  EXPECT_EQ(status["last_error"]["message"], "the rank's memory is gone");
  EXPECT_GT(status["last_error"]["time"], 1.7e9);
  EXPECT_EQ(status["worlds"].size(), 1U);
  EXPECT_EQ(status["worlds"][0]["state"], "running");
  EXPECT_EQ(status["worlds"][0]["num_restarts"], 1);
  EXPECT_EQ(status["groups"][0]["num_running_reqs"], 0);
  EXPECT_EQ(status["layout"]["tp_size"], 1);
  EXPECT_GT(status["uptime_s"], 0.1) << "the pause";
  const auto again = complete(R"("stream":true,"max_tokens":20,"ignore_eos":true)");
  EXPECT_EQ(text_of(stream->events()), text_of(again->events()));
  EXPECT_FALSE(service_->has_lost_replica());
}

TEST_F(ApiServiceLifeTest, APausedServerKeepsItsRequests) {
  start();
  EXPECT_EQ(post("/pause_generation", "")->json()["success"], true);
  EXPECT_EQ(get("/v1/status")->json()["state"], "paused");
  EXPECT_EQ(get("/health")->status(), 200);
  EXPECT_EQ(get("/health_generate")->json()["error"]["message"], "generation is paused: POST /continue_generation");
  const auto request = complete(R"("stream":true,"max_tokens":8,"ignore_eos":true)");
  EXPECT_EQ(post("/continue_generation", "")->status(), 200);
  EXPECT_EQ(request->events().back()["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(get("/v1/status")->json()["state"], "running");
}

TEST_F(ApiServiceLifeTest, WhileRanksStartAgainTheServerIsAliveAndNotHealthy) {
  EngineOptions engine;
  engine.before_step = [](int32_t, int32_t, const StepPlan&) { throw std::runtime_error("the rank's memory is gone"); };
  start({}, engine);
  const auto request = endless();
  const auto state = [&] { return get("/v1/status")->json()["state"].get<std::string>(); };
  while (state() == "running") std::this_thread::yield();
  EXPECT_EQ(state(), "restarting");
  EXPECT_EQ(get("/health")->status(), 200);
  const auto health = get("/health_generate");
  EXPECT_EQ(health->status(), 503);
  const auto names_the_reason = [](const std::string& error) {
    return error.find("the rank's memory is gone") != std::string::npos;
  };
  EXPECT_TRUE(names_the_reason(health->json()["error"]["message"])) << health->json();
  EXPECT_TRUE(names_the_reason(request->events().back()["error"]["message"])) << request->events().back();
  const auto failed = complete("");  // the restarts are used up
  EXPECT_GE(failed->status(), 500);
  EXPECT_TRUE(names_the_reason(failed->json()["error"]["message"]));
  EXPECT_EQ(state(), "failed");
  EXPECT_EQ(get("/health")->status(), 503);
}

TEST_F(ApiServiceLifeTest, AnEngineThatStandsStillIsUnhealthy) {
  ServiceOptions options;
  options.health_timeout_s = 0.05;
  start(options);
  hold();
  EXPECT_EQ(get("/health")->status(), 200);
  EXPECT_EQ(get("/health_generate")->status(), 503);
  EXPECT_EQ(get("/health_generate")->json()["error"]["message"], "the engine gave no token within 0.05 s");
  release();
  EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(60)));
}

TEST_F(ApiServiceLifeTest, AnAbortedRequestFinishesWithAbort) {
  start();
  hold();
  const auto stream = endless(R"("stream":true,"rid":"mine")");
  // More tokens than a group may be ahead of the controller, so that it cannot end before the abort.
  const auto list = post("/generate", R"({"text":["x","y"],"rid":["first","second"],
    "sampling_params":{"max_new_tokens":30,"ignore_eos":true}})");
  EXPECT_EQ(post("/v1/completions", "{")->status(), 400);  // once it is refused, earlier requests are submitted
  EXPECT_EQ(post("/abort_request", R"({"rid":"mine"})")->json()["num_aborted"], 1);
  EXPECT_EQ(post("/abort_request", R"({"rid":"second"})")->json()["num_aborted"], 1);
  EXPECT_EQ(post("/abort_request", R"({"rid":"other"})")->json()["num_aborted"], 0);
  release();
  EXPECT_EQ(stream->events().back()["choices"][0]["finish_reason"], "abort");
  EXPECT_EQ(list->json()[0]["meta_info"]["finish_reason"]["type"], "length");
  EXPECT_EQ(list->json()[1]["meta_info"]["finish_reason"]["type"], "abort");
}

TEST_F(ApiServiceLifeTest, AbortAllCountsRequestsNotPrompts) {
  start();
  hold();
  // More tokens than a group may be ahead of the controller, so that it cannot end before the abort.
  const auto list =
      post("/generate", R"({"text":["x","y"],"sampling_params":{"max_new_tokens":30,"ignore_eos":true}})");
  const auto taken = post("/generate", R"({"text":["x","y"],"rid":["z",null],"stream":true})");
  EXPECT_EQ(post("/generate", R"({"text":["x","y"],"rid":["new","z"]})")->json()["error"]["message"],
            "rid \"z\" names a request that still runs");
  EXPECT_EQ(post("/generate", "{")->status(), 400);  // once it is refused, earlier requests have been handled
  EXPECT_EQ(post("/abort_request", R"({"abort_all":true})")->json()["num_aborted"], 2);
  release();
  EXPECT_EQ(list->json()[0]["meta_info"]["finish_reason"]["type"], "abort");
  EXPECT_EQ(taken->events().back()["meta_info"]["finish_reason"]["type"], "abort");
}

TEST_F(ApiServiceLifeTest, AnswersWith503UntilTheModelIsLoaded) {
  service_ = std::make_unique<ApiService>(ServiceOptions{.model = {.name = "tiny"}}, make_null_logger());
  add_api_routes(*service_, router_);
  for (const auto& client : {get("/health"), get("/health_generate"), get("/v1/models"), chat("")}) {
    EXPECT_EQ(client->status(), 503);
    EXPECT_EQ(client->json()["error"]["code"], "model_loading");
    EXPECT_NE(client->header("Retry-After"), "");
  }
  service_->set_engine(load_tiny_engine());
  EXPECT_EQ(get("/health")->status(), 200);
  EXPECT_EQ(get("/health_generate")->status(), 200);
  EXPECT_EQ(chat("")->status(), 200);
}

TEST_F(ApiServiceLifeTest, DrainingFinishesRunningRequestsAndRefusesNewOnes) {
  start();
  const auto running = chat(R"("stream":true)");
  service_->start_draining();
  EXPECT_EQ(get("/health")->status(), 503);
  EXPECT_EQ(chat("")->json()["error"]["code"], "draining");
  EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(60)));
  EXPECT_EQ(running->events().back()["choices"][0]["finish_reason"], "length");
}

TEST_F(ApiServiceLifeTest, AbortAllEndsRequestsWhileDraining) {
  start();
  hold();
  const auto stream = endless();
  const auto whole = endless(R"("stream":false,"n":128)");
  const auto behind = post("/v1/chat/completions", "{");  // once it is refused, the two before it are submitted
  EXPECT_EQ(behind->status(), 400);
  service_->start_draining();
  service_->abort_all();
  release();
  EXPECT_EQ(stream->events().back()["choices"][0]["finish_reason"], "abort");
  EXPECT_EQ(whole->json()["choices"][127]["finish_reason"], "abort");
}

TEST_F(ApiServiceLifeTest, TheDestructorAnswersEveryRequest) {
  start();
  const auto stream = endless();
  const auto whole = endless(R"("stream":false,"n":128)");
  service_.reset();
  EXPECT_EQ(stream->status(), 200);
  EXPECT_FALSE(stream->events().empty());
  EXPECT_EQ(whole->status(), 200);
}

TEST_F(ApiServiceLifeTest, ConcurrentStreamsEqualASingleOne) {
  start();
  const std::string alone = text_of(chat(R"("stream":true)")->events());
  std::vector<std::shared_ptr<FakeClient>> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(chat(R"("stream":true)"));
  for (const auto& client : clients) EXPECT_EQ(text_of(client->events()), alone);
}

}  // namespace
}  // namespace braid
