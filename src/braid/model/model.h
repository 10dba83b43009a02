// A model of any family, as the engine runs it.
#pragma once

#include <cstdint>
#include <span>

#include "braid/model/step.h"
#include "braid/request/ids.h"

namespace braid {

class Model {
 public:
  virtual ~Model() = default;

  // The hidden states of the rank's own rows, [ids, hidden] float32 in the workspace, before the final norm. Keys and
  // values of the rows' positions are written to the KV cache.
  virtual Rows forward(Step& step, std::span<const TokenId> ids) const = 0;

  // Logits of the chosen rows of `hidden`, [rows, vocab] float32 in the workspace (no more rows than it has room for).
  virtual Rows logits(Ops& ops, Workspace& workspace, ConstRows hidden, std::span<const int32_t> rows) const = 0;
};

}  // namespace braid
