// GGUF's blocks whose nibbles index 16 values. In 16 bytes of nibbles, the low nibbles are elements 0-15, the high ones
// 16-31. Tested by gguf_test.cc and ggml_codes_test.cc.
#include <array>
#include <bit>

#include "braid/formats/ggml_blocks.h"
#include "braid/formats/load.h"
#include "braid/tensor/dtype.h"
#include "braid/tensor/float8.h"

namespace braid {

using Codebook = std::array<int8_t, 16>;

namespace {

// 16 bytes to 32 elements.
void decode_nibbles(const Codebook& values, const std::byte* nibbles, float scale, float* out) {
  for (size_t i = 0; i < 16; ++i) {
    const auto byte = static_cast<size_t>(nibbles[i]);
    out[i] = scale * static_cast<float>(values[byte & 15]);
    out[i + 16] = scale * static_cast<float>(values[byte >> 4]);
  }
}

// 16 bytes to 32 codes.
void write_codebook_indices(const std::byte* nibbles, uint8_t* codes) {
  for (size_t i = 0; i < 16; ++i) {
    const auto byte = static_cast<uint8_t>(nibbles[i]);
    codes[i] = byte & 15;
    codes[i + 16] = byte >> 4;
  }
}

// Half of 2^(exponent - 127), because the values are doubled; denormal below 2.
float half_of_e8m0(uint32_t exponent) {
  return std::bit_cast<float>(exponent < 2 ? 0x00200000U << exponent : (exponent - 1) << 23);
}

}  // namespace

// 32 elements: a half-precision scale; nibbles.
void iq4_nl_block(const std::byte* block, float* out) {
  decode_nibbles(kIq4Values, block + 2, to_float(load<Float16>(block)), out);
}

// 256 elements: a half-precision scale; the scales of sub-blocks of 32, each less 32, as 16 bits with the high pairs
// and 4 bytes with the low nibbles; the elements' nibbles.
void iq4_xs_block(const std::byte* block, float* out) {
  const float scale = to_float(load<Float16>(block));
  const uint32_t high = load<uint16_t>(block + 2);
  for (uint32_t sub_block = 0; sub_block < 8; ++sub_block) {
    const uint32_t low_bits = static_cast<uint32_t>(block[4 + sub_block / 2]) >> (sub_block % 2 * 4) & 15;
    const auto bits = static_cast<int32_t>(low_bits | (high >> (sub_block * 2) & 3) << 4);
    decode_nibbles(kIq4Values, block + 8 + sub_block * 16, scale * static_cast<float>(bits - 32), out + sub_block * 32);
  }
}

// 32 elements: an exponent; nibbles.
void mxfp4_block(const std::byte* block, float* out) {
  decode_nibbles(kDoubledE2m1Values, block + 1, half_of_e8m0(static_cast<uint32_t>(block[0])), out);
}

void iq4_nl_codes(const std::byte* block, const CodesOfBlock& out) {
  *out.scale = to_float(load<Float16>(block));
  write_codebook_indices(block + 2, out.codes);
}

void iq4_xs_codes(const std::byte* block, const CodesOfBlock& out) {
  *out.scale = to_float(load<Float16>(block));
  const uint32_t high = load<uint16_t>(block + 2);
  for (uint32_t sub_block = 0; sub_block < 8; ++sub_block) {
    const uint32_t low_bits = static_cast<uint32_t>(block[4 + sub_block / 2]) >> (sub_block % 2 * 4) & 15;
    const auto bits = static_cast<int32_t>(low_bits | (high >> (sub_block * 2) & 3) << 4);
    out.sub_scales[sub_block] = static_cast<int16_t>(bits - 32);
    write_codebook_indices(block + 8 + sub_block * 16, out.codes + sub_block * 32);
  }
}

// An exponent of 255 is a NaN here. (As floats it stands for 2^128, which only halved values have room for.)
void mxfp4_codes(const std::byte* block, const CodesOfBlock& out) {
  *out.scale = e8m0_to_float(static_cast<uint8_t>(block[0]));
  write_codebook_indices(block + 1, out.codes);
}

}  // namespace braid
