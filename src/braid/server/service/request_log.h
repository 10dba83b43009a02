// With --log-requests: one line when a request arrives and one when it ends. Text from clients goes through the logger,
// which escapes control characters. Tested by tests/e2e/test_server_life.py.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "braid/base/log.h"
#include "braid/server/metrics/server_metrics.h"
#include "braid/server/openai/prepare/prepared_request.h"

namespace braid {

// Where and when a request came in.
struct Arrival {
  std::string path;
  std::string client;
  double time_s = 0;  // monotonic_seconds()
};

class RequestLog {
 public:
  RequestLog(std::shared_ptr<Logger> logger, bool is_on) : logger_(std::move(logger)), is_on_(is_on) {}

  // From any thread. Off: nothing is logged.
  void switch_to(bool is_on) { is_on_ = is_on; }
  bool is_on() const { return is_on_; }

  void accepted(const Arrival& arrival, const openai::PreparedRequest& request) const;
  void left(const Arrival& arrival) const;  // before anything was done
  void refused(const Arrival& arrival, const openai::ApiError& error) const;
  // `total`: of all prompts together. `outcome`: "stop", "length", …, or the error.
  void ended(const Arrival& arrival, const std::string& id, const metrics::RequestRecord& total,
             std::string_view outcome) const;

 private:
  const std::shared_ptr<Logger> logger_;
  std::atomic<bool> is_on_;
};

}  // namespace braid
