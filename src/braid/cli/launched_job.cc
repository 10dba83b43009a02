#include "braid/cli/launched_job.h"

#include <fmt/ranges.h>

#include <charconv>
#include <numeric>

#include "braid/node/process_places.h"

namespace braid {
namespace {

// The variables of one launcher.
struct LauncherNames {
  const char* process;
  const char* num_processes;
  const char* num_here;   // processes on this host; null: it does not say
  const char* num_hosts;  // null: it does not say
};

// An mpirun within a Slurm job is a launcher within another, so Slurm comes last. Its variables of the step are those
// of srun: the batch script itself is a process of its job, too.
constexpr LauncherNames kLaunchers[] = {
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", nullptr},  // Open MPI
    {"PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS", nullptr},                                     // MPICH and its kin
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", nullptr, "SLURM_STEP_NUM_NODES"},
};

Result<int32_t> read_count(const char* name, const std::string& text, int32_t least) {
  int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least) {
    return fail("the launcher has set {} to \"{}\": must be a number of at least {}", name, text, least);
  }
  return number;
}

}  // namespace

Result<std::optional<LaunchedJob>> launched_job(FunctionRef<std::string(const char*)> environment) {
  for (const LauncherNames& names : kLaunchers) {
    const std::string process = environment(names.process);
    const std::string num_processes = environment(names.num_processes);
    if (process.empty() || num_processes.empty()) continue;
    LaunchedJob job;
    TRY(job.process, read_count(names.process, process, 0));
    TRY(job.num_processes, read_count(names.num_processes, num_processes, 1));
    if (job.process >= job.num_processes) {
      return fail("the launcher has set {} to {}, and {} to {}", names.process, process, names.num_processes,
                  num_processes);
    }
    if (names.num_here != nullptr) job.is_on_one_host = environment(names.num_here) == num_processes;
    if (names.num_hosts != nullptr) job.is_on_one_host = environment(names.num_hosts) == "1";
    return std::optional(job);
  }
  return std::optional<LaunchedJob>();
}

Result<std::vector<int32_t>> ranks_of_processes(const ParallelLayout& layout, int32_t num_processes,
                                                const std::string& given) {
  if (given.empty()) {
    if (layout.tp_size % num_processes != 0) {
      return fail(
          "{} ranks (--tp-size) are not divisible over {} processes: start another number of them, or say how many "
          "ranks each has, as in --process-ranks 3,1",
          layout.tp_size, num_processes);
    }
    return std::vector<int32_t>(static_cast<size_t>(num_processes), layout.tp_size / num_processes);
  }
  TRY(std::vector<int32_t> counts, parse_counts("--process-ranks", given));
  if (std::ssize(counts) != num_processes) {
    return fail("--process-ranks {} is for {} processes: the launcher has started {}", given, counts.size(),
                num_processes);
  }
  const int64_t sum = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  if (sum != layout.tp_size) {
    return fail("--process-ranks {} has {} ranks in all: --tp-size is {}", given, sum, layout.tp_size);
  }
  return counts;
}

}  // namespace braid
