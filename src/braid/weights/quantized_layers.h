// The linear layers of a quantized Hugging Face checkpoint: the tensors of each, checked against each other and against
// the quantization_config, become one matrix under its usual name. Nothing is copied but orders of inputs. Tested by
// quantized_layers_test.cc.
#pragma once

#include <string>

#include "braid/base/result.h"
#include "braid/config/model_config.h"
#include "braid/weights/stored_tensor.h"

namespace braid {

// With `layer` = "model.layers.0.mlp.up_proj", and n outputs, k inputs, g groups, c codes in a word:
//   GPTQ                  layer.qweight [k / c, n], .qzeros [g, n / c], .scales [g, n], .g_idx [k]; the last group may
//                         be shorter
//   AWQ                   layer.qweight [k, n / 8], .qzeros [g, n / 8] (may be absent if symmetric), .scales [g, n]
//   AWQ, "marlin"         layer.qweight [k / 16, 2 n], .scales [g, n]
//   pack-quantized        layer.weight_packed [n, k / c], .weight_scale [n, g], .weight_zero_point [n / c, g],
//                         .weight_g_idx [k], .weight_shape [2]
//   int-, float-quantized, fp8   layer.weight [n, k] (I8 or F8_E4M3), .weight_scale or .weight_scale_inv [n or blocks
//                         or 1, g], .weight_zero_point
//   mxfp4-pack-quantized  layer.weight_packed [n, k / 2], .weight_scale [n, k / 32]
// become layer.weight [n, k]. A layer that is stored as BF16, F16 or F32 stays as it is. Scales of activations are
// removed, and counted in `num_unused`; those of keys and values stay, as [1], if the configuration has them. An error
// names a tensor that is missing, misshapen or of another type, or stored although the configuration says otherwise,
// or a scale of keys or values that is not above 0.
// `path` is the checkpoint's.
Status combine_quantized_layers(const ModelConfig& config, const std::string& path, StoredTensors& tensors,
                                int64_t& num_unused);

}  // namespace braid
