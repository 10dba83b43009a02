#include "braid/weights/stored_tensor.h"

#include <gtest/gtest.h>

#include <fstream>

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

}  // namespace
}  // namespace braid
