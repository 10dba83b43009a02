// A fixture for tests: the service with a real engine and a tiny model.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "braid/server/service/api_service.h"
#include "braid/server/service/routes.h"
#include "tests/support/api/tiny_engine.h"
#include "tests/support/server/service/fake_client.h"

namespace braid::testing {

class ApiServiceFixture : public ::testing::Test {
 protected:
  void start(ServiceOptions options = {}, EngineOptions engine_options = {}) {
    options.model.name = "tiny";
    if (engine_options.source.model_path.empty()) engine_options.source.model_path = kTinyModel;
    options.model.path = engine_options.source.model_path;
    options.num_workers = 1;  // so requests are submitted in order
    service_ = std::make_unique<ApiService>(options, make_null_logger());
    add_api_routes(*service_, router_);
    auto engine = load_tiny_engine(engine_options);
    engine_ = engine.get();
    service_->set_engine(std::move(engine));
  }
  void TearDown() override { release(); }

  // Stops the engine in its next step until release(). Requests sent meanwhile wait.
  void hold() {
    GenerationRequest request{.prompt = "x"};
    request.sampling.max_new_tokens = 1;
    held_ = std::make_shared<std::latch>(1);
    ASSERT_TRUE(engine_->submit(request, [held = held_](const Delta&) { held->wait(); }).ok());
  }
  void release() {
    if (held_ != nullptr) held_->count_down();
    held_ = nullptr;
  }

  std::shared_ptr<FakeClient> get(const std::string& path) { return send(router_, "GET", path); }
  std::shared_ptr<FakeClient> post(const std::string& path, const std::string& body,
                                   std::vector<http::Header> headers = {}) {
    return send(router_, "POST", path, body, std::make_shared<FakeClient>(), std::move(headers));
  }
  // What /v1/status says once no request runs: an answer's end may arrive before the engine has counted it.
  Json idle_status() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    const auto is_idle = [](const Json& status) {
      return std::ranges::all_of(status["groups"], [](const Json& group) { return group["num_running_reqs"] == 0; });
    };
    Json status = get("/v1/status")->json();
    while (!is_idle(status) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
      status = get("/v1/status")->json();
    }
    return status;
  }
  // A completion: greedy, eight tokens, and these further members of the body.
  std::shared_ptr<FakeClient> complete(const std::string& members) {
    return post("/v1/completions", R"({"prompt":"The quick","temperature":0,"max_tokens":8,"ignore_eos":true)" +
                                       (members.empty() ? "" : "," + members) + "}");
  }
  std::shared_ptr<FakeClient> chat(const std::string& members) {
    return post("/v1/chat/completions", R"({"messages":[{"role":"user","content":"hello"}],"temperature":0,
      "max_tokens":8,"ignore_eos":true)" + (members.empty() ? "" : "," + members) +
                                            "}");
  }
  // A chat that generates until its context is full.
  std::shared_ptr<FakeClient> endless(const std::string& members = R"("stream":true)") {
    return post("/v1/chat/completions",
                R"({"messages":[{"role":"user","content":"hello"}],"ignore_eos":true,)" + members + "}");
  }

  http::Router router_;
  std::unique_ptr<ApiService> service_;
  Engine* engine_ = nullptr;
  std::shared_ptr<std::latch> held_;
};

// The whole text of one choice of a stream.
inline std::string text_of(const std::vector<Json>& events, int64_t index = 0) {
  std::string text;
  for (const Json& event : events) {
    for (const Json& choice : event["choices"]) {
      if (choice["index"] != index) continue;
      text += choice.contains("text") ? choice["text"].get<std::string>() : choice["delta"].value("content", "");
    }
  }
  return text;
}

}  // namespace braid::testing
