// `braid bench serving`: puts a load on a running server and reports what its clients see. Tested by
// tests/e2e/test_bench.py.
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
  std::string backend;           // empty: openai, or openai-chat if there are images
  std::string model;             // as in requests; empty: left out
  std::string api_key;           // empty: none
  ModelSourceOptions tokenizer;  // model_path empty: none
  std::string dataset = "random";
  serving::WorkloadOptions workload;
  std::string image_size = "1120x700";
  std::string image_format = "jpeg";
  double request_rate = std::numeric_limits<double>::infinity();
  // Not 0: all requests are first sent at once. They then arrive at this share of the rate at which those were
  // completed.
  double capacity_share = 0;
  serving::LongPromptOptions long_prompts;
  int32_t max_concurrency = 0;
  int32_t num_warmup_requests = 1;
  bool ignore_eos = true;
  double temperature = 0;
  bool return_token_ids = false;
  int32_t num_checked_answers = 0;  // requests that are sent again, each alone, to compare the answers
  std::string profile;              // a file for the server's timeline; empty: none
  bool json = false;
};

// Returns an error after the report if any request failed or had another answer alone; before it if the options do not
// fit together, or if the server lacks what they need.
Status run_bench_serving(BenchServingOptions options, std::FILE* out);

}  // namespace braid
