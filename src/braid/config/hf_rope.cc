#include "braid/config/hf_rope.h"

namespace braid {

// The order in which transformers looks (convert_rope_params_to_dict): the dictionary is rope_scaling, else
// rope_parameters; theta is the dictionary's, else rope_theta, else the class's default.
Result<RopeConfig> read_hf_rope(const JsonObject& config, double default_theta, int64_t max_position) {
  RopeConfig rope;
  TRY(const auto theta, config.find_double("rope_theta"));
  rope.theta = theta.value_or(default_theta);
  TRY(const auto scaling, config.find_object("rope_scaling"));
  TRY(const auto parameters, config.find_object("rope_parameters"));
  const bool has_scaling = scaling && !scaling->json().empty();
  if (!has_scaling && !parameters) return rope;
  const JsonObject& json = has_scaling ? *scaling : *parameters;

  for (const auto& [key, value] : json.json().items()) {
    if (value.is_object())
      return fail("{}: parameters for each layer type (\"{}\") are not supported", json.name(), key);
  }
  TRY(const auto own_theta, json.find_double("rope_theta"));
  rope.theta = own_theta.value_or(rope.theta);
  TRY(const auto partial, json.find_double("partial_rotary_factor"));
  if (partial && *partial != 1.0) return json.wrong_value("partial_rotary_factor", "1: others are not supported");

  TRY(const auto rope_type, json.find_string("rope_type"));
  TRY(const auto old_type, json.find_string("type"));
  const std::string type = rope_type.value_or(old_type.value_or("default"));
  if (type == "default") return rope;
  if (type == "linear") {
    rope.kind = RopeConfig::Kind::kLinear;
    TRY(rope.factor, json.get_double("factor"));
    return rope;
  }
  if (type != "llama3") {
    return fail("{}: the rope type \"{}\" is not supported, these are: default, linear, llama3", json.name(),
                type.substr(0, 80));
  }
  rope.kind = RopeConfig::Kind::kLlama3;
  TRY(rope.factor, json.get_double("factor"));
  TRY(rope.low_freq_factor, json.get_double("low_freq_factor"));
  TRY(rope.high_freq_factor, json.get_double("high_freq_factor"));
  TRY(const auto outer, config.find_int("original_max_position_embeddings"));
  TRY(const auto inner, json.find_int("original_max_position_embeddings"));
  rope.original_max_position = outer ? *outer : inner.value_or(max_position);
  return rope;
}

}  // namespace braid
