// GGUF's K-quants: 256 elements in sub-blocks of 16 or 32. A sub-block's scale (and minimum) is a small integer,
// multiplied by the block's half-precision scale (and minimum). Tested by
// gguf_test.cc and ggml_codes_test.cc.
//
// Bit layout: element e's low nibble or bit pair shares its byte with elements 32 further on. So a run of 32 bytes
// holds 64 elements of 4 bits or 128 of 2. Single bits share a byte with those of the elements 32, 64, … further on.
#include "braid/formats/ggml_blocks.h"
#include "braid/formats/load.h"
#include "braid/tensor/dtype.h"

namespace braid {
namespace {

constexpr int kSuperBlock = 256;
constexpr int kRunBytes = 32;

float k_block_half(const std::byte* from) {
  return to_float(load<Float16>(from));
}

int byte_at(const std::byte* bytes, int i) {
  return static_cast<int>(bytes[i]);
}

int nibble(const std::byte* bytes, int e) {
  return byte_at(bytes, e / (2 * kRunBytes) * kRunBytes + e % kRunBytes) >> (e / kRunBytes % 2 * 4) & 15;
}
int bit_pair(const std::byte* bytes, int e) {
  return byte_at(bytes, e / (4 * kRunBytes) * kRunBytes + e % kRunBytes) >> (e / kRunBytes % 4 * 2) & 3;
}
int single_bit(const std::byte* bytes, int e) {
  return byte_at(bytes, e % kRunBytes) >> (e / kRunBytes) & 1;
}

// Eight scales and eight minima of 6 bits in 12 bytes. The first four scales are the low bits of bytes 0-3, the first
// four minima those of bytes 4-7. The other scales and minima have their low four bits in bytes 8-11 (low nibble:
// scale, high: minimum), and their high two bits at the top of bytes 0-3 and 4-7.
struct SubBlockScale {
  int scale;
  int minimum;
};
SubBlockScale sub_block_scale(const std::byte* packed, int sub_block) {
  if (sub_block < 4) return {byte_at(packed, sub_block) & 63, byte_at(packed, sub_block + 4) & 63};
  const int low = byte_at(packed, sub_block + 4);
  return {(low & 15) | (byte_at(packed, sub_block - 4) >> 2 & 0x30),
          low >> 4 | (byte_at(packed, sub_block) >> 2 & 0x30)};
}

}  // namespace

// 16 bytes of scales and minima (nibbles) of sub-blocks of 16; 64 bytes of bit pairs; the block's scale and minimum.
void q2_k_block(const std::byte* block, float* out) {
  const std::byte* const pairs = block + 16;
  const float scale = k_block_half(block + 80);
  const float minimum = k_block_half(block + 82);
  for (int sub_block = 0; sub_block < kSuperBlock / 16; ++sub_block) {
    const float sub_block_scale = scale * static_cast<float>(byte_at(block, sub_block) & 15);
    const float sub_block_minimum = minimum * static_cast<float>(byte_at(block, sub_block) >> 4);
    for (int e = sub_block * 16; e < sub_block * 16 + 16; ++e) {
      out[e] = sub_block_scale * static_cast<float>(bit_pair(pairs, e)) - sub_block_minimum;
    }
  }
}

// 32 bytes of third bits, which count 4 where they are 0 (so that pairs go from -4 to 3); 64 bytes of bit pairs; 16
// scales of 6 bits, less 32, in 12 bytes: low nibbles in 8 (i and i + 8 share one), high pairs in 4; the block's scale.
void q3_k_block(const std::byte* block, float* out) {
  const std::byte* const pairs = block + 32;
  const std::byte* const low = block + 96;
  const std::byte* const high = block + 104;
  const float scale = k_block_half(block + 108);
  for (int sub_block = 0; sub_block < kSuperBlock / 16; ++sub_block) {
    const int low_bits = byte_at(low, sub_block % 8) >> (sub_block / 8 * 4) & 15;
    const int high_bits = byte_at(high, sub_block % 4) >> (sub_block / 4 * 2) & 3;
    const float sub_block_scale = scale * static_cast<float>((low_bits | high_bits << 4) - 32);
    for (int e = sub_block * 16; e < sub_block * 16 + 16; ++e) {
      const int offset = single_bit(block, e) == 0 ? 4 : 0;
      out[e] = sub_block_scale * static_cast<float>(bit_pair(pairs, e) - offset);
    }
  }
}

namespace {

// The block's scale and minimum; 12 bytes of scales and minima of sub-blocks of 32. `value` returns the integer of
// element e.
template <typename Value>
void scale_sub_blocks(const std::byte* block, Value value, float* out) {
  const float scale = k_block_half(block);
  const float minimum = k_block_half(block + 2);
  for (int sub_block = 0; sub_block < kSuperBlock / 32; ++sub_block) {
    const SubBlockScale packed = sub_block_scale(block + 4, sub_block);
    const float sub_block_factor = scale * static_cast<float>(packed.scale);
    const float sub_block_minimum = minimum * static_cast<float>(packed.minimum);
    for (int e = sub_block * 32; e < sub_block * 32 + 32; ++e) {
      out[e] = sub_block_factor * static_cast<float>(value(e)) - sub_block_minimum;
    }
  }
}

}  // namespace

// Nibbles follow the scales.
void q4_k_block(const std::byte* block, float* out) {
  scale_sub_blocks(
      block, [block](int e) { return nibble(block + 16, e); }, out);
}

// Like q4_k, with 32 bytes of fifth bits before the nibbles.
void q5_k_block(const std::byte* block, float* out) {
  scale_sub_blocks(
      block, [block](int e) { return nibble(block + 48, e) | single_bit(block + 16, e) << 4; }, out);
}

// 128 bytes of low nibbles, 64 bytes for 128 elements; 64 bytes of high bit pairs; 16 int8 scales; the block's scale.
// Each element less 32.
void q6_k_block(const std::byte* block, float* out) {
  const std::byte* const pairs = block + 128;
  const std::byte* const scales = block + 192;
  const float scale = k_block_half(block + 208);
  for (int sub_block = 0; sub_block < kSuperBlock / 16; ++sub_block) {
    const float sub_block_factor = scale * static_cast<float>(load<int8_t>(scales + sub_block));
    for (int e = sub_block * 16; e < sub_block * 16 + 16; ++e) {
      const int low = byte_at(block, e / 128 * 64 + e % 64) >> (e / 64 % 2 * 4) & 15;
      out[e] = sub_block_factor * static_cast<float>((low | bit_pair(pairs, e) << 4) - 32);
    }
  }
}

// The same blocks as codes. Minimums are subtracted in these types, and added in QuantizedRows.

void q2_k_codes(const std::byte* block, const CodesOfBlock& out) {
  *out.scale = k_block_half(block + 80);
  *out.minimum = -k_block_half(block + 82);
  for (int sub_block = 0; sub_block < kSuperBlock / 16; ++sub_block) {
    out.sub_scales[sub_block] = static_cast<int16_t>(byte_at(block, sub_block) & 15);
    out.sub_minimums[sub_block] = static_cast<int16_t>(byte_at(block, sub_block) >> 4);
  }
  for (int e = 0; e < kSuperBlock; ++e) out.codes[e] = static_cast<uint8_t>(bit_pair(block + 16, e));
}

void q3_k_codes(const std::byte* block, const CodesOfBlock& out) {
  *out.scale = k_block_half(block + 108);
  for (int sub_block = 0; sub_block < kSuperBlock / 16; ++sub_block) {
    const int low_bits = byte_at(block + 96, sub_block % 8) >> (sub_block / 8 * 4) & 15;
    const int high_bits = byte_at(block + 104, sub_block % 4) >> (sub_block / 4 * 2) & 3;
    out.sub_scales[sub_block] = static_cast<int16_t>((low_bits | high_bits << 4) - 32);
  }
  for (int e = 0; e < kSuperBlock; ++e) {
    out.codes[e] = static_cast<uint8_t>(bit_pair(block + 32, e) | single_bit(block, e) << 2);
  }
}

namespace {

void write_sub_block_scales(const std::byte* block, const CodesOfBlock& out) {
  *out.scale = k_block_half(block);
  *out.minimum = -k_block_half(block + 2);
  for (int sub_block = 0; sub_block < kSuperBlock / 32; ++sub_block) {
    const SubBlockScale packed = sub_block_scale(block + 4, sub_block);
    out.sub_scales[sub_block] = static_cast<int16_t>(packed.scale);
    out.sub_minimums[sub_block] = static_cast<int16_t>(packed.minimum);
  }
}

}  // namespace

void q4_k_codes(const std::byte* block, const CodesOfBlock& out) {
  write_sub_block_scales(block, out);
  for (int e = 0; e < kSuperBlock; ++e) out.codes[e] = static_cast<uint8_t>(nibble(block + 16, e));
}

void q5_k_codes(const std::byte* block, const CodesOfBlock& out) {
  write_sub_block_scales(block, out);
  for (int e = 0; e < kSuperBlock; ++e) {
    out.codes[e] = static_cast<uint8_t>(nibble(block + 48, e) | single_bit(block + 16, e) << 4);
  }
}

void q6_k_codes(const std::byte* block, const CodesOfBlock& out) {
  *out.scale = k_block_half(block + 208);
  for (int sub_block = 0; sub_block < kSuperBlock / 16; ++sub_block) {
    out.sub_scales[sub_block] = load<int8_t>(block + 192 + sub_block);
  }
  for (int e = 0; e < kSuperBlock; ++e) {
    const int low = byte_at(block, e / 128 * 64 + e % 64) >> (e / 64 % 2 * 4) & 15;
    out.codes[e] = static_cast<uint8_t>(low | bit_pair(block + 128, e) << 4);
  }
}

}  // namespace braid
