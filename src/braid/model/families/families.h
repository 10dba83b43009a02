// One maker a family, those of one shape in one file.
#pragma once

#include "braid/model/family.h"

namespace braid {

ModelFamily llama_family();
ModelFamily mistral_family();
ModelFamily mixtral_family();
ModelFamily qwen2_family();
ModelFamily qwen2_moe_family();
ModelFamily qwen3_family();
ModelFamily qwen3_moe_family();

}  // namespace braid
