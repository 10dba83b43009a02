// The flags of `braid bench roofline`. Tested by tests/e2e/test_bench.py.
#include <cstdio>
#include <memory>

#include "braid/bench/bench_flags.h"
#include "braid/bench/commands.h"
#include "braid/bench/roofline/roofline_report.h"

namespace braid {

void add_bench_roofline_command(Command bench, CommandRunner& runner) {
  auto flags = std::make_shared<MachineFlags>();
  const Command command = bench.add_command("roofline", "What this machine can do at best");
  add_machine_flags(command, *flags);
  runner.on_code(command, [flags]() -> Result<int> {
    TRY(const CpuIsa isa, isa_from_environment());
    return run_bench_roofline({.isa = isa, .threads = flags->num_threads(), .json = flags->json}, stdout);
  });
}

}  // namespace braid
