#include "braid/api/remote_ranks.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "braid/node/cluster_key.h"
#include "braid/node/mpi_command.h"
#include "braid/node/mpi_message_layer.h"
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

struct FrontAddress {
  std::string endpoint;  // for processes with ranks
  std::string file;      // with that text, for MPI's daemons
  std::string key_file;
};

// The command that starts all processes of a world.
std::function<ChildProcess::Options(const WorldLaunch& launch)> world_command(const ProcessOptions& own,
                                                                              const FrontAddress& front,
                                                                              const std::filesystem::path& runtime,
                                                                              const std::string& identity,
                                                                              const std::vector<std::string>& more) {
  return [=](const WorldLaunch& launch) {
    const int32_t world = launch.world;
    const std::vector<ProcessPlace>& processes = launch.places;
    MpiCommandOptions command{.processes_on_node = std::vector<int32_t>(own.ranks_on_node.size(), 0),
                              .program = {own.program, "rank"},
                              .is_root = geteuid() == 0,
                              .launcher = {own.program, "node-run"},
                              .message_layer = mpi_message_layer()};
    for (const ProcessPlace& place : processes) ++command.processes_on_node[static_cast<size_t>(place.node)];
    command.launcher.insert(command.launcher.end(), {"--world", std::to_string(world), "--front-file", front.file,
                                                     "--cluster-key-file", front.key_file});
    std::vector<std::string>& program = command.program;
    program.insert(program.end(), own.arguments.begin(), own.arguments.end());
    program.insert(program.end(),
                   {"--front", front.endpoint, "--cluster-key-file", front.key_file, "--world", std::to_string(world),
                    "--restarts", std::to_string(launch.num_launches), "--process-ranks", counts_text(processes),
                    "--identity", identity, "--kept-key", launch.kept_key});
    std::vector<std::string> environment = more;
    environment.push_back("TMPDIR=" + empty_folder(runtime, world));
    if (!launch.isa.empty()) environment.push_back("BRAID_CPU_ISA=" + launch.isa);
    return ChildProcess::Options{.command = mpi_command(command),
                                 .more_environment = std::move(environment),
                                 .signal_on_orphan = processes.size() > 1 ? SIGTERM : SIGKILL};
  };
}

// Sums that travel between processes are rounded if `keeps_sums` is false, and so there must be two processes at least,
// as before.
std::function<std::vector<ProcessPlace>(const std::vector<bool>& is_in)> elastic_places(
    const ParallelLayout& layout, const std::vector<int32_t>& ranks_on_node, int32_t ranks_per_process,
    bool keeps_sums) {
  return [=](const std::vector<bool>& is_in) {
    const std::vector<int32_t> fewer = ranks_on_fewer_nodes(ranks_on_node, is_in, layout.attn_tp_size());
    std::vector<ProcessPlace> places = place_processes(layout, fewer, ranks_per_process).value().front();
    if (places.size() > 1 || keeps_sums) return places;
    return place_processes(layout, fewer, (layout.tp_size + 1) / 2).value().front();
  };
}

std::vector<ProcessPlace> launched_places(const LaunchedFront& launched) {
  std::vector<ProcessPlace> places;
  for (const int32_t num_ranks : launched.ranks_of_each) places.push_back({.node = 0, .num_ranks = num_ranks});
  return places;
}

}  // namespace

Result<std::string> cluster_identity(const std::string& version, const Checkpoint& checkpoint, const RankOptions& ranks,
                                     std::span<const int32_t> ranks_on_node, int32_t standby) {
  const ParallelLayout& layout = ranks.layout;
  TRY(const std::string fingerprint, checkpoint_fingerprint(checkpoint));
  return fmt::format(
      "braid {}, checkpoint {}, tp_size {}, dp_size {}{}, ranks on each node {}, padding {}, sums as {}{}", version,
      fingerprint, layout.tp_size, layout.dp_size, layout.enable_dp_attention ? " with DP attention" : "",
      fmt::join(ranks_on_node, ","), dp_padding_name(ranks.dp_padding), dtype_name(ranks.exchange_dtype),
      standby > 0 ? fmt::format(", node {} stands by", standby) : "");
}

