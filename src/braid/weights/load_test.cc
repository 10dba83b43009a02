#include "braid/weights/load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>

#include "braid/base/index_range.h"
#include "braid/weights/kept_weights.h"
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

// The file has lost its tensors, so what is there has not been read.
TEST(WeightLoader, ReadsNothingThatIsThereFromTheLastStart) {
  const ModelFixture fixture = testing::read_model_fixture("qwen3_odd_sizes");
  const TemporaryFolder folder;
  const auto checkpoint = open_written(fixture, folder, 1);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  const auto keeper = MemoryKeeper::make(folder.path() / "kept", std::array<std::string, 1>{"weights"});
  ASSERT_TRUE(keeper.ok()) << keeper.error().message;
  const std::string down = "model.layers.0.mlp.down_proj.weight";
  const MatrixCut whole{.rows = {kWhole}};
  const MatrixCut both{.rows = {kWhole, kWhole}};
  ThreadTeam team(2);
  std::vector<std::byte> first;
  for (const bool are_there : {false, true}) {
    auto memory = KeptMemory::open(keeper->folder(), "weights", 5);
    ASSERT_TRUE(memory.ok() && *memory);
    const auto kept = KeptWeights::open(**std::move(memory), "these").value();
    ASSERT_EQ(kept->are_there(), are_there);
    const WeightLoader loader(*checkpoint, team, {}, nullptr, nullptr, {}, kept.get());
    const auto matrix = loader.matrices({&down, 1}, {&whole, 1}, DType::kBFloat16);
    const auto gate_up = loader.gate_ups("model.layers.0.mlp.gate_proj.weight", "model.layers.0.mlp.up_proj.weight",
                                         {&both, 1}, DType::kBFloat16);
    const auto table = loader.rows(down, DType::kFloat32);
    ASSERT_TRUE(matrix.ok() && gate_up.ok() && table.ok());
    std::vector<std::byte> bytes;
    const Rows rows = table->first(table->max_rows());
    for (const std::span<const std::byte> part :
         {matrix->front().memory(), gate_up->front().memory(),
          std::span<const std::byte>(rows.data, static_cast<size_t>(table->bytes()))}) {
      bytes.insert(bytes.end(), part.begin(), part.end());
    }
    if (are_there) {
      EXPECT_EQ(bytes, first);
    } else {
      EXPECT_GT(std::ranges::count_if(bytes, [](std::byte b) { return b != std::byte{0}; }), std::ssize(bytes) / 2);
      first = std::move(bytes);
      ASSERT_TRUE(kept->finish({}).ok());
      std::filesystem::resize_file(folder.path() / "model.safetensors", 4096);
    }
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

// A fixture's checkpoint, of either kind.
class OpenedFixture {
 public:
  explicit OpenedFixture(const std::string& name) {
    const ModelFixture fixture = testing::read_model_fixture(name);
    std::string path = fixture.gguf().string();
    if (!fixture.tensors.empty()) {
      write_checkpoint(fixture, folder_.path());
      path = folder_.path().string();
    }
    checkpoint_ = std::make_unique<Checkpoint>(Checkpoint::open(resolve_model_path(path, {}).value()).value());
  }
  const Checkpoint& operator*() const { return *checkpoint_; }
  const Checkpoint* operator->() const { return checkpoint_.get(); }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Checkpoint> checkpoint_;
};

std::vector<float> values_of(const StoredTensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.num_elements()));
  EXPECT_TRUE(tensor.read_rows(0, make_rows(values.data(), tensor.rows(), tensor.cols())).ok());
  return values;
}

constexpr QuantizedWeights kKept{.activations = ActivationBits::kExact, .quantization = Quantization::kNone};

