// How a Hugging Face checkpoint stores the weights of its linear layers, as its config.json's "quantization_config"
// says. Plain data: which tensors a layer has then is in weights/quantized_layers.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/json.h"

namespace braid {

// One way to store weights, and the layers that are stored so.
struct QuantizationScheme {
  enum class Storage : uint8_t {
    kGptq,         // qweight, qzeros, scales, g_idx: words of 32 bits with codes of consecutive inputs
    kAwq,          // qweight, qzeros, scales: words with the codes of 8 outputs
    kAwqMarlin,    // qweight, scales: words with 8 codes of a tile
    kPackedWords,  // weight_packed, weight_scale, …: words with codes of consecutive inputs ("pack-quantized")
    kInt8,         // weight (I8), weight_scale ("int-quantized")
    kFloat8,       // weight (F8_E4M3), weight_scale or weight_scale_inv
    kMxfp4,        // weight_packed (pairs of E2M1), weight_scale (E8M0) ("mxfp4-pack-quantized")
  };
  Storage storage = Storage::kGptq;
  int32_t bits = 4;           // of a code
  bool is_symmetric = true;   // no zero points: codes are around 2^(bits - 1), or are signed
  bool is_act_order = false;  // inputs may be in any group; g_idx or weight_g_idx says in which
  // kGptq: what is added to the stored zero points (QuantizedParts): 1 in the first version of the format, else 0.
  int32_t zero_bias = 0;
  // What shares a scale: consecutive inputs and consecutive outputs; kWhole: all of them.
  static constexpr int64_t kWhole = -1;
  int64_t group_inputs = kWhole;
  int64_t group_outputs = 1;
  // kFloat8: scales are called weight_scale_inv, not weight_scale. Either is read; an error names the right one.
  bool has_scale_inv = false;
  // Names of layers, or "re:" and a regular expression that the beginning of a name matches; empty: all.
  std::vector<std::string> targets;
  bool is_excluded = false;  // these layers are not quantized
  std::string text;          // "gptq, 4 bits", for errors
};

struct QuantizationConfig {
  std::string method;  // "gptq", …; empty: weights are not quantized
  // A layer has the first one whose targets match its name; in compressed-tensors checkpoints exact names come first,
  // then regular expressions in the order of their texts, then schemes of all layers.
  std::vector<QuantizationScheme> schemes;
  // Layers that are not quantized: names, parts of names between dots (with '*' for any characters), or "re:" and a
  // regular expression.
  std::vector<std::string> ignored;
  // Each layer's self_attn.k_scale and v_scale: of keys and values in E4M3, for --kv-cache-dtype fp8_e4m3.
  bool has_kv_scales = false;
  std::vector<std::string> notes;  // what is stored but not used, a line each
};

// `json` is the value of "quantization_config". A method or an option that braid cannot read is an error that lists
// what it can. `extra_method`: another method, whose tensors the model's family reads itself ("mxfp4" of gpt-oss);
// empty: none. Tested by quantization_config_test.cc.
Result<QuantizationConfig> read_quantization_config(const JsonObject& json, const std::string& extra_method = "");

}  // namespace braid
