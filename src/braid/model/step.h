// What a layer sees of one step: the device, the exchange, the attention batch, and scratch memory of the largest step.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/attention/attention_backend.h"
#include "braid/kernels/ops.h"
#include "braid/model/workspace.h"
#include "braid/parallel/token_exchange.h"
#include "braid/tensor/rows.h"

namespace braid {

struct Step {
  Ops& ops;
  TokenExchange& exchange;
  AttentionBackend& attention_backend;
  Workspace& workspace;
  std::span<const KvLayer> kv_layers;  // one a layer of the model
  // By KV group (kv/kv_group.h), the same sequences in each; their rows are the group's rows, in order.
  std::span<const std::vector<AttentionSequence>> sequences;
  std::span<const int32_t> positions;  // of the group's rows
};

// The residual stream: the rank's own rows [tokens, hidden], float32, updated in place.
class Residual {
 public:
  Residual(Ops& ops, Rows rows) : ops_(ops), rows_(rows) {}
  void operator+=(ConstRows delta) const { ops_.add(delta, rows_); }
  operator ConstRows() const { return rows_; }  // NOLINT: implicit on purpose

 private:
  Ops& ops_;
  Rows rows_;
};

}  // namespace braid
