// SmolLM3: Llama's layer; every fourth rotates nothing (NoPE, arXiv 2501.18795), which ones is the configuration's.
// Source: the checkpoint's config.json.
#include "braid/model/families/families.h"

namespace braid {

ModelFamily smollm3_family() {
  return llama_like_family("SmolLM3ForCausalLM");
}

}  // namespace braid
