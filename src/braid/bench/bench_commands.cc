// braid bench: figures beside the machine's floor, measured in the same run.
#include <cstdio>

#include "braid/base/system_info.h"
#include "braid/bench/bench_flags.h"
#include "braid/bench/dispatch/dispatch.h"
#include "braid/bench/exchange.h"
#include "braid/bench/idle.h"
#include "braid/bench/kernels.h"
#include "braid/bench/latency.h"
#include "braid/bench/planning/planning.h"
#include "braid/bench/profile.h"
#include "braid/bench/throughput.h"
#include "braid/cli/commands.h"
#include "braid/cli/flag_values.h"
#include "braid/cli/flags.h"
#include "braid/cli/model_files.h"

namespace braid {
namespace {

// --json leaves standard output to the one line, and the log quiet.
std::shared_ptr<Logger> bench_logger(const ModelFlags& flags, bool json) {
  return make_stderr_logger(json ? "warning" : flags.log_level);
}

struct MachineFlags {
  int32_t threads = 0;
  bool json = false;

  int num_threads() const { return threads > 0 ? threads : available_cores(); }
};

void add_machine_flags(CLI::App& command, MachineFlags& flags) {
  command.add_option("--threads-per-rank,--threads", flags.threads, "Compute threads; 0: one a core")
      ->check(whole_number(0, kMaxThreadsPerRank));
  command.add_flag("--json", flags.json, "One line of JSON");
}

void add_roofline(CLI::App& bench, CommandRunner& runner) {
  auto flags = std::make_shared<MachineFlags>();
  CLI::App* command = bench.add_subcommand("roofline", "What this machine can do at best");
  add_machine_flags(*command, *flags);
  runner.on_code(command, [flags]() -> Result<int> {
    TRY(const CpuIsa isa, isa_from_environment());
    return run_bench_roofline({.isa = isa, .threads = flags->num_threads(), .json = flags->json}, stdout);
  });
}

void add_kernels(CLI::App& bench, CommandRunner& runner) {
  struct Flags {
    MachineFlags machine;
    bool quick = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* command = bench.add_subcommand("kernels", "Matrix products over batch sizes, and attention, out of memory");
  add_machine_flags(*command, flags->machine);
  command->add_flag("--quick", flags->quick, "A few cases over little memory, in seconds: a look, not a measurement");
  runner.on_code(command, [flags]() -> Result<int> {
    BenchKernelsOptions options{.threads = flags->machine.num_threads(), .json = flags->machine.json};
    if (flags->quick) options.bench = quick_kernel_bench();
    TRY(options.bench.isa, isa_from_environment());
    return run_bench_kernels(options, stdout);
  });
}

void add_exchange(CLI::App& bench, CommandRunner& runner) {
  auto options = std::make_shared<ExchangeBenchOptions>();
  CLI::App* command = bench.add_subcommand("exchange", "Rows between DP groups, in each padding mode: bytes and times");
  add_number(*command, "--tp-size,--tensor-parallel-size", options->tp_size, "Ranks", 1, kMaxBenchRanks);
  add_number(*command, "--dp-size,--data-parallel-size", options->dp_size, "DP groups", 1, kMaxBenchRanks);
  add_number(*command, "--hidden", options->hidden, "Values of a row, bfloat16, even", 2, 65'536);
  add_number(*command, "--tokens", options->tokens, "Rows of the longest group", 1, 65'536);
  add_number(*command, "--repeats", options->repeats, "Runs, of which medians are reported", 1, 1'000'000);
  command->add_flag("--json", options->json, "One line of JSON");
  runner.on(command, [options]() -> Status { return run_bench_exchange(*options, stdout); });
}

void add_latency(CLI::App& bench, CommandRunner& runner) {
  struct Flags {
    ModelFlags model;
    LatencyOptions options;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* command = bench.add_subcommand("latency", "One batch: prefill, then decode step by step");
  add_model_flag(*command, flags->model);
  add_rank_flags(*command, flags->model);
  add_layout_flags(*command, flags->model);
  LatencyOptions& options = flags->options;
  add_number(*command, "--batch-size", options.batch_size, "Sequences", 1, kMaxRunningRequests);
  add_number(*command, "--input-len", options.input_len, "Tokens of each prompt", 1, kMaxBenchTokens);
  add_number(*command, "--output-len", options.output_len, "Tokens that each sequence generates", 1, kMaxBenchTokens);
  add_number(*command, "--repeats", options.repeats, "Runs, of which medians are reported", 1, 1'000'000);
  add_number(*command, "--seed", options.seed, "Of the random token ids", 0, kMaxSeed);
  command->add_flag("--skip-prefill", options.skip_prefill,
                    "Decode alone, behind prompts whose keys and values are zeros: for long contexts");
  command->add_flag("--json", options.json, "One line of JSON");
  runner.on(command, [flags]() -> Status {
    TRY(flags->options.engine, flags->model.engine_options());
    TRY_STATUS(fetch_models(flags->options.engine.source, flags->model.log_level));
    return run_bench_latency(flags->options, bench_logger(flags->model, flags->options.json), stdout);
  });
}

struct ManyRequestsFlags {
  ModelFlags model;
  ThroughputOptions options;
};

void add_many_requests_flags(CLI::App& command, ManyRequestsFlags& flags) {
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

void add_profile(CLI::App& bench, CommandRunner& runner) {
  struct Flags : ManyRequestsFlags {
    std::string output;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* command = bench.add_subcommand("profile", "Where the ranks' time goes: a timeline and a table of shares");
  add_many_requests_flags(*command, *flags);
  command->add_option("--output", flags->output, "The timeline, in Chrome's trace format")
      ->required()
      ->type_name("FILE");
  runner.on(command, [flags]() -> Status {
    TRY(flags->options.engine, flags->model.engine_options());
    TRY_STATUS(fetch_models(flags->options.engine.source, flags->model.log_level));
    return run_bench_profile(flags->options, flags->output, bench_logger(flags->model, false), stdout);
  });
}

void add_throughput(CLI::App& bench, CommandRunner& runner) {
  auto flags = std::make_shared<ManyRequestsFlags>();
  CLI::App* command = bench.add_subcommand("throughput", "Many requests through the whole engine");
  add_many_requests_flags(*command, *flags);
  ThroughputOptions& options = flags->options;
  command->add_flag("--json", options.json, "One line of JSON");
  runner.on(command, [flags]() -> Status {
    TRY(flags->options.engine, flags->model.engine_options());
    TRY_STATUS(fetch_models(flags->options.engine.source, flags->model.log_level));
    return run_bench_throughput(flags->options, bench_logger(flags->model, flags->options.json), stdout);
  });
}

void add_idle(CLI::App& bench, CommandRunner& runner) {
  struct Flags {
    ModelFlags model;
    IdleOptions options;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* command =
      bench.add_subcommand("idle", "What an engine without work costs, and the first token behind that");
  add_model_flag(*command, flags->model);
  add_tokenizer_flag(*command, flags->model);
  add_rank_flags(*command, flags->model);
  add_layout_flags(*command, flags->model);
  add_schedule_flag(*command, flags->model);
  IdleOptions& options = flags->options;
  const auto seconds = [&](const char* name, double& value, const char* help) {
    command->add_option(name, value, help)->check(number_above(0, 3600))->capture_default_str();
  };
  seconds("--seconds", options.idle_s, "Without a request, while processor time is counted");
  seconds("--pause", options.pause_s, "Seconds of nothing before a request");
  add_number(*command, "--repeats", options.repeats, "Requests of each kind, of which medians are reported", 1, 10'000);
  add_number(*command, "--input-len", options.input_len, "Tokens of each prompt", 1, kMaxBenchTokens);
  command->add_flag("--json", options.json, "One line of JSON");
  runner.on(command, [flags]() -> Status {
    TRY(flags->options.engine, flags->model.engine_options());
    TRY_STATUS(fetch_models(flags->options.engine.source, flags->model.log_level));
    return run_bench_idle(flags->options, bench_logger(flags->model, flags->options.json), stdout);
  });
}

void add_planning(CLI::App& bench, CommandRunner& runner) {
  auto options = std::make_shared<PlanningOptions>();
  CLI::App* command =
      bench.add_subcommand("planning", "What deciding a step costs, with a full prefix cache and many requests");
  const auto number = [&](const char* name, int32_t& value, const char* help, uint64_t smallest, uint64_t largest) {
    add_number(*command, name, value, help, smallest, largest);
  };
  constexpr uint64_t kMaxPrompts = 1'000'000;
  constexpr uint64_t kMaxLen = 1'000'000;
  number("--cached-prompts", options->cached_prompts, "Prompts in the prefix cache", 0, kMaxPrompts);
  number("--running", options->running, "Requests that run", 1, kMaxRunningRequests);
  number("--waiting", options->waiting, "Requests that wait in the queue", 0, kMaxPrompts);
  number("--num-prefixes", options->num_prefixes, "Beginnings that the prompts share", 1, kMaxPrompts);
  number("--prefix-len", options->prefix_len, "Tokens of such a beginning", 0, kMaxLen);
  number("--prompt-len", options->prompt_len, "Tokens of a prompt at most", 1, kMaxLen);
  number("--output-len", options->output_len, "Tokens that a request generates at most", 1, kMaxLen);
  command->add_option("--page-size", options->page_size, "Tokens of a KV page")
      ->check(whole_number(16, 1024, 16))
      ->capture_default_str();
  number("--chunked-prefill-size", options->chunked_prefill_size, "Prompt tokens in one step", 1, kMaxLen);
  number("--steps", options->steps, "Steps that are measured", 1, 1'000'000);
  number("--held-steps", options->held_steps, "For so many steps at a time prompts are held; 0: never", 0, 1000);
  command->add_option("--step-ms", options->step_ms, "A step's time, that the figures are set beside")
      ->check(number_above(0, 1e6))
      ->capture_default_str();
  add_number(*command, "--seed", options->seed, "Of the prompts", 0, kMaxSeed);
  command->add_flag("--json", options->json, "One line of JSON");
  runner.on(command, [options]() -> Status { return run_bench_planning(*options, stdout); });
}

void add_dispatch(CLI::App& bench, CommandRunner& runner) {
  auto options = std::make_shared<BenchDispatchOptions>();
  CLI::App* command = bench.add_subcommand("dispatch", "How fast requests reach the ranks that must know of them");
  add_number(*command, "--groups", options->groups, "Numbers of DP groups", 1, 256)->delimiter(',');
  add_number(*command, "--prompt-lens", options->prompt_lens, "Tokens of a prompt", 1, kMaxDispatchPromptLen)
      ->delimiter(',');
  add_number(*command, "--ranks-per-group", options->ranks_per_group, "A publisher and its subscribers", 1, 64);
  command->add_option("--dispatch", options->dispatch, "broadcast, direct or both")
      ->check(one_of({"broadcast", "direct", "both"}))
      ->capture_default_str();
  command->add_option("--between", options->between, "processes (over ZeroMQ), threads or both")
      ->check(one_of({"processes", "threads", "both"}))
      ->capture_default_str();
  command->add_option("--transport", options->transport, "Between processes: ipc or tcp")
      ->check(one_of({"ipc", "tcp"}))
      ->capture_default_str();
  command->add_flag("--curve", options->is_encrypted, "Encrypt what goes between processes");
  add_number(*command, "--num-requests", options->num_requests, "Timed one by one; fewer of long prompts", 1,
             kMaxBenchRequests);
  add_number(*command, "--batch", options->batch, "Requests in a batched map; fewer of long prompts", 1,
             kMaxDispatchBatch);
  command->add_flag("--json", options->json, "One line of JSON");
  command->add_option("--as-rank", options->as_rank, "This process is a rank, and the file its task")->group("");
  runner.on(command, [options]() -> Status { return run_bench_dispatch(*options, stdout); });
}

}  // namespace

void add_bench_commands(CLI::App& app, CommandRunner& runner) {
  CLI::App* bench = app.add_subcommand("bench", "Measure speed beside the floor of this machine");
  bench->require_subcommand(1);
  add_roofline(*bench, runner);
  add_kernels(*bench, runner);
  add_exchange(*bench, runner);
  add_latency(*bench, runner);
  add_throughput(*bench, runner);
  add_profile(*bench, runner);
  add_idle(*bench, runner);
  add_planning(*bench, runner);
  add_bench_serving_command(*bench, runner);
  add_dispatch(*bench, runner);
}

}  // namespace braid
