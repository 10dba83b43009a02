#include "braid/cli/launched_rank.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "braid/api/remote_ranks.h"
#include "braid/api/text_model.h"
#include "braid/base/log.h"
#include "braid/cli/front_process.h"
#include "braid/cli/serve_command.h"
#include "braid/cli/signal_queue.h"
#include "braid/node/cluster_key.h"
#include "braid/node/host_addresses.h"
#include "braid/node/job_greeting.h"
#include "braid/node/rank_process.h"
#include "braid/node/runtime_folder.h"
#include "braid/parallel/mpi_module.h"
#include "braid/parallel/process_texts.h"
#include "braid/wire/transport/bound_socket.h"

namespace braid {
namespace {

using std::chrono::milliseconds;

constexpr double kJobTimeout_s = 60;       // for all processes to come
constexpr double kFrontTimeout_s = 600;    // for the front to have read tokenizer and checkpoint's tables
constexpr milliseconds kFrontEnds{3000};   // once it has been told what is wrong
constexpr milliseconds kRanksEnd{10'000};  // once the front has ended
constexpr milliseconds kLook{50};
// mpirun passes SIGUSR1 on at once, and after a SIGTERM it only kills.
constexpr std::array kEndSignals{SIGUSR1};

// How the job is laid out: the same in all its processes.
struct JobPlan {
  LaunchedJob job;
  EngineOptions engine;
  std::vector<int32_t> ranks_of_each;
  std::string key_file;  // empty: the first process makes a key

  bool is_first() const { return job.process == 0; }
};

Result<JobPlan> plan_job(const RankFlags& flags, const LaunchedJob& job) {
  if (!flags.not_launched.empty()) {
    return fail("{} is not for `braid rank` under a launcher, which says where processes run and starts them again",
                flags.not_launched);
  }
  JobPlan plan{.job = job, .key_file = flags.serve.processes.cluster_key_file};
  TRY(plan.engine, flags.serve.engine_options());
  const ParallelLayout& layout = plan.engine.rank.layout;
  if (layout.num_worlds() > 1) {
    return fail(
        "--dp-size {} without --enable-dp-attention is {} replicas, and the processes of a launcher are one: start a "
        "job for each, or all with `braid serve`",
        layout.dp_size, layout.num_worlds());
  }
  plan.engine.rank.moves_requests = plan.engine.moves_pages();
  TRY(plan.ranks_of_each, ranks_of_processes(layout, job.num_processes, flags.process_ranks));
  if (plan.key_file.empty() && !job.is_on_one_host) {
    return fail(
        "a job on several hosts needs --cluster-key-file: make one with `braid keygen cluster.key`, where all hosts "
        "have it");
  }
  return plan;
}

// Where the other processes find the front.
Result<std::vector<std::string>> front_addresses(const RankFlags& flags, const JobPlan& plan) {
  if (plan.job.is_on_one_host) return std::vector<std::string>{"127.0.0.1"};
  if (!flags.serve.processes.node_0_address.empty()) return std::vector{flags.serve.processes.node_0_address};
  std::vector<std::string> addresses;
  for (const HostAddress& own : own_addresses()) addresses.push_back(address_text(own.address));
  if (addresses.empty()) {
    return fail(
        "this host has no address but loopback: say with --node-0-address under which name the others reach it");
  }
  return addresses;
}

// A name or address that was given stands alone.
std::string address_from_here(const JobGreeting& greeting) {
  if (greeting.addresses.size() == 1) return greeting.addresses.front();
  std::vector<uint32_t> theirs;
  for (const std::string& text : greeting.addresses) {
    if (const auto address = parse_address(text); address.ok()) theirs.push_back(*address);
  }
  return theirs.empty() ? greeting.addresses.front() : address_text(pick_address(theirs, own_addresses()));
}

[[noreturn]] void end_as_front(int code, Logger& logger) {
  logger.error("the front has ended with exit code {}: so does the job", code);
  logger.flush();
  _exit(code);  // ranks may be stuck, and MPI waits for the others
}

// Looks after the front, beside the ranks: passes signals on to it, and ends this process if it ends before them.
class FrontWatch {
 public:
  FrontWatch(FrontProcess& front, SignalQueue& signals, Logger& logger)
      : thread_([&](const std::stop_token& stop) {
          std::optional<std::chrono::steady_clock::time_point> ended;
          while (!stop.stop_requested()) {
            if (signals.wait(kLook)) front.signal(SIGTERM);
            const auto code = front.exit_code(milliseconds(0));
            if (!code) continue;
            const auto now = std::chrono::steady_clock::now();
            if (!ended) ended = now;
            const milliseconds patience = *code == 0 ? kRanksEnd : kLook;  // it may have told them to end
            if (now < *ended + patience || stop.stop_requested()) continue;
            end_as_front(*code, logger);
          }
        }) {}

 private:
  std::jthread thread_;
};

// What has to stay as it is when a process ends with an error: ranks may be stuck, and MPI waits for the others.
struct JobWork {
  std::optional<RuntimeFolder> folder;  // for MPI's shared memory
  std::shared_ptr<ProcessPort> port;
  std::unique_ptr<RankProcess> process;
};

// Over MPI, with all processes of the job.
Result<JobGreeting> greet(const JobPlan& plan, const JobGreeting& own, std::shared_ptr<ProcessPort>& port) {
  if (plan.job.num_processes == 1) return own;
  TRY(port, open_mpi(mpi_module_path(), kJobTimeout_s));
  if (port->num_processes() != plan.job.num_processes) {
    return fail("the launcher has started {} processes, and MPI sees {}: with Slurm, start them with srun --mpi=pmix",
                plan.job.num_processes, port->num_processes());
  }
  TRY(const std::vector<std::string> texts, gather_texts(*port, greeting_text(own), "joined", kJobTimeout_s));
  return read_greetings(texts);
}

// Joins the job and works for the front, until that says stop.
Status work_in_job(const JobPlan& plan, const JobGreeting& own, const std::string& key_text,
                   const std::shared_ptr<Logger>& logger, JobWork& work) {
  TRY(const JobGreeting greeting, greet(plan, own, work.port));
  TRY(const ClusterKey key, parse_cluster_key(greeting.key.empty() ? key_text : greeting.key));
  TRY(const Checkpoint checkpoint, open_checkpoint(plan.engine.source));
  TRY(std::string identity, cluster_identity(own.version, checkpoint, plan.engine.rank, plan.ranks_of_each, 0));
  TRY(work.process,
      RankProcess::join({.front = {.endpoint = fmt::format("tcp://{}:{}", address_from_here(greeting), greeting.port),
                                   .keys = key.for_process()},
                         .port = work.port,
                         .ranks = plan.engine.rank,
                         .ranks_of_each = plan.ranks_of_each,
                         .prefill_alignment = plan.engine.prefill_alignment,
                         .identity = std::move(identity),
                         .join_timeout_s = kFrontTimeout_s},
                        logger));
  return work.process->run(checkpoint);
}

// The launcher ends all processes as soon as one has failed. The front, which knows more, speaks first, and its exit
// code is the job's.
[[noreturn]] void end_job(const Error& error, FrontProcess* front, Logger& logger) {
  logger.error("{}", error.message);
  logger.flush();
  if (front == nullptr) {
    std::this_thread::sleep_for(kFrontEnds + milliseconds(500));
    _exit(1);
  }
  if (const auto code = front->exit_code(kFrontEnds)) end_as_front(std::max(*code, 1), logger);
  front->signal(SIGKILL);
  _exit(1);
}

// Absent: a process of the job that is not the first has no front.
Result<int> work_beside(FrontProcess* front, SignalQueue& signals, const JobPlan& plan, const JobGreeting& greeting,
                        const std::string& key_text, const std::shared_ptr<Logger>& logger, JobWork& work) {
  Status done;
  {
    std::optional<FrontWatch> watch;
    if (front != nullptr) watch.emplace(*front, signals, *logger);
    done = work_in_job(plan, greeting, key_text, logger, work);
  }
  if (!done.ok()) {
    work.folder.reset();
    end_job(done.error(), front, *logger);
  }
  return front == nullptr ? 0 : front->exit_code(kRanksEnd).value_or(0);
}

}  // namespace

Result<int> run_launched_rank(const RankFlags& flags, const LaunchedJob& job) {
  TRY(const JobPlan plan, plan_job(flags, job));
  TRY(const LogLevels levels, parse_log_levels(flags.serve.model.log_level));
  TRY(SignalQueue signals, SignalQueue::open(kEndSignals));  // for the front, which tells the ranks when to end
  std::string key_text;
  if (plan.is_first() || !plan.key_file.empty()) {
    TRY(const ClusterKey key, plan.key_file.empty() ? make_cluster_key() : read_cluster_key(plan.key_file));
    key_text = cluster_key_text(key);
  }
  JobGreeting greeting{.version = flags.serve.version};
  std::unique_ptr<FrontProcess> front;
  if (plan.is_first()) {
    TRY(BoundSocket socket,
        BoundSocket::bind(job.is_on_one_host ? "127.0.0.1" : "0.0.0.0", flags.serve.processes.port));
    greeting.port = socket.port();
    if (plan.key_file.empty()) greeting.key = key_text;  // what MPI sends does not leave the host
    TRY(greeting.addresses, front_addresses(flags, plan));
    TRY(front, FrontProcess::fork());
    if (front == nullptr) {
      return run_launched_front(flags.serve, {.socket = socket.release(),
                                              .port = greeting.port,
                                              .key = std::move(key_text),
                                              .ranks_of_each = plan.ranks_of_each});
    }
  }
  TRY(RuntimeFolder folder, RuntimeFolder::make());  // what a killed process has left goes with the next one
  keep_shared_memory_in(folder.path().c_str());
  const auto logger = make_logger(STDERR_FILENO, levels, flags.serve.format());
  JobWork work{.folder = std::move(folder), .port = {}, .process = {}};
  return work_beside(front.get(), signals, plan, greeting, key_text, logger, work);
}

}  // namespace braid
