#include "braid/weights/quantized_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "braid/formats/load.h"
#include "braid/formats/mxfp4.h"
#include "braid/weights/checkpoint.h"
#include "braid/weights/layer_names.h"
#include "braid/weights/quantized_parts.h"

namespace braid {
namespace {

using Storage = QuantizationScheme::Storage;
using Packing = QuantizedParts::Packing;
using Shapes = std::vector<std::vector<int64_t>>;
using Types = std::vector<std::string_view>;

const Types kScaleTypes = {"F32", "F16", "BF16"};
const Types kWordTypes = {"I32", "U32"};
const Types kIndexTypes = {"I32", "I64"};

constexpr float kLeastKvScale = 0x1p-100F;  // as kernels/kv_layout.h: it has an inverse
constexpr std::array<std::string_view, 7> kActivationParts = {
    ".input_scale", ".input_zero_point", ".input_global_scale", ".output_scale", ".q_scale", ".k_scale", ".v_scale"};
// Beside a layer's codes.
constexpr std::array<std::string_view, 9> kPartsOfCodes = {".qzeros",       ".scales",           ".g_idx",
                                                           ".weight_scale", ".weight_scale_inv", ".weight_zero_point",
                                                           ".weight_g_idx", ".weight_shape",     ".qweight"};

bool has_suffix(std::string_view name, std::span<const std::string_view> suffixes) {
  return std::ranges::any_of(suffixes, [&](std::string_view suffix) { return name.ends_with(suffix); });
}

// The layer whose codes this tensor has; empty: it has none.
std::string_view layer_of_codes(std::string_view name, const StoredTensor& tensor) {
  for (const std::string_view suffix : {std::string_view(".qweight"), std::string_view(".weight_packed")}) {
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  }
  constexpr std::string_view kWeight = ".weight";
  const bool has_bytes = tensor.type_name == "I8" || tensor.type_name.starts_with("F8_");
  return has_bytes && name.ends_with(kWeight) ? name.substr(0, name.size() - kWeight.size()) : std::string_view();
}

int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

std::string shapes_text(const Shapes& shapes) {
  std::string text;
  for (size_t i = 0; i < shapes.size(); ++i) {
    text += fmt::format("{}[{}]", i == 0 ? "" : i + 1 == shapes.size() ? " or " : ", ", fmt::join(shapes[i], ", "));
  }
  return text;
}

StoredPart as_part(const StoredTensor& tensor) {
  return {.name = tensor.stored_name,
          .type_name = tensor.type_name,
          .shape = tensor.shape,
          .file = tensor.file,
          .offset = tensor.offset,
          .bytes = tensor.bytes};
}

QuantizedFormat::Scales scales_of(const std::string& type) {
  if (type == "F32") return QuantizedFormat::Scales::kFloat32;
  if (type == "F16") return QuantizedFormat::Scales::kFloat16;
  return type == "BF16" ? QuantizedFormat::Scales::kBFloat16 : QuantizedFormat::Scales::kE8m0;
}

class LayerCombiner {
 public:
  LayerCombiner(const QuantizationScheme& scheme, const std::string& path, StoredTensors& tensors, std::string layer)
      : scheme_(scheme), path_(path), tensors_(tensors), layer_(std::move(layer)) {}

  Status combine() {
    switch (scheme_.storage) {
      case Storage::kGptq:
        return combine_gptq();
      case Storage::kAwq:
        return combine_awq();
      case Storage::kAwqMarlin:
        return combine_awq_marlin();
      case Storage::kPackedWords:
        return combine_words();
      case Storage::kInt8:
      case Storage::kFloat8:
        return combine_bytes();
      case Storage::kMxfp4:
        return combine_mxfp4();
    }
    return {};
  }

 private:
  std::string name_of(std::string_view part) const { return layer_ + std::string(part); }
  bool has(std::string_view part) const { return tensors_.contains(name_of(part)); }

