// How the tensors of a checkpoint are computed with: for the log and `inspect`. Tested by load_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "braid/tensor/quantized_rows.h"
#include "braid/weights/stored_tensor.h"

namespace braid {

class WeightUses {
 public:
  // A tensor that is kept in `format`, or in the dtype.
  void add(const StoredTensor& tensor, DType dtype, const std::optional<QuantizedFormat>& format) {
    const int32_t bits = format ? format->bits : static_cast<int32_t>(dtype_bytes(dtype)) * 8;
    bytes_[{tensor.type_name, bits}] += tensor.bytes;
  }

  // Stored bytes by stored type and by the bits of what is computed with.
  const std::map<std::pair<std::string, int32_t>, int64_t>& bytes() const { return bytes_; }

  // "Q4_K 210.4 MB in 4 bits, F32 0.3 MB in 32 bits"
  std::string text() const;

 private:
  std::map<std::pair<std::string, int32_t>, int64_t> bytes_;
};

}  // namespace braid
