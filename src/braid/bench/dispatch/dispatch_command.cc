// The flags of `braid bench dispatch`. Tested by tests/e2e/test_bench.py.
#include <cstdio>
#include <memory>

#include "braid/bench/bench_flags.h"
#include "braid/bench/commands.h"
#include "braid/bench/dispatch/dispatch.h"

namespace braid {

void add_bench_dispatch_command(Command bench, CommandRunner& runner) {
  auto options = std::make_shared<BenchDispatchOptions>();
  const Command command = bench.add_command("dispatch", "How fast requests reach the ranks that must know of them");
  add_number(command, "--groups", options->groups, "Numbers of DP groups", 1, 256).delimiter(',');
  add_number(command, "--prompt-lens", options->prompt_lens, "Tokens of a prompt", 1, kMaxDispatchPromptLen)
      .delimiter(',');
  add_number(command, "--ranks-per-group", options->ranks_per_group, "A publisher and its subscribers", 1, 64);
  command.add_option("--dispatch", options->dispatch, "broadcast, direct or both")
      .check(one_of({"broadcast", "direct", "both"}))
      .show_default();
  command.add_option("--between", options->between, "processes (over ZeroMQ), threads or both")
      .check(one_of({"processes", "threads", "both"}))
      .show_default();
  command.add_option("--transport", options->transport, "Between processes: ipc or tcp")
      .check(one_of({"ipc", "tcp"}))
      .show_default();
  command.add_flag("--curve", options->is_encrypted, "Encrypt what goes between processes");
  add_number(command, "--num-requests", options->num_requests, "Timed one by one; fewer of long prompts", 1,
             kMaxBenchRequests);
  add_number(command, "--batch", options->batch, "Requests in a batched map; fewer of long prompts", 1,
             kMaxDispatchBatch);
  command.add_flag("--json", options->json, "One line of JSON");
  command.add_option("--as-rank", options->as_rank, "This process is a rank, and the file its task").group("");
  runner.on(command, [options]() -> Status { return run_bench_dispatch(*options, stdout); });
}

}  // namespace braid
