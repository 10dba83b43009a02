// Converts one block of each quantized GGUF type to float32, with the same bits as dequantize of the `gguf` Python
// package. A block need not be aligned. Sizes: the table in ggml_type.cc. Tested by gguf_test.cc.
#pragma once

#include <cstddef>

namespace braid {

// 32 elements with their own scales (ggml_small_blocks.cc).
void q4_0_block(const std::byte* block, float* out);
void q4_1_block(const std::byte* block, float* out);
void q5_0_block(const std::byte* block, float* out);
void q5_1_block(const std::byte* block, float* out);
void q8_0_block(const std::byte* block, float* out);

// 256 elements in sub-blocks, whose scales are themselves scaled (ggml_k_blocks.cc).
void q2_k_block(const std::byte* block, float* out);
void q3_k_block(const std::byte* block, float* out);
void q4_k_block(const std::byte* block, float* out);
void q5_k_block(const std::byte* block, float* out);
void q6_k_block(const std::byte* block, float* out);

// Nibbles that index 16 values (ggml_codebook_blocks.cc).
void iq4_nl_block(const std::byte* block, float* out);
void iq4_xs_block(const std::byte* block, float* out);
void mxfp4_block(const std::byte* block, float* out);

}  // namespace braid
