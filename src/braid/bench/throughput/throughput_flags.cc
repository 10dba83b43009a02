#include "braid/bench/throughput/throughput_flags.h"

#include "braid/bench/bench_flags.h"

namespace braid {

void add_throughput_flags(Command command, ThroughputFlags& flags) {
  add_model_flag(command, flags.model);
  add_tokenizer_flag(command, flags.model);
  add_rank_flags(command, flags.model);
  add_layout_flags(command, flags.model);
  add_schedule_flag(command, flags.model);
  ThroughputOptions& options = flags.options;
  add_number(command, "--num-prompts", options.num_prompts, "Requests", 1, kMaxBenchRequests);
  add_number(command, "--input-len", options.input_len, "Tokens of each prompt", 1, kMaxBenchTokens);
  add_number(command, "--output-len", options.output_len, "Tokens that each request generates", 1, kMaxBenchTokens);
  add_number(command, "--seed", options.seed, "Of the random token ids", 0, kMaxSeed);
}

}  // namespace braid
