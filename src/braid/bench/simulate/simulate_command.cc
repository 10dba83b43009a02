// The flags of `braid bench simulate`. Tested by tests/e2e/test_bench.py.
#include <cstdio>
#include <memory>
#include <string>

#include "braid/bench/bench_flags.h"
#include "braid/bench/commands.h"
#include "braid/bench/simulate/simulate.h"

namespace braid {

void add_bench_simulate_command(Command bench, CommandRunner& runner) {
  struct Flags {
    SimulateOptions options;
    std::string load_balance_method = "measured_time";
    std::string schedule_policy = "fcfs";
  };
  auto flags = std::make_shared<Flags>();
  SimulateOptions& options = flags->options;
  const Command command =
      bench.add_command("simulate", "What clients of several DP groups get, under virtual time and without a model");
  constexpr uint64_t kMaxLen = 1'000'000;
  const auto number = [&](const char* name, auto& value, const char* help, uint64_t smallest, uint64_t largest) {
    return add_number(command, name, value, help, smallest, largest);
  };
  const auto amount = [&](const char* name, double& value, const char* help) {
    return command.add_option(name, value, help).check(number_above(0, 1e9)).show_default();
  };
  amount("--request-rate", options.request_rate, "Requests a second, at random times");
  amount("--duration", options.duration_s, "Seconds of virtual time in which requests come");
  number("--requests", options.num_requests, "No more come than these; 0: as many as come in the time", 0,
         1'000'000'000);
  number("--shortest-prompt", options.shortest_prompt, "Tokens of a prompt at least", 1, kMaxLen);
  number("--longest-prompt", options.longest_prompt, "Tokens of a prompt at most", 1, kMaxLen);
  number("--shortest-output", options.shortest_output, "Tokens that a request generates at least", 1, kMaxLen);
  number("--longest-output", options.longest_output, "Tokens that a request generates at most", 1, kMaxLen);
  number("--system-prompt-len", options.system_prompt_len, "Tokens that all prompts begin with", 0, kMaxLen);
  number("--system-prompts", options.system_prompts, "How many there are, drawn evenly", 1, 100'000);
  number("--long-prompt-len", options.long_prompt_len, "Beside these, prompts of so many tokens; 0: none", 0, kMaxLen);
  amount("--long-prompt-interval", options.long_prompt_interval_s, "Seconds from one of them to the next");
  number("--groups", options.groups, "DP groups", 1, 4096);
  number("--kv-tokens", options.kv_tokens, "Tokens for which a group has KV pages", 16, 1'000'000'000);
  number("--max-running-requests", options.max_running_requests, "Requests of a group at once", 1, kMaxRunningRequests);
  number("--chunked-prefill-size", options.chunked_prefill_size, "Prompt tokens of a group in one step", 1, kMaxLen);
  number("--overtaking-price", options.overtaking_price,
         "Work on prompts in turn, in tokens, for which a shorter one computes a token ahead; 0: never", 0, kMaxLen);
  number("--prefill-alignment", options.prefill_alignment,
         "Steps that a prompt may wait so that groups prefill together; several: the same requests with each", 0,
         10'000)
      .delimiter(',');
  command.add_option("--load-balance-method", flags->load_balance_method, "Which group gets the next request")
      .check(one_of({"round_robin", "shortest_queue", "minimum_tokens", "prefix_affinity", "measured_time"}))
      .show_default();
  command.add_option("--schedule-policy", flags->schedule_policy, "fcfs or lpm (longest prefix)")
      .check(one_of({"fcfs", "lpm"}))
      .show_default();
  command.add_flag("--kv-rebalance", options.kv_rebalance, "Running requests move from full groups to emptier ones");
  number("--slow-groups", options.slow_groups, "DP groups on a slow node", 0, 4096);
  amount("--slowdown", options.slowdown, "How many times longer that node takes for everything");
  command.add_flag("--share-prefixes", options.share_prefixes, "Groups copy cached prefixes from each other");
  amount("--copy-us", options.cost.copy_us, "Microseconds in which one position's keys and values are copied, one way");
  number("--faults", options.faults, "How often a replica is lost, at random times, and starts again", 0, 100'000);
  number("--groups-per-replica", options.groups_per_replica, "DP groups that are lost together", 1, 4096);
  amount("--restart-time", options.restart_s, "Seconds until a lost replica runs again");
  amount("--weights-ms", options.cost.weights_ms, "Milliseconds in which one rank reads all weights");
  amount("--token-us", options.cost.token_us, "Microseconds of one token's products on one rank");
  command
      .add_option("--attention-share", options.cost.attention_share,
                  "Of both: attention's, which each group computes for itself")
      .check(number_from(0, 1))
      .show_default();
  amount("--read-us", options.cost.read_us, "Microseconds in which one position's keys and values are read");
  amount("--pair-ns", options.cost.pair_ns, "Nanoseconds of one query against one position");
  number("--seed", options.seed, "Of the requests", 0, kMaxSeed);
  command.add_flag("--json", options.json, "One line of JSON");
  runner.on(command, [flags]() -> Status {
    TRY(flags->options.load_balance, parse_load_balance_method(flags->load_balance_method));
    TRY(flags->options.schedule, parse_schedule_policy(flags->schedule_policy));
    return run_bench_simulate(flags->options, stdout);
  });
}

}  // namespace braid
