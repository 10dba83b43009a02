#include "braid/cli/node_command.h"

#include <unistd.h>

#include <thread>
#include <utility>

#include "braid/api/remote_ranks.h"
#include "braid/api/text_model.h"
#include "braid/base/system_info.h"
#include "braid/cli/signal_queue.h"
#include "braid/node/cluster_key.h"
#include "braid/node/node_agent.h"
#include "braid/node/process_places.h"
#include "braid/node/rank_memory_keeper.h"
#include "braid/node/runtime_folder.h"

namespace braid {

namespace {

ProcessLinkOptions front_at(const std::string& address, int32_t port, const ClusterKey& key) {
  return {.endpoint = fmt::format("tcp://{}:{}", address, port), .keys = key.for_process()};
}

// The same layout, and so the same bits, with the ranks of node 0 here.
EngineOptions engine_of_new_front(EngineOptions engine, const std::string& isa) {
  ProcessOptions& own = engine.processes;
  own.front_node = std::exchange(own.node, 0);
  own.address = own.standby_address.empty() ? "127.0.0.1" : own.standby_address;
  own.isa = isa;
  return engine;
}

}  // namespace

Result<std::optional<EngineOptions>> run_node(const ServeFlags& flags, const EngineOptions& engine) {
  const ProcessOptions& own = engine.processes;
  TRY(SignalQueue signals, SignalQueue::open());
  TRY(const LogLevels levels, parse_log_levels(flags.model.log_level));
  const auto logger = make_logger(STDERR_FILENO, levels, flags.format());
  TRY(const ClusterKey key, read_cluster_key(own.cluster_key_file));
  TRY(const Checkpoint checkpoint, open_checkpoint(engine.source));
  TRY(const std::string identity,
      cluster_identity(own.version, checkpoint, engine.rank, own.ranks_on_node, own.standby));
  TRY(const RuntimeFolder folder, RuntimeFolder::make());
  TRY(const auto processes, place_processes(engine.rank.layout, own.ranks_on_node, own.ranks_per_process));
  const std::optional<MemoryKeeper> keeper =
      keep_memory(folder.path(), kept_memory_names(processes, own.node), *logger);
  NodeAgentOptions options{.fronts = {front_at(own.address, own.port, key)},
                           .hello = {.node = own.node,
                                     .num_nodes = static_cast<int32_t>(own.ranks_on_node.size()),
                                     .pid = getpid(),
                                     .host = host_name(),
                                     .identity = identity},
                           .folder = folder.path().string(),
                           .isa = std::string(isa_name(*engine.rank.isa)),
                           .environment = kept_memory_environment(keeper),
                           .standby_after_s = own.standby_after_s};
  if (own.standby == own.node) {
    options.journal = flags.journal_options();
  } else if (own.standby > 0) {
    options.fronts.push_back(front_at(own.standby_address, own.port, key));
  }
  NodeAgent agent(std::move(options), logger);
  Result<NodeAgent::Ending> done = NodeAgent::Ending{};
  std::thread worker([&] {
    done = agent.run();
    signals.wake();
  });
  const bool is_told_to_end = signals.wait().has_value();
  if (is_told_to_end) logger->info("ending: node {}'s processes end", own.node);
  agent.stop();
  worker.join();
  TRY(const NodeAgent::Ending ending, std::move(done));
  if (is_told_to_end || !ending.takes_over) return std::optional<EngineOptions>();
  return std::optional(engine_of_new_front(engine, ending.isa));
}

}  // namespace braid
