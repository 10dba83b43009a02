// An exchange between ranks that are threads, as plain as can be: everything is copied, every call is a barrier of all
// ranks. For tests of sharded models.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <vector>

#include "braid/parallel/token_exchange.h"
#include "braid/parallel/topology.h"
#include "braid/tensor/buffer.h"

namespace braid::testing {

// What the ranks of one world share.
struct ExchangeWorld {
  ExchangeWorld(int32_t num_ranks, int64_t max_logit_rows, int64_t vocab_rows)
      : published(static_cast<size_t>(num_ranks)),
        group_logit_rows(static_cast<size_t>(num_ranks)),
        logits(DType::kFloat32, max_logit_rows, vocab_rows * num_ranks) {}

  void barrier() {
    std::unique_lock lock(mutex);
    const int64_t own_round = round;
    if (++num_arrived == static_cast<int64_t>(published.size())) {
      num_arrived = 0;
      ++round;
      arrived.notify_all();
    }
    arrived.wait(lock, [&] { return round != own_round; });
  }

  std::vector<ConstRows> published;       // by rank
  std::vector<int64_t> group_logit_rows;  // rows that each rank brought
  RowsBuffer logits;                      // every rank's columns side by side
  std::mutex mutex;
  std::condition_variable arrived;
  int64_t num_arrived = 0;
  int64_t round = 0;
};

class ThreadExchange final : public TokenExchange {
 public:
  ThreadExchange(ExchangeWorld& world, const RankPlace& place) : world_(world), place_(place) {}

  Span1d own_rows(int64_t group_rows) const override {
    return split_evenly(group_rows, place_.attn_tp_rank, place_.attn_tp_size);
  }
  Rows own_slot(Rows fallback) override { return fallback; }
  ConstRows group_gather(ConstRows own) override { return collect(own, first_of_group(), place_.attn_tp_size); }
  ConstRows group_scatter(ConstRows partial_sums) override {
    return sum(partial_sums, own_rows(partial_sums.rows), first_of_group(), place_.attn_tp_size);
  }
  ConstRows gather(ConstRows own) override {
    const ConstRows all = collect(own, 0, place_.tp_size);
    own_ = {.begin = first_row_, .end = first_row_ + own.rows};
    return all;
  }
  ConstRows scatter(ConstRows partial_sums) override { return sum(partial_sums, own_, 0, place_.tp_size); }

  ConstRows gather_logit_rows(ConstRows own) override {
    world_.group_logit_rows[static_cast<size_t>(place_.tp_rank)] = own.rows;
    return collect(own, 0, place_.tp_size);
  }
  Rows logit_slot(Rows fallback) override {
    return world_.logits.first(fallback.rows).slice_cols(place_.tp_rank * fallback.cols, fallback.cols);
  }
  ConstRows share_logits(ConstRows product, int64_t vocab_size) override {
    world_.barrier();
    Span1d rows;
    for (int32_t rank = 0; rank < first_of_group() + place_.attn_tp_size; ++rank) {
      const int64_t count = world_.group_logit_rows[static_cast<size_t>(rank)];
      (rank < first_of_group() ? rows.begin : rows.end) += count;
    }
    logits_ = RowsBuffer(DType::kFloat32, rows.end, vocab_size);
    const Rows all = world_.logits.first(product.rows).slice_cols(0, vocab_size);
    for (int64_t i = 0; i < rows.end; ++i) copy_row(all, rows.begin + i, logits_.first(rows.end), i);
    world_.barrier();
    return logits_.first(rows.end);
  }

 private:
  int32_t first_of_group() const { return place_.tp_rank - place_.attn_tp_rank; }

  static void copy_row(ConstRows from, int64_t source, Rows to, int64_t target) {
    std::memcpy(to.row_bytes(target), from.row_bytes(source), static_cast<size_t>(to.cols * dtype_bytes(to.dtype)));
  }

  // The rows of ranks [first, first + count), one behind the other.
  ConstRows collect(ConstRows own, int32_t first, int32_t count) {
    world_.published[static_cast<size_t>(place_.tp_rank)] = own;
    world_.barrier();
    int64_t num_rows = 0;
    for (int32_t rank = first; rank < first + count; ++rank) num_rows += published(rank).rows;
    gathered_ = RowsBuffer(own.dtype, num_rows, own.cols);
    int64_t next = 0;
    for (int32_t rank = first; rank < first + count; ++rank) {
      if (rank == place_.tp_rank) first_row_ = next;
      for (int64_t i = 0; i < published(rank).rows; ++i)
        copy_row(published(rank), i, gathered_.first(num_rows), next++);
    }
    world_.barrier();
    return gathered_.first(num_rows);
  }

  // `own` of the partial sums of ranks [first, first + count), added in their order.
  ConstRows sum(ConstRows partial_sums, Span1d own, int32_t first, int32_t count) {
    world_.published[static_cast<size_t>(place_.tp_rank)] = partial_sums;
    world_.barrier();
    const int64_t num_rows = own.end - own.begin;
    sums_ = RowsBuffer(DType::kFloat32, num_rows, partial_sums.cols);
    for (int64_t i = 0; i < num_rows; ++i) {
      float* const out = sums_.first(num_rows).row<float>(i);
      for (int32_t rank = first; rank < first + count; ++rank) {
        const float* const in = published(rank).row<float>(own.begin + i);
        for (int64_t col = 0; col < partial_sums.cols; ++col) out[col] = rank == first ? in[col] : out[col] + in[col];
      }
    }
    world_.barrier();
    return sums_.first(num_rows);
  }

  const ConstRows& published(int32_t rank) const { return world_.published[static_cast<size_t>(rank)]; }

  ExchangeWorld& world_;
  RankPlace place_;
  Span1d own_;  // of all rows
  int64_t first_row_ = 0;
  RowsBuffer gathered_;
  RowsBuffer sums_;
  RowsBuffer logits_;
};

}  // namespace braid::testing
