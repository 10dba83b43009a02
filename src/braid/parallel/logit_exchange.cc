#include "braid/parallel/logit_exchange.h"

#include <cstring>
#include <numeric>

namespace braid {
namespace {

std::span<std::byte> bytes_of_contiguous(const Rows& rows) {
  return {rows.data, static_cast<size_t>(rows.rows * rows.cols * dtype_bytes(rows.dtype))};
}

void copy_rows(ConstRows from, const Rows& to) {
  CHECK(from.rows == to.rows && from.cols == to.cols && from.dtype == to.dtype, "[{}, {}] into [{}, {}]", from.rows,
        from.cols, to.rows, to.cols);
  for (int64_t row = 0; row < to.rows; ++row) {
    std::memcpy(to.row_bytes(row), from.row_bytes(row), static_cast<size_t>(to.cols * dtype_bytes(to.dtype)));
  }
}

bool copies_parts(const DpAttentionConfig& config) {
  return config.place.head_parallel == HeadParallel::kGroup && config.place.attn_tp_size > 1;
}

}  // namespace

LogitExchange::LogitExchange(const DpAttentionConfig& config, WorldCommunicator world, GroupCommunicator group,
                             const RowsBuffer& logits)
    : config_(config),
      world_(world),
      group_(group),
      logits_(logits),
      rows_(config.dtype, config.all_logit_rows(), config.hidden),
      peers_(static_cast<size_t>(world.size())),
      counts_(static_cast<size_t>(group.size())) {
  if (copies_parts(config)) {
    parts_ = RowsBuffer(DType::kFloat32, config.all_logit_rows() * group.size(), config.vocab_rows);
  }
}

int64_t LogitExchange::own_bytes(const DpAttentionConfig& config) {
  const int64_t rows = config.all_logit_rows();
  const int64_t parts = copies_parts(config) ? rows * config.place.attn_tp_size * config.vocab_rows * 4 : 0;
  return rows * config.row_bytes() + parts;
}

Status LogitExchange::gather(ConstRows own) {
  gathered_ = own;
  group_first_ = 0;
  group_rows_ = own.rows;
  if (is_over_world()) return gather_shared(own);
  if (group_.size() > 1) return gather_in_group(own);
  return {};
}

// These are few rows: copying them on each rank is cheaper than a second meeting to write them side by side.
Status LogitExchange::gather_shared(ConstRows own) {
  own_ = own;
  TRY_STATUS(world_.share(&own_, peers_));
  int64_t total = 0;
  for (const void* peer : peers_) total += static_cast<const ConstRows*>(peer)->rows;
  const Rows all = rows_.first(total);
  const int32_t first_of_group = config_.place.tp_rank - config_.place.attn_tp_rank;
  int64_t next = 0;
  group_rows_ = 0;
  for (int32_t rank = 0; rank < world_.size(); ++rank) {
    const ConstRows& theirs = *static_cast<const ConstRows*>(peers_[static_cast<size_t>(rank)]);
    copy_rows(theirs, all.slice_rows(next, theirs.rows));
    if (rank < first_of_group) group_first_ += theirs.rows;
    if (rank >= first_of_group && rank < first_of_group + config_.place.attn_tp_size) group_rows_ += theirs.rows;
    next += theirs.rows;
  }
  gathered_ = all;
  return {};
}

Status LogitExchange::gather_in_group(ConstRows own) {
  TRY_STATUS(group_.all_gather(bytes_of(own.rows), std::as_writable_bytes(std::span(counts_))));
  const int64_t total = std::accumulate(counts_.begin(), counts_.end(), int64_t{0});
  const int64_t before = std::accumulate(counts_.begin(), counts_.begin() + group_.rank(), int64_t{0});
  for (int64_t& count : counts_) count *= config_.row_bytes();
  const Rows all = rows_.first(total);
  const Rows place = all.slice_rows(before, own.rows);
  copy_rows(own, place);
  TRY_STATUS(group_.all_gather_v(bytes_of_contiguous(place), bytes_of_contiguous(all), counts_));
  gathered_ = all;
  group_rows_ = total;
  return {};
}

Rows LogitExchange::slot(int64_t rows) const {
  if (is_over_world()) {
    return logits_.first(rows).slice_cols(config_.place.head_part() * config_.vocab_rows, config_.vocab_rows);
  }
  if (!copies_parts(config_)) return logits_.first(rows);
  return parts_.first(rows * (group_.rank() + 1)).slice_rows(rows * group_.rank(), rows);
}

Status LogitExchange::share(ConstRows product) {
  if (is_over_world()) return world_.barrier();
  if (!copies_parts(config_)) return {};
  const Rows own = slot(product.rows);
  CHECK(product.data == own.data, "a product that is not in its slot");
  const Rows all = parts_.first(product.rows * group_.size());
  TRY_STATUS(group_.all_gather(bytes_of_contiguous(own), bytes_of_contiguous(all)));
  for (int32_t rank = 0; rank < group_.size(); ++rank) {
    copy_rows(all.slice_rows(rank * product.rows, product.rows),
              logits_.first(product.rows).slice_cols(rank * config_.vocab_rows, config_.vocab_rows));
  }
  return {};
}

ConstRows LogitExchange::logits_of_group(int64_t group_rows, int64_t vocab_size) const {
  return logits_.first(group_first_ + group_rows).slice_rows(group_first_, group_rows).slice_cols(0, vocab_size);
}

}  // namespace braid
