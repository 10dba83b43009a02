// GGUF's blocks of 32 elements, each with its own half-precision scale (and minimum). In 16 bytes of nibbles, the low
// nibbles are elements 0-15, the high ones 16-31. Tested by
// gguf_test.cc and ggml_codes_test.cc.
#include "braid/formats/ggml_blocks.h"
#include "braid/formats/load.h"
#include "braid/tensor/dtype.h"

namespace braid {
namespace {

constexpr int kHalfBlock = 16;

float small_block_half(const std::byte* from) {
  return to_float(load<Float16>(from));
}

int low_nibble(std::byte byte) {
  return static_cast<int>(byte) & 15;
}
int high_nibble(std::byte byte) {
  return static_cast<int>(byte) >> 4;
}

// The fifth bit of element i, moved above its nibble.
int fifth_bit(uint32_t bits, int i) {
  return static_cast<int>(bits >> i & 1) << 4;
}

void write_nibbles(const std::byte* nibbles, uint8_t* codes) {
  for (int i = 0; i < kHalfBlock; ++i) {
    codes[i] = static_cast<uint8_t>(low_nibble(nibbles[i]));
    codes[i + kHalfBlock] = static_cast<uint8_t>(high_nibble(nibbles[i]));
  }
}

void write_five_bits(const std::byte* nibbles, uint32_t fifths, uint8_t* codes) {
  write_nibbles(nibbles, codes);
  for (int i = 0; i < 2 * kHalfBlock; ++i) codes[i] = static_cast<uint8_t>(codes[i] | fifth_bit(fifths, i));
}

}  // namespace

// A scale; 16 bytes of nibbles, each less 8.
void q4_0_block(const std::byte* block, float* out) {
  const float scale = small_block_half(block);
  for (int i = 0; i < kHalfBlock; ++i) {
    out[i] = scale * static_cast<float>(low_nibble(block[2 + i]) - 8);
    out[i + kHalfBlock] = scale * static_cast<float>(high_nibble(block[2 + i]) - 8);
  }
}

// A scale and a minimum; nibbles.
void q4_1_block(const std::byte* block, float* out) {
  const float scale = small_block_half(block);
  const float minimum = small_block_half(block + 2);
  for (int i = 0; i < kHalfBlock; ++i) {
    out[i] = scale * static_cast<float>(low_nibble(block[4 + i])) + minimum;
    out[i + kHalfBlock] = scale * static_cast<float>(high_nibble(block[4 + i])) + minimum;
  }
}

// A scale; 32 fifth bits; nibbles. Each element less 16.
void q5_0_block(const std::byte* block, float* out) {
  const float scale = small_block_half(block);
  const auto fifths = load<uint32_t>(block + 2);
  for (int i = 0; i < kHalfBlock; ++i) {
    const std::byte nibbles = block[6 + i];
    out[i] = scale * static_cast<float>((low_nibble(nibbles) | fifth_bit(fifths, i)) - 16);
    out[i + kHalfBlock] = scale * static_cast<float>((high_nibble(nibbles) | fifth_bit(fifths, i + kHalfBlock)) - 16);
  }
}

// A scale and a minimum; 32 fifth bits; nibbles.
void q5_1_block(const std::byte* block, float* out) {
  const float scale = small_block_half(block);
  const float minimum = small_block_half(block + 2);
  const auto fifths = load<uint32_t>(block + 4);
  for (int i = 0; i < kHalfBlock; ++i) {
    const std::byte nibbles = block[8 + i];
    out[i] = scale * static_cast<float>(low_nibble(nibbles) | fifth_bit(fifths, i)) + minimum;
    out[i + kHalfBlock] =
        scale * static_cast<float>(high_nibble(nibbles) | fifth_bit(fifths, i + kHalfBlock)) + minimum;
  }
}

// A scale, 32 int8.
void q8_0_block(const std::byte* block, float* out) {
  const float scale = small_block_half(block);
  for (int i = 0; i < 2 * kHalfBlock; ++i) out[i] = static_cast<float>(load<int8_t>(block + 2 + i)) * scale;
}

void q4_0_codes(const std::byte* block, const CodesOfBlock& out) {
  *out.scale = small_block_half(block);
  write_nibbles(block + 2, out.codes);
}

void q4_1_codes(const std::byte* block, const CodesOfBlock& out) {
  *out.scale = small_block_half(block);
  *out.minimum = small_block_half(block + 2);
  write_nibbles(block + 4, out.codes);
}

void q5_0_codes(const std::byte* block, const CodesOfBlock& out) {
  *out.scale = small_block_half(block);
  write_five_bits(block + 6, load<uint32_t>(block + 2), out.codes);
}

void q5_1_codes(const std::byte* block, const CodesOfBlock& out) {
  *out.scale = small_block_half(block);
  *out.minimum = small_block_half(block + 2);
  write_five_bits(block + 8, load<uint32_t>(block + 4), out.codes);
}

void q8_0_codes(const std::byte* block, const CodesOfBlock& out) {
  *out.scale = small_block_half(block);
  for (int i = 0; i < 2 * kHalfBlock; ++i) out.codes[i] = static_cast<uint8_t>(block[2 + i] ^ std::byte{0x80});
}

}  // namespace braid
