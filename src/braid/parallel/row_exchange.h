// How rows move between processes that compute one thing together, each with some of the parts that a product's inputs
// are split into: a vision tower of which each process has some heads. Every process makes the same calls in the same
// order. If the processes' world has ended, a call throws WorldEnded (token_exchange.h).
//
// Implemented by GroupRowExchange. Tested by group_row_exchange_test.cc.
#pragma once

#include <cstdint>
#include <span>

#include "braid/base/index_range.h"
#include "braid/tensor/rows.h"

namespace braid {

class RowExchange {
 public:
  virtual ~RowExchange() = default;

  // Which of `rows` rows are this process's own, cut at multiples of `unit`. The processes' ranges lie one after the
  // other.
  virtual IndexRange own_rows(int64_t rows, int64_t unit) const = 0;

  // Each process has written its own rows of `all`, whose rows are contiguous. Afterwards all rows are there.
  virtual void gather(Rows all, int64_t unit) = 0;

  // `parts`: this process's parts of a sum, float32 of one shape, contiguous. `own`: its own rows of that shape, which
  // get the sums over the parts of all processes, in order. It may lie in one of `parts`.
  virtual void scatter(std::span<const Rows> parts, Rows own, int64_t unit) = 0;
};

}  // namespace braid
