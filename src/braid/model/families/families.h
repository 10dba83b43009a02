// One maker a family, each in a file of its own.
#pragma once

#include "braid/model/family.h"

namespace braid {

ModelFamily llama_family();
ModelFamily mixtral_family();
ModelFamily qwen3_family();
ModelFamily qwen3_moe_family();

}  // namespace braid
