// How a step's token rows move between ranks: gathered for the layers that all ranks share, and scattered again. Tested
// by dp_token_exchange_test.cc and halved_and_rounded_exchange_test.cc.
//
// A model calls these and knows nothing of ranks: x is always the rank's own rows. Every rank of a world makes the same
// calls in the same order, even with no rows.
//
// If the world has ended, an exception ends the forward pass. A layer that continued would compute with rows that never
// arrive, and write where slower ranks still read.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "braid/base/function_ref.h"
#include "braid/base/index_range.h"
#include "braid/parallel/exchange_counts.h"
#include "braid/parallel/padding.h"
#include "braid/tensor/buffer.h"
#include "braid/tensor/rows.h"

namespace braid {

// Thrown by an exchange whose world has ended. Caught right outside the model: see until_world_ends().
class WorldEnded final : public std::exception {
 public:
  explicit WorldEnded(Error error) : error_(std::move(error)) {}
  const char* what() const noexcept override { return error_.message.c_str(); }
  const Error& error() const { return error_; }

 private:
  Error error_;
};

// Runs `work`, which calls an exchange. Returns an error with the reason if the world ends.
Status until_world_ends(FunctionRef<void()> work);

class TokenExchange {
 public:
  virtual ~TokenExchange() = default;

  // Before a step's first layer, on all ranks with the same arguments: how many tokens each group of the world has.
  // Returns how rows are padded; nothing where none are exchanged. `in_halves`: each group's rows are computed in two
  // parts, so that one is exchanged while the other one is computed. Ignored where that makes no sense.
  virtual std::optional<DpPaddingMode> prepare_step(int64_t step, std::span<const int32_t> group_tokens,
                                                    bool in_halves = false) = 0;

  // How many parts the step has, 1 or 2, and which of the group's rows are in each, one part after the other. The calls
  // from own_rows() to finish_scatter() concern the part that was selected last, at first the only one.
  virtual int32_t num_parts() const { return 1; }
  virtual IndexRange part_rows(int32_t /*part*/, int64_t group_rows) const { return {.begin = 0, .end = group_rows}; }
  virtual void select_part(int32_t /*part*/) {}

  // Which of its group's `group_rows` rows are the rank's own between attention and feed-forward. The parts of a
  // group's ranks lie one after the other in rank order.
  virtual IndexRange own_rows(int64_t group_rows) const = 0;

  // Where to write the rank's own rows before group_gather or gather: the first `rows` of `fallback`, or memory of the
  // same shape that the other ranks see, so that gathering copies nothing.
  virtual Rows own_slot(const RowsBuffer& fallback, int64_t rows) = 0;

  // From the rank's own rows to the rows of all ranks of its DP group, for attention; bits unchanged.
  virtual ConstRows group_gather(ConstRows own) = 0;
  // From partial sums [rows of the group] float32 to the rank's own rows, summed over the group in rank order. The
  // partial sums must stay unchanged until the next gather(): other ranks may read them until then.
  virtual ConstRows group_scatter(ConstRows partial_sums) = 0;

  // Sums `parts`, contiguous float32 [rows of the group, any], over the group's ranks in rank order, in place on all of
  // them. Called between group_gather and group_scatter.
  virtual void group_sum(Rows parts) = 0;

  // From the rank's own rows to the rows of all ranks, for the feed-forward layers; bits unchanged. In two calls, since
  // of a step in parts another part is computed between them.
  virtual int64_t gathered_rows() const { return 0; }  // of this part, padding included; known only of several ranks
  virtual void begin_gather(ConstRows own) = 0;
  virtual ConstRows finish_gather() = 0;
  // From partial sums [rows of all ranks] float32 to the rank's own rows, summed over the ranks in rank order. These
  // too must stay unchanged until the part's next gather, so the next layer's attention needs other memory for its
  // sums, and each part its own.
  virtual void begin_scatter(ConstRows partial_sums) = 0;
  virtual ConstRows finish_scatter() = 0;

  ConstRows gather(ConstRows own) {
    begin_gather(own);
    return finish_gather();
  }
  ConstRows scatter(ConstRows partial_sums) {
    begin_scatter(partial_sums);
    return finish_scatter();
  }

  // The head's vocabulary is split: part p has the columns of tokens [p * n, (p + 1) * n); columns beyond the
  // vocabulary are padding. The three calls below are made in this order, any number of times after a forward pass,
  // equally often by all ranks.
  //
  // `own`: the rank's own rows whose logits are wanted, in order and normed; each rank may have any number. Returns the
  // rows of all ranks that share the head, in rank order, bits unchanged.
  virtual ConstRows gather_logit_rows(ConstRows own) = 0;
  // Where to write the rank's product with its part of the head, [gathered rows, n] float32 with any row stride: the
  // first `rows` of `fallback`, or other memory.
  virtual Rows logit_slot(const RowsBuffer& fallback, int64_t rows) = 0;
  // From the products of all ranks (`product`: this rank's) to the logits of the `group_rows` rows of the rank's group,
  // in rank order: [group_rows, vocab_size] float32 without padding, bits unchanged. Valid until the next gather.
  virtual ConstRows share_logits(ConstRows product, int64_t group_rows, int64_t vocab_size) = 0;

  // Whether the rank has the whole head, for its own rows only. Then it gathers only its own rows, no rank waits for
  // its logits, and share_logits() may be skipped.
  virtual bool has_whole_head() const = 0;

  // The total time that the rank has waited in these calls for slower ranks, if that can be told from moving data.
  virtual double waited_s() const { return 0; }

  // What was exchanged since prepare_step(), by the rank's group; nothing where no rows are exchanged.
  virtual ExchangeCounts take_counts() { return {}; }
};

// For a single rank: everything is a view, nothing is copied.
class SingleRankExchange : public TokenExchange {
 public:
  std::optional<DpPaddingMode> prepare_step(int64_t, std::span<const int32_t>, bool) override { return std::nullopt; }
  IndexRange own_rows(int64_t group_rows) const override { return {.begin = 0, .end = group_rows}; }
  Rows own_slot(const RowsBuffer& fallback, int64_t rows) override { return fallback.first(rows); }
  ConstRows group_gather(ConstRows own) override { return own; }
  ConstRows group_scatter(ConstRows partial_sums) override { return partial_sums; }
  void group_sum(Rows) override {}
  void begin_gather(ConstRows own) override { rows_ = own; }
  ConstRows finish_gather() override { return rows_; }
  void begin_scatter(ConstRows partial_sums) override { rows_ = partial_sums; }
  ConstRows finish_scatter() override { return rows_; }
  ConstRows gather_logit_rows(ConstRows own) override { return own; }
  Rows logit_slot(const RowsBuffer& fallback, int64_t rows) override { return fallback.first(rows); }
  ConstRows share_logits(ConstRows product, int64_t, int64_t vocab_size) override {
    return product.slice_cols(0, vocab_size);
  }
  bool has_whole_head() const override { return true; }

 private:
  ConstRows rows_;
};

}  // namespace braid
