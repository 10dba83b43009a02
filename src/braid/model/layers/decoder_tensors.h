// The tensors of a decoder: each one's full name, shape and shard, stated once. The weight table lists them, and the
// layer loader reads them. Tested by load_model_test.cc and worker/transformers_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/model/layers/layer_spec.h"
#include "braid/weights/weight_table.h"

namespace braid {

// A product's matrix [outputs, inputs] and its bias.
struct LinearTensors {
  WeightSpec weight;
  std::optional<WeightSpec> bias;
};

struct AttentionTensors {
  std::vector<LinearTensors> qkv;  // q, k, v; or one fused matrix
  LinearTensors output;
  std::optional<WeightSpec> sinks;
  QkNorm qk_norm = QkNorm::kNone;
  std::optional<WeightSpec> q_norm;
  std::optional<WeightSpec> k_norm;
  std::optional<WeightSpec> key_scale;  // KvLayer::key_scale
  std::optional<WeightSpec> value_scale;
};

// A gated feed-forward block: down(act(gate(x)) * up(x)).
struct GatedTensors {
  std::vector<LinearTensors> gate_up;  // gate, up; or one fused matrix
  LinearTensors down;
  Epilogue::Kind activation = Epilogue::Kind::kSiluMul;
};

struct MoeTensors {
  LinearTensors router;
  GatedTensors experts;  // names hold "{expert}"
  std::optional<WeightSpec> router_correction;
  std::optional<WeightSpec> shared_gate;
  std::optional<GatedTensors> shared;
};

struct LayerTensors {
  NormPlacement norm_placement = NormPlacement::kBefore;
  std::vector<WeightSpec> norms;  // in the order of the forward pass
  AttentionTensors attention;
  std::variant<GatedTensors, MoeTensors> feed_forward;
};

// What is outside the layers.
struct DecoderTensors {
  WeightSpec embedding;
  WeightSpec final_norm;
  std::optional<WeightSpec> head;  // absent: the embedding, transposed
};

DecoderTensors decoder_tensors(const ModelConfig& config);
LayerTensors layer_tensors(const LayerSpec& spec, const ModelConfig& config, int32_t layer);

void append(WeightTable& table, const DecoderTensors& tensors);
void append(WeightTable& table, const LayerTensors& tensors);

// "model.layers.3."
std::string layer_prefix(int32_t layer);

// Of matrices or biases that are held as one: "…q_proj.weight, …k_proj.weight". Those without a bias have no name.
std::string weight_names(std::span<const LinearTensors> tensors);
std::string bias_names(std::span<const LinearTensors> tensors);

}  // namespace braid