// Every quantized matrix is kept as codes, in every part whose edges leave groups of 32, with the values of a widened
// one.
TEST(WeightLoader, KeepsCodesOfWholeAndCutMatrices) {
  for (const std::string name :
       {"gguf_qwen3", "gguf_mixtral", "gguf_llama_llama3_rope", "gpt_oss_mxfp4", "gguf_gpt_oss", "quantized_awq",
        "quantized_gptq_asymmetric", "quantized_w4a16_asymmetric", "quantized_fp8_blocks", "quantized_mxfp4"}) {
    SCOPED_TRACE(name);
    const OpenedFixture checkpoint(name);
    ThreadTeam team(3);
    const WeightLoader loader(*checkpoint, team, {}, nullptr, nullptr, kKept);
    int num_kept = 0;
    for (const auto& [tensor_name, tensor] : checkpoint->tensors()) {
      if (tensor.shape.size() != 2) continue;
      SCOPED_TRACE(tensor_name);
      const int64_t n = tensor.rows();
      const int64_t k = tensor.cols();
      const std::vector<float> values = values_of(tensor);
      const bool can_cut = k % 64 == 0;
      const int64_t middle = can_cut ? k / 2 : k;
      const std::array<MatrixCut, 3> cuts = {{{.rows = {{0, n / 3}}, .cols = {0, middle}},
                                              {.rows = {{n / 3, n}}, .cols = {k - middle, k}, .padded_rows = n + 3},
                                              {.rows = {kWhole}, .cols = kWhole}}};
      const auto matrices = loader.matrices({&tensor_name, 1}, cuts, DType::kFloat32, MatrixUse::kLayer);
      ASSERT_TRUE(matrices.ok()) << matrices.error().message;
      const bool is_kept = loader.are_kept({&tensor_name, 1}, cuts, MatrixUse::kLayer);
      EXPECT_EQ(is_kept, tensor.quantized_format().has_value());
      num_kept += is_kept ? 1 : 0;
      for (size_t i = 0; i < cuts.size(); ++i) {
        const PackedMatrix& packed = (*matrices)[i];
        EXPECT_EQ(packed.is_quantized(), is_kept);
        const IndexRange rows = i == 2 ? IndexRange{0, n} : cuts[i].rows[0];
        const IndexRange cols = i == 2 ? IndexRange{0, k} : cuts[i].cols;
        for (int64_t row = 0; row < packed.n(); ++row) {
          for (int64_t col = 0; col < packed.k(); ++col) {
            const bool is_padding = rows.begin + row >= rows.end;
            const auto at = static_cast<size_t>((rows.begin + row) * k + cols.begin + col);
            ASSERT_EQ(packed.at(row, col), is_padding ? 0.0F : values[at]) << i << ": " << row << ", " << col;
          }
        }
      }
      const MatrixCut inside{.rows = {kWhole}, .cols = {5, k}};
      EXPECT_EQ(loader.are_kept({&tensor_name, 1}, {&inside, 1}, MatrixUse::kLayer),
                is_kept && tensor.quantized_format()->group >= k);
      EXPECT_FALSE(loader.are_kept({&tensor_name, 1}, cuts, MatrixUse::kExact));
    }
    EXPECT_GT(num_kept, 0);
  }
}

// A stack is cut where the type changes, and nowhere else.
TEST(WeightLoader, StacksHaveAPartForEachType) {
  const OpenedFixture checkpoint("gguf_qwen3");
  ThreadTeam team(2);
  const WeightLoader loader(*checkpoint, team, {}, nullptr, nullptr, kKept);
  std::vector<std::string> names;
  std::vector<std::string> types;
  for (const auto& [name, tensor] : checkpoint->tensors()) {
    if (tensor.shape.size() != 2 || tensor.cols() != checkpoint->config().hidden) continue;
    for (int times = 0; times < 2; ++times) {
      names.push_back(name);
      types.push_back(tensor.quantized_format() ? tensor.type_name : "widened");
    }
  }
  size_t num_runs = 1;
  for (size_t i = 1; i < types.size(); ++i) num_runs += types[i] != types[i - 1] ? 1 : 0;
  ASSERT_GT(num_runs, 1U) << "this fixture mixes types";
  const MatrixCut whole{.rows = std::vector<IndexRange>(names.size(), kWhole)};
  const auto stacks = loader.stacks(names, {&whole, 1}, DType::kFloat32, MatrixUse::kLayer);
  ASSERT_TRUE(stacks.ok()) << stacks.error().message;
  ASSERT_EQ(stacks->size(), 1U);
  EXPECT_EQ(stacks->front().size(), num_runs);
  size_t name = 0;
  int64_t row = 0;
  std::vector<float> values = values_of(*checkpoint->find(names[0]));
  for (const PackedMatrix& part : stacks->front()) {
    for (int64_t i = 0; i < part.n(); ++i, ++row) {
      if (row == checkpoint->find(names[name])->rows()) {
        row = 0;
        values = values_of(*checkpoint->find(names[++name]));
      }
      for (int64_t col = 0; col < part.k(); ++col) {
        ASSERT_EQ(part.at(i, col), values[static_cast<size_t>(row * part.k() + col)]);
      }
    }
  }
  EXPECT_EQ(name + 1, names.size());
}

