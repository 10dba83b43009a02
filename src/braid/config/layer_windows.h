// Which layers of a model have its attention window: the rules of transformers' configuration classes, and those that
// GGUF's architectures imply. Tested by hf_config_test.cc and gguf_config_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/formats/json.h"

namespace braid {

enum class WindowLayers : uint8_t {
  kNone,         // the model has none
  kAll,          // every layer (Mistral)
  kUpper,        // layers from max_window_layers on (Qwen2, Qwen3)
  kEvenLower,    // layers 0, 2, 4, … below max_window_layers (Qwen2-MoE)
  kEven,         // layers 0, 2, 4, … (Gemma 2, gpt-oss)
  kPattern,      // all but every sliding_window_pattern-th (Gemma 3)
  kWithoutRope,  // the layers without rope (SmolLM3)
};

struct WindowRule {
  WindowLayers layers = WindowLayers::kNone;
  int64_t window = 0;              // 0: none
  int64_t max_window_layers = 28;  // for kUpper and kEvenLower
  int64_t pattern = 6;             // for kPattern
  bool has_local_rope =
      false;  // layers with a window use ModelConfig::local_rope, even if the context fits into the window
};

// Fills config.layer_windows, which stays empty if the context fits into the window or no layer has one. `config` must
// have its number of layers, its context and has_rope.
void set_layer_windows(const WindowRule& rule, ModelConfig& config);

// The same, for the layers in `layers` instead of the rule's.
void set_layer_windows(const WindowRule& rule, const std::vector<bool>& layers, ModelConfig& config);

// Reads sliding_window, use_sliding_window, max_window_layers, sliding_window_pattern and layer_types from config.json.
// `rule` has the class's rule and, as `window`, its default for sliding_window. `has_switch`: there are windows only
// with use_sliding_window.
Status read_hf_windows(const JsonObject& json, WindowRule rule, bool has_switch, ModelConfig& config);

}  // namespace braid
