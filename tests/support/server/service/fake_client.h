// A client for tests of the service: it keeps its answer, and can leave.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "braid/base/check.h"
#include "braid/formats/json.h"
#include "braid/server/http/router.h"
#include "tests/support/event_stream.h"

namespace braid::testing {

class FakeClient : public http::Responder {
 public:
  ~FakeClient() override = default;

  void respond(http::Response response) override {
    const std::lock_guard lock(mutex_);
    CHECK(!has_head_, "two answers to one request");
    head_ = std::move(response);
    body_ = head_.body;
    has_head_ = is_complete_ = true;
    changed_.notify_all();
  }
  void start_stream(http::Response response) override {
    const std::lock_guard lock(mutex_);
    CHECK(!has_head_, "two answers to one request");
    head_ = std::move(response);
    body_ = head_.body;
    has_head_ = is_stream_ = true;
    changed_.notify_all();
  }
  void write(std::string_view bytes) override {
    const std::lock_guard lock(mutex_);
    CHECK(is_stream_ && !is_complete_, "written behind the end");
    body_ += bytes;
    changed_.notify_all();
  }
  void finish() override {
    const std::lock_guard lock(mutex_);
    CHECK(is_stream_ && !is_complete_, "finished twice");
    is_complete_ = true;
    changed_.notify_all();
  }
  void on_gone(std::function<void()> gone) override {
    const std::lock_guard lock(mutex_);
    gone_ = std::move(gone);
    changed_.notify_all();
  }

  bool has_room() const override {
    const std::lock_guard lock(mutex_);
    return reads_;
  }
  void when_room(std::function<void()> call) override {
    {
      const std::lock_guard lock(mutex_);
      if (!reads_) {
        when_room_ = std::move(call);
        return;
      }
    }
    call();
  }

  // From now on the client reads nothing, until read_on().
  void stop_reading() {
    const std::lock_guard lock(mutex_);
    reads_ = false;
  }
  void read_on() {
    std::function<void()> call;
    {
      const std::lock_guard lock(mutex_);
      reads_ = true;
      call = std::exchange(when_room_, nullptr);
    }
    if (call) call();
  }

  // The client leaves. Waits until on_gone() is set.
  void leave() {
    std::function<void()> gone;
    {
      std::unique_lock lock(mutex_);
      wait(lock, [&] { return gone_ != nullptr; });
      gone = gone_;
    }
    gone();
  }

  // The client leaves, maybe before on_gone() is set.
  void leave_early() {
    const std::lock_guard lock(mutex_);
    has_left_ = true;
  }
  bool is_gone() const override {
    const std::lock_guard lock(mutex_);
    return has_left_;
  }

  void wait_for_answer() {
    std::unique_lock lock(mutex_);
    wait(lock, [&] { return is_complete_; });
  }
  // Waits until the body contains this text.
  void wait_for(std::string_view text) {
    std::unique_lock lock(mutex_);
    wait(lock, [&] { return body_.find(text) != std::string::npos; });
  }
  void wait_for_head() {
    std::unique_lock lock(mutex_);
    wait(lock, [&] { return has_head_; });
  }
  bool has_head() {
    const std::lock_guard lock(mutex_);
    return has_head_;
  }

  // These wait for the complete answer.
  int status() {
    wait_for_answer();
    return head_.status;
  }
  std::string body() {
    wait_for_answer();
    return body_;
  }
  Json json() { return Json::parse(body()); }
  std::string header(std::string_view name) {
    wait_for_answer();
    for (const http::Header& header : head_.headers) {
      if (header.name == name) return header.value;
    }
    return "";
  }
  // A stream's events, without the last one, [DONE].
  std::vector<Json> events() {
    wait_for_answer();
    std::vector<Json> events = events_of(body_);
    events.pop_back();
    return events;
  }

 private:
  // A wait this long fails.
  template <typename Predicate>
  void wait(std::unique_lock<std::mutex>& lock, Predicate predicate) {
    CHECK(changed_.wait_for(lock, std::chrono::seconds(120), predicate), "no answer; so far: {}", body_);
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool reads_ = true;
  std::function<void()> when_room_;
  http::Response head_;
  std::string body_;
  bool has_head_ = false;
  bool is_stream_ = false;
  bool is_complete_ = false;
  bool has_left_ = false;
  std::function<void()> gone_;
};

inline std::shared_ptr<FakeClient> send(const http::Router& router, std::string method, std::string path,
                                        std::string body = "",
                                        std::shared_ptr<FakeClient> client = std::make_shared<FakeClient>(),
                                        std::vector<http::Header> headers = {}) {
  router.handle({.method = std::move(method),
                 .path = std::move(path),
                 .query = {},
                 .headers = std::move(headers),
                 .body = std::move(body),
                 .client = "test"},
                client);
  return client;
}

}  // namespace braid::testing
