// Quantized rows into panels and back, without loss. Tested by kernels/quantized_packing_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "braid/kernels/quantized_panels.h"
#include "braid/tensor/quantized_rows.h"

namespace braid {

// Writes rows [row, row + count) of `source` to columns [column, column + count) of a panel, all in one of its halves
// of 16 columns. Other columns' bytes are neither read nor written.
void pack_quantized(const QuantizedPanels& panels, const QuantizedRows& source, int64_t row, int64_t count,
                    std::byte* panel, int64_t column);

// An element is scale * value + minimum, or scale * value if there are no minimums. `value` is an integer unless the
// codes are E4M3: the code less its zero, or the table's integer (then the scale has the table's unit in it).
struct QuantizedElement {
  float value = 0;
  float scale = 0;
  float minimum = 0;
};
QuantizedElement quantized_element(const QuantizedPanels& panels, const std::byte* panel, int64_t column,
                                   int64_t input);

// All k elements of a column, as quantized_rows.h defines them.
void read_quantized_column(const QuantizedPanels& panels, const std::byte* panel, int64_t column, float* out);

}  // namespace braid
