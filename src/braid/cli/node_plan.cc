// What the flags of processes and nodes come to. Tested by node_plan_test.cc.
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include "braid/cli/serve_flags.h"
#include "braid/node/process_places.h"

namespace braid {
namespace {

constexpr int32_t kDefaultCoordinatorPort = 29500;
constexpr double kDefaultElasticAfter_s = 10;

struct Coordinator {
  std::string address;
  int32_t port = kDefaultCoordinatorPort;
};

Result<Coordinator> coordinator_of(const ProcessFlags& flags) {
  Coordinator coordinator{.address = flags.node_0_address};
  if (flags.port > 0) coordinator.port = flags.port;
  if (flags.dist_init_addr.empty()) return coordinator;
  if (!flags.node_0_address.empty() || flags.port > 0) {
    return fail("--dist-init-addr {} says address and port: leave --node-0-address and --coordinator-port out",
                flags.dist_init_addr);
  }
  const size_t colon = flags.dist_init_addr.rfind(':');
  const std::string port = colon == std::string::npos ? "" : flags.dist_init_addr.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), coordinator.port);
  if (error != std::errc() || end != port.data() + port.size() || coordinator.port < 1 || coordinator.port > 65535) {
    return fail("--dist-init-addr {}: must be HOST:PORT", flags.dist_init_addr);
  }
  coordinator.address = flags.dist_init_addr.substr(0, colon);
  return coordinator;
}

Result<std::vector<int32_t>> ranks_on_nodes(const ProcessFlags& flags, int32_t num_nodes, int32_t num_ranks) {
  if (!flags.ranks_on_node.empty()) {
    TRY(std::vector<int32_t> counts, parse_counts("--ranks-on-node", flags.ranks_on_node));
    if (std::ssize(counts) != num_nodes) {
      return fail("--ranks-on-node {} is for {} nodes: --nnodes is {}", flags.ranks_on_node, counts.size(), num_nodes);
    }
    return counts;
  }
  if (num_ranks % num_nodes != 0) {
    return fail("{} ranks are not divisible over {} nodes (--nnodes): say how many each has, as in --ranks-on-node 3,1",
                num_ranks, num_nodes);
  }
  return std::vector<int32_t>(static_cast<size_t>(num_nodes), num_ranks / num_nodes);
}

// The program that runs now.
std::string own_program() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).string();
}

}  // namespace

