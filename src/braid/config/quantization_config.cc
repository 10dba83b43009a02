#include "braid/config/quantization_config.h"

#include "braid/config/compressed_tensors_config.h"

namespace braid {
namespace {

using Storage = QuantizationScheme::Storage;

constexpr int64_t kMaxGroup = int64_t{1} << 20;
constexpr size_t kMaxNames = 100'000;

// -1: a group is all inputs.
Result<int64_t> read_group_size(const JsonObject& json, std::string_view key) {
  TRY(const auto size, json.find_int(key));
  if (!size || *size == -1) return QuantizationScheme::kWhole;
  if (*size < 32 || *size > kMaxGroup || *size % 32 != 0) return json.wrong_value(key, "-1, or a multiple of 32");
  return *size;
}

Result<int32_t> read_bits(const JsonObject& json, std::string_view key, bool allows_8) {
  TRY(const auto bits, json.find_int(key));
  if (!bits || (*bits != 4 && !(allows_8 && *bits == 8))) {
    return json.wrong_value(key, allows_8 ? "4 or 8: other numbers of bits are not supported"
                                          : "4: other numbers of bits are not supported");
  }
  return static_cast<int32_t>(*bits);
}

// Under the names that the tools which write checkpoints use.
Result<std::vector<std::string>> read_ignored(const JsonObject& json) {
  std::vector<std::string> names;
  for (const std::string_view key : {"modules_to_not_convert", "ignored_layers"}) {
    TRY(const auto found, json.find_strings(key));
    if (found) names.insert(names.end(), found->begin(), found->end());
  }
  if (names.size() > kMaxNames)
    return fail("{}: {} layers to ignore, at most {}", json.name(), names.size(), kMaxNames);
  return names;
}

// The options that are there, of all layers or of those of a pattern.
Status read_gptq_options(const JsonObject& json, QuantizationScheme& scheme) {
  if (json.find("bits") != nullptr) {
    TRY(scheme.bits, read_bits(json, "bits", true));
  }
  if (json.find("group_size") != nullptr) {
    TRY(scheme.group_inputs, read_group_size(json, "group_size"));
  }
  TRY(const auto is_symmetric, json.find_bool("sym"));
  scheme.is_symmetric = is_symmetric.value_or(scheme.is_symmetric);
  TRY(const auto is_act_order, json.find_bool("desc_act"));
  scheme.is_act_order = is_act_order.value_or(scheme.is_act_order);
  scheme.text = fmt::format("gptq, {} bits", scheme.bits);
  return {};
}

// Patterns of layers' names, of which the first one that matches holds: after "-:" those of layers that are not
// quantized; else, or after "+:", with options that differ from `common`.
Status read_dynamic(const JsonObject& dynamic, const QuantizationScheme& common, QuantizationConfig& config) {
  if (dynamic.json().size() > kMaxNames) {
    return fail("{}: {} patterns, at most {}", dynamic.name(), dynamic.json().size(), kMaxNames);
  }
  for (const auto& [key, value] : dynamic.json().items()) {
    TRY(const auto options, JsonObject::of(value, fmt::format("{}: {}", dynamic.name(), json_excerpt(key))));
    QuantizationScheme scheme = common;
    scheme.is_excluded = key.starts_with("-:");
    const bool has_mark = scheme.is_excluded || key.starts_with("+:");
    scheme.targets = {"re:" + key.substr(has_mark ? 2 : 0)};
    if (!scheme.is_excluded) {
      TRY_STATUS(read_gptq_options(options, scheme));
    }
    config.schemes.push_back(std::move(scheme));
  }
  return {};
}

Result<QuantizationConfig> read_gptq(const JsonObject& json) {
  QuantizationScheme scheme{.storage = Storage::kGptq};
  TRY(scheme.bits, read_bits(json, "bits", true));
  TRY_STATUS(read_gptq_options(json, scheme));
  const std::string_view format_key = json.find("checkpoint_format") != nullptr ? "checkpoint_format" : "format";
  TRY(const auto format, json.find_string(format_key));
  if (format && *format != "gptq" && *format != "gptq_v2") {
    return json.wrong_value(format_key, "\"gptq\" or \"gptq_v2\": others are not supported");
  }
  scheme.zero_bias = format.value_or("gptq") == "gptq" ? 1 : 0;
  TRY(const auto words, json.find_string("pack_dtype"));
  if (words.value_or("int32") != "int32") return json.wrong_value("pack_dtype", "\"int32\": others are not supported");
  QuantizationConfig config{.method = "gptq", .schemes = {}, .ignored = {}, .notes = {}};
  TRY(const auto dynamic, json.find_object("dynamic"));
  if (dynamic) {
    TRY_STATUS(read_dynamic(*dynamic, scheme, config));
  }
  config.schemes.push_back(std::move(scheme));
  TRY(config.ignored, read_ignored(json));
  return config;
}

Result<QuantizationConfig> read_awq(const JsonObject& json) {
  QuantizationScheme scheme{.storage = Storage::kAwq};
  TRY(scheme.bits, read_bits(json, json.has("w_bit") ? "w_bit" : "bits", false));
  TRY(scheme.group_inputs, read_group_size(json, json.has("q_group_size") ? "q_group_size" : "group_size"));
  TRY(const auto has_zeros, json.find_bool("zero_point"));
  scheme.is_symmetric = !has_zeros.value_or(true);
  for (const char* const key : {"version", "checkpoint_format", "format"}) {
    TRY(const auto version, json.find_string(key));
    if (!version || *version == "gemm" || *version == "GEMM") continue;
    if (*version != "marlin" && *version != "Marlin") {
      return json.wrong_value(key, "\"gemm\" or \"marlin\": others are not supported");
    }
    if (!scheme.is_symmetric) return json.wrong_value(key, "\"gemm\" with zero points (\"zero_point\")");
    scheme.storage = Storage::kAwqMarlin;
  }
  const bool is_marlin = scheme.storage == Storage::kAwqMarlin;
  scheme.text = is_marlin ? "awq, 4 bits, marlin" : scheme.is_symmetric ? "awq, 4 bits, symmetric" : "awq, 4 bits";
  QuantizationConfig config{.method = "awq", .schemes = {scheme}, .ignored = {}, .notes = {}};
  TRY(config.ignored, read_ignored(json));
  return config;
}

Result<QuantizationConfig> read_fp8(const JsonObject& json) {
  QuantizationScheme scheme{.storage = Storage::kFloat8, .bits = 8, .group_outputs = QuantizationScheme::kWhole};
  TRY(const auto format, json.find_string("fmt"));
  if (format.value_or("e4m3") != "e4m3") return json.wrong_value("fmt", "\"e4m3\": others are not supported");
  TRY(const auto block, json.find_ints("weight_block_size"));
  if (block) {
    const auto is_size = [](int64_t size) { return size >= 1 && size <= kMaxGroup; };
    if (block->size() != 2 || !is_size((*block)[0]) || !is_size((*block)[1]) || (*block)[1] % 32 != 0) {
      return json.wrong_value("weight_block_size", "two sizes, of which the second is a multiple of 32");
    }
    scheme.group_outputs = (*block)[0];
    scheme.group_inputs = (*block)[1];
    scheme.has_scale_inv = true;
  }
  scheme.text = block ? fmt::format("fp8, blocks of {} x {}", (*block)[0], (*block)[1]) : "fp8, one scale a tensor";
  QuantizationConfig config{.method = "fp8", .schemes = {scheme}, .ignored = {}, .notes = {}};
  TRY(config.ignored, read_ignored(json));
  return config;
}

}  // namespace

Result<QuantizationConfig> read_quantization_config(const JsonObject& json, const std::string& extra_method) {
  TRY(const auto method, json.find_string("quant_method"));
  if (method && !extra_method.empty() && *method == extra_method) {
    return QuantizationConfig{.method = *method, .schemes = {}, .ignored = {}, .notes = {}};
  }
  if (method == "gptq") return read_gptq(json);
  if (method == "awq") return read_awq(json);
  if (method == "fp8") return read_fp8(json);
  if (method == "compressed-tensors") return read_compressed_tensors(json);
  return fail(
      "{}: quantized weights (quant_method \"{}\") are not supported: \"gptq\", \"awq\", \"compressed-tensors\" and "
      "\"fp8\" are{}, and BF16, F16 and F32, and GGUF files",
      json.name(), method.value_or("?").substr(0, 80),
      extra_method.empty() ? "" : fmt::format(", and \"{}\"", extra_method));
}

}  // namespace braid
