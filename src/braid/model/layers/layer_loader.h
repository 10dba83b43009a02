// Builds the shared layers of one decoder layer from a checkpoint, for all ranks of the process at once, and says which
// tensors they read.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/model/layers/attention.h"
#include "braid/model/layers/decoder.h"
#include "braid/model/layers/mlp.h"
#include "braid/model/layers/moe.h"
#include "braid/model/layers/post_norm_layer.h"
#include "braid/model/layers/pre_norm_layer.h"
#include "braid/model/layers/rms_norm.h"
#include "braid/model/layers/sandwich_norm_layer.h"
#include "braid/model/local_shape.h"
#include "braid/weights/load.h"
#include "braid/weights/weight_table.h"

namespace braid {

// How a family's attention differs from the plain one.
struct AttentionOptions {
  bool has_head_norms = false;   // q_norm, k_norm
  bool has_whole_norms = false;  // the same over all heads at once
  bool has_fused_qkv = false;    // one tensor for q, k and v
  bool has_sinks = false;        // AttentionParams::sinks
};

// How a family's dense feed-forward block differs from the plain one.
struct MlpOptions {
  bool has_fused_gate_up = false;  // one tensor for gate and up
  Epilogue::Kind activation = Epilogue::Kind::kSiluMul;
};

// A mixture's tensors under one layer, in the checkpoint's names.
struct MoeNames {
  std::string router;   // "mlp.gate"
  std::string experts;  // "mlp.experts"
  std::string gate;     // "gate_proj"
  std::string up;
  std::string down;
  std::string shared = {};             // "mlp.shared_expert", with matrices named as an expert's; empty: there is none
  std::string shared_gate = {};        // empty: it has none
  std::string router_correction = {};  // of MoeRouter::kSigmoid: "mlp.gate.e_score_correction_bias"
  bool has_biases = false;             // on the router and on every product of an expert
};

// The rows of a WeightTable that these layers read; `layer` is "model.layers.3.".
void add_decoder_weights(WeightTable& table, const ModelConfig& config);  // embedding, final norm, head
void add_norm_weights(WeightTable& table, const ModelConfig& config, const std::string& layer);  // before the blocks
void add_post_norm_weights(WeightTable& table, const ModelConfig& config, const std::string& layer);      // after them
void add_sandwich_norm_weights(WeightTable& table, const ModelConfig& config, const std::string& layer);  // both
void add_attention_weights(WeightTable& table, const ModelConfig& config, const std::string& layer,
                           const AttentionOptions& options);
void add_mlp_weights(WeightTable& table, const ModelConfig& config, const std::string& layer,
                     const MlpOptions& options = {});
void add_moe_weights(WeightTable& table, const ModelConfig& config, const std::string& layer, const MoeNames& names);

// "model.layers.3."
std::string layer_prefix(int32_t layer);

class LayerLoader {
 public:
  // Loads the layer for all ranks whose `shapes` these are; what is equal exists once.
  LayerLoader(const WeightLoader& weights, const ModelConfig& config, std::span<const LocalShape> shapes, DType dtype,
              std::shared_ptr<const RopeTable> rope_table, int32_t layer)
      : weights_(weights),
        config_(config),
        shapes_(shapes),
        dtype_(dtype),
        rope_table_(std::move(rope_table)),
        layer_(layer) {}

  const ModelConfig& config() const { return config_; }
  bool is_moe_layer() const { return config_.is_moe_layer[static_cast<size_t>(layer_)]; }

  // What each rank holds, in the order of `shapes`.
  template <typename T>
  using Parts = Result<std::vector<T>>;

  Parts<RmsNorm> norm(const std::string& name) const;  // "input_layernorm"
  Parts<Attention> attention(const AttentionOptions& options) const;
  Parts<Mlp> mlp(const MlpOptions& options = {}) const;
  // `activation`: of each expert, a gated one.
  Parts<Moe> moe(const MoeNames& names, Epilogue::Kind activation = Epilogue::Kind::kSiluMul) const;

