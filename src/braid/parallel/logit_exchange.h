// The head's part of a rank's exchange: rows whose logits are wanted go to the ranks that share the vocabulary, and the
// logits come back to the rows' groups. Tested by model/sharded_model_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "braid/parallel/dp_attention.h"
#include "braid/tensor/buffer.h"

namespace braid {

class LogitExchange {
 public:
  // `logits`: [all_logit_rows(), vocab_rows of all parts], one buffer for all ranks if they share memory.
  LogitExchange(const DpAttentionConfig& config, WorldCommunicator world, GroupCommunicator group,
                const RowsBuffer& logits);

  // The three calls of TokenExchange.
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
  RowsBuffer rows_;   // of all ranks that share the head
  RowsBuffer parts_;  // the group's products one after the other, if ranks share no memory
  ConstRows own_;     // read by the other ranks
  ConstRows gathered_;
  int64_t group_first_ = 0;  // the group's first row in gathered_
  int64_t group_rows_ = 0;
  std::vector<const void*> peers_;
  std::vector<int64_t> counts_;
};

}  // namespace braid
