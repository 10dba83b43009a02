#include "braid/parallel/rounded_scatter.h"

#include <algorithm>

#include "braid/base/check.h"

namespace braid {
namespace {

std::span<std::byte> whole(const Rows& rows) {
  return {rows.data, static_cast<size_t>(rows.rows * rows.cols * dtype_bytes(rows.dtype))};
}

}  // namespace

RoundedScatter::RoundedScatter(const DpAttentionConfig& config)
    : rounded_(DType::kBFloat16, config.max_rows(), config.hidden),
      received_(DType::kBFloat16, config.max_own_rows() * config.place.tp_size, config.hidden) {}

int64_t RoundedScatter::bytes(const DpAttentionConfig& config) {
  return (config.max_rows() + config.max_own_rows() * config.place.tp_size) * config.hidden *
         dtype_bytes(DType::kBFloat16);
}

// Sets the counts too.
Rows RoundedScatter::round(Ops& ops, std::span<const int64_t> rows_of_each, int64_t first_row, ConstRows partial_sums,
                           Rows own) {
  CHECK(partial_sums.stride == partial_sums.cols && own.stride == own.cols && own.cols == partial_sums.cols);
  const int64_t row_bytes = own.cols * dtype_bytes(DType::kBFloat16);
  const auto* const parts = reinterpret_cast<const float*>(partial_sums.data);
  const Rows rounded = rounded_.first(first_row + partial_sums.rows).slice_rows(first_row, partial_sums.rows);
  auto* const halves = reinterpret_cast<BFloat16*>(rounded.data);
  ops.parallel_for(partial_sums.rows * partial_sums.cols, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) halves[i] = to_bfloat16(parts[i]);
  });
  send_counts_.assign(rows_of_each.begin(), rows_of_each.end());
  for (int64_t& count : send_counts_) count *= row_bytes;
  receive_counts_.assign(send_counts_.size(), own.rows * row_bytes);
  return rounded;
}

Rows RoundedScatter::received(int64_t first_own, int64_t own_rows) const {
  const auto num_ranks = static_cast<int64_t>(send_counts_.size());
  return received_.first((first_own + own_rows) * num_ranks).slice_rows(first_own * num_ranks, own_rows * num_ranks);
}

void RoundedScatter::add(Ops& ops, ConstRows received, Rows own) {
  const auto* const from = reinterpret_cast<const BFloat16*>(received.data);
  auto* const sums = reinterpret_cast<float*>(own.data);
  const int64_t num_values = own.rows * own.cols;
  const int64_t num_ranks = own.rows > 0 ? received.rows / own.rows : 1;
  ops.parallel_for(num_values, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sums[i] = to_float(from[i]);
    for (int64_t rank = 1; rank < num_ranks; ++rank) {
      for (int64_t i = begin; i < end; ++i) sums[i] += to_float(from[rank * num_values + i]);
    }
  });
}

template <typename Scope>
Status RoundedScatter::scatter(Ops& ops, const Communicator<Scope>& ranks, std::span<const int64_t> rows_of_each,
                               ConstRows partial_sums, Rows own) {
  const Rows rounded = round(ops, rows_of_each, 0, partial_sums, own);
  const Rows all = received(0, own.rows);
  TRY_STATUS(ranks.all_to_all_v(whole(rounded), send_counts_, whole(all), receive_counts_));
  add(ops, all, own);
  return {};
}

Status RoundedScatter::begin(Ops& ops, const WorldCommunicator& world, std::span<const int64_t> rows_of_each,
                             const Before& before, ConstRows partial_sums, Rows own) {
  const Rows rounded = round(ops, rows_of_each, before.rows, partial_sums, own);
  return world.begin_all_to_all_v(whole(rounded), send_counts_, whole(received(before.own_rows, own.rows)),
                                  receive_counts_);
}

Status RoundedScatter::finish(Ops& ops, const WorldCommunicator& world, const Before& before, Rows own) {
  TRY_STATUS(world.finish());
  add(ops, received(before.own_rows, own.rows), own);
  return {};
}

template Status RoundedScatter::scatter(Ops&, const WorldCommunicator&, std::span<const int64_t>, ConstRows, Rows);
template Status RoundedScatter::scatter(Ops&, const GroupCommunicator&, std::span<const int64_t>, ConstRows, Rows);

}  // namespace braid
