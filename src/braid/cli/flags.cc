#include "braid/cli/flags.h"

#include <cctype>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <random>

#include "braid/attention/attention_backend.h"
#include "braid/cli/flag_values.h"
#include "braid/config/generation_config.h"
#include "braid/formats/input_file.h"
#include "braid/hub/hub_cache.h"

namespace braid {
namespace {

// Like Hugging Face's tools.
bool is_switched_on(std::string value) {
  for (char& c : value) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return value == "1" || value == "ON" || value == "YES" || value == "TRUE";
}

// HF_TOKEN, else the file that `hf auth login` wrote.
std::string hub_token(const ModelPathEnvironment& known) {
  std::string token = environment_variable("HF_TOKEN");
  if (token.empty()) {
    constexpr int64_t kMaxTokenBytes = 4096;
    const std::string path = environment_variable("HF_TOKEN_PATH");
    const auto text = read_text_file(path.empty() ? hub_home(known) + "/token" : path, kMaxTokenBytes);
    if (text.ok()) token = *text;
  }
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!token.empty() && is_space(token.back())) token.pop_back();
  while (!token.empty() && is_space(token.front())) token.erase(0, 1);
  return token;
}

Result<std::optional<DType>> parse_dtype(const char* flag, const std::string& text) {
  if (text == "auto") return std::optional<DType>();
  if (text == "bfloat16" || text == "bf16") return std::optional(DType::kBFloat16);
  if (text == "float32" || text == "f32") return std::optional(DType::kFloat32);
  return fail("{} {}: must be auto, bfloat16 or float32", flag, text);
}

Result<std::optional<KvDType>> parse_kv_dtype(const std::string& text) {
  constexpr DType kOfQueries = DType::kBFloat16;
  if (text == "int8") return std::optional(KvDType(kOfQueries, KvCodes::kInt8));
  if (text == "fp8_e4m3") return std::optional(KvDType(kOfQueries, KvCodes::kE4m3));
  const auto plain = parse_dtype("--kv-cache-dtype", text);
  if (!plain.ok()) return fail("--kv-cache-dtype {}: must be auto, bfloat16, float32, int8 or fp8_e4m3", text);
  return *plain ? std::optional(KvDType(**plain)) : std::optional<KvDType>();
}

Result<Quantization> parse_quantization(const std::string& text) {
  if (text == "none") return Quantization::kNone;
  if (text == "int8") return Quantization::kInt8;
  if (text == "int4") return Quantization::kInt4;
  return fail("--quantization {}: must be none, int8 or int4", text);
}

}  // namespace

std::string environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

Result<CpuIsa> isa_from_environment() {
  const std::string isa = environment_variable("BRAID_CPU_ISA");
  return choose_isa(isa.empty() ? std::nullopt : std::optional<std::string_view>(isa));
}

ModelPathEnvironment model_path_environment() {
  std::string hf_home = environment_variable("HF_HOME");
  const std::string cache = environment_variable("XDG_CACHE_HOME");
  if (hf_home.empty() && !cache.empty()) hf_home = cache + "/huggingface";
  const std::string cache_folder = environment_variable("HF_HUB_CACHE");
  ModelPathEnvironment result;
  result.home = environment_variable("HOME");
  result.hf_home = hf_home;
  result.hf_hub_cache =
      cache_folder.empty() ? environment_variable("HUGGINGFACE_HUB_CACHE") : cache_folder;  // its older name
  result.hf_token = hub_token(result);
  result.hf_endpoint = environment_variable("HF_ENDPOINT");
  result.is_offline = is_switched_on(environment_variable("HF_HUB_OFFLINE"));
  return result;
}

ModelSourceOptions ModelFlags::source_options() const {
  ModelSourceOptions source{.model_path = model_path,
                            .tokenizer_path = tokenizer_path,
                            .chat_template_file = chat_template,
                            .environment = model_path_environment()};
  if (!download_dir.empty()) source.environment.hf_hub_cache = download_dir;
  return source;
}

Result<ParallelLayout> ModelFlags::parallel_layout() const {
  LayoutFlags asked = layout;
  asked.moe_parallel = moe_parallel == "ep" ? MoeParallel::kEp : MoeParallel::kTp;
  return make_layout(asked);
}

