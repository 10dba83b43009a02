#include "braid/config/quantization_config.h"

#include <gtest/gtest.h>

#include "tests/support/config/hf_configs.h"

namespace braid {
namespace {

using testing::expect_part;
using Storage = QuantizationScheme::Storage;

Result<QuantizationConfig> read_quantization(std::string_view keys) {
  const auto json = parse_json(fmt::format("{{{}}}", keys));
  CHECK(json.ok(), "{}", json.error().message);
  return read_quantization_config(*JsonObject::of(*json, "config.json: quantization_config"));
}

std::string problem_of(std::string_view keys) {
  const auto config = read_quantization(keys);
  if (config.ok()) return "";
  EXPECT_EQ(config.error().message.find('\n'), std::string::npos);
  return config.error().message;
}

TEST(QuantizationConfig, ReadsGptq) {
  const auto plain = read_quantization(R"("quant_method": "gptq", "bits": 4, "group_size": 128, "damp_percent": 0.1)");
  ASSERT_TRUE(plain.ok()) << plain.error().message;
  ASSERT_EQ(plain->schemes.size(), 1U);
  const QuantizationScheme& scheme = plain->schemes[0];
  EXPECT_EQ(scheme.storage, Storage::kGptq);
  EXPECT_EQ(scheme.bits, 4);
  EXPECT_EQ(scheme.group_inputs, 128);
  EXPECT_TRUE(scheme.is_symmetric);
  EXPECT_FALSE(scheme.is_act_order);
  EXPECT_EQ(scheme.zero_bias, 1);
  const auto second = read_quantization(R"("quant_method": "gptq", "bits": 8, "group_size": -1, "sym": false,
      "desc_act": true, "checkpoint_format": "gptq_v2", "modules_to_not_convert": ["lm_head"], "dynamic": {})");
  ASSERT_TRUE(second.ok()) << second.error().message;
  EXPECT_EQ(second->schemes[0].bits, 8);
  EXPECT_EQ(second->schemes[0].group_inputs, QuantizationScheme::kWhole);
  EXPECT_FALSE(second->schemes[0].is_symmetric);
  EXPECT_TRUE(second->schemes[0].is_act_order);
  EXPECT_EQ(second->schemes[0].zero_bias, 0);
  EXPECT_EQ(second->ignored, std::vector<std::string>{"lm_head"});
  const auto newer = read_quantization(R"("quant_method": "gptq", "bits": 4, "format": "gptq_v2")");
  ASSERT_TRUE(newer.ok()) << newer.error().message;
  EXPECT_EQ(newer->schemes[0].zero_bias, 0);
}

TEST(QuantizationConfig, ReadsOptionsOfSingleLayersOfGptq) {
  const auto config = read_quantization(R"("quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": true,
      "checkpoint_format": "gptq_v2", "dynamic": {
        "-:.*gate$": {},
        "+:.*down_proj": {"bits": 8, "group_size": 32, "sym": false, "desc_act": false, "damp_percent": 0.05},
        "lm_head": {"bits": 8, "group_size": null}})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  ASSERT_EQ(config->schemes.size(), 4U);
  EXPECT_TRUE(config->schemes[0].is_excluded);
  EXPECT_EQ(config->schemes[0].targets, std::vector<std::string>{"re:.*gate$"});
  const QuantizationScheme& down = config->schemes[1];
  EXPECT_FALSE(down.is_excluded);
  EXPECT_EQ(down.targets, std::vector<std::string>{"re:.*down_proj"});
  EXPECT_EQ(down.bits, 8);
  EXPECT_EQ(down.group_inputs, 32);
  EXPECT_FALSE(down.is_symmetric);
  EXPECT_FALSE(down.is_act_order);
  EXPECT_EQ(down.zero_bias, 0);
  EXPECT_EQ(down.text, "gptq, 8 bits");
  const QuantizationScheme& head = config->schemes[2];
  EXPECT_EQ(head.targets, std::vector<std::string>{"re:lm_head"});
  EXPECT_EQ(head.bits, 8);
  EXPECT_EQ(head.group_inputs, 128);
  EXPECT_TRUE(head.is_symmetric);
  EXPECT_TRUE(head.is_act_order);
  EXPECT_TRUE(config->schemes[3].targets.empty());
  EXPECT_EQ(config->schemes[3].bits, 4);
}

TEST(QuantizationConfig, ReadsAwqAndFp8) {
  const auto awq = read_quantization(R"("quant_method": "awq", "bits": 4, "group_size": 64, "version": "GEMM")");
  ASSERT_TRUE(awq.ok()) << awq.error().message;
  EXPECT_EQ(awq->schemes[0].storage, Storage::kAwq);
  EXPECT_EQ(awq->schemes[0].group_inputs, 64);
  EXPECT_FALSE(awq->schemes[0].is_symmetric);
  const auto symmetric = read_quantization(R"("quant_method": "awq", "bits": 4, "zero_point": false)");
  ASSERT_TRUE(symmetric.ok()) << symmetric.error().message;
  EXPECT_TRUE(symmetric->schemes[0].is_symmetric);
  const auto marlin =
      read_quantization(R"("quant_method": "awq", "bits": 4, "zero_point": false, "version": "marlin")");
  ASSERT_TRUE(marlin.ok()) << marlin.error().message;
  EXPECT_EQ(marlin->schemes[0].storage, Storage::kAwqMarlin);
  EXPECT_TRUE(read_quantization(R"("quant_method": "awq", "w_bit": 4, "q_group_size": 128)").ok());
  const auto blocks = read_quantization(R"("quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 64])");
  ASSERT_TRUE(blocks.ok()) << blocks.error().message;
  EXPECT_EQ(blocks->schemes[0].storage, Storage::kFloat8);
  EXPECT_EQ(blocks->schemes[0].group_outputs, 128);
  EXPECT_EQ(blocks->schemes[0].group_inputs, 64);
  const auto plain = read_quantization(R"("quant_method": "fp8", "activation_scheme": "static")");
  ASSERT_TRUE(plain.ok()) << plain.error().message;
  EXPECT_EQ(plain->schemes[0].group_outputs, QuantizationScheme::kWhole);
}

TEST(QuantizationConfig, ReadsGroupsOfCompressedTensors) {
  const auto config = read_quantization(R"("quant_method": "compressed-tensors", "format": "mixed-precision",
      "ignore": ["lm_head", "re:.*mlp.gate$"], "kv_cache_scheme": {"num_bits": 8}, "sparsity_config": {},
      "config_groups": {
        "group_0": {"targets": ["re:.*down_proj"], "format": "float-quantized",
                    "weights": {"num_bits": 8, "type": "float", "strategy": "channel"}},
        "group_1": {"targets": ["Linear"], "format": "pack-quantized",
                    "weights": {"num_bits": 4, "symmetric": false, "group_size": 32, "actorder": "group"}},
        "group_2": {"targets": ["Linear"], "input_activations": {"num_bits": 8}}})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  ASSERT_EQ(config->schemes.size(), 2U);
  EXPECT_EQ(config->schemes[0].storage, Storage::kFloat8);
  EXPECT_EQ(config->schemes[0].targets, std::vector<std::string>{"re:.*down_proj"});
  EXPECT_EQ(config->schemes[0].group_inputs, QuantizationScheme::kWhole);
  EXPECT_EQ(config->schemes[0].group_outputs, 1);
  EXPECT_EQ(config->schemes[1].storage, Storage::kPackedWords);
  EXPECT_TRUE(config->schemes[1].targets.empty());
  EXPECT_EQ(config->schemes[1].group_inputs, 32);
  EXPECT_TRUE(config->schemes[1].is_act_order);
  EXPECT_FALSE(config->schemes[1].is_symmetric);
  EXPECT_EQ(config->ignored, (std::vector<std::string>{"lm_head", "re:.*mlp.gate$"}));
  EXPECT_EQ(config->notes, std::vector<std::string>{"its kv_cache_scheme is not used"});
}

TEST(QuantizationConfig, ReadsWhetherKeysAndValuesHaveScales) {
  const std::pair<const char*, bool> cases[] = {
      {R"({"num_bits": 8, "type": "float", "strategy": "tensor", "dynamic": false, "symmetric": true})", true},
      {R"({"num_bits": 8, "type": "float"})", true},
      {R"({"num_bits": 8, "type": "float", "dynamic": true})", false},
      {R"({"num_bits": 8, "type": "float", "strategy": "attn_head"})", false},
      {R"({"num_bits": 8, "type": "int", "strategy": "tensor"})", false},
      {"null", false}};
  for (const auto& [scheme, has_scales] : cases) {
    const auto config = read_quantization(
        fmt::format(R"("quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {{}},
            "kv_cache_scheme": {})",
                    scheme));
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->has_kv_scales, has_scales) << scheme;
    EXPECT_EQ(config->notes.empty(), has_scales || std::string_view(scheme) == "null") << scheme;
  }
}

