#include "braid/cli/node_command.h"

#include <unistd.h>

#include <thread>

#include "braid/api/remote_ranks.h"
#include "braid/api/text_model.h"
#include "braid/base/system_info.h"
#include "braid/cli/signal_queue.h"
#include "braid/node/cluster_key.h"
#include "braid/node/node_agent.h"
#include "braid/node/runtime_folder.h"

namespace braid {

Result<int> run_node(const ServeFlags& flags, const EngineOptions& engine) {
  const ProcessOptions& own = engine.processes;
  TRY(SignalQueue signals, SignalQueue::open());
  TRY(const LogLevels levels, parse_log_levels(flags.model.log_level));
  const auto logger = make_logger(STDERR_FILENO, levels, flags.format());
  TRY(const ClusterKey key, read_cluster_key(own.cluster_key_file));
  TRY(const Checkpoint checkpoint, open_checkpoint(engine.source));
  TRY(const std::string identity, cluster_identity(own.version, checkpoint, engine.rank, own.ranks_on_node));
  TRY(const RuntimeFolder folder, RuntimeFolder::make());
  NodeAgent agent({.front = {.endpoint = fmt::format("tcp://{}:{}", own.address, own.port), .keys = key.for_process()},
                   .hello = {.node = own.node,
                             .num_nodes = static_cast<int32_t>(own.ranks_on_node.size()),
                             .pid = getpid(),
                             .host = host_name(),
                             .identity = identity},
                   .folder = folder.path().string(),
                   .isa = std::string(isa_name(*engine.rank.isa))},
                  logger);
  Status done;
  std::thread worker([&] {
    done = agent.run();
    signals.wake();
  });
  if (signals.wait()) logger->info("ending: node {}'s processes end", own.node);
  agent.stop();
  worker.join();
  if (!done.ok()) return done.error();
  return 0;
}

}  // namespace braid
