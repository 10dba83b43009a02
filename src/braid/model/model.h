// The interface of a model of any family to the worker. Implemented by layers/decoder.h.
#pragma once

#include <cstdint>
#include <span>

#include "braid/model/step.h"
#include "braid/request/ids.h"

namespace braid {

class Model {
 public:
  virtual ~Model() = default;

  // `parts`: of the step, in the order of its rows. A sequence may go on from one to the next. `ids`: of the group's
  // rows, of all parts. Returns the hidden states of the rank's own rows before the final norm, [own rows,
  // hidden] float32 in the workspace. Writes keys and values of the group's rows to the KV cache.
  virtual Rows forward(std::span<Step> parts, std::span<const TokenId> ids) const = 0;

  // Logits of `rows`, chosen from the group's rows (ascending; no more than the workspace has space for): [rows, vocab]
  // float32, valid until the next call. `hidden`: forward's result in this step. All ranks must call it equally often,
  // even without rows.
  virtual ConstRows logits(Step& step, ConstRows hidden, std::span<const int32_t> rows) const = 0;

  // Only the largest logit of each row, which is enough for a greedy choice. Returns false if the model, or this rank
  // with its part of the head, needs logits() instead.
  virtual bool largest_logits(Step& step, ConstRows hidden, std::span<const int32_t> rows,
                              std::span<RowMax> maxima) const = 0;
};

}  // namespace braid
