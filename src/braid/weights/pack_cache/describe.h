// Text that describes a packed part of a model: which bytes of the checkpoint's files it comes from, how they are read
// and how they are cut. The files' contents are not in it: they select the cache's file. Tested by pack_cache_test.cc.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "braid/base/index_range.h"
#include "braid/kernels/packed_matrix.h"
#include "braid/weights/checkpoint.h"

namespace braid {

// `kind`: how the tensors become one matrix. `rows`: of each tensor.
std::string describe_packed(std::string_view kind, const PackedMatrix& matrix, const Checkpoint& checkpoint,
                            std::span<const StoredTensor* const> tensors, std::span<const IndexRange> rows,
                            IndexRange cols);

// A tensor's rows, in their order.
std::string describe_rows(DType dtype, const Checkpoint& checkpoint, const StoredTensor& tensor);

}  // namespace braid
