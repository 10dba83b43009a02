#include "braid/model/registry.h"

#include <algorithm>
#include <array>

#include "braid/model/families/families.h"

namespace braid {
namespace {

constexpr std::array kFamilies = {
    ModelFamily{"Gemma2ForCausalLM", gemma2_layer},
    ModelFamily{"Gemma3ForCausalLM", gemma3_layer},
    ModelFamily{"Gemma3ForConditionalGeneration", gemma3_layer},  // its text tower
    ModelFamily{"Glm4MoeForCausalLM", glm4_moe_layer},
    ModelFamily{"GptOssForCausalLM", gpt_oss_layer},
    ModelFamily{"GraniteForCausalLM", granite_layer},
    ModelFamily{"LlamaForCausalLM", llama_layer},
    ModelFamily{"MistralForCausalLM", mistral_layer},
    ModelFamily{"MixtralForCausalLM", mixtral_layer},
    ModelFamily{"Olmo2ForCausalLM", olmo2_layer},
    ModelFamily{"Phi3ForCausalLM", phi3_layer},
    ModelFamily{"Qwen2ForCausalLM", qwen2_layer},
    ModelFamily{"Qwen2_5_VLForConditionalGeneration", qwen2_5_vl_layer},
    ModelFamily{"Qwen2MoeForCausalLM", qwen2_moe_layer},
    ModelFamily{"Qwen3ForCausalLM", qwen3_layer},
    ModelFamily{"Qwen3MoeForCausalLM", qwen3_moe_layer},
    ModelFamily{"Qwen3VLForConditionalGeneration", qwen3_vl_layer},
    ModelFamily{"Qwen3VLMoeForConditionalGeneration", qwen3_vl_moe_layer},
    ModelFamily{"SmolLM3ForCausalLM", smollm3_layer},
};

}  // namespace

std::span<const ModelFamily> model_families() {
  return kFamilies;
}

const ModelFamily* find_family(std::string_view architecture) {
  const auto found = std::ranges::find(kFamilies, architecture, &ModelFamily::architecture);
  return found == kFamilies.end() ? nullptr : &*found;
}

std::string supported_architectures() {
  std::string names;
  for (const ModelFamily& family : kFamilies) names += (names.empty() ? "" : ", ") + std::string(family.architecture);
  return names;
}

}  // namespace braid
