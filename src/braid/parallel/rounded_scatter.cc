#include "braid/parallel/rounded_scatter.h"

#include <algorithm>

#include "braid/base/check.h"

namespace braid {

RoundedScatter::RoundedScatter(const DpAttentionConfig& config)
    : rounded_(DType::kBFloat16, config.max_rows(), config.hidden),
      received_(DType::kBFloat16, config.max_own_rows() * config.place.tp_size, config.hidden) {}

int64_t RoundedScatter::bytes(const DpAttentionConfig& config) {
  return (config.max_rows() + config.max_own_rows() * config.place.tp_size) * config.hidden *
         dtype_bytes(DType::kBFloat16);
}

template <typename Scope>
Status RoundedScatter::scatter(Ops& ops, const Communicator<Scope>& ranks, std::span<const int64_t> rows_of_each,
                               ConstRows partial_sums, Rows own) {
  CHECK(partial_sums.stride == partial_sums.cols && own.stride == own.cols && own.cols == partial_sums.cols);
  const int64_t row_bytes = own.cols * dtype_bytes(DType::kBFloat16);
  const auto* const parts = reinterpret_cast<const float*>(partial_sums.data);
  const Rows rounded = rounded_.first(partial_sums.rows);
  auto* const halves = reinterpret_cast<BFloat16*>(rounded.data);
  ops.parallel_for(partial_sums.rows * partial_sums.cols, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) halves[i] = to_bfloat16(parts[i]);
  });
  send_counts_.assign(rows_of_each.begin(), rows_of_each.end());
  for (int64_t& count : send_counts_) count *= row_bytes;
  receive_counts_.assign(send_counts_.size(), own.rows * row_bytes);
  const Rows received = received_.first(own.rows * ranks.size());
  TRY_STATUS(ranks.all_to_all_v({rounded.data, static_cast<size_t>(rounded.rows * row_bytes)}, send_counts_,
                                {received.data, static_cast<size_t>(received.rows * row_bytes)}, receive_counts_));
  const auto* const from = reinterpret_cast<const BFloat16*>(received.data);
  auto* const sums = reinterpret_cast<float*>(own.data);
  const int64_t num_values = own.rows * own.cols;
  ops.parallel_for(num_values, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sums[i] = to_float(from[i]);
    for (int64_t rank = 1; rank < ranks.size(); ++rank) {
      for (int64_t i = begin; i < end; ++i) sums[i] += to_float(from[rank * num_values + i]);
    }
  });
  return {};
}

template Status RoundedScatter::scatter(Ops&, const WorldCommunicator&, std::span<const int64_t>, ConstRows, Rows);
template Status RoundedScatter::scatter(Ops&, const GroupCommunicator&, std::span<const int64_t>, ConstRows, Rows);

}  // namespace braid
