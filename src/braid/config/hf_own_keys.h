// The keys of config.json that one class alone has, or those of one kind: for HfClass::read_own.
#pragma once

#include "braid/config/model_config.h"
#include "braid/formats/json.h"

namespace braid {

Status read_mixtral_keys(const JsonObject& json, ModelConfig& config);
Status read_qwen_moe_keys(const JsonObject& json, ModelConfig& config);  // Qwen2-MoE and Qwen3-MoE
Status read_glm4_moe_keys(const JsonObject& json, ModelConfig& config);
Status read_gpt_oss_keys(const JsonObject& json, ModelConfig& config);
Status read_granite_keys(const JsonObject& json, ModelConfig& config);
Status read_gemma2_keys(const JsonObject& json, ModelConfig& config);
Status read_gemma3_keys(const JsonObject& json, ModelConfig& config);
Status read_smollm3_keys(const JsonObject& json, ModelConfig& config);

}  // namespace braid
