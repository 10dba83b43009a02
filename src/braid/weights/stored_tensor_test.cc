#include "braid/weights/stored_tensor.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <map>

#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

// convert_hf_to_gguf stores Q and K as reshape(heads, 2, head_rows / 2, cols).swapaxes(1, 2).
TEST(StoredTensor, UndoesTheInterleavingOfLlamasHeads) {
  constexpr int64_t kHeads = 3;
  constexpr int64_t kHalf = 4;
  constexpr int64_t kCols = 5;
  const testing::TemporaryFolder folder;
  const std::string path = (folder.path() / "rows").string();
  std::vector<float> stored;
  for (int64_t head = 0; head < kHeads; ++head) {
    for (int64_t i = 0; i < kHalf; ++i) {
      for (int64_t j = 0; j < 2; ++j) {
        const int64_t row = head * 2 * kHalf + j * kHalf + i;
        for (int64_t col = 0; col < kCols; ++col) stored.push_back(static_cast<float>(row * 100 + col));
      }
    }
  }
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(stored.data()), static_cast<std::streamsize>(stored.size() * sizeof(float)));
  const auto file = InputFile::open(path);
  ASSERT_TRUE(file.ok());
  StoredTensor tensor;
  tensor.shape = {kHeads * 2 * kHalf, kCols};
  tensor.plain = DType::kFloat32;
  tensor.block_bytes = 4;
  tensor.interleaved_heads = kHeads;
  tensor.file = &*file;
  tensor.bytes = static_cast<int64_t>(stored.size() * sizeof(float));
  std::vector<float> rows(stored.size());
  ASSERT_TRUE(tensor.read_rows(0, make_rows(rows.data(), tensor.rows(), kCols)).ok());
  for (int64_t row = 0; row < tensor.rows(); ++row) {
    for (int64_t col = 0; col < kCols; ++col) {
      EXPECT_EQ(rows[static_cast<size_t>(row * kCols + col)], static_cast<float>(row * 100 + col));
    }
  }

  tensor.shape = {kHeads * 2 * kHalf};  // a bias: the same permutation within one row
  tensor.bytes = tensor.shape[0] * 4;
  std::vector<float> bias(static_cast<size_t>(tensor.shape[0]));
  ASSERT_TRUE(tensor.read_rows(0, make_rows(bias.data(), 1, tensor.shape[0])).ok());
  for (int64_t i = 0; i < tensor.shape[0]; ++i) {
    const int64_t head = i / (2 * kHalf);
    const int64_t within = i % (2 * kHalf);
    EXPECT_EQ(bias[static_cast<size_t>(i)],
              stored[static_cast<size_t>(head * 2 * kHalf + within % kHalf * 2 + within / kHalf)]);
  }
}

// Every scale and minimum of a type, in the first and in the last block of a matrix of several reads.
TEST(StoredTensor, FindsScalesThatAreNotFiniteInBlocksOfGgufFiles) {
  const std::map<std::string, std::vector<int64_t>> scales_of = {
      {"Q4_0", {0}},      {"Q4_1", {0, 2}}, {"Q5_0", {0}},    {"Q5_1", {0, 2}}, {"Q8_0", {0}},
      {"Q2_K", {80, 82}}, {"Q3_K", {108}},  {"Q4_K", {0, 2}}, {"Q5_K", {0, 2}}, {"Q6_K", {208}},
      {"IQ4_NL", {0}},    {"IQ4_XS", {0}},  {"MXFP4", {0}}};
  size_t num_types = 0;
  for (uint32_t id = 0; id < 64; ++id) {
    const GgmlType* const type = find_ggml_type(id);
    if (type == nullptr || type->format == nullptr) continue;
    ++num_types;
    StoredTensor tensor;
    tensor.stored_name = "x";
    tensor.shape = {3000, 1024};
    tensor.type_name = type->name;
    tensor.ggml = type;
    tensor.block_elements = type->block_elements;
    tensor.block_bytes = type->block_bytes;
    tensor.bytes = tensor.num_elements() / type->block_elements * type->block_bytes;
    for (const int64_t at : scales_of.at(std::string(type->name))) {
      for (const bool is_last : {false, true}) {
        // Codes of ones are NaN where a scale is read in their place.
        std::vector<uint8_t> bytes(static_cast<size_t>(tensor.bytes), 0xff);
        const auto put = [&](size_t block, int64_t place, uint16_t value) {
          if (type->format->scales == QuantizedFormat::Scales::kE8m0) value &= 0xff;
          const size_t size = type->format->scales == QuantizedFormat::Scales::kE8m0 ? 1 : 2;
          std::memcpy(bytes.data() + block * static_cast<size_t>(type->block_bytes) + place, &value, size);
        };
        const size_t num_blocks = bytes.size() / static_cast<size_t>(type->block_bytes);
        for (size_t block = 0; block < num_blocks; ++block) {
          for (const int64_t place : scales_of.at(std::string(type->name))) put(block, place, 0x7bfe);
        }
        const testing::TemporaryFolder folder;
        const auto check = [&] {
          const std::string path = (folder.path() / "blocks").string();
          std::ofstream(path, std::ios::binary)
              .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
          const auto file = InputFile::open(path);
          CHECK(file.ok());
          tensor.file = &*file;
          const Status checked = tensor.check_codes_and_scales();
          const int64_t row = is_last ? tensor.rows() - 1 : 0;
          const auto read = tensor.read_quantized(row, 1);
          EXPECT_EQ(checked.ok(), read.ok());
          return checked.ok() ? "" : checked.error().message;
        };
        EXPECT_EQ(check(), "") << type->name;
        put(is_last ? num_blocks - 1 : 0, at, 0x7cff);
        EXPECT_EQ(check(), fmt::format("blocks: tensor \"x\" has a scale that is not finite (nan in row {})",
                                       is_last ? 2999 : 0))
            << type->name;
      }
    }
  }
  EXPECT_EQ(num_types, scales_of.size());
}

}  // namespace
}  // namespace braid
