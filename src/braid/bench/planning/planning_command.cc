// The flags of `braid bench planning`. Tested by tests/e2e/test_bench.py and tests/e2e/test_bad_input.py.
#include <cstdio>
#include <memory>

#include "braid/bench/bench_flags.h"
#include "braid/bench/commands.h"
#include "braid/bench/planning/planning.h"

namespace braid {

void add_bench_planning_command(Command bench, CommandRunner& runner) {
  auto options = std::make_shared<PlanningOptions>();
  const Command command =
      bench.add_command("planning", "What deciding a step costs, with a full prefix cache and many requests");
  const auto number = [&](const char* name, int32_t& value, const char* help, uint64_t smallest, uint64_t largest) {
    add_number(command, name, value, help, smallest, largest);
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
  command.add_option("--page-size", options->page_size, "Tokens of a KV page")
      .check(whole_number(16, 1024, 16))
      .show_default();
  number("--chunked-prefill-size", options->chunked_prefill_size, "Prompt tokens in one step", 1, kMaxLen);
  number("--steps", options->steps, "Steps that are measured", 1, 1'000'000);
  number("--held-steps", options->held_steps, "For so many steps at a time prompts are held; 0: never", 0, 1000);
  command.add_option("--step-ms", options->step_ms, "A step's time, that the figures are set beside")
      .check(number_above(0, 1e6))
      .show_default();
  add_number(command, "--seed", options->seed, "Of the prompts", 0, kMaxSeed);
  command.add_flag("--json", options->json, "One line of JSON");
  runner.on(command, [options]() -> Status { return run_bench_planning(*options, stdout); });
}

}  // namespace braid
