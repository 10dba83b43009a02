#include "braid/formats/mxfp4.h"

#include <algorithm>
#include <array>

#include "braid/formats/ggml_blocks.h"
#include "braid/tensor/float8.h"

namespace braid {

void mxfp4_to_float(const std::byte* nibbles, const std::byte* exponents, int64_t num_blocks, float* out) {
  constexpr size_t kHalf = kMxfp4BlockElements / 2;
  std::array<std::byte, 1 + kMxfp4NibbleBytes> block;  // GGUF's layout, in which byte i holds elements i and i + 16
  std::array<float, kMxfp4BlockElements> values;
  for (int64_t b = 0; b < num_blocks; ++b, nibbles += kMxfp4NibbleBytes, out += kMxfp4BlockElements) {
    block[0] = exponents[b];
    std::copy_n(nibbles, kMxfp4NibbleBytes, block.begin() + 1);
    mxfp4_block(block.data(), values.data());
    for (size_t i = 0; i < kHalf; ++i) {
      out[2 * i] = values[i];
      out[2 * i + 1] = values[i + kHalf];
    }
  }
}

void mxfp4_nibbles_to_codes(const std::byte* nibbles, int64_t num_blocks, uint8_t* codes) {
  for (int64_t i = 0; i < num_blocks * kMxfp4NibbleBytes; ++i) {
    const auto byte = static_cast<uint8_t>(nibbles[i]);
    codes[2 * i] = byte & 15;
    codes[2 * i + 1] = byte >> 4;
  }
}

void mxfp4_to_codes(const std::byte* nibbles, const std::byte* exponents, int64_t num_blocks, uint8_t* codes,
                    float* scales) {
  for (int64_t b = 0; b < num_blocks; ++b) scales[b] = e8m0_to_float(static_cast<uint8_t>(exponents[b]));
  mxfp4_nibbles_to_codes(nibbles, num_blocks, codes);
}

}  // namespace braid