  Result<StoredPart> take(std::string_view part, const Types& types) {
    auto node = tensors_.extract(name_of(part));
    if (node.empty()) {
      return fail("{}: tensor \"{}\" is missing ({})", path_, name_of(part), scheme_.text);
    }
    const StoredTensor& tensor = node.mapped();
    if (std::ranges::find(types, tensor.type_name) == types.end()) {
      return fail("{} has the type {}, must be {} ({})", braid::describe(name_of(part), tensor), tensor.type_name,
                  fmt::join(types, ", "), scheme_.text);
    }
    bytes_ += tensor.bytes;
    return as_part(tensor);
  }

  Result<StoredPart> take(std::string_view part, const Types& types, const Shapes& shapes, std::string_view why) {
    TRY(StoredPart taken, take(part, types));
    if (std::ranges::find(shapes, taken.shape) == shapes.end()) {
      return fail("{} has shape [{}], must be {} ({}, {})", braid::describe(taken), fmt::join(taken.shape, ", "),
                  shapes_text(shapes), why, scheme_.text);
    }
    return taken;
  }

  // The codes, a matrix that is not empty.
  Result<StoredPart> take_codes(std::string_view part, const Types& types) {
    TRY(StoredPart taken, take(part, types));
    if (taken.shape.size() != 2 || taken.shape[0] == 0 || taken.shape[1] == 0) {
      return fail("{} has shape [{}], must be a matrix ({})", braid::describe(taken), fmt::join(taken.shape, ", "),
                  scheme_.text);
    }
    return taken;
  }

  // Sets the parts' size and groups.
  Status set_size(int64_t rows, int64_t cols) {
    parts_.rows = rows;
    parts_.cols = cols;
    parts_.format.bits = scheme_.bits;
    if (scheme_.group_inputs == QuantizationScheme::kWhole) {
      num_groups_ = 1;
      parts_.format.group = static_cast<int32_t>(std::min<int64_t>(divide_up(cols, 32) * 32, int64_t{1} << 30));
      if (cols > parts_.format.group) return fail("{} has {} inputs, at most {}", describe_codes(), cols, 1 << 30);
      return {};
    }
    // Blocks may end behind the matrix, and GPTQ's last group may be shorter; other groups may not.
    const bool may_be_short = scheme_.group_outputs != 1 || scheme_.storage == Storage::kGptq;
    if (!may_be_short && cols % scheme_.group_inputs != 0) {
      return fail("{} has {} inputs, which groups of {} do not divide ({})", describe_codes(), cols,
                  scheme_.group_inputs, scheme_.text);
    }
    parts_.format.group = static_cast<int32_t>(scheme_.group_inputs);
    num_groups_ = divide_up(cols, scheme_.group_inputs);
    return {};
  }

  std::string describe_codes() const { return braid::describe(parts_.codes); }

  std::string groups_text() const {
    return fmt::format("{} outputs, {} inputs in {} groups", parts_.rows, parts_.cols, num_groups_);
  }

  Status take_scales(std::string_view part, const Shapes& shapes, const Types& types = kScaleTypes) {
    TRY(parts_.scales, take(part, types, shapes, groups_text()));
    parts_.format.scales = scales_of(parts_.scales.type_name);
    return {};
  }

  // Zero points, which symmetric weights may have, too.
  Status take_zeros(std::string_view part, const Types& types, const Shapes& shapes) {
    parts_.format.fixed_zero = 1 << (scheme_.bits - 1);
    if (scheme_.is_symmetric && !has(part)) return {};
    TRY(parts_.zeros, take(part, types, shapes, groups_text()));
    if (!scheme_.is_symmetric) {
      parts_.format.offsets = QuantizedFormat::Offsets::kGroupZeros;
      parts_.format.fixed_zero = 0;
    }
    return {};
  }

