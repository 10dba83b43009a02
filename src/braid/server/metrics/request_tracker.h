// Collects the metrics of one running prompt, all choices together, from its deltas.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/request/generation.h"
#include "braid/server/metrics/server_metrics.h"

namespace braid::metrics {

class RequestTracker {
 public:
  RequestTracker(int32_t num_choices, double start_s);

  void add(const Delta& delta, double now_s);

  bool has_ended() const { return num_open_ == 0; }
  RequestRecord record() const;  // after it has ended

 private:
  struct Choice {
    int64_t num_tokens = 0;
    double first_s = 0;
    double last_s = 0;
  };

  const double start_s_;
  std::vector<Choice> choices_;
  int32_t num_open_;
  double end_s_;
  RequestRecord record_;
};

}  // namespace braid::metrics