Result<OverlapHalves> ModelFlags::halves() const {
  TRY(const OverlapHalves asked, parse_overlap_halves(overlap_halves));
  if (!enable_two_batch_overlap) return asked;
  if (asked == OverlapHalves::kOff) return fail("--enable-two-batch-overlap and --overlap-halves off: say one of them");
  return OverlapHalves::kOn;
}

Result<EngineOptions> ModelFlags::engine_options() const {
  EngineOptions options;
  options.source = source_options();
  options.generation_config = generation_config;
  // Finds what is wrong with the flags before a model is loaded.
  TRY_STATUS(choose_generation_config({}, generation_config));
  options.rank = rank;
  options.rank.radix_cache = !disable_radix_cache;
  TRY(options.rank.layout, parallel_layout());
  TRY(options.rank.dp_padding, parse_dp_padding(dp_padding));
  TRY(options.rank.overlap_halves, halves());
  if (exchange_dtype == "bfloat16") options.rank.exchange_dtype = DType::kBFloat16;
  TRY(options.rank.numa, parse_numa_choice(numa));
  TRY(options.load_balance_method, parse_load_balance_method(load_balance_method));
  TRY(options.dispatch_mode, parse_dispatch_mode(dp_dispatch));
  if (kv_rebalance) {
    if (options.rank.layout.num_groups() < 2) {
      return fail("--kv-rebalance moves requests between DP groups, and there is one: --dp-size must be at least 2");
    }
    options.kv_rebalance = RebalanceOptions();
  }
  if (share_prefixes) {
    if (options.rank.layout.num_groups() < 2) {
      return fail("--share-prefixes copies prefixes between DP groups, and there is one: --dp-size must be at least 2");
    }
    if (disable_radix_cache) {
      return fail("--share-prefixes copies what prefix caches have, and --disable-radix-cache leaves none");
    }
    options.share_prefixes = ShareOptions();
  }
  if (prefill_alignment > 0 && options.rank.layout.groups_per_world() < 2) {
    return fail(
        "--prefill-alignment {} aligns DP groups that step together, and there is one: use --enable-dp-attention with "
        "--dp-size of at least 2",
        prefill_alignment);
  }
  options.prefill_alignment = prefill_alignment;
  options.max_restarts = max_restarts;
  TRY(options.rank.mm_broadcast, broadcast());
  TRY_STATUS(set_numbers(options.rank));
  TRY(options.rank.kv_cache_dtype, parse_kv_dtype(kv_cache_dtype));
  TRY(options.schedule_policy, parse_schedule_policy(schedule_policy));
  TRY(options.rank.isa, isa_from_environment());
  return options;
}

Result<MmBroadcastOptions> ModelFlags::broadcast() const {
  MmBroadcastOptions options{.strategy = mm_strategy_of(mm_broadcast)};
  if (mm_batch_min == "auto") return options;
  const char* const end = mm_batch_min.data() + mm_batch_min.size();
  const auto [read_to, error] = std::from_chars(mm_batch_min.data(), end, options.batch_min);
  if (error != std::errc() || read_to != end || options.batch_min < 1) {
    return fail("--mm-batch-min {}: must be auto or a whole number of at least 1", mm_batch_min);
  }
  if (options.strategy) {
    return fail("--mm-batch-min {} is for --mm-broadcast auto, and it is {}", mm_batch_min, mm_broadcast);
  }
  return options;
}

Status ModelFlags::set_numbers(RankOptions& options) const {
  TRY(options.dtype, parse_dtype("--dtype", dtype));
  TRY(options.quantization, parse_quantization(quantization));
  TRY(options.activation_bits, parse_activation_bits(activation_bits));
  return {};
}

void add_model_flag(Command command, ModelFlags& flags) {
  command
      .add_option("--model-path,--model", flags.model_path,
                  "A Hugging Face directory, a GGUF file, or a model of the hub, downloaded if it is not in the cache: "
                  "org/name, org/name@revision, org/name:Q4_K_M")
      .required()
      .type_name("PATH");
  add_download_flag(command, flags);
}

void add_download_flag(Command command, ModelFlags& flags) {
  command.add_option("--download-dir", flags.download_dir, "Models of the hub lie here; default: Hugging Face's cache")
      .type_name("DIR");
}

