// Each format's own definition, written here as loops over single elements, against what is read.
#include "braid/weights/quantized_parts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>

#include "braid/tensor/float8.h"
#include "tests/support/seeded_weights.h"
#include "tests/support/weights/tensor_folder.h"

namespace braid {
namespace {

using testing::TemporaryFolder;
using testing::TensorFile;

constexpr const char* kLayer = "model.layers.0.mlp.up_proj";

template <typename T>
struct Grid {
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<T> values;

  Grid(int64_t rows_, int64_t cols_) : rows(rows_), cols(cols_), values(static_cast<size_t>(rows_ * cols_)) {}
  T& at(int64_t row, int64_t col) { return values[static_cast<size_t>(row * cols + col)]; }
  const T& at(int64_t row, int64_t col) const { return values[static_cast<size_t>(row * cols + col)]; }
  std::vector<int64_t> shape() const { return {rows, cols}; }
};

Grid<uint8_t> random_codes(std::mt19937& random, int64_t rows, int64_t cols, int bits) {
  Grid<uint8_t> out(rows, cols);
  for (uint8_t& code : out.values) {
    const auto any = static_cast<uint8_t>(random() & ((1U << bits) - 1));
    const auto end = static_cast<uint8_t>(random() % 2 == 0 ? 0 : (1U << bits) - 1);  // 0 and the highest, often
    code = random() % 4 == 0 ? end : any;
  }
  return out;
}

// Some are subnormal, some are zero.
Grid<uint16_t> random_halves(std::mt19937& random, int64_t rows, int64_t cols) {
  Grid<uint16_t> out(rows, cols);
  for (uint16_t& half : out.values) {
    half = random() % 8 == 0 ? static_cast<uint16_t>(random() % 0x400) : static_cast<uint16_t>(random() % 0x7bff);
  }
  return out;
}

float half(uint16_t bits) {
  return to_float(Float16{bits});
}

// Packs along the columns of `codes`, the first in the lowest bits.
Grid<uint32_t> words_of(const Grid<uint8_t>& codes, int bits) {
  const int64_t of_word = 32 / bits;
  Grid<uint32_t> out(codes.rows, (codes.cols + of_word - 1) / of_word);
  for (int64_t row = 0; row < codes.rows; ++row) {
    for (int64_t col = 0; col < codes.cols; ++col) {
      out.at(row, col / of_word) |= static_cast<uint32_t>(codes.at(row, col)) << (col % of_word * bits);
    }
  }
  return out;
}

template <typename T>
Grid<T> turned(const Grid<T>& from) {
  Grid<T> out(from.cols, from.rows);
  for (int64_t row = 0; row < from.rows; ++row) {
    for (int64_t col = 0; col < from.cols; ++col) out.at(col, row) = from.at(row, col);
  }
  return out;
}

// Reads the layer in several ways; all must be `expected`.
void expect_values(const TensorFile& file, const std::string& quantization, const Grid<float>& expected) {
  const TemporaryFolder folder;
  const auto checkpoint = file.open(folder, quantization);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  const StoredTensor* const tensor = checkpoint->find(std::string(kLayer) + ".weight");
  ASSERT_NE(tensor, nullptr);
  ASSERT_EQ(tensor->shape, expected.shape());
  ASSERT_TRUE(tensor->is_usable());
  int64_t bytes = 0;
  for (const auto& [name, part] : file.tensors) bytes += static_cast<int64_t>(part.bytes.size());
  EXPECT_LE(checkpoint->stored_bytes(), bytes);
  ASSERT_TRUE(tensor->parts->check().ok());
  const int64_t cols = expected.cols;
  for (const IndexRange& rows : {IndexRange{0, expected.rows}, IndexRange{3, 4}, IndexRange{5, expected.rows - 1}}) {
    const int64_t count = rows.end - rows.begin;
    std::vector<float> floats(static_cast<size_t>(count * cols));
    std::vector<BFloat16> halves(floats.size());
    ASSERT_TRUE(tensor->read_rows(rows.begin, make_rows(floats.data(), count, cols)).ok());
    ASSERT_TRUE(tensor->read_rows(rows.begin, make_rows(halves.data(), count, cols)).ok());
    const auto codes = tensor->read_quantized(rows.begin, count);
    ASSERT_TRUE(codes.ok()) << codes.error().message;
    EXPECT_EQ(codes->format, *tensor->quantized_format());
    std::vector<float> one(static_cast<size_t>(cols));
    for (int64_t row = 0; row < count; ++row) {
      dequantize_row(*codes, row, one.data());
      for (int64_t col = 0; col < cols; ++col) {
        const float value = expected.at(rows.begin + row, col);
        const auto at = static_cast<size_t>(row * cols + col);
        ASSERT_EQ(floats[at], value) << "row " << row << " column " << col;
        ASSERT_EQ(halves[at].bits, to_bfloat16(value).bits);
        const auto place = codes->input_order.empty() ? col : codes->input_order[static_cast<size_t>(col)];
        ASSERT_EQ(one[static_cast<size_t>(col)], expected.at(rows.begin + row, place));
      }
    }
  }
}

std::vector<int32_t> groups_in_act_order(std::mt19937& random, int64_t cols, int64_t group) {
  std::vector<int32_t> out;
  for (int64_t col = 0; col < cols; ++col) out.push_back(static_cast<int32_t>(col / group));
  std::ranges::shuffle(out, random);
  return out;
}

std::vector<int32_t> groups_in_order(int64_t cols, int64_t group) {
  std::vector<int32_t> out;
  for (int64_t col = 0; col < cols; ++col) out.push_back(static_cast<int32_t>(col / group));
  return out;
}

// w = scale * (code - zero). The first version subtracts 1 from each zero, as one word from another: GPTQModel's
// `qzeros -= 0b00010001…` borrows from the next zero if one is 0, and its `+=` gives that back. The last group may be
// shorter.
TEST(QuantizedParts, GptqIsItsFormula) {
  std::mt19937 random(3);
  for (const int bits : {4, 8}) {
    for (const int64_t group : {32, 64, 96, 128, 512, -1}) {
      for (const bool is_symmetric : {true, false}) {
        for (const bool is_second_version : {false, true}) {
          for (const bool is_act_order : {false, true}) {
            const int64_t n = 44;                       // no whole number of words of zero points at 8 bits and 4
            const int64_t k = group == 96 ? 232 : 256;  // the last group has 40
            const int64_t inputs = group == -1 ? k : group;
            const int64_t groups = (k + inputs - 1) / inputs;
            const auto codes = random_codes(random, n, k, bits);
            const auto scales = random_halves(random, groups, n);
            auto zeros = random_codes(random, groups, n, bits);
            if (is_symmetric) std::ranges::fill(zeros.values, static_cast<uint8_t>(1 << (bits - 1)));
            const auto index = is_act_order ? groups_in_act_order(random, k, inputs) : groups_in_order(k, inputs);
            TensorFile file;
            const auto words = turned(words_of(codes, bits));
            auto zero_words = words_of(zeros, bits);
            if (!is_second_version) {
              for (uint32_t& word : zero_words.values) word -= bits == 4 ? 0x11111111U : 0x01010101U;
            }
            const std::string name = kLayer;
            file.add(name + ".qweight", "I32", words.shape(), words.values);
            file.add(name + ".qzeros", "I32", zero_words.shape(), zero_words.values);
            file.add(name + ".scales", "F16", scales.shape(), scales.values);
            file.add(name + ".g_idx", "I32", {k}, index);
            Grid<float> expected(n, k);
            for (int64_t row = 0; row < n; ++row) {
              for (int64_t col = 0; col < k; ++col) {
                const int64_t own = index[static_cast<size_t>(col)];
                expected.at(row, col) =
                    half(scales.at(own, row)) * static_cast<float>(int{codes.at(row, col)} - int{zeros.at(own, row)});
              }
            }
            SCOPED_TRACE(fmt::format("{} bits, group {}, sym {}, v2 {}, act {}", bits, group, is_symmetric,
                                     is_second_version, is_act_order));
            expect_values(file,
                          fmt::format(R"({{"quant_method": "gptq", "bits": {}, "group_size": {}, "sym": {},
                                      "desc_act": {}, "checkpoint_format": "{}"}})",
                                      bits, group, is_symmetric, is_act_order, is_second_version ? "gptq_v2" : "gptq"),
                          expected);
          }
        }
      }
    }
  }
}

