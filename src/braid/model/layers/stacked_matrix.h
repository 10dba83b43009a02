// Matrices one below the other, which are multiplied as if they were one. Where a checkpoint stores some of them in
// another type (files of mixed types often do so with v, beside q and k), each run of one type is a product of its own.
// Tested by sharded_model_test.cc and load_model_test.cc.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "braid/kernels/ops.h"
#include "braid/model/weight_list.h"

namespace braid {

class StackedMatrix {
 public:
  explicit StackedMatrix(std::vector<PackedMatrix> parts) : parts_(std::move(parts)) {}

  // y = x · Wᵀ + bias, each part's outputs behind the part's before it. `bias`: empty, or one value an output.
  void multiply(Ops& ops, ConstRows x, Rows y, std::span<const float> bias) const {
    int64_t first = 0;
    for (const PackedMatrix& part : parts_) {
      const auto own_bias =
          bias.empty() ? bias : bias.subspan(static_cast<size_t>(first), static_cast<size_t>(part.n()));
      ops.matmul(x, part, y.slice_cols(first, part.n()), {.bias = own_bias});
      first += part.n();
    }
  }

  void list_weights(const std::string& tensors, WeightList& list) const {
    for (const PackedMatrix& part : parts_) list.add(tensors, part);
  }

  std::span<const PackedMatrix> parts() const { return parts_; }

 private:
  std::vector<PackedMatrix> parts_;
};

using SharedStack = std::shared_ptr<const StackedMatrix>;

}  // namespace braid