void add_tokenizer_flag(Command command, ModelFlags& flags) {
  command
      .add_option("--tokenizer-path", flags.tokenizer_path,
                  "A directory or tokenizer.json to use instead of the model's own")
      .type_name("PATH");
}

void add_template_flag(Command command, ModelFlags& flags) {
  command.add_option("--chat-template", flags.chat_template, "A Jinja file to use instead of the model's own")
      .type_name("FILE");
}

void add_step_flags(Command command, ModelFlags& flags) {
  command.add_option("--chunked-prefill-size", flags.rank.chunked_prefill_size, "Prompt tokens of a group in one step")
      .check(whole_number(1, kMaxChunkedPrefillSize))
      .show_default()
      .group("Engine");
  command.add_option("--max-running-requests", flags.rank.max_running_requests, "Sequences in one step, of all groups")
      .check(whole_number(1, kMaxRunningRequests))
      .show_default()
      .group("Engine");
}

void add_number_flags(Command command, ModelFlags& flags) {
  const auto group = [](Flag flag) { return flag.show_default().group("Engine"); };
  group(command.add_option("--dtype", flags.dtype, "Weights and activations: auto, bfloat16, float32"));
  group(command.add_option("--quantization", flags.quantization,
                           "Matrices that are stored in 16 or 32 bits: none, or rounded while loading to int8 or int4 "
                           "(blocks of 32; head and embedding to int8)"));
  group(command.add_option(
      "--activation-bits", flags.activation_bits,
      "Of rows in products with quantized weights: 8 (fast), 16, exact (as they are), auto (8; 16 where the hidden "
      "size is below 1024; exact with --dtype float32)"));
}

void add_rank_flags(Command command, ModelFlags& flags) {
  RankOptions& rank = flags.rank;
  const auto group = [](Flag flag) { return flag.show_default().group("Engine"); };
  add_number_flags(command, flags);
  group(command.add_option("--kv-cache-dtype", flags.kv_cache_dtype,
                           "auto (as --dtype), bfloat16, float32; or half of bfloat16's memory: int8, fp8_e4m3"));
  const auto backends = attention_backend_names();
  group(command.add_option("--attention-backend", rank.attention_backend, "fa (tiled, fast) or native (portable)"))
      .check(one_of({backends.begin(), backends.end()}));
  group(command.add_option(
            "--threads-per-rank", rank.threads_per_rank,
            "Compute threads of a rank; 0: the cores that the affinity mask and the cgroup's quota allow, shared out"))
      .check(whole_number(0, kMaxThreadsPerRank));
  group(command.add_option("--context-length,--max-model-len", rank.context_length,
                           "Prompt and output of one request, in tokens; 0: the model's"))
      .check(whole_number(0, kMaxInt32));
  group(command.add_option("--page-size", rank.page_size, "Tokens in a KV page, a multiple of 16"))
      .check(whole_number(kPageSizeStep, kMaxPageSize, kPageSizeStep));
  add_step_flags(command, flags);
  group(command.add_option("--max-total-tokens", rank.max_total_tokens,
                           "Tokens in the KV pools of all groups, of the layers that see the most; 0: by memory"))
      .check(whole_number(0, std::numeric_limits<int64_t>::max()));
  group(command.add_option("--kv-cache-memory-bytes", rank.kv_cache_bytes, "All KV pools at most; 0: by memory"))
      .convert(byte_size())
      .type_name("BYTES");
  group(command.add_option("--mem-fraction-static", rank.mem_fraction_static,
                           "Weights and KV together, of the memory available at start"))
      .check(number_between(0, 1));
  command
      .add_option("--pack-cache", rank.pack_cache,
                  "Keep weights here as the kernels read them, so that the next start need not pack them again")
      .check(not_empty("a folder"))
      .type_name("DIR")
      .group("Engine");
  group(
      command.add_option("--log-level", flags.log_level,
                         "trace, debug, info, warning, error or off; parts may have their own: info,dp=debug (server, "
                         "controller, scheduler, worker, dp, weights)"))
      .check(log_levels_text());
}