std::string of_compressed(std::string_view format, std::string_view weights) {
  return fmt::format(R"("quant_method": "compressed-tensors", "format": "{}", "config_groups":
      {{"group_0": {{"targets": ["Linear"], "weights": {{{}}}}}}})",
                     format, weights);
}

TEST(QuantizationConfig, ReadsEachFormatOfCompressedTensors) {
  const auto storage_of = [](std::string_view format, std::string_view weights) {
    const auto config = read_quantization(of_compressed(format, weights));
    EXPECT_TRUE(config.ok()) << config.error().message;
    return config->schemes.at(0);
  };
  EXPECT_EQ(storage_of("int-quantized", R"("num_bits": 8, "strategy": "channel")").storage, Storage::kInt8);
  EXPECT_EQ(storage_of("int-quantized", R"("num_bits": 8, "strategy": "tensor")").group_outputs, -1);
  EXPECT_EQ(storage_of("naive-quantized", R"("num_bits": 8, "type": "float")").storage, Storage::kFloat8);
  EXPECT_EQ(storage_of("pack-quantized", R"("num_bits": 8, "strategy": "group", "group_size": 128)").bits, 8);
  EXPECT_EQ(storage_of("mxfp4-pack-quantized", R"("num_bits": 4, "type": "float", "group_size": 32)").storage,
            Storage::kMxfp4);
  const auto block = storage_of("float-quantized", R"("num_bits": 8, "type": "float", "strategy": "block",
      "block_structure": [128, 128])");
  EXPECT_EQ(block.group_outputs, 128);
  EXPECT_EQ(block.group_inputs, 128);
  const auto text = storage_of("float-quantized", R"("num_bits": 8, "type": "float", "strategy": "block",
      "block_structure": "64x128")");
  EXPECT_EQ(text.group_outputs, 64);
  EXPECT_EQ(text.group_inputs, 128);
}

