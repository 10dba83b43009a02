// Gates and ups apart compute what joined ones do, and models whose types differ there are kept as they are stored.
#include "braid/model/layers/gate_up.h"

#include <gtest/gtest.h>

#include <random>

#include "braid/model/registry.h"
#include "braid/weights/weight_table.h"
#include "tests/support/model/mixed_gguf.h"
#include "tests/support/model/sharded_model.h"
#include "tests/support/temporary_folder.h"

namespace braid::testing {
namespace {

constexpr int64_t kGatedHidden = 24;
constexpr int64_t kGatedFfn = 40;

RowsBuffer gated_random(std::mt19937& random, int64_t rows, int64_t cols) {
  RowsBuffer buffer(DType::kFloat32, rows, cols);
  const Rows view = buffer.first(rows);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; ++col) view.row<float>(row)[col] = std::normal_distribution<float>()(random);
  }
  return buffer;
}

// The same experts joined and apart.
struct BothWays {
  explicit BothWays(int num_experts, bool has_biases) {
    std::mt19937 random(5);
    for (int expert = 0; expert < num_experts; ++expert) {
      const RowsBuffer gate = gated_random(random, kGatedFfn, kGatedHidden);
      const RowsBuffer up = gated_random(random, kGatedFfn, kGatedHidden);
      PackedMatrix& together = joined.joined.emplace_back(DType::kFloat32, 2 * kGatedFfn, kGatedHidden);
      together.pack_gate_up_rows(gate.first(kGatedFfn), 0, false);
      together.pack_gate_up_rows(up.first(kGatedFfn), 0, true);
      apart.gates.emplace_back(DType::kFloat32, kGatedFfn, kGatedHidden).pack_rows(gate.first(kGatedFfn), 0);
      apart.ups.emplace_back(DType::kFloat32, kGatedFfn, kGatedHidden).pack_rows(up.first(kGatedFfn), 0);
      if (!has_biases) continue;
      const RowsBuffer biases = gated_random(random, 2, kGatedFfn);
      const auto bias = [&](int64_t row) {
        return std::span<const float>(biases.first(2).row<float>(row), static_cast<size_t>(kGatedFfn));
      };
      joined.add_biases(bias(0), bias(1));
      apart.add_biases(bias(0), bias(1));
    }
  }

  GateUpWeights joined;
  GateUpWeights apart;
};

// Every use of Step but for ops and workspace is out of reach of a gated block.
class GateUp : public ::testing::Test {
 protected:
  template <typename Multiply>
  std::vector<float> run(int64_t rows, const Multiply& multiply) {
    ThreadTeam team(2);
    const auto ops = make_cpu_ops(available_isas().back(), team);
    const auto backend = make_attention_backend("native", *ops).value();
    SingleRankExchange exchange;
    ModelConfig config;
    config.hidden = kGatedHidden;
    config.vocab_size = 10;
    LocalShape shape;
    shape.ffn = {.begin = 0, .end = kGatedFfn};
    Workspace workspace(config, shape, DType::kFloat32,
                        {.group_tokens = rows, .all_tokens = rows, .group_logit_rows = 1});
    Step step{.ops = *ops,
              .exchange = exchange,
              .attention_backend = *backend,
              .workspace = workspace,
              .kv_layers = {},
              .sequences = {},
              .positions = {}};
    const RowsBuffer hidden(DType::kFloat32, rows, kGatedFfn);
    multiply(step, hidden.first(rows));
    const float* const values = hidden.first(rows).row<float>(0);
    return {values, values + rows * kGatedFfn};
  }
};

constexpr Epilogue::Kind kGatedKinds[] = {Epilogue::Kind::kSiluMul, Epilogue::Kind::kGeluMul,
                                          Epilogue::Kind::kClampedSwigluMul};

TEST_F(GateUp, ApartHasTheBitsOfJoined) {
  constexpr int64_t kRows = 2 * Workspace::kGateUpRows + 7;
  std::mt19937 random(6);
  const RowsBuffer x = gated_random(random, kRows, kGatedHidden);
  for (const bool has_biases : {false, true}) {
    const BothWays weights(1, has_biases);
    for (const Epilogue::Kind kind : kGatedKinds) {
      const auto product = [&](const GateUpWeights& of) {
        return run(kRows, [&](Step& step, Rows hidden) { multiply_gate_up(step, x.first(kRows), of, kind, hidden); });
      };
      EXPECT_EQ(product(weights.apart), product(weights.joined));
    }
  }
}

// Experts that begin and end inside the slices, and one without rows.
TEST_F(GateUp, ApartHasTheBitsOfJoinedForExperts) {
  constexpr int64_t kTokens = 300;
  const std::vector<int32_t> offsets = {0, 130, 130, 900, 1030};
  std::mt19937 random(7);
  const RowsBuffer x = gated_random(random, kTokens, kGatedHidden);
  std::vector<int32_t> sources;
  for (int32_t row = 0; row < offsets.back(); ++row) sources.push_back(static_cast<int32_t>(random() % kTokens));
  for (const bool has_biases : {false, true}) {
    const BothWays weights(4, has_biases);
    for (const Epilogue::Kind kind : kGatedKinds) {
      const auto product = [&](const GateUpWeights& of) {
        return run(offsets.back(), [&](Step& step, Rows hidden) {
          multiply_gate_up(step, x.first(kTokens), {.offsets = offsets, .sources = sources}, of, kind, hidden);
        });
      };
      EXPECT_EQ(product(weights.apart), product(weights.joined));
    }
  }
}

