// The answer of a request in the journal, as it is written: kept whole, and passed on to the client that listens. The
// client may leave and another one go on behind any event, also after the end. Tested by journaled_streams_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/server/http/handler.h"

namespace braid {

class JournaledStream : public http::Responder {
 public:
  ~JournaledStream() override = default;

  // The request's side. A client that leaves is no reason to end the request, so it does not learn of that.
  void respond(http::Response response) override;
  void start_stream(http::Response response) override;
  void write(std::string_view bytes) override;  // whole events
  void finish() override;
  void on_gone(std::function<void()>) override {}

  // The client gets all events but the first `num_had`, and those to come. One that listened before hears no more.
  void attach(std::shared_ptr<http::Responder> client, int64_t num_had);

  std::optional<double> ended_s() const;  // monotonic_seconds(), once it has
  size_t bytes() const;                   // that it keeps

 private:
  mutable std::mutex mutex_;
  std::optional<http::Response> head_;
  bool is_stream_ = false;
  std::optional<double> ended_s_;
  std::vector<std::string> events_;
  size_t bytes_ = 0;
  std::shared_ptr<http::Responder> client_;
  int64_t num_had_ = 0;  // events that the client does not want, or has
};

}  // namespace braid
