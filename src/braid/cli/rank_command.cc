#include "braid/cli/rank_command.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "braid/api/text_model.h"
#include "braid/cli/commands.h"
#include "braid/cli/flag_values.h"
#include "braid/cli/launched_job.h"
#include "braid/cli/launched_rank.h"
#include "braid/node/cluster_key.h"
#include "braid/node/mpi_command.h"
#include "braid/node/node_agent.h"
#include "braid/node/process_places.h"
#include "braid/node/rank_memory_keeper.h"
#include "braid/node/rank_process.h"

namespace braid {
namespace {

// Of each world, which is one replica if there is no DP attention.
ParallelLayout layout_of_world(ParallelLayout layout) {
  if (!layout.enable_dp_attention) layout.dp_size = 1;
  return layout;
}

Result<RankProcessOptions> process_options(const RankFlags& flags, const EngineOptions& engine) {
  if (flags.serve.processes.cluster_key_file.empty()) return fail("--cluster-key-file is missing: the front's");
  if (flags.process_ranks.empty()) return fail("--process-ranks is missing: the ranks of each process of the world");
  TRY(const ClusterKey key, read_cluster_key(flags.serve.processes.cluster_key_file));
  const ParallelLayout& layout = engine.rank.layout;
  if (flags.world < 0 || flags.world >= layout.num_worlds()) {
    return fail("--world {}: there are {}", flags.world, layout.num_worlds());
  }
  RankProcessOptions options{.front = {.endpoint = flags.front, .keys = key.for_process()},
                             .world = flags.world,
                             .num_worlds = layout.num_worlds(),
                             .num_restarts = flags.num_restarts,
                             .ranks = engine.rank,
                             .ranks_of_each = {},
                             .prefill_alignment = engine.prefill_alignment,
                             .identity = flags.identity};
  TRY(options.ranks_of_each, parse_counts("--process-ranks", flags.process_ranks));
  options.ranks.layout = layout_of_world(layout);
  options.ranks.moves_requests = engine.moves_pages();
  const char* const kept = std::getenv(kKeptMemoryVariable);
  options.ranks.kept = {.key = flags.kept_key, .folder = kept == nullptr ? "" : kept, .world = flags.world};
  // Their shares of what is for all worlds.
  const int32_t num_worlds = layout.num_worlds();
  options.ranks.max_running_requests = (engine.rank.max_running_requests + num_worlds - 1) / num_worlds;
  options.ranks.max_total_tokens = (engine.rank.max_total_tokens + num_worlds - 1) / num_worlds;
  options.ranks.kv_cache_bytes = engine.rank.kv_cache_bytes / num_worlds;
  return options;
}

Status serve_front(const RankFlags& flags, const std::shared_ptr<Logger>& logger) {
  TRY(const EngineOptions engine, flags.serve.model.engine_options());
  TRY(RankProcessOptions options, process_options(flags, engine));
  TRY(const auto process, RankProcess::join(std::move(options), logger));
  auto checkpoint = open_checkpoint(engine.source);
  if (!checkpoint.ok()) {
    process->give_up(checkpoint.error().message);
    return checkpoint.error();
  }
  if (Status done = process->run(*checkpoint); !done.ok()) {
    logger->error("{}", done.error().message);
    logger->flush();
    _exit(1);  // ranks may be stuck
  }
  return {};
}

}  // namespace

void keep_shared_memory_in(const char* folder) {
  if (folder == nullptr) return;
  setenv("OMPI_MCA_btl_vader_backing_directory", folder, 0);  // Open MPI 4
  setenv("OMPI_MCA_btl_sm_backing_directory", folder, 0);     // Open MPI 5
}

Result<int> run_rank(const RankFlags& flags) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // it does not outlive what has started it
  if (flags.front.empty()) {
    TRY(const std::optional<LaunchedJob> job,
        launched_job([](const char* name) { return environment_variable(name); }));
    if (job) return run_launched_rank(flags, *job);
    return fail(
        "--front is missing, and no launcher has started this process: use `braid serve`, or a launcher such "
        "as mpirun -n 2 braid rank");
  }
  keep_shared_memory_in(std::getenv("TMPDIR"));  // of the front, or of this node's agent
  TRY(const LogLevels levels, parse_log_levels(flags.serve.model.log_level));
  const auto logger = make_logger(STDERR_FILENO, levels, flags.serve.format());
  TRY_STATUS(serve_front(flags, logger));
  return 0;
}

