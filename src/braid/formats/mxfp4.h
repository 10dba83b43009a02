// MXFP4 as in Hugging Face's directories: one tensor of nibbles and one of exponents. (GGUF has both in one block.)
#pragma once

#include <cstddef>
#include <cstdint>

#include "braid/formats/ggml_blocks.h"
#include "braid/tensor/quantized_rows.h"

namespace braid {

inline constexpr int32_t kMxfp4BlockElements = 32;
inline constexpr QuantizedFormat kMxfp4Format = {.values = QuantizedFormat::Values::kTable,
                                                 .scales = QuantizedFormat::Scales::kE8m0,
                                                 .bits = 4,
                                                 .table = kDoubledE2m1Values,
                                                 .table_unit = 0.5F};
inline constexpr int32_t kMxfp4NibbleBytes = 16;  // bytes of a block; byte i has elements 2 i (low nibble) and 2 i + 1

// Converts `num_blocks` consecutive blocks to floats: each element is its E2M1 value times 2^(exponent - 127) (OCP
// Microscaling Formats 1.0).
void mxfp4_to_float(const std::byte* nibbles, const std::byte* exponents, int64_t num_blocks, float* out);

// The blocks' codes.
void mxfp4_nibbles_to_codes(const std::byte* nibbles, int64_t num_blocks, uint8_t* codes);

// The same blocks as codes and scales. An exponent of 255 is a NaN.
void mxfp4_to_codes(const std::byte* nibbles, const std::byte* exponents, int64_t num_blocks, uint8_t* codes,
                    float* scales);

}  // namespace braid
