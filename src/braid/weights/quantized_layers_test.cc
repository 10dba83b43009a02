#include "braid/weights/quantized_layers.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "braid/weights/weight_table.h"
#include "tests/support/config/hf_configs.h"
#include "tests/support/weights/tensor_folder.h"

namespace braid {
namespace {

using testing::expect_part;
using testing::TemporaryFolder;
using testing::TensorFile;

constexpr const char* kGptq = R"({"quant_method": "gptq", "bits": 4, "group_size": 32, "desc_act": true})";
constexpr const char* kGptqAt96 = R"({"quant_method": "gptq", "bits": 4, "group_size": 96, "desc_act": true})";
constexpr const char* kAwq = R"({"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": false})";
constexpr const char* kAwqMarlin =
    R"({"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": false, "version": "marlin"})";
constexpr const char* kPacked = R"({"quant_method": "compressed-tensors", "format": "pack-quantized",
    "ignore": ["re:.*gate$", "lm_head"], "config_groups": {"group_0": {"targets": ["Linear"],
    "weights": {"num_bits": 4, "strategy": "group", "group_size": 32}}}})";
constexpr const char* kFloat8 = R"({"quant_method": "fp8", "modules_to_not_convert": ["lm_head", "layers.1"]})";
constexpr const char* kFloat8InBlocks = R"({"quant_method": "fp8", "weight_block_size": [16, 32]})";
constexpr const char* kFloat8WithKvScales = R"({"quant_method": "compressed-tensors", "format": "float-quantized",
    "config_groups": {"group_0": {"targets": ["Linear"],
                                  "weights": {"num_bits": 8, "type": "float", "strategy": "tensor"}}},
    "kv_cache_scheme": {"num_bits": 8, "type": "float", "strategy": "tensor", "dynamic": false}})";
const std::string kName = "model.layers.0.mlp.up_proj";

TensorFile gptq_file() {
  TensorFile file;
  file.add(kName + ".qweight", "I32", {8, 16}, std::vector<int32_t>(128));
  file.add(kName + ".qzeros", "I32", {2, 2}, std::vector<int32_t>(4, 0x77777777));
  file.add(kName + ".scales", "F16", {2, 16}, std::vector<uint16_t>(32, 0x3c00));
  std::vector<int32_t> index(64);
  for (size_t i = 0; i < index.size(); ++i) index[i] = static_cast<int32_t>(i % 2);
  file.add(kName + ".g_idx", "I32", {64}, index);
  return file;
}

// 128 inputs in groups of 96 and 32.
TensorFile short_group_file() {
  TensorFile file = gptq_file();
  file.add(kName + ".qweight", "I32", {16, 16}, std::vector<int32_t>(256));
  std::vector<int32_t> index(128);
  for (size_t i = 0; i < index.size(); ++i) index[i] = i % 4 == 3 ? 1 : 0;
  file.add(kName + ".g_idx", "I32", {128}, index);
  return file;
}

TensorFile awq_file() {
  TensorFile file;
  file.add(kName + ".qweight", "I32", {64, 2}, std::vector<int32_t>(128));
  file.add(kName + ".scales", "F16", {2, 16}, std::vector<uint16_t>(32, 0x3c00));
  return file;
}

TensorFile marlin_file() {
  TensorFile file;
  file.add(kName + ".qweight", "I32", {4, 128}, std::vector<int32_t>(512));
  file.add(kName + ".scales", "F16", {2, 64}, std::vector<uint16_t>(128, 0x3c00));
  return file;
}

TensorFile packed_file() {
  TensorFile file;
  file.add(kName + ".weight_packed", "I32", {16, 8}, std::vector<int32_t>(128));
  file.add(kName + ".weight_scale", "BF16", {16, 2}, std::vector<uint16_t>(32, 0x3f80));
  file.add(kName + ".weight_shape", "I64", {2}, std::vector<int64_t>{16, 64});
  return file;
}

TensorFile float8_file() {
  TensorFile file;
  file.add(kName + ".weight", "F8_E4M3", {16, 64}, std::vector<uint8_t>(1024, 0x38));
  file.add(kName + ".weight_scale", "F32", {}, std::vector<float>{1});
  return file;
}

// The error of opening the checkpoint, of checking its scales, or of reading it.
std::string problem_of(const TensorFile& file, const std::string& quantization) {
  const TemporaryFolder folder;
  const auto checkpoint = file.open(folder, quantization);
  if (!checkpoint.ok()) return checkpoint.error().message;
  const StoredTensor* const tensor = checkpoint->find(kName + ".weight");
  if (tensor == nullptr) return "no weight";
  std::vector<float> values(static_cast<size_t>(tensor->num_elements()));
  const auto read = tensor->read_rows(0, make_rows(values.data(), tensor->rows(), tensor->cols()));
  if (tensor->parts != nullptr) {
    if (const auto checked = tensor->parts->check(); !checked.ok()) {
      EXPECT_EQ(checked.error().message, read.error().message);
    }
  }
  return read.ok() ? "" : read.error().message;
}

