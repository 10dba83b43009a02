// Directories of gpt-oss and Qwen3-VL-MoE have all experts of a layer in one tensor, transposed (inner size and hidden
// size swapped). Those of Qwen3-VL-MoE that transformers 5 has written are upright; their shapes say so. Gate and up
// are interleaved (gpt-oss), or gate comes first (Qwen3-VL-MoE). gpt-oss may have the same as MXFP4, with one tensor of
// blocks and one of exponents. Here they become a matrix for each expert, named as in other mixtures. Nothing is
// copied: each is a view of the file.
#pragma once

#include <string>

#include "braid/base/result.h"
#include "braid/config/model_config.h"
#include "braid/weights/stored_tensor.h"

namespace braid {

// In every layer with experts, with `experts` = "model.layers.N.mlp.experts.", the tensors
//   gate_up_proj [experts, hidden, 2 ffn]  or  gate_up_proj_blocks [experts, 2 ffn, hidden / 32, 16] and
//   gate_up_proj_scales [experts, 2 ffn, hidden / 32]; gate_up_proj_bias [experts, 2 ffn];
//   down_proj [experts, ffn, hidden] and so on
// become, for every expert, {E}.gate_proj.weight [ffn, hidden], {E}.gate_proj.bias [ffn], the same for up_proj, and
// {E}.down_proj.weight [hidden, ffn], .bias [hidden]. Qwen3-VL-MoE has no biases, and gate_up_proj may also be
// [experts, 2 ffn, hidden], down_proj [experts, hidden, ffn]; a square one is as the layer's other. Other families'
// tensors are left as they are. An error names a tensor that is missing, misshapen, or present in both forms; `path` is
// the checkpoint's.
Status unstack_experts(const ModelConfig& config, const std::string& path, StoredTensors& tensors);

}  // namespace braid
