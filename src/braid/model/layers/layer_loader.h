// Builds the shared layers of one decoder layer from a checkpoint, and says which tensors they read.
#pragma once

#include <memory>
#include <string>

#include "braid/config/model_config.h"
#include "braid/model/layers/attention.h"
#include "braid/model/layers/decoder.h"
#include "braid/model/layers/mlp.h"
#include "braid/model/layers/moe.h"
#include "braid/model/layers/pre_norm_layer.h"
#include "braid/model/layers/rms_norm.h"
#include "braid/weights/load.h"
#include "braid/weights/weight_table.h"

namespace braid {

// How a family's attention differs from the plain one.
struct AttentionOptions {
  bool has_head_norms = false;  // q_norm, k_norm
};

// A mixture's tensors under one layer, in the checkpoint's names.
struct MoeNames {
  std::string router;   // "mlp.gate"
  std::string experts;  // "mlp.experts"
  std::string gate;     // "gate_proj"
  std::string up;
  std::string down;
};

// The rows of a WeightTable that these layers read; `layer` is "model.layers.3.".
void add_decoder_weights(WeightTable& table, const ModelConfig& config);  // embedding, final norm, head
void add_norm_weights(WeightTable& table, const ModelConfig& config, const std::string& layer);
void add_attention_weights(WeightTable& table, const ModelConfig& config, const std::string& layer,
                           const AttentionOptions& options);
void add_mlp_weights(WeightTable& table, const ModelConfig& config, const std::string& layer);
void add_moe_weights(WeightTable& table, const ModelConfig& config, const std::string& layer, const MoeNames& names);

// "model.layers.3."
std::string layer_prefix(int32_t layer);

class LayerLoader {
 public:
  LayerLoader(const WeightLoader& weights, const ModelConfig& config, DType dtype,
              std::shared_ptr<const RopeTable> rope_table, int32_t layer)
      : weights_(weights), config_(config), dtype_(dtype), rope_table_(std::move(rope_table)), layer_(layer) {}

  const ModelConfig& config() const { return config_; }
  bool is_moe_layer() const { return config_.is_moe_layer[static_cast<size_t>(layer_)]; }

  Result<RmsNorm> norm(const std::string& name) const;  // "input_layernorm"
  Result<Attention> attention(const AttentionOptions& options) const;
  Result<Mlp> mlp() const;
  Result<Moe> moe(const MoeNames& names) const;

  // The whole pre-norm layer, round the given feed-forward block.
  template <typename FeedForward>
  Result<std::unique_ptr<DecoderLayer>> pre_norm_layer(const AttentionOptions& options,
                                                       Result<FeedForward> feed_forward) const {
    TRY(RmsNorm input_norm, norm("input_layernorm"));
    TRY(Attention self_attention, attention(options));
    TRY(RmsNorm post_norm, norm("post_attention_layernorm"));
    if (!feed_forward.ok()) return feed_forward.error();
    return std::unique_ptr<DecoderLayer>(std::make_unique<PreNormLayer<FeedForward>>(
        std::move(input_norm), std::move(self_attention), std::move(post_norm), std::move(feed_forward).value()));
  }

 private:
  std::string full_name(const std::string& name) const { return layer_prefix(layer_) + name; }
  Result<std::vector<float>> bias(const std::string& name, bool is_there) const;

  const WeightLoader& weights_;
  const ModelConfig& config_;
  DType dtype_;
  std::shared_ptr<const RopeTable> rope_table_;
  int32_t layer_;
};

}  // namespace braid