// A word's nibbles are its 8 outputs in the order 0 2 4 6 1 3 5 7. Without zero points, they are 8.
TEST(QuantizedParts, AwqIsItsFormula) {
  std::mt19937 random(5);
  constexpr std::array<int64_t, 8> kOrder = {0, 2, 4, 6, 1, 3, 5, 7};
  struct Case {
    int64_t group;
    bool is_symmetric;
    bool has_zeros;
  };
  for (const auto& [group, is_symmetric, has_zeros] :
       {Case{64, false, true}, Case{-1, false, true}, Case{64, true, false}, Case{-1, true, true}}) {
    const int64_t n = 40;
    const int64_t k = 128;
    const int64_t inputs = group == -1 ? k : group;
    const auto codes = random_codes(random, k, n, 4);
    auto zeros = random_codes(random, k / inputs, n, 4);
    if (is_symmetric) std::ranges::fill(zeros.values, uint8_t{8});
    const auto scales = random_halves(random, k / inputs, n);
    const auto pack = [&](const Grid<uint8_t>& from) {
      Grid<uint32_t> out(from.rows, n / 8);
      for (int64_t row = 0; row < from.rows; ++row) {
        for (int64_t col = 0; col < n; ++col) {
          const auto nibble = std::ranges::find(kOrder, col % 8) - kOrder.begin();
          out.at(row, col / 8) |= static_cast<uint32_t>(from.at(row, col)) << (4 * nibble);
        }
      }
      return out;
    };
    TensorFile file;
    const auto words = pack(codes);
    const auto zero_words = pack(zeros);
    const std::string name = kLayer;
    file.add(name + ".qweight", "I32", words.shape(), words.values);
    if (has_zeros) file.add(name + ".qzeros", "I32", zero_words.shape(), zero_words.values);
    file.add(name + ".scales", "F16", scales.shape(), scales.values);
    Grid<float> expected(n, k);
    for (int64_t row = 0; row < n; ++row) {
      for (int64_t col = 0; col < k; ++col) {
        expected.at(row, col) = half(scales.at(col / inputs, row)) *
                                static_cast<float>(int{codes.at(col, row)} - int{zeros.at(col / inputs, row)});
      }
    }
    SCOPED_TRACE(fmt::format("group {}, symmetric {}, zeros {}", group, is_symmetric, has_zeros));
    expect_values(file,
                  fmt::format(R"({{"quant_method": "awq", "bits": 4, "group_size": {}, "zero_point": {}}})", group,
                              !is_symmetric),
                  expected);
  }
}

