#include "braid/attention/dp_attention_backend.h"

#include <fmt/ranges.h>

#include <utility>

namespace braid {

DpAttentionBackend::DpAttentionBackend(std::unique_ptr<AttentionBackend> wrapped,
                                       std::unique_ptr<DpTokenExchange> exchange, Logger& logger)
    : wrapped_(std::move(wrapped)),
      exchange_(std::move(exchange)),
      logger_(logger),
      name_(fmt::format("dp({})", wrapped_->name())) {}

void DpAttentionBackend::forward(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
                                 const AttentionParams& params, Rows out) {
  const int32_t own_group = exchange_->config().place.attn_dp_rank;
  const int64_t group_rows = exchange_->layout().groups[static_cast<size_t>(own_group)].rows;
  CHECK(q.rows == group_rows, "{} rows, the step has {} of group {}", q.rows, group_rows, own_group);
  wrapped_->forward(q, sequences, layer, params, out);
}

void DpAttentionBackend::begin_step(const DpAttentionMetadata& metadata) {
  if (exchange_->config().place.tp_rank == 0) {
    logger_.debug("step {}: padding {}, tokens by group {}", metadata.step, padding_mode_name(metadata.padding),
                  fmt::join(metadata.group_tokens, " "));
  }
  exchange_->begin_step(metadata);
}

CreatedAttention create_dp_attention_backend(std::unique_ptr<AttentionBackend> wrapped, bool enable_dp_attention,
                                             const DpAttentionConfig& config, Ops& ops, WorldCommunicator world,
                                             GroupCommunicator group, Logger& logger) {
  const RankPlace& place = config.place;
  if (!enable_dp_attention || place.dp_size == 1) return {.backend = std::move(wrapped)};
  auto exchange = initialize_dp_attention(config, ops, world, group);
  if (!exchange.ok()) {
    if (place.tp_rank == 0) {
      logger.warn("DP attention over {} groups cannot be initialised, attention falls back to {} without it: {}",
                  place.dp_size, wrapped->name(), exchange.error().message);
    }
    return {.backend = std::move(wrapped)};
  }
  auto backend = std::make_unique<DpAttentionBackend>(std::move(wrapped), std::move(exchange).value(), logger);
  logger.debug("DP attention is active on rank {}: {} of {} in group {} of {}, backend {}", place.tp_rank,
               place.attn_tp_rank, place.attn_tp_size, place.attn_dp_rank, place.dp_size, backend->name());
  DpAttentionBackend* const dp = backend.get();
  return {.backend = std::move(backend), .dp = dp};
}

}  // namespace braid