void add_split_flags(Command command, ModelFlags& flags) {
  const auto group = [](Flag flag) { return flag.group("Ranks"); };
  LayoutFlags& layout = flags.layout;
  group(command.add_option("--tp-size,--tensor-parallel-size", layout.tp_size,
                           "Ranks that hold one copy of the model together (default: 1)"))
      .check(whole_number(1, kMaxRanks));
  group(command.add_option("--dp-size,--data-parallel-size", layout.dp_size,
                           "DP groups; without --enable-dp-attention whole replicas (default: 1)"))
      .check(whole_number(1, kMaxRanks));
  group(
      command.add_flag("--enable-dp-attention", layout.enable_dp_attention,
                       "Groups split the ranks: each attends to its own requests, all share the feed-forward layers"));
  group(command.add_option("--attn-tp-size", layout.attn_tp_size,
                           "Ranks of a group; with --dp-size it says all: DP attention of so many ranks each"))
      .check(whole_number(1, kMaxRanks));
  group(
      command.add_option("--moe-parallel", flags.moe_parallel, "Experts are cut into slices (tp) or dealt whole (ep)"))
      .check(one_of({"tp", "ep"}))
      .show_default();
}

void add_layout_flags(Command command, ModelFlags& flags) {
  add_split_flags(command, flags);
  const auto group = [](Flag flag) { return flag.group("Ranks"); };
  group(command.add_option("--dp-padding", flags.dp_padding,
                           "How groups' rows are gathered between processes; all give the same bits"))
      .check(one_of({"auto", "published", "max_len", "sum_len", "exact"}))
      .show_default();
  group(
      command.add_option("--numa", flags.numa,
                         "Where ranks run: auto (on CPUs of their own), off, or a NUMA domain for each, like 0,0,1,1"))
      .show_default();
  group(command.add_option("--collective-timeout", flags.rank.collective_timeout_s,
                           "Seconds in which a rank with work must get on before its replica fails, with a report"))
      .check(number_above(0, 86400))
      .show_default();
  group(
      command.add_option("--max-restarts", flags.max_restarts,
                         "How often ranks that failed may start again in ten minutes; their requests go on. 0: never"))
      .check(whole_number(0, 1000))
      .show_default();
}

void add_schedule_flag(Command command, ModelFlags& flags) {
  command.add_option("--schedule-policy", flags.schedule_policy, "fcfs, lpm (longest prefix) or priority")
      .show_default()
      .group("Engine");
  command
      .add_option(
          "--load-balance-method", flags.load_balance_method,
          "Which DP group gets the next request: auto (measured_time), round_robin, shortest_queue, minimum_tokens, "
          "prefix_affinity, measured_time")
      .check(one_of({"auto", "round_robin", "shortest_queue", "minimum_tokens", "prefix_affinity", "measured_time"}))
      .show_default()
      .group("Ranks");
  command
      .add_option("--dp-dispatch", flags.dp_dispatch,
                  "How requests reach the groups: one message for all (broadcast), or one to each (direct)")
      .check(one_of({"broadcast", "direct"}))
      .show_default()
      .group("Ranks");
  command
      .add_flag("--kv-rebalance", flags.kv_rebalance,
                "Running requests move, with their KV, from full DP groups to emptier ones")
      .group("Ranks");
  command
      .add_flag("--share-prefixes", flags.share_prefixes,
                "A DP group takes the beginning of a prompt from a group that has it cached, where that is faster than "
                "to compute it")
      .group("Ranks");
  command
      .add_option("--prefill-alignment", flags.prefill_alignment,
                  "Steps that a prompt may wait while its DP group decodes, so that groups prefill together; 0: none")
      .check(whole_number(0, kMaxPrefillAlignment))
      .show_default()
      .group("Ranks");
}

void add_defaults_flags(Command command, ModelFlags& flags) {
  command
      .add_option("--generation-config", flags.generation_config.source,
                  "Where the defaults of sampling parameters come from: auto (the model), none (also called vllm: the "
                  "engine's own), or a folder with a generation_config.json")
      .check(not_empty("auto, none or a folder"))
      .show_default()
      .group("Sampling");
  command
      .add_option("--override-generation-config", flags.generation_config.overrides,
                  "Some of these defaults, as a JSON object: {\"temperature\": 0.5, \"top_p\": 0.9}")
      .check(not_empty("a JSON object"))
      .type_name("JSON")
      .group("Sampling");
}

