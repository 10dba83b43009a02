// The service with a journal: clients that leave and come back, and another service that goes on with what one left.
#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/server/service/api_service_fixture.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

namespace fs = std::filesystem;
using testing::FakeClient;
using testing::text_of;

class ApiServiceJournalTest : public testing::ApiServiceFixture {
 protected:
  void start_with_journal() {
    router_ = http::Router();
    ServiceOptions options;
    options.journal = Journal::open({.folder = folder_.path().string()}, make_null_logger()).value();
    options.standby_node = 1;
    journal_ = options.journal;
    start(std::move(options));
  }
  void stop() {
    journal_.reset();
    service_.reset();
    router_ = http::Router();
  }
  std::shared_ptr<FakeClient> rest(const std::string& rid, const std::string& query = "") {
    auto client = std::make_shared<FakeClient>();
    router_.handle({.method = "GET", .path = "/v1/streams/" + rid, .query = query, .client = "test"}, client);
    return client;
  }
  fs::path journal_file() const {
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      if (entry.path().extension() == ".journal") return entry.path();
    }
    return {};
  }

  testing::TemporaryFolder folder_;
  std::shared_ptr<Journal> journal_;
};

constexpr const char* kNamed = R"("stream":true,"max_tokens":100,"rid":"mine","temperature":0.9,"logprobs":1)";

TEST_F(ApiServiceJournalTest, AnotherServiceGoesOnBehindWhatWasWritten) {
  start_with_journal();
  const auto whole = complete(kNamed)->events();
  stop();
  for (const double share : {0.9, 0.5, 0.1}) {  // as if the process had died then
    fs::resize_file(journal_file(), static_cast<uintmax_t>(share * static_cast<double>(fs::file_size(journal_file()))));
    start_with_journal();
    auto events = rest("mine")->events();
    ASSERT_EQ(events.size(), whole.size()) << share;
    for (size_t i = 0; i < whole.size(); ++i) EXPECT_EQ(events[i]["choices"], whole[i]["choices"]) << i;
    EXPECT_EQ(rest("mine", "resume_from=30")->events().size(), whole.size() - 30);
    stop();
  }
}

TEST_F(ApiServiceJournalTest, ANamedStreamOutlivesItsClient) {
  start_with_journal();
  hold();
  const auto client = complete(kNamed);
  client->wait_for_head();
  release();
  const auto events = rest("mine")->events();
  EXPECT_EQ(events.back()["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(rest("mine", "resume_from=0")->events(), events) << "it is kept";
  EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(60)));
  EXPECT_EQ(complete(kNamed)->status(), 200) << "its name is free again";
}

TEST_F(ApiServiceJournalTest, ANameOfARunningStreamIsTaken) {
  start_with_journal();
  hold();
  const auto client = complete(kNamed);
  EXPECT_EQ(complete(kNamed)->json()["error"]["message"], "rid \"mine\" names a request that still runs");
  EXPECT_EQ(complete(R"("rid":"mine")")->json()["error"]["param"], "rid");
  EXPECT_EQ(post("/abort_request", R"({"rid":"mine"})")->json()["num_aborted"], 1);
  release();
  EXPECT_EQ(client->events().back()["choices"][0]["finish_reason"], "abort");
}

TEST_F(ApiServiceJournalTest, OnlyNamedStreamsOfOneChoiceAreKept) {
  start_with_journal();
  for (const char* members : {R"("rid":"mine")", R"("rid":"mine","stream":true,"n":2)",
                              R"("rid":"mine","stream":true,"echo":true,"logprobs":1)"}) {
    EXPECT_EQ(complete(members)->status(), 200);
    EXPECT_TRUE(service_->wait_until_idle(std::chrono::seconds(60)));
    EXPECT_EQ(rest("mine")->json()["error"]["code"], "stream_not_found") << members;
  }
  EXPECT_EQ(rest("mine", "resume_from=x")->json()["error"]["param"], "resume_from");
  stop();
  start();
  EXPECT_NE(rest("mine")->json()["error"]["message"].get<std::string>().find("--journal"), std::string::npos);
}

TEST_F(ApiServiceJournalTest, WhatCannotGoOnIsForgotten) {
  {
    const auto journal = Journal::open({.folder = folder_.path().string()}, make_null_logger()).value();
    journal->add(JournaledRequest{.key = "1", .rid = "path", .path = "/nowhere", .body = "{}", .prompt = {}});
    journal->add(JournaledRequest{.key = "2", .rid = "body", .path = "/generate", .body = "{", .prompt = {}});
  }
  start_with_journal();
  for (const char* rid : {"path", "body"}) EXPECT_EQ(rest(rid)->status(), 404) << rid;
  stop();
  EXPECT_TRUE(Journal::open({.folder = folder_.path().string()}, make_null_logger()).value()->take_found().empty());
}

TEST_F(ApiServiceJournalTest, AnAnswerBeginsOnceTheStandbyHasItsRequest) {
  start_with_journal();
  const auto status = [&] { return get("/v1/status")->json()["standby"]; };
  EXPECT_EQ(status(), Json({{"node", 1}, {"is_there", false}, {"is_whole", false}, {"bytes_behind", 0}}));
  const auto client = std::make_shared<FakeClient>();
  std::mutex mutex;
  std::vector<JournalPart> parts;
  const auto num_done = [&] {
    const std::string metrics = get("/metrics")->body();
    constexpr std::string_view kName = "\nbraid_num_requests_total{model_name=\"tiny\"} ";
    const size_t at = metrics.find(kName);
    return at == std::string::npos ? 0 : std::stoi(metrics.substr(at + kName.size()));
  };
  std::optional<bool> had_begun;  // when the standby was sent the request
  journal_->connect_standby([&](JournalPart part) {
    const std::lock_guard lock(mutex);
    if (!had_begun && part.bytes.find("mine") != std::string::npos) {
      while (num_done() == 0) std::this_thread::yield();  // its answer is written, and kept
      had_begun = client->has_head();
    }
    parts.push_back(std::move(part));
  });
  const auto confirm_all = [&] {
    const std::lock_guard lock(mutex);
    for (const JournalPart& part : std::exchange(parts, {})) {
      journal_->take_kept({.copy = part.copy, .end = part.begin + part.bytes.size()});
    }
  };
  while (!status()["is_whole"].get<bool>()) confirm_all();
  EXPECT_NE(get("/metrics")->body().find("braid_standby_is_whole{model_name=\"tiny\"} 1"), std::string::npos);
  send(router_, "POST", "/v1/completions", fmt::format(R"({{"model":"tiny","prompt":"x",{}}})", kNamed), client);
  client->wait_for_head();  // confirmed or not: nobody waits for long
  EXPECT_EQ(had_begun, false);
  EXPECT_EQ(text_of(client->events()), text_of(rest("mine")->events()));
  while (status()["bytes_behind"].get<int64_t>() > 0) confirm_all();
  journal_->disconnect_standby();
  while (status()["is_there"].get<bool>()) std::this_thread::yield();
}

}  // namespace
}  // namespace braid
