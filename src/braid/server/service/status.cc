#include "braid/server/service/status.h"

#include <algorithm>
#include <string>

#include "braid/server/service/http_responses.h"

namespace braid {
namespace {

// Null for a world that has never failed.
Json last_error_of(const WorldStatus& world) {
  if (world.last_error.empty()) return nullptr;
  return {{"message", world.last_error}, {"time", world.last_error_unix_s}};
}

Json seconds_by_padding(const ExchangeCosts::Seconds& seconds) {
  Json by_padding = Json::object();
  for (size_t mode = 0; mode < kNumPaddingModes; ++mode) {
    by_padding[padding_mode_name(static_cast<DpPaddingMode>(mode))] = seconds[mode];
  }
  return by_padding;
}

// Null for a world that has measured nothing.
Json exchange_costs_of(const EngineStats& stats, size_t world) {
  if (world >= stats.exchange_costs.size() || stats.exchange_costs[world].points.empty()) return nullptr;
  Json points = Json::array();
  for (const ExchangeCosts::Point& point : stats.exchange_costs[world].points) {
    points.push_back({{"tokens", point.tokens},
                      {"balanced_s", seconds_by_padding(point.balanced_s)},
                      {"one_busy_s", seconds_by_padding(point.one_busy_s)}});
  }
  return points;
}

Json worlds_of(const EngineStats& stats, const ParallelLayout& layout) {
  Json worlds = Json::array();
  for (size_t index = 0; index < stats.worlds.size(); ++index) {
    const WorldStatus& world = stats.worlds[index];
    Json dp_ranks = Json::array();
    for (int32_t i = 0; i < layout.groups_per_world(); ++i) {
      dp_ranks.push_back(static_cast<int32_t>(index) * layout.groups_per_world() + i);
    }
    // Its groups take part in the same steps.
    const size_t first_group = index * static_cast<size_t>(layout.groups_per_world());
    const ExchangeCounts exchange =
        first_group < stats.groups.size() ? stats.groups[first_group].exchange : ExchangeCounts();
    worlds.push_back({{"world", index},
                      {"state", world_state_name(world.state)},
                      {"dp_ranks", std::move(dp_ranks)},
                      {"num_restarts", world.num_restarts},
                      {"last_error", last_error_of(world)},
                      {"exchange_costs", exchange_costs_of(stats, index)},
                      {"steps_by_overlap", {{"whole", exchange.whole_steps()}, {"halves", exchange.halved_steps}}}});
  }
  return worlds;
}

Json groups_of(const EngineStats& stats, const ParallelLayout& layout) {
  Json groups = Json::array();
  for (size_t dp_rank = 0; dp_rank < stats.groups.size(); ++dp_rank) {
    const GroupLoad& load = stats.groups[dp_rank];
    groups.push_back({{"dp_rank", dp_rank},
                      {"world", dp_rank / static_cast<size_t>(layout.groups_per_world())},
                      {"num_running_reqs", load.scheduler.num_running},
                      {"num_waiting_reqs", load.scheduler.num_waiting},
                      {"num_steps", load.num_steps}});
  }
  return groups;
}

Json ranks_of(const ClusterStatus& cluster) {
  Json ranks = Json::array();
  for (const RankStatus& rank : cluster.ranks) {
    ranks.push_back({{"rank", rank.rank},
                     {"world", rank.world},
                     {"dp_rank", rank.group},
                     {"node", rank.node},
                     {"pid", rank.pid},
                     {"kernels", rank.kernels},
                     {"cpus", rank.cpus},
                     {"numa_domain", rank.numa_domain < 0 ? Json(nullptr) : Json(rank.numa_domain)},
                     {"memory_bytes", rank.memory_bytes},
                     {"num_steps", rank.counts.num_steps},
                     {"step_seconds", rank.counts.step_s},
                     {"exchange_seconds", rank.counts.exchange_s},
                     {"times_slower", rank.times_slower > 0 ? Json(rank.times_slower) : Json(nullptr)},
                     {"weights", rank.weights.checked_unix_s > 0 ? rank_weights(rank.weights) : Json(nullptr)}});
  }
  return ranks;
}

Json nodes_of(const ClusterStatus& cluster) {
  Json nodes = Json::array();
  for (const NodeStatus& node : cluster.nodes) {
    Json ranks = Json::array();
    for (const RankStatus& rank : cluster.ranks) {
      if (rank.node == node.node) ranks.push_back(rank.rank);
    }
    nodes.push_back({{"node", node.node},
                     {"host", node.host.empty() ? Json(nullptr) : Json(node.host)},
                     {"is_there", node.is_there},
                     {"ranks", std::move(ranks)}});
  }
  return nodes;
}

// Null if no node stands by.
Json standby_of(const std::optional<StandbyStatus>& standby) {
  if (!standby) return nullptr;
  return {{"node", standby->node},
          {"is_there", standby->copy.is_there},
          {"is_whole", standby->copy.is_whole},
          {"bytes_behind", standby->copy.bytes_behind}};
}

// Null if the model waits for nodes that are gone.
Json elastic_of(const std::optional<ElasticStatus>& elastic) {
  if (!elastic) return nullptr;
  return {{"left_out_nodes", elastic->left_out},
          {"since", elastic->left_out.empty() ? Json(nullptr) : Json(elastic->since_unix_s)},
          {"problem", elastic->problem.empty() ? Json(nullptr) : Json(elastic->problem)}};
}

std::string_view state_of(const EngineStats& stats) {
  if (!stats.failure.empty()) return "failed";
  const bool restarts = std::ranges::any_of(
      stats.worlds, [](const WorldStatus& world) { return world.state == WorldStatus::State::kRestarts; });
  if (restarts) return "restarting";
  return stats.is_paused ? "paused" : "running";
}

}  // namespace

Json rank_weights(const RankWeights& weights) {
  Json damaged = Json::array();
  for (const RankWeights::Damaged& one : weights.damaged) {
    damaged.push_back({{"tensors", one.tensors}, {"num_bad_pages", one.num_bad_pages}});
  }
  return {{"checked_at", weights.checked_unix_s},
          {"num_pages", weights.num_pages},
          {"num_bad_pages", weights.num_bad_pages},
          {"damaged", std::move(damaged)}};
}

http::Response server_status(const ServedModel& model, const Json& settings,
                             const std::optional<StandbyStatus>& standby, double uptime_s) {
  const EngineStats stats = model.engine->stats();
  const ClusterStatus cluster = model.engine->cluster();
  const ParallelLayout& layout = model.engine->layout();
  uint64_t num_restarts = 0;
  const WorldStatus* last_failed = nullptr;
  for (const WorldStatus& world : stats.worlds) {
    num_restarts += world.num_restarts;
    if (last_failed == nullptr || world.last_error_unix_s > last_failed->last_error_unix_s) last_failed = &world;
  }
  return json_response({{"state", state_of(stats)},
                        {"version", settings.value("version", "")},
                        {"model", model.name},
                        {"uptime_s", uptime_s},
                        {"layout",
                         {{"tp_size", layout.tp_size},
                          {"dp_size", layout.dp_size},
                          {"attn_tp_size", layout.attn_tp_size()},
                          {"enable_dp_attention", layout.enable_dp_attention},
                          {"num_worlds", layout.num_worlds()}}},
                        {"worlds", worlds_of(stats, layout)},
                        {"groups", groups_of(stats, layout)},
                        {"nodes", nodes_of(cluster)},
                        {"ranks", ranks_of(cluster)},
                        {"elastic", elastic_of(cluster.elastic)},
                        {"standby", standby_of(standby)},
                        {"num_queue_reqs", stats.num_queued},
                        {"num_restarts", num_restarts},
                        {"num_resumed_reqs", stats.num_resumed},
                        {"num_set_aside_reqs", stats.num_set_aside},
                        {"last_error", last_failed == nullptr ? Json(nullptr) : last_error_of(*last_failed)}});
}

}  // namespace braid
