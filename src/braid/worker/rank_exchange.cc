#include "braid/worker/rank_exchange.h"

#include <fmt/ranges.h>

namespace braid {

Result<std::unique_ptr<DpTokenExchange>> make_rank_exchange(const DpAttentionConfig& config,
                                                            std::string_view attention_backend, Ops& ops,
                                                            WorldCommunicator world, GroupCommunicator group,
                                                            Logger& logger) {
  const RankPlace& place = config.place;
  auto exchange = initialize_dp_attention(config, ops, world, group);
  if (place.dp_size == 1) return exchange;
  if (exchange.ok()) {
    logger.debug("DP attention is active on rank {}: {} of {} in group {} of {}, backend dp({})", place.tp_rank,
                 place.attn_tp_rank, place.attn_tp_size, place.attn_dp_rank, place.dp_size, attention_backend);
  } else if (place.tp_rank == 0) {
    logger.warn("DP attention over {} groups cannot be initialised, attention falls back to {} without it: {}",
                place.dp_size, attention_backend, exchange.error().message);
  }
  return exchange;
}

void prepare_exchange(TokenExchange& exchange, const RankPlace& place, const WorldStep& step, Logger& logger) {
  const auto padding = exchange.prepare_step(step.number, step.group_tokens, step.in_halves);
  if (padding && place.dp_size > 1 && place.tp_rank == 0) {
    logger.debug("step {}: padding {}, tokens by group {}{}", step.number, padding_mode_name(*padding),
                 fmt::join(step.group_tokens, " "), exchange.num_parts() > 1 ? ", in halves" : "");
  }
}

}  // namespace braid
