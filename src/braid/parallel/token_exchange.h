// How a step's token rows move between the ranks: together for the layers that all ranks share, and apart again.
//
// A model calls these four and knows nothing of ranks: x is always the rank's own rows.
#pragma once

#include "braid/tensor/rows.h"

namespace braid {

class TokenExchange {
 public:
  virtual ~TokenExchange() = default;

  // Where the rank's own normed rows are to be written before they are gathered: `fallback`, or memory of the same
  // shape that the other ranks see, so that gathering them copies nothing.
  virtual Rows own_slot(Rows fallback) = 0;

  // The rank's own rows to the rows of all its DP group's ranks, for attention; bits unchanged.
  virtual ConstRows group_gather(ConstRows own) = 0;
  // Partial sums [rows of the group] float32 to the rank's own rows, summed over the group in rank order.
  virtual ConstRows group_scatter(ConstRows partial_sums) = 0;

  // The rank's own rows to the rows of all ranks, for the feed-forward layers; bits unchanged.
  virtual ConstRows gather(ConstRows own) = 0;
  // Partial sums [rows of all ranks] float32 to the rank's own rows, summed over the ranks in rank order.
  virtual ConstRows scatter(ConstRows partial_sums) = 0;
};

// One rank: everything is a view, nothing is copied.
class SingleRankExchange final : public TokenExchange {
 public:
  Rows own_slot(Rows fallback) override { return fallback; }
  ConstRows group_gather(ConstRows own) override { return own; }
  ConstRows group_scatter(ConstRows partial_sums) override { return partial_sums; }
  ConstRows gather(ConstRows own) override { return own; }
  ConstRows scatter(ConstRows partial_sums) override { return partial_sums; }
};

}  // namespace braid