Result<int> run_node_run(const NodeRunFlags& flags) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  TRY(const ClusterKey key, read_cluster_key(flags.cluster_key_file));
  if (flags.words.size() < 2) return fail("NODE and COMMAND are missing");
  const int32_t node = node_of(flags.words.front());
  if (node < 1) return fail("{} is the name of no other node", flags.words.front());
  std::string command;
  for (size_t i = 1; i < flags.words.size(); ++i) command += (i > 1 ? " " : "") + flags.words[i];
  TRY(const std::string front, read_flag_file("--front-file", flags.front_file));
  return run_on_node({.endpoint = front, .keys = key.for_process()},
                     {.node = node, .world = flags.world, .command = std::move(command)});
}

void add_node_run_command(Command app, CommandRunner& runner) {
  auto flags = std::make_shared<NodeRunFlags>();
  const Command command = app.add_command("node-run", "Run a command on another node; the server starts this itself");
  command.add_option("--front-file", flags->front_file, "A file that says where the front listens").required();
  command.add_option("--cluster-key-file", flags->cluster_key_file, "The keys that the front has, too").required();
  command.add_option("--world", flags->world, "The world that the command is for").required();
  command.take_the_rest(flags->words);
  runner.on_code(command, [flags] { return run_node_run(*flags); });
}

void add_keygen_command(Command app, CommandRunner& runner) {
  auto path = std::make_shared<std::string>();
  const Command command = app.add_command("keygen", "Make the key file of a cluster, for all its nodes");
  command.add_option("FILE", *path, "Must not exist yet").required();
  runner.on(command, [path] { return write_cluster_key(*path); });
}

void add_rank_command(Command app, CommandRunner& runner, const std::string& version) {
  auto flags = std::make_shared<RankFlags>();
  flags->serve.version = version;
  const Command command = app.add_command(
      "rank",
      "Serve a model in the processes that a launcher starts: mpirun -n 8 braid rank, srun --mpi=pmix braid rank, with "
      "the flags of `braid serve`, which starts this command itself for ranks in other processes");
  add_serve_flags(command, flags->serve);
  const auto group = [](Flag flag) { return flag.group("Front"); };
  group(
      command.add_option("--front", flags->front,
                         "Where the front listens: ipc://PATH or tcp://HOST:PORT; default: it is in the first process "
                         "of the launcher's job"));
  group(command.add_option("--world", flags->world, "Of the front's worlds, which are its replicas").show_default());
  group(command.add_option(
      "--process-ranks", flags->process_ranks,
      "Ranks of each process of the world, such as 3,1 (default under a launcher: the same for all)"));
  group(command.add_option("--identity", flags->identity, "What the world's processes must have in common"));
  group(command.add_option("--kept-key", flags->kept_key,
                           "Of the starts that may go on with the keys and values of each other; empty: none may"));
  group(command.add_option("--restarts", flags->num_restarts, "How often the world has started before").show_default());
  runner.on_code(command, [flags, command] {
    for (const char* const name :
         {"--nnodes", "--node-rank", "--dist-init-addr", "--ranks-on-node", "--ranks-per-process", "--standby",
          "--elastic", "--max-restarts", "--world", "--restarts", "--identity", "--kept-key"}) {
      if (flags->not_launched.empty() && command.has(name)) flags->not_launched = name;
    }
    return run_rank(*flags);
  });
}

}  // namespace braid
