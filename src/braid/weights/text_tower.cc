#include "braid/weights/text_tower.h"

namespace braid {

std::string text_tower_name(std::string_view stored) {
  struct Prefix {
    std::string_view stored;
    std::string_view own;
  };
  for (const Prefix& prefix : {Prefix{"language_model.model.", "model."}, Prefix{"language_model.lm_head.", "lm_head."},
                               Prefix{"model.language_model.", "model."}}) {
    if (stored.starts_with(prefix.stored)) {
      return std::string(prefix.own) + std::string(stored.substr(prefix.stored.size()));
    }
  }
  return std::string(stored);
}

bool is_vision_tensor(std::string_view stored) {
  constexpr std::string_view kModel = "model.";
  if (stored.starts_with(kModel)) stored.remove_prefix(kModel.size());
  return stored.starts_with("visual.") || stored.starts_with("vision_tower.") ||
         stored.starts_with("multi_modal_projector.");
}

}  // namespace braid