  // The whole layer, round the given feed-forward block; its norms before the blocks, after them, or both.
  template <typename FeedForward>
  Result<LoadedLayer> pre_norm_layer(const AttentionOptions& options, Parts<FeedForward> feed_forward) const {
    return layer<PreNormLayer>({"input_layernorm", "post_attention_layernorm"}, options, std::move(feed_forward));
  }
  template <typename FeedForward>
  Result<LoadedLayer> post_norm_layer(const AttentionOptions& options, Parts<FeedForward> feed_forward) const {
    return layer<PostNormLayer>({"post_attention_layernorm", "post_feedforward_layernorm"}, options,
                                std::move(feed_forward));
  }
  template <typename FeedForward>
  Result<LoadedLayer> sandwich_norm_layer(const AttentionOptions& options, Parts<FeedForward> feed_forward) const {
    TRY(auto before_attention, norm("input_layernorm"));
    TRY(auto self_attention, attention(options));
    TRY(auto after_attention, norm("post_attention_layernorm"));
    TRY(auto before_feed_forward, norm("pre_feedforward_layernorm"));
    TRY(auto after_feed_forward, norm("post_feedforward_layernorm"));
    if (!feed_forward.ok()) return feed_forward.error();
    LoadedLayer loaded;
    for (size_t i = 0; i < shapes_.size(); ++i) {
      loaded.push_back(std::make_unique<SandwichNormLayer<FeedForward>>(
          NormPair{std::move(before_attention[i]), std::move(after_attention[i])}, std::move(self_attention[i]),
          NormPair{std::move(before_feed_forward[i]), std::move(after_feed_forward[i])},
          std::move((*feed_forward)[i])));
    }
    return loaded;
  }

 private:
  struct NormNames {
    const char* attention;
    const char* feed_forward;
  };
  template <template <typename> typename Layer, typename FeedForward>
  Result<LoadedLayer> layer(const NormNames& norms, const AttentionOptions& options,
                            Parts<FeedForward> feed_forward) const {
    TRY(auto attention_norm, norm(norms.attention));
    TRY(auto self_attention, attention(options));
    TRY(auto feed_forward_norm, norm(norms.feed_forward));
    if (!feed_forward.ok()) return feed_forward.error();
    LoadedLayer loaded;
    for (size_t i = 0; i < shapes_.size(); ++i) {
      loaded.push_back(std::make_unique<Layer<FeedForward>>(std::move(attention_norm[i]), std::move(self_attention[i]),
                                                            std::move(feed_forward_norm[i]),
                                                            std::move((*feed_forward)[i])));
    }
    return loaded;
  }

  struct ShardedName {
    std::string name;
    Shard shard = Shard::kReplicated;
  };
  // Matrices one below the other, and the parts of a fused one.
  Parts<SharedMatrix> matrices(std::span<const ShardedName> names, DType dtype) const;
  Parts<SharedMatrix> matrix(const ShardedName& name, DType dtype) const { return matrices({&name, 1}, dtype); }
  // Their rows by `shard`: kFfnRows or kSharedRows; with kGateUpRows both are one tensor.
  Parts<SharedMatrix> gate_ups(const std::string& gate, const std::string& up, Shard shard) const;
  Parts<std::vector<float>> vector(const ShardedName& name) const;
  Status load_qk_norms(const AttentionOptions& options, std::vector<AttentionWeights>& weights) const;
  Parts<std::shared_ptr<const ExpertWeights>> experts(const MoeNames& names) const;
  struct ExpertHolder;
  Status load_expert_biases(const MoeNames& names, const std::string& expert,
                            std::span<const ExpertHolder> holders) const;

  std::string full_name(const std::string& name) const { return layer_prefix(layer_) + name; }

  const WeightLoader& weights_;
  const ModelConfig& config_;
  std::span<const LocalShape> shapes_;
  DType dtype_;
  std::shared_ptr<const RopeTable> rope_table_;
  int32_t layer_;
};

}  // namespace braid
