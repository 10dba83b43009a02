#include "braid/weights/stacked_experts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <functional>

#include "braid/formats/input_file.h"
#include "braid/formats/json.h"
#include "braid/weights/text_tower.h"
#include "tests/support/weights/written_checkpoint.h"

namespace braid {
namespace {

using testing::FixtureTensor;
using testing::ModelFixture;
using testing::open_written;
using testing::TemporaryFolder;

FixtureTensor& tensor_of(ModelFixture& fixture, const std::string& name) {
  const auto found = std::ranges::find(fixture.tensors, name, &FixtureTensor::name);
  CHECK(found != fixture.tensors.end(), "{}", name);
  return *found;
}

std::vector<std::byte> written_bytes(ModelFixture& fixture, const std::string& name) {
  const FixtureTensor& tensor = tensor_of(fixture, name);
  int64_t count = 1;
  for (const int64_t size : tensor.shape) count *= size;
  const uint64_t key = testing::seeded_key(fixture.seed, tensor.seeded_as);
  if (tensor.bytes) return testing::seeded_bytes_within(key, count, tensor.bytes->low, tensor.bytes->high);
  return testing::seeded_bytes(key, count, tensor.scale, tensor.offset, tensor.dtype);
}

float bfloat16_at(const std::vector<std::byte>& bytes, int64_t index) {
  return to_float(reinterpret_cast<const BFloat16*>(bytes.data())[index]);
}

std::vector<float> rows_of(const Checkpoint& checkpoint, const std::string& name, int64_t first, int64_t count) {
  const StoredTensor* const tensor = checkpoint.find(name);
  CHECK(tensor != nullptr, "{}", name);
  std::vector<float> values(static_cast<size_t>(count * tensor->cols()));
  EXPECT_TRUE(tensor->read_rows(first, make_rows(values.data(), count, tensor->cols())).ok());
  return values;
}

std::vector<float> all_rows_of(const Checkpoint& checkpoint, const std::string& name) {
  return rows_of(checkpoint, name, 0, checkpoint.find(name)->rows());
}

TEST(StackedExperts, BecomeOneTransposedMatrixForEachExpert) {
  ModelFixture fixture = testing::read_model_fixture("gpt_oss_plain");
  const TemporaryFolder folder;
  const auto checkpoint = open_written(fixture, folder);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  const int64_t hidden = checkpoint->config().hidden;
  const int64_t ffn = checkpoint->config().moe.expert_ffn;
  const std::string experts = "model.layers.1.mlp.experts.";
  const auto gate_up = written_bytes(fixture, experts + "gate_up_proj");
  const auto gate_up_bias = written_bytes(fixture, experts + "gate_up_proj_bias");
  const auto down = written_bytes(fixture, experts + "down_proj");
  const auto down_bias = written_bytes(fixture, experts + "down_proj_bias");
  for (int64_t expert = 0; expert < checkpoint->config().moe.num_experts; ++expert) {
    const std::string own = experts + std::to_string(expert);
    for (const int64_t is_up : {0, 1}) {
      const std::string name = own + (is_up == 1 ? ".up_proj" : ".gate_proj");
      const auto weight = all_rows_of(*checkpoint, name + ".weight");
      const auto bias = all_rows_of(*checkpoint, name + ".bias");
      ASSERT_EQ(std::ssize(weight), ffn * hidden);
      ASSERT_EQ(std::ssize(bias), ffn);
      for (int64_t row = 0; row < ffn; ++row) {
        EXPECT_EQ(bias[static_cast<size_t>(row)], bfloat16_at(gate_up_bias, expert * 2 * ffn + 2 * row + is_up));
        for (int64_t col = 0; col < hidden; ++col) {
          ASSERT_EQ(weight[static_cast<size_t>(row * hidden + col)],
                    bfloat16_at(gate_up, (expert * hidden + col) * 2 * ffn + 2 * row + is_up))
              << name << ": " << row << ", " << col;
        }
      }
    }
    const auto weight = all_rows_of(*checkpoint, own + ".down_proj.weight");
    const auto bias = all_rows_of(*checkpoint, own + ".down_proj.bias");
    for (int64_t row = 0; row < hidden; ++row) {
      EXPECT_EQ(bias[static_cast<size_t>(row)], bfloat16_at(down_bias, expert * hidden + row));
      for (int64_t col = 0; col < ffn; ++col) {
        ASSERT_EQ(weight[static_cast<size_t>(row * ffn + col)], bfloat16_at(down, (expert * ffn + col) * hidden + row));
      }
    }
  }
}

// Gate's rows first, then up's; no biases; a dense layer has its own matrices.
TEST(StackedExperts, OfQwen3VlMoeHaveGateBeforeUp) {
  ModelFixture fixture = testing::read_model_fixture("qwen3_vl_moe");
  const TemporaryFolder folder;
  const auto checkpoint = open_written(fixture, folder);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  const int64_t hidden = checkpoint->config().hidden;
  const int64_t ffn = checkpoint->config().moe.expert_ffn;
  EXPECT_NE(checkpoint->find("model.layers.1.mlp.gate_proj.weight"), nullptr);
  const auto gate_up = written_bytes(fixture, "model.language_model.layers.0.mlp.experts.gate_up_proj");
  const auto down = written_bytes(fixture, "model.language_model.layers.0.mlp.experts.down_proj");
  for (int64_t expert = 0; expert < checkpoint->config().moe.num_experts; ++expert) {
    const std::string own = fmt::format("model.layers.0.mlp.experts.{}", expert);
    for (const int64_t is_up : {0, 1}) {
      const auto weight = all_rows_of(*checkpoint, own + (is_up == 1 ? ".up_proj.weight" : ".gate_proj.weight"));
      ASSERT_EQ(std::ssize(weight), ffn * hidden);
      for (int64_t i = 0; i < ffn * hidden; ++i) {
        const int64_t at = (expert * hidden + i % hidden) * 2 * ffn + is_up * ffn + i / hidden;
        ASSERT_EQ(weight[static_cast<size_t>(i)], bfloat16_at(gate_up, at)) << own << ": " << is_up << ", " << i;
      }
    }
    const auto weight = all_rows_of(*checkpoint, own + ".down_proj.weight");
    ASSERT_EQ(std::ssize(weight), hidden * ffn);
    for (int64_t i = 0; i < hidden * ffn; ++i) {
      ASSERT_EQ(weight[static_cast<size_t>(i)], bfloat16_at(down, (expert * ffn + i % ffn) * hidden + i / ffn));
    }
  }
}

// As save_pretrained of transformers 5 writes them. A product whose two sizes are equal is as the other one.
TEST(StackedExperts, OfQwen3VlMoeMayBeUpright) {
  for (const bool is_square : {false, true}) {
    ModelFixture fixture = testing::read_model_fixture("qwen3_vl_moe");
    const std::string layer = "model.language_model.layers.0.mlp.experts.";
    const int64_t num_experts = 8;
    const int64_t hidden = 64;
    const int64_t ffn = is_square ? hidden / 2 : 40;
    for (FixtureTensor& tensor : fixture.tensors) {
      if (tensor.name.ends_with("experts.gate_up_proj")) tensor.shape = {num_experts, 2 * ffn, hidden};
      if (tensor.name.ends_with("experts.down_proj")) tensor.shape = {num_experts, hidden, ffn};
    }
    const TemporaryFolder folder;
    write_checkpoint(fixture, folder.path());
    const std::string config_path = (folder.path() / "config.json").string();
    Json config = *parse_json(*read_text_file(config_path, 1 << 20));
    config["text_config"]["moe_intermediate_size"] = ffn;
    std::ofstream(config_path) << config;
    const auto model = resolve_model_path(folder.path().string(), {});
    ASSERT_TRUE(model.ok()) << model.error().message;
    const auto checkpoint = Checkpoint::open(*model);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    const auto gate_up = written_bytes(fixture, layer + "gate_up_proj");
    const auto down = written_bytes(fixture, layer + "down_proj");
    for (int64_t expert = 0; expert < num_experts; ++expert) {
      const std::string own = fmt::format("model.layers.0.mlp.experts.{}", expert);
      for (const int64_t is_up : {0, 1}) {
        const auto weight = all_rows_of(*checkpoint, own + (is_up == 1 ? ".up_proj.weight" : ".gate_proj.weight"));
        ASSERT_EQ(std::ssize(weight), ffn * hidden);
        for (int64_t i = 0; i < ffn * hidden; ++i) {
          ASSERT_EQ(weight[static_cast<size_t>(i)], bfloat16_at(gate_up, (2 * expert + is_up) * ffn * hidden + i));
        }
      }
      const auto weight = all_rows_of(*checkpoint, own + ".down_proj.weight");
      ASSERT_EQ(std::ssize(weight), hidden * ffn);
      for (int64_t i = 0; i < hidden * ffn; ++i) {
        ASSERT_EQ(weight[static_cast<size_t>(i)], bfloat16_at(down, expert * hidden * ffn + i));
      }
    }
  }
}

// An element of MXFP4 rows [.., cols / 32, 16]: E2M1 times a power of two, the low nibble first.
float mxfp4_at(const std::vector<std::byte>& blocks, const std::vector<std::byte>& exponents, int64_t index) {
  constexpr std::array<float, 8> kE2m1 = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
  const auto byte = static_cast<uint32_t>(blocks[static_cast<size_t>(index / 2)]);
  const uint32_t nibble = index % 2 == 0 ? byte & 15 : byte >> 4;
  const float size = std::ldexp(kE2m1[nibble & 7], static_cast<int>(exponents[static_cast<size_t>(index / 32)]) - 127);
  return nibble < 8 ? size : -size;
}

// Even if blocks and exponents are in different files.
TEST(StackedExperts, Mxfp4IsDequantised) {
  for (const int num_shards : {1, 2, 3, 5}) {
    ModelFixture fixture = testing::read_model_fixture("gpt_oss_mxfp4");
    const TemporaryFolder folder;
    const auto checkpoint = open_written(fixture, folder, num_shards);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    const int64_t hidden = checkpoint->config().hidden;
    const int64_t ffn = checkpoint->config().moe.expert_ffn;
    for (const int64_t layer : {0, 1}) {
      const std::string experts = fmt::format("model.layers.{}.mlp.experts.", layer);
      const auto gate_up = written_bytes(fixture, experts + "gate_up_proj_blocks");
      const auto gate_up_exponents = written_bytes(fixture, experts + "gate_up_proj_scales");
      const auto down = written_bytes(fixture, experts + "down_proj_blocks");
      const auto down_exponents = written_bytes(fixture, experts + "down_proj_scales");
      for (int64_t expert = 0; expert < checkpoint->config().moe.num_experts; ++expert) {
        const std::string own = experts + std::to_string(expert);
        EXPECT_EQ(checkpoint->find(own + ".up_proj.weight")->type_name, "MXFP4");
        for (const int64_t is_up : {0, 1}) {
          const std::string name = own + (is_up == 1 ? ".up_proj.weight" : ".gate_proj.weight");
          const auto weight = all_rows_of(*checkpoint, name);
          EXPECT_EQ(rows_of(*checkpoint, name, 3, 2),
                    std::vector<float>(weight.begin() + 3 * hidden, weight.begin() + 5 * hidden));
          for (int64_t row = 0; row < ffn; ++row) {
            for (int64_t col = 0; col < hidden; ++col) {
              const int64_t at = (expert * 2 * ffn + 2 * row + is_up) * hidden + col;
              ASSERT_EQ(weight[static_cast<size_t>(row * hidden + col)], mxfp4_at(gate_up, gate_up_exponents, at));
            }
          }
        }
        const auto weight = all_rows_of(*checkpoint, own + ".down_proj.weight");
        ASSERT_EQ(std::ssize(weight), hidden * ffn);
        for (int64_t i = 0; i < hidden * ffn; ++i) {
          ASSERT_EQ(weight[static_cast<size_t>(i)], mxfp4_at(down, down_exponents, expert * hidden * ffn + i));
        }
      }
    }
  }
}

// Progress and `inspect` count these bytes.
TEST(StackedExperts, TakeAsManyBytesAsTheirTensors) {
  for (const char* name : {"gpt_oss_plain", "gpt_oss_mxfp4", "qwen3_vl_moe"}) {
    ModelFixture fixture = testing::read_model_fixture(name);
    std::erase_if(fixture.tensors, [](const FixtureTensor& tensor) { return is_vision_tensor(tensor.name); });
    const TemporaryFolder folder;
    const auto checkpoint = open_written(fixture, folder);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    int64_t bytes = 0;
    for (const FixtureTensor& tensor : fixture.tensors) {
      int64_t own = tensor.bytes ? 1 : dtype_bytes(tensor.dtype);
      for (const int64_t size : tensor.shape) own *= size;
      bytes += own;
    }
    EXPECT_EQ(checkpoint->stored_bytes(), bytes);
  }
}

TEST(StackedExperts, ErrorsNameWhatIsMissingMisshapenOrThereTwice) {
  const std::string experts = "model.layers.1.mlp.experts.";
  struct Case {
    const char* fixture;
    std::function<void(ModelFixture&)> damage;
    std::vector<std::string> message;
  };
  const auto without = [](const std::string& name) {
    return [name](ModelFixture& fixture) {
      std::erase_if(fixture.tensors, [&](const FixtureTensor& tensor) { return tensor.name == name; });
    };
  };
  const std::vector<Case> cases = {
      {"gpt_oss_plain",
       without(experts + "down_proj_bias"),
       {"tensor \"" + experts + "down_proj_bias\" is missing (shape [8, 64])"}},
      {"gpt_oss_plain",
       without(experts + "gate_up_proj"),
       {"tensor \"" + experts + "gate_up_proj\" is missing, and so are its MXFP4 \"_blocks\" and \"_scales\""}},
      {"gpt_oss_mxfp4",
       without(experts + "gate_up_proj_scales"),
       {"tensor \"" + experts + "gate_up_proj_scales\" is missing (shape [6, 192, 2])"}},
      {"gpt_oss_mxfp4",
       without(experts + "down_proj_blocks"),
       {"tensor \"" + experts + "down_proj_blocks\" is missing (shape [6, 64, 3, 16])"}},
      {"gpt_oss_plain",
       [&](ModelFixture& fixture) {
         std::swap(tensor_of(fixture, experts + "gate_up_proj").shape[1],
                   tensor_of(fixture, experts + "gate_up_proj").shape[2]);
       },
       {"model.safetensors: tensor \"" + experts + "gate_up_proj\" has shape [8, 96, 64]",
        "config.json says [8, 64, 96] (experts, hidden_size, 2 * intermediate_size)"}},
      {"gpt_oss_plain",
       [&](ModelFixture& fixture) {
         tensor_of(fixture, experts + "gate_up_proj_bias").shape = {8, 95};
       },
       {"has shape [8, 95], config.json says [8, 96]"}},
      {"gpt_oss_mxfp4",
       [&](ModelFixture& fixture) { tensor_of(fixture, experts + "down_proj_scales").shape[0] = 5; },
       {"has shape [5, 64, 3], config.json says [6, 64, 3] (experts, hidden_size, intermediate_size / 32)"}},
      {"gpt_oss_mxfp4",
       [&](ModelFixture& fixture) { tensor_of(fixture, experts + "down_proj_blocks").bytes = {}; },
       {"has the type BF16, MXFP4 is stored as U8"}},
      {"gpt_oss_plain",
       [&](ModelFixture& fixture) {
         fixture.tensors.push_back(
             {.name = experts + "down_proj_scales", .shape = {1}, .seeded_as = "x", .bytes = {{}}});
       },
       {"tensor \"" + experts + "down_proj\" is there twice, also as MXFP4 (\"down_proj_scales\")"}},
      {"qwen3_vl_moe",
       without("model.language_model.layers.0.mlp.experts.down_proj"),
       {"tensor \"model.layers.0.mlp.experts.down_proj\" is missing (shape [8, 40, 64])"}},
      {"qwen3_vl_moe",
       [&](ModelFixture& fixture) {
         tensor_of(fixture, "model.language_model.layers.0.mlp.experts.gate_up_proj").shape = {8, 80, 63};
       },
       {"experts.gate_up_proj\" (model.layers.0.mlp.experts.gate_up_proj) has shape [8, 80, 63]",
        "config.json says [8, 64, 80] (experts, hidden_size, 2 * moe_intermediate_size)"}},
      {"gpt_oss_plain",
       [&](ModelFixture& fixture) {
         fixture.tensors.push_back({.name = experts + "3.up_proj.bias", .shape = {48}, .seeded_as = "x"});
       },
       {"\"" + experts + "3.up_proj.bias\" is there beside those of all experts together"}},
  };
  for (const Case& one : cases) {
    ModelFixture fixture = testing::read_model_fixture(one.fixture);
    one.damage(fixture);
    const TemporaryFolder folder;
    const auto checkpoint = open_written(fixture, folder);
    ASSERT_FALSE(checkpoint.ok()) << one.message.front();
    for (const std::string& part : one.message) {
      EXPECT_NE(checkpoint.error().message.find(part), std::string::npos)
          << checkpoint.error().message << " should say " << part;
    }
  }
}

TEST(StackedExperts, Mxfp4HasWholeBlocks) {
  ModelConfig config{.architecture = "GptOssForCausalLM", .hidden = 48, .num_layers = 1};
  config.moe = {.num_experts = 2, .expert_ffn = 64};
  config.is_moe_layer = {true};
  StoredTensors tensors;
  tensors["model.layers.0.mlp.experts.gate_up_proj_blocks"] = {};
  const Status refused = unstack_experts(config, "folder", tensors);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "folder: tensor \"model.layers.0.mlp.experts.gate_up_proj_blocks\": MXFP4 has blocks of 32, of which "
            "hidden_size 48 is not a multiple");
}

}  // namespace
}  // namespace braid
