// One maker a family, those of one shape in one file.
#pragma once

#include <string>

#include "braid/model/family.h"

namespace braid {

ModelFamily gemma2_family();
ModelFamily gemma3_family();
ModelFamily gemma3_text_part_family();  // of Gemma3ForConditionalGeneration
ModelFamily glm4_moe_family();
ModelFamily gpt_oss_family();
ModelFamily granite_family();
ModelFamily llama_family();
ModelFamily mistral_family();
ModelFamily mixtral_family();
ModelFamily olmo2_family();
ModelFamily phi3_family();
ModelFamily qwen2_family();
ModelFamily qwen2_moe_family();
ModelFamily qwen3_family();
ModelFamily qwen3_moe_family();
ModelFamily smollm3_family();

// One whose differences from Llama are all the configuration's.
ModelFamily llama_like_family(std::string architecture);

}  // namespace braid
