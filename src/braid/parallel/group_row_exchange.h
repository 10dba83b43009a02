// Rows between the processes of a DP group, each of which is one member of a communicator and has equally many parts.
// Tested by group_row_exchange_test.cc.
#pragma once

#include <vector>

#include "braid/parallel/communicator.h"
#include "braid/parallel/row_exchange.h"
#include "braid/tensor/buffer.h"

namespace braid {

class GroupRowExchange final : public RowExchange {
 public:
  explicit GroupRowExchange(GroupCommunicator group) : group_(group) {}

  IndexRange own_rows(int64_t rows, int64_t unit) const override;
  void gather(Rows all, int64_t unit) override;
  void scatter(std::span<const Rows> parts, Rows own, int64_t unit) override;

 private:
  // Of all members, in bytes.
  std::vector<int64_t> row_bytes(int64_t rows, int64_t bytes_of_row, int64_t unit) const;

  GroupCommunicator group_;
  Buffer received_;  // of the largest sum so far: each of the parts for the own rows
};

}  // namespace braid
