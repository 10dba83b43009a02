#include "braid/config/layer_windows.h"

#include <algorithm>

namespace braid {
namespace {

bool has_window(const WindowRule& rule, const ModelConfig& config, int64_t layer) {
  switch (rule.layers) {
    case WindowLayers::kNone:
      return false;
    case WindowLayers::kAll:
      return true;
    case WindowLayers::kUpper:
      return layer >= rule.max_window_layers;
    case WindowLayers::kEvenLower:
      return layer % 2 == 0 && layer < rule.max_window_layers;
    case WindowLayers::kEven:
      return layer % 2 == 0;
    case WindowLayers::kPattern:
      return (layer + 1) % rule.pattern != 0;
    case WindowLayers::kWithoutRope:
      return !config.has_rope.empty() && !config.has_rope[static_cast<size_t>(layer)];
  }
  return false;
}

// Whether "layer_types" decides which layers have a window. If not, it must agree with the class.
bool follows_layer_types(WindowLayers layers) {
  return layers != WindowLayers::kNone && layers != WindowLayers::kAll;
}

Result<std::vector<bool>> read_layer_types(const JsonObject& json, const std::vector<std::string>& types,
                                           int32_t num_layers) {
  if (types.size() != static_cast<size_t>(num_layers)) {
    return fail("{}: \"layer_types\" has {} entries, num_hidden_layers is {}", json.name(), types.size(), num_layers);
  }
  std::vector<bool> layers;
  for (const std::string& type : types) {
    if (type != "full_attention" && type != "sliding_attention") {
      return json.wrong_value("layer_types", "\"full_attention\" or \"sliding_attention\" in every layer");
    }
    layers.push_back(type == "sliding_attention");
  }
  return layers;
}

}  // namespace

void set_layer_windows(const WindowRule& rule, ModelConfig& config) {
  std::vector<bool> layers;
  for (int64_t layer = 0; layer < config.num_layers; ++layer) {
    layers.push_back(rule.window > 0 && has_window(rule, config, layer));
  }
  set_layer_windows(rule, layers, config);
}

void set_layer_windows(const WindowRule& rule, const std::vector<bool>& layers, ModelConfig& config) {
  config.layer_windows.clear();
  if (rule.has_local_rope) config.has_local_rope = layers;
  // A window as large as the context is no window.
  if (rule.window >= config.max_position || std::ranges::find(layers, true) == layers.end()) return;
  for (const bool has_one : layers) config.layer_windows.push_back(has_one ? static_cast<int32_t>(rule.window) : 0);
}

Status read_hf_windows(const JsonObject& json, WindowRule rule, bool has_switch, ModelConfig& config) {
  TRY(const auto types, json.find_strings("layer_types"));
  TRY(const auto window, json.find_int("sliding_window", 0, int64_t{1} << 30));
  TRY(const auto is_used, json.find_bool("use_sliding_window"));
  TRY(const auto max_window_layers, json.find_int("max_window_layers", 0, kMaxInt32));
  TRY(const auto pattern, json.find_int("sliding_window_pattern", 1, kMaxInt32));
  if (json.is_null("sliding_window")) rule.window = 0;
  rule.window = window.value_or(rule.window);
  rule.max_window_layers = max_window_layers.value_or(rule.max_window_layers);
  rule.pattern = pattern.value_or(rule.pattern);
  if (has_switch && !is_used.value_or(false)) rule.window = 0;

  if (!types) {
    set_layer_windows(rule, config);
    return {};
  }
  TRY(const std::vector<bool> layers, read_layer_types(json, *types, config.num_layers));
  const bool says_any = std::ranges::find(layers, true) != layers.end();
  if (says_any && (rule.layers == WindowLayers::kNone || rule.window == 0)) {
    return json.wrong_value("layer_types", "\"full_attention\" in every layer, where there is no sliding_window");
  }
  if (follows_layer_types(rule.layers)) {
    set_layer_windows(rule, layers, config);
    return {};
  }
  set_layer_windows(rule, config);
  const bool has_some = !config.layer_windows.empty();
  if (has_some && says_any && std::ranges::find(layers, false) != layers.end()) {
    return json.wrong_value("layer_types", "the same in every layer: this class has its window in all");
  }
  return {};
}

}  // namespace braid
