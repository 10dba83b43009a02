// The flags of `braid bench kernels`. Tested by tests/e2e/test_bench.py and tests/e2e/test_bad_input.py.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "braid/bench/bench_flags.h"
#include "braid/bench/commands.h"
#include "braid/bench/kernels/kernels_report.h"
#include "braid/cli/flag_values.h"

namespace braid {
namespace {

constexpr std::array kBenchCaches = {KvCodes::kNone, KvCodes::kInt8, KvCodes::kE4m3};

}  // namespace

void add_bench_kernels_command(Command bench, CommandRunner& runner) {
  struct Flags {
    MachineFlags machine;
    bool quick = false;
    std::string weights;
    std::string activation_bits = "auto";
    std::string kv_cache_dtype;
  };
  auto flags = std::make_shared<Flags>();
  const Command command =
      bench.add_command("kernels", "Matrix products over batch sizes, and attention, out of memory");
  add_machine_flags(command, flags->machine);
  command.add_flag("--quick", flags->quick, "A few cases over little memory, in seconds: a look, not a measurement");
  std::vector<std::string> names;
  for (const BenchWeights& kind : bench_weights()) names.push_back(kind.name);
  const Flag weights = command
                           .add_option("--weights", flags->weights,
                                       "Products with quantized weights of this kind instead, without attention: " +
                                           fmt::format("{}", fmt::join(names, ", ")))
                           .check(one_of(names));
  command.add_option("--activation-bits", flags->activation_bits,
                     "Of rows beside --weights: 8 (auto), 16 or exact; fp8 has exact ones");
  std::vector<std::string> caches;
  for (const KvCodes codes : kBenchCaches) caches.emplace_back(kv_dtype_name(DType::kBFloat16, codes));
  command
      .add_option("--kv-cache-dtype", flags->kv_cache_dtype,
                  "Attention alone, over keys and values like this: " + fmt::format("{}", fmt::join(caches, ", ")))
      .check(one_of(caches))
      .excludes(weights);
  runner.on_code(command, [flags]() -> Result<int> {
    BenchKernelsOptions options{.threads = flags->machine.num_threads(), .json = flags->machine.json};
    if (flags->quick) options.bench = quick_kernel_bench();
    if (!flags->weights.empty()) options.bench.weights = find_bench_weights(flags->weights);
    TRY(options.bench.activations, parse_activation_bits(flags->activation_bits));
    if (options.bench.activations && options.bench.weights == nullptr) {
      return fail("--activation-bits {}: is for --weights", flags->activation_bits);
    }
    options.bench.only_attention = !flags->kv_cache_dtype.empty();
    for (const KvCodes codes : kBenchCaches) {
      if (flags->kv_cache_dtype == kv_dtype_name(DType::kBFloat16, codes)) options.bench.attention.codes = codes;
    }
    TRY(options.bench.isa, isa_from_environment());
    return run_bench_kernels(options, stdout);
  });
}

}  // namespace braid
