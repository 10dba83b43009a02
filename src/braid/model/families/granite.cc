// Granite 3: Llama's layer; the embedding, what each block adds, attention's scores and the logits each have a
// multiplier of their own (arXiv 2404.05728), which are the configuration's. Source: the checkpoint's config.json.
#include "braid/model/families/families.h"

namespace braid {

ModelFamily granite_family() {
  return llama_like_family("GraniteForCausalLM");
}

}  // namespace braid
