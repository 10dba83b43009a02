#include "braid/formats/ggml_type.h"

#include <array>
#include <cstring>

#include "braid/formats/load.h"

namespace braid {
namespace {

float load_half(const std::byte* from) {
  return to_float(load<Float16>(from));
}

void f32_to_float(const std::byte* blocks, int64_t num_blocks, float* out) {
  std::memcpy(out, blocks, static_cast<size_t>(num_blocks) * sizeof *out);
}

template <typename T>
void plain_to_float(const std::byte* blocks, int64_t num_blocks, float* out) {
  for (int64_t i = 0; i < num_blocks; ++i) out[i] = to_float(load<T>(blocks + i * 2));
}

// 32 elements: a half-precision scale, 32 int8.
void q8_0_to_float(const std::byte* blocks, int64_t num_blocks, float* out) {
  for (int64_t block = 0; block < num_blocks; ++block, blocks += 34, out += 32) {
    const float scale = load_half(blocks);
    for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(load<int8_t>(blocks + 2 + i)) * scale;
  }
}

// 32 elements: a scale, 16 bytes whose low nibbles are elements 0-15 and whose high ones 16-31, each less 8.
void q4_0_to_float(const std::byte* blocks, int64_t num_blocks, float* out) {
  for (int64_t block = 0; block < num_blocks; ++block, blocks += 18, out += 32) {
    const float scale = load_half(blocks);
    for (int i = 0; i < 16; ++i) {
      const int nibbles = static_cast<int>(blocks[2 + i]);
      out[i] = scale * static_cast<float>((nibbles & 15) - 8);
      out[i + 16] = scale * static_cast<float>((nibbles >> 4) - 8);
    }
  }
}

// The same with a minimum instead of the 8.
void q4_1_to_float(const std::byte* blocks, int64_t num_blocks, float* out) {
  for (int64_t block = 0; block < num_blocks; ++block, blocks += 20, out += 32) {
    const float scale = load_half(blocks);
    const float minimum = load_half(blocks + 2);
    for (int i = 0; i < 16; ++i) {
      const int nibbles = static_cast<int>(blocks[4 + i]);
      out[i] = scale * static_cast<float>(nibbles & 15) + minimum;
      out[i + 16] = scale * static_cast<float>(nibbles >> 4) + minimum;
    }
  }
}

// 256 elements of 6 bits: 128 bytes of low nibbles, 64 of high bit pairs, 16 int8 scales, a scale of the scales.
// Element e lies in half e / 128, there in quarter (e % 128) / 32, there at e % 32.
void q6_k_to_float(const std::byte* blocks, int64_t num_blocks, float* out) {
  for (int64_t block = 0; block < num_blocks; ++block, blocks += 210, out += 256) {
    const std::byte* const low = blocks;
    const std::byte* const high = blocks + 128;
    const std::byte* const scales = blocks + 192;
    const float scale = load_half(blocks + 208);
    for (int e = 0; e < 256; ++e) {
      const int half = e / 128;
      const int quarter = e % 128 / 32;
      const int nibble = static_cast<int>(low[half * 64 + quarter % 2 * 32 + e % 32]) >> (quarter / 2 * 4) & 15;
      const int pair = static_cast<int>(high[half * 32 + e % 32]) >> (quarter * 2) & 3;
      const float group_scale = scale * static_cast<float>(load<int8_t>(scales + e / 16));
      out[e] = group_scale * static_cast<float>((nibble | pair << 4) - 32);
    }
  }
}

constexpr std::array<GgmlType, 34> kTypes = {{
    {0, "F32", 1, 4, DType::kFloat32, f32_to_float},
    {1, "F16", 1, 2, DType::kFloat16, plain_to_float<Float16>},
    {2, "Q4_0", 32, 18, {}, q4_0_to_float},
    {3, "Q4_1", 32, 20, {}, q4_1_to_float},
    {6, "Q5_0", 32, 22, {}, nullptr},
    {7, "Q5_1", 32, 24, {}, nullptr},
    {8, "Q8_0", 32, 34, {}, q8_0_to_float},
    {9, "Q8_1", 32, 40, {}, nullptr},
    {10, "Q2_K", 256, 84, {}, nullptr},
    {11, "Q3_K", 256, 110, {}, nullptr},
    {12, "Q4_K", 256, 144, {}, nullptr},
    {13, "Q5_K", 256, 176, {}, nullptr},
    {14, "Q6_K", 256, 210, {}, q6_k_to_float},
    {15, "Q8_K", 256, 292, {}, nullptr},
    {16, "IQ2_XXS", 256, 66, {}, nullptr},
    {17, "IQ2_XS", 256, 74, {}, nullptr},
    {18, "IQ3_XXS", 256, 98, {}, nullptr},
    {19, "IQ1_S", 256, 50, {}, nullptr},
    {20, "IQ4_NL", 32, 18, {}, nullptr},
    {21, "IQ3_S", 256, 110, {}, nullptr},
    {22, "IQ2_S", 256, 82, {}, nullptr},
    {23, "IQ4_XS", 256, 136, {}, nullptr},
    {24, "I8", 1, 1, {}, nullptr},
    {25, "I16", 1, 2, {}, nullptr},
    {26, "I32", 1, 4, {}, nullptr},
    {27, "I64", 1, 8, {}, nullptr},
    {28, "F64", 1, 8, {}, nullptr},
    {29, "IQ1_M", 256, 56, {}, nullptr},
    {30, "BF16", 1, 2, DType::kBFloat16, plain_to_float<BFloat16>},
    {34, "TQ1_0", 256, 54, {}, nullptr},
    {35, "TQ2_0", 256, 66, {}, nullptr},
    {39, "MXFP4", 32, 17, {}, nullptr},
    {40, "NVFP4", 64, 36, {}, nullptr},
    {41, "Q1_0", 128, 18, {}, nullptr},
}};

}  // namespace

const GgmlType* find_ggml_type(uint32_t id) {
  for (const GgmlType& type : kTypes) {
    if (type.id == id) return &type;
  }
  return nullptr;
}

std::string supported_ggml_types() {
  std::string names;
  for (const GgmlType& type : kTypes) {
    if (type.to_float == nullptr) continue;
    if (!names.empty()) names += ", ";
    names += type.name;
  }
  return names;
}

}  // namespace braid
