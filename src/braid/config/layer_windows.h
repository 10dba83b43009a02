// Which layers of a model have its attention window: the ways in which transformers' configuration classes say it, and
// GGUF's architectures imply it.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/formats/json.h"

namespace braid {

enum class WindowLayers : uint8_t {
  kNone,         // the model has none
  kAll,          // every layer (Mistral)
  kUpper,        // from max_window_layers on (Qwen2, Qwen3)
  kEvenLower,    // below max_window_layers, every second one from the first on (Qwen2-MoE)
  kEven,         // every second one from the first on (Gemma 2, gpt-oss)
  kPattern,      // all but every sliding_window_pattern-th (Gemma 3)
  kWithoutRope,  // the layers without rope (SmolLM3)
};

struct WindowRule {
  WindowLayers layers = WindowLayers::kNone;
  int64_t window = 0;              // 0: none
  int64_t max_window_layers = 28;  // of kUpper and kEvenLower
  int64_t pattern = 6;             // of kPattern
  bool has_local_rope = false;  // its layers have ModelConfig::local_rope, also where no position outgrows the window
};

// Into config.layer_windows, which stays empty where no layer has a window that the context outgrows. `config` has its
// number of layers, its context, and which layers have rope.
void set_layer_windows(const WindowRule& rule, ModelConfig& config);

// The same, with the layers of `layers` instead of the rule's.
void set_layer_windows(const WindowRule& rule, const std::vector<bool>& layers, ModelConfig& config);

// What config.json says: sliding_window, use_sliding_window, max_window_layers, sliding_window_pattern, layer_types.
// `rule` has what the class says and, as `window`, what it takes where sliding_window is absent; `has_switch`: only
// with use_sliding_window there are windows.
Status read_hf_windows(const JsonObject& json, WindowRule rule, bool has_switch, ModelConfig& config);

}  // namespace braid