// AutoAWQ's definition: codes lie in tiles of 16 x 16, four of them are 1024 codes in a table's order; so are scales.
TEST(QuantizedParts, AwqInMarlinsTilesIsItsFormula) {
  std::mt19937 random(7);
  std::vector<int64_t> order;
  for (int64_t i = 0; i < 32; ++i) {
    for (int64_t j = 0; j < 4; ++j) {
      std::vector<int64_t> eight;
      for (const int64_t block : {0, 1}) {
        for (const int64_t row : {2 * (i % 4), 2 * (i % 4) + 1, 2 * (i % 4 + 4), 2 * (i % 4 + 4) + 1}) {
          eight.push_back(16 * row + i / 4 + 8 * block + 256 * j);
        }
      }
      for (const size_t at : {0, 2, 4, 6, 1, 3, 5, 7}) order.push_back(eight[at]);
    }
  }
  std::vector<int64_t> order_of_scales;
  for (int64_t i = 0; i < 8; ++i) {
    for (int64_t j = 0; j < 8; ++j) order_of_scales.push_back(i + 8 * j);
  }
  std::vector<int64_t> order_of_one_group;
  for (int64_t i = 0; i < 4; ++i) {
    for (const int64_t j : {0, 1, 8, 9, 16, 17, 24, 25}) order_of_one_group.push_back(2 * i + j);
  }
  for (const int64_t group : {64, -1}) {
    const int64_t n = 192;
    const int64_t k = 128;
    const int64_t inputs = group == -1 ? k : group;
    const auto codes = random_codes(random, k, n, 4);
    const auto scales = random_halves(random, k / inputs, n);
    Grid<uint32_t> words(k / 16, 2 * n);
    for (int64_t line = 0; line < words.rows; ++line) {
      for (int64_t at = 0; at < 16 * n; ++at) {
        const int64_t place = at / 1024 * 1024 + order[static_cast<size_t>(at % 1024)];
        const uint32_t code = codes.at(line * 16 + place % 256 / 16, place / 256 * 16 + place % 16);
        words.at(line, at / 8) |= code << (4 * (at % 8));
      }
    }
    const auto& own = group == -1 ? order_of_one_group : order_of_scales;
    const auto size = static_cast<int64_t>(own.size());
    Grid<uint16_t> stored(scales.rows, n);
    for (int64_t row = 0; row < scales.rows; ++row) {
      for (int64_t at = 0; at < n; ++at) {
        stored.at(row, at) = scales.at(row, at / size * size + own[static_cast<size_t>(at % size)]);
      }
    }
    TensorFile file;
    const std::string name = kLayer;
    file.add(name + ".qweight", "I32", words.shape(), words.values);
    file.add(name + ".scales", "F16", stored.shape(), stored.values);
    Grid<float> expected(n, k);
    for (int64_t row = 0; row < n; ++row) {
      for (int64_t col = 0; col < k; ++col) {
        expected.at(row, col) = half(scales.at(col / inputs, row)) * static_cast<float>(codes.at(col, row) - 8);
      }
    }
    SCOPED_TRACE(group);
    expect_values(file,
                  fmt::format(R"({{"quant_method": "awq", "bits": 4, "group_size": {}, "zero_point": false,
                                  "version": "marlin"}})",
                              group),
                  expected);
  }
}