Result<std::unique_ptr<RemoteRanks>> RemoteRanks::start(const EngineOptions& options, const Checkpoint& checkpoint,
                                                        const std::shared_ptr<Logger>& logger) {
  const ProcessOptions& own = options.processes;
  const ParallelLayout& layout = options.rank.layout;
  const auto num_nodes = static_cast<int32_t>(own.ranks_on_node.size());
  TRY_STATUS(check_rank_options(options.rank, checkpoint.config()));
  auto ranks = std::unique_ptr<RemoteRanks>(new RemoteRanks(layout));
  RemoteWorldsOptions worlds{.groups_per_world = layout.groups_per_world(),
                             .processes = {},
                             .num_nodes = num_nodes,
                             .front_node = own.front_node,
                             .identity = {},
                             .standby = {.node = own.standby, .journal = own.journal, .on_claim = own.on_claim},
                             .isa = own.isa,
                             .link = {.endpoint = {}, .keys = {}, .limits = {.max_queued = kGroupLinks.max_queued}},
                             .outputs = outputs_limits(options, checkpoint.config()),
                             .command = {},
                             .silence_s = own.silence_s};
  if (own.launched) {
    TRY(const ClusterKey key, parse_cluster_key(own.launched->key));
    worlds.processes = {launched_places(*own.launched)};
    worlds.link.endpoint = fmt::format("tcp://*:{}", own.launched->port);
    worlds.link.socket = own.launched->socket;
    worlds.link.keys = key.for_front();
  } else {
    TRY_STATUS(ranks->plan_start(options, checkpoint, worlds, *logger));
  }
  for (int32_t world = 0; world < layout.num_worlds(); ++world) {
    const auto& processes = worlds.processes[static_cast<size_t>(world)];
    logger->info("world {}: {} processes with {} ranks", world, processes.size(), counts_text(processes));
  }
  TRY(ranks->worlds_, RemoteWorlds::launch(std::move(worlds), logger));
  TRY(ranks->ready_, ranks->worlds_->wait_until_ready());
  return ranks;
}

// Where the processes find the front, and the commands that start them.
Status RemoteRanks::plan_start(const EngineOptions& options, const Checkpoint& checkpoint, RemoteWorldsOptions& worlds,
                               Logger& log) {
  const ProcessOptions& own = options.processes;
  TRY(RuntimeFolder made_folder, RuntimeFolder::make());
  const RuntimeFolder& folder = folder_.emplace(std::move(made_folder));
  FrontAddress front{.key_file = own.cluster_key_file};
  if (front.key_file.empty()) {
    TRY(const ClusterKey made, make_cluster_key());
    TRY(front.key_file, folder.write_secret("key", cluster_key_text(made)));
  }
  TRY(const ClusterKey key, read_cluster_key(front.key_file));
  const bool is_alone = worlds.num_nodes == 1;
  const std::string here = "ipc://" + (folder.path() / "front").string();
  front.endpoint = is_alone ? here : fmt::format("tcp://{}:{}", own.address, own.port);
  worlds.link.endpoint = is_alone ? here : fmt::format("tcp://*:{}", own.port);
  worlds.link.keys = key.for_front();
  const std::vector<int32_t> ranks_on_node = ranks_with_front(own.ranks_on_node, own.front_node);
  TRY(worlds.processes, place_processes(layout_, ranks_on_node, own.ranks_per_process));
  if (own.elastic_after_s) {
    worlds.elastic = {.ranks_on_node = ranks_on_node,
                      .after_s = *own.elastic_after_s,
                      .places = elastic_places(layout_, ranks_on_node, own.ranks_per_process,
                                               options.rank.exchange_dtype == DType::kFloat32)};
  }
  TRY(worlds.identity, cluster_identity(own.version, checkpoint, options.rank, own.ranks_on_node, own.standby));
  TRY(front.file, folder.write_secret("endpoint", front.endpoint));
  keeper_ = keep_memory(folder.path(), kept_memory_names(worlds.processes, 0), log);
  worlds.command = world_command(own, front, folder.path(), worlds.identity, kept_memory_environment(keeper_));
  return {};
}

ControlledGroups RemoteRanks::groups() const {
  return {.loads = std::vector<GroupLoad>(static_cast<size_t>(layout_.num_groups()), ready_.load),
          .groups_per_world = layout_.groups_per_world(),
          .context_len = ready_.context_len,
          .num_kv_tokens = ready_.num_kv_tokens * layout_.num_groups()};
}

}  // namespace braid
