#include "braid/model/registry.h"

#include <algorithm>
#include <array>

#include "braid/model/families/families.h"

namespace braid {

std::span<const ModelFamily> model_families() {
  static const std::array families = {
      gemma2_family(),  gemma3_family(), gemma3_text_part_family(), glm4_moe_family(), gpt_oss_family(),
      granite_family(), llama_family(),  mistral_family(),          mixtral_family(),  olmo2_family(),
      phi3_family(),    qwen2_family(),  qwen2_moe_family(),        qwen3_family(),    qwen3_moe_family(),
      smollm3_family(),
  };
  return families;
}

const ModelFamily* find_family(std::string_view architecture) {
  const auto families = model_families();
  const auto found = std::ranges::find(families, architecture, &ModelFamily::architecture);
  return found == families.end() ? nullptr : &*found;
}

std::string supported_architectures() {
  std::string names;
  for (const ModelFamily& family : model_families()) names += (names.empty() ? "" : ", ") + family.architecture;
  return names;
}

}  // namespace braid