namespace {

// Whether the ranks of a model are in several processes.
bool is_split(const ProcessOptions& plan, const ParallelLayout& layout) {
  if (plan.ranks_on_node.empty()) return false;
  const auto places = place_processes(layout, plan.ranks_on_node, plan.ranks_per_process);
  return places.ok() && std::ranges::any_of(*places, [](const auto& processes) { return processes.size() > 1; });
}

Status check_standby(const ServeFlags& flags, int32_t num_nodes) {
  const ProcessFlags& own = flags.processes;
  if (own.standby < 0) {
    if (own.standby_address.empty()) return {};
    return fail("--standby-address {} needs --standby: the node that is there", own.standby_address);
  }
  if (num_nodes == 1) return fail("--standby {}: there is one node (--nnodes)", own.standby);
  if (own.standby == 0) return fail("--standby 0: node 0 has the front; name the node that takes over from it");
  if (own.standby >= num_nodes) return fail("--standby {}: there are {} nodes (--nnodes)", own.standby, num_nodes);
  if (num_nodes > 2 && own.standby_address.empty()) {
    return fail("--standby {} needs --standby-address: the name or address under which the others reach that node",
                own.standby);
  }
  if (flags.journal.empty()) {
    return fail("--standby {} needs --journal: a folder on node 0 and one on node {}, which has the copy", own.standby,
                own.standby);
  }
  return {};
}

Status check_elastic(const ServeFlags& flags, const ParallelLayout& layout, int32_t num_nodes) {
  const ProcessFlags& own = flags.processes;
  if (!own.is_elastic) {
    if (own.elastic_after_s < 0) return {};
    return fail("--elastic-after {} needs --elastic", own.elastic_after_s);
  }
  if (num_nodes == 1) return fail("--elastic: there is one node (--nnodes)");
  if (layout.num_worlds() > 1) {
    return fail(
        "--elastic is for one model on several nodes, and --dp-size {} without --enable-dp-attention makes {} of them: "
        "the others go on without one that has lost a node anyway",
        layout.dp_size, layout.num_worlds());
  }
  if (flags.model.max_restarts == 0) {
    return fail("--elastic starts a model again that has lost a node: --max-restarts 0 says that none may");
  }
  if (flags.model.numa != "auto" && flags.model.numa != "off") {
    return fail("--elastic has other ranks on a node at other times: --numa {} must be auto or off", flags.model.numa);
  }
  return {};
}

Result<ProcessOptions> plan_processes(const ServeFlags& flags, const ParallelLayout& layout) {
  const ProcessFlags& own = flags.processes;
  const int32_t by_rank = own.node_rank >= 0 ? layout.dp_size : 1;
  const int32_t num_nodes = own.num_nodes > 0 ? own.num_nodes : by_rank;
  ProcessOptions plan{.node = std::max(own.node_rank, 0)};
  if (plan.node >= num_nodes) return fail("--node-rank {}: there are {} nodes (--nnodes)", plan.node, num_nodes);
  TRY(const Coordinator coordinator, coordinator_of(own));
  TRY_STATUS(check_standby(flags, num_nodes));
  TRY_STATUS(check_elastic(flags, layout, num_nodes));
  if (num_nodes == 1 && own.ranks_per_process == 0) {
    if (!own.ranks_on_node.empty()) return fail("--ranks-on-node {}: there is one node", own.ranks_on_node);
    return plan;
  }
  if (own.ranks_per_process > layout.tp_size) {
    return fail("--ranks-per-process {}: a model has {} ranks (--tp-size)", own.ranks_per_process, layout.tp_size);
  }
  if (num_nodes > 1 && own.node_rank < 0) return fail("--nnodes {} needs --node-rank on each node, from 0", num_nodes);
  if (num_nodes > 1 && coordinator.address.empty()) {
    return fail("--nnodes {} needs --node-0-address: the name or address under which the others reach node 0",
                num_nodes);
  }
  if (num_nodes > 1 && own.cluster_key_file.empty()) {
    return fail("{} nodes need --cluster-key-file: make one with `braid keygen cluster.key`, and copy it to every node",
                num_nodes);
  }
  TRY(std::vector<int32_t> ranks_on_node, ranks_on_nodes(own, num_nodes, layout.num_ranks()));
  plan.ranks_on_node = std::move(ranks_on_node);
  plan.ranks_per_process = own.ranks_per_process;
  plan.program = own_program();
  plan.arguments = flags.arguments;
  plan.version = flags.version;
  if (num_nodes > 1) plan.address = coordinator.address;
  plan.port = coordinator.port;
  plan.cluster_key_file = own.cluster_key_file;
  plan.standby = std::max(own.standby, 0);
  plan.standby_address = own.standby_address;
  plan.standby_after_s = own.standby_after_s;
  if (own.is_elastic) plan.elastic_after_s = own.elastic_after_s < 0 ? kDefaultElasticAfter_s : own.elastic_after_s;
  return plan;
}

}  // namespace

Result<ProcessOptions> plan_nodes(const ServeFlags& flags, const ParallelLayout& layout) {
  TRY(ProcessOptions plan, plan_processes(flags, layout));
  if (flags.model.exchange_dtype != "float32" && !is_split(plan, layout)) {
    return fail(
        "--exchange-dtype {} is for sums that travel between processes, and each model's ranks are in one: see "
        "--ranks-per-process and --nnodes",
        flags.model.exchange_dtype);
  }
  TRY(const OverlapHalves halves, flags.model.halves());
  if (halves == OverlapHalves::kOn && !is_split(plan, layout)) {
    return fail(
        "--overlap-halves on is for rows that travel between processes, and each model's ranks are in one: see "
        "--ranks-per-process and --nnodes");
  }
  if (halves == OverlapHalves::kOn && layout.attn_tp_size() > 1) {
    return fail("--overlap-halves on is for DP groups of one rank, and these have {}: --dp-size {} makes such groups",
                layout.attn_tp_size(), layout.tp_size);
  }
  if (halves == OverlapHalves::kOn && flags.model.dp_padding == "sum_len") {
    return fail("--overlap-halves on and --dp-padding sum_len: an all-reduce cannot overlap, choose another mode");
  }
  return plan;
}

Result<std::string> node_0_endpoint(const ProcessFlags& flags) {
  TRY(const Coordinator coordinator, coordinator_of(flags));
  return fmt::format("tcp://{}:{}", coordinator.address, coordinator.port);
}

}  // namespace braid
