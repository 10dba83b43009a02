// Loads one decoder layer from a checkpoint, for all ranks of the process at once. Tested by sharded_model_test.cc,
// load_model_test.cc and worker/transformers_test.cc.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/model/layers/attention.h"
#include "braid/model/layers/decoder.h"
#include "braid/model/layers/decoder_tensors.h"
#include "braid/model/layers/mlp.h"
#include "braid/model/layers/moe.h"
#include "braid/model/layers/rms_norm.h"
#include "braid/model/local_shape.h"
#include "braid/weights/load.h"

namespace braid {

class LayerLoader {
 public:
  // `shapes`: of the ranks to load for. Ranks with equal parts share them.
  LayerLoader(const WeightLoader& weights, const ModelConfig& config, std::span<const LocalShape> shapes, DType dtype,
              std::shared_ptr<const RopeTable> rope_table, int32_t layer)
      : weights_(weights),
        config_(config),
        shapes_(shapes),
        dtype_(dtype),
        rope_table_(std::move(rope_table)),
        layer_(layer) {}

  // `tensors`: of this layer.
  Result<LoadedLayer> load(const LayerTensors& tensors) const;

 private:
  // What each rank holds, in the order of `shapes`.
  template <typename T>
  using Parts = Result<std::vector<T>>;

  template <typename FeedForward>
  Result<LoadedLayer> build(const LayerTensors& tensors, Parts<FeedForward> feed_forward) const;

  Result<RmsNorm> norm(const WeightSpec& tensor) const;
  Parts<Attention> attention(const AttentionTensors& tensors) const;
  Status load_qk_norms(const AttentionTensors& tensors, std::vector<AttentionWeights>& weights) const;
  Status load_kv_scales(const AttentionTensors& tensors, std::vector<AttentionWeights>& weights) const;
  Parts<Mlp> mlp(const GatedTensors& tensors) const;
  Parts<Moe> moe(const MoeTensors& tensors) const;
  Parts<std::shared_ptr<const ExpertWeights>> experts(const GatedTensors& tensors) const;
  struct ExpertHolder;
  std::vector<std::string> names_of_experts(const LinearTensors& tensors) const;
  Status load_expert_biases(const GatedTensors& tensors, int64_t expert, std::span<const ExpertHolder> holders) const;

  // Packs matrices, one below the other.
  Parts<SharedStack> stack(std::span<const LinearTensors> tensors) const;
  // Packs one matrix.
  Parts<SharedMatrix> matrix(const WeightSpec& tensor, DType dtype, MatrixUse use) const;
  Parts<SharedMatrix> layer_matrix(const WeightSpec& tensor) const { return matrix(tensor, dtype_, MatrixUse::kLayer); }
  // The names of the tensors, each as often as it has parts, and each rank's cut.
  std::vector<std::string> part_names(std::span<const WeightSpec> tensors) const;
  std::vector<MatrixCut> cuts_of(std::span<const WeightSpec> tensors) const;
  Parts<SharedGateUp> gate_ups(const GatedTensors& tensors) const;  // with their biases
  Parts<std::vector<float>> vector(const WeightSpec& tensor) const;

  const WeightLoader& weights_;
  const ModelConfig& config_;
  std::span<const LocalShape> shapes_;
  DType dtype_;
  std::shared_ptr<const RopeTable> rope_table_;
  int32_t layer_;
};

}  // namespace braid