  // The order of the inputs, if they are not in the order of their groups.
  Status take_order(std::string_view part) {
    if (!has(part)) {
      if (!scheme_.is_act_order) return {};
      return fail("{}: tensor \"{}\" is missing ({}, in act order)", path_, name_of(part), scheme_.text);
    }
    TRY(const StoredPart index, take(part, kIndexTypes, {{parts_.cols}}, groups_text()));
    TRY(const std::vector<int64_t> groups, read_integers(index));
    if (std::ranges::all_of(groups, [](int64_t group) { return group == -1; })) return {};  // never set
    if (scheme_.group_inputs == QuantizationScheme::kWhole) {
      for (size_t i = 0; i < groups.size(); ++i) TRY_STATUS(check_group(index, i, groups[i]));
      return {};
    }
    std::vector<int64_t> sizes(static_cast<size_t>(num_groups_));
    for (size_t i = 0; i < groups.size(); ++i) {
      TRY_STATUS(check_group(index, i, groups[i]));
      ++sizes[static_cast<size_t>(groups[i])];
    }
    for (size_t group = 0; group < sizes.size(); ++group) {
      const int64_t first = static_cast<int64_t>(group) * scheme_.group_inputs;
      const int64_t expected = std::min(scheme_.group_inputs, parts_.cols - first);
      if (sizes[group] == expected) continue;
      return fail("{} has group {} for {} inputs, must have it for {} ({})", braid::describe(index), group,
                  sizes[group], expected, scheme_.text);
    }
    if (std::ranges::is_sorted(groups)) return {};
    if (!scheme_.is_act_order) {
      return fail(
          "{} has groups in another order than that of the inputs, config.json says that there is none "
          "(desc_act, actorder)",
          braid::describe(index));
    }
    std::vector<int32_t>& order = parts_.input_order;
    for (size_t i = 0; i < groups.size(); ++i) order.push_back(static_cast<int32_t>(i));
    std::ranges::stable_sort(order, {}, [&](int32_t input) { return groups[static_cast<size_t>(input)]; });
    return {};
  }

  Status check_group(const StoredPart& index, size_t input, int64_t group) const {
    if (group >= 0 && group < num_groups_) return {};
    return fail("{} has the group {} for input {}, there are {} groups ({})", braid::describe(index), group, input,
                num_groups_, scheme_.text);
  }

  static Result<std::vector<int64_t>> read_integers(const StoredPart& part) {
    std::vector<std::byte> bytes(static_cast<size_t>(part.bytes));
    TRY_STATUS(part.file->read(part.offset, bytes));
    const bool is_long = part.type_name == "I64";
    const size_t size = is_long ? 8 : 4;
    std::vector<int64_t> out;
    for (size_t at = 0; at + size <= bytes.size(); at += size) {
      out.push_back(is_long ? load<int64_t>(bytes.data() + at) : load<int32_t>(bytes.data() + at));
    }
    return out;
  }

  Status combine_gptq() {
    parts_.packing = Packing::kColumns;
    TRY(parts_.codes, take_codes(".qweight", kWordTypes));
    const int64_t of_word = 32 / scheme_.bits;
    const int64_t rows = parts_.codes.shape[1];
    TRY_STATUS(set_size(rows, parts_.codes.shape[0] * of_word));
    TRY_STATUS(take_scales(".scales", {{num_groups_, rows}}));
    parts_.zero_bias = scheme_.zero_bias;
    TRY_STATUS(take_zeros(".qzeros", kWordTypes, {{num_groups_, divide_up(rows, of_word)}}));
    TRY_STATUS(take_order(".g_idx"));
    return put(fmt::format("GPTQ {}-bit", scheme_.bits));
  }

  Status combine_awq() {
    parts_.packing = Packing::kAwq;
    TRY(parts_.codes, take_codes(".qweight", kWordTypes));
    const int64_t rows = parts_.codes.shape[1] * 8;
    TRY_STATUS(set_size(rows, parts_.codes.shape[0]));
    TRY_STATUS(take_scales(".scales", {{num_groups_, rows}}));
    TRY_STATUS(take_zeros(".qzeros", kWordTypes, {{num_groups_, rows / 8}}));
    return put("AWQ 4-bit");
  }

  Status combine_awq_marlin() {
    parts_.packing = Packing::kMarlin;
    TRY(parts_.codes, take_codes(".qweight", kWordTypes));
    const int64_t rows = parts_.codes.shape[1] / 2;
    if (parts_.codes.shape[1] % 128 != 0) {
      return fail("{} has shape [{}], its last size must be a multiple of 128 ({})", describe_codes(),
                  fmt::join(parts_.codes.shape, ", "), scheme_.text);
    }
    TRY_STATUS(set_size(rows, parts_.codes.shape[0] * 16));
    TRY_STATUS(take_scales(".scales", {{num_groups_, rows}}));
    parts_.format.fixed_zero = 8;
    return put("AWQ 4-bit");
  }

