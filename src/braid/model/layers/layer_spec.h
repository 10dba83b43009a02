// The parts of a decoder layer as plain data: a file in families/ states only this. The layer's tensors follow from it
// (decoder_tensors.h), and its loading from the tensors (layer_loader.h).
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "braid/kernels/ops.h"

namespace braid {

enum class NormPlacement : uint8_t {
  kBefore,  // each block reads normed input (Llama and most since)
  kAfter,   // each block's output is normed (OLMo 2)
  kAround,  // both (Gemma 2)
};

enum class QkNorm : uint8_t {
  kNone,
  kHead,      // RMSNorm on each query and key head (Qwen3)
  kAllHeads,  // on all query heads of a token together, and on all key heads (OLMo 2)
};

struct AttentionSpec {
  QkNorm qk_norm = QkNorm::kNone;
  bool has_fused_qkv = false;  // one tensor for q, k and v
  bool has_sinks = false;      // AttentionParams::sinks
};

// A dense feed-forward block.
struct MlpSpec {
  bool has_fused_gate_up = false;  // one tensor for gate and up
  Epilogue::Kind activation = Epilogue::Kind::kSiluMul;
};

// A mixture of experts. The names are the checkpoint's, under the layer's prefix.
struct MoeSpec {
  std::string_view router;   // "mlp.gate"
  std::string_view experts;  // "mlp.experts"
  std::string_view gate;     // "gate_proj"
  std::string_view up;
  std::string_view down;
  std::string_view shared = {};             // "mlp.shared_expert", its matrices named like an expert's; empty: none
  std::string_view shared_gate = {};        // "mlp.shared_expert_gate"; empty: none
  std::string_view router_correction = {};  // for MoeRouter::kSigmoid: "mlp.gate.e_score_correction_bias"
  bool has_biases = false;                  // on the router and on every product of an expert
  Epilogue::Kind activation = Epilogue::Kind::kSiluMul;
};

using FeedForwardSpec = std::variant<MlpSpec, MoeSpec>;

struct LayerSpec {
  NormPlacement norms = NormPlacement::kBefore;
  AttentionSpec attention = {};
  FeedForwardSpec feed_forward = MlpSpec{};
};

}  // namespace braid
