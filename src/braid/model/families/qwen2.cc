// Qwen2 and Qwen2.5: Llama's layer with a bias on q, k and v, which is the configuration's.
// Source: Qwen2 technical report (arXiv 2407.10671), and the checkpoint's config.json.
#include "braid/model/families/families.h"

namespace braid {

ModelFamily qwen2_family() {
  return llama_like_family("Qwen2ForCausalLM");
}

}  // namespace braid
