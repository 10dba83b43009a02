#include "braid/attention/dp_attention_backend.h"

#include <utility>

namespace braid {

DpAttentionBackend::DpAttentionBackend(std::unique_ptr<AttentionBackend> wrapped, const DpTokenExchange& exchange)
    : wrapped_(std::move(wrapped)), exchange_(exchange), name_(fmt::format("dp({})", wrapped_->name())) {}

void DpAttentionBackend::forward(ConstRows q, std::span<const AttentionSequence> sequences, const KvLayer& layer,
                                 const AttentionParams& params, Rows out) {
  const int32_t own_group = exchange_.config().place.attn_dp_rank;
  const int64_t group_rows = exchange_.layout().groups[static_cast<size_t>(own_group)].rows;
  CHECK(q.rows == group_rows, "{} rows, the step has {} of group {}", q.rows, group_rows, own_group);
  wrapped_->forward(q, sequences, layer, params, out);
}

std::unique_ptr<AttentionBackend> create_dp_attention_backend(std::unique_ptr<AttentionBackend> wrapped,
                                                              const DpTokenExchange* exchange) {
  if (exchange == nullptr || exchange->config().place.dp_size == 1) return wrapped;
  return std::make_unique<DpAttentionBackend>(std::move(wrapped), *exchange);
}

}  // namespace braid
