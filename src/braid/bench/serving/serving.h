// `braid bench serving`: a load on a running server, and what its clients see.
#pragma once

#include <cstdio>
#include <limits>
#include <string>

#include "braid/api/text_model.h"
#include "braid/base/result.h"
#include "braid/bench/serving/long_prompts.h"
#include "braid/bench/serving/workload.h"

namespace braid {

struct BenchServingOptions {
  std::string base_url = "http://127.0.0.1:30000";
  std::string backend = "openai";
  std::string model;             // as requests name it; empty: no name
  std::string api_key;           // empty: none
  ModelSourceOptions tokenizer;  // model_path empty: none
  std::string dataset = "random";
  serving::WorkloadOptions workload;
  double request_rate = std::numeric_limits<double>::infinity();
  // Not 0: all requests are sent at once first, and then arrive at this share of the rate at which they were done.
  double capacity_share = 0;
  serving::LongPromptOptions long_prompts;
  int32_t max_concurrency = 0;
  int32_t num_warmup_requests = 1;
  bool ignore_eos = true;
  double temperature = 0;
  bool return_token_ids = false;
  bool json = false;
};

// An error if any request failed, after the report; or before it, where the options do not fit together, or the server
// lacks what they need.
Status run_bench_serving(BenchServingOptions options, std::FILE* out);

}  // namespace braid
