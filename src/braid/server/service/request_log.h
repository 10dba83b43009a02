// A line for each request and one for its end, where --log-requests asks for them. What clients sent goes through the
// logger, which writes control characters as escapes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "braid/base/log.h"
#include "braid/server/metrics/server_metrics.h"
#include "braid/server/service/prepare.h"

namespace braid {

// Where a request came from, and when.
struct Arrival {
  std::string path;
  std::string client;
  double time_s = 0;  // monotonic_seconds()
};

class RequestLog {
 public:
  // Null: nothing is logged.
  explicit RequestLog(std::shared_ptr<Logger> logger) : logger_(std::move(logger)) {}

  void accepted(const Arrival& arrival, const GenerationPlan& plan) const;
  void refused(const Arrival& arrival, const openai::ApiError& error) const;
  // `total`: of all prompts together. `outcome`: "stop", "length", …, or the error.
  void ended(const Arrival& arrival, const std::string& id, const metrics::RequestRecord& total,
             std::string_view outcome) const;

 private:
  std::shared_ptr<Logger> logger_;
};

}  // namespace braid
