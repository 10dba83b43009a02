#include "braid/weights/vision_tensors.h"

#include <utility>

namespace braid {

std::string vision_tensor_name(std::string_view stored) {
  constexpr std::string_view kModel = "model.";
  if (stored.starts_with(kModel)) stored.remove_prefix(kModel.size());
  std::string name(stored);
  constexpr std::string_view kTower = "vision_tower.";
  constexpr std::string_view kSiglip = "vision_model.";
  if (stored.starts_with(kTower) && stored.substr(kTower.size()).starts_with(kSiglip)) {
    name.erase(kTower.size(), kSiglip.size());
  }
  return name;
}

void view_as_matrix(std::string_view name, StoredTensor& tensor) {
  if (!tensor.plain) return;
  const bool is_kernel =
      name == "visual.patch_embed.proj.weight" || name == "vision_tower.embeddings.patch_embedding.weight";
  if (is_kernel && tensor.shape.size() > 2 && tensor.shape[0] > 0) {
    tensor.shape = {tensor.shape[0], tensor.num_elements() / tensor.shape[0]};
  } else if (name == "multi_modal_projector.mm_input_projection_weight" && tensor.shape.size() == 2) {
    const int64_t element_bytes = dtype_bytes(*tensor.plain);
    tensor.row_step = element_bytes;
    tensor.element_step = tensor.shape[1] * element_bytes;
    std::swap(tensor.shape[0], tensor.shape[1]);
  }
}

}  // namespace braid
