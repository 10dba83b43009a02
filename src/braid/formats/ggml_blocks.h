// Reads one block of each quantized GGUF type: as float32, with the same bits as dequantize of the `gguf` Python
// package, or as codes and scales (…_codes), which mean the same values. A block need not be aligned. Sizes and
// formats: the table in ggml_type.cc. Tested by gguf_test.cc and ggml_codes_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace braid {

// One block's part of QuantizedRows (tensor/quantized_rows.h). What the type does not have is not written.
struct CodesOfBlock {
  uint8_t* codes;
  float* scale;
  float* minimum;
  int16_t* sub_scales;    // of 8 or 16 sub-blocks
  int16_t* sub_minimums;  // the same
};

// 32 elements with their own scales (ggml_small_blocks.cc).
void q4_0_block(const std::byte* block, float* out);
void q4_0_codes(const std::byte* block, const CodesOfBlock& out);
void q4_1_block(const std::byte* block, float* out);
void q4_1_codes(const std::byte* block, const CodesOfBlock& out);
void q5_0_block(const std::byte* block, float* out);
void q5_0_codes(const std::byte* block, const CodesOfBlock& out);
void q5_1_block(const std::byte* block, float* out);
void q5_1_codes(const std::byte* block, const CodesOfBlock& out);
void q8_0_block(const std::byte* block, float* out);
void q8_0_codes(const std::byte* block, const CodesOfBlock& out);

// 256 elements in sub-blocks, whose scales are themselves scaled (ggml_k_blocks.cc).
void q2_k_block(const std::byte* block, float* out);
void q2_k_codes(const std::byte* block, const CodesOfBlock& out);
void q3_k_block(const std::byte* block, float* out);
void q3_k_codes(const std::byte* block, const CodesOfBlock& out);
void q4_k_block(const std::byte* block, float* out);
void q4_k_codes(const std::byte* block, const CodesOfBlock& out);
void q5_k_block(const std::byte* block, float* out);
void q5_k_codes(const std::byte* block, const CodesOfBlock& out);
void q6_k_block(const std::byte* block, float* out);
void q6_k_codes(const std::byte* block, const CodesOfBlock& out);

// Nibbles that index 16 values (ggml_codebook_blocks.cc).
inline constexpr std::array<int8_t, 16> kIq4Values = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                      1,    13,   25,  38,  53,  69,  89,  113};
// Twice the values of E2M1 (OCP Microscaling Formats 1.0).
inline constexpr std::array<int8_t, 16> kDoubledE2m1Values = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
void iq4_nl_block(const std::byte* block, float* out);
void iq4_nl_codes(const std::byte* block, const CodesOfBlock& out);
void iq4_xs_block(const std::byte* block, float* out);
void iq4_xs_codes(const std::byte* block, const CodesOfBlock& out);
void mxfp4_block(const std::byte* block, float* out);
void mxfp4_codes(const std::byte* block, const CodesOfBlock& out);

}  // namespace braid
