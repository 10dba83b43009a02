#include "braid/config/hf_rope.h"

#include <algorithm>
#include <cmath>

namespace braid {
namespace {

using Kind = RopeConfig::Kind;

// The dictionary, the configuration around it, the class's defaults, and the theta to use if the dictionary has none.
struct RopeSource {
  const JsonObject& json;
  const JsonObject& outer;
  const HfClass& defaults;
  int64_t max_position;
  int32_t head_dim;
  double theta;

  // original_max_position_embeddings: from the configuration, else from the dictionary, else the whole context.
  Result<int64_t> original_max_position() const {
    constexpr std::string_view kKey = "original_max_position_embeddings";
    TRY(const auto own, outer.find_int(kKey));
    if (own) return *own;
    if (defaults.original_max_position > 0) return defaults.original_max_position;
    TRY(const auto inner, json.find_int(kKey));
    return inner.value_or(max_position);
  }
};

// `config` must have its context and the size of a head.
RopeSource source_in(const JsonObject& json, const JsonObject& outer, const HfClass& defaults,
                     const ModelConfig& config, double theta) {
  return {.json = json,
          .outer = outer,
          .defaults = defaults,
          .max_position = config.max_position,
          .head_dim = config.head_dim,
          .theta = theta};
}

Status read_llama3(const RopeSource& source, RopeConfig& rope) {
  rope.kind = Kind::kLlama3;
  TRY(rope.factor, source.json.get_double("factor"));
  TRY(rope.low_freq_factor, source.json.get_double("low_freq_factor"));
  TRY(rope.high_freq_factor, source.json.get_double("high_freq_factor"));
  TRY(rope.original_max_position, source.original_max_position());
  return {};
}

// The multiplier of cosines and sines in the paper (Peng et al., arXiv 2309.00071, section 3.4).
double yarn_scale(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

Status read_yarn(const RopeSource& source, RopeConfig& rope) {
  const JsonObject& json = source.json;
  rope.kind = Kind::kYarn;
  TRY(rope.original_max_position, source.original_max_position());
  if (rope.original_max_position < 1) return json.wrong_value("original_max_position_embeddings", "at least 1");
  TRY(const auto factor, json.find_double("factor"));
  rope.factor =
      factor.value_or(static_cast<double>(source.max_position) / static_cast<double>(rope.original_max_position));
  TRY(const auto beta_fast, json.find_double("beta_fast"));
  TRY(const auto beta_slow, json.find_double("beta_slow"));
  if (beta_fast.value_or(0) != 0) rope.beta_fast = *beta_fast;
  if (beta_slow.value_or(0) != 0) rope.beta_slow = *beta_slow;
  TRY_STATUS(read_bool(json, "truncate", rope.truncates_range));
  TRY(const auto mscale, json.find_double("mscale"));
  TRY(const auto mscale_all_dim, json.find_double("mscale_all_dim"));
  TRY(const auto scale, json.find_double("attention_factor"));
  const bool has_both = mscale.value_or(0) != 0 && mscale_all_dim.value_or(0) != 0;
  const double computed = has_both ? yarn_scale(rope.factor, *mscale) / yarn_scale(rope.factor, *mscale_all_dim)
                                   : yarn_scale(rope.factor, 1.0);
  rope.attention_factor = scale.value_or(computed);
  return {};
}

Result<std::vector<float>> read_factors(const JsonObject& json, std::string_view key, int32_t count) {
  const Json* const values = json.find(key);
  if (values == nullptr) return fail("{}: \"{}\" is missing", json.name(), key);
  const std::string must_be = fmt::format("{} numbers above 0, one for each two rotated dimensions", count);
  if (!values->is_array() || values->size() != static_cast<size_t>(count)) return json.wrong_value(key, must_be);
  std::vector<float> factors;
  for (const Json& value : *values) {
    if (!value.is_number() || !(value.get<double>() > 0)) return json.wrong_value(key, must_be);
    factors.push_back(value.get<float>());
  }
  return factors;
}

Status read_longrope(const RopeSource& source, RopeConfig& rope) {
  rope.kind = Kind::kLongRope;
  TRY(rope.original_max_position, source.original_max_position());
  if (rope.original_max_position < 2) {
    return source.json.wrong_value("original_max_position_embeddings", "at least 2");
  }
  TRY(rope.frequency_factors, read_factors(source.json, "short_factor", rope.rotary_dim / 2));
  TRY(rope.long_factors, read_factors(source.json, "long_factor", rope.rotary_dim / 2));
  TRY(const auto factor, source.json.find_double("factor"));
  TRY(const auto scale, source.json.find_double("attention_factor"));
  const auto original = static_cast<double>(rope.original_max_position);
  rope.factor = factor.value_or(static_cast<double>(source.max_position) / original);
  rope.attention_factor = scale.value_or(longrope_attention_factor(rope.factor, rope.original_max_position));
  return {};
}

// The rotated share of each head: the dictionary's factor, else the configuration's, else the class's.
Status read_partial_rotary(const RopeSource& source, RopeConfig& rope) {
  constexpr std::string_view kKey = "partial_rotary_factor";
  TRY(const auto inner, source.json.find_double(kKey));
  TRY(const auto outer, source.outer.find_double(kKey));
  const double of_class = source.defaults.partial_rotary;
  const double factor = inner ? *inner : outer.value_or(of_class > 0 ? of_class : 1.0);
  const JsonObject& where = inner ? source.json : source.outer;
  if (of_class == 0 && factor != 1.0) {
    return where.wrong_value(kKey, fmt::format("1: {} rotates whole heads", source.defaults.architecture));
  }
  if (factor == 1.0) {  // a later check names an odd head_dim
    rope.rotary_dim = source.head_dim;
    return {};
  }
  const double rotated = factor * source.head_dim;
  if (!(rotated >= 2 && factor <= 1) || static_cast<int32_t>(rotated) % 2 != 0) {
    return where.wrong_value(
        kKey, fmt::format("at most 1, and an even number of a head's {} dimensions, at least 2", source.head_dim));
  }
  rope.rotary_dim = static_cast<int32_t>(rotated);
  return {};
}

Status read_mrope(const RopeSource& source, RopeConfig& rope) {
  const HfClass& of_class = source.defaults;
  rope.mrope_sections = of_class.mrope_sections;
  rope.interleaves_mrope = of_class.interleaves_mrope;
  if (!rope.has_mrope()) return {};
  constexpr std::string_view kSections = "mrope_section";
  TRY(const auto sections, source.json.find_ints(kSections));
  if (sections) {
    const auto is_wrong = [](int64_t size) { return size < 0 || size > kMaxInt32; };
    if (sections->size() != 3 || std::ranges::any_of(*sections, is_wrong)) {
      return source.json.wrong_value(kSections, "three numbers of pairs of dimensions: for time, row and column");
    }
    for (size_t axis = 0; axis < 3; ++axis) rope.mrope_sections[axis] = static_cast<int32_t>((*sections)[axis]);
  }
  TRY(const auto interleaves, source.json.find_bool("mrope_interleaved"));
  if (interleaves.value_or(rope.interleaves_mrope) != rope.interleaves_mrope) {
    return source.json.wrong_value("mrope_interleaved",
                                   fmt::format("{}, as in every {}", rope.interleaves_mrope, of_class.architecture));
  }
  return {};
}

Status read_parameters(const RopeSource& source, RopeConfig& rope) {
  const JsonObject& json = source.json;
  TRY(const auto own_theta, json.find_double("rope_theta"));
  rope.theta = own_theta.value_or(source.theta);
  TRY_STATUS(read_partial_rotary(source, rope));
  TRY_STATUS(read_mrope(source, rope));

  TRY(const auto rope_type, json.find_string("rope_type"));
  TRY(const auto old_type, json.find_string("type"));
  const std::string type = rope_type ? *rope_type : old_type.value_or("default");
  const bool is_phi3 = source.defaults.model_type == "phi3";  // its first checkpoints say "su" or "yarn" for longrope
  if (type == "default" || (type == "mrope" && rope.has_mrope())) return {};
  if (type == "longrope" || (is_phi3 && (type == "su" || type == "yarn"))) {
    return read_longrope(source, rope);
  }
  if (type == "llama3") return read_llama3(source, rope);
  if (type == "yarn") return read_yarn(source, rope);
  // "dynamic" matters only beyond max_position_embeddings, and no request gets there.
  if (type == "linear" || type == "dynamic") {
    if (type == "linear") rope.kind = Kind::kLinear;
    TRY(rope.factor, json.get_double("factor"));
    return {};
  }
  return fail("{}: the rope type \"{}\" is not supported, these are: default, linear, dynamic, yarn, longrope, llama3",
              json.name(), type.substr(0, 80));
}

// Gemma 3: rope_parameters has two dictionaries, "sliding_attention" for layers with a window and "full_attention" for
// the others. In the older form rope_theta and rope_scaling are for the others, and rope_local_base_freq is the theta
// of layers with a window. If both forms are present, rope_scaling overrides the dictionary's keys, and the
// dictionary's theta overrides rope_theta and rope_local_base_freq.
Status read_two_ropes(const JsonObject& json, const HfClass& defaults, ModelConfig& config) {
  constexpr std::string_view kGlobal = "full_attention";
  constexpr std::string_view kLocal = "sliding_attention";
  TRY(const auto theta, json.find_double("rope_theta"));
  TRY(const auto local_theta, json.find_double("rope_local_base_freq"));
  TRY(const auto scaling, json.find_object("rope_scaling"));
  TRY(const auto parameters, json.find_object("rope_parameters"));
  Json global = Json::object();
  Json local = Json::object();
  if (parameters) {
    for (const auto& [key, value] : parameters->json().items()) {
      if (key != kGlobal && key != kLocal) {
        return fail("{}: \"{}\" is not one of the dictionaries \"{}\" and \"{}\"", parameters->name(),
                    key.substr(0, 80), kGlobal, kLocal);
      }
    }
    TRY(const auto of_global, parameters->find_object(kGlobal));
    TRY(const auto of_local, parameters->find_object(kLocal));
    if (of_global) global = of_global->json();
    if (of_local) local = of_local->json();
  }
  if (scaling) global.update(scaling->json());
  const std::string name = json.name() + ": " + std::string(scaling ? "rope_scaling" : "rope_parameters");
  TRY(const JsonObject global_json, JsonObject::of(global, name));
  TRY(const JsonObject local_json, JsonObject::of(local, name));
  const double global_theta = theta.value_or(defaults.rope_theta);
  TRY_STATUS(read_parameters(source_in(global_json, json, defaults, config, global_theta), config.rope));
  return read_parameters(source_in(local_json, json, defaults, config, local_theta.value_or(defaults.local_rope_theta)),
                         config.local_rope);
}

}  // namespace

// The order of lookup in transformers (convert_rope_params_to_dict): the dictionary is rope_scaling, else
// rope_parameters; theta is the dictionary's, else rope_theta, else the class's default.
Status read_hf_rope(const JsonObject& json, const HfClass& defaults, ModelConfig& config) {
  if (defaults.local_rope_theta > 0) return read_two_ropes(json, defaults, config);
  TRY(const auto theta, json.find_double("rope_theta"));
  TRY(const auto scaling, json.find_object("rope_scaling"));
  TRY(const auto parameters, json.find_object("rope_parameters"));
  const bool has_scaling = scaling && !scaling->json().empty();
  const Json of_class = Json::parse(defaults.absent_rope);
  TRY(const JsonObject absent, JsonObject::of(of_class, json.name()));
  const JsonObject& inner = has_scaling ? *scaling : parameters ? *parameters : absent;
  for (const auto& [key, value] : inner.json().items()) {
    if (value.is_object()) {
      return fail("{}: parameters for each layer type (\"{}\") are not supported", inner.name(), key);
    }
  }
  return read_parameters(source_in(inner, json, defaults, config, theta.value_or(defaults.rope_theta)), config.rope);
}

}  // namespace braid
