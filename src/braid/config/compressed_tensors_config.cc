#include "braid/config/compressed_tensors_config.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace braid {
namespace {

using Storage = QuantizationScheme::Storage;

constexpr int64_t kMaxBlock = int64_t{1} << 20;
constexpr size_t kMaxGroups = 1000;
constexpr size_t kMaxTargets = 100'000;

struct StorageName {
  std::string_view format;
  Storage storage;
};
constexpr std::array<StorageName, 4> kStorages = {{
    {"pack-quantized", Storage::kPackedWords},
    {"int-quantized", Storage::kInt8},
    {"float-quantized", Storage::kFloat8},
    {"mxfp4-pack-quantized", Storage::kMxfp4},
}};

// The storage of weights of this format. "naive-quantized" is one for integers and for floats.
Result<Storage> storage_of(const JsonObject& json, const std::string& format, bool is_float) {
  if (format == "naive-quantized") return is_float ? Storage::kFloat8 : Storage::kInt8;
  for (const StorageName& one : kStorages) {
    if (one.format == format) return one.storage;
  }
  return json.wrong_value("format",
                          "\"pack-quantized\", \"int-quantized\", \"float-quantized\", \"naive-quantized\" or "
                          "\"mxfp4-pack-quantized\": others are not supported");
}

// The numbers of bits and the type that a storage has.
Status check_codes(const JsonObject& weights, const QuantizationScheme& scheme, bool is_float) {
  const bool has_floats = scheme.storage == Storage::kFloat8 || scheme.storage == Storage::kMxfp4;
  if (has_floats != is_float) {
    return weights.wrong_value("type", has_floats ? "\"float\" with this format" : "\"int\" with this format");
  }
  const bool is_right = scheme.storage == Storage::kPackedWords ? scheme.bits == 4 || scheme.bits == 8
                        : scheme.storage == Storage::kMxfp4     ? scheme.bits == 4
                                                                : scheme.bits == 8;
  if (!is_right) {
    return weights.wrong_value("num_bits", scheme.storage == Storage::kPackedWords ? "4 or 8 with this format"
                                           : scheme.storage == Storage::kMxfp4     ? "4 with this format"
                                                                                   : "8 with this format");
  }
  if (has_floats && !scheme.is_symmetric) return weights.wrong_value("symmetric", "true with this format");
  return {};
}

struct BlockSize {
  int64_t outputs = 0;
  int64_t inputs = 0;
};

// [128, 128], or as older tools write it "128x128".
Result<BlockSize> read_block(const JsonObject& weights) {
  constexpr std::string_view kKey = "block_structure";
  BlockSize block;
  const Json* const json = weights.find(kKey);
  if (json != nullptr && json->is_string()) {
    const std::string& text = json->get_ref<const std::string&>();
    const char* const end = text.data() + text.size();
    const auto outputs = std::from_chars(text.data(), end, block.outputs);
    if (outputs.ec != std::errc() || outputs.ptr == end || *outputs.ptr != 'x') block = {};
    const auto inputs = std::from_chars(std::min(outputs.ptr + 1, end), end, block.inputs);
    if (inputs.ec != std::errc() || inputs.ptr != end) block = {};
  } else {
    TRY(const auto sizes, weights.find_ints(kKey));
    if (sizes && sizes->size() == 2) block = {.outputs = (*sizes)[0], .inputs = (*sizes)[1]};
  }
  const auto is_size = [](int64_t value) { return value >= 1 && value <= kMaxBlock; };
  if (!is_size(block.outputs) || !is_size(block.inputs) || block.inputs % 32 != 0) {
    return weights.wrong_value(kKey, "two sizes, of which the second is a multiple of 32");
  }
  return block;
}

// What shares a scale.
Status read_strategy(const JsonObject& weights, QuantizationScheme& scheme) {
  TRY(const auto size, weights.find_int("group_size"));
  TRY(const auto stated, weights.find_string("strategy"));
  const bool has_group = size && *size != -1;
  const std::string strategy = stated.value_or(has_group ? "group" : size ? "channel" : "tensor");
  if (strategy == "tensor") {
    scheme.group_outputs = QuantizationScheme::kWhole;
  } else if (strategy == "group") {
    if (!has_group || *size < 32 || *size > kMaxBlock || *size % 32 != 0) {
      return weights.wrong_value("group_size", "a multiple of 32 with the strategy \"group\"");
    }
    scheme.group_inputs = *size;
  } else if (strategy == "block") {
    TRY(const auto block, read_block(weights));
    if (scheme.storage != Storage::kFloat8 && scheme.storage != Storage::kInt8) {
      return weights.wrong_value("strategy", "\"group\", \"channel\" or \"tensor\" with this format");
    }
    scheme.group_outputs = block.outputs;
    scheme.group_inputs = block.inputs;
  } else if (strategy != "channel") {
    return weights.wrong_value("strategy", "\"tensor\", \"channel\", \"group\" or \"block\": others are not supported");
  }
  if (scheme.storage == Storage::kMxfp4 && scheme.group_inputs != 32) {
    return weights.wrong_value("group_size", "32 with this format");
  }
  return {};
}

Result<bool> read_act_order(const JsonObject& weights) {
  const Json* const order = weights.find("actorder");
  if (order == nullptr) return false;
  if (order->is_boolean()) return order->get<bool>();
  // "static" and "weight" orders are undone before the weights are stored.
  if (*order == "group" || *order == "dynamic") return true;
  if (*order == "static" || *order == "weight") return false;
  return weights.wrong_value("actorder", "null, true, false, \"group\", \"dynamic\", \"static\" or \"weight\"");
}

Result<std::vector<std::string>> read_targets(const JsonObject& group) {
  TRY(const auto targets, group.find_strings("targets"));
  if (!targets || targets->empty() || targets->size() > kMaxTargets) {
    return group.wrong_value("targets", "a list of layers");
  }
  for (const std::string& target : *targets) {
    if (target == "Linear") return std::vector<std::string>();  // the class of all layers that are quantized
  }
  return *targets;
}

// Null without "weights": such a group is about activations alone.
Result<std::optional<QuantizationScheme>> read_group(const JsonObject& json, const JsonObject& group,
                                                     QuantizationConfig& config) {
  TRY(const auto weights, group.find_object("weights"));
  if (!weights) return std::optional<QuantizationScheme>();
  QuantizationScheme scheme;
  TRY(const auto type, weights->find_string("type"));
  if (type && *type != "int" && *type != "float") return weights->wrong_value("type", "\"int\" or \"float\"");
  const bool is_float = type == "float";
  TRY(const auto own_format, group.find_string("format"));
  TRY(const auto format, json.find_string("format"));
  TRY(scheme.storage, storage_of(own_format ? group : json, own_format ? *own_format : format.value_or("?"), is_float));
  TRY(const auto bits, weights->find_int("num_bits", 1, 64));
  scheme.bits = static_cast<int32_t>(bits.value_or(8));
  TRY(const auto is_symmetric, weights->find_bool("symmetric"));
  scheme.is_symmetric = is_symmetric.value_or(true);
  TRY_STATUS(check_codes(*weights, scheme, is_float));
  TRY_STATUS(read_strategy(*weights, scheme));
  TRY(scheme.is_act_order, read_act_order(*weights));
  if (scheme.is_act_order && scheme.storage != Storage::kPackedWords) {
    return weights->wrong_value("actorder", "null with this format");
  }
  TRY(scheme.targets, read_targets(group));
  scheme.text = fmt::format("compressed-tensors {}, {} bits", own_format ? *own_format : *format, scheme.bits);
  if (group.has("output_activations")) {
    config.notes.emplace_back("its outputs are not rounded as output_activations say");
  }
  return std::optional(scheme);
}

Status check_unused(const JsonObject& json) {
  TRY(const auto sparsity, json.find_object("sparsity_config"));
  if (sparsity) {
    TRY(const auto format, sparsity->find_string("format"));
    if (format && *format != "dense") {
      return sparsity->wrong_value("format", "\"dense\": sparse weights are not supported");
    }
  }
  TRY(const auto transforms, json.find_object("transform_config"));
  if (transforms && !transforms->json().empty()) {
    return json.wrong_value("transform_config", "empty: transforms of the inputs are not supported");
  }
  return {};
}

// One scale a layer of keys and one of values, in E4M3. Others are not needed: braid finds scales of its own.
Status read_kv_cache_scheme(const JsonObject& json, QuantizationConfig& config) {
  TRY(const auto scheme, json.find_object("kv_cache_scheme"));
  if (!scheme) return {};
  TRY(const auto bits, scheme->find_int("num_bits", 1, 64));
  TRY(const auto type, scheme->find_string("type"));
  TRY(const auto strategy, scheme->find_string("strategy"));
  config.has_kv_scales = bits == 8 && type == "float" && strategy.value_or("tensor") == "tensor" &&
                         !(scheme->json().contains("dynamic") && scheme->json()["dynamic"] != false);
  if (!config.has_kv_scales) config.notes.emplace_back("its kv_cache_scheme is not used");
  return {};
}

}  // namespace

Result<QuantizationConfig> read_compressed_tensors(const JsonObject& json) {
  QuantizationConfig config{
      .method = "compressed-tensors", .schemes = {}, .ignored = {}, .has_kv_scales = false, .notes = {}};
  TRY_STATUS(check_unused(json));
  TRY_STATUS(read_kv_cache_scheme(json, config));
  TRY(const auto groups, json.get_object("config_groups"));
  if (groups.json().size() > kMaxGroups) return json.wrong_value("config_groups", "at most 1000 groups");
  for (const auto& [name, value] : groups.json().items()) {
    TRY(const auto group, JsonObject::of(value, fmt::format("{}: {}", groups.name(), name)));
    TRY(auto scheme, read_group(json, group, config));
    if (scheme) config.schemes.push_back(*std::move(scheme));
  }
  TRY(const auto ignored, json.find_strings("ignore"));
  if (ignored) config.ignored = *ignored;
  return config;
}

}  // namespace braid
