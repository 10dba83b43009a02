// Reads the keys of config.json that only one class, or a few similar ones, have: for HfClass::read_own. Tested by
// hf_config_test.cc and hf_classes_test.cc.
#pragma once

#include "braid/config/model_config.h"
#include "braid/formats/json.h"

namespace braid {

Status read_mixtral_keys(const JsonObject& json, ModelConfig& config);
Status read_qwen_moe_keys(const JsonObject& json, ModelConfig& config);  // Qwen2-MoE and Qwen3-MoE
Status read_qwen3_vl_moe_keys(const JsonObject& json, ModelConfig& config);
Status read_glm4_moe_keys(const JsonObject& json, ModelConfig& config);
Status read_gpt_oss_keys(const JsonObject& json, ModelConfig& config);
Status read_granite_keys(const JsonObject& json, ModelConfig& config);
Status read_gemma2_keys(const JsonObject& json, ModelConfig& config);
Status read_gemma3_keys(const JsonObject& json, ModelConfig& config);
Status read_smollm3_keys(const JsonObject& json, ModelConfig& config);

}  // namespace braid