std::string compressed(const std::string& format, const std::string& weights) {
  return fmt::format(R"({{"quant_method": "compressed-tensors", "format": "{}", "ignore": ["lm_head"],
      "config_groups": {{"group_0": {{"targets": ["Linear"], "weights": {{{}}}}}}}}})",
                     format, weights);
}

TEST(QuantizedParts, PackQuantizedIsItsFormula) {
  std::mt19937 random(9);
  for (const int bits : {4, 8}) {
    for (const int64_t group : {32, 96, -1}) {
      for (const bool is_symmetric : {true, false}) {
        for (const bool is_act_order : {false, true}) {
          const int64_t n = 45;
          const int64_t k = group == -1 ? 99 : 192;  // the last word of a row is not full
          const int64_t inputs = group == -1 ? k : group;
          const auto codes = random_codes(random, n, k, bits);
          const auto scales = random_halves(random, n, k / inputs);
          const auto zeros = random_codes(random, n, k / inputs, bits);
          const auto index = is_act_order ? groups_in_act_order(random, k, inputs) : groups_in_order(k, inputs);
          TensorFile file;
          const auto words = words_of(codes, bits);
          const std::string name = kLayer;
          file.add(name + ".weight_packed", "I32", words.shape(), words.values);
          file.add(name + ".weight_scale", "F16", scales.shape(), scales.values);
          file.add(name + ".weight_shape", "I64", {2}, std::vector<int64_t>{n, k});
          if (is_act_order) file.add(name + ".weight_g_idx", "I32", {k}, index);
          if (!is_symmetric) {
            const auto packed = turned(words_of(turned(zeros), bits));
            file.add(name + ".weight_zero_point", "I32", packed.shape(), packed.values);
          }
          Grid<float> expected(n, k);
          for (int64_t row = 0; row < n; ++row) {
            for (int64_t col = 0; col < k; ++col) {
              const int64_t own = index[static_cast<size_t>(col)];
              const int zero = is_symmetric ? 1 << (bits - 1) : zeros.at(row, own);
              expected.at(row, col) = half(scales.at(row, own)) * static_cast<float>(int{codes.at(row, col)} - zero);
            }
          }
          SCOPED_TRACE(fmt::format("{} bits, group {}, sym {}, act {}", bits, group, is_symmetric, is_act_order));
          expect_values(file,
                        compressed("pack-quantized",
                                   fmt::format(R"("num_bits": {}, "symmetric": {}, "strategy": "{}", "group_size": {},
                                      "actorder": {})",
                                               bits, is_symmetric, group == -1 ? "channel" : "group",
                                               group == -1 ? "null" : std::to_string(group),
                                               is_act_order ? "\"group\"" : "null")),
                        expected);
        }
      }
    }
  }
}

TEST(QuantizedParts, IntegersOf8BitsAreTheirFormula) {
  std::mt19937 random(13);
  for (const bool is_of_tensor : {false, true}) {
    for (const bool is_symmetric : {true, false}) {
      const int64_t n = 20;
      const int64_t k = 70;
      Grid<int8_t> values(n, k);
      for (int8_t& value : values.values) value = static_cast<int8_t>(random());
      std::vector<float> scales(is_of_tensor ? 1 : n);
      std::vector<int8_t> zeros(scales.size());
      for (float& scale : scales) scale = static_cast<float>(random() % 1000) / 7;
      for (int8_t& zero : zeros) zero = static_cast<int8_t>(random());
      const std::vector<int64_t> shape = is_of_tensor ? std::vector<int64_t>{1} : std::vector<int64_t>{n, 1};
      TensorFile file;
      const std::string name = kLayer;
      file.add(name + ".weight", "I8", values.shape(), values.values);
      file.add(name + ".weight_scale", "F32", shape, scales);
      file.add(name + ".input_scale", "F32", {1}, std::vector<float>{1});
      if (!is_symmetric) file.add(name + ".weight_zero_point", "I8", shape, zeros);
      Grid<float> expected(n, k);
      for (int64_t row = 0; row < n; ++row) {
        const size_t own = is_of_tensor ? 0 : static_cast<size_t>(row);
        for (int64_t col = 0; col < k; ++col) {
          const int zero = is_symmetric ? 0 : zeros[own];
          expected.at(row, col) = scales[own] * static_cast<float>(int{values.at(row, col)} - zero);
        }
      }
      expect_values(file,
                    compressed("int-quantized", fmt::format(R"("num_bits": 8, "symmetric": {}, "strategy": "{}")",
                                                            is_symmetric, is_of_tensor ? "tensor" : "channel")),
                    expected);
    }
  }
}

