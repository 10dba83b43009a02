// Mistral: Llama's layer; what sets it apart is its sliding window, which is the configuration's.
// Source: Mistral 7B (arXiv 2310.06825), and the checkpoint's config.json.
#include "braid/model/families/families.h"

namespace braid {

ModelFamily mistral_family() {
  return llama_like_family("MistralForCausalLM");
}

}  // namespace braid
