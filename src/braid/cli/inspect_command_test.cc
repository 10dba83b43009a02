#include "braid/cli/inspect_command.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <sstream>

#include "braid/formats/input_file.h"
#include "braid/formats/safetensors.h"
#include "braid/weights/checkpoint.h"
#include "tests/support/model_fixture.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

TEST(Inspect, EveryFixtureWouldRun) {
  for (const std::string& name : testing::checkpoint_fixture_names()) {
    SCOPED_TRACE(name);
    const testing::TemporaryFolder folder;
    write_checkpoint(testing::read_model_fixture(name), folder.path());
    std::ostringstream out;
    EXPECT_EQ(run_inspect(folder.path().string(), {}, {}, true, out), 0) << out.str();
    const auto report = parse_json(out.str());
    ASSERT_TRUE(report.ok());
    EXPECT_EQ((*report)["would_run"], true);
    EXPECT_GT((*report)["parameters"], 0);
    EXPECT_LE((*report)["active_parameters"], (*report)["parameters"]);
  }
}

TEST(Inspect, AGgufFileIsReportedWithItsTokenizer) {
  const auto fixture = testing::read_model_fixture("gguf_qwen3_moe");
  std::ostringstream out;
  EXPECT_EQ(run_inspect(fixture.gguf().string(), {}, {}, false, out), 0) << out.str();
  for (const char* part :
       {"Qwen3MoeForCausalLM, 2 layers", "active", "GGUF gpt2 qwen2, 280 tokens", "512 tokens", "it would run"}) {
    EXPECT_NE(out.str().find(part), std::string::npos) << part << " in\n" << out.str();
  }
}

TEST(Inspect, TellsTheBitsThatWeightsAreComputedIn) {
  const testing::TemporaryFolder folder;
  write_checkpoint(testing::read_model_fixture("quantized_awq"), folder.path());
  const auto run = [&](const RankOptions& ranks, bool as_json) {
    std::ostringstream out;
    EXPECT_EQ(run_inspect(folder.path().string(), {}, ranks, as_json, out), 0) << out.str();
    return out.str();
  };
  EXPECT_NE(run({}, false).find("AWQ 4-bit 0.0 MB in 4 bits, F16 "), std::string::npos) << run({}, false);
  const auto bits_of = [&](const RankOptions& ranks) {
    std::map<std::string, std::set<int>> bits;
    const Json report = parse_json(run(ranks, true)).value();
    for (const auto& use : report["weights"]) {
      EXPECT_GT(use["stored_bytes"], 0);
      bits[use["type"].get<std::string>()].insert(use["computed_bits"].get<int>());
    }
    return bits;
  };
  // Head and embedding; norms and the router.
  EXPECT_EQ(bits_of({})["F16"], (std::set<int>{16, 32}));
  EXPECT_EQ(bits_of({})["AWQ 4-bit"], std::set<int>{4});
  EXPECT_EQ(bits_of({.quantization = Quantization::kInt4})["F16"], (std::set<int>{8, 32}));
  EXPECT_EQ(bits_of({.quantization = Quantization::kInt4})["AWQ 4-bit"], std::set<int>{4});
}

TEST(Inspect, ScalesThatAreNotFiniteAreReported) {
  testing::ModelFixture fixture = testing::read_model_fixture("quantized_fp8_channel");
  for (testing::FixtureTensor& tensor : fixture.tensors) {
    if (tensor.name == "model.layers.1.mlp.up_proj.weight_scale") tensor.scale = std::numeric_limits<float>::infinity();
  }
  const testing::TemporaryFolder folder;
  write_checkpoint(fixture, folder.path());
  std::ostringstream out;
  EXPECT_EQ(run_inspect(folder.path().string(), {}, {}, false, out), 1);
  EXPECT_NE(out.str().find("tensor \"model.layers.1.mlp.up_proj.weight_scale\" has a scale that is not finite"),
            std::string::npos)
      << out.str();
}

TEST(Inspect, Float8CodesThatAreNotNumbersAreReportedAsLoadingReportsThem) {
  const testing::TemporaryFolder folder;
  write_checkpoint(testing::read_model_fixture("quantized_fp8_channel"), folder.path());
  const std::string path = (folder.path() / "model.safetensors").string();
  int64_t offset = 0;
  {
    const auto file = InputFile::open(path);
    ASSERT_TRUE(file.ok());
    const auto header = read_safetensors(*file);
    ASSERT_TRUE(header.ok());
    for (const SafetensorsTensor& tensor : header->tensors) {
      if (tensor.name == "model.layers.1.mlp.down_proj.weight") offset = tensor.offset;
    }
  }
  ASSERT_GT(offset, 0);
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary).seekp(offset + 5 * 96 + 95).put('\xff');

  std::ostringstream out;
  EXPECT_EQ(run_inspect(folder.path().string(), {}, {}, false, out), 1);
  const std::string line =
      "model.safetensors: tensor \"model.layers.1.mlp.down_proj.weight\" has a value that is not finite (NaN at row 5, "
      "column 95)";
  EXPECT_NE(out.str().find(line), std::string::npos) << out.str();
  const auto checkpoint = Checkpoint::open({.kind = ResolvedModel::Kind::kDirectory, .path = folder.path().string()});
  ASSERT_TRUE(checkpoint.ok());
  const auto loaded = checkpoint->find("model.layers.1.mlp.down_proj.weight")->read_quantized(0, 64);
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().message, line);
}

