// Token ids to the first hidden states: from a table, or, with tied embeddings, from the head's rows. Tested by
// sharded_model_test.cc.
#pragma once

#include <span>
#include <vector>

#include "braid/kernels/ops.h"
#include "braid/model/shared_parts.h"
#include "braid/model/weight_list.h"
#include "braid/tensor/buffer.h"

namespace braid {

class Embedding {
 public:
  // [vocab, hidden].
  explicit Embedding(RowsBuffer table);
  // All parts of the head, in the vocabulary's order, with the same number of rows each.
  explicit Embedding(std::vector<SharedMatrix> head_parts);

  // y: [ids, hidden] float32.
  void operator()(Ops& ops, std::span<const TokenId> ids, Rows y) const;

  void list_weights(const WeightSpec& tensor, WeightList& list) const;

 private:
  RowsBuffer table_;
  std::vector<SharedMatrix> head_parts_;  // empty: use the table
};

}  // namespace braid
