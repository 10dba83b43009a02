// With --log-requests: one line when a request arrives and one when it ends. Text from clients goes through the logger,
// which escapes control characters. Tested by tests/e2e/test_server_life.py.
#pragma once

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
  // Null: nothing is logged.
  explicit RequestLog(std::shared_ptr<Logger> logger) : logger_(std::move(logger)) {}

  void accepted(const Arrival& arrival, const openai::PreparedRequest& request) const;
  void refused(const Arrival& arrival, const openai::ApiError& error) const;
  // `total`: of all prompts together. `outcome`: "stop", "length", …, or the error.
  void ended(const Arrival& arrival, const std::string& id, const metrics::RequestRecord& total,
             std::string_view outcome) const;

 private:
  std::shared_ptr<Logger> logger_;
};

}  // namespace braid