TEST(QuantizedLayers, ErrorsNameTheTensorAndWhatIsAllowed) {
  struct Case {
    std::string config;
    std::function<TensorFile()> file;
    std::function<void(TensorFile&)> damage;
    std::vector<std::string> message;
  };
  const auto without = [](const std::string& part) {
    return [part](TensorFile& file) { file.tensors.erase(kName + part); };
  };
  const auto as = [](const std::string& part, const std::string& type, std::vector<int64_t> shape) {
    return [=](TensorFile& file) {
      TensorFile::Tensor& tensor = file.tensors.at(kName + part);
      int64_t bytes = type == "I64" ? 8 : type == "I32" || type == "F32" ? 4 : type == "F16" || type == "BF16" ? 2 : 1;
      for (const int64_t size : shape) bytes *= size;
      tensor = {.dtype = type, .shape = shape, .bytes = std::vector<std::byte>(static_cast<size_t>(bytes))};
    };
  };
  const auto with_index = [](size_t at, int32_t group) {
    return [=](TensorFile& file) {
      std::memcpy(file.tensors.at(kName + ".g_idx").bytes.data() + at * 4, &group, sizeof group);
    };
  };
  const std::string gptq_at_128 = R"({"quant_method": "gptq", "bits": 4, "group_size": 128})";
  const std::vector<Case> cases = {
      {kGptq, gptq_file, [](TensorFile&) {}, {}},
      {kGptq, gptq_file, without(".scales"), {"tensor \"" + kName + ".scales\" is missing (gptq, 4 bits)"}},
      {kGptq, gptq_file, without(".g_idx"), {".g_idx\" is missing (gptq, 4 bits, in act order)"}},
      {kGptq, gptq_file, without(".qweight"), {".g_idx\" has no place"}},
      {kGptq,
       gptq_file,
       as(".scales", "F16", {1, 16}),
       {".scales\" has shape [1, 16], must be [2, 16] (16 outputs, 64 "
        "inputs in 2 groups, gptq, 4 bits)"}},
      {kGptq, gptq_file, as(".scales", "I32", {2, 16}), {"has the type I32, must be F32, F16, BF16"}},
      {kGptq, gptq_file, as(".qzeros", "I32", {2, 4}), {".qzeros\" has shape [2, 4], must be [2, 2]"}},
      {kGptq,
       gptq_file,
       as(".qzeros", "I32", {2, 2}),
       {".qzeros\" has the zero point 1 (output 0, group 0)", "symmetric weights have 8"}},
      {kGptq, gptq_file, as(".qweight", "I32", {128}), {".qweight\" has shape [128], must be a matrix"}},
      {kGptq, gptq_file, as(".qweight", "I32", {0, 16}), {"must be a matrix"}},
      {kGptq, gptq_file, as(".qweight", "F16", {8, 16}), {"has the type F16, must be I32, U32"}},
      {gptq_at_128, gptq_file, [](TensorFile&) {}, {".scales\" has shape [2, 16], must be [1, 16]"}},
      {kGptqAt96, short_group_file, [](TensorFile&) {}, {}},
      {kGptqAt96, short_group_file, with_index(64, 1), {"has group 0 for 95 inputs, must have it for 96"}},
      {kGptqAt96, short_group_file, as(".scales", "F16", {1, 16}), {".scales\" has shape [1, 16], must be [2, 16]"}},
      {R"({"quant_method": "awq", "bits": 4, "group_size": 96})",
       awq_file,
       [](TensorFile&) {},
       {"has 64 inputs, which groups of 96 do not divide"}},
      {R"({"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": {"group_0": {"targets":
          ["Linear"], "weights": {"num_bits": 4, "group_size": 96}}}})",
       packed_file,
       [](TensorFile&) {},
       {"has 64 inputs, which groups of 96 do not divide"}},
      {kGptq, gptq_file, with_index(5, 2), {"has the group 2 for input 5, there are 2 groups"}},
      {kGptq, gptq_file, with_index(5, -7), {"has the group -7 for input 5"}},
      {kGptq, gptq_file, with_index(5, 0), {"has group 0 for 33 inputs, must have it for 32"}},
      {R"({"quant_method": "gptq", "bits": 4, "group_size": 32})",
       gptq_file,
       [](TensorFile&) {},
       {".g_idx\" has groups in another order", "desc_act"}},
      {R"({"quant_method": "gptq", "bits": 8, "group_size": 32, "desc_act": true})",
       gptq_file,
       [](TensorFile&) {},
       {"must be [1, 16]"}},
      {kAwq, awq_file, [](TensorFile&) {}, {}},
      {kAwq,
       awq_file,
       [](TensorFile& file) {
         file.add(kName + ".qzeros", "I32", {2, 2}, std::vector<uint32_t>(4, 0x88888888));
       },
       {}},
      {kAwq,
       awq_file,
       [](TensorFile& file) {
         file.add(kName + ".qzeros", "I32", {2, 2},
                  std::vector<uint32_t>{0x88888888, 0x88888888, 0x88888888, 0x88878888});
       },
       {".qzeros\" has the zero point 7 (output 9, group 1)", "symmetric weights have 8"}},
      {kAwqMarlin, marlin_file, [](TensorFile&) {}, {}},
      {kAwqMarlin, awq_file, [](TensorFile&) {}, {"has shape [64, 2], its last size must be a multiple of 128"}},
      {kAwqMarlin, marlin_file, as(".scales", "F16", {2, 32}), {"must be [2, 64] (64 outputs, 64 inputs in 2 groups"}},
      {kAwqMarlin,
       marlin_file,
       [](TensorFile& file) {
         file.add(kName + ".qzeros", "I32", {2, 8}, std::vector<int32_t>(16));
       },
       {".qzeros\" has no place"}},
      {R"({"quant_method": "awq", "bits": 4, "group_size": 32})",
       awq_file,
       [](TensorFile&) {},
       {".qzeros\" is missing (awq, 4 bits)"}},
      {"", gptq_file, [](TensorFile&) {}, {".qweight\"", "config.json has no quantization_config"}},
      {kGptq, packed_file, [](TensorFile&) {}, {".qweight\" is missing"}},
      {kPacked, gptq_file, [](TensorFile&) {}, {".weight_packed\" is missing"}},
      {kPacked, packed_file, [](TensorFile&) {}, {}},
      {kPacked, packed_file, as(".weight_shape", "I64", {2}), {".weight_shape\" says [0, 0], ", "of 8 codes a word"}},
      {kPacked, packed_file, without(".weight_scale"), {".weight_scale\" is missing"}},
      {kPacked,
       packed_file,
       [](TensorFile& file) {
         const std::string gate = "model.layers.0.mlp.gate";
         for (const char* const part : {".weight_packed", ".weight_scale", ".weight_shape"}) {
           auto node = file.tensors.extract(kName + part);
           node.key() = gate + part;
           file.tensors.insert(std::move(node));
         }
       },
       {"gate.weight_packed\" is quantized, config.json's quantization_config says that it is not (\"re:.*gate$\")"}},
      {kPacked,
       packed_file,
       [](TensorFile& file) {
         file.add(kName + ".weight", "BF16", {1, 1}, std::vector<uint16_t>{0});
       },
       {".weight\" is there beside the quantized"}},
      {R"({"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": {"group_0": {"targets":
          ["re:.*down_proj"], "weights": {"num_bits": 4, "group_size": 32}}}})",
       packed_file,
       [](TensorFile&) {},
       {"no target of config.json's quantization_config"}},
      {R"({"quant_method": "compressed-tensors", "format": "pack-quantized", "ignore": ["re:("], "config_groups": {
          "group_0": {"targets": ["Linear"], "weights": {"num_bits": 4, "group_size": 32}}}})",
       packed_file,
       [](TensorFile&) {},
       {"config.json: quantization_config: ", "("}},
      {kFloat8, float8_file, [](TensorFile&) {}, {}},
      {kFloat8, float8_file, as(".weight_scale", "F32", {2}), {"has shape [2], must be [], [1] or [1, 1]"}},
      {kFloat8, float8_file, without(".weight_scale"), {".weight_scale\" is missing (fp8, one scale a tensor)"}},
      {kFloat8InBlocks, float8_file, as(".weight_scale", "F32", {1, 2}), {}},
      {kFloat8InBlocks,
       float8_file,
       without(".weight_scale"),
       {".weight_scale_inv\" is missing (fp8, blocks of 16 x 32)"}},
      {kFloat8,
       float8_file,
       [](TensorFile& file) { file.tensors.at(kName + ".weight").bytes[70] = std::byte{0xff}; },
       {"has a value that is not finite (NaN at row 1, column 6)"}},
      {kFloat8,
       float8_file,
       [](TensorFile& file) { file.tensors.at(kName + ".weight").dtype = "F8_E5M2"; },
       {"has the type F8_E5M2, must be F8_E4M3"}},
      {kFloat8,
       float8_file,
       [](TensorFile& file) {
         file.add(kName + ".weight_scale", "F32", {}, std::vector<float>{std::numeric_limits<float>::quiet_NaN()});
       },
       {"model.safetensors: tensor \"" + kName + ".weight_scale\" has a scale that is not finite (nan for output 0"}},
      {kFloat8,
       float8_file,
       [](TensorFile& file) {
         file.add(kName + ".weight_scale", "F32", {}, std::vector<float>{std::numeric_limits<float>::infinity()});
       },
       {"not finite (inf for output 0, group 0)"}},
  };
  for (const Case& one : cases) {
    TensorFile file = one.file();
    one.damage(file);
    const std::string problem = problem_of(file, one.config);
    if (one.message.empty()) {
      EXPECT_EQ(problem, "");
    }
    for (const std::string& part : one.message) expect_part(problem, part);
    EXPECT_EQ(problem.find('\n'), std::string::npos) << problem;
  }
}

