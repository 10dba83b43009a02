// braid bench: figures beside the machine's floor, measured in the same run.
#include <cstdio>

#include "braid/base/system_info.h"
#include "braid/cli/bench/kernels.h"
#include "braid/cli/bench/latency.h"
#include "braid/cli/bench/throughput.h"
#include "braid/cli/commands.h"
#include "braid/cli/flags.h"

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
      ->check(CLI::Range(0, 1024));
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

void add_latency(CLI::App& bench, CommandRunner& runner) {
  struct Flags {
    ModelFlags model;
    LatencyOptions options;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* command = bench.add_subcommand("latency", "One batch: prefill, then decode step by step");
  add_engine_flags(*command, flags->model);
  LatencyOptions& options = flags->options;
  command->add_option("--batch-size", options.batch_size, "Sequences")->capture_default_str();
  command->add_option("--input-len", options.input_len, "Tokens of each prompt")->capture_default_str();
  command->add_option("--output-len", options.output_len, "Tokens that each sequence generates")->capture_default_str();
  command->add_option("--repeats", options.repeats, "Runs, of which medians are reported")->capture_default_str();
  command->add_option("--seed", options.seed, "Of the random token ids")->capture_default_str();
  command->add_flag("--json", options.json, "One line of JSON");
  runner.on(command, [flags]() -> Status {
    TRY(flags->options.engine, flags->model.engine_options());
    return run_bench_latency(flags->options, *bench_logger(flags->model, flags->options.json), stdout);
  });
}

void add_throughput(CLI::App& bench, CommandRunner& runner) {
  struct Flags {
    ModelFlags model;
    ThroughputOptions options;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* command = bench.add_subcommand("throughput", "Many requests through the whole engine");
  add_engine_flags(*command, flags->model);
  ThroughputOptions& options = flags->options;
  command->add_option("--num-prompts", options.num_prompts, "Requests")->capture_default_str();
  command->add_option("--input-len", options.input_len, "Tokens of each prompt")->capture_default_str();
  command->add_option("--output-len", options.output_len, "Tokens that each request generates")->capture_default_str();
  command->add_option("--seed", options.seed, "Of the random token ids")->capture_default_str();
  command->add_flag("--json", options.json, "One line of JSON");
  runner.on(command, [flags]() -> Status {
    TRY(flags->options.engine, flags->model.engine_options());
    return run_bench_throughput(flags->options, bench_logger(flags->model, flags->options.json), stdout);
  });
}

}  // namespace

void add_bench_commands(CLI::App& app, CommandRunner& runner) {
  CLI::App* bench = app.add_subcommand("bench", "Measure speed beside the floor of this machine");
  bench->require_subcommand(1);
  add_roofline(*bench, runner);
  add_kernels(*bench, runner);
  add_latency(*bench, runner);
  add_throughput(*bench, runner);
}

}  // namespace braid
