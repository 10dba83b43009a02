// The text tower of a vision-language checkpoint. Its tensors get the names of the text model alone. (The others:
// vision_tensors.h.)
#pragma once

#include <string>
#include <string_view>

namespace braid {

// "model.layers.0.…" for "language_model.model.layers.0.…" (Gemma 3 as first published) and
// "model.language_model.layers.0.…" (Qwen3-VL, and others since transformers 4.52); other names are returned unchanged
// (Qwen2.5-VL's as first published).
std::string text_tower_name(std::string_view stored);

// Whether the tensor belongs to the vision tower, or to the projection of its outputs into the text; in either form.
bool is_vision_tensor(std::string_view stored);

}  // namespace braid
