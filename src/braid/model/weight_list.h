// Where a rank holds its weights, each under the names of its tensors. Layers list what they have. Tested by
// load_model_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "braid/kernels/packed_matrix.h"
#include "braid/weights/weight_table.h"

namespace braid {

struct ListedWeight {
  std::string tensors;  // as WeightMemory's
  std::span<const std::byte> bytes;
};

class WeightList {
 public:
  // What is empty is not listed.
  void add(std::string tensors, std::span<const std::byte> bytes) {
    if (!bytes.empty()) listed_.push_back({.tensors = std::move(tensors), .bytes = bytes});
  }
  void add(std::string tensors, const PackedMatrix& matrix) { add(std::move(tensors), matrix.memory()); }
  void add(std::string tensors, std::span<const float> values) { add(std::move(tensors), std::as_bytes(values)); }

  std::span<const ListedWeight> listed() const { return listed_; }
  int64_t num_bytes() const {
    int64_t total = 0;
    for (const ListedWeight& weight : listed_) total += std::ssize(weight.bytes);
    return total;
  }

 private:
  std::vector<ListedWeight> listed_;
};

}  // namespace braid
