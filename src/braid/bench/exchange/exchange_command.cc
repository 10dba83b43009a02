// The flags of `braid bench exchange`. What they start is tested by exchange_test.cc.
#include <cstdio>
#include <memory>
#include <string>

#include "braid/bench/bench_flags.h"
#include "braid/bench/commands.h"
#include "braid/bench/exchange/exchange.h"
#include "braid/bench/exchange/job_exchange.h"
#include "braid/node/process_places.h"

namespace braid {

void add_bench_exchange_command(Command bench, CommandRunner& runner) {
  auto options = std::make_shared<ExchangeBenchOptions>();
  const Command command =
      bench.add_command("exchange", "Rows between DP groups, in each padding mode: bytes and times");
  add_number(command, "--tp-size,--tensor-parallel-size", options->tp_size, "Ranks", 1, kMaxBenchRanks);
  add_number(command, "--dp-size,--data-parallel-size", options->dp_size, "DP groups", 1, kMaxBenchRanks);
  add_number(command, "--hidden", options->hidden, "Values of a row, bfloat16, even", 2, 65'536);
  add_number(command, "--tokens", options->tokens, "Rows of the longest group", 1, 65'536);
  add_number(command, "--repeats", options->repeats, "Runs, of which medians are reported", 1, 1'000'000);
  auto sizes = std::make_shared<std::string>();
  command.add_option("--token-sizes", *sizes,
                     "Instead, what each padding mode costs with so many tokens of the longest group, such as "
                     "1,8,64,512,4096, and what --dp-padding auto and published pick");
  auto sums = std::make_shared<std::string>("float32");
  command.add_option("--exchange-dtype", *sums, "How sums travel: float32 or bfloat16")
      .check(one_of({"float32", "bfloat16"}))
      .show_default();
  command.add_flag("--json", options->json, "One line of JSON");
  auto transport = std::make_shared<std::string>("threads");
  command.add_option("--transport", *transport, "threads, or mpi: started by mpirun, the processes share the ranks")
      .check(one_of({"threads", "mpi"}))
      .show_default();
  runner.on(command, [options, transport, sizes, sums]() -> Status {
    if (!sizes->empty()) {
      TRY(options->token_sizes, parse_counts("--token-sizes", *sizes));
    }
    if (*sums == "bfloat16") options->sum_dtype = DType::kBFloat16;
    return *transport == "mpi" ? run_bench_job_exchange(*options, stdout) : run_bench_exchange(*options, stdout);
  });
}

}  // namespace braid
