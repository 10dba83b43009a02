// How a step's token rows move between the ranks: together for the layers that all ranks share, and apart again.
//
// A model calls these and knows nothing of ranks: x is always the rank's own rows. Every rank of a world makes the same
// calls in the same order, also with no rows.
#pragma once

#include <cstdint>

#include "braid/base/thread_team.h"
#include "braid/tensor/rows.h"

namespace braid {

class TokenExchange {
 public:
  virtual ~TokenExchange() = default;

  // Which of its group's `group_rows` rows are the rank's own between attention and feed-forward. The parts of a
  // group's ranks lie one behind the other, in rank order.
  virtual Span1d own_rows(int64_t group_rows) const = 0;

  // Where the rank's own rows are best written before a gather (group_gather or gather), so that it need not copy them:
  // as many rows of as many columns as `fallback`, or `fallback` itself.
  virtual Rows own_slot(Rows fallback) = 0;

  // The rank's own rows to the rows of all its DP group's ranks, for attention; bits unchanged.
  virtual ConstRows group_gather(ConstRows own) = 0;
  // Partial sums [rows of the group] float32 to the rank's own rows, summed over the group in rank order.
  virtual ConstRows group_scatter(ConstRows partial_sums) = 0;

  // The rank's own rows to the rows of all ranks, for the feed-forward layers; bits unchanged.
  virtual ConstRows gather(ConstRows own) = 0;
  // Partial sums [rows of all ranks] float32 to the rank's own rows, summed over the ranks in rank order.
  virtual ConstRows scatter(ConstRows partial_sums) = 0;

  // The head, whose vocabulary is split over the ranks: rank r has the columns of tokens [r * n, (r + 1) * n); those
  // beyond the vocabulary are padding. The three calls below are made in this order, any number of times after a
  // forward pass, equally often by all ranks.
  //
  // `own`: the rank's own rows whose logits are wanted, in their order, normed. Any number, each rank its own. Gives
  // those of all ranks in rank order, bits unchanged.
  virtual ConstRows gather_logit_rows(ConstRows own) = 0;
  // Where the rank's product with its part of the head is best written, [gathered rows, n] float32: rows of any stride,
  // or `fallback` itself.
  virtual Rows logit_slot(Rows fallback) = 0;
  // The products of all ranks (`product`: this rank's) to the logits of those rows that the rank's group brought, in
  // rank order: [rows of the group, vocab_size] float32 without padding, bits unchanged, until the next gather.
  virtual ConstRows share_logits(ConstRows product, int64_t vocab_size) = 0;
};

// One rank: everything is a view, nothing is copied.
class SingleRankExchange final : public TokenExchange {
 public:
  Span1d own_rows(int64_t group_rows) const override { return {.begin = 0, .end = group_rows}; }
  Rows own_slot(Rows fallback) override { return fallback; }
  ConstRows group_gather(ConstRows own) override { return own; }
  ConstRows group_scatter(ConstRows partial_sums) override { return partial_sums; }
  ConstRows gather(ConstRows own) override { return own; }
  ConstRows scatter(ConstRows partial_sums) override { return partial_sums; }
  ConstRows gather_logit_rows(ConstRows own) override { return own; }
  Rows logit_slot(Rows fallback) override { return fallback; }
  ConstRows share_logits(ConstRows product, int64_t vocab_size) override { return product.slice_cols(0, vocab_size); }
};

}  // namespace braid
