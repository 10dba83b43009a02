// The vision tower of a vision-language checkpoint: one name for each tensor, whatever transformers' version that saved
// it, and the views of those that are no matrices. (Which tensors these are: is_vision_tensor of text_tower.h.)
#pragma once

#include <string>
#include <string_view>

#include "braid/weights/stored_tensor.h"

namespace braid {

// "visual.…", "vision_tower.…" or "multi_modal_projector.…": without "model." before them (since transformers 4.52) and
// without SigLIP's "vision_model." within (before transformers 5). `stored` is a vision tensor.
std::string vision_tensor_name(std::string_view stored);

// A patch embedding's kernel [outputs, channels, …, rows, columns] becomes the matrix [outputs, inputs] of its product
// with a patch. Gemma 3's projection [inputs, outputs] becomes [outputs, inputs]. Other tensors, and those of an
// unexpected shape, stay as they are.
void view_as_matrix(std::string_view name, StoredTensor& tensor);

}  // namespace braid
