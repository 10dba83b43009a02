// MXFP4 as gpt-oss's directories have it: a tensor of nibbles and one of exponents, where GGUF has both in one block.
#pragma once

#include <cstddef>
#include <cstdint>

namespace braid {

inline constexpr int32_t kMxfp4BlockElements = 32;
inline constexpr int32_t kMxfp4NibbleBytes = 16;  // of a block; byte i has elements 2 i, in its low nibble, and 2 i + 1

// `num_blocks` blocks, one behind the other, to floats: each element is its E2M1 value times 2^(exponent - 127) (OCP
// Microscaling Formats 1.0).
void mxfp4_to_float(const std::byte* nibbles, const std::byte* exponents, int64_t num_blocks, float* out);

}  // namespace braid
