#include "braid/api/remote_ranks.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "braid/node/cluster_key.h"
#include "braid/node/mpi_command.h"
#include "braid/node/process_places.h"
#include "braid/weights/checkpoint_fingerprint.h"
#include "braid/worker/process_ranks.h"

namespace braid {
namespace {

OutputsLimits outputs_limits(const EngineOptions& options, const ModelConfig& config) {
  const RankOptions& ranks = options.rank;
  return {.num_groups = ranks.layout.num_groups(),
          .max_outcomes = 2 * ranks.max_running_requests + kMaxMovesUnderWay,
          .max_scored = kMaxChunkedPrefillSize,
          .max_prefixes = 1 << 20,
          .max_moves = kMaxMovesUnderWay,
          .context_len = config.max_position,
          .vocab_size = static_cast<int32_t>(config.vocab_size)};
}

// For what MPI keeps of this start of a world. What the last start has left there goes.
std::string empty_folder(const std::filesystem::path& runtime, int32_t world) {
  const std::filesystem::path folder = runtime / fmt::format("world-{}", world);
  std::error_code ignored;  // MPI names a folder that it cannot use
  std::filesystem::remove_all(folder, ignored);
  std::filesystem::create_directory(folder, ignored);
  return folder.string();
}

}  // namespace

Result<std::string> cluster_identity(const std::string& version, const Checkpoint& checkpoint, const RankOptions& ranks,
                                     std::span<const int32_t> ranks_on_node) {
  const ParallelLayout& layout = ranks.layout;
  TRY(const std::string fingerprint, checkpoint_fingerprint(checkpoint));
  return fmt::format("braid {}, checkpoint {}, tp_size {}, dp_size {}{}, ranks on each node {}, padding {}, sums as {}",
                     version, fingerprint, layout.tp_size, layout.dp_size,
                     layout.enable_dp_attention ? " with DP attention" : "", fmt::join(ranks_on_node, ","),
                     dp_padding_name(ranks.dp_padding), dtype_name(ranks.exchange_dtype));
}

Result<std::unique_ptr<RemoteRanks>> RemoteRanks::start(const EngineOptions& options, const Checkpoint& checkpoint,
                                                        const std::shared_ptr<Logger>& logger) {
  const ProcessOptions& own = options.processes;
  const ParallelLayout& layout = options.rank.layout;
  const auto num_nodes = static_cast<int32_t>(own.ranks_on_node.size());
  TRY_STATUS(check_rank_options(options.rank, checkpoint.config()));
  TRY(RuntimeFolder folder, RuntimeFolder::make());
  auto ranks = std::unique_ptr<RemoteRanks>(new RemoteRanks(layout, std::move(folder)));
  std::string key_file = own.cluster_key_file;
  if (key_file.empty()) {
    TRY(const ClusterKey made, make_cluster_key());
    TRY(key_file, ranks->folder_.write_secret("key", cluster_key_text(made)));
  }
  TRY(const ClusterKey key, read_cluster_key(key_file));
  const std::string here = "ipc://" + (ranks->folder_.path() / "front").string();
  RemoteWorldsOptions worlds{.groups_per_world = layout.groups_per_world(),
                             .processes = {},
                             .num_nodes = num_nodes,
                             .identity = {},
                             .link = {.endpoint = num_nodes > 1 ? fmt::format("tcp://*:{}", own.port) : here,
                                      .keys = key.for_front(),
                                      .limits = {.max_queued = kGroupLinks.max_queued}},
                             .outputs = outputs_limits(options, checkpoint.config()),
                             .command = {},
                             .silence_s = own.silence_s};
  TRY(worlds.processes, place_processes(layout, own.ranks_on_node, own.ranks_per_process));
  TRY(worlds.identity, cluster_identity(own.version, checkpoint, options.rank, own.ranks_on_node));
  const std::string front = num_nodes > 1 ? fmt::format("tcp://{}:{}", own.address, own.port) : here;
  TRY(const std::string front_file, ranks->folder_.write_secret("endpoint", front));
  worlds.command = [own, front, front_file, key_file, num_nodes, places = worlds.processes, identity = worlds.identity,
                    runtime = ranks->folder_.path()](int32_t world, int32_t num_restarts) {
    const std::vector<ProcessPlace>& processes = places[static_cast<size_t>(world)];
    const std::vector<std::string> link{"--front", front,     "--cluster-key-file",
                                        key_file,  "--world", std::to_string(world)};
    MpiCommandOptions command{.processes_on_node = std::vector<int32_t>(static_cast<size_t>(num_nodes), 0),
                              .program = {own.program, "rank"},
                              .is_root = geteuid() == 0,
                              .launcher = {own.program, "node-run"}};
    for (const ProcessPlace& place : processes) ++command.processes_on_node[static_cast<size_t>(place.node)];
    command.launcher.insert(command.launcher.end(), {"--world", std::to_string(world), "--front-file", front_file,
                                                     "--cluster-key-file", key_file});
    std::vector<std::string>& program = command.program;
    program.insert(program.end(), own.arguments.begin(), own.arguments.end());
    program.insert(program.end(), link.begin(), link.end());
    program.insert(program.end(), {"--restarts", std::to_string(num_restarts), "--process-ranks",
                                   counts_text(processes), "--identity", identity});
    return ChildProcess::Options{.command = mpi_command(command),
                                 .more_environment = {"TMPDIR=" + empty_folder(runtime, world)},
                                 .signal_on_orphan = processes.size() > 1 ? SIGTERM : SIGKILL};
  };
  for (int32_t world = 0; world < layout.num_worlds(); ++world) {
    const auto& processes = worlds.processes[static_cast<size_t>(world)];
    logger->info("world {}: {} processes with {} ranks", world, processes.size(), counts_text(processes));
  }
  TRY(ranks->worlds_, RemoteWorlds::launch(std::move(worlds), logger));
  TRY(ranks->ready_, ranks->worlds_->wait_until_ready());
  return ranks;
}

ControlledGroups RemoteRanks::groups() const {
  return {.loads = std::vector<GroupLoad>(static_cast<size_t>(layout_.num_groups()), ready_.load),
          .groups_per_world = layout_.groups_per_world(),
          .context_len = ready_.context_len,
          .num_kv_tokens = ready_.num_kv_tokens * layout_.num_groups()};
}

}  // namespace braid
