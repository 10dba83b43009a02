// The flags that commands share: how a model is loaded, and how tokens are sampled.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "braid/api/engine.h"
#include "braid/base/result.h"
#include "braid/cli/command_line.h"
#include "braid/config/model_config.h"

namespace braid {

// What the command line says of the model and of how it runs, as text where it must yet be understood.
struct ModelFlags {
  std::string model_path;
  std::string download_dir;
  std::string tokenizer_path;
  std::string chat_template;
  std::string dtype = "auto";
  std::string kv_cache_dtype = "auto";
  std::string schedule_policy = "fcfs";
  std::string log_level = "info";
  bool disable_radix_cache = false;
  LayoutFlags layout;
  std::string moe_parallel = "tp";
  std::string dp_padding = "auto";
  std::string numa = "auto";
  std::string load_balance_method = "auto";
  std::string dp_dispatch = "broadcast";
  bool kv_rebalance = false;
  int32_t prefill_alignment = 0;
  RankOptions rank;

  // Errors name the flag and its values. Reads BRAID_CPU_ISA, HOME and the variables of Hugging Face's tools.
  Result<EngineOptions> engine_options() const;
  Result<ParallelLayout> parallel_layout() const;
  ModelSourceOptions source_options() const;
};

// The tier that BRAID_CPU_ISA names, else the best of this machine.
Result<CpuIsa> isa_from_environment();
// Where the local Hugging Face cache may be (HOME, HF_HOME, HF_HUB_CACHE), and how the hub is reached (HF_ENDPOINT,
// HF_TOKEN or the file that `hf auth login` wrote, HF_HUB_OFFLINE).
ModelPathEnvironment model_path_environment();

// A command offers those that it heeds.
void add_model_flag(Command command, ModelFlags& flags);      // --model-path, --download-dir
void add_download_flag(Command command, ModelFlags& flags);   // --download-dir
void add_tokenizer_flag(Command command, ModelFlags& flags);  // --tokenizer-path
void add_template_flag(Command command, ModelFlags& flags);   // --chat-template
void add_step_flags(Command command, ModelFlags& flags);      // how large a step may be
void add_rank_flags(Command command, ModelFlags& flags);      // the same, and how the model runs
void add_split_flags(Command command, ModelFlags& flags);     // how the model is split over ranks
void add_layout_flags(Command command, ModelFlags& flags);    // the same, and how the ranks run
void add_schedule_flag(Command command, ModelFlags& flags);   // which requests run where
void add_engine_flags(Command command, ModelFlags& flags);    // all of these, and --disable-radix-cache

struct SamplingFlags {
  std::optional<float> temperature;
  std::optional<int32_t> top_k;
  std::optional<float> top_p;
  std::optional<float> min_p;
  std::optional<float> repetition_penalty;
  float presence_penalty = 0;
  float frequency_penalty = 0;
  std::optional<uint64_t> seed;  // absent: a new one each time
  int32_t max_new_tokens = 128;
  bool is_max_new_tokens_given = false;  // a conversation otherwise goes to the end of the context
  int32_t min_new_tokens = 0;
  bool ignore_eos = false;
  std::vector<std::string> stop;
  std::optional<std::string> stop_token_ids;  // "1,2,3", as check() sees to

  // What their values say against each other: to be asked before a model is loaded for them.
  Status check() const;

  // The flags over the model's generation_config.json over the engine's own defaults.
  void apply(const GenerationDefaults& defaults, GenerationRequest& request) const;
};

void add_sampling_flags(Command command, SamplingFlags& flags);

}  // namespace braid