// Types differ between gate and up (layers 0 and 2), between them and down, and between layers.
class MixedTypes : public ::testing::TestWithParam<bool> {
 protected:
  MixedTypes() {
    const MixedGguf file = {.has_experts = GetParam(),
                            .layers = {{MixedType::kQ4_K, MixedType::kQ6_K, MixedType::kQ5_K},
                                       {MixedType::kQ5_K, MixedType::kQ5_K, MixedType::kQ8_0},
                                       {MixedType::kF32, MixedType::kQ4_0, MixedType::kQ6_K}}};
    const auto path = folder_.path() / "model.gguf";
    MixedGgufWriter(file, 8).write(path);
    std::mt19937 random(9);
    for (const int length : {1, 70}) {
      FixturePrompt& prompt = prompts_.emplace_back();
      for (int i = 0; i < length; ++i) {
        prompt.ids.push_back(static_cast<TokenId>(random() % MixedGguf::kVocab));
        if (i % 10 == 0) prompt.rows.push_back(i);
      }
    }
    runs_ = std::make_unique<ShardedRuns>(path.string(), prompts_);
    path_ = path.string();
  }

  TemporaryFolder folder_;
  std::string path_;
  std::vector<FixturePrompt> prompts_;
  std::unique_ptr<ShardedRuns> runs_;
};

TEST_P(MixedTypes, HaveTheBitsOfWidenedWeightsInEveryLayout) {
  constexpr QuantizedWeights kWidened;
  size_t num_layouts = 0;
  for (const ParallelLayout& layout : layouts()) {
    if (!fits(runs_->config(), layout)) continue;
    SCOPED_TRACE(name_of(layout));
    ++num_layouts;
    const auto logits = [&](const QuantizedWeights& how) {
      return runs_->logits(runs_->load(layout, how), layout, DpPaddingMode::kExact, runs_->in_turn(layout));
    };
    EXPECT_EQ(logits(ShardedRuns::kExactRows), logits(kWidened));
  }
  EXPECT_GE(num_layouts, 2U);
}

TEST_P(MixedTypes, WithRowsOf8BitsAreCloseToWidenedWeights) {
  const auto logits = [&](const QuantizedWeights& how) {
    return runs_->logits(runs_->load(layout(1, 1), how), layout(1, 1), DpPaddingMode::kExact, {0, 0});
  };
  const auto widened = logits({});
  const auto rounded = logits({.activations = ActivationBits::k8});
  for (const auto& [prompt, values] : widened) EXPECT_LE(relative_difference(rounded.at(prompt), values), 0.1);
}

// Nothing is widened, and `inspect` expects what loading does.
TEST_P(MixedTypes, AreKeptAsTheyAreStored) {
  const LoadedModel kept = runs_->load(layout(1, 1));
  const auto& bytes = kept.weight_uses.bytes();
  const int64_t matrices = GetParam() ? MixedGguf::kExperts : 1;
  const int64_t elements = matrices * MixedGguf::kHidden * MixedGguf::kFfn;
  EXPECT_EQ(bytes.at({"Q4_K", 4}), elements / 256 * 144);
  EXPECT_EQ(bytes.at({"Q5_K", 5}), 3 * elements / 256 * 176);
  EXPECT_EQ(bytes.at({"Q6_K", 6}), 2 * elements / 256 * 210);
  EXPECT_EQ(bytes.at({"Q8_0", 8}), elements / 32 * 34);
  EXPECT_EQ(bytes.at({"Q4_0", 4}), elements / 32 * 18);
  EXPECT_EQ(bytes.size(), 6U) << kept.weight_uses.text();
  EXPECT_TRUE(bytes.contains({"F32", 32}));
  for (const ParallelLayout& layout : layouts()) {
    if (!fits(runs_->config(), layout)) continue;
    EXPECT_EQ(runs_->load(layout).weight_uses.bytes(), bytes) << name_of(layout);
  }

  const auto model = resolve_model_path(path_, {});
  ASSERT_TRUE(model.ok());
  const auto checkpoint = Checkpoint::open(*model);
  ASSERT_TRUE(checkpoint.ok());
  const WeightTable table = find_family(runs_->config().architecture)->weights(runs_->config());
  EXPECT_EQ(expected_uses(table, *checkpoint, DType::kFloat32, ShardedRuns::kExactRows).bytes(), bytes);

  int64_t stored = 0;
  for (const auto& [name, tensor] : checkpoint->tensors()) stored += tensor.bytes;
  EXPECT_LE(static_cast<double>(kept.weight_bytes), 1.07 * static_cast<double>(stored));
  std::string listed = ",";
  for (const WeightMemory& memory : kept.memory) listed += " " + memory.tensors + ",";
  for (const auto& [name, tensor] : checkpoint->tensors()) {
    EXPECT_NE(listed.find(" " + name + ","), std::string::npos) << name << " is in no memory";
  }
}

INSTANTIATE_TEST_SUITE_P(Gguf, MixedTypes, ::testing::Bool(),
                         [](const auto& kind) { return kind.param ? "Experts" : "Dense"; });

}  // namespace
}  // namespace braid::testing
