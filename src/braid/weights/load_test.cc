#include "braid/weights/load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "braid/base/index_range.h"
#include "tests/support/weights/written_checkpoint.h"

namespace braid {
namespace {

using testing::expected_values;
using testing::FixtureTensor;
using testing::ModelFixture;
using testing::open_written;
using testing::TemporaryFolder;

TEST(WeightLoader, PacksStackedMatricesInTheirOrder) {
  for (const char* name : {"qwen3_odd_sizes", "llama_multi_head"}) {
    for (const int threads : {1, 3}) {
      const ModelFixture fixture = testing::read_model_fixture(name);
      const TemporaryFolder folder;
      const auto checkpoint = open_written(fixture, folder, 3);
      ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
      ThreadTeam team(threads);
      int64_t last_done = 0;
      const WeightLoader loader(*checkpoint, team, [&](int64_t done, int64_t total) {
        EXPECT_GE(done, last_done);
        EXPECT_LE(done, total);
        last_done = done;
      });
      const std::string prefix = "model.layers.0.";
      const std::vector<std::string> names = {prefix + "self_attn.q_proj.weight", prefix + "self_attn.k_proj.weight",
                                              prefix + "self_attn.v_proj.weight"};
      std::vector<float> all;
      for (const std::string& part : names) {
        for (const FixtureTensor& tensor : fixture.tensors) {
          if (tensor.name != part) continue;
          const auto values = expected_values(fixture, tensor);
          all.insert(all.end(), values.begin(), values.end());
        }
      }
      const MatrixCut whole{.rows = {kWhole, kWhole, kWhole}};
      const auto matrices = loader.matrices(names, {&whole, 1}, DType::kFloat32);
      ASSERT_TRUE(matrices.ok()) << matrices.error().message;
      const PackedMatrix& packed = matrices->front();
      ASSERT_EQ(packed.n() * packed.k(), static_cast<int64_t>(all.size()));
      std::vector<float> row(static_cast<size_t>(packed.k()));
      for (int64_t i = 0; i < packed.n(); ++i) {
        packed.read_column(i, row.data());
        EXPECT_TRUE(std::equal(row.begin(), row.end(), all.begin() + i * packed.k())) << i;
      }
      EXPECT_GT(last_done, 0);
    }
  }
}

TEST(WeightLoader, AFileThatShrinksWhileItIsLoadedIsAnError) {
  const ModelFixture fixture = testing::read_model_fixture("qwen3_odd_sizes");
  const TemporaryFolder folder;
  const auto checkpoint = open_written(fixture, folder, 1);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  std::filesystem::resize_file(folder.path() / "model.safetensors", 4096);
  ThreadTeam team(2);
  const WeightLoader loader(*checkpoint, team, {});
  const std::string name = "model.layers.0.mlp.down_proj.weight";
  const std::string norm = "model.norm.weight";
  const MatrixCut whole{.rows = {kWhole}};
  const MatrixCut both{.rows = {kWhole, kWhole}};
  for (const std::string& error :
       {loader.matrices({&name, 1}, {&whole, 1}, DType::kBFloat16).error().message,
        loader
            .gate_ups("model.layers.0.mlp.gate_proj.weight", "model.layers.0.mlp.up_proj.weight", {&both, 1},
                      DType::kBFloat16)
            .error()
            .message,
        loader.vector(norm).error().message, loader.rows(name, DType::kFloat32).error().message}) {
    EXPECT_TRUE(error.starts_with("model.safetensors: had ")) << error;
    EXPECT_TRUE(error.ends_with("it was cut short meanwhile")) << error;
  }
}

// Every matrix, quantized or not, is cut at rows and columns inside panels and blocks, with all cuts from one read.
TEST(WeightLoader, CutsMatricesAtAnyRowAndColumn) {
  for (const std::string& name :
       {std::string("qwen3_odd_sizes"), std::string("gguf_qwen3"), std::string("gguf_mixtral"),
        std::string("gguf_llama_llama3_rope"), std::string("gpt_oss_plain"), std::string("gpt_oss_mxfp4"),
        std::string("gguf_gpt_oss")}) {
    SCOPED_TRACE(name);
    const ModelFixture fixture = testing::read_model_fixture(name);
    const TemporaryFolder folder;
    std::string path = fixture.gguf().string();
    if (!fixture.tensors.empty()) {
      write_checkpoint(fixture, folder.path());
      path = folder.path().string();
    }
    const auto model = resolve_model_path(path, {});
    ASSERT_TRUE(model.ok());
    const auto checkpoint = Checkpoint::open(*model);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    ThreadTeam team(3);
    const WeightLoader loader(*checkpoint, team, {});
    for (const auto& [tensor_name, tensor] : checkpoint->tensors()) {
      if (tensor.shape.size() != 2) continue;
      SCOPED_TRACE(tensor_name);
      const int64_t n = tensor.rows();
      const int64_t k = tensor.cols();
      std::vector<float> values(static_cast<size_t>(n * k));
      ASSERT_TRUE(tensor.read_rows(0, make_rows(values.data(), n, k)).ok());
      const std::array<MatrixCut, 5> cuts = {{{.rows = {{0, n / 3}}, .cols = {5, k / 2}},
                                              {.rows = {{n / 3, n}}, .cols = {k / 2, k}},
                                              {.rows = {kWhole}, .cols = kWhole},
                                              {.rows = {{n - 1, n}}, .cols = {k / 2 + 1, k / 2 + 2}, .padded_rows = 3},
                                              {.rows = {{2, 2}}, .cols = {0, k}, .padded_rows = 2}}};
      const auto matrices = loader.matrices({&tensor_name, 1}, cuts, DType::kFloat32);
      ASSERT_TRUE(matrices.ok()) << matrices.error().message;
      for (size_t i = 0; i < cuts.size(); ++i) {
        const PackedMatrix& packed = (*matrices)[i];
        const IndexRange rows = i == 2 ? IndexRange{0, n} : cuts[i].rows[0];
        const IndexRange cols = i == 2 ? IndexRange{0, k} : cuts[i].cols;
        ASSERT_EQ(packed.n(), std::max(rows.end - rows.begin, cuts[i].padded_rows));
        ASSERT_EQ(packed.k(), cols.end - cols.begin);
        for (int64_t row = 0; row < packed.n(); ++row) {
          for (int64_t col = 0; col < packed.k(); ++col) {
            const bool is_padding = rows.begin + row >= rows.end;
            const auto at = static_cast<size_t>((rows.begin + row) * k + cols.begin + col);
            ASSERT_EQ(packed.at(row, col), is_padding ? 0.0F : values[at]) << i << ": " << row << ", " << col;
          }
        }
      }
    }
  }
}

TEST(WeightLoader, CutsGateAndUpAtTheSameRows) {
  const ModelFixture fixture = testing::read_model_fixture("qwen3_odd_sizes");
  const TemporaryFolder folder;
  const auto checkpoint = open_written(fixture, folder, 1);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  ThreadTeam team(2);
  const WeightLoader loader(*checkpoint, team, {});
  const std::string prefix = "model.layers.1.mlp.";
  const std::array<IndexRange, 3> parts = {{{0, 23}, {23, 100}, {40, 41}}};
  std::vector<MatrixCut> cuts;
  for (const IndexRange& part : parts) cuts.push_back({.rows = {part, part}});
  const auto matrices = loader.gate_ups(prefix + "gate_proj.weight", prefix + "up_proj.weight", cuts, DType::kFloat32);
  ASSERT_TRUE(matrices.ok()) << matrices.error().message;
  for (const bool is_up : {false, true}) {
    const StoredTensor* const tensor = checkpoint->find(prefix + (is_up ? "up_proj.weight" : "gate_proj.weight"));
    std::vector<float> values(static_cast<size_t>(tensor->num_elements()));
    ASSERT_TRUE(tensor->read_rows(0, make_rows(values.data(), tensor->rows(), tensor->cols())).ok());
    for (size_t i = 0; i < parts.size(); ++i) {
      for (int64_t row = parts[i].begin; row < parts[i].end; ++row) {
        const int64_t own = row - parts[i].begin;
        const int64_t column = own / 16 * 32 + (is_up ? 16 : 0) + own % 16;
        for (int64_t col = 0; col < tensor->cols(); ++col) {
          ASSERT_EQ((*matrices)[i].at(column, col), values[static_cast<size_t>(row * tensor->cols() + col)]);
        }
      }
    }
  }
}

}  // namespace
}  // namespace braid
