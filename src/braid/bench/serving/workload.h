// The workload of `braid bench serving`: prompts, and how many tokens each generates. Equal options and seeds make
// equal workloads.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "braid/base/result.h"
#include "braid/bench/serving/random_image.h"
#include "braid/request/ids.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid::serving {

enum class Dataset : uint8_t { kRandom, kHeavyTail, kShareGpt, kSharedPrefix, kJsonl, kRandomImage };

// "random", "heavy-tail", "sharegpt", "generated-shared-prefix", "jsonl", "random-image"
Result<Dataset> parse_dataset(const std::string& name);

struct WorkloadOptions {
  Dataset dataset = Dataset::kRandom;
  std::string path;  // of sharegpt's JSON, or of the JSON lines
  int32_t num_prompts = 100;
  uint64_t seed = 1;
  int32_t vocab_size = 30'000;  // random ids lie in [num_reserved_ids, vocab_size)
  int32_t num_reserved_ids = 256;

  // random: lengths are uniform in [length * range_ratio, length].
  int32_t input_len = 512;
  int32_t output_len = 128;
  double range_ratio = 0;
  // heavy-tail: input_len and output_len are the longest, and one request in 16 has them; half have less than an
  // eighth. (A Pareto distribution of shape 1 that starts at a sixteenth, cut off at the maximum.)

  // sharegpt and jsonl: replaces the data's lengths; 0: keep those.
  int32_t fixed_output_len = 0;

  // generated-shared-prefix: num_prefixes prefixes, each followed by prompts_per_prefix different questions, in random
  // order.
  int32_t num_prefixes = 8;
  int32_t prompts_per_prefix = 16;
  int32_t prefix_len = 1024;
  int32_t question_len = 128;
  int32_t question_output_len = 64;

  // random-image: like random, and a share of the prompts have images, each of its own.
  ImageSize image_size = {.width = 1120, .height = 700};
  ImageFormat image_format = ImageFormat::kJpeg;
  int32_t image_count = 1;  // of a prompt that has any
  double image_share = 1;
};

using PromptContent = std::variant<std::string, std::vector<TokenId>>;

struct Prompt {
  PromptContent content;
  int32_t output_len = 0;
  std::vector<std::string> images = {};  // data: URLs, which stand before the text
};

// `tokenizer` (null: none) counts the tokens of replies in sharegpt, which needs it unless fixed_output_len is set.
Result<std::vector<Prompt>> make_workload(const WorkloadOptions& options, const Tokenizer* tokenizer);

// Like Dataset::kRandom, whatever options.dataset is.
std::vector<Prompt> random_prompts(const WorkloadOptions& options);

// Seconds between the starts of consecutive requests: exponential with mean 1 / rate (a Poisson process), or 0 for an
// infinite rate.
std::vector<double> arrival_gaps(size_t num_requests, double rate, uint64_t seed);

}  // namespace braid::serving
