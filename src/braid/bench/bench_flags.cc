#include "braid/bench/bench_flags.h"

namespace braid {

std::shared_ptr<Logger> bench_logger(const ModelFlags& flags, bool json) {
  return make_stderr_logger(json ? "warning" : flags.log_level);
}

void add_machine_flags(Command command, MachineFlags& flags) {
  command
      .add_option("--threads-per-rank,--threads", flags.threads,
                  "Compute threads; 0: one a core, as far as affinity mask and cgroup allow")
      .check(whole_number(0, kMaxThreadsPerRank));
  command.add_flag("--json", flags.json, "One line of JSON");
}

}  // namespace braid