  // Scales of outputs by groups of inputs, or of blocks, or one of all.
  Shapes scale_shapes(int64_t rows) {
    if (scheme_.group_outputs == QuantizationScheme::kWhole && scheme_.group_inputs == QuantizationScheme::kWhole) {
      parts_.rows_of_scale = rows;
      return {{}, {1}, {1, 1}};
    }
    parts_.rows_of_scale = scheme_.group_outputs;
    const int64_t lines = divide_up(rows, scheme_.group_outputs);
    if (num_groups_ == 1) return {{lines, 1}, {lines}};
    return {{lines, num_groups_}};
  }

  Status combine_words() {
    parts_.packing = Packing::kWords;
    TRY(parts_.codes, take_codes(".weight_packed", kWordTypes));
    const int64_t of_word = 32 / scheme_.bits;
    const int64_t rows = parts_.codes.shape[0];
    int64_t cols = parts_.codes.shape[1] * of_word;
    if (has(".weight_shape")) {
      TRY(const StoredPart shape, take(".weight_shape", kIndexTypes, {{2}}, "outputs and inputs"));
      TRY(const std::vector<int64_t> stated, read_integers(shape));
      if (stated[0] != rows || stated[1] > cols || stated[1] <= cols - of_word) {
        return fail("{} says [{}], {} has shape [{}] of {} codes a word", braid::describe(shape),
                    fmt::join(stated, ", "), describe_codes(), fmt::join(parts_.codes.shape, ", "), of_word);
      }
      cols = stated[1];
    }
    TRY_STATUS(set_size(rows, cols));
    TRY_STATUS(take_scales(".weight_scale", scale_shapes(rows)));
    TRY_STATUS(take_zeros(".weight_zero_point", kWordTypes, {{divide_up(rows, of_word), num_groups_}}));
    TRY_STATUS(take_order(".weight_g_idx"));
    return put(fmt::format("INT{} packed", scheme_.bits));
  }

  Status combine_bytes() {
    const bool is_float = scheme_.storage == Storage::kFloat8;
    parts_.packing = Packing::kBytes;
    TRY(parts_.codes, take_codes(".weight", is_float ? Types{"F8_E4M3"} : Types{"I8"}));
    const int64_t rows = parts_.codes.shape[0];
    TRY_STATUS(set_size(rows, parts_.codes.shape[1]));
    const bool is_inverse = has(".weight_scale_inv") || (scheme_.has_scale_inv && !has(".weight_scale"));
    const std::string_view scale = is_inverse ? ".weight_scale_inv" : ".weight_scale";
    Types types = kScaleTypes;
    if (is_float) types.push_back("F8_E8M0");
    TRY_STATUS(take_scales(scale, scale_shapes(rows), types));
    if (is_float) {
      parts_.format.values = QuantizedFormat::Values::kE4m3;
      parts_.format.fixed_zero = 0;
    } else {
      TRY_STATUS(take_zeros(".weight_zero_point", {"I8"}, {parts_.scales.shape}));
    }
    return put(is_float ? "FP8 (E4M3)" : "INT8");
  }

  Status combine_mxfp4() {
    parts_.packing = Packing::kNibbles;
    TRY(parts_.codes, take_codes(".weight_packed", {"U8"}));
    const int64_t rows = parts_.codes.shape[0];
    TRY_STATUS(set_size(rows, parts_.codes.shape[1] * 2));
    TRY_STATUS(take_scales(".weight_scale", {{rows, num_groups_}}, {"U8", "F8_E8M0"}));
    parts_.format = kMxfp4Format;
    return put("MXFP4");
  }

  Status put(std::string type_name) {
    StoredTensor tensor;
    tensor.stored_name = parts_.codes.name;
    tensor.shape = {parts_.rows, parts_.cols};
    tensor.type_name = std::move(type_name);
    tensor.file = parts_.codes.file;
    tensor.offset = parts_.codes.offset;
    tensor.bytes = bytes_;
    tensor.parts = std::make_shared<const QuantizedParts>(std::move(parts_));
    const auto [place, is_new] = tensors_.emplace(layer_ + ".weight", std::move(tensor));
    if (!is_new) {
      return fail("{} is there beside the quantized \"{}\"", braid::describe(place->first, place->second),
                  tensors_.at(layer_ + ".weight").stored_name);
    }
    return {};
  }