TEST(Inspect, ExponentsThatAreNotNumbersAreReported) {
  testing::ModelFixture fixture = testing::read_model_fixture("gpt_oss_mxfp4");
  for (testing::FixtureTensor& tensor : fixture.tensors) {
    if (tensor.name == "model.layers.1.mlp.experts.down_proj_scales") tensor.bytes->low = tensor.bytes->high = 255;
  }
  const testing::TemporaryFolder folder;
  write_checkpoint(fixture, folder.path());
  std::ostringstream out;
  EXPECT_EQ(run_inspect(folder.path().string(), {}, {}, false, out), 1);
  EXPECT_NE(out.str().find("tensor \"model.layers.1.mlp.experts.down_proj_scales\" has a scale that is not finite"),
            std::string::npos)
      << out.str();
}

TEST(Inspect, ALayoutsBuffersAreReported) {
  const auto fixture = testing::read_model_fixture("gguf_qwen3_moe");
  const auto told = [&](const RankOptions& ranks) {
    std::ostringstream out;
    run_inspect(fixture.gguf().string(), {}, ranks, true, out);
    return parse_json(out.str()).value();
  };
  EXPECT_EQ(told({})["exchange_bytes"], 0);
  RankOptions two{.layout = {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}};
  const auto bytes = told(two)["exchange_bytes"].get<int64_t>();
  EXPECT_GT(bytes, 0);
  two.chunked_prefill_size *= 2;
  EXPECT_GT(told(two)["exchange_bytes"].get<int64_t>(), bytes) << "larger steps need larger buffers";
  EXPECT_EQ(told(two)["kv_bytes_per_token"], told({})["kv_bytes_per_token"]) << "no token lies in two groups";

  const auto refused = told({.layout = {.tp_size = 7}});
  EXPECT_EQ(refused["would_run"], false);
  EXPECT_NE(refused["problems"][0].get<std::string>().find("divisible"), std::string::npos);
}

TEST(Inspect, AVisionTowerIsReportedAndItsTensorsAreChecked) {
  testing::ModelFixture fixture = testing::read_model_fixture("gemma3_vision");
  const auto run = [&](bool as_json) {
    const testing::TemporaryFolder folder;
    write_checkpoint(fixture, folder.path());
    std::ostringstream out;
    run_inspect(folder.path().string(), {}, {}, as_json, out);
    return out.str();
  };
  EXPECT_NE(run(false).find("1 blocks, 11992 of the parameters"), std::string::npos) << run(false);
  const auto told = parse_json(run(true)).value();
  EXPECT_EQ(told["vision_parameters"], 11992);
  EXPECT_EQ(told["active_parameters"].get<int64_t>() + 11992, told["parameters"]);

  for (testing::FixtureTensor& tensor : fixture.tensors) {
    if (tensor.name.ends_with("fc1.weight")) tensor.shape[0] += 1;
  }
  EXPECT_NE(run(false).find("has shape [9, 16], config.json says [8, 16] (intermediate_size, hidden_size)"),
            std::string::npos)
      << run(false);
}

TEST(Inspect, KvBytesOfLayersWithWindowsAreReported) {
  const testing::TemporaryFolder folder;
  write_checkpoint(testing::read_model_fixture("qwen3_layer_types"), folder.path());
  const auto run = [&](bool as_json) {
    std::ostringstream out;
    run_inspect(folder.path().string(), {}, {}, as_json, out);
    return out.str();
  };
  const auto told = parse_json(run(true)).value();
  const int64_t layer = 2 * 2 * 2 * 16;  // keys and values in bfloat16, 2 heads of 16
  EXPECT_EQ(told["kv_bytes_per_token"], 3 * layer);
  ASSERT_EQ(told["kv_groups"].size(), 2U);
  EXPECT_EQ(told["kv_groups"][0]["window"], 0);
  EXPECT_EQ(told["kv_groups"][0]["kv_bytes_per_token"], layer);
  EXPECT_EQ(told["kv_groups"][1]["window"], 24);
  EXPECT_EQ(told["kv_groups"][1]["num_layers"], 2);
  EXPECT_EQ(told["kv_groups"][1]["kv_bytes_per_token"], 2 * layer);
  EXPECT_NE(run(false).find("0.3 kB in 2 layers that keep its last 24 tokens"), std::string::npos) << run(false);
}

TEST(Inspect, EveryProblemIsNamed) {
  const testing::TemporaryFolder folder;
  auto fixture = testing::read_model_fixture("qwen3_tied");
  std::erase_if(fixture.tensors, [](const auto& t) { return t.name == "model.norm.weight"; });
  for (auto& tensor : fixture.tensors) {
    if (tensor.name == "model.layers.0.mlp.down_proj.weight") tensor.shape[0] += 1;
    if (tensor.name == "model.layers.1.input_layernorm.weight") tensor.offset = std::numeric_limits<float>::quiet_NaN();
  }
  auto extra = fixture.tensors.front();
  extra.name = "model.layers.0.mystery.weight";
  fixture.tensors.push_back(extra);
  write_checkpoint(fixture, folder.path());
  std::ostringstream out;
  EXPECT_EQ(run_inspect(folder.path().string(), {}, {}, false, out), 1);
  for (const char* part : {"\"model.norm.weight\" is missing", "\"model.layers.0.mlp.down_proj.weight\" has shape",
                           "\"model.layers.0.mystery.weight\"",
                           "\"model.layers.1.input_layernorm.weight\" has a value "
                           "that is not finite",
                           "it would not run"}) {
    EXPECT_NE(out.str().find(part), std::string::npos) << part << " in\n" << out.str();
  }
}

TEST(Inspect, AMissingFileIsAProblem) {
  std::ostringstream out;
  EXPECT_EQ(run_inspect("org/model-that-is-not-here", {.home = "/nonexistent"}, {}, true, out), 1);
  EXPECT_NE(out.str().find("hf download org/model-that-is-not-here"), std::string::npos) << out.str();
}

}  // namespace
}  // namespace braid
