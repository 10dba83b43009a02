// Gemma 2 and 3: norms on both sides of each block, GeGLU. Gemma 3 has RMSNorm on each query and key head, where Gemma
// 2 has soft caps on attention's scores and on the logits. The configuration has the scale of the embedding, caps,
// which layers have a window, and the ropes (Gemma 3's windowed layers have their own). Of Gemma 3 with vision, the
// text tower. Sources: Gemma 2 and 3 (arXiv 2408.00118, 2503.19786), and the checkpoints' config.json. Tested by
// worker/transformers_test.cc.
#include "braid/model/families/families.h"

namespace braid {
namespace {

constexpr MlpSpec kGeglu{.activation = Epilogue::Kind::kGeluMul};

}  // namespace

LayerSpec gemma2_layer(const ModelConfig& /*config*/, int32_t /*layer*/) {
  return {.norms = NormPlacement::kAround, .attention = {}, .feed_forward = kGeglu};
}

LayerSpec gemma3_layer(const ModelConfig& /*config*/, int32_t /*layer*/) {
  return {.norms = NormPlacement::kAround, .attention = {.qk_norm = QkNorm::kHead}, .feed_forward = kGeglu};
}

}  // namespace braid
