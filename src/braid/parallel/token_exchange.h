// How a step's token rows move between the ranks: together for the layers that all ranks share, and apart again.
//
// A model calls these and knows nothing of ranks: x is always the rank's own rows. Every rank of a world makes the same
// calls in the same order, also with no rows.
//
// A world that has ended ends the forward pass, by an exception: a layer that went on would compute with rows that
// nobody brings any more, and write where slower ranks still read.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include "braid/base/function_ref.h"
#include "braid/base/index_range.h"
#include "braid/base/result.h"
#include "braid/tensor/buffer.h"
#include "braid/tensor/rows.h"

namespace braid {

// What a call of an exchange throws whose world has ended. It leaves the model and no more: see until_world_ends().
class WorldEnded final : public std::exception {
 public:
  explicit WorldEnded(Error error) : error_(std::move(error)) {}
  const char* what() const noexcept override { return error_.message.c_str(); }
  const Error& error() const { return error_; }

 private:
  Error error_;
};

// Runs forward passes, or what else calls an exchange. The error: why their world ended.
Status until_world_ends(FunctionRef<void()> work);

class TokenExchange {
 public:
  virtual ~TokenExchange() = default;

  // Which of its group's `group_rows` rows are the rank's own between attention and feed-forward. The parts of a
  // group's ranks lie one behind the other, in rank order.
  virtual IndexRange own_rows(int64_t group_rows) const = 0;

  // Where the rank's own rows are to be written before they are gathered (by group_gather or gather): the first `rows`
  // of `fallback`, or memory of the same shape that the other ranks see, so that gathering copies nothing.
  virtual Rows own_slot(const RowsBuffer& fallback, int64_t rows) = 0;

  // The rank's own rows to the rows of all its DP group's ranks, for attention; bits unchanged.
  virtual ConstRows group_gather(ConstRows own) = 0;
  // Partial sums [rows of the group] float32 to the rank's own rows, summed over the group in rank order. They stay
  // unchanged until the next gather(): others may read them until then.
  virtual ConstRows group_scatter(ConstRows partial_sums) = 0;

  // Numbers that each rank of the group has a part of, contiguous float32 [rows of the group, any]: to their sum in
  // rank order on all of them, in place. Between group_gather and group_scatter.
  virtual void group_sum(Rows parts) = 0;

  // The rank's own rows to the rows of all ranks, for the feed-forward layers; bits unchanged.
  virtual ConstRows gather(ConstRows own) = 0;
  // Partial sums [rows of all ranks] float32 to the rank's own rows, summed over the ranks in rank order. They too stay
  // unchanged until the next gather(), so that the next layer's attention needs other memory for its sums.
  virtual ConstRows scatter(ConstRows partial_sums) = 0;

  // The head, whose vocabulary is split: part p has the columns of tokens [p * n, (p + 1) * n); those beyond the
  // vocabulary are padding. The three calls below are made in this order, any number of times after a forward pass,
  // equally often by all ranks.
  //
  // `own`: the rank's own rows whose logits are wanted, in their order, normed; any number, each rank its own. Gives
  // those of all ranks that share the head, in rank order, bits unchanged.
  virtual ConstRows gather_logit_rows(ConstRows own) = 0;
  // Where the rank's product with its part of the head is to be written, [gathered rows, n] float32, rows of any
  // stride: the first `rows` of `fallback`, or other memory.
  virtual Rows logit_slot(const RowsBuffer& fallback, int64_t rows) = 0;
  // The products of all ranks (`product`: this rank's) to the logits of the `group_rows` rows that the rank's group
  // brought, in rank order: [group_rows, vocab_size] float32 without padding, bits unchanged, until the next gather.
  virtual ConstRows share_logits(ConstRows product, int64_t group_rows, int64_t vocab_size) = 0;

  // Whether the rank's part is all of the head, for its own rows alone: then what it gathers are its own, nobody waits
  // for its logits, and share_logits() may be left out.
  virtual bool has_whole_head() const = 0;

  // How long the rank has waited in these calls for slower ones, in all so far, where that can be told from moving
  // data.
  virtual double waited_s() const { return 0; }
};

// One rank: everything is a view, nothing is copied.
class SingleRankExchange : public TokenExchange {
 public:
  IndexRange own_rows(int64_t group_rows) const override { return {.begin = 0, .end = group_rows}; }
  Rows own_slot(const RowsBuffer& fallback, int64_t rows) override { return fallback.first(rows); }
  ConstRows group_gather(ConstRows own) override { return own; }
  ConstRows group_scatter(ConstRows partial_sums) override { return partial_sums; }
  void group_sum(Rows) override {}
  ConstRows gather(ConstRows own) override { return own; }
  ConstRows scatter(ConstRows partial_sums) override { return partial_sums; }
  ConstRows gather_logit_rows(ConstRows own) override { return own; }
  Rows logit_slot(const RowsBuffer& fallback, int64_t rows) override { return fallback.first(rows); }
  ConstRows share_logits(ConstRows product, int64_t, int64_t vocab_size) override {
    return product.slice_cols(0, vocab_size);
  }
  bool has_whole_head() const override { return true; }
};

}  // namespace braid