TEST(QuantizationConfig, ErrorsNameTheKeyAndWhatIsAllowed) {
  const std::string gptq = R"("quant_method": "gptq", )";
  const std::string packed = R"("num_bits": 4, )";
  for (const char* const method : {"bitsandbytes", "exl2", "hqq", "aqlm", "mxfp4"}) {
    const std::string problem = problem_of(fmt::format(R"("quant_method": "{}")", method));
    expect_part(problem, fmt::format("\"{}\"", method));
    expect_part(problem, R"("gptq", "awq", "compressed-tensors" and "fp8" are)");
  }
  expect_part(problem_of(""), "quant_method \"?\"");
  expect_part(problem_of(R"("quant_method": 3)"), "\"quant_method\" is 3, must be a string");
  expect_part(problem_of(gptq + R"("bits": 3)"), "\"bits\" is 3, must be 4 or 8");
  expect_part(problem_of(gptq + R"("group_size": 128)"), "\"bits\" is null, must be 4 or 8");
  expect_part(problem_of(gptq + R"("bits": 4, "group_size": 100)"),
              "quantization_config: \"group_size\" is 100, must be -1, or a multiple of 32");
  expect_part(problem_of(gptq + R"("bits": 4, "group_size": 0)"), "\"group_size\" is 0");
  expect_part(problem_of(gptq + R"("bits": 4, "checkpoint_format": "marlin")"), "\"gptq\" or \"gptq_v2\"");
  expect_part(problem_of(gptq + R"("bits": 4, "format": "gptq_p")"), "\"format\" is \"gptq_p\"");
  expect_part(problem_of(gptq + R"("bits": 4, "pack_dtype": "int16")"), "\"pack_dtype\" is \"int16\"");
  expect_part(problem_of(gptq + R"("bits": 4, "dynamic": ["-:.*gate.*"])"), "\"dynamic\" is [\"-:.*gate.*\"], must be");
  expect_part(problem_of(gptq + R"("bits": 4, "dynamic": {"+:.*up": {"bits": 2}})"),
              "quantization_config: dynamic: \"+:.*up\": \"bits\" is 2, must be 4 or 8");
  expect_part(problem_of(gptq + R"("bits": 4, "dynamic": {".*up": false})"),
              "dynamic: \".*up\" is false, must be a JSON object");
  expect_part(problem_of(gptq + R"("bits": 4, "sym": 1)"), "true or false");
  expect_part(problem_of(R"("quant_method": "awq", "bits": 8)"), "\"bits\" is 8, must be 4");
  expect_part(problem_of(R"("quant_method": "awq", "bits": 4, "version": "gemv")"), "must be \"gemm\" or \"marlin\"");
  expect_part(problem_of(R"("quant_method": "awq", "bits": 4, "checkpoint_format": "llm-awq")"),
              "must be \"gemm\" or \"marlin\"");
  expect_part(problem_of(R"("quant_method": "awq", "bits": 4, "format": "gemv_fast")"),
              "must be \"gemm\" or \"marlin\"");
  expect_part(problem_of(R"("quant_method": "awq", "bits": 4, "version": "marlin")"),
              "must be \"gemm\" with zero points");
  expect_part(problem_of(R"("quant_method": "awq", "bits": 4, "zero_point": 0)"), "\"zero_point\"");
  expect_part(problem_of(R"("quant_method": "fp8", "fmt": "e5m2")"), "\"fmt\" is \"e5m2\", must be \"e4m3\"");
  expect_part(problem_of(R"("quant_method": "fp8", "weight_block_size": [128])"), "two sizes");
  expect_part(problem_of(R"("quant_method": "fp8", "weight_block_size": [128, 0])"), "two sizes");
  expect_part(problem_of(R"("quant_method": "compressed-tensors")"), "\"config_groups\" is missing");
  expect_part(problem_of(of_compressed("marlin-24", R"("num_bits": 4)")), "\"format\" is \"marlin-24\"");
  expect_part(problem_of(of_compressed("pack-quantized", R"("num_bits": 3, "group_size": 32)")), "\"num_bits\" is 3");
  expect_part(problem_of(of_compressed("pack-quantized", packed + R"("type": "float")")), "\"type\" is \"float\"");
  expect_part(problem_of(of_compressed("float-quantized", R"("num_bits": 8)")), "must be \"float\"");
  expect_part(problem_of(of_compressed("pack-quantized", packed + R"("strategy": "group")")), "\"group_size\" is null");
  expect_part(problem_of(of_compressed("pack-quantized", packed + R"("strategy": "token")")), "\"strategy\"");
  expect_part(problem_of(of_compressed("pack-quantized", packed + R"("actorder": "up")")), "\"actorder\"");
  expect_part(problem_of(of_compressed("mxfp4-pack-quantized", R"("num_bits": 4, "type": "float", "group_size": 64)")),
              "\"group_size\" is 64, must be 32");
  for (const char* const block :
       {"null", "128", "[128]", "[128, 100]", "[0, 128]", "\"\"", "\"128\"", "\"128x\"", "\"x128\"", "\"128x128x1\"",
        "\"128 128\"", "\"-1x128\"", "\"9999999999999999999x128\""}) {
    const std::string weights = R"("num_bits": 8, "type": "float", "strategy": "block", "block_structure": )";
    expect_part(problem_of(of_compressed("float-quantized", weights + block)), "\"block_structure\" is ");
  }
  expect_part(problem_of(R"("quant_method": "compressed-tensors", "sparsity_config": {"format": "sparse-24-bitmask"},
      "config_groups": {})"),
              "sparse weights are not supported");
  expect_part(problem_of(R"("quant_method": "compressed-tensors", "transform_config": {"config_groups": {"a": 1}},
      "config_groups": {})"),
              "\"transform_config\"");
}

}  // namespace
}  // namespace braid
