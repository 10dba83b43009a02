#include "braid/worker/rank_set_log.h"

#include <sstream>

#include "braid/base/huge_pages.h"
#include "braid/base/system_info.h"
#include "braid/model/local_shape.h"

namespace braid {
namespace {

// Each KV group's part of the pool, where layers have windows.
void log_windows(const KvShape& shape, const PoolSize& pool, int32_t num_ranks, Logger& logger) {
  const KvGroups groups = shape.kv_groups();
  if (groups.count() == 1 && groups.windows[0] == 0) return;
  const int64_t layer_bytes = kv_bytes_per_token(shape).value() / shape.num_layers;
  for (size_t i = 0; i < groups.windows.size(); ++i) {
    const int64_t num_tokens = int64_t{pool.kv_groups[i].num_pages} * shape.page_size;
    const auto bytes = static_cast<double>(num_tokens * groups.num_layers[i] * layer_bytes * num_ranks);
    const std::string window =
        groups.windows[i] == 0 ? "see all" : fmt::format("have a window of {} tokens", groups.windows[i]);
    logger.info("of it: {} layers that {}, {} tokens, {:.2f} GB", groups.num_layers[i], window, num_tokens,
                bytes / 1e9);
  }
}

}  // namespace

void log_ranks(const ProcessRanks& ranks, const ModelConfig& config, Logger& logger) {
  const ParallelLayout& layout = ranks.layout;
  if (layout.num_ranks() == 1) return;
  const int32_t num_threads = ranks.threads_per_rank;
  logger.info("{} ranks of {} threads, tp_size {}, dp_size {}{}; * publishes its group's steps", layout.num_ranks(),
              num_threads, layout.tp_size, layout.dp_size, layout.enable_dp_attention ? ", DP attention" : "");
  if (layout.num_worlds() > 1 && layout.tp_size > 1) {
    logger.info(
        "--dp-size {} without --enable-dp-attention: {} replicas of the model, each on {} ranks; with it, the groups "
        "share one model",
        layout.dp_size, layout.num_worlds(), layout.tp_size);
  }
  std::istringstream grid(rank_grid(layout));
  for (std::string group; std::getline(grid, group);) logger.info("{}", group);
  if (const int32_t cores = available_cores(); ranks.ranks_on_host * num_threads > cores) {
    logger.warn("{} ranks of {} threads share {} cores", ranks.ranks_on_host, num_threads, cores);
  }
  if (const std::string note = kv_replication_note(layout, layout_model(config)); !note.empty()) {
    logger.warn("{}", note);
  }
  if (const std::string bound = describe_placement(ranks.places, static_cast<int32_t>(ranks.own.begin)); !bound.empty())
    logger.info("{}", bound);
}

void log_tower(const TowerShare& share, const VisionTower* tower, const ProcessRanks& ranks, Logger& logger) {
  const int32_t group_size = ranks.layout.attn_tp_size();
  if (tower == nullptr || group_size == 1) return;
  WeightList weights;
  tower->list_weights(weights);
  const VisionShard& shard = share.shard;
  std::string held =
      fmt::format("vision tower: {:.1f} MB in this process", static_cast<double>(weights.num_bytes()) / 1e6);
  if (shard.num_parts > 1) {
    held += fmt::format(", {} of {} parts of its heads and inner sizes", shard.num_own(), shard.num_parts);
  }
  if (share.is_split()) {
    held += "; the processes of a group encode each image together";
  } else if (!share.reason.empty()) {
    held += fmt::format("; not split: {}", share.reason);
  }
  logger.info("{}", held);
}

void log_loaded(const ProcessRanks& ranks, const ModelConfig& config, const LoadedModel& loaded,
                const LoadedSizes& sizes, Logger& logger) {
  const int32_t num_ranks = ranks.layout.num_ranks();
  logger.info("{}: {:.2f} GB of weights in {}, {} threads, {} kernels, attention {}", config.architecture,
              static_cast<double>(loaded.weight_bytes) / 1e9, dtype_name(sizes.dtype),
              ranks.threads_per_rank * num_ranks, sizes.kernels, sizes.attention);
  logger.info("weights as they are stored, and what is computed with: {}", loaded.weight_uses.text());
  if (const auto problem = huge_page_problem(loaded.huge_page_bytes, huge_page_state())) logger.warn("{}", *problem);
  for (const std::string& note : config.notes) logger.info("{}", note);
  if (sizes.exchange_bytes > 0) {
    logger.info("exchange buffers: {:.1f} MB in all, for steps of {} tokens in each group",
                static_cast<double>(sizes.exchange_bytes) / 1e6, sizes.step_tokens);
  }
  const std::string each = ranks.layout.num_groups() > 1 ? " in each group" : "";
  logger.info("KV pool: {} tokens{} in {}, {:.2f} GB{}; context {}; at most {} running requests{}",
              int64_t{sizes.pool.num_pages} * sizes.kv_shape.page_size, each,
              kv_dtype_name(sizes.kv_shape.dtype, sizes.kv_shape.codes),
              static_cast<double>(sizes.pool.bytes * num_ranks) / 1e9, num_ranks > 1 ? " in all" : "",
              sizes.pool.context_len, sizes.running_requests, each);
  if (sizes.move_bytes > 0) {
    logger.info("requests that move: {:.2f} GB for copies, at most {} tokens on their way",
                static_cast<double>(sizes.move_bytes) / 1e9, sizes.max_moving_tokens);
  }
  log_windows(sizes.kv_shape, sizes.pool, num_ranks, logger);
}

}  // namespace braid