  const QuantizationScheme& scheme_;
  const std::string& path_;
  StoredTensors& tensors_;
  const std::string layer_;
  QuantizedParts parts_;
  int64_t num_groups_ = 0;
  int64_t bytes_ = 0;
};

// The name of the layer in the file, where that of a text tower differs from the model's own.
std::string stored_layer(const StoredTensor& tensor) {
  return tensor.stored_name.substr(0, tensor.stored_name.rfind('.'));
}

Status combine_layer(const LayerNames& names, const ModelConfig& config, const std::string& path,
                     const std::string& layer, const StoredTensor& codes, const std::string& codes_name,
                     StoredTensors& tensors) {
  const std::string stored = stored_layer(codes);
  for (const std::string& name : {layer, stored}) {
    if (const std::string* const ignored = names.ignored_by(name)) {
      return fail("{} is quantized, config.json's quantization_config says that it is not (\"{}\")",
                  describe(codes_name, codes), *ignored);
    }
  }
  const QuantizationScheme* scheme = names.scheme_of(stored);
  if (scheme == nullptr) scheme = names.scheme_of(layer);
  if (scheme == nullptr) {
    return fail("{} is quantized, and no target of config.json's quantization_config (\"{}\") names its layer",
                describe(codes_name, codes), config.quantization.method);
  }
  return LayerCombiner(*scheme, path, tensors, layer).combine();
}

bool is_kv_scale(std::string_view name) {
  constexpr std::array<std::string_view, 2> kNames = {".self_attn.k_scale", ".self_attn.v_scale"};
  return has_suffix(name, kNames);
}

// A scale may be stored without a dimension. One that is not above 0 is an error.
Status shape_and_check_kv_scales(StoredTensors& tensors) {
  for (auto& [name, tensor] : tensors) {
    if (!is_kv_scale(name)) continue;
    if (tensor.shape.empty()) tensor.shape = {1};
    if (!tensor.plain || tensor.num_elements() != 1) continue;
    float scale = 0;
    TRY_STATUS(tensor.read_rows(0, make_rows(&scale, 1, 1)));
    if (scale < kLeastKvScale) return fail("{} is {}, a scale must be above 0", describe(name, tensor), scale);
  }
  return {};
}

}  // namespace

Status combine_quantized_layers(const ModelConfig& config, const std::string& path, StoredTensors& tensors,
                                int64_t& num_unused) {
  const bool is_quantized = !config.quantization.schemes.empty();
  const bool has_kv_scales = config.quantization.has_kv_scales;
  if (has_kv_scales) {
    TRY_STATUS(shape_and_check_kv_scales(tensors));
  }
  std::set<std::string> with_codes;
  for (const auto& [name, tensor] : tensors) {
    const std::string_view layer = layer_of_codes(name, tensor);
    if (!layer.empty()) with_codes.insert(name);
  }
  if (!is_quantized) {
    if (with_codes.empty() || !config.quantization.method.empty()) return {};
    const std::string& name = *with_codes.begin();
    return fail("{} is quantized, and config.json has no quantization_config that says how",
                describe(name, tensors.at(name)));
  }
  TRY(const LayerNames names, LayerNames::make(config.quantization));
  num_unused = static_cast<int64_t>(std::erase_if(tensors, [&](const auto& entry) {
    return has_suffix(entry.first, kActivationParts) && !(has_kv_scales && is_kv_scale(entry.first));
  }));
  for (const std::string& name : with_codes) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) continue;
    const StoredTensor codes = found->second;
    const std::string layer(layer_of_codes(name, codes));
    TRY_STATUS(combine_layer(names, config, path, layer, codes, name, tensors));
  }
  for (const auto& [name, tensor] : tensors) {
    if (!has_suffix(name, kPartsOfCodes)) continue;
    return fail("{} has no place: its layer has no quantized weight beside it, or one that needs no such tensor",
                describe(name, tensor));
  }
  return {};
}

}  // namespace braid
