// The flags that several commands share: how a model is loaded and run, and how tokens are sampled. Tested by
// tests/e2e/test_bad_input.py and tests/e2e/test_generate.py.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "braid/api/engine.h"
#include "braid/base/result.h"
#include "braid/cli/command_line.h"
#include "braid/config/generation_config_options.h"
#include "braid/config/model_config.h"

namespace braid {

// What the command line says about the model and how it runs. Strings are parsed by engine_options().
struct ModelFlags {
  std::string model_path;
  std::string download_dir;
  std::string tokenizer_path;
  std::string chat_template;
  std::string dtype = "auto";
  std::string kv_cache_dtype = "auto";
  std::string quantization = "none";
  std::string activation_bits = "auto";
  std::string schedule_policy = "fcfs";
  std::string log_level = "info";
  GenerationConfigOptions generation_config;
  bool disable_radix_cache = false;
  LayoutFlags layout;
  std::string moe_parallel = "tp";
  std::string dp_padding = "auto";
  std::string exchange_dtype = "float32";  // of serve alone
  std::string overlap_halves = "auto";     // and these two
  bool enable_two_batch_overlap = false;
  std::string numa = "auto";
  std::string load_balance_method = "auto";
  std::string dp_dispatch = "broadcast";
  bool kv_rebalance = false;
  bool share_prefixes = false;
  int32_t prefill_alignment = 0;
  std::string mm_broadcast = "auto";  // of serve alone, as is the next
  std::string mm_batch_min = "auto";
  int32_t max_restarts = EngineOptions().max_restarts;
  RankOptions rank;

  // Errors name the flag and its value. Reads BRAID_CPU_ISA, HOME and the variables of Hugging Face's tools.
  Result<EngineOptions> engine_options() const;
  // Sets the dtype, the quantization and the activations' bits.
  Status set_numbers(RankOptions& options) const;
  Result<OverlapHalves> halves() const;          // of both flags
  Result<MmBroadcastOptions> broadcast() const;  // the same
  Result<ParallelLayout> parallel_layout() const;
  ModelSourceOptions source_options() const;
};

// Empty if it is not set.
std::string environment_variable(const char* name);
// The tier that BRAID_CPU_ISA names, else this machine's best.
Result<CpuIsa> isa_from_environment();
// Where the local Hugging Face cache may be (HOME, HF_HOME, HF_HUB_CACHE), and how to reach the hub (HF_ENDPOINT,
// HF_TOKEN or the file that `hf auth login` wrote, HF_HUB_OFFLINE).
ModelPathEnvironment model_path_environment();

// A command adds the flags that it uses.
void add_model_flag(Command command, ModelFlags& flags);      // --model-path, --download-dir
void add_download_flag(Command command, ModelFlags& flags);   // --download-dir
void add_tokenizer_flag(Command command, ModelFlags& flags);  // --tokenizer-path
void add_template_flag(Command command, ModelFlags& flags);   // --chat-template
void add_step_flags(Command command, ModelFlags& flags);      // how large a step may be
// --dtype, --quantization and --activation-bits.
void add_number_flags(Command command, ModelFlags& flags);
void add_rank_flags(Command command, ModelFlags& flags);      // these, and how the model runs
void add_split_flags(Command command, ModelFlags& flags);     // how the model is split over ranks
void add_layout_flags(Command command, ModelFlags& flags);    // these, and how the ranks run
void add_schedule_flag(Command command, ModelFlags& flags);   // which requests run where
void add_defaults_flags(Command command, ModelFlags& flags);  // what sampling parameters fall back to
void add_engine_flags(Command command, ModelFlags& flags);    // all of these, and --disable-radix-cache

struct SamplingFlags {
  std::optional<float> temperature;
  std::optional<int32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> repetition_penalty;
  float presence_penalty = 0;
  float frequency_penalty = 0;
  std::optional<uint64_t> seed;  // absent: a new one for each request
  int32_t max_new_tokens = 128;
  bool is_max_new_tokens_given = false;  // otherwise a conversation goes on to the end of the context
  int32_t min_new_tokens = 0;
  bool ignore_eos = false;
  std::vector<std::string> stop;
  std::optional<std::string> stop_token_ids;  // "1,2,3", which check() parses

  // Whether the values fit each other. To be called before a model is loaded.
  Status check() const;

  // Sets the flags' values; where a flag is absent, those of `defaults`, else the engine's.
  void apply(const GenerationDefaults& defaults, GenerationRequest& request) const;
};

void add_sampling_flags(Command command, SamplingFlags& flags);

}  // namespace braid
