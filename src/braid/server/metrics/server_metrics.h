// The text of /metrics: counts of ended requests, and the engine's present state.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "braid/api/engine.h"
#include "braid/base/thread_role.h"
#include "braid/journal/journal.h"
#include "braid/parallel/topology.h"
#include "braid/server/metrics/histogram.h"

namespace braid::metrics {

// One prompt that has ended, all choices together. Times in seconds since the request was accepted.
struct RequestRecord {
  std::optional<double> queue_s;        // until it was first scheduled; absent: never scheduled
  std::optional<double> first_token_s;  // absent: no token
  std::optional<double> inter_token_s;  // mean over all choices' gaps; absent: no choice had two tokens
  double end_to_end_s = 0;
  int64_t prompt_tokens = 0;  // counted once, however many choices
  int64_t cached_tokens = 0;  // of the prompt, found in the prefix cache
  int64_t output_tokens = 0;  // of all choices
  bool was_aborted = false;
};

// The rest of what is shown. While the model is being loaded, the engine's part is empty.
struct ServerState {
  EngineStats engine = {};
  ClusterStatus cluster = {};
  ParallelLayout layout = {};
  std::string version = {};
  CpuByRole cpu = {};
  uint64_t num_dropped_log_lines = 0;
  std::optional<JournalStats> journal = {};
  std::optional<StandbyStats> standby = {};  // absent: no node stands by
};

class ServerMetrics {
 public:
  ServerMetrics(std::string prefix, std::string model_name);

  // From any thread.
  void record(const RequestRecord& record);
  std::string render(const ServerState& now) const;

 private:
  const std::string prefix_;
  const std::string model_name_;

  mutable std::mutex mutex_;
  Histogram first_token_;
  Histogram inter_token_;
  Histogram end_to_end_;
  Histogram queue_time_;
  int64_t prompt_tokens_ = 0;
  int64_t cached_tokens_ = 0;
  int64_t output_tokens_ = 0;
  int64_t num_requests_ = 0;
  int64_t num_aborted_ = 0;
};

}  // namespace braid::metrics