TEST(QuantizedLayers, ScalesOfActivationsAreCountedAndRemoved) {
  TensorFile file = float8_file();
  file.add(kName + ".input_scale", "F32", {}, std::vector<float>{1});
  file.add("model.layers.0.self_attn.k_scale", "F32", {}, std::vector<float>{1});
  const TemporaryFolder folder;
  const auto checkpoint = file.open(folder, kFloat8);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->tensors().size(), 1U);
  ASSERT_EQ(checkpoint->config().notes.size(), 1U);
  expect_part(checkpoint->config().notes[0], "scales of activations (2 tensors) are not used");
}

TEST(QuantizedLayers, ScalesOfKeysAndValuesStayIfTheConfigurationHasThem) {
  TensorFile file = float8_file();
  file.add("model.layers.0.self_attn.k_scale", "F32", {}, std::vector<float>{2});
  file.add("model.layers.0.self_attn.v_scale", "F32", {1}, std::vector<float>{1});
  const TemporaryFolder folder;
  const auto checkpoint = file.open(folder, kFloat8WithKvScales);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  for (const char* name : {"model.layers.0.self_attn.k_scale", "model.layers.0.self_attn.v_scale"}) {
    ASSERT_NE(checkpoint->find(name), nullptr) << name;
    EXPECT_EQ(checkpoint->find(name)->shape, std::vector<int64_t>{1});
  }
}

