// The scatter of partial sums as bfloat16, which halves the bytes between processes (--exchange-dtype). All partial
// sums are rounded, those of the row's owner and of its own process too: so a sum depends on the layout of ranks alone,
// not on which process has which rank, and a request gets the same bits in every group. Tested by
// halved_and_rounded_exchange_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/kernels/ops.h"
#include "braid/parallel/communicator.h"
#include "braid/parallel/dp_attention.h"
#include "braid/tensor/buffer.h"

namespace braid {

class RoundedScatter {
 public:
  explicit RoundedScatter(const DpAttentionConfig& config);  // allocates for the largest step
  static int64_t bytes(const DpAttentionConfig& config);     // that it allocates

  // Over the ranks of the world or of a group: rows_of_each[i] of `partial_sums` (contiguous float32), one after the
  // other, are for rank i. own[i] is the sum of the rounded parts, in rank order and in float32.
  template <typename Scope>
  Status scatter(Ops& ops, const Communicator<Scope>& ranks, std::span<const int64_t> rows_of_each,
                 ConstRows partial_sums, Rows own);

  // The same in two halves, while another scatter may be under way.
  struct Before {  // of that one, in the buffers
    int64_t rows = 0;
    int64_t own_rows = 0;
  };
  Status begin(Ops& ops, const WorldCommunicator& world, std::span<const int64_t> rows_of_each, const Before& before,
               ConstRows partial_sums, Rows own);
  Status finish(Ops& ops, const WorldCommunicator& world, const Before& before, Rows own);

 private:
  Rows round(Ops& ops, std::span<const int64_t> rows_of_each, int64_t first_row, ConstRows partial_sums, Rows own);
  Rows received(int64_t first_own, int64_t own_rows) const;
  static void add(Ops& ops, ConstRows received, Rows own);

  RowsBuffer rounded_;   // [max_rows(), hidden]
  RowsBuffer received_;  // every rank's part of the own rows, one after the other
  std::vector<int64_t> send_counts_;
  std::vector<int64_t> receive_counts_;
};

}  // namespace braid
