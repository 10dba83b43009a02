// The "quantization_config" that compressed-tensors (LLM Compressor) writes: groups of layers, each with its own
// scheme. Tested by quantization_config_test.cc.
#pragma once

#include "braid/config/quantization_config.h"

namespace braid {

// `json` has the quant_method "compressed-tensors".
Result<QuantizationConfig> read_compressed_tensors(const JsonObject& json);

}  // namespace braid
