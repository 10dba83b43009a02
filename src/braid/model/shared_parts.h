// Lets ranks that hold the same part of a tensor share its memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "braid/base/check.h"
#include "braid/kernels/packed_matrix.h"

namespace braid {

using SharedMatrix = std::shared_ptr<const PackedMatrix>;

// The distinct parts, and which of them each rank has.
template <typename Part>
struct SharedParts {
  explicit SharedParts(const std::vector<Part>& of_ranks) {
    for (const Part& part : of_ranks) {
      const auto found = std::ranges::find(distinct, part);
      index.push_back(static_cast<size_t>(found - distinct.begin()));
      if (found == distinct.end()) distinct.push_back(part);
    }
  }

  // Distributes the results for the distinct parts to the ranks.
  template <typename T>
  std::vector<std::shared_ptr<const T>> deal(std::vector<T> made) const {
    CHECK(made.size() == distinct.size());
    std::vector<std::shared_ptr<const T>> shared;
    for (T& one : made) shared.push_back(std::make_shared<const T>(std::move(one)));
    std::vector<std::shared_ptr<const T>> of_ranks;
    for (const size_t i : index) of_ranks.push_back(shared[i]);
    return of_ranks;
  }

  std::vector<Part> distinct;
  std::vector<size_t> index;  // by rank: an index into `distinct`
};

}  // namespace braid
