// Sends the requests of `braid bench serving`, one connection each, and records what arrives when.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/bench/serving/protocol.h"
#include "braid/bench/serving/report.h"

namespace braid::serving {

// From "http://127.0.0.1:30000"; only http.
struct ServerAddress {
  std::string host;
  std::string port;
};
Result<ServerAddress> parse_base_url(const std::string& url);

struct LoadOptions {
  ServerAddress server;
  BodyOptions body;
  std::string api_key;  // empty: none
  double request_rate = std::numeric_limits<double>::infinity();
  int32_t max_concurrency = 0;  // 0: no limit
  uint64_t seed = 1;
  bool keeps_text = false;  // of the answers
};

// Requests that start once each of the others has its first token or has ended. max_concurrency does not count them.
struct LateRequests {
  std::span<const Prompt> prompts;
  double rate = std::numeric_limits<double>::infinity();
};

struct LoadResult {
  std::vector<RequestTimes> requests;  // in the order of the prompts
  std::vector<RequestTimes> late;
  double seconds = 0;  // from the first start to the last end
};

// `on_end` is called after each request with the number of ended requests.
LoadResult run_load(const LoadOptions& options, std::span<const Prompt> prompts, const LateRequests& late,
                    const std::function<void(size_t)>& on_end);

}  // namespace braid::serving