// Every finite E4M3 value, by tensor, channel and block.
TEST(QuantizedParts, Float8IsItsFormula) {
  std::mt19937 random(17);
  const int64_t n = 70;
  const int64_t k = 300;
  Grid<uint8_t> codes(n, k);
  for (size_t i = 0; i < codes.values.size(); ++i) {
    const auto code = static_cast<uint8_t>(i % 256);
    codes.values[i] = (code & 0x7f) == 0x7f ? 0 : code;
  }
  struct Case {
    std::string config;
    std::string scale;
    std::vector<int64_t> shape;
    int64_t rows;
    int64_t cols;
  };
  const std::vector<Case> cases = {
      {R"({"quant_method": "fp8", "weight_block_size": [32, 64]})", ".weight_scale_inv", {3, 5}, 32, 64},
      {R"({"quant_method": "fp8", "weight_block_size": [128, 128]})", ".weight_scale_inv", {1, 3}, 128, 128},
      {R"({"quant_method": "fp8", "activation_scheme": "static"})", ".weight_scale", {}, n, k},
      {R"({"quant_method": "fp8"})", ".weight_scale_inv", {1}, n, k},
      {compressed("float-quantized", R"("num_bits": 8, "type": "float", "strategy": "tensor")"),
       ".weight_scale",
       {1},
       n,
       k},
      {compressed("float-quantized", R"("num_bits": 8, "type": "float", "strategy": "channel")"),
       ".weight_scale",
       {n, 1},
       1,
       k},
      {compressed("naive-quantized", R"("num_bits": 8, "type": "float", "strategy": "block",
                                        "block_structure": [32, 64])"),
       ".weight_scale",
       {3, 5},
       32,
       64}};
  for (const Case& one : cases) {
    SCOPED_TRACE(one.config);
    const int64_t lines = (n + one.rows - 1) / one.rows;
    const int64_t groups = (k + one.cols - 1) / one.cols;
    Grid<BFloat16> scales(lines, groups);
    for (BFloat16& scale : scales.values) scale = to_bfloat16(static_cast<float>(random() % 4096) / 512);
    TensorFile file;
    file.add(std::string(kLayer) + ".weight", "F8_E4M3", codes.shape(), codes.values);
    file.add(kLayer + one.scale, "BF16", one.shape, scales.values);
    Grid<float> expected(n, k);
    for (int64_t row = 0; row < n; ++row) {
      for (int64_t col = 0; col < k; ++col) {
        expected.at(row, col) = to_float(scales.at(row / one.rows, col / one.cols)) * e4m3_to_float(codes.at(row, col));
      }
    }
    expect_values(file, one.config, expected);
  }
}

TEST(QuantizedParts, Mxfp4IsItsFormula) {
  std::mt19937 random(19);
  constexpr std::array<float, 16> kE2m1 = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6, 0, -0.5F, -1, -1.5F, -2, -3, -4, -6};
  const int64_t n = 12;
  const int64_t k = 96;
  const auto codes = random_codes(random, n, k, 4);
  Grid<uint8_t> exponents(n, k / 32);
  for (uint8_t& exponent : exponents.values) exponent = static_cast<uint8_t>(random() % 250);
  exponents.at(0, 0) = 0;
  Grid<uint8_t> pairs(n, k / 2);
  Grid<float> expected(n, k);
  for (int64_t row = 0; row < n; ++row) {
    for (int64_t col = 0; col < k; ++col) {
      pairs.at(row, col / 2) |= static_cast<uint8_t>(codes.at(row, col) << (col % 2 * 4));
      expected.at(row, col) = std::ldexp(kE2m1[codes.at(row, col)], exponents.at(row, col / 32) - 127);
    }
  }
  TensorFile file;
  file.add(std::string(kLayer) + ".weight_packed", "U8", pairs.shape(), pairs.values);
  file.add(std::string(kLayer) + ".weight_scale", "U8", exponents.shape(), exponents.values);
  expect_values(
      file,
      compressed("mxfp4-pack-quantized", R"("num_bits": 4, "type": "float", "strategy": "group", "group_size": 32)"),
      expected);
}

}  // namespace
}  // namespace braid