TEST(QuantizedLayers, ScalesOfKeysAndValuesAreAboveZero) {
  for (const float scale : {0.0F, -1.0F, 1e-35F}) {
    TensorFile file = float8_file();
    file.add("model.layers.0.self_attn.v_scale", "F32", {}, std::vector<float>{scale});
    const TemporaryFolder folder;
    const auto checkpoint = file.open(folder, kFloat8WithKvScales);
    ASSERT_FALSE(checkpoint.ok());
    EXPECT_EQ(
        checkpoint.error().message,
        fmt::format("model.safetensors: tensor \"model.layers.0.self_attn.v_scale\" is {}, a scale must be above 0",
                    scale));
  }
}

TEST(QuantizedLayers, ABiasOfZerosNeedsNoPlaceBesideAQuantizedMatrix) {
  const WeightTable table = {{.name = kName + ".weight", .shape = {16, 64}}};
  const auto problems_with = [&](const std::string& bias, float last) {
    TensorFile file = gptq_file();
    std::vector<float> values(16);
    values.back() = last;
    file.add(bias, "F32", {16}, values);
    const TemporaryFolder folder;
    const auto checkpoint = file.open(folder, kGptq);
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    return find_weight_problems(table, {}, *checkpoint, 10);
  };
  EXPECT_TRUE(problems_with(kName + ".bias", 0).empty());
  for (const float last : {1e-30F, std::numeric_limits<float>::quiet_NaN()}) {
    const auto problems = problems_with(kName + ".bias", last);
    ASSERT_EQ(problems.size(), 1U);
    expect_part(problems[0], ".bias\" of shape [16] has no place");
  }
  EXPECT_EQ(problems_with("model.layers.0.mlp.gate.bias", 0).size(), 1U);
}

TEST(QuantizedLayers, AMatrixOf16BitsStaysWhatItIs) {
  TensorFile file = gptq_file();
  file.add("lm_head.weight", "BF16", {2, 2}, std::vector<uint16_t>(4, 0x3f80));
  const TemporaryFolder folder;
  const auto checkpoint = file.open(folder, kGptq);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->find("lm_head.weight")->plain, DType::kBFloat16);
  EXPECT_EQ(checkpoint->find(kName + ".weight")->type_name, "GPTQ 4-bit");
}

}  // namespace
}  // namespace braid
