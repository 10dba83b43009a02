// Made-up request traces that are hard on a balancer of groups: lengths with a heavy tail, and prompts that share
// prefixes of unequal popularity. The same seed gives the same trace on every machine.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/request/ids.h"

namespace braid {

struct TracedRequest {
  double arrival_s = 0;  // from the trace's start
  std::vector<TokenId> prompt;
  int32_t output_len = 0;
};

struct TraceOptions {
  int32_t num_requests = 64;
  double request_rate = 0;   // a second, with exponential gaps; 0: all at once
  int32_t prompt_len = 128;  // heavy tail: the median; shared prefixes: the part that is a request's own
  int32_t output_len = 32;   // the median
  int32_t max_len = 2048;    // of prompt and output together
  int64_t vocab_size = 1000;
  uint64_t seed = 0;
};

// Prompt and output lengths are log-normal with sigma 1: the longest percent is ten times the median and more.
std::vector<TracedRequest> heavy_tailed_trace(const TraceOptions& options);

// Each prompt begins with one of `num_prefixes` prefixes of `prefix_len` tokens; the k-th is drawn with weight 1 / k,
// so that one of them is popular.
std::vector<TracedRequest> shared_prefix_trace(const TraceOptions& options, int32_t num_prefixes, int32_t prefix_len);

}  // namespace braid
