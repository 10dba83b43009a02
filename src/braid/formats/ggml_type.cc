#include "braid/formats/ggml_type.h"

#include <array>
#include <cmath>
#include <cstring>

#include "braid/base/check.h"
#include "braid/formats/ggml_blocks.h"
#include "braid/formats/load.h"
#include "braid/formats/mxfp4.h"
#include "braid/tensor/float8.h"

namespace braid {
namespace {

void f32_to_float(const std::byte* blocks, int64_t num_blocks, float* out) {
  std::memcpy(out, blocks, static_cast<size_t>(num_blocks) * sizeof *out);
}

template <typename T>
void plain_to_float(const std::byte* blocks, int64_t num_blocks, float* out) {
  for (int64_t i = 0; i < num_blocks; ++i) out[i] = to_float(load<T>(blocks + i * 2));
}

using BlockToFloat = void (*)(const std::byte* block, float* out);

template <int kElements, int kBytes, BlockToFloat kBlock>
void blocks_to_float(const std::byte* blocks, int64_t num_blocks, float* out) {
  for (int64_t i = 0; i < num_blocks; ++i, blocks += kBytes, out += kElements) kBlock(blocks, out);
}

using BlockToCodes = void (*)(const std::byte* block, const CodesOfBlock& out);

template <int kElements, int kBytes, BlockToFloat kBlock>
constexpr GgmlType blocks_of(uint32_t id, std::string_view name, BlockToCodes to_codes, const QuantizedFormat& format,
                             int32_t scale_at = -1, int32_t minimum_at = -1) {
  return {id,      name,     kElements, kBytes,    {}, blocks_to_float<kElements, kBytes, kBlock>,
          &format, to_codes, scale_at,  minimum_at};
}

using Values = QuantizedFormat::Values;
using Scales = QuantizedFormat::Scales;
using Offsets = QuantizedFormat::Offsets;

constexpr QuantizedFormat kQ4_0 = {.bits = 4, .fixed_zero = 8};
constexpr QuantizedFormat kQ4_1 = {.offsets = Offsets::kMinimums, .bits = 4};
constexpr QuantizedFormat kQ5_0 = {.bits = 5, .fixed_zero = 16};
constexpr QuantizedFormat kQ5_1 = {.offsets = Offsets::kMinimums, .bits = 5};
constexpr QuantizedFormat kQ8_0 = {.bits = 8, .fixed_zero = 128};
constexpr QuantizedFormat kQ2_K = {.scales = Scales::kFloat16TimesU8,
                                   .offsets = Offsets::kMinimums,
                                   .bits = 2,
                                   .group = 16,
                                   .super_group = 256,
                                   .sub_scale_bits = 4};
constexpr QuantizedFormat kQ3_K = {
    .scales = Scales::kFloat16TimesS8, .bits = 3, .fixed_zero = 4, .group = 16, .super_group = 256};
constexpr QuantizedFormat kQ4_K = {.scales = Scales::kFloat16TimesU8,
                                   .offsets = Offsets::kMinimums,
                                   .bits = 4,
                                   .super_group = 256,
                                   .sub_scale_bits = 6};
constexpr QuantizedFormat kQ5_K = {.scales = Scales::kFloat16TimesU8,
                                   .offsets = Offsets::kMinimums,
                                   .bits = 5,
                                   .super_group = 256,
                                   .sub_scale_bits = 6};
constexpr QuantizedFormat kQ6_K = {
    .scales = Scales::kFloat16TimesS8, .bits = 6, .fixed_zero = 32, .group = 16, .super_group = 256};
constexpr QuantizedFormat kIq4Nl = {.values = Values::kTable, .bits = 4, .table = kIq4Values};
constexpr QuantizedFormat kIq4Xs = {
    .values = Values::kTable, .scales = Scales::kFloat16TimesS8, .bits = 4, .super_group = 256, .table = kIq4Values};

constexpr std::array<GgmlType, 34> kTypes = {{
    {0, "F32", 1, 4, DType::kFloat32, f32_to_float},
    {1, "F16", 1, 2, DType::kFloat16, plain_to_float<Float16>},
    blocks_of<32, 18, q4_0_block>(2, "Q4_0", q4_0_codes, kQ4_0, 0),
    blocks_of<32, 20, q4_1_block>(3, "Q4_1", q4_1_codes, kQ4_1, 0, 2),
    blocks_of<32, 22, q5_0_block>(6, "Q5_0", q5_0_codes, kQ5_0, 0),
    blocks_of<32, 24, q5_1_block>(7, "Q5_1", q5_1_codes, kQ5_1, 0, 2),
    blocks_of<32, 34, q8_0_block>(8, "Q8_0", q8_0_codes, kQ8_0, 0),
    {9, "Q8_1", 32, 40, {}, nullptr},
    blocks_of<256, 84, q2_k_block>(10, "Q2_K", q2_k_codes, kQ2_K, 80, 82),
    blocks_of<256, 110, q3_k_block>(11, "Q3_K", q3_k_codes, kQ3_K, 108),
    blocks_of<256, 144, q4_k_block>(12, "Q4_K", q4_k_codes, kQ4_K, 0, 2),
    blocks_of<256, 176, q5_k_block>(13, "Q5_K", q5_k_codes, kQ5_K, 0, 2),
    blocks_of<256, 210, q6_k_block>(14, "Q6_K", q6_k_codes, kQ6_K, 208),
    {15, "Q8_K", 256, 292, {}, nullptr},
    {16, "IQ2_XXS", 256, 66, {}, nullptr},
    {17, "IQ2_XS", 256, 74, {}, nullptr},
    {18, "IQ3_XXS", 256, 98, {}, nullptr},
    {19, "IQ1_S", 256, 50, {}, nullptr},
    blocks_of<32, 18, iq4_nl_block>(20, "IQ4_NL", iq4_nl_codes, kIq4Nl, 0),
    {21, "IQ3_S", 256, 110, {}, nullptr},
    {22, "IQ2_S", 256, 82, {}, nullptr},
    blocks_of<256, 136, iq4_xs_block>(23, "IQ4_XS", iq4_xs_codes, kIq4Xs, 0),
    {24, "I8", 1, 1, {}, nullptr},
    {25, "I16", 1, 2, {}, nullptr},
    {26, "I32", 1, 4, {}, nullptr},
    {27, "I64", 1, 8, {}, nullptr},
    {28, "F64", 1, 8, {}, nullptr},
    {29, "IQ1_M", 256, 56, {}, nullptr},
    {30, "BF16", 1, 2, DType::kBFloat16, plain_to_float<BFloat16>},
    {34, "TQ1_0", 256, 54, {}, nullptr},
    {35, "TQ2_0", 256, 66, {}, nullptr},
    blocks_of<32, 17, mxfp4_block>(39, "MXFP4", mxfp4_codes, kMxfp4Format, 0),
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

std::optional<float> find_infinite_scale(const GgmlType& type, const std::byte* blocks, int64_t num_blocks) {
  if (type.format == nullptr) return std::nullopt;
  const bool is_power = type.format->scales == Scales::kE8m0;
  for (int64_t block = 0; block < num_blocks; ++block, blocks += type.block_bytes) {
    for (const int32_t at : {type.scale_at, type.minimum_at}) {
      if (at < 0) continue;
      const float value =
          is_power ? e8m0_to_float(static_cast<uint8_t>(blocks[at])) : to_float(load<Float16>(blocks + at));
      if (!std::isfinite(value)) return value;
    }
  }
  return std::nullopt;
}

void read_ggml_codes(const GgmlType& type, const std::byte* from, int64_t row_step, QuantizedRows& out) {
  CHECK(type.to_codes != nullptr && out.format == *type.format && out.cols % type.block_elements == 0,
        "{} as rows of {}", type.name, out.cols);
  const int64_t blocks = out.cols / type.block_elements;
  const int64_t groups = type.block_elements / type.format->group;
  const auto at = [](auto& values, int64_t index) { return values.empty() ? nullptr : values.data() + index; };
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t own = row * blocks + block;
      type.to_codes(from + row * row_step + block * type.block_bytes,
                    {.codes = out.codes.data() + own * type.block_elements,
                     .scale = out.scales.data() + own,
                     .minimum = at(out.minimums, own),
                     .sub_scales = at(out.sub_scales, own * groups),
                     .sub_minimums = at(out.sub_minimums, own * groups)});
    }
  }
}

}  // namespace braid
