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

  // `ids` of the group's rows. The hidden states of the rank's own rows of them, [own rows, hidden] float32 in the
  // workspace, before the final norm. Keys and values of the rows' positions are written to the KV cache.
  virtual Rows forward(Step& step, std::span<const TokenId> ids) const = 0;

  // Logits of the chosen ones of the group's rows (ascending; no more than the workspace has room for), [rows, vocab]
  // float32, until the next call. `hidden`: what forward gave for the step. All ranks call it equally often, with no
  // rows too.
  virtual ConstRows logits(Step& step, ConstRows hidden, std::span<const int32_t> rows) const = 0;

  // Of each row that logits() would give the largest value alone, which is all that a greedy choice needs. False: this
  // model, or this rank with its part of the head, has to be asked for logits().
  virtual bool largest_logits(Step& step, ConstRows hidden, std::span<const int32_t> rows,
                              std::span<RowMax> maxima) const = 0;
};

}  // namespace braid
