// Reads the attention windows' part of a GGUF file's metadata. Tested by gguf_config_test.cc.
#include "braid/config/gguf_keys.h"

namespace braid {

Status read_gguf_windows(const GgufFile& file, const GgufKeys& keys, WindowRule rule, ModelConfig& config) {
  constexpr std::string_view kWindow = "attention.sliding_window";
  constexpr std::string_view kPattern = "attention.sliding_window_pattern";
  TRY(const auto window, keys.find_int(kWindow));
  rule.window = window.value_or(rule.window);
  if (rule.window == 0) return {};

  // Either a value for each layer, or a number n: every n-th layer sees everything.
  if (const auto layers = file.find_bools(keys.full(kPattern)); layers.ok() && layers->has_value()) {
    if ((*layers)->size() != static_cast<size_t>(config.num_layers)) {
      return fail("\"{}\" has {} values, the model has {} layers", keys.full(kPattern), (*layers)->size(),
                  config.num_layers);
    }
    set_layer_windows(rule, **layers, config);
    return {};
  }
  TRY(const auto pattern, keys.find_int(kPattern));
  if (pattern) {
    if (*pattern == 0) return keys.wrong_value(kPattern, "at least 1, or a value for each layer");
    rule.layers = WindowLayers::kPattern;
    rule.pattern = *pattern;
  }
  if (rule.layers == WindowLayers::kNone && rule.window < config.max_position) {
    return keys.wrong_value(kWindow, fmt::format("0: which layers of {} have a window is known by \"{}\" alone",
                                                 config.architecture, keys.full(kPattern)));
  }
  set_layer_windows(rule, config);
  return {};
}

}  // namespace braid
