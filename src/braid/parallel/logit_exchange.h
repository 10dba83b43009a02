// The head's part of a rank's exchange: rows whose logits are wanted go to the ranks that share the vocabulary out, and
// the logits come back to the rows' groups.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "braid/parallel/dp_attention.h"
#include "braid/tensor/buffer.h"

namespace braid {

class LogitExchange {
 public:
  // `logits`: [all_logit_rows(), vocab_rows of all parts], one for all ranks where they share memory.
  LogitExchange(const DpAttentionConfig& config, WorldCommunicator world, GroupCommunicator group,
                const RowsBuffer& logits);

  // As TokenExchange's three calls.
  Status gather(ConstRows own);
  ConstRows gathered() const { return gathered_; }
  Rows slot(int64_t rows) const;
  Status share(ConstRows product);
  ConstRows logits_of_group(int64_t group_rows, int64_t vocab_size) const;

  static int64_t own_bytes(const DpAttentionConfig& config);

 private:
  Status gather_shared(ConstRows own);
  Status gather_in_group(ConstRows own);
  bool is_over_world() const { return config_.place.head_parallel == HeadParallel::kWorld; }

  DpAttentionConfig config_;
  WorldCommunicator world_;
  GroupCommunicator group_;
  const RowsBuffer& logits_;
  RowsBuffer rows_;   // of all that share the head
  RowsBuffer parts_;  // the group's products one behind the other, where ranks share no memory
  ConstRows own_;     // read by the others
  ConstRows gathered_;
  int64_t group_first_ = 0;  // row of `gathered_`
  int64_t group_rows_ = 0;
  std::vector<const void*> peers_;
  std::vector<int64_t> counts_;
};

}  // namespace braid