void add_engine_flags(Command command, ModelFlags& flags) {
  add_model_flag(command, flags);
  add_tokenizer_flag(command, flags);
  add_template_flag(command, flags);
  add_rank_flags(command, flags);
  add_layout_flags(command, flags);
  add_schedule_flag(command, flags);
  add_defaults_flags(command, flags);
  command.add_flag("--disable-radix-cache", flags.disable_radix_cache, "Do not reuse the KV of common prefixes")
      .group("Engine");
}

void add_sampling_flags(Command command, SamplingFlags& flags) {
  constexpr double kHuge = 1e6;  // as api/request_check.cc
  const auto group = [](Flag flag) { return flag.group("Sampling"); };
  group(command.add_option("--max-new-tokens,--max-tokens", flags.max_new_tokens,
                           "Tokens to generate at most; chat without it: to the end of the context"))
      .check(whole_number(0, kMaxInt32))
      .show_default();
  group(command.add_option("--min-new-tokens,--min-tokens", flags.min_new_tokens, "Tokens before a stop counts"))
      .check(whole_number(0, kMaxInt32));
  group(command.add_option("--temperature", flags.temperature, "0: greedy; default: the model's, else 1"))
      .check(number_from(0, kHuge));
  group(command.add_option("--top-k", flags.top_k, "Draw from the k likeliest tokens; 0: from all"))
      .check(whole_number(0, kMaxInt32));
  group(command.add_option("--top-p", flags.top_p, "Draw from the likeliest tokens of this much probability"))
      .check(number_above(0, 1));
  group(command.add_option("--min-p", flags.min_p, "Drop tokens less likely than this share of the likeliest"))
      .check(number_from(0, 1));
  group(command.add_option("--repetition-penalty", flags.repetition_penalty, "Of tokens in prompt and output"))
      .check(number_above(0, kHuge));
  group(command.add_option("--presence-penalty", flags.presence_penalty, "Of tokens in the output"))
      .check(number_from(-2, 2));
  group(command.add_option("--frequency-penalty", flags.frequency_penalty, "Of tokens in the output, by their number"))
      .check(number_from(-2, 2));
  group(command.add_option("--seed", flags.seed, "Same seed, same text; default: a new one"))
      .check(whole_number(0, std::numeric_limits<uint64_t>::max()));
  group(command.add_option("--stop", flags.stop, "End before this string (repeatable)")).one_value_each_time();
  group(command.add_option("--stop-token-ids", flags.stop_token_ids, "End at one of these ids")).type_name("IDS");
  command.add_flag("--ignore-eos", flags.ignore_eos, "Go on after the model's end of text").group("Sampling");
}

Status SamplingFlags::check() const {
  if (min_new_tokens > max_new_tokens) {
    return fail("--min-new-tokens {}: must be from 0 to --max-new-tokens ({})", min_new_tokens, max_new_tokens);
  }
  for (const std::string& text : stop) {
    if (text.empty()) return fail("--stop: a stop string must not be empty");
  }
  if (stop_token_ids) {
    TRY(const std::vector<TokenId> ids, parse_token_ids("--stop-token-ids", *stop_token_ids));
    for (const TokenId id : ids) {
      if (id < 0) return fail("--stop-token-ids {}: must be from 0 to {}", id, kMaxInt32);
    }
  }
  return {};
}

void SamplingFlags::apply(const GenerationDefaults& defaults, GenerationRequest& request) const {
  SamplingParams& sampling = request.sampling;
  const SamplingParams own;
  sampling.temperature = temperature.value_or(defaults.temperature.value_or(own.temperature));
  sampling.top_k = top_k.value_or(defaults.top_k.value_or(own.top_k));
  sampling.top_p = top_p.value_or(defaults.top_p.value_or(own.top_p));
  sampling.min_p = min_p.value_or(defaults.min_p.value_or(own.min_p));
  sampling.repetition_penalty =
      repetition_penalty.value_or(defaults.repetition_penalty.value_or(own.repetition_penalty));
  sampling.presence_penalty = presence_penalty;
  sampling.frequency_penalty = frequency_penalty;
  sampling.seed = seed ? *seed : std::random_device{}();
  sampling.max_new_tokens = max_new_tokens;
  sampling.min_new_tokens = min_new_tokens;
  if (stop_token_ids) sampling.stop_token_ids = parse_token_ids("--stop-token-ids", *stop_token_ids).value();
  request.stop_strings = stop;
  request.ignore_eos = ignore_eos;
}

}  // namespace braid