TEST(WeightLoader, KeepsCodesOfGateAndUpIfBothHaveOneFormat) {
  const OpenedFixture checkpoint("quantized_w4a16");
  ThreadTeam team(2);
  const WeightLoader loader(*checkpoint, team, {}, nullptr, nullptr, kKept);
  const std::string gate = "model.layers.0.mlp.gate_proj.weight";
  const std::string up = "model.layers.0.mlp.up_proj.weight";
  const MatrixCut part{.rows = {{3, 60}, {3, 60}}};
  const auto kept = loader.gate_ups(gate, up, {&part, 1}, DType::kFloat32, MatrixUse::kLayer);
  const auto widened = loader.gate_ups(gate, up, {&part, 1}, DType::kFloat32);
  ASSERT_TRUE(kept.ok() && widened.ok());
  EXPECT_TRUE(kept->front().is_quantized());
  EXPECT_FALSE(widened->front().is_quantized());
  EXPECT_LT(kept->front().bytes(), widened->front().bytes() / 4);
  for (int64_t row = 0; row < kept->front().n(); ++row) {
    for (int64_t col = 0; col < kept->front().k(); ++col) {
      ASSERT_EQ(kept->front().at(row, col), widened->front().at(row, col)) << row << ", " << col;
    }
  }
  EXPECT_EQ(loader.uses().text(), "INT4 packed 0.0 MB in 4 bits, INT4 packed 0.0 MB in 32 bits");
}

TEST(WeightLoader, MatricesInActOrderKeepTheirOrder) {
  const OpenedFixture checkpoint("quantized_gptq_act_order");
  ThreadTeam team(2);
  const WeightLoader loader(*checkpoint, team, {}, nullptr, nullptr, kKept);
  const std::string name = "model.layers.0.mlp.up_proj.weight";
  const StoredTensor& tensor = *checkpoint->find(name);
  const int64_t k = tensor.cols();
  const MatrixCut whole{.rows = {kWhole}};
  const auto matrices = loader.matrices({&name, 1}, {&whole, 1}, DType::kFloat32, MatrixUse::kLayer);
  ASSERT_TRUE(matrices.ok());
  const PackedMatrix& packed = matrices->front();
  EXPECT_TRUE(packed.is_quantized());
  ASSERT_EQ(std::ssize(packed.input_order()), k);
  EXPECT_FALSE(std::ranges::is_sorted(packed.input_order()));
  const std::vector<float> values = values_of(tensor);
  std::vector<float> row(static_cast<size_t>(k));
  for (int64_t i = 0; i < packed.n(); ++i) {
    packed.read_column(i, row.data());
    EXPECT_TRUE(std::equal(row.begin(), row.end(), values.begin() + i * k)) << i;
  }
  // Columns of a rank are widened: its inputs belong to some of each group's.
  const MatrixCut half{.rows = {kWhole}, .cols = {0, k / 2}};
  EXPECT_FALSE(loader.are_kept({&name, 1}, {&half, 1}, MatrixUse::kLayer));
  EXPECT_FALSE(loader.are_kept({&name, 1}, {&whole, 1}, MatrixUse::kExpert));
  const auto widened = loader.matrices({&name, 1}, {&half, 1}, DType::kFloat32, MatrixUse::kLayer);
  ASSERT_TRUE(widened.ok());
  EXPECT_EQ(widened->front().at(5, 7), values[static_cast<size_t>(5 * k + 7)]);
  // Matrices of different orders are no product together.
  const std::array<std::string, 2> names = {name, "model.layers.0.self_attn.q_proj.weight"};
  const MatrixCut both{.rows = {kWhole, kWhole}};
  EXPECT_FALSE(loader.are_kept(names, {&both, 1}, MatrixUse::kLayer));
}

}  // namespace
}  // namespace braid
