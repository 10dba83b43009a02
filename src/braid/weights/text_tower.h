// The text part of a checkpoint of a model that sees too: its tensors have the names of the text model alone, the
// others are not used.
#pragma once

#include <string>
#include <string_view>

namespace braid {

// "model.layers.0.…" for "language_model.model.layers.0.…" (as published first) and "model.language_model.layers.0.…"
// (since transformers 4.52); other names stay.
std::string text_tower_name(std::string_view stored);

// Of the vision tower, or of what brings its outputs into the text: in either form.
bool is_vision_tensor(std::string_view stored);

}  // namespace braid
